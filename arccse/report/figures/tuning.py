"""Figures of a tuned study: what tuning changes, what a budget of trials finds, courses of training row by row."""

import math
import textwrap
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from arccse.errors import InputError
from arccse.ranking import BestOf, best_of
from arccse.report.blocks import difference, interval
from arccse.report.figures.axis import near
from arccse.report.figures.differences import FACES, meaning
from arccse.report.figures.drawing import COLOURS, describe, legend, new_figure, require
from arccse.report.tuning import with_worst

ACROSS = 5  # panels beside each other
FORMS: dict[str, tuple[str, Any]] = {"as configured": (COLOURS[1], "--"), "tuned": (COLOURS[0], "-")}
MARKS = {"as configured": "s", "tuned": "o"}
BAND: dict[str, Any] = {"color": COLOURS[0], "alpha": 0.2, "linewidth": 0}
REFERENCE = "0.75"  # grey of the first row's line in all other panels


def panels(figure: Figure, labels: Sequence[str], x: str) -> dict[str, Axes]:
    """Label → a panel of its own, all with the same axes: x, and dev scores upwards."""
    across = min(ACROSS, len(labels))
    down = math.ceil(len(labels) / across)
    figure.set_figheight(figure.get_figheight() + 2.0 * down)
    grid = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
    for spare in grid.flat[len(labels) :]:
        spare.set_visible(False)
    for lowest in grid.flat[max(0, len(labels) - across) : len(labels)]:
        lowest.tick_params(labelbottom=True)
        lowest.set_xlabel(x, fontsize=8)
    for leftmost in grid[:, 0]:
        leftmost.set_ylabel("dev Spearman × 100", fontsize=8)
    found = dict(zip(labels, grid.flat, strict=False))
    for label, axes in found.items():
        axes.set_title(textwrap.fill(label, 26), fontsize=9)
        axes.tick_params(labelsize=8)
    return found


def convergence(histories: pd.DataFrame, caveat: str | None) -> Figure:
    """Dev score over training, a panel for each row: mean over seeds, and a band from the lowest to the highest.

    Only the steps at which every seed of a form was measured are drawn. The first row, in its last form, stands in
    grey in all other panels.

    Args:
        histories: columns label (of a panel, in order of appearance), form (a key of FORMS), seed, step, dev_spearman
            (× 100).
        caveat: printed above the panels.

    Raises:
        InputError: an absent column, no line, two lines for one label, form, seed and step.
    """
    require(histories, ["label", "form", "seed", "step", "dev_spearman"], "histories")
    if histories.duplicated(["label", "form", "seed", "step"]).any():
        raise InputError("The histories have two lines for one seed and step of a row.")
    curves = {
        (str(label), str(form)): own.pivot(index="step", columns="seed", values="dev_spearman").dropna()
        for (label, form), own in histories.groupby(["label", "form"], sort=False)
    }
    labels = list(dict.fromkeys(label for label, _ in curves))
    first = [curve for (label, _), curve in curves.items() if label == labels[0]][-1]
    with new_figure(12, 0.4, caveat) as figure:
        placed = panels(figure, labels, "training step")
        for label in labels[1:]:
            placed[label].plot(first.index, first.mean(axis=1), color=REFERENCE, linewidth=1.2, zorder=1)
        for (label, form), curve in curves.items():
            colour, line = FORMS[form]
            placed[label].plot(curve.index, curve.mean(axis=1), color=colour, linestyle=line, linewidth=1.4)
            if len(curve.columns) > 1:
                ends = curve.min(axis=1), curve.max(axis=1)
                placed[label].fill_between(curve.index, *ends, color=colour, alpha=0.2, linewidth=0)
        forms = [form for form in FORMS if any(form == own for _, own in curves)]
        handles, names = _forms(forms if len(forms) > 1 else [])
        reference = f"{labels[0]}, {forms[-1]}" if len(forms) > 1 else labels[0]
        entries = [*handles, Line2D([], [], color=REFERENCE)], [*names, f"{reference}, in the other panels"]
        legend(figure, entries, "Lines: mean over seeds. Bands: lowest to highest seed.")
    return figure


