"""Figures of what happens during training, from the runs' histories."""

import math
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from arccse.errors import InputError
from arccse.report import matched
from arccse.report.figures.drawing import curve_style, describe, legend, new_figure, require, seeds_text
from arccse.statistics import summarise


def alignment_uniformity(histories: pd.DataFrame, caveat: str | None) -> Figure:
    """Alignment and uniformity over training, and the path of training in the plane of the two.

    Lines are means over seeds; where a label has two seeds or more, a band reaches from the lowest to the
    highest. Only the steps at which every seed of a label was measured are drawn, since a mean over changing
    seeds would jump.

    Args:
        histories: columns label, seed, step, alignment (E‖z − z⁺‖²), uniformity (log E e^{−2‖z − w‖²}), both
            on the unit sphere, NaN at steps without a measurement; other columns are not looked at. Labels
            are drawn in their order of appearance.
        caveat: printed above the panels.

    Raises:
        InputError: an absent column, two lines for one label, seed and step, no line at all, a label without a
            common step.

    Source: Wang and Isola, "Understanding contrastive representation learning through alignment and
    uniformity on the hypersphere", ICML 2020; drawn as in Gao et al., "SimCSE", EMNLP 2021, figures 2 and 3.
    """
    curves = _curves(histories, ["alignment", "uniformity"])
    with new_figure(12, 4, caveat) as figure:
        over_alignment, over_uniformity, plane = figure.subplots(1, 3)
        for index, (label, measures) in enumerate(curves.items()):
            style = curve_style(index, len(measures["alignment"]), len(curves))
            _over_steps(over_alignment, measures["alignment"], label, style)
            _over_steps(over_uniformity, measures["uniformity"], label, style)
            _path(plane, measures, label, style)
        describe(over_alignment, "Alignment over training", "training step", "alignment (lower is better)")
        describe(over_uniformity, "Uniformity over training", "training step", "uniformity (lower is better)")
        describe(plane, "Path of training", "alignment (lower is better)", "uniformity (lower is better)")
        handles, names = _entries(over_alignment)
        names += ["start of the path", "end of the path"]
        handles += [_end_mark(face="white", edge="0.4"), _end_mark(face="0.4", edge="black")]
        legend(figure, (handles, names), _band_note(over_alignment))
    return figure


def dev_scores(histories: pd.DataFrame, caveat: str | None) -> Figure:
    """Spearman on the dev set and the loss over training: mean and, from two seeds on, lowest to highest.

    As in `alignment_uniformity`, each curve has only the steps at which all seeds of its label were measured.

    Args:
        histories: columns label, seed, step, dev_spearman (× 100), loss (> 0; NaN where there is none, as at
            step 0). Losses of objectives with other terms or margins are on other scales, which the figure says.
        caveat: printed above the panels.

    Raises:
        InputError: an absent column, two lines for one label, seed and step, no line at all, a label without a
            step at which all of its seeds have the score, or the loss.
    """
    scores, losses = _curves(histories, ["dev_spearman"]), _curves(histories, ["loss"])
    with new_figure(10, 4, caveat) as figure:
        over_scores, over_losses = figure.subplots(1, 2)
        for index, label in enumerate(scores):
            score, loss = scores[label]["dev_spearman"], losses[label]["loss"]
            _over_steps(over_scores, score, label, curve_style(index, len(score), len(scores)))
            _over_steps(over_losses, loss, label, curve_style(index, len(loss), len(scores)))
        describe(over_scores, "Score on the dev set", "training step", "dev Spearman × 100 (higher is better)")
        describe(over_losses, "Training loss", "training step", "loss, on each objective's own scale")
        over_losses.set_yscale("log")
        # the defaults, powers of ten, would be formulas
        over_losses.yaxis.set_major_formatter("{x:g}")
        over_losses.yaxis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:e}"[0] in "25" else "")
        legend(figure, _entries(over_scores), _band_note(over_scores))
    return figure


