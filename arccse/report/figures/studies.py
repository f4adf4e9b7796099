"""Figures of a study: its scores against what it varies. Every number comes with its interval and its seeds.

Points are one line a run: the columns label and seed, value (the score that is drawn) and where it is drawn.
Intervals are the 95 % intervals of `statistics.summarise`; one seed has none.
"""

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from arccse.errors import InputError
from arccse.report.blocks import difference, interval
from arccse.report.figures.axis import Axis
from arccse.report.figures.drawing import (
    HATCHES,
    curve_style,
    describe,
    legend,
    new_figure,
    require,
    seeds_text,
)
from arccse.statistics import Summary, summarise

LETTERS = 60  # of all names of places that fit beside each other on an axis
MOST_TICKS = 15  # with a name each


def sweep(points: pd.DataFrame, axis: Axis, measure: str, caveat: str | None, baseline: str | None = None) -> Figure:
    """A score against one hyperparameter: mean, interval and every seed's dots, a line for each label.

    Seeds differ in level, so that the means' intervals can overlap where every seed changes alike: beside the scores
    stand the differences to a baseline, seed by seed.

    Args:
        points: columns label, seed, value, place (on the axis). For temperature × margin, labels are the
            temperatures and the axis is the margin.
        axis: the swept hyperparameter, which names its places.
        measure: what the vertical axis says.
        caveat: printed above the panels.
        baseline: the name of the row whose values at the same seed are the points' column `baseline` (NaN where it
            has none); None: no second panel.

    Raises:
        InputError: an absent column, no line, no finite number, two lines for one label, seed and place.
    """
    _check(points, ["label", "place"], numbers=["place"])
    names = axis.categories
    with new_figure(_width(max(6.4, 1.4 + 0.45 * len(names)), baseline), 4.2, caveat) as figure:
        panels, lines, counts = _paired(figure, points, "place", measure, baseline)
        for axes in panels:
            if names:
                axes.set_xticks(range(len(names)), names)
                if max(map(len, names)) * len(names) > LETTERS:
                    axes.tick_params(axis="x", labelrotation=30, labelrotation_mode="xtick")
                axes.set_xlim(-0.4, len(names) - 0.6)
            axes.set_xlabel(axis.title)
        _legend(figure, lines, counts)
    return figure


def noise_decline(points: pd.DataFrame, measure: str, caveat: str | None) -> Figure:
    """How a score falls as positives are replaced by other sentences, an objective a line.

    The left panel has the scores, the right one the change against the same seed without noise, if there is one, so
    that the seeds' own level is out of it: the distance of two lines there is the difference of differences.

    Args:
        points: columns label (the objective), seed, noise (share of the positives, 0 to 1), value.
        measure: what is scored, as the axes say it.
        caveat: printed above the panels.

    Raises:
        InputError: an absent column, no line, no finite number, two lines for one label, seed and noise, no seed at
            noise 0 at all.
    """
    _check(points, ["label", "noise"], numbers=["noise"])
    points = points.assign(noise=100 * points["noise"])
    clean = points[points["noise"] == 0].rename(columns={"value": "clean"})[["label", "seed", "clean"]]
    if clean.empty:
        raise InputError("The table of points has no seed at noise 0, from which it could decline.")
    changes = points.merge(clean, on=["label", "seed"])
    changes["value"] -= changes["clean"]
    with new_figure(11, 4.2, caveat) as figure:
        scores, declines = figure.subplots(1, 2)
        lines, counts = _lines(scores, points, "noise")
        counts += _lines(declines, changes, "noise", list(lines))[1]
        noise = "positives replaced by another sentence (%)"
        describe(scores, "Score", noise, measure)
        describe(declines, "Change against the same seed without noise", noise, f"change of {measure}")
        declines.axhline(0, color="0.5", linewidth=1, zorder=1)
        _legend(figure, lines, counts)
    return figure


def masked_share(scores: pd.DataFrame, caveat: str | None, baseline: str | None = None) -> Figure:
    """Mean cosine of a sentence and itself with a growing share masked: does it fall, and how evenly.

    Args:
        scores: suite `order`'s scores: columns label, seed, metric, value; the metrics similarity_0,
            similarity_10, … (share masked in %; mean cosine × 100) are drawn, others are not looked at.
        caveat: printed above the panels.
        baseline: as `sweep` takes it, with the column.

    Raises:
        InputError: an absent column, no such metric, no finite number, two lines for one label, seed and metric.
    """
    require(scores, ["label", "seed", "metric", "value"], "scores")
    share = scores["metric"].str.extract(r"^similarity_(\d+)$", expand=False)
    points = scores.assign(share=share.astype(float)).dropna(subset="share")
    if points.empty:
        raise InputError("The table of scores has no metric similarity_<share>, as suite order writes them.")
    _check(points, ["label", "share"])
    with new_figure(_width(6.4, baseline), 4.2, caveat) as figure:
        panels, lines, counts = _paired(figure, points, "share", "mean cosine × 100", baseline)
        panels[0].set_title("Similarity to the whole sentence")
        for axes in panels:
            axes.set_xlabel("words masked (%)")
        _legend(figure, lines, counts)
    return figure