def _forms(forms: Sequence[str]) -> tuple[list[Artist], list[str]]:
    return [Line2D([], [], color=FORMS[form][0], linestyle=FORMS[form][1]) for form in forms], list(forms)


def budget(found: pd.DataFrame, configured: Mapping[str, float], caveat: str | None) -> Figure:
    """What the best of a number of trials is expected to be, a panel for each row.

    Panels have room for what half of the trials find, and all that lies above: a line that begins below comes from
    trials that were much worse.

    Args:
        found: a line a trial: columns row (of a panel, in order of appearance) and dev (NaN where it diverged).
        configured: row → the mean dev score of its runs as configured, NaN where one diverged.
        caveat: printed above the panels.

    Raises:
        InputError: an absent column, no line, no trial that did not diverge.

    Source: as ranking.best_of.
    """
    require(found, ["row", "dev"], "trials")
    rows = {str(row): own["dev"] for row, own in found.groupby("row", sort=False)}
    expected = {row: best_of(with_worst(dev)) for row, dev in rows.items() if dev.notna().any()}
    if not expected:
        raise InputError("Every trial diverged, so there is no dev score to draw.")
    reference = next(iter(expected))
    with new_figure(12, 0.4, caveat) as figure:
        placed = panels(figure, list(rows), "trials")
        for row, axes in placed.items():
            if row not in expected:
                axes.text(0.5, 0.5, "all trials diverged", ha="center", transform=axes.transAxes, fontsize=8)
                continue
            if row != reference:
                _best(axes, expected[reference].mean, color=REFERENCE, linewidth=1.2, zorder=1)
            _best(axes, expected[row].mean, color=FORMS["tuned"][0], linewidth=1.4)
            trials = range(1, len(rows[row]) + 1)
            axes.fill_between(trials, expected[row].low, expected[row].high, **BAND)
            if np.isfinite(configured.get(row, np.nan)):
                axes.axhline(configured[row], color=FORMS["as configured"][0], linestyle="--", linewidth=1.2)
        placed[reference].set_ylim(*_room(list(expected.values()), configured))
        placed[reference].xaxis.set_major_locator(MaxNLocator("auto", integer=True))  # of all, which share it
        (tuned, default), _ = _forms(["tuned", "as configured"])
        handles = [tuned, Patch(**BAND), default, Line2D([], [], color=REFERENCE)]
        names = [
            "expected best of so many trials",
            "half of all choices of so many",
            "as configured, mean over seeds",
        ]
        legend(figure, (handles, [*names, f"{reference}, in the other panels"]), "Trials: drawn without replacement.")
    return figure


def _best(axes: Axes, expected: np.ndarray, **look: Any) -> None:
    marker = "o" if len(expected) < 3 else ""
    axes.plot(range(1, len(expected) + 1), expected, marker=marker, markersize=3, **look)


