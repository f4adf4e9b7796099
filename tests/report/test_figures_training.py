"""The figures of training: means and bands on the steps that all seeds have."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

from arccse.errors import InputError
from arccse.report.figures import drawing, training

COLUMNS = ["label", "seed", "step", "alignment", "uniformity", "dev_spearman"]
CAVEAT = "Smoke run: these numbers are not findings."


@pytest.fixture
def histories() -> pd.DataFrame:
    """SimCSE with two seeds, ArcCSE with one; step 5 has no geometry, step 30 only one of SimCSE's seeds."""
    rows = [
        ("SimCSE", 1, 0, 0.30, -2.0, 70.0),
        ("SimCSE", 1, 5, np.nan, np.nan, 70.5),
        ("SimCSE", 1, 10, 0.20, -2.4, 71.0),
        ("SimCSE", 1, 30, 0.90, -9.0, 71.0),
        ("SimCSE", 2, 0, 0.30, -2.0, 70.0),
        ("SimCSE", 2, 10, 0.26, -2.8, 72.0),
        ("ArcCSE", 1, 0, 0.30, -2.0, 70.0),
        ("ArcCSE", 1, 20, 0.10, -2.5, 73.0),
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def test_lines_are_means_over_seeds_on_common_steps(histories: pd.DataFrame) -> None:
    alignment, uniformity, _ = training.alignment_uniformity(histories, None).axes
    expected = {
        "SimCSE (2 seeds)": ([0, 10], [0.30, 0.23], [-2.0, -2.6]),
        "ArcCSE (1 seed)": ([0, 20], [0.30, 0.10], [-2.0, -2.5]),
    }
    assert [line.get_label() for line in alignment.lines] == list(expected)
    for near, even in zip(alignment.lines, uniformity.lines, strict=True):
        steps, means, spreads = expected[near.get_label()]
        np.testing.assert_allclose(near.get_xdata(), steps)
        np.testing.assert_allclose(near.get_ydata(), means)
        np.testing.assert_allclose(even.get_ydata(), spreads)


def test_bands_reach_from_the_lowest_to_the_highest_seed(histories: pd.DataFrame) -> None:
    figure = training.alignment_uniformity(histories, None)
    bands = figure.axes[0].collections
    assert len(bands) == 1  # ArcCSE has one seed and so no band
    at_ten = {round(y, 6) for x, y in bands[0].get_paths()[0].vertices if x == 10}
    assert at_ten == {0.20, 0.26}
    assert "lowest to highest" in figure.legends[0].get_title().get_text()
    alone = training.alignment_uniformity(histories[histories["seed"] == 1], None)
    assert len(alone.axes[0].collections) == 0
    assert "no bands" in alone.legends[0].get_title().get_text()


def test_the_plane_shows_the_path_with_its_ends(histories: pd.DataFrame) -> None:
    plane = training.alignment_uniformity(histories, None).axes[2]
    path, start, end = plane.lines[:3]
    np.testing.assert_allclose(path.get_xydata(), [(0.30, -2.0), (0.23, -2.6)])
    np.testing.assert_allclose(start.get_xydata(), [(0.30, -2.0)])
    np.testing.assert_allclose(end.get_xydata(), [(0.23, -2.6)])
    assert start.get_markerfacecolor() == "white"
    assert end.get_markerfacecolor() == path.get_color()


def test_axes_say_that_lower_is_better(histories: pd.DataFrame) -> None:
    alignment, uniformity, plane = training.alignment_uniformity(histories, None).axes
    assert alignment.get_ylabel() == plane.get_xlabel() == "alignment (lower is better)"
    assert uniformity.get_ylabel() == plane.get_ylabel() == "uniformity (lower is better)"


def test_curves_differ_in_more_than_colour(histories: pd.DataFrame) -> None:
    many = pd.concat([histories[histories["label"] == "ArcCSE"].assign(label=f"v{i}") for i in range(5)])
    lines = training.alignment_uniformity(many, None).axes[0].lines
    assert len({line.get_linestyle() + line.get_marker() for line in lines}) == 5
    assert [line.get_color() for line in lines] == drawing.COLOURS[:5]
    assert len({(line._dash_pattern[1] and tuple(line._dash_pattern[1])) for line in lines}) == 5


def test_a_caveat_is_printed_in_the_figure(histories: pd.DataFrame) -> None:
    assert training.alignment_uniformity(histories, CAVEAT).get_suptitle() == CAVEAT
    assert training.alignment_uniformity(histories, None).get_suptitle() == ""


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda h: h.drop(columns="uniformity"), "uniformity"),
        (lambda h: h.iloc[:0], "no line"),
        (lambda h: pd.concat([h, h]), "two lines"),
        (lambda h: h.assign(alignment=np.nan), "all seeds of 'SimCSE'"),
        (lambda h: h.assign(step=h["step"] + h["seed"]), "all seeds of 'SimCSE'"),
    ],
)
def test_histories_that_cannot_be_drawn(histories: pd.DataFrame, spoil, message: str) -> None:
    with pytest.raises(InputError, match=message):
        training.alignment_uniformity(spoil(histories), None)


