"""Made-up scores of a study, for the tests of tables and of what is written of them."""

import re
from dataclasses import replace

import pandas as pd

from arccse.report import markup, tables
from arccse.report.blocks import blocks
from arccse.report.tables import StudyView

BERT = "bert-base-uncased"
CAVEAT = "Smoke run: 40 steps. These scores are not findings."


def score_rows(variant: str, hash_: str, seed: int, suite: str, metric: str, values: dict) -> list[tuple]:
    return [(variant, hash_, seed, suite, task, metric, value, 100) for task, value in values.items()]


def frame(rows: list[tuple]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=tables.SCORE_COLUMNS)


def two_tasks(hash_: str, seed: int, lee: float, sts12: float) -> list[tuple]:
    return score_rows("v", hash_, seed, "sts", "spearman_all", {"LEE": lee, "STS12": sts12})


def full(suite: str, metric: str, seven: tuple[str, ...], seeds: int = 2) -> pd.DataFrame:
    """Both trained variants on all seven tasks of a suite: 70, 71, … and 71, 72, … plus the seed."""
    rows = []
    for offset, hash_ in enumerate(["aaaaaaaa", "bbbbbbbb"]):
        for seed in range(1, seeds + 1):
            values = {task: 70.0 + i + offset + seed for i, task in enumerate(seven)}
            rows += score_rows("v", hash_, seed, suite, metric, values)
    return frame(rows)


def line(table: pd.DataFrame, method: str, task: str, origin: str = "measured") -> pd.Series:
    found = table[(table["method"] == method) & (table["task"] == task) & (table["origin"] == origin)]
    assert len(found) == 1
    return found.iloc[0]


def grid_lines(markdown: str) -> list[list[str]]:
    return [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]]
        for row in markdown.splitlines()
        if row.startswith("|")
    ]


def seeded(study: StudyView, seeds: int) -> StudyView:
    """The study with seeds 1, 2, … for every trained row, and untrained rows marked as such."""
    trained, untrained = {"seeds": list(range(1, seeds + 1))}, {"settings": {"epochs": 0}}
    rows = [replace(row, **(untrained if row.label == "untrained" else trained)) for row in study.rows]
    return replace(study, rows=rows)


def lee(untrained: float, simcse: list[float], arccse: list[float]) -> pd.DataFrame:
    """Scores of the fixture's three rows on one task, a value a seed from 1 on."""
    rows = score_rows("v", "00000000", 0, "sts", "spearman_all", {"LEE": untrained})
    for hash_, values in (("aaaaaaaa", simcse), ("bbbbbbbb", arccse)):
        for seed, value in enumerate(values, 1):
            rows += score_rows("v", hash_, seed, "sts", "spearman_all", {"LEE": value})
    return frame(rows)


def to_markdown(view: StudyView, table: pd.DataFrame, comparisons: pd.DataFrame | None = None) -> str:
    return markup.to_markdown(view.title, blocks(view, table, comparisons))


def to_latex(view: StudyView, table: pd.DataFrame, comparisons: pd.DataFrame | None = None) -> str:
    return markup.to_latex(view.name, blocks(view, table, comparisons))