def interaction(
    points: pd.DataFrame,
    effect: dict[str, Any] | None,
    measure: str,
    caveat: str | None,
    baseline: str | None = None,
) -> Figure:
    """The 2 × 2 design of objective and triplet: lines that are parallel mean that the effects add up.

    The title has the interaction, the difference of the two differences, as the table of comparisons has it.

    Args:
        points: columns objective, triplet (two different values each, drawn in their order of appearance),
            seed, value.
        effect: difference, low, high, n, comparisons and text of the interaction, as comparisons.compare_study gives
            them; None where the rows make no factorial design.
        measure: what the vertical axis says.
        caveat: printed above the panels.
        baseline: as `sweep` takes it, with the column.

    Raises:
        InputError: an absent column, no line, no finite number, two lines for one cell and seed, other than two
            objectives and two kinds of triplet, an empty cell.
    """
    _check(points, ["objective", "triplet"])
    objectives, triplets = list(points["objective"].unique()), list(points["triplet"].unique())
    cells = points.pivot(index=["objective", "triplet"], columns="seed", values="value")
    if not (len(objectives) == len(triplets) == 2 and len(cells) == 4):
        raise InputError(
            f"An interaction needs all four cells of two objectives and two kinds of triplet, got {len(cells)} cells:"
            f" {', '.join(map(str, objectives))}; {', '.join(map(str, triplets))}."
        )
    with new_figure(_width(6.4, baseline), 4.4, caveat) as figure:
        drawn = points.assign(label=points["triplet"], place=points["objective"].map(objectives.index))
        # the lines can be the same but for what they stand apart
        panels, lines, counts = _paired(figure, drawn, "place", measure, baseline, apart=0.06)
        panels[0].set_title(textwrap.fill(_interaction_text(effect), 55) if effect else "")
        for axes in panels:
            axes.set_xticks([0, 1], [textwrap.fill(str(objective), 25) for objective in objectives])
            axes.set_xlim(-0.25, 1.25)
        _legend(figure, lines, counts)
    return figure


def mask_ratio_map(points: pd.DataFrame, measure: str, caveat: str | None) -> Figure:
    """A heat map of near × far mask ratio: each cell's mean, interval and number of seeds.

    Args:
        points: columns near, far (shares masked, 0 < near < far < 1), seed, value.
        measure: what the colours say.
        caveat: printed above the panel.

    Raises:
        InputError: an absent column, no line, no finite number, two lines for one cell and seed, near not below far.
    """
    _check(points, ["near", "far"], numbers=["near", "far"])
    if (points["near"] >= points["far"]).any():
        raise InputError("The table of points has a mask ratio 'near' that is not below its 'far'.")
    nears, fars = sorted(points["near"].unique()), sorted(points["far"].unique())
    cells = {key: summarise(own["value"].to_numpy(float)) for key, own in points.groupby(["near", "far"])}
    means = np.array([[cells[n, f].mean if (n, f) in cells else np.nan for n in nears] for f in fars])
    empty = [(n, f) for n in nears for f in fars if n < f and (n, f) not in cells]
    scale, light = _colour_scale(means)
    with new_figure(max(5.5, 1.9 + 1.15 * len(nears)), max(3.4, 1 + 0.75 * len(fars)), caveat) as figure:
        axes = figure.subplots()
        axes.grid(False)
        # Cividis goes from dark to light for every kind of eye, and in grey.
        mesh = axes.pcolormesh(means, cmap="cividis", norm=scale, edgecolor="white", linewidth=1)
        figure.colorbar(mesh, ax=axes, label=measure)
        for (near, far), cell in cells.items():
            x, y, colour = nears.index(near) + 0.5, fars.index(far) + 0.5, "black" if cell.mean > light else "white"
            axes.text(x, y, _cell_text(cell), color=colour, ha="center", va="center", fontsize=9)
        for near, far in empty:
            axes.add_patch(Rectangle((nears.index(near), fars.index(far)), 1, 1, **NOT_RUN))
        axes.set_xticks(np.arange(len(nears)) + 0.5, [f"{100 * near:g}" for near in nears])
        axes.set_yticks(np.arange(len(fars)) + 0.5, [f"{100 * far:g}" for far in fars])
        describe(axes, "", "near: masked (%)", "far: masked (%)")
        names = ["not run (blank: near is not below far)"]
        legend(figure, ([Patch(**NOT_RUN)], names), "Mean, its 95 % interval, number of seeds.")
    return figure


# ------------------------------------------------------------------------------------------------- their parts

NOT_RUN: dict[str, Any] = {"facecolor": "white", "edgecolor": "0.6", "hatch": HATCHES[1], "linewidth": 0}