def test_a_label_with_an_underscore_in_front_is_in_the_legend(histories: pd.DataFrame) -> None:
    figure = training.alignment_uniformity(histories.replace("SimCSE", "_SimCSE"), None)
    assert figure.legends[0].get_texts()[0].get_text() == "_SimCSE (2 seeds)"


def test_scores_and_losses_are_drawn_each_on_its_own_steps() -> None:
    rows = [
        ("SimCSE", 0, 0, 70.0, np.nan),
        ("SimCSE", 0, 10, np.nan, 1.0),
        ("SimCSE", 0, 20, 72.0, 0.1),
        ("SimCSE", 1, 0, 71.0, np.nan),
        ("SimCSE", 1, 10, np.nan, 3.0),
        ("SimCSE", 1, 20, 75.0, 0.3),
    ]
    frame = pd.DataFrame(rows, columns=["label", "seed", "step", "dev_spearman", "loss"])
    scores, losses = training.dev_scores(frame, None).axes
    np.testing.assert_allclose(scores.lines[0].get_xydata(), [(0, 70.5), (20, 73.5)])
    np.testing.assert_allclose(losses.lines[0].get_xydata(), [(10, 2.0), (20, 0.2)])
    at_end = {round(y, 6) for x, y in scores.collections[0].get_paths()[0].vertices if x == 20}
    assert at_end == {72.0, 75.0}
    assert losses.get_yscale() == "log"
    losses.figure.canvas.draw()
    said = [label.get_text() for label in losses.yaxis.get_ticklabels(which="both")]
    assert "0.2" in said
    assert not any("$" in text for text in said)
    with pytest.raises(InputError, match="loss"):
        training.dev_scores(frame.assign(loss=np.nan), None)


# ------------------------------------------------------------------------------------------- matched comparisons


@pytest.fixture
def courses() -> pd.DataFrame:
    """ArcCSE goes SimCSE's way twice as fast, and is closer by 0.01 to 0.03; 'slow' never gets where SimCSE ends."""
    steps = np.arange(0, 60, 10)
    frames = []
    for label, speed, lead in (("SimCSE", 1.0, 0.0), ("ArcCSE", 2.0, 0.01), ("slow", 0.5, 0.0)):
        for seed in range(3):
            way = speed * steps / 10
            alignment = 0.1 + way / 100 - lead * (seed + 1) * (steps > 0)
            columns = {"step": steps, "dev_spearman": 80 + way * (seed + 1), "alignment": alignment}
            frames.append(pd.DataFrame({"label": label, "seed": seed, **columns, "uniformity": -1 - way / 10}))
    return pd.concat(frames, ignore_index=True)


def test_gains_are_means_of_paired_differences_with_their_t_interval(courses: pd.DataFrame) -> None:
    gains, _, alignment = training.matched_comparisons(courses, "SimCSE", None).axes
    assert [line.get_label() for line in gains.lines[:2]] == ["ArcCSE (3 seeds)", "slow (3 seeds)"]
    np.testing.assert_allclose(gains.lines[0].get_xydata(), [(step, 2 * step / 10) for step in range(0, 60, 10)])
    at_end = sorted({round(y, 6) for x, y in gains.collections[0].get_paths()[0].vertices if x == 50})
    np.testing.assert_allclose(at_end, t.interval(0.95, 2, 10, 5 / 3**0.5), atol=1e-6)
    # at equal steps ArcCSE's alignment is worse by up to 5, at equal uniformity better by 1, 2 and 3
    np.testing.assert_allclose(alignment.lines[0].get_xydata()[2:], [(step, -2) for step in (20, 30, 40, 50)])
    assert alignment.lines[1].get_xdata().tolist() == [0, 10, 20]  # as uniform as 'slow' ever is


