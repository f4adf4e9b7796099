"""Comparisons at equal steps, score and uniformity: curves made by hand, and what holds of any."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arccse.report import matched


def history(steps, dev=None, alignment=0.1, uniformity=-1.0, seed=0) -> pd.DataFrame:
    dev = np.zeros(len(steps)) if dev is None else dev
    columns = {"step": steps, "dev_spearman": dev, "alignment": alignment, "uniformity": uniformity}
    return pd.DataFrame(columns).assign(seed=seed)


def path(uniformity, alignment, steps=None) -> pd.DataFrame:
    return history(steps or [*range(0, 10 * len(uniformity), 10)], None, alignment, uniformity)


# ------------------------------------------------------------------------------------------------- made by hand


@pytest.mark.parametrize(
    ("values", "target", "step"),
    [
        ([0, 10, 20], 5, 5),
        ([0, 10, 20], 12.5, 12.5),
        ([0, 10, 20], 20, 20),
        ([0, 10, 20], 0, 0),
        ([0, 10, 20], -5, 0),  # there from the start
        ([0, 10, 20], 20.1, np.nan),  # never
        ([0, 8, 2], 4, 5),  # the first of two times
        ([0, 8, 8], 8, 10),
        ([0, -6, 6], 3, 17.5),
    ],
)
def test_a_value_is_first_reached_on_the_line_between_two_steps(values, target, step):
    found = matched.first_reach(np.array([0, 10, 20]), np.array(values, dtype=float), target)
    assert found == pytest.approx(step, nan_ok=True)


def test_a_faster_run_on_the_same_path_has_no_better_alignment_where_both_are_equally_uniform():
    steps = np.arange(0, 60, 10)
    slow = history(steps, 80 + steps / 10, 0.10 + steps / 1000, -1 - steps / 100)
    fast = history(steps, 80 + steps / 5, 0.10 + steps / 500, -1 - steps / 50)
    (found,) = matched.compare_seeds(slow, fast).to_dict("records")
    assert found == pytest.approx(
        {
            "uniformity": -150,  # slow's last
            "alignment_difference": 0,
            "score": 85,
            "steps": 50,
            "steps_to_score": 25,
            "steps_difference": -25,
            "steps_share": -50,
        }
    )
    assert matched.gains(slow, fast)[0].to_dict() == pytest.approx({step: step / 10 for step in steps})
    assert fast["alignment"].iloc[-1] > slow["alignment"].iloc[-1]  # at equal steps it looks worse
    np.testing.assert_allclose(matched.alignment_differences(slow, fast)[0], 0, atol=1e-12)


def test_alignment_is_compared_at_the_lowest_uniformity_that_both_reached():
    a = path([-1.0, -2.0], [0.1, 0.3])  # 0.1 + 0.2 a unit
    b = path([-1.0, -3.0], [0.1, 0.2])  # 0.1 + 0.05 a unit
    assert matched.shared_uniformity(a, b) == matched.shared_uniformity(b, a) == -200
    assert matched.compare_seeds(a, b).loc[0, "alignment_difference"] == pytest.approx(-15)
    found = matched.alignment_difference(a, b, np.array([-99.0, -100.0, -150.0, -200.0, -201.0]))
    np.testing.assert_allclose(found, [np.nan, 0, -7.5, -15, np.nan])


def test_where_uniformity_turns_back_the_first_time_counts():
    straight = path([-1.0, -2.0, -3.0], [0.1, 0.1, 0.1])
    turning = path([-1.0, -2.0, -1.5, -2.5], [0.1, 0.2, 0.9, 0.5])
    assert matched.shared_uniformity(straight, turning) == -250
    found = matched.alignment_difference(straight, turning, np.array([-175.0, -200.0, -225.0, -250.0]))
    # −1.75 and −2 on the way down; −2.25 on the way down again, three quarters from −1.5 to −2.5
    np.testing.assert_allclose(found, [7.5, 10, 50, 40])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (([-1.0, -2.0], [0.1, 0.2]), ([-3.0, -4.0], [0.1, 0.2])),  # starts below the other's end
        (([-1.0, -2.0], [0.1, 0.2]), ([-1.0, -0.5], [0.1, 0.2])),  # never goes on from its start
        (([-1.0, -2.0], [0.1, 0.2]), ([np.nan, np.nan], [np.nan, np.nan])),
    ],
)
def test_paths_that_share_no_uniformity_have_no_difference(one, other):
    for a, b in ((path(*one), path(*other)), (path(*other), path(*one))):
        assert matched.compare_seeds(a, b)[["uniformity", "alignment_difference"]].isna().all(axis=None)


def test_steps_without_geometry_or_score_are_none_of_the_path():
    a, b = path([-1.0, -2.0], [0.1, 0.3], [0, 40]), path([-1.0, -3.0], [0.1, 0.2], [0, 40])
    a["dev_spearman"], b["dev_spearman"] = [80.0, 84.0], [80.0, 88.0]
    blank = history([20], [np.nan], np.nan, np.nan)
    with_blanks = pd.concat([b.iloc[:1], blank, b.iloc[1:]])
    pd.testing.assert_frame_equal(matched.compare_seeds(a, b), matched.compare_seeds(a, with_blanks))
    pd.testing.assert_frame_equal(matched.gains(a, b), matched.gains(a, with_blanks))


def test_a_score_that_is_never_reached_has_no_steps():
    a, b = history([0, 50], [80.0, 85.0]), history([0, 50], [80.0, 84.9])
    found = matched.compare_seeds(a, b).loc[0]
    assert (found["score"], found["steps"]) == (85, 50)
    assert found[["steps_to_score", "steps_difference", "steps_share"]].isna().all()


def test_the_score_to_reach_is_the_best_one_and_not_the_last():
    a, b = history([0, 10, 20], [80.0, 86.0, 81.0]), history([0, 10, 20], [80.0, 82.0, 88.0])
    found = matched.compare_seeds(a, b).loc[0]
    assert found["steps"] == 10
    assert found["steps_to_score"] == pytest.approx(50 / 3)
    assert found["steps_share"] == pytest.approx(100 * (50 / 3 - 10) / 10)


def test_a_baseline_that_is_best_at_its_start_has_no_share():
    a = history([0, 10], [80.0, 79.0])
    found = matched.compare_seeds(a, a).loc[0]
    assert found["steps_difference"] == 0
    assert np.isnan(found["steps_share"])


def test_only_runs_of_one_seed_are_compared():
    a = pd.concat([history([0, 10], [80.0, 81.0 + seed], seed=seed) for seed in (1, 2, 3)])
    b = pd.concat([history([0, 10, 20], [80.0, 84.0, 85.0], seed=seed) for seed in (2, 3, 4)])
    assert matched.compare_seeds(a, b).index.tolist() == [2, 3]
    gains = matched.gains(a, b)
    assert (gains.index.name, gains.columns.name) == ("step", "seed")
    assert gains.to_dict() == {2: {0: 0, 10: 1}, 3: {0: 0, 10: 0}}
    strangers = matched.compare_seeds(a[a["seed"] == 1], b)
    assert strangers.columns.tolist() == matched.COLUMNS
    assert len(strangers) == 0
    assert matched.gains(a[a["seed"] == 1], b).empty
    assert matched.alignment_differences(a[a["seed"] == 1], b).empty


def test_a_seed_without_a_step_that_both_measured_has_a_gap():
    a = pd.concat([history([0, 10], [80.0, 81.0]), history([0, 20], [80.0, 81.0], seed=1)])
    b = history([0, 10], [80.0, 83.0])
    both = pd.concat([b, b.assign(seed=1)])
    np.testing.assert_array_equal(matched.gains(a, both), [[0, 0], [2, np.nan]])


def test_alignment_is_compared_at_each_uniformity_of_the_baseline_as_far_as_the_other_goes():
    a = path([-1.0, -2.0, -3.0], [0.1, 0.2, 0.3])
    b = path([-1.0, -2.5], [0.1, 0.1])
    np.testing.assert_allclose(matched.alignment_differences(a, b)[0], [0, -10])
    assert matched.alignment_differences(a, b).index.tolist() == [0, 10]


# ---------------------------------------------------------------------------------------------------- any curves


@st.composite
def histories(draw, start=None):
    """One run with a few steps, anything but ordered; uniformity mostly falls, as it does in training."""
    gaps = draw(st.lists(st.integers(1, 20), min_size=1, max_size=6))
    steps = [0, *np.cumsum(gaps)]
    some = st.lists(st.integers(-50, 200), min_size=len(gaps), max_size=len(gaps))
    falls = np.array([0, *np.cumsum(draw(some))]) / 100
    scores, alignment = (np.array([10, *draw(some)]) / 10 for _ in range(2))
    return history(steps, scores, alignment, -1 - falls)


def refined(run: pd.DataFrame, share: float) -> pd.DataFrame:
    """The same straight lines with one more measured step on each."""
    steps = run["step"].to_numpy(dtype=float)
    more = np.sort(np.concatenate([steps, steps[:-1] + share * np.diff(steps)]))
    columns = {name: np.interp(more, steps, run[name]) for name in ("dev_spearman", "alignment", "uniformity")}
    return pd.DataFrame({"step": more, "seed": 0, **columns})


@given(histories())
def test_a_run_differs_from_itself_in_nothing(run):
    found = matched.compare_seeds(run, run).loc[0]
    assert found["steps_difference"] == 0
    if run["uniformity"].min() < run["uniformity"].iloc[0]:
        assert found["alignment_difference"] == 0
    assert (matched.gains(run, run) == 0).all(axis=None)
    assert (matched.alignment_differences(run, run).dropna() == 0).all(axis=None)


@given(histories(), histories())
def test_the_other_way_round_has_the_other_sign(a, b):
    one, other = matched.compare_seeds(a, b).loc[0], matched.compare_seeds(b, a).loc[0]
    np.testing.assert_equal(one["uniformity"], other["uniformity"])
    np.testing.assert_array_equal(one["alignment_difference"], -other["alignment_difference"])
    pd.testing.assert_frame_equal(matched.gains(a, b), -matched.gains(b, a))


@given(histories(), histories(), st.floats(0.05, 0.95))
def test_more_steps_on_the_same_lines_change_nothing(a, b, share):
    plain, fine = (
        matched.compare_seeds(a, b).loc[0],
        matched.compare_seeds(refined(a, share), refined(b, share)).loc[0],
    )
    np.testing.assert_allclose(fine, plain, rtol=1e-6, atol=1e-6)


@given(histories(), histories(), st.integers(2, 5))
def test_a_run_at_another_speed_has_the_same_alignment_at_each_uniformity(a, b, speed):
    """As if the learning rate, but nothing else, had been divided."""
    slow = b.assign(step=speed * b["step"])
    plain, slowed = matched.compare_seeds(a, b).loc[0], matched.compare_seeds(a, slow).loc[0]
    np.testing.assert_allclose(slowed["alignment_difference"], plain["alignment_difference"], atol=1e-9)
    np.testing.assert_allclose(slowed["steps_to_score"], speed * plain["steps_to_score"], atol=1e-9)


@given(histories(), st.floats(0.01, 1.0))
def test_a_run_that_is_better_everywhere_needs_no_more_steps(run, lead):
    better = run.assign(dev_spearman=run["dev_spearman"] + lead, alignment=run["alignment"] - lead)
    found = matched.compare_seeds(run, better).loc[0]
    assert found["steps_difference"] <= 0
    if run["uniformity"].min() < run["uniformity"].iloc[0]:
        assert found["alignment_difference"] == pytest.approx(-100 * lead)