def matched_comparisons(histories: pd.DataFrame, baseline: str, caveat: str | None) -> Figure:
    """Every label against a baseline: at equal steps, in its steps to the baseline's score, at equal uniformity.

    On the left the gain in dev score at each step; in the middle each seed's steps to the best dev score of the
    baseline's run of that seed; on the right the alignment less the baseline's, at the uniformity that the baseline
    has at each of its steps. Means are over the common seeds, on the steps at which each of them has a difference, on
    the right at which half of them have, with 95 % intervals from two seeds on. Where a seed never reaches the score,
    its row has no mean.

    Args:
        histories: columns label, seed, step, dev_spearman (× 100), alignment and uniformity (not × 100, NaN at steps
            without a measurement).
        baseline: the label that the others are compared with.
        caveat: printed above the panels.

    Raises:
        InputError: an absent column, two lines for one label, seed and step, no line at all, none of the baseline or
            of another label, a label without a step at which it and the baseline have all common seeds' scores.
    """
    own = _by_label(histories, ["dev_spearman", "alignment", "uniformity"])
    if baseline not in own or len(own) == 1:
        raise InputError(f"The histories are of {', '.join(own)} alone, so nothing is compared with '{baseline}'.")
    curves = len(own)
    first = own.pop(baseline)
    with new_figure(12, 4, caveat) as figure:
        at_steps, to_score, at_uniformity = figure.subplots(1, 3)
        reached = _steps_to_score(to_score, first, first, 0)
        for place, (label, other) in enumerate(own.items(), start=1):
            gains = matched.gains(first, other).dropna()
            if gains.empty:
                raise InputError(f"'{label}' and '{baseline}' have no step with the scores of all common seeds.")
            style = curve_style(place, len(gains), curves)
            _differences(at_steps, gains, label, style)
            _differences(at_uniformity, of_half(matched.alignment_differences(first, other)), label, style)
            reached &= _steps_to_score(to_score, first, other, place)
        describe(at_steps, "Gain at equal steps", "training step", "dev Spearman × 100, less the baseline's")
        describe(to_score, "Steps to the baseline's best score", "training step (a mark for each seed)", "")
        describe(
            at_uniformity,
            "Alignment at equal uniformity",
            "the baseline's step of this uniformity,\nwhere half of the seeds have both",
            "alignment × 100, less the baseline's\n(lower is better)",
        )
        to_score.set(xlim=(0, None), ylim=(len(own) + 0.6, -0.6))
        to_score.set_yticks(range(curves), [textwrap.fill(label, 18) for label in (baseline, *own)], fontsize=8)
        to_score.tick_params(axis="y", length=0)
        to_score.grid(False, axis="y")
        handles, names = _entries(at_steps)
        for axes in (at_steps, at_uniformity):
            axes.axhline(0, color="0.5", linewidth=1, zorder=1)
        entries = [to_score.lines[0], *handles], [f"{baseline}, the baseline", *names]
        hollow = "" if reached else " Hollow marks: not reached by the last step."
        legend(figure, entries, _mean_note(at_steps) + hollow)
    return figure


def _curves(histories: pd.DataFrame, measures: Sequence[str]) -> dict[str, dict[str, pd.DataFrame]]:
    """Label → measure → a frame of steps × seeds, on the steps at which all seeds have all the measures."""
    found = {}
    for label, own in _by_label(histories, measures).items():
        seeds = own["seed"].unique()
        own = own.dropna(subset=list(measures))
        curves = {
            measure: own.pivot(index="step", columns="seed", values=measure).reindex(columns=seeds).dropna()
            for measure in measures
        }
        if curves[measures[0]].empty:
            raise InputError(f"There is no step at which all seeds of '{label}' have {' and '.join(measures)}.")
        found[label] = curves
    return found


