"""The figures: that they show what they were given, and that their files are whole, visible and repeatable."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.patches import PathPatch, Rectangle
from scipy.stats import t

from arccse.errors import InputError
from arccse.report import figures
from arccse.report.figures import COLOURS, alignment_uniformity, save

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
    alignment, uniformity, _ = alignment_uniformity(histories, None).axes
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
    figure = alignment_uniformity(histories, None)
    bands = figure.axes[0].collections
    assert len(bands) == 1  # ArcCSE has one seed and so no band
    at_ten = {round(y, 6) for x, y in bands[0].get_paths()[0].vertices if x == 10}
    assert at_ten == {0.20, 0.26}
    assert "lowest to highest" in figure.legends[0].get_title().get_text()
    alone = alignment_uniformity(histories[histories["seed"] == 1], None)
    assert len(alone.axes[0].collections) == 0
    assert "no bands" in alone.legends[0].get_title().get_text()


def test_the_plane_shows_the_path_with_its_ends(histories: pd.DataFrame) -> None:
    plane = alignment_uniformity(histories, None).axes[2]
    path, start, end = plane.lines[:3]
    np.testing.assert_allclose(path.get_xydata(), [(0.30, -2.0), (0.23, -2.6)])
    np.testing.assert_allclose(start.get_xydata(), [(0.30, -2.0)])
    np.testing.assert_allclose(end.get_xydata(), [(0.23, -2.6)])
    assert start.get_markerfacecolor() == "white"
    assert end.get_markerfacecolor() == path.get_color()


def test_axes_say_that_lower_is_better(histories: pd.DataFrame) -> None:
    alignment, uniformity, plane = alignment_uniformity(histories, None).axes
    assert alignment.get_ylabel() == plane.get_xlabel() == "alignment (lower is better)"
    assert uniformity.get_ylabel() == plane.get_ylabel() == "uniformity (lower is better)"


def test_curves_differ_in_more_than_colour(histories: pd.DataFrame) -> None:
    many = pd.concat([histories[histories["label"] == "ArcCSE"].assign(label=f"v{i}") for i in range(5)])
    lines = alignment_uniformity(many, None).axes[0].lines
    assert len({line.get_linestyle() + line.get_marker() for line in lines}) == 5
    assert [line.get_color() for line in lines] == COLOURS[:5]
    assert len({(line._dash_pattern[1] and tuple(line._dash_pattern[1])) for line in lines}) == 5


def test_a_caveat_is_printed_in_the_figure(histories: pd.DataFrame) -> None:
    assert alignment_uniformity(histories, CAVEAT).get_suptitle() == CAVEAT
    assert alignment_uniformity(histories, None).get_suptitle() == ""


def test_a_dollar_sign_in_a_label_is_no_formula(histories: pd.DataFrame, tmp_path: Path) -> None:
    histories["label"] += r" $\frac{1$"
    assert all(path.exists() for path in save(alignment_uniformity(histories, None), tmp_path / "figure"))


def test_files_are_whole_visible_and_repeatable(histories: pd.DataFrame, tmp_path: Path) -> None:
    first = save(alignment_uniformity(histories, CAVEAT), tmp_path / "a" / "geometry_v1.5")
    again = save(alignment_uniformity(histories, CAVEAT), tmp_path / "b" / "geometry_v1.5")
    names = ["geometry_v1.5.svg", "geometry_v1.5.pdf", "geometry_v1.5.png"]
    assert [path.name for path in first] == names
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == sorted(names)
    for one, two in zip(first, again, strict=True):
        assert one.read_bytes() == two.read_bytes()
        assert b"Date" not in one.read_bytes()
    pixels = imread(first[2])[..., :3]
    assert 0.02 < (pixels < 0.9).any(axis=-1).mean() < 0.5  # ink, but not an all-dark page
    blue = np.abs(pixels - np.array([0x00, 0x72, 0xB2]) / 255).max(axis=-1) < 0.02
    assert blue.sum() > 200  # SimCSE's line has left its own colour


def test_drawing_leaves_the_global_settings_alone(histories: pd.DataFrame, tmp_path: Path) -> None:
    import matplotlib
    from matplotlib import _pylab_helpers

    before = dict(matplotlib.rcParams)
    save(alignment_uniformity(histories, None), tmp_path / "figure")
    assert dict(matplotlib.rcParams) == before
    assert _pylab_helpers.Gcf.get_all_fig_managers() == []


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
        alignment_uniformity(spoil(histories), None)


# ------------------------------------------------------------------------------------------------------ theory


@pytest.mark.parametrize("margin", [5, 10, 45, 120])
def test_boundaries_are_the_closed_ones(margin: float) -> None:
    (axes,) = figures.decision_boundaries(margin, None).axes
    plain, widened = (np.asarray(line.get_xydata()) for line in axes.lines)
    # At 180° the cosine is flat, so that its last digits are worth 0.0001°.
    np.testing.assert_allclose(plain[:, 1], plain[:, 0], atol=1e-3)  # θ_q = θ_p
    reached = widened[:, 0] <= 180 - margin - 1e-9
    assert reached.sum() > 50
    np.testing.assert_allclose(widened[reached, 1], widened[reached, 0] + margin, atol=1e-3)  # θ_q = θ_p + m
    assert np.isnan(widened[widened[:, 0] > 180 - margin + 1e-9, 1]).all()


def test_logit_loss_and_gradients_are_the_closed_ones() -> None:
    margins, temperature = [0, 5, 10, 20], 0.05
    figure = figures.positive_logit(margins, temperature, None)
    for panel, lines in enumerate(zip(*(axes.lines for axes in figure.axes), strict=True)):
        m = np.radians(margins[panel])
        theta = np.radians(lines[0].get_xdata())
        widened = theta + m <= np.pi
        logit = np.where(widened, np.cos(theta + m), np.cos(theta) + np.cos(m) - 1) / temperature
        slope = -np.where(widened, np.sin(theta + m), np.sin(theta)) / temperature
        negative = np.cos(np.radians(60)) / temperature
        loss = np.logaddexp(0, negative - logit)
        expected = [logit, slope, loss, -slope / (1 + np.exp(logit - negative))]
        for line, closed in zip(lines, expected, strict=True):
            np.testing.assert_allclose(line.get_ydata(), closed, atol=1e-6)
    assert [line.get_label() for line in figure.axes[0].lines] == ["m = 0°", "m = 5°", "m = 10°", "m = 20°"]


@pytest.mark.parametrize(
    "draw",
    [
        lambda: figures.decision_boundaries(0, None),
        lambda: figures.decision_boundaries(180, None),
        lambda: figures.positive_logit([], 0.05, None),
        lambda: figures.positive_logit([-1], 0.05, None),
        lambda: figures.positive_logit([10], 0, None),
    ],
)
def test_settings_outside_their_range(draw: Callable[[], Figure]) -> None:
    with pytest.raises(InputError):
        draw()


# ----------------------------------------------------------------------------------------------------- studies

VALUES = [76.0, 76.4, 77.1]


def grid(seeds: int, **columns: list[Any]) -> pd.DataFrame:
    """A line for each combination of the columns' values and a seed, with values that differ everywhere."""
    rows = [(*cell, seed) for cell in itertools.product(*columns.values()) for seed in range(seeds)]
    frame = pd.DataFrame(rows, columns=[*columns, "seed"])
    return frame.assign(value=[70 + 0.7 * i % 5 + 0.01 * i for i in range(len(frame))])


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
    points = grid(3, label=["ArcCon"], margin=[20, 0, 10]).sample(frac=1, random_state=0)
    figure = figures.sweep(points, "margin", "margin m (°)", "STS average", None)
    drawn = curve(figure.axes[0], 0)
    np.testing.assert_allclose(drawn["x"], [0, 10, 20])
    for i, margin in enumerate([0, 10, 20]):
        own = points.loc[points["margin"] == margin, "value"].to_numpy()
        low, high = t.interval(0.95, 2, own.mean(), own.std(ddof=1) / 3**0.5)
        np.testing.assert_allclose(drawn["mean"][i], own.mean())
        np.testing.assert_allclose(drawn["bars"][i], [low, high])
    assert sorted(drawn["dots"]) == sorted(points["value"])
    for seed, course in zip(sorted(points["seed"].unique()), drawn["seeds"], strict=True):
        own = points[points["seed"] == seed].sort_values("margin")
        np.testing.assert_allclose(course, own[["margin", "value"]])
    assert figure.axes[0].get_xlabel() == "margin m (°)"
    assert figure.axes[0].get_ylabel() == "STS average"
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["0", "10", "20"]


