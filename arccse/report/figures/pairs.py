"""The figure of single sentence pairs: what a training does to the cosines."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from arccse.errors import InputError
from arccse.report.figures.drawing import COLOURS, HATCHES, describe, legend, new_figure, require, seeds_text

BINS = 5  # of equal width over the scale of human scores


def cosine_by_score(pairs: pd.DataFrame, scale: tuple[float, float], caveat: str | None) -> Figure:
    """How the cosines of sentence pairs lie at each human score, label beside label (before and after training).

    Each fifth of the scale has a box for each label: the quartiles and, as whiskers, the 5th and 95th percentile
    of all pairs of all tasks and seeds that are given. A bin holds its upper end, the first one both ends.

    Args:
        pairs: columns label, seed, task, score (human), cosine; a line a pair and run. Labels are drawn in their
            order of appearance. All tasks are counted on one scale; SICK-R's 1 to 5 fits that of the others.
        scale: lowest and highest possible human score.
        caveat: printed above the panel.

    Raises:
        InputError: an absent column, no line, no finite number, a score outside the scale, runs with different
            numbers of pairs in a bin, which cannot have been scored on the same pairs.
    """
    require(pairs, ["label", "seed", "task", "score", "cosine"], "pairs", numbers=["score", "cosine"])
    low, high = scale
    if not pairs["score"].between(low, high).all():
        bad = pairs.loc[~pairs["score"].between(low, high), "score"].iloc[0]
        raise InputError(f"The table of pairs has a score of {bad:g}, outside the scale from {low:g} to {high:g}.")
    edges = np.linspace(low, high, BINS + 1)
    # Behind a bin's number: the upper ends that lie below the score, so that an end itself counts to its own bin.
    binned = pairs.assign(bin=np.searchsorted(edges[1:-1], pairs["score"], side="left"))
    sizes = _pairs_per_bin(binned)
    tasks = pairs["task"].nunique()
    with new_figure(9, 4.4, caveat) as figure:
        axes = figure.subplots()
        labels = list(pairs["label"].unique())
        handles = [_boxes(axes, binned[binned["label"] == label], i, len(labels)) for i, label in enumerate(labels)]
        seeds = [pairs.loc[pairs["label"] == label, "seed"].nunique() for label in labels]
        ends = [f"{a:g} to {b:g}\n{n:,} pairs" for a, b, n in zip(edges[:-1], edges[1:], sizes, strict=True)]
        axes.set_xticks(range(BINS), ends)
        axes.grid(False, axis="x")
        axes.set_xlim(-0.5, BINS - 0.5)
        title = f"Cosine by human score ({tasks} task{'s' * (tasks > 1)})"
        describe(axes, title, "human score", "cosine of the two sentences")
        names = [f"{label} ({seeds_text([n])})" for label, n in zip(labels, seeds, strict=True)]
        note = "Boxes: quartiles and median; whiskers: 5th to 95th percentile of all pairs and seeds."
        legend(figure, (handles, names), note)
    return figure


def _pairs_per_bin(binned: pd.DataFrame) -> list[int]:
    counts = binned.groupby(["label", "seed"], sort=False)["bin"].value_counts().unstack(fill_value=0)
    differing = counts.columns[counts.nunique() > 1]
    if len(differing):
        raise InputError("The table of pairs has runs with different numbers of pairs, so they can't be compared.")
    return [int(counts[b].iloc[0]) if b in counts else 0 for b in range(BINS)]


def _boxes(axes: Axes, own: pd.DataFrame, index: int, labels: int) -> Patch:
    """The index-th label's boxes, one for each bin that has pairs; returns what stands for them in the legend."""
    bins = sorted(own["bin"].unique())
    width = 0.8 / labels
    colour = COLOURS[index % len(COLOURS)]
    hatch = HATCHES[index % len(HATCHES)]
    look: dict[str, Any] = {"facecolor": to_rgba(colour, 0.35), "edgecolor": colour, "hatch": hatch}
    axes.boxplot(
        [own.loc[own["bin"] == b, "cosine"].to_numpy() for b in bins],
        positions=[b + (index - (labels - 1) / 2) * width for b in bins],
        widths=0.85 * width,
        whis=(5, 95),
        showfliers=False,
        patch_artist=True,
        boxprops=look,
        medianprops={"color": "black", "linewidth": 2},
        whiskerprops={"color": colour},
        capprops={"color": colour},
    )
    return Patch(**look)
