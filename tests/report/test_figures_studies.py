"""The figures of studies: that they show the means, intervals and seeds that they were given."""

import numpy as np
import pandas as pd
import pytest
from made_points import grid
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from scipy.stats import t

from arccse.errors import InputError
from arccse.report.figures import studies
from arccse.report.figures.axis import Axis

MARGINS = Axis("margin", (0, 10, 20))
VALUES = [76.0, 76.4, 77.1]


def curve(axes: Axes, index: int) -> dict[str, np.ndarray]:
    """What the index-th line with intervals shows: places, means, ends of the bars, and all dots beside it."""
    line, _, (bars,) = axes.containers[index]
    seeds = [a for a in axes.lines if a.get_marker() == "." and a.get_color() == line.get_color()]
    return {
        "x": np.asarray(line.get_xdata()),
        "mean": np.asarray(line.get_ydata()),
        "bars": np.array([s[:, 1] if s.size else [np.nan] * 2 for s in bars.get_segments()]),
        "dots": np.concatenate([seed.get_ydata() for seed in seeds]),
        "seeds": [np.asarray(seed.get_xydata()) for seed in seeds],
    }


def test_a_sweep_shows_means_t_intervals_and_every_seed() -> None:
    points = grid(3, label=["ArcCon"], place=[20, 0, 10]).sample(frac=1, random_state=0)
    figure = studies.sweep(points, MARGINS, "STS average", None)
    drawn = curve(figure.axes[0], 0)
    np.testing.assert_allclose(drawn["x"], [0, 10, 20])
    for i, margin in enumerate([0, 10, 20]):
        own = points.loc[points["place"] == margin, "value"].to_numpy()
        low, high = t.interval(0.95, 2, own.mean(), own.std(ddof=1) / 3**0.5)
        np.testing.assert_allclose(drawn["mean"][i], own.mean())
        np.testing.assert_allclose(drawn["bars"][i], [low, high])
    assert sorted(drawn["dots"]) == sorted(points["value"])
    for seed, course in zip(sorted(points["seed"].unique()), drawn["seeds"], strict=True):
        own = points[points["seed"] == seed].sort_values("place")
        np.testing.assert_allclose(course, own[["place", "value"]])
    assert figure.axes[0].get_xlabel() == "angular margin m (degrees)"
    assert figure.axes[0].get_ylabel() == "STS average"
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["0", "10", "20"]


def test_a_sweep_has_a_line_for_each_label_side_by_side() -> None:
    points = grid(2, label=["τ = 0.03", "τ = 0.05"], place=[0, 10])
    axes = studies.sweep(points, MARGINS, "score", None).axes[0]
    first, second = curve(axes, 0), curve(axes, 1)
    assert [container.get_label() for container in axes.containers] == ["τ = 0.03", "τ = 0.05"]
    assert sorted(second["dots"]) == sorted(points.loc[points["label"] == "τ = 0.05", "value"])
    np.testing.assert_allclose((first["x"] + second["x"]) / 2, [0, 10], atol=1e-9)
    assert (second["x"] > first["x"]).all()
    assert (second["x"] - first["x"] < 0.5).all()


def test_seeds_may_differ_between_points() -> None:
    points = grid(3, label=["ArcCon"], place=[0, 10]).drop(index=[4, 5])  # one seed is left at 10
    figure = studies.sweep(points, MARGINS, "score", None)
    assert "the 1 to 3 seeds" in figure.legends[0].get_title().get_text().replace("\n", " ")
    np.testing.assert_array_equal(np.isfinite(curve(figure.axes[0], 0)["bars"]), [[True, True], [False, False]])


def test_what_is_no_scale_stands_side_by_side_under_its_names() -> None:
    axis = Axis("pooling", ("mean", "cls", "first-last-avg"))
    axes = studies.sweep(grid(2, label=["MiniLM"], place=[0, 1, 2]), axis, "score", None).axes[0]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["mean", "cls", "first-last-avg"]
    assert list(axes.get_xticks()) == [0, 1, 2]
    assert axes.get_xlabel() == "pooling"


def test_many_numbers_have_no_tick_each() -> None:
    axis = Axis("margin", tuple(range(60)))
    axes = studies.sweep(grid(2, label=["MiniLM"], place=list(range(60))), axis, "score", None).axes[0]
    assert len(axes.get_xticks()) < 20
    assert len(curve(axes, 0)["x"]) == 60


def test_a_label_with_an_underscore_in_front_is_in_the_legend() -> None:
    figure = studies.sweep(grid(2, label=["_a", ""], place=[0, 10]), MARGINS, "score", None)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["_a", ""]