def test_a_sweep_has_a_line_for_each_label_side_by_side() -> None:
    points = grid(2, label=["τ = 0.03", "τ = 0.05"], margin=[0, 10])
    axes = figures.sweep(points, "margin", "m", "score", None).axes[0]
    first, second = curve(axes, 0), curve(axes, 1)
    assert [container.get_label() for container in axes.containers] == ["τ = 0.03", "τ = 0.05"]
    assert sorted(second["dots"]) == sorted(points.loc[points["label"] == "τ = 0.05", "value"])
    np.testing.assert_allclose((first["x"] + second["x"]) / 2, [0, 10], atol=1e-9)
    assert (second["x"] > first["x"]).all()
    assert (second["x"] - first["x"] < 0.5).all()


def test_seeds_may_differ_between_points() -> None:
    points = grid(3, label=["ArcCon"], margin=[0, 10]).drop(index=[4, 5])  # one seed is left at 10
    figure = figures.sweep(points, "margin", "m", "score", None)
    assert "the 1 to 3 seeds" in figure.legends[0].get_title().get_text().replace("\n", " ")
    np.testing.assert_array_equal(np.isfinite(curve(figure.axes[0], 0)["bars"]), [[True, True], [False, False]])


def test_the_decline_is_paired_by_seed() -> None:
    rows = [
        ("ArcCon", seed, noise, base - 5 * noise * (seed + 1))
        for seed, base in enumerate(VALUES)
        for noise in (0, 0.4)
    ]
    points = pd.DataFrame(rows, columns=["label", "seed", "noise", "value"])
    scores, declines = figures.noise_decline(points, "STS", None).axes
    np.testing.assert_allclose(curve(scores, 0)["x"], [0, 40])  # in %
    np.testing.assert_allclose(curve(scores, 0)["mean"], [np.mean(VALUES), np.mean(VALUES) - 4])
    drawn = curve(declines, 0)
    np.testing.assert_allclose(drawn["mean"], [0, -4], atol=1e-9)
    np.testing.assert_allclose(sorted(drawn["dots"])[:3], [-6, -4, -2])
    # Seeds decline by 2, 4 and 6: their own level is not in the interval.
    np.testing.assert_allclose(drawn["bars"][-1], t.interval(0.95, 2, -4, 2 / 3**0.5))


