"""The figure of single sentence pairs: what a training does to the cosines."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from arccse.errors import InputError
from arccse.report.figures.drawing import COLOURS, HATCHES, describe, legend, new_figure, require, seeds_text

BINS = 5  # of equal width over the scale of human scores


def cosine_by_score(
    pairs: pd.DataFrame | None, runs: dict[str, list[str]], scale: tuple[float, float], caveat: str | None
) -> Figure:
    """How the cosines of sentence pairs lie at each human score, label beside label (before and after training).

    Each fifth of the scale has a box for each label: the quartiles and, as whiskers, the 5th and 95th percentile
    of all pairs of all tasks and runs that are given. A bin holds its upper end, the first one both ends.

    Args:
        pairs: a line a pair: columns task, score (human), and the cosines of each run in a column of its own. All
            tasks are counted on one scale; SICK-R's 1 to 5 fits that of the others.
        runs: label → the columns of its runs, a seed each; labels are drawn in their order.
        scale: lowest and highest possible human score.
        caveat: printed above the panel.

    Raises:
        InputError: no pairs, no run, an absent column, no finite number, a score outside the scale.
    """
    if pairs is None or not runs:
        raise InputError("There are no rated pairs of these runs, so there is no figure to draw from them.")
    columns = [column for own in runs.values() for column in own]
    require(pairs, ["task", "score", *columns], "pairs", numbers=["score", *columns])
    low, high = scale
    if not pairs["score"].between(low, high).all():
        bad = pairs.loc[~pairs["score"].between(low, high), "score"].iloc[0]
        raise InputError(f"The table of pairs has a score of {bad:g}, outside the scale from {low:g} to {high:g}.")
    edges = np.linspace(low, high, BINS + 1)
    # Behind a bin's number: the upper ends that lie below the score, so that an end itself counts to its own bin.
    bins = np.searchsorted(edges[1:-1], pairs["score"], side="left")
    tasks = pairs["task"].nunique()
    with new_figure(9, 4.4, caveat) as figure:
        axes = figure.subplots()
        handles: list[Artist] = []
        for index, own in enumerate(runs.values()):
            cosines = [pairs.loc[bins == b, own].to_numpy().ravel() for b in range(BINS)]
            handles.append(_boxes(axes, cosines, index, len(runs)))
        sizes = np.bincount(bins, minlength=BINS)
        ends = [f"{a:g} to {b:g}\n{n:,} pairs" for a, b, n in zip(edges[:-1], edges[1:], sizes, strict=True)]
        axes.set_xticks(range(BINS), ends)
        axes.grid(False, axis="x")
        axes.set_xlim(-0.5, BINS - 0.5)
        title = f"Cosine by human score ({tasks} task{'s' * (tasks > 1)})"
        describe(axes, title, "human score", "cosine of the two sentences")
        names = [f"{label} ({seeds_text([len(own)])})" for label, own in runs.items()]
        note = "Boxes: quartiles and median; whiskers: 5th to 95th percentile of all pairs and seeds."
        legend(figure, (handles, names), note)
    return figure


def _boxes(axes: Axes, cosines: list[np.ndarray], index: int, labels: int) -> Patch:
    """The index-th label's boxes, one for each bin that has pairs; returns what stands for them in the legend."""
    bins = [b for b, own in enumerate(cosines) if len(own)]
    width = 0.8 / labels
    colour = COLOURS[index % len(COLOURS)]
    hatch = HATCHES[index % len(HATCHES)]
    look: dict[str, Any] = {"facecolor": to_rgba(colour, 0.35), "edgecolor": colour, "hatch": hatch}
    axes.boxplot(
        [cosines[b] for b in bins],
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
