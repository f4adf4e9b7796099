"""A made-up page with one of everything, for the tests of the page and of its charts."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from arccse.report import charts, page
from arccse.report.blocks import UNKNOWN, Block, Cell, Grid, difference, interval
from arccse.report.figures import drawing, training
from arccse.report.figures.axis import Axis

MARGINS = Axis("margin", (0, 2.5, 5, 7.5, 10, 12.5, 15, 20))
POOLINGS = Axis("pooling", ("cls", "mean", "first-last-avg"))
LABELS = ["untrained", "SimCSE", "ArcCSE", "ArcCon without triplets, at a margin of ten degrees"]


def points(labels: list[str], margins: Sequence[float], seeds: int, base: float = 76.0) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        [
            {"label": label, "place": m, "seed": s, "value": base + i - 0.01 * (m - 8) ** 2 + rng.normal(0, 0.4)}
            for i, label in enumerate(labels)
            for m in margins
            for s in range(seeds)
        ]
    )


def histories(labels: list[str]) -> pd.DataFrame:
    rng = np.random.default_rng(2)
    lines = [
        {
            "label": label,
            "seed": seed,
            "step": step,
            "alignment": 0.1 + 0.1 * (1 - np.exp(-step / 40)) + 0.01 * i + rng.normal(0, 0.003),
            "uniformity": -1.7 - (0.8 + 0.1 * i) * (1 - np.exp(-step / 30)) + rng.normal(0, 0.02),
            "dev_spearman": 80 + (4 + i) * (1 - np.exp(-step / 50)) + rng.normal(0, 0.3),
        }
        for i, label in enumerate(labels)
        for seed in range(5)
        for step in range(0, 275, 25)
    ]
    return pd.DataFrame(lines)


def comparisons() -> pd.DataFrame:
    lines = [
        ("SimCSE", "ArcCSE", "sts", 0.24, -0.31, 0.79, 5, 0.3125, 0.625, 0.64, "undecided"),
        ("SimCSE", LABELS[3], "sts", 0.61, 0.20, 1.02, 8, 0.0078, 0.0156, 0.92, "higher"),
        ("SimCSE", "ArcCSE", "transfer", -0.42, -0.80, -0.04, 8, 0.0234, 0.0468, 0.12, "lower"),
        ("SimCSE", LABELS[3], "transfer", 0.05, np.nan, np.nan, 1, 1.0, 1.0, 0.5, "undecided"),
    ]
    names = ["baseline", "label", "suite", "difference", "low", "high", "n", "p", "p_holm", "improvement", "verdict"]
    return pd.DataFrame(lines, columns=names).assign(task="Avg", kind="pair", encoder="x", comment="not shown")


def scores() -> Grid:
    """Four measured rows and a published one, without numbers on one task."""
    tasks = ["STS12", "STS13", "STS14", "STS15", "STS16", "STSB", "SICKR", "Avg"]
    rng = np.random.default_rng(3)
    measured = [
        [Cell(label), Cell("5", 5), *(Cell(f"{v:.2f} ± {abs(v - 70) / 20:.2f}", v) for v in rng.normal(76, 4, 8))]
        for label in LABELS
    ]
    measured[2][-1] = replace(measured[2][-1], bold=True)
    numbers = [Cell(f"{v:.2f}†", v) for v in rng.normal(76, 4, 7)]
    published = [Cell("SimCSE-BERT", mark="a"), Cell("1", 1), *numbers, UNKNOWN]
    return Grid(
        heads=["Method", "Seeds", *tasks],
        units=["pairs", "", *["3108"] * 7, ""],
        groups=[("measured", measured), ("published, single seed", [published])],
        notes=[("", "Bold: best measured mean whose difference to every other row is decided."), ("a", "A source.")],
    )


def differences() -> Grid:
    lines = [
        [
            Cell(line["label"]),
            Cell(difference(line["difference"], line["low"], line["high"]), line["difference"]),
            Cell(interval(line["low"], line["high"]), line["low"]) if np.isfinite(line["low"]) else UNKNOWN,
            Cell(str(line["n"]), line["n"]),
            Cell(line["verdict"]),
        ]
        for line in comparisons().to_dict("records")
    ]
    heads = ["", "Difference", "95 % interval", "n", "Verdict"]
    return Grid(heads, [], [("MiniLM-L6, less SimCSE", lines)], [("", "n: common seeds.")])


def block() -> Block:
    caption = (
        "Spearman × 100, mean ± standard deviation over seeds. Config laptop; encoder MiniLM-L6; seeds 0–4; "
        "selection: checkpoint with the best Spearman on STSB-dev. Runs of 2026-11-23."
    )
    return Block("sts", "STS", None, caption, scores(), differences())


def claims() -> list[page.Claim]:
    details = {"Compared": "ArcCSE − SimCSE", "Measure": "STS <average>", "Whose": "the article"}
    lines = [
        ("ArcCSE is above SimCSE & on top", "supported", "+0.46", "0.22 to 0.69", 7, 0.5, 0.25, 0.75, 0.1, "main"),
        ("A margin does harm", "contradicted", "+0.10", "0.05 to 0.15", 3, 0.1, 0.05, 0.15, None, "margin"),
        ("Two seeds settle what three do not", "undecided", "+0.20", "–", 2, 0.2, None, None, 0.1, "margin"),
        ("What was not scored is better", "undecided", "–", "–", 0, None, None, None, 0.1, "main"),
    ]
    return [page.Claim(said, "MiniLM-L6", *line, details, study) for said, *line, study in lines]


def made_page(folder: Path) -> page.PageContent:
    """A page with one of everything, and with text that HTML and JSON could trip over; drawings are in the folder."""
    drawn = drawing.save(training.alignment_uniformity(histories(LABELS[1:3]), None), folder / "geometry")
    circle = folder / "circle.svg"
    inside = '<circle r="40" cx="90" cy="45"/>'
    circle.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" width="200" height="90">{inside}</svg>')
    measures = {"alignment": "Alignment", "uniformity": "Uniformity", "dev_spearman": "Dev Spearman"}
    main = page.Study(
        findings=[
            "On MiniLM-L6, ArcCSE's STS average is 0.24 above SimCSE's (95 % interval −0.31 to 0.79, 5 seeds, "
            "p = 0.31): undecided.",
            "A margin of 10° & λ < 1 change <b>nothing</b> that 5 seeds could show.",
        ],
        name="main",
        title="SimCSE against ArcCSE",
        blocks=[block()],
        charts=[
            charts.scores(points(LABELS, [8], 5), "STS average", "Spearman × 100"),
            *charts.forest(comparisons()),
            *charts.histories(histories(LABELS[1:3]), measures),
        ],
        figures=[page.Figure("Alignment and uniformity over training", "Both fall, then level off.", drawn[0])],
    )
    margin = page.Study(
        name="margin",
        title="Angular margin of ArcCon, in degrees </script><!--",
        charts=[
            charts.curves(points(["τ = 0.05", "τ = 0.1"], MARGINS.values, 3), MARGINS, "STS average", "Spearman"),
            charts.curves(points(["MiniLM-L6"], [0, 1, 2], 3), POOLINGS, "STS by pooling", "Spearman"),
        ],
        figures=[page.Figure("Score against margin", "A flat curve.", circle, "<why>")],
        failures=["The chart of nothing could not be made."],
    )
    runs = [
        {
            "run": Cell(f"{name}-38657fd9/seed{seed}"),
            "selected step": Cell(str(25 * (1 + (7 * seed) % 10)), 25 * (1 + (7 * seed) % 10)),
            "seconds": Cell(f"{212.5 + 17 * seed:.0f}", 212.5 + 17 * seed),
            "commit": Cell("0aa72826c1f0b1ac0f0d1d9a84d6d5b0c1b8e3a1"),
            "device": Cell("Intel(R) Xeon(R) Processor @ 2.60GHz, 2 threads"),
        }
        for name in ("simcse", "arccon10-triplet20-40")
        for seed in range(5)
    ]
    return page.PageContent(
        question="What is a contrastive objective worth?",
        answer="Little: of 3 claims, 1 supported, 1 contradicted, 1 undecided.",
        overviews=["Every objective: in STS average 1 of 4 rows are above SimCSE, 3 undecided."],
        claims=claims(),
        scales="All plots of one measure have one scale, around 0 and up to ± 0.79 (STS average).",
        lead=page.Figure("forest-main", "Two points.", circle, caption="Two points. SimCSE against ArcCSE."),
        caveats=["One encoder: MiniLM-L6 (a folder).", "Trained for 50 steps.", "Seeds behind each trained row: 5."],
        config="laptop",
        generated="23 November 2026",
        command="arccse report --config config/laptop.yaml",
        caveat="Made-up numbers: these scores are not findings.",
        studies=[main, margin],
        runs=runs,
    )