def test_a_seed_without_a_clean_run_is_left_out_of_the_decline_only() -> None:
    points = grid(2, label=["ArcCon"], noise=[0.0, 0.2]).query("not (noise == 0 and seed == 1)")
    scores, declines = figures.noise_decline(points, "STS", None).axes
    assert len(curve(scores, 0)["dots"]) == 3
    assert len(curve(declines, 0)["dots"]) == 2
    with pytest.raises(InputError, match="noise 0"):
        figures.noise_decline(points[points["noise"] > 0], "STS", None)


def test_similarity_is_drawn_by_share_and_nothing_else_is() -> None:
    metrics = ["similarity_0", "similarity_80", "similarity_10", "ordered_all"]
    scores = grid(2, label=["NT-Xent"], metric=metrics)
    drawn = curve(figures.masked_share(scores, None).axes[0], 0)
    np.testing.assert_allclose(drawn["x"], [0, 10, 80])
    by_metric = scores.groupby("metric")["value"].mean()
    np.testing.assert_allclose(drawn["mean"], by_metric[["similarity_0", "similarity_10", "similarity_80"]])
    with pytest.raises(InputError, match="similarity_"):
        figures.masked_share(scores[scores["metric"] == "ordered_all"], None)


def test_the_interaction_is_the_difference_of_differences() -> None:
    cells = {("NT-Xent", "off"): 70.0, ("ArcCon", "off"): 71.0, ("NT-Xent", "on"): 72.0, ("ArcCon", "on"): 75.5}
    rows = [(o, m, seed, value + seed) for (o, m), value in cells.items() for seed in range(2)]
    points = pd.DataFrame(rows, columns=["objective", "triplet", "seed", "value"])
    figure = figures.interaction(points, "STS", None)
    axes = figure.axes[0]
    np.testing.assert_allclose(curve(axes, 0)["mean"], [70.5, 71.5])  # off: NT-Xent, ArcCon
    np.testing.assert_allclose(curve(axes, 1)["mean"], [72.5, 76.0])  # on
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["NT-Xent", "ArcCon"]
    assert axes.get_title() == "Interaction +2.50 (95 % interval 2.50 to 2.50), 2 seeds"
    with pytest.raises(InputError, match="3 cells"):
        figures.interaction(points.iloc[2:], "STS", None)
    with pytest.raises(InputError, match="2 cells"):
        figures.interaction(points[points["triplet"] == "on"], "STS", None)
    apart = points.assign(seed=range(8))
    assert "no seed in common" in figures.interaction(apart, "STS", None).axes[0].get_title()


