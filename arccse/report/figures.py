"""Figures as plain functions of data frames: each returns a matplotlib Figure, `save` writes it three ways.

Figures are objects of their own, never pyplot's current one, so that nothing here depends on what was drawn
before.
"""

import textwrap
from pathlib import Path
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D

from arccse.errors import InputError
from arccse.files import atomic_path

# Okabe and Ito's palette, which the common kinds of colour blindness keep apart; yellow is left out, as it
# fades on white. Line style and marker vary as well, so that curves stay apart without any colour.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
LINES = ["-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1))]
MARKERS = ["o", "s", "^", "D", "v", "P"]

STYLE: dict[Any, Any] = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "text.parse_math": False,  # a label is a name, whatever dollar signs it holds
    "grid.color": "0.9",
    "svg.fonttype": "path",
    "svg.hashsalt": "arccse",  # matplotlib's SVG ids are random without it
    "pdf.fonttype": 42,
}


def alignment_uniformity(histories: pd.DataFrame, title_caveat: str | None) -> Figure:
    """Alignment and uniformity over training, and the path of training in the plane of the two.

    Lines are means over seeds; where a label has two seeds or more, a band reaches from the lowest to the
    highest. Only the steps at which every seed of a label was measured are drawn, since a mean over changing
    seeds would jump.

    Args:
        histories: columns label, seed, step, alignment (E‖z − z⁺‖²), uniformity (log E e^{−2‖z − w‖²}), both
            on the unit sphere, NaN at steps without a measurement; other columns are not looked at. Labels
            are drawn in their order of appearance.
        title_caveat: printed above the panels, such as "Smoke run: these numbers are not findings."

    Raises InputError for an absent column, two lines for one label, seed and step, no label at all, and a
    label without a common step.

    Source: Wang and Isola, "Understanding contrastive representation learning through alignment and
    uniformity on the hypersphere", ICML 2020; drawn as in Gao et al., "SimCSE", EMNLP 2021, figures 2 and 3.
    """
    curves = {label: _curves(histories, label) for label in _labels(histories)}
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(12, 4.6), layout=ConstrainedLayoutEngine(wspace=0.05))
        FigureCanvasAgg(figure)
        over_alignment, over_uniformity, plane = figure.subplots(1, 3)
        for index, (label, measures) in enumerate(curves.items()):
            style = _style(index, len(measures["alignment"]))
            _over_steps(over_alignment, measures["alignment"], label, style)
            _over_steps(over_uniformity, measures["uniformity"], label, style)
            _path(plane, measures, label, style)
        _describe(over_alignment, "Alignment over training", "training step", "alignment (lower is better)")
        _describe(over_uniformity, "Uniformity over training", "training step", "uniformity (lower is better)")
        _describe(plane, "Path of training", "alignment (lower is better)", "uniformity (lower is better)")
        _legend(figure, over_alignment, banded=any(len(m["alignment"].columns) > 1 for m in curves.values()))
        if title_caveat:
            figure.suptitle(textwrap.fill(title_caveat, 110), fontsize=11, fontweight="bold")
    return figure


def save(figure: Figure, stem: Path) -> list[Path]:
    """Write <stem>.svg, <stem>.pdf and <stem>.png (150 dpi), each whole or not at all; return their paths.

    The bytes depend on the figure alone: no dates and no random ids. Raises InputError for a folder that
    cannot be written.
    """
    undated: dict[str, dict[str, None]] = {
        "svg": {"Date": None},
        "pdf": {"CreationDate": None},
        "png": {},
    }
    paths = []
    for ending, metadata in undated.items():
        path = Path(stem).with_name(f"{Path(stem).name}.{ending}")
        with matplotlib.rc_context(STYLE), atomic_path(path) as temporary:
            figure.savefig(temporary, format=ending, dpi=150, metadata=metadata)
        paths.append(path)
    return paths


def _labels(histories: pd.DataFrame) -> list[str]:
    for column in ("label", "seed", "step", "alignment", "uniformity"):
        if column not in histories:
            raise InputError(f"The table of histories lacks the column '{column}'.")
    if histories.empty:
        raise InputError("There is no history to draw a figure from.")
    return list(histories["label"].unique())


def _curves(histories: pd.DataFrame, label: str) -> dict[str, pd.DataFrame]:
    """For alignment and uniformity: a frame of steps × seeds, on the steps that all seeds have."""
    own = histories[histories["label"] == label].dropna(subset=["alignment", "uniformity"])
    if own.duplicated(["seed", "step"]).any():
        raise InputError(f"The histories have two lines for one seed and step of '{label}'.")
    seeds = histories.loc[histories["label"] == label, "seed"].unique()
    curves = {
        measure: own.pivot(index="step", columns="seed", values=measure).reindex(columns=seeds).dropna()
        for measure in ("alignment", "uniformity")
    }
    if curves["alignment"].empty:
        raise InputError(f"Alignment and uniformity were never measured at a step common to all of '{label}'.")
    return curves


def _style(index: int, points: int) -> dict[str, Any]:
    return {
        "color": COLOURS[index % len(COLOURS)],
        "linestyle": LINES[index % len(LINES)],
        "marker": MARKERS[index % len(MARKERS)],
        # A dozen markers tell curves apart; one at every step would hide them.
        "markevery": max(1, points // 12),
        "markersize": 4.5,
        "linewidth": 1.6,
    }


def _over_steps(axes: Axes, values: pd.DataFrame, label: str, style: dict[str, Any]) -> None:
    seeds = len(values.columns)
    steps = values.index.to_numpy()
    name = f"{label} ({seeds} seed{'s' * (seeds > 1)})"
    axes.plot(steps, values.mean(axis=1).to_numpy(), label=name, **style)
    if seeds > 1:
        low, high = values.min(axis=1).to_numpy(), values.max(axis=1).to_numpy()
        axes.fill_between(steps, low, high, color=style["color"], alpha=0.2, linewidth=0)


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


def _describe(axes: Axes, title: str, x: str, y: str) -> None:
    axes.set_title(title)
    axes.set_xlabel(x)
    axes.set_ylabel(y)


def _legend(figure: Figure, axes: Axes, banded: bool) -> None:
    handles, names = axes.get_legend_handles_labels()
    names += ["start of the path", "end of the path"]
    handles += [_end_mark(face="white", edge="0.4"), _end_mark(face="0.4", edge="black")]
    figure.legend(
        handles=handles,
        labels=names,
        title="Lines: mean over seeds. Bands: lowest to highest seed." if banded else "One seed: no bands.",
        loc="outside lower center",
        # About 140 characters fit across the figure, and each entry's line sample takes the room of nine.
        ncols=min(5, max(1, 140 // (max(map(len, names)) + 9))),
        handlelength=3.5,  # long enough to show a dash pattern whole
        frameon=False,
    )


def _end_mark(face: str, edge: str) -> Line2D:
    return Line2D([], [], marker="o", linestyle="none", markersize=9, markerfacecolor=face, markeredgecolor=edge)