def _room(expected: Sequence[BestOf], configured: Mapping[str, float]) -> tuple[float, float]:
    """The ends of an axis of dev scores with room for the rows as configured and what half of the trials find."""
    ends = [dev for dev in configured.values() if np.isfinite(dev)]
    ends += [end for best in expected for end in (best.mean[max(1, len(best.mean) // 2) - 1], best.mean[-1])]
    room = 0.08 * (max(ends) - min(ends)) or 0.5
    return min(ends) - room, max(ends) + room


def changes(compared: pd.DataFrame, measure: str, caveat: str | None) -> Figure:
    """What tuning changes: on the left each row less the first one, as configured and as tuned; on the right each
    row as tuned less itself as configured.

    An arrow stands for what lies so far off that the others could not be told apart.

    Args:
        compared: columns row (in order of appearance on an axis), kind ("pair": as configured, "tuned", "tuning"),
            baseline, difference, low, high (NaN where there are too few seeds), verdict, n (seeds).
        measure: what the differences are of.
        caveat: printed above the panels.

    Raises:
        InputError: an absent column, no line, a difference that is no finite number.
    """
    columns = ["row", "kind", "baseline", "difference", "low", "high", "verdict", "n"]
    require(compared, columns, "differences", numbers=["difference", "n"])
    own = {kind: compared[compared["kind"] == kind] for kind in ("pair", "tuned", "tuning")}
    rows = list(dict.fromkeys([*own["tuning"]["row"], *compared["row"]]))
    labels = [textwrap.fill(row, 40) for row in rows]
    height = 0.2 + 0.16 * max(1 + label.count("\n") for label in labels)
    with new_figure(12, 1.0 + height * len(rows), caveat) as figure:
        left, right = figure.subplots(1, 2, sharey=True)
        kinds = zip(FORMS, (own["pair"], own["tuned"]), strict=True)
        _differences(left, [(FORMS[form][0], MARKS[form], lines, None) for form, lines in kinds], rows)
        _differences(right, [("black", "o", own["tuning"], FACES)], rows)
        for line in own["tuning"].to_dict("records"):
            reached = f" ({interval(line['low'], line['high'])})" if np.isfinite(line["low"]) else ""
            said = f"{difference(line['difference'], line['low'], line['high'])}{reached}, {line['verdict']}"
            place = rows.index(line["row"])
            right.text(1.02, place, said, transform=right.get_yaxis_transform(), va="center", fontsize=8.5)
        left.set_yticks(range(len(rows)), labels)
        left.set_ylim(len(rows) - 0.4, -0.6)
        describe(left, f"Each, less {rows[0]}", f"difference in {measure} (points)", "")
        describe(right, "Each as tuned, less as configured", f"difference in {measure} (points)", "")
        handles: list[Artist] = [_mark(FORMS[form][0], FORMS[form][0], MARKS[form]) for form in FORMS]
        meanings = {meaning(verdict) for verdict in own["tuning"]["verdict"]}
        faces = [name for name in FACES if name in meanings]
        handles += [_mark("black", FACES[name]) for name in faces]
        names = [f"both {form}" for form in FORMS] + [f"on the right: {face}" for face in faces]
        legend(figure, (handles, names), "Mean of the paired differences and its interval, adjusted in each family.")
    return figure


# colour, mark, lines, and the faces of marks where they tell verdicts
Drawn = tuple[str, str, pd.DataFrame, Mapping[str, str] | None]


def _differences(axes: Axes, drawn: Sequence[Drawn], rows: Sequence[str]) -> None:
    """Differences with their intervals, of each row beside each other; on an axis that leaves out what is far off."""
    ends = _ends(pd.concat([lines for *_, lines, _ in drawn]))
    axes.axvline(0, color="0.4", linewidth=1, zorder=1)
    axes.set_xlim(*ends)
    axes.grid(False, axis="y")
    axes.tick_params(axis="y", length=0)
    for shift, (colour, mark, lines, faces) in zip(np.linspace(-0.16, 0.16, len(drawn)), drawn, strict=True):
        for line in lines.to_dict("records"):
            look = {"color": colour, "markerfacecolor": faces[meaning(line["verdict"])] if faces else colour}
            place = rows.index(line["row"]) + shift * (len(drawn) > 1)
            _difference(axes, line, place, ends, look | {"marker": mark, "markersize": 5, "linestyle": "none"})


def _ends(shown: pd.DataFrame) -> tuple[float, float]:
    reaches = shown[["difference", "low", "high"]].abs().max(axis=1)
    close = shown.loc[near(list(reaches))]
    ends = close[["difference", "low", "high"]].to_numpy(float)
    low, high = (min(0.0, np.nanmin(ends)), max(0.0, np.nanmax(ends))) if len(close) else (0.0, 0.0)
    room = 0.08 * (high - low) or 0.01
    return low - room, high + room


def _difference(
    axes: Axes, line: dict[Hashable, Any], place: float, ends: tuple[float, float], look: dict[str, Any]
) -> None:
    axes.plot([line["low"], line["high"]], [place, place], color=look["color"], linewidth=1.3)
    inwards = 0.01 * (ends[1] - ends[0])
    if line["difference"] < ends[0]:
        axes.plot([ends[0] + inwards], [place], **look | {"marker": "<"})
    elif line["difference"] > ends[1]:
        axes.plot([ends[1] - inwards], [place], **look | {"marker": ">"})
    else:
        axes.plot([line["difference"]], [place], **look)


def _mark(edge: str, face: str, marker: str = "o") -> Line2D:
    return Line2D([], [], marker=marker, linestyle="none", color=edge, markerfacecolor=face)