def test_the_map_has_a_text_a_cell_and_marks_those_not_run() -> None:
    pairs = [(0.1, 0.2), (0.2, 0.4), (0.1, 0.4)]
    rows = [(near, far, seed, value + i) for i, (near, far) in enumerate(pairs) for seed, value in enumerate(VALUES)]
    points = pd.DataFrame(rows, columns=["near", "far", "seed", "value"])
    axes = figures.mask_ratio_map(points, "STS", None).axes[0]
    means = np.ma.filled(axes.collections[0].get_array(), np.nan)  # far × near
    np.testing.assert_allclose(means, [[76.5, np.nan], [78.5, 77.5]])
    low, high = t.interval(0.95, 2, 76.5, np.std(VALUES, ddof=1) / 3**0.5)
    assert axes.texts[0].get_text() == f"76.50\n{low:.1f} to {high:.1f}\nn = 3"
    assert axes.texts[0].get_position() == (0.5, 0.5)
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["10", "20"]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["20", "40"]
    assert list(axes.patches) == []  # 20/20 is no pair
    assert axes.collections[0].get_clim() == pytest.approx((76.5, 78.5))
    close = figures.mask_ratio_map(points.assign(value=76.8 + points["value"] / 1e4), "STS", None).axes[0]
    assert np.diff(close.collections[0].get_clim()) == pytest.approx(1)  # what is nearly equal looks nearly equal
    left = figures.mask_ratio_map(points[points["far"] - points["near"] < 0.25], "STS", None).axes[0]
    (hatched,) = left.patches
    assert isinstance(hatched, Rectangle)
    assert hatched.get_hatch()
    assert hatched.get_xy() == (0, 1)  # 10/40
    with pytest.raises(InputError, match="below"):
        figures.mask_ratio_map(points.iloc[:3].assign(near=0.2), "STS", None)


def test_the_forest_has_every_difference_with_its_verdict() -> None:
    rows = [
        ("ArcCSE", "sts", 0.24, -0.3, 0.8, "undecided", 5),
        ("untrained", "sts", -3.0, np.nan, np.nan, "not compared", 1),
        ("ArcCSE", "transfer", -0.5, -0.7, -0.3, "lower", 6),
    ]
    columns = ["label", "suite", "difference", "low", "high", "verdict", "n"]
    axes = figures.forest(pd.DataFrame(rows, columns=columns), "difference to SimCSE", None).axes[0]
    names = ["sts", "ArcCSE", "untrained", "transfer", "ArcCSE"]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == names
    assert [tick.get_fontweight() == "bold" for tick in axes.get_yticklabels()] == [True, False, False, True, False]
    marks = [line for line in axes.lines if line.get_marker() == "o"]
    bars = [line for line in axes.lines[1:] if line.get_marker() == "None"]
    assert [tuple(mark.get_xydata()[0]) for mark in marks] == [(0.24, 1), (-3.0, 2), (-0.5, 4)]
    np.testing.assert_allclose([bar.get_xdata() for bar in bars], [row[3:5] for row in rows])
    assert [mark.get_markerfacecolor() for mark in marks] == ["white", "white", "black"]
    assert [text.get_text() for text in axes.texts] == [
        "+0.24 (−0.30 to 0.80), n = 5, undecided",
        "−3.00, n = 1, not compared",
        "−0.50 (−0.70 to −0.30), n = 6, lower",
    ]
    with pytest.raises(InputError, match="two lines"):
        figures.forest(pd.DataFrame(rows + rows[:1], columns=columns), "difference", None)


# ---------------------------------------------------------------------------------------- training and pairs


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
    scores, losses = figures.dev_scores(frame, None).axes
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
        figures.dev_scores(frame.assign(loss=np.nan), None)


def pairs_of(label: str, seeds: int, width: float) -> pd.DataFrame:
    """120 pairs of two tasks for each seed; the same scores in every run."""
    scores = np.random.default_rng(0).uniform(0, 5, 120).round(1)
    runs = []
    for seed in range(seeds):
        cosines = np.random.default_rng(seed).normal(scores / 5, width).clip(-1, 1)
        tasks = ["STSB"] * 60 + ["STS12"] * 60
        runs.append(pd.DataFrame({"label": label, "seed": seed, "task": tasks, "score": scores, "cosine": cosines}))
    return pd.concat(runs, ignore_index=True)