def _check(points: pd.DataFrame, cell: Sequence[str], numbers: Sequence[str] = ()) -> None:
    """InputError unless points have their columns, finite numbers, and one line for each cell and seed."""
    require(points, [*cell, "seed", "value"], "points", numbers=[*numbers, "value"])
    if points.duplicated([*cell, "seed"]).any():
        raise InputError(f"The table of points has two lines for one seed and the same {' and '.join(cell)}.")


Lines = dict[str, ErrorbarContainer]  # label → what stands for it in a legend


def _lines(
    axes: Axes, points: pd.DataFrame, x: str, order: Sequence[str] | None = None, apart: float = 0.015
) -> tuple[Lines, list[int]]:
    """A line of means with intervals for each label, and a thin one for each seed; lines and numbers of seeds.

    Labels stand side by side, this share of the axis apart.
    """
    labels, places = order or list(points["label"].unique()), np.sort(points[x].unique())
    # intervals on top of each other can't be read; closer where places are close
    step = apart * min(np.ptp(places), 2.5 * np.diff(places).min()) if len(places) > 1 else 1e-11
    shifts = step * (np.arange(len(labels)) - (len(labels) - 1) / 2)
    lines: Lines = {}
    counts = []
    for index, (label, shift) in enumerate(zip(labels, shifts, strict=True)):
        own = points[points["label"] == label]
        if own.empty:
            continue
        cells = {place: summarise(group["value"].to_numpy(float)) for place, group in own.groupby(x)}
        means = np.array([cell.mean for cell in cells.values()])
        ends = np.array([(cell.mean - cell.low, cell.high - cell.mean) for cell in cells.values()])
        style = curve_style(index, len(cells))
        # A seed's own thin line: seeds differ in level, and what is compared is how each of them changes.
        for _, seed in own.sort_values(x).groupby("seed"):
            axes.plot(
                seed[x] + shift,
                seed["value"],
                color=style["color"],
                linewidth=0.6,
                marker=".",
                markersize=6,
                alpha=0.4,
            )
        lines[str(label)] = axes.errorbar(
            np.array(list(cells)) + shift, means, yerr=ends.T, label=str(label), capsize=2, **style
        )
        counts += [cell.n for cell in cells.values()]
    if len(places) <= MOST_TICKS:
        axes.set_xticks(places, [f"{place:g}" for place in places])
    return lines, counts


def _width(one: float, baseline: str | None) -> float:
    """Of a figure, in inches, whose only panel would have the width `one`."""
    return one if baseline is None else 1.75 * one


def _paired(
    figure: Figure, points: pd.DataFrame, x: str, measure: str, baseline: str | None, apart: float = 0.015
) -> tuple[list[Axes], Lines, list[int]]:
    """A panel of scores and, where a seed has a baseline, one of differences to it; lines and numbers of seeds."""
    changes = points.iloc[:0]
    if baseline is not None:
        require(points, ["baseline"], "points")
        changes = points.assign(value=points["value"] - points["baseline"]).dropna(subset="value")
    panels = list(figure.subplots(1, 1 if changes.empty else 2, squeeze=False)[0])
    lines, counts = _lines(panels[0], points, x, apart=apart)
    panels[0].set_ylabel(measure)
    for axes in panels[1:]:
        counts += _lines(axes, changes, x, list(lines), apart)[1]
        axes.axhline(0, color="0.5", linewidth=1, zorder=1)
        axes.set_title(textwrap.fill(f"Difference to {baseline}, seed by seed", 45))
        axes.set_ylabel(f"difference of {measure}")
    return panels, lines, counts


def _legend(figure: Figure, lines: Lines, counts: Sequence[int]) -> None:
    note = f"Lines: mean over seeds. Bars: its 95 % interval, each for itself. Thin: the {seeds_text(counts)}."
    legend(figure, (list(lines.values()), list(lines)), note if max(counts) > 1 else "One seed: no intervals.")


def _interaction_text(effect: dict[str, Any]) -> str:
    low, high = effect["low"], effect["high"]
    if not effect["n"]:
        return f"Interaction {effect['text']}"
    several = effect["comparisons"] > 1
    adjusted = f", adjusted for {effect['comparisons']} comparisons" if several else ""
    ends = "" if np.isnan(low) else f" (95 % interval {interval(low, high)}{adjusted})"
    return f"Interaction {difference(effect['difference'], low, high)}{ends}, {seeds_text([effect['n']])}"


def _colour_scale(means: np.ndarray) -> tuple[Normalize, float]:
    """The scale of colours, and the value from which on black is read better than white on cividis."""
    low, high = float(np.nanmin(means)), float(np.nanmax(means))
    short = max(0.0, 1 - (high - low)) / 2  # at least a point wide: else equal means would have the extreme colours
    low, high = low - short, high + short
    return Normalize(low, high), low + 0.45 * (high - low)


def _cell_text(cell: Summary) -> str:
    interval = f"\n{cell.low:.1f} to {cell.high:.1f}" if np.isfinite(cell.low) else ""
    return f"{cell.mean:.2f}{interval}\nn = {cell.n}"