def test_the_decline_is_paired_by_seed() -> None:
    rows = [
        ("ArcCon", seed, noise, base - 5 * noise * (seed + 1))
        for seed, base in enumerate(VALUES)
        for noise in (0, 0.4)
    ]
    points = pd.DataFrame(rows, columns=["label", "seed", "noise", "value"])
    scores, declines = studies.noise_decline(points, "STS", None).axes
    np.testing.assert_allclose(curve(scores, 0)["x"], [0, 40])  # in %
    np.testing.assert_allclose(curve(scores, 0)["mean"], [np.mean(VALUES), np.mean(VALUES) - 4])
    drawn = curve(declines, 0)
    np.testing.assert_allclose(drawn["mean"], [0, -4], atol=1e-9)
    np.testing.assert_allclose(sorted(drawn["dots"])[:3], [-6, -4, -2])
    # Seeds decline by 2, 4 and 6: their own level is not in the interval.
    np.testing.assert_allclose(drawn["bars"][-1], t.interval(0.95, 2, -4, 2 / 3**0.5))


def test_a_seed_without_a_clean_run_is_left_out_of_the_decline_only() -> None:
    points = grid(2, label=["ArcCon"], noise=[0.0, 0.2]).query("not (noise == 0 and seed == 1)")
    scores, declines = studies.noise_decline(points, "STS", None).axes
    assert len(curve(scores, 0)["dots"]) == 3
    assert len(curve(declines, 0)["dots"]) == 2
    two = pd.concat([points.assign(label="NT-Xent").query("noise > 0"), points])
    scores, declines = studies.noise_decline(two, "STS", None).axes
    assert len(scores.containers) == 2
    (line,) = declines.containers
    assert line[0].get_color() == scores.containers[1][0].get_color()  # ArcCon's in both panels
    with pytest.raises(InputError, match="noise 0"):
        studies.noise_decline(points[points["noise"] > 0], "STS", None)


def test_similarity_is_drawn_by_share_and_nothing_else_is() -> None:
    metrics = ["similarity_0", "similarity_80", "similarity_10", "ordered_all"]
    scores = grid(2, label=["NT-Xent"], metric=metrics)
    drawn = curve(studies.masked_share(scores, None).axes[0], 0)
    np.testing.assert_allclose(drawn["x"], [0, 10, 80])
    by_metric = scores.groupby("metric")["value"].mean()
    np.testing.assert_allclose(drawn["mean"], by_metric[["similarity_0", "similarity_10", "similarity_80"]])
    with pytest.raises(InputError, match="similarity_"):
        studies.masked_share(scores[scores["metric"] == "ordered_all"], None)


def test_the_interaction_is_the_difference_of_differences() -> None:
    cells = {("NT-Xent", "off"): 70.0, ("ArcCon", "off"): 71.0, ("NT-Xent", "on"): 72.0, ("ArcCon", "on"): 75.5}
    rows = [(o, m, seed, value + seed) for (o, m), value in cells.items() for seed in range(3)]
    points = pd.DataFrame(rows, columns=["objective", "triplet", "seed", "value"])
    effect = {"difference": 2.5, "low": 2.0, "high": 3.0, "n": 3, "comparisons": 1, "text": "higher"}
    axes = studies.interaction(points, effect, "STS", None).axes[0]
    np.testing.assert_allclose(curve(axes, 0)["mean"], [71.0, 72.0])  # off: NT-Xent, ArcCon
    np.testing.assert_allclose(curve(axes, 1)["mean"], [73.0, 76.5])  # on
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["NT-Xent", "ArcCon"]
    assert axes.get_title() == "Interaction +2.50 (95 % interval 2.00 to 3.00), 3 seeds"
    with pytest.raises(InputError, match="3 cells"):
        studies.interaction(points.iloc[3:], effect, "STS", None)
    with pytest.raises(InputError, match="2 cells"):
        studies.interaction(points[points["triplet"] == "on"], effect, "STS", None)
    for changed, title in [
        ({"comparisons": 4}, "Interaction +2.50 (95 % interval 2.00 to 3.00, adjusted for 4 comparisons), 3 seeds"),
        ({"low": np.nan, "high": np.nan, "n": 2}, "Interaction +2.50, 2 seeds"),
        ({"n": 0, "text": "undecided: no seed in common"}, "Interaction undecided: no seed in common"),
    ]:
        drawn = studies.interaction(points, effect | changed, "STS", None).axes[0]
        assert drawn.get_title().replace("\n", " ") == title
    assert studies.interaction(points, None, "STS", None).axes[0].get_title() == ""