def test_boxes_are_the_quartiles_of_each_fifth_of_the_scale() -> None:
    pairs = pd.concat([pairs_of("before", 1, 0.1), pairs_of("after", 2, 0.05)])
    axes = figures.cosine_by_score(pairs, (0, 5), None).axes[0]
    boxes = [patch for patch in axes.patches if isinstance(patch, PathPatch)]
    assert len(boxes) == 10
    for box, (label, fifth) in zip(boxes, itertools.product(["before", "after"], range(5)), strict=True):
        inside = (pairs["score"] > fifth) | ((pairs["score"] == 0) & (fifth == 0))
        own = pairs[inside & (pairs["score"] <= fifth + 1) & (pairs["label"] == label)]["cosine"]
        corners = box.get_path().vertices[:, 1]
        np.testing.assert_allclose([corners.min(), corners.max()], np.quantile(own, [0.25, 0.75]))
        middle = np.mean(box.get_path().vertices[:4, 0])
        median = [
            line
            for line in axes.lines
            if line.get_linewidth() == 2 and abs(np.mean(line.get_xdata()) - middle) < 0.01
        ]
        np.testing.assert_allclose(median[0].get_ydata(), np.median(own))
    assert axes.get_title() == "Cosine by human score (2 tasks)"


def test_an_end_of_a_bin_belongs_to_it_and_empty_bins_say_so() -> None:
    scores = [0.0, 0.2, 0.21, 0.6, 1.0]
    pairs = pd.DataFrame({"label": "a", "seed": 0, "task": "LEE", "score": scores, "cosine": 0.5})
    axes = figures.cosine_by_score(pairs, (0, 1), None).axes[0]
    counts = [tick.get_text().splitlines()[1] for tick in axes.get_xticklabels()]
    assert counts == ["2 pairs", "1 pairs", "1 pairs", "0 pairs", "1 pairs"]


def test_pairs_that_cannot_be_compared() -> None:
    pairs = pairs_of("before", 2, 0.1)
    with pytest.raises(InputError, match="different numbers"):
        figures.cosine_by_score(pairs.iloc[:-1], (0, 5), None)
    with pytest.raises(InputError, match="outside the scale"):
        figures.cosine_by_score(pairs, (0, 1), None)


# ------------------------------------------------------------------------------------------------- all of them

LABELS = ["NT-Xent", "ArcCon"]
Draw = Callable[[pd.DataFrame, str | None], Figure]


def history(labels: list[str], seeds: int) -> pd.DataFrame:
    frame = grid(seeds, label=labels, step=[0, 10, 20])
    value = frame["value"]
    return frame.assign(alignment=value / 300, uniformity=-value / 30, dev_spearman=value, loss=value / 1000)


def forest_frame(labels: list[str], seeds: int) -> pd.DataFrame:
    spread = 0.5 if seeds > 1 else np.nan
    rows = [(x, s, 0.2, 0.2 - spread, 0.2 + spread, "undecided", seeds) for s in ("sts", "mteb") for x in labels]
    return pd.DataFrame(rows, columns=["label", "suite", "difference", "low", "high", "verdict", "n"])


FRAMES: dict[str, tuple[Draw, Callable[[list[str], int], pd.DataFrame]]] = {
    "alignment_uniformity": (alignment_uniformity, history),
    "dev_scores": (figures.dev_scores, history),
    "sweep": (
        lambda f, c: figures.sweep(f, "margin", "margin m (°)", "STS", c),
        lambda labels, seeds: grid(seeds, label=labels, margin=[0, 10, 20]),
    ),
    "noise_decline": (
        lambda f, c: figures.noise_decline(f, "STS", c),
        lambda labels, seeds: grid(seeds, label=labels, noise=[0.0, 0.2]),
    ),
    "masked_share": (
        figures.masked_share,
        lambda labels, seeds: grid(seeds, label=labels, metric=["similarity_0", "similarity_40"]),
    ),
    "interaction": (
        lambda f, c: figures.interaction(f, "STS", c),
        lambda labels, seeds: grid(seeds, objective=labels, triplet=[f"triplet, {x}" for x in labels]),
    ),
    "mask_ratio_map": (
        lambda f, c: figures.mask_ratio_map(f, "STS", c),
        lambda labels, seeds: grid(seeds, near=[0.1, 0.2], far=[0.3, 0.4]).iloc[: 3 * seeds],
    ),
    "forest": (lambda f, c: figures.forest(f, "difference to SimCSE (points)", c), forest_frame),
    "cosine_by_score": (
        lambda f, c: figures.cosine_by_score(f, (0, 5), c),
        lambda labels, seeds: pd.concat([pairs_of(label, seeds, 0.1) for label in labels]),
    ),
}
THEORY: dict[str, Callable[[str | None], Figure]] = {
    "decision_boundaries": lambda c: figures.decision_boundaries(10, c),
    "positive_logit": lambda c: figures.positive_logit([0, 10], 0.05, c),
}


