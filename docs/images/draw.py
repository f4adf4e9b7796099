"""The pictures of docs/statistics.md, from the functions that decide verdicts and from results/laptop.

`python docs/images/draw.py` draws them anew beside itself; `python docs/images/draw.py FOLDER` into another folder.
"""

import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from arccse import examples
from arccse.report.figures.drawing import COLOURS, LINES, STYLE, UNDATED, new_figure, shorter
from arccse.statistics import ALPHA, detectable, effect, summarise, t_interval, word_of
from arccse.stopping import Growing

LAPTOP = Path(__file__).parents[2] / "results" / "laptop"
BLUE, RED, GREEN = COLOURS[:3]


def averages(study: str, label: str, seeds: int) -> pd.Series:
    """Seed → STS average of a row of one of laptop's studies, for the first seeds."""
    table = pd.read_csv(LAPTOP / "tables" / f"{study}.csv", dtype={"hash": str})
    measured = table[(table["method"] == label) & (table["origin"] == "measured")]
    scores = pd.read_csv(LAPTOP / "scores.csv", dtype={"hash": str})
    own = scores[(scores["hash"] == measured["hash"].iloc[0]) & (scores["seed"] < seeds)]
    return own[(own["suite"] == "sts") & (own["metric"] == "spearman_all")].groupby("seed")["value"].mean()


def bar(
    axes: Axes, place: float, low: float, mean: float, high: float, colour: str, horizontal: bool = False
) -> None:
    """A mean and its interval."""
    errors = [[mean - low], [high - mean]]
    own = {"xerr": errors} if horizontal else {"yerr": errors}
    at = (mean, place) if horizontal else (place, mean)
    axes.errorbar(*at, **own, fmt="o", color=colour, capsize=4, linewidth=2, markersize=6, zorder=3)


def paired() -> Figure:
    """Three seeds of two margins: apart their intervals overlap, seed by seed nothing is in doubt."""
    without, with_margin = (averages("margin", f"margin={degrees}", 3) for degrees in (0, 10))
    with new_figure(8.4, 3.6, None) as figure:
        left, right = figure.subplots(1, 2, width_ratios=[3, 2])
        for seed in without.index:
            left.plot([0, 1], [without[seed], with_margin[seed]], color="0.6", linewidth=1, marker="o", markersize=3)
        for place, values, colour in ((-0.15, without, BLUE), (1.15, with_margin, RED)):
            own = summarise(values.to_numpy())
            bar(left, place, own.low, own.mean, own.high, colour)
        left.set(xticks=[0, 1], xticklabels=["no margin", "margin 10°"], xlim=(-0.4, 1.4), ylabel="STS average")
        left.set_title("Each on its own")
        found = effect((with_margin - without).to_numpy())
        right.plot(np.zeros(len(without)), with_margin - without, "o", color="0.6", markersize=4)
        low, high = t_interval(found.difference, found.sd, found.n)
        bar(right, 0.15, low, found.difference, high, GREEN)
        right.axhline(0, color="0.3", linewidth=1)
        right.set(
            xticks=[0.08], xticklabels=["margin 10° − no margin"], xlim=(-0.5, 0.7), ylabel="difference (points)"
        )
        right.set_title("Seed by seed")
    return figure


def coverage() -> Figure:
    """Sixty studies of five seeds of one true difference: 95 % of the intervals hold it."""
    draws = np.random.default_rng(5).normal(0.4, 0.3, (60, 5))
    with new_figure(8.4, 3, None) as figure:
        axes = figure.subplots()
        for place, values in enumerate(draws):
            own = summarise(values)
            colour = BLUE if own.low <= 0.4 <= own.high else RED
            axes.plot([place, place], [own.low, own.high], color=colour, linewidth=2)
            axes.plot(place, own.mean, "o", color=colour, markersize=3.5)
        axes.axhline(0.4, color="0.2", linewidth=1)
        axes.set(xlabel="study, each with five seeds of its own", ylabel="difference (points)", xlim=(-1, 60))
    return figure


def verdicts() -> Figure:
    """What an interval says, with a margin of 0.1."""
    intervals = [(0.21, 0.70), (0.02, 0.08), (-0.05, 0.06), (0.04, 0.35), (-0.22, 0.35), (-0.60, -0.15)]
    words = [word_of(low, high, 0.1) for low, high in intervals]
    with new_figure(8.4, 3, None) as figure:
        axes = figure.subplots()
        axes.axvspan(-0.1, 0.1, color="0.9", label="too small to matter: ± 0.1")
        axes.axvline(0, color="0.3", linewidth=1)
        colours = {"higher": RED, "lower": RED, "equivalent": GREEN, "undecided": "0.4"}
        for place, ((low, high), word) in enumerate(zip(intervals, words, strict=True)):
            bar(axes, -place, low, (low + high) / 2, high, colours[word], horizontal=True)
        axes.set(yticks=[-place for place in range(len(words))], yticklabels=words, xlabel="difference (points)")
        axes.grid(axis="y", visible=False)
        axes.legend(loc="lower right", frameon=False)
    return figure