def test_equal_lines_of_the_interaction_stand_apart() -> None:
    rows = [(o, m, seed, 70.0 + seed) for o in ("a", "b") for m in ("off", "on") for seed in range(3)]
    points = pd.DataFrame(rows, columns=["objective", "triplet", "seed", "value"])
    axes = studies.interaction(points, None, "STS", None).axes[0]
    np.testing.assert_allclose(curve(axes, 1)["x"] - curve(axes, 0)["x"], 0.06)


def test_beside_the_scores_stand_the_differences_to_a_baseline_seed_by_seed() -> None:
    rows = [
        ("ArcCon", seed, m, level + m / 10 * (seed + 1), level) for seed, level in enumerate(VALUES) for m in (0, 20)
    ]
    points = pd.DataFrame(rows, columns=["label", "seed", "place", "value", "baseline"])
    figure = studies.sweep(points, MARGINS, "STS", None, "margin=0")
    scores, changes = figure.axes
    np.testing.assert_allclose(curve(scores, 0)["mean"], points.groupby("place")["value"].mean())
    drawn = curve(changes, 0)
    np.testing.assert_allclose(drawn["mean"], [0, 4], atol=1e-9)
    # seeds gain 2, 4 and 6: their own level is not in the interval
    np.testing.assert_allclose(drawn["bars"], [[0, 0], t.interval(0.95, 2, 4, 2 / 3**0.5)], atol=1e-9)
    assert changes.get_title() == "Difference to margin=0, seed by seed"
    assert changes.get_ylabel() == "difference of STS"
    assert changes.get_xlabel() == scores.get_xlabel() == "angular margin m (degrees)"
    # a seed without the baseline is in the scores alone; without any there is no second panel
    some = studies.sweep(points.replace({"baseline": {VALUES[0]: np.nan}}), MARGINS, "STS", None, "margin=0")
    assert [len(curve(axes, 0)["dots"]) for axes in some.axes] == [6, 4]
    assert len(studies.sweep(points.assign(baseline=np.nan), MARGINS, "STS", None, "margin=0").axes) == 1
    with pytest.raises(InputError, match="lacks the column 'baseline'"):
        studies.sweep(points.drop(columns="baseline"), MARGINS, "STS", None, "margin=0")


def test_a_label_without_a_baseline_keeps_the_others_colours() -> None:
    scores = grid(2, label=["untrained", "NT-Xent"], metric=["similarity_0", "similarity_10"])
    scores = scores.assign(baseline=scores["value"].where(scores["label"] == "NT-Xent"))
    left, right = studies.masked_share(scores, None, "NT-Xent").axes
    assert len(left.containers) == 2
    (line,) = right.containers
    assert line[0].get_color() == left.containers[1][0].get_color()
    np.testing.assert_allclose(curve(right, 0)["mean"], [0, 0])


def test_the_map_has_a_text_a_cell_and_marks_those_not_run() -> None:
    pairs = [(0.1, 0.2), (0.2, 0.4), (0.1, 0.4)]
    rows = [(near, far, seed, value + i) for i, (near, far) in enumerate(pairs) for seed, value in enumerate(VALUES)]
    points = pd.DataFrame(rows, columns=["near", "far", "seed", "value"])
    axes = studies.mask_ratio_map(points, "STS", None).axes[0]
    means = np.ma.filled(axes.collections[0].get_array(), np.nan)  # far × near
    np.testing.assert_allclose(means, [[76.5, np.nan], [78.5, 77.5]])
    low, high = t.interval(0.95, 2, 76.5, np.std(VALUES, ddof=1) / 3**0.5)
    assert axes.texts[0].get_text() == f"76.50\n{low:.1f} to {high:.1f}\nn = 3"
    assert axes.texts[0].get_position() == (0.5, 0.5)
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["10", "20"]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["20", "40"]
    assert list(axes.patches) == []  # 20/20 is no pair
    assert axes.collections[0].get_clim() == pytest.approx((76.5, 78.5))
    close = studies.mask_ratio_map(points.assign(value=76.8 + points["value"] / 1e4), "STS", None).axes[0]
    assert np.diff(close.collections[0].get_clim()) == pytest.approx(1)  # what is nearly equal looks nearly equal
    left = studies.mask_ratio_map(points[points["far"] - points["near"] < 0.25], "STS", None).axes[0]
    (hatched,) = left.patches
    assert isinstance(hatched, Rectangle)
    assert hatched.get_hatch()
    assert hatched.get_xy() == (0, 1)  # 10/40
    with pytest.raises(InputError, match="below"):
        studies.mask_ratio_map(points.iloc[:3].assign(near=0.2), "STS", None)
