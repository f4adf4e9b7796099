"""Figures of what seeds change: the spread by streams of random numbers, and the agreement of rankings."""

import textwrap
from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from arccse.errors import InputError
from arccse.report import agreement, streams
from arccse.report.blocks import number
from arccse.report.figures.drawing import curve_style, describe, legend, new_figure, require, seeds_text

FACES = {streams.ALL: "0.7", streams.LEFT_OVER: "white"}  # of marks, inside; otherwise black


def spread(lines: pd.DataFrame, measure: str, caveat: str | None) -> Figure:
    """The standard deviation over seeds of each row of a study of spread, its interval, and its share at the side.

    Args:
        lines: columns streams, n, sd, sd_low, sd_high, share, share_low, share_high, as streams.spread has them;
            lines without an sd are not drawn.
        measure: what varies, as the axis says it.
        caveat: printed above the panel.

    Raises:
        InputError: an absent column, no line with an sd.
    """
    numbers = ["sd", "sd_low", "sd_high", "share", "share_low", "share_high"]
    require(lines, ["streams", "n", *numbers], "spreads")
    shown = lines[lines["sd"].notna()]
    if shown.empty:
        raise InputError("No row has two seeds or more, so that there is no spread to draw.")
    names = [textwrap.fill(str(name), 30) for name in shown["streams"]]
    with new_figure(9, 1.2 + 0.4 * len(shown), caveat) as figure:
        axes = figure.subplots()
        for place, line in enumerate(shown.to_dict("records")):
            axes.plot([line["sd_low"], line["sd_high"]], [place, place], color="black", linewidth=1.4)
            face = FACES.get(str(line["streams"]), "black")
            axes.plot([line["sd"]], [place], "o", color="black", markersize=6, markerfacecolor=face, clip_on=False)
            axes.text(1.02, place, _share(line), transform=axes.get_yaxis_transform(), va="center", fontsize=9)
        axes.set_yticks(range(len(shown)), names)
        axes.set_ylim(len(shown) - 0.4, -0.6)
        axes.set_xlim(left=0)
        axes.tick_params(axis="y", length=0)
        axes.grid(False, axis="y")
        describe(axes, "", f"standard deviation over seeds of the {measure}", "")
        note = (
            f"{seeds_text(shown['n'])}. At the side: share of the variance with all streams, and its 95 % interval."
        )
        meanings = {"all follow the seed": "0.7", "the others are fixed": "black", "not additive": "white"}
        shape: dict[str, Any] = {"marker": "o", "linestyle": "none", "color": "black"}
        marks = [Line2D([], [], **shape, markerfacecolor=face) for face in meanings.values()]
        legend(figure, (marks, list(meanings)), note)
    return figure


def _share(line: dict[Hashable, Any]) -> str:
    if np.isnan(line["share"]):
        return ""
    within = (
        "" if np.isnan(line["share_low"]) else f" ({100 * line['share_low']:.0f} to {100 * line['share_high']:.0f} %)"
    )
    return f"{100 * line['share']:.0f} %{within}"


def rank_agreement(lines: pd.DataFrame, measure: str, caveat: str | None) -> Figure:
    """Kendall's τ of the ranking by dev at each step against those at the end, over the share of steps that are done.

    Args:
        lines: columns kind, step, last_step, rows, seeds, tau, low, high (NaN without an interval), as
            agreement.frame has a course's.
        measure: the average that is held against dev.
        caveat: printed above the panel.

    Raises:
        InputError: an absent column, no line, a τ that is no number.
    """
    columns = ["kind", "step", "last_step", "rows", "seeds", "tau", "low", "high"]
    require(lines, columns, "agreements", numbers=["step", "last_step", "tau"])
    names = {agreement.AT_THE_END: "against dev at the end", agreement.TEST: f"against the {measure}"}
    with new_figure(6.4, 3.8, caveat) as figure:
        axes = figure.subplots()
        for index, (kind, name) in enumerate(names.items()):
            own = lines[lines["kind"] == kind].sort_values("step")
            done = 100 * own["step"] / own["last_step"]
            style = curve_style(index, len(own), len(names))
            axes.plot(done, own["tau"], label=name, **style)
            axes.fill_between(done, own["low"], own["high"], color=style["color"], alpha=0.2, linewidth=0)
        axes.axhline(0, color="0.5", linewidth=1, zorder=1)
        axes.set_ylim(-1.05, 1.05)
        describe(axes, "", "share of steps (%)", "Kendall's τ of the ranking by dev")
        drawn = [line for line in axes.lines if line.get_label() in names.values()]
        rows, seeds = number(lines["rows"].iloc[0], "g"), seeds_text(lines["seeds"])
        note = f"{rows} rows, {seeds}. Bands: 95 % of what other seeds would give."
        legend(figure, (drawn, [str(line.get_label()) for line in drawn]), note)
    return figure
