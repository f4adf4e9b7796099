"""What README and docs/findings.md tell of the committed results: their tables, and their differences."""

import re
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[1]
NUMBER = r"[+−]?\d+(?:\.\d+)?"
INTERVAL = re.compile(rf"([+−]\d+(?:\.\d+)?)\s+\(({NUMBER})\s+to\s+({NUMBER})\)")  # +1.04 (0.88 to 1.20)


def findings(name: str) -> str:
    """docs/findings.md, or what README has of findings."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return text[text.index("## What was found") :].partition("\n## ")[0] if name == "README.md" else text


def rows(text: str, head: str) -> list[dict[str, str]]:
    """Each line of the table whose first column has this head: head → cell."""
    lines = text[text.index(f"| {head} |") :].partition("\n\n")[0].splitlines()
    heads, _, *cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [dict(zip(heads, line, strict=True)) for line in cells]


def value(number: str) -> float:
    return float(number.replace("−", "-"))


def decimals(number: str) -> int:
    return len(number.partition(".")[2])


def is_among(told: tuple[str, str, str], known: pd.DataFrame) -> bool:
    """Whether a line of three columns has a number and its interval, as exact as they are told."""
    off = known.round(decimals(told[0])).sub([value(number) for number in told])
    return bool((off.abs().max(axis=1) < 1e-9).any())


def check(cell: str, line: pd.Series) -> None:
    """A cell has the difference and interval of a table's line, as exact as it tells them."""
    ((difference, low, high),) = INTERVAL.findall(cell)
    expected = line[["difference", "low", "high"]].astype(float).round(decimals(difference)).tolist()
    assert [value(difference), value(low), value(high)] == pytest.approx(expected, abs=1e-9), cell