def together() -> Figure:
    """What many comparisons do to the chance of a false verdict, and what holding it at 5 % costs."""
    counts, rng = [1, 2, 3, 5, 8, 12, 20], np.random.default_rng(0)
    nulls = rng.normal(0, 1, (2000, max(counts), 5))  # studies, comparisons, seeds
    standard = np.abs(nulls.mean(2)) / (nulls.std(2, ddof=1) / 5**0.5)

    def false(widened: bool) -> list[float]:
        found = []
        for count in counts:
            half = t_interval(0, 5**0.5, 5, count if widened else 1)[1]  # in standard errors
            found.append(100 * float((standard[:, :count] > half).any(1).mean()))
        return found

    with new_figure(8.4, 3.4, None) as figure:
        left, right = figure.subplots(1, 2)
        left.plot(counts, false(False), color=RED, marker="s", label="each at 95 %")
        left.plot(counts, false(True), color=BLUE, marker="o", label="all together at 95 %")
        left.axhline(100 * ALPHA, color="0.3", linewidth=1, linestyle=":")
        left.set(xlabel="comparisons", ylabel="studies with a false verdict (%)", ylim=(0, None))
        left.legend(frameon=False)
        for seeds, colour, line in zip((3, 5, 10), COLOURS, LINES, strict=False):
            halves = [t_interval(0, 1, seeds, count)[1] for count in counts]
            right.plot(counts, halves, color=colour, linestyle=line, label=f"{seeds} seeds")
        right.set(xlabel="comparisons", ylabel="half an interval (sd of a difference)", ylim=(0, None))
        right.legend(frameon=False)
    return figure


def looks() -> Figure:
    """Looking after every seed and stopping at the first verdict, without and with a price for each look."""
    most, rng = 10, np.random.default_rng(1)
    nulls = rng.normal(0, 1, (20_000, most))
    every = list(range(3, most + 1))
    planned = Growing(**{"from": 3, "to": most, "stop": "decided"}).plan

    def stopped(seeds: list[int], adjusted: list[int]) -> np.ndarray:
        """% of studies without any effect that have had a verdict by each look, adjusted for so many looks."""
        halves = [t_interval(0, n**0.5, n, k)[1] for n, k in zip(seeds, adjusted, strict=True)]  # in standard errors
        standard = [np.abs(nulls[:, :n].mean(1)) / (nulls[:, :n].std(1, ddof=1) / n**0.5) for n in seeds]
        decided = np.array(standard) > np.array(halves)[:, None]
        return 100 * np.maximum.accumulate(decided, axis=0).mean(1)

    with new_figure(8.4, 3.2, None) as figure:
        axes = figure.subplots()
        axes.plot(every, stopped(every, [1] * len(every)), color=RED, marker="s", label="looks not counted")
        told = "each widened for the looks before it"
        axes.plot(every, stopped(every, [n - 2 for n in every]), color=BLUE, marker="o", label=told)
        told = f"planned: with {planned[0]}, {planned[1]} and {planned[2]} seeds, each widened for all three"
        axes.plot(planned, stopped(planned, [len(planned)] * 3), color=GREEN, marker="^", label=told)
        axes.axhline(100 * ALPHA, color="0.3", linewidth=1, linestyle=":")
        axes.set(xlabel="seeds at a look", ylabel="false verdicts so far (%)", ylim=(0, 22))
        axes.legend(frameon=False)
    return figure


def power() -> Figure:
    """The smallest difference that so many seeds find, by how much differences spread."""
    seeds = range(3, 21)
    with new_figure(8.4, 3.4, None) as figure:
        axes = figure.subplots()
        for sd, colour, line in zip((0.15, 0.4, 0.84), COLOURS, LINES, strict=False):
            axes.plot(
                seeds, [detectable(sd, n) for n in seeds], color=colour, linestyle=line, label=f"sd {sd:g}, alone"
            )
            among = [detectable(sd, n, ALPHA / 11) for n in seeds]
            axes.plot(seeds, among, color=colour, linestyle=line, alpha=0.4, label=f"sd {sd:g}, one of 11")
        axes.set(xlabel="seeds", ylabel="detectable difference (points)", ylim=(0, 4), xticks=range(3, 21, 2))
        axes.legend(frameon=False, ncols=3)
    return figure


def two_levels() -> Figure:
    """An interval over seeds, the examples' share, and both together."""
    claims = pd.read_csv(LAPTOP / "tables" / "claims.csv").set_index("claim")
    titles = {"gain": "ArcCSE − SimCSE", "temperature": "Margin 10° − none, at temperature 0.03"}
    with new_figure(8.4, 2.4, None) as figure:
        for axes, (name, title) in zip(figure.subplots(1, 2, sharey=True), titles.items(), strict=True):
            line = claims.loc[name]
            difference, among = line["difference"], line["comparisons"]
            seeds = t_interval(difference, line["sd"], line["n"], among)
            wide, own = line["two_level_high"] - difference, seeds[1] - difference
            error = (wide**2 - own**2) ** 0.5 / examples.both(0, 0, 1, among)[1]
            pairs = examples.both(difference, difference, error, among)
            rows = {"other seeds": seeds, "other pairs": pairs, "both": examples.both(*seeds, error, among)}
            for place, ((low, high), colour) in enumerate(zip(rows.values(), (BLUE, RED, GREEN), strict=True)):
                bar(axes, -place, low, difference, high, colour, horizontal=True)
            axes.set(yticks=[0, -1, -2], yticklabels=list(rows), xlim=(0, 0.8), ylim=(-2.5, 0.5))
            axes.set(xlabel="difference of the STS average (points)", title=f"{title}, {line['n']} seeds")
            axes.grid(axis="y", visible=False)
    return figure


PICTURES: tuple[Callable[[], Figure], ...] = (paired, coverage, verdicts, together, looks, power, two_levels)


def main(folder: Path) -> None:
    """Write each picture as an SVG."""
    import matplotlib

    for draw in PICTURES:
        drawn = BytesIO()
        with matplotlib.rc_context(STYLE):
            draw().savefig(drawn, format="svg", metadata=UNDATED["svg"])
        (folder / f"{draw.__name__}.svg").write_bytes(shorter(drawn.getvalue()))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).parent)