def texts(figure: Figure) -> str:
    """All that is written in a figure."""
    return "\n".join(text.get_text() for text in figure.findobj(match=lambda artist: hasattr(artist, "get_text")))


def assert_inside(figure: Figure) -> None:
    figure.canvas.draw()
    inside = figure.bbox.padded(1)
    boxes = [figure.legends[0].get_window_extent(), figure._suptitle.get_window_extent()]
    boxes += [axes.get_tightbbox() for axes in figure.axes]
    for box in boxes:
        assert inside.containsx(box.x0)
        assert inside.containsx(box.x1)
        assert inside.containsy(box.y0)
        assert inside.containsy(box.y1)


@pytest.mark.parametrize("name", FRAMES)
def test_nothing_that_is_printed_leaves_the_figure(name: str) -> None:
    draw, frame_of = FRAMES[name]
    long = [f"{label} with triplets at a ratio of 20 % to 40 %, a long label" for label in LABELS]
    assert_inside(draw(frame_of(long, 3), CAVEAT * 4))


@pytest.mark.parametrize("name", THEORY)
def test_nothing_that_is_printed_leaves_a_figure_of_the_objectives(name: str) -> None:
    assert_inside(THEORY[name](CAVEAT * 4))


@pytest.mark.parametrize("name", FRAMES)
def test_one_seed_is_drawn_and_said(name: str) -> None:
    draw, frame_of = FRAMES[name]
    figure = draw(frame_of(LABELS, 1), CAVEAT)
    assert figure.get_suptitle() == CAVEAT
    said = texts(figure)
    assert any(one in said for one in ("One seed", "(1 seed)", "n = 1"))
    assert "nan" not in said.lower()
    assert " 3 seeds" not in said


@pytest.mark.parametrize("name", FRAMES)
def test_the_number_of_seeds_is_said(name: str) -> None:
    draw, frame_of = FRAMES[name]
    said = texts(draw(frame_of(LABELS, 3), None))
    assert any(three in said for three in ("3 seeds", "n = 3"))


@pytest.mark.parametrize("name", FRAMES)
def test_frames_without_a_column_or_a_line(name: str) -> None:
    draw, frame_of = FRAMES[name]
    frame = frame_of(LABELS, 2)
    with pytest.raises(InputError, match=r"no line|no metric"):
        draw(frame.iloc[:0], None)
    used = {"sweep": "margin", "noise_decline": "noise", "masked_share": "metric", "interaction": "triplet"}
    used |= {"mask_ratio_map": "far", "forest": "verdict", "cosine_by_score": "task"}
    column = used.get(name, "step")
    with pytest.raises(InputError, match=f"lacks the column '{column}'"):
        draw(frame.drop(columns=column), None)


@pytest.mark.parametrize("name", ["sweep", "noise_decline", "masked_share", "interaction", "mask_ratio_map"])
def test_points_that_cannot_be_summarised(name: str) -> None:
    draw, frame_of = FRAMES[name]
    frame = frame_of(LABELS, 2)
    with pytest.raises(InputError, match="two lines"):
        draw(pd.concat([frame, frame]), None)
    with pytest.raises(InputError, match="finite"):
        draw(frame.assign(value=np.nan), None)


@pytest.mark.parametrize("name", [*FRAMES, *THEORY])
def test_the_same_frame_gives_the_same_bytes(name: str, tmp_path: Path) -> None:
    def draw() -> Figure:
        return THEORY[name](None) if name in THEORY else FRAMES[name][0](FRAMES[name][1](LABELS, 3), None)

    first, again = save(draw(), tmp_path / "a" / name), save(draw(), tmp_path / "b" / name)
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
