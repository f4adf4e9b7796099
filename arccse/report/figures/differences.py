"""The forest plot: all paired differences of a study, with their intervals and verdicts."""

import textwrap
from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from arccse.errors import InputError
from arccse.report.blocks import difference, interval
from arccse.report.figures.axis import far_off, reach
from arccse.report.figures.drawing import describe, legend, new_figure, require

MOST_DIFFERENCES = 100  # in a forest's group; the table has them all
FACES = {"higher or lower": "black", "equivalent": "0.7", "undecided": "white"}  # of a forest's marks, inside


def forest(differences: pd.DataFrame, measure: str, caveat: str | None, equivalence: float | None = None) -> Figure:
    """All paired differences of a study, from top to bottom, in groups by suite.

    The axis has the range of the trained rows, as an untrained one far off would leave them no room (nor, of many,
    any one far off): an arrow at the edge stands for what lies beyond, and the numbers at the right say where.

    Args:
        differences: columns label, suite, difference, low, high (NaN where there are too few seeds), verdict, n
            (seeds), comparisons (that the interval is adjusted for), untrained (whether the row is). Marks are black
            where the verdict is higher or lower, grey where it is equivalent, and hollow otherwise.
        measure: what the horizontal axis says, such as "difference to SimCSE (points)".
        caveat: printed above the panel.
        equivalence: the largest difference that does not matter, a band where the axis reaches so far.

    Raises:
        InputError: an absent column, no line, a difference or n that is no finite number, two lines for one label
            and suite.
    """
    require(
        differences,
        ["label", "suite", "difference", "low", "high", "verdict", "n", "comparisons", "untrained"],
        "differences",
        numbers=["difference", "n", "comparisons"],
    )
    if differences.duplicated(["label", "suite"]).any():
        raise InputError("The table of differences has two lines for one label and suite.")
    shown = pd.concat([_largest(group) for _, group in differences.groupby("suite", sort=False)])
    shown = shown.assign(aside=_aside(shown))
    left_out = len(differences) - len(shown)
    labels = {label: textwrap.fill(str(label), 45) for label in shown["label"]}
    row_height = 0.14 + 0.16 * max(1 + label.count("\n") for label in labels.values())
    groups = list(shown.groupby("suite", sort=False))
    with new_figure(9, 0.9 + row_height * (len(shown) + len(groups)), caveat) as figure:
        axes = figure.subplots()
        axes.axvline(0, color="0.4", linewidth=1, zorder=1)
        axes.set_xlim(*(ends := _range(shown, equivalence)))
        # longer labels are fewer, so that they do not lie on each other
        axes.locator_params(axis="x", nbins=5 if ends[1] - ends[0] > 0.1 else 4)
        names: list[str] = []
        headings = []
        for suite, group in groups:
            headings.append(len(names))
            names.append(str(suite))
            for row in group.to_dict("records"):
                _difference(axes, row, ends, place=len(names))
                names.append(labels[row["label"]])
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.4, -0.6)
        for heading in headings:
            axes.get_yticklabels()[heading].set_fontweight("bold")
        axes.tick_params(axis="y", length=0)
        axes.grid(False, axis="y")
        describe(axes, "", measure, "")
        meanings = {meaning(verdict) for verdict in shown["verdict"]}
        handles: dict[str, Artist] = {name: _mark(face) for name, face in FACES.items() if name in meanings}
        if equivalence is not None and -equivalence > ends[0] and equivalence < ends[1]:
            handles[f"within ± {equivalence:g}"] = axes.axvspan(-equivalence, equivalence, color="0.93", zorder=0)
        if any(low < ends[0] or high > ends[1] for low, high in map(_reaches, shown.to_dict("records"))):
            only = "" if (shown["aside"] & ~shown["untrained"]).any() else "untrained, "
            handles[f"{only}beyond the axis"] = _mark("black", "<")
        note = f"Mean of the paired differences and its 95 % interval{_adjusted(shown['comparisons'])}."
        note += f" Not shown: the {left_out} smallest differences." if left_out else ""
        legend(figure, (list(handles.values()), list(handles)), note)
    return figure


def _aside(shown: pd.DataFrame) -> pd.Series:
    """The rows that may lie beyond the axis: untrained ones and, of many, those that are far off all others."""
    reaches = shown[["difference", "low", "high"]].abs().max(axis=1)
    return shown["untrained"] | np.array(far_off(reaches.tolist()))


def _range(shown: pd.DataFrame, equivalence: float | None) -> tuple[float, float]:
    """What the axis has room for: 0, the trained rows (all, if none is), the margin if that is no more than they."""
    low, high = reach(shown[["difference", "low", "high"]].to_numpy(float), shown["aside"], [0.0])
    if equivalence is not None and 2 * equivalence <= high - low:
        low, high = min(low, -equivalence), max(high, equivalence)
    room = 0.08 * (high - low) or 0.01
    return low - room, high + room


def _difference(axes: Axes, row: dict[Hashable, Any], ends: tuple[float, float], place: int) -> None:
    look: dict[str, Any] = {"markersize": 6, "color": "black", "markerfacecolor": FACES[meaning(row["verdict"])]}
    axes.plot([row["low"], row["high"]], [place, place], color="black", linewidth=1.4)
    if ends[0] <= row["difference"] <= ends[1]:
        axes.plot([row["difference"]], [place], marker="o", **look)
    inwards = 0.01 * (ends[1] - ends[0])
    if _reaches(row)[0] < ends[0]:
        axes.plot([ends[0] + inwards], [place], marker="<", **look)
    if _reaches(row)[1] > ends[1]:
        axes.plot([ends[1] - inwards], [place], marker=">", **look)
    reached = f" ({interval(row['low'], row['high'])})" if np.isfinite(row["low"]) else ""
    said = f"{difference(row['difference'], row['low'], row['high'])}{reached}, n = {row['n']:g}, {row['verdict']}"
    axes.text(1.02, place, said, transform=axes.get_yaxis_transform(), va="center", fontsize=9)


def _reaches(row: dict[Hashable, Any]) -> tuple[float, float]:
    """Lowest and highest of a difference and its interval, where it has one."""
    numbers = [row["difference"], row["low"], row["high"]]
    return float(np.nanmin(numbers)), float(np.nanmax(numbers))


def meaning(verdict: str) -> str:
    """What the legend calls a verdict."""
    return "higher or lower" if verdict in ("higher", "lower") else verdict if verdict in FACES else "undecided"


def _adjusted(comparisons: pd.Series) -> str:
    """What an interval is adjusted for, where that is anything."""
    least, most = int(comparisons.min()), int(comparisons.max())
    together = f"{least} to {most}" if least < most else f"{most}"
    return f", adjusted for {together} comparisons that are looked at together" if most > 1 else ""


def _largest(group: pd.DataFrame) -> pd.DataFrame:
    """The largest differences of a suite, in their old order."""
    largest = group["difference"].abs().sort_values(ascending=False, kind="stable").index[:MOST_DIFFERENCES]
    return group[group.index.isin(largest)]


def _mark(face: str, marker: str = "o") -> Line2D:
    return Line2D([], [], marker=marker, linestyle="none", color="black", markerfacecolor=face)