def _by_label(histories: pd.DataFrame, measures: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Each label's lines, at most one for a seed and step."""
    require(histories, ["label", "seed", "step", *measures], "histories")
    for label in histories.loc[histories.duplicated(["label", "seed", "step"]), "label"]:
        raise InputError(f"The histories have two lines for one seed and step of '{label}'.")
    return {str(label): own for label, own in histories.groupby("label", sort=False)}


def _over_steps(axes: Axes, values: pd.DataFrame, label: str, style: dict[str, Any]) -> None:
    seeds = len(values.columns)
    steps = values.index.to_numpy()
    axes.plot(steps, values.mean(axis=1).to_numpy(), label=f"{label} ({seeds_text([seeds])})", **style)
    if seeds > 1:
        low, high = values.min(axis=1).to_numpy(), values.max(axis=1).to_numpy()
        axes.fill_between(steps, low, high, color=style["color"], alpha=0.2, linewidth=0)


def _entries(axes: Axes) -> tuple[list[Artist], list[str]]:
    """Lines and their labels; matplotlib's own function would leave labels out that begin with an underscore."""
    return list(axes.lines), [str(line.get_label()) for line in axes.lines]


def _band_note(axes: Axes) -> str:
    return "Lines: mean over seeds. Bands: lowest to highest seed." if axes.collections else "One seed: no bands."


def _path(axes: Axes, measures: dict[str, pd.DataFrame], label: str, style: dict[str, Any]) -> None:
    x = measures["alignment"].mean(axis=1).to_numpy()
    y = measures["uniformity"].mean(axis=1).to_numpy()
    axes.plot(x, y, label=label, **style)
    ends = {
        "color": style["color"],
        "marker": style["marker"],
        "linestyle": "none",
        "markersize": 10,
        "zorder": 3,
    }
    axes.plot(x[:1], y[:1], markerfacecolor="white", markeredgewidth=1.6, **ends)
    axes.plot(x[-1:], y[-1:], markeredgecolor="black", **ends)


def of_half(differences: pd.DataFrame) -> pd.DataFrame:
    """(steps, seeds) differences at the steps at which at least half of the seeds have one."""
    return differences.dropna(thresh=math.ceil(len(differences.columns) / 2))


def _differences(axes: Axes, values: pd.DataFrame, label: str, style: dict[str, Any]) -> None:
    """Means of (steps, seeds) differences, as far as there are any, and, from two seeds on, their intervals."""
    seeds = len(values.columns)
    steps, found = values.index.to_numpy(), [summarise(own[~np.isnan(own)]) for own in values.to_numpy()]
    axes.plot(steps, [one.mean for one in found], label=f"{label} ({seeds_text([seeds])})", **style)
    if seeds > 1:
        low, high = [one.low for one in found], [one.high for one in found]
        axes.fill_between(steps, low, high, color=style["color"], alpha=0.2, linewidth=0)


def _steps_to_score(axes: Axes, first: pd.DataFrame, other: pd.DataFrame, place: int) -> bool:
    """A mark for each seed, hollow at the last step where it did not reach the score; their mean if all of them did.

    Returns:
        Whether all of them did.
    """
    steps = matched.compare_seeds(first, other)["steps_to_score"].to_numpy()
    reached = np.isfinite(steps)
    heights = place + np.linspace(-0.3, 0.3, len(steps) + 2)[1:-1]
    style = curve_style(place, len(steps)) | {"linestyle": "none", "markevery": 1}
    axes.plot(steps[reached], heights[reached], **style)
    axes.plot(np.full(len(steps), other["step"].max())[~reached], heights[~reached], markerfacecolor="white", **style)
    if reached.all() and len(steps) > 1:
        mean = summarise(steps)
        ends = [place - 0.3, place + 0.3]
        axes.plot([mean.mean] * 2, ends, color=style["color"], linewidth=style["linewidth"])
        axes.fill_betweenx(ends, mean.low, mean.high, color=style["color"], alpha=0.2, linewidth=0)
    return bool(reached.all())


def _mean_note(axes: Axes) -> str:
    return "Lines: mean over seeds. Bands: 95 % interval of the mean." if axes.collections else "One seed: no bands."


def _end_mark(face: str, edge: str) -> Line2D:
    return Line2D([], [], marker="o", linestyle="none", markersize=9, markerfacecolor=face, markeredgecolor=edge)