def test_at_equal_uniformity_a_step_needs_half_of_the_seeds(courses: pd.DataFrame) -> None:
    short = courses[(courses["label"] != "slow") & ~((courses["seed"] == 2) & (courses["step"] > 20))]
    late = (short["label"] == "ArcCSE") & (short["seed"] == 1) & (short["step"] > 10)
    shown = training.matched_comparisons(short[~late], "SimCSE", None).axes[2].lines[0].get_xydata()
    # SimCSE's step 20 is the last of seed 2, and the last that seed 1's ArcCSE is as uniform as; seed 0 has more
    np.testing.assert_allclose(shown[1:], [(10, -1), (20, -2)])


def test_steps_to_the_score_have_a_mark_for_each_seed(courses: pd.DataFrame) -> None:
    figure = training.matched_comparisons(courses, "SimCSE", None)
    _, axes, _ = figure.axes
    marks = [line for line in axes.lines if line.get_linestyle() == "None" and len(line.get_xdata())]
    assert [line.get_xdata().tolist() for line in marks] == [[50] * 3, [25] * 3, [50] * 3]
    assert [line.get_markerfacecolor() == "white" for line in marks] == [False, False, True]
    means = [line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == "-"]
    assert means == [50, 25]  # none of 'slow', which never got there
    assert "Hollow" in figure.legends[0].get_title().get_text()
    reached = training.matched_comparisons(courses[courses["label"] != "slow"], "SimCSE", None)
    assert "Hollow" not in reached.legends[0].get_title().get_text()


def test_each_row_s_steps_stand_beside_its_name(courses: pd.DataFrame) -> None:
    _, axes, _ = training.matched_comparisons(courses, "SimCSE", None).axes
    names = {tick.get_text(): place for tick, place in zip(axes.get_yticklabels(), axes.get_yticks(), strict=True)}
    marks = [line for line in axes.lines if line.get_linestyle() == "None" and len(line.get_xdata())]
    for name, line in zip(("SimCSE", "ArcCSE", "slow"), marks, strict=True):
        assert np.mean(line.get_ydata()) == pytest.approx(names[name])


def test_a_curve_is_seen_beneath_those_that_lie_on_it(courses: pd.DataFrame) -> None:
    figures = [
        training.matched_comparisons(courses, "SimCSE", None),
        training.dev_scores(courses.assign(loss=1.0), None),
        training.alignment_uniformity(courses, None),
    ]
    for figure in figures:
        lines = [line for line in figure.axes[0].lines if "seed" in str(line.get_label())]
        for below, above in pairwise(lines):
            assert below.get_linewidth() > above.get_linewidth()
            assert below.get_markersize() > above.get_markersize()


def test_only_common_seeds_are_compared(courses: pd.DataFrame) -> None:
    figure = training.matched_comparisons(courses.query("label != 'ArcCSE' or seed > 0"), "SimCSE", None)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "SimCSE, the baseline",
        "ArcCSE (2 seeds)",
        "slow (3 seeds)",
    ]


def test_a_row_keeps_its_colour_from_figure_to_figure(courses: pd.DataFrame) -> None:
    compared = training.matched_comparisons(courses, "SimCSE", None).axes[0].lines
    scores = training.dev_scores(courses.assign(loss=1.0), None).axes[0].lines
    assert [line.get_color() for line in compared[:2]] == [line.get_color() for line in scores[1:]]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda h: h[h["label"] == "SimCSE"], "are of SimCSE alone, so nothing is compared with 'SimCSE'"),
        (lambda h: h[h["label"] != "SimCSE"], "are of ArcCSE, slow alone, so nothing is compared with 'SimCSE'"),
        (lambda h: h[(h["label"] == "SimCSE") == (h["seed"] == 0)], "'ArcCSE' and 'SimCSE' have no step"),
        (lambda h: pd.concat([h, h]), "two lines"),
        (lambda h: h.drop(columns="dev_spearman"), "dev_spearman"),
    ],
)
def test_courses_that_cannot_be_compared(courses: pd.DataFrame, spoil, message: str) -> None:
    with pytest.raises(InputError, match=message):
        training.matched_comparisons(spoil(courses), "SimCSE", None)
