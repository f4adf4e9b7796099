"""What README and docs/findings.md tell of the committed results: their tables, and their differences."""

import re
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "findings.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8").partition("\n## What was found\n")[2].partition("\n## ")[0]
NUMBER = r"[+−]?\d+(?:\.\d+)?"
INTERVAL = re.compile(rf"([+−]\d+(?:\.\d+)?)\s+\(({NUMBER})\s+to\s+({NUMBER})\)")  # +1.04 (0.88 to 1.20)
COLUMNS = ["difference", "low", "high"]  # of a table, what an interval tells


def rows(text: str, head: str) -> list[dict[str, str]]:
    """Each line of the table whose first column has this head: head → cell."""
    lines = text[text.index(f"| {head} |") :].partition("\n\n")[0].splitlines()
    heads, _, *cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [dict(zip(heads, line, strict=True)) for line in cells]


def is_among(told: tuple[str, ...], known: pd.DataFrame) -> bool:
    """Whether a line of three columns has a number and its interval, as exact as they are told."""
    decimals = len(told[0].partition(".")[2])
    off = known.round(decimals).sub([float(number.replace("−", "-")) for number in told])
    return bool((off.abs().max(axis=1) < 1e-9).any())


def check(cell: str, line: pd.Series) -> None:
    """A cell is the difference and interval of a table's line, as exact as it tells them."""
    (told,) = INTERVAL.findall(cell)
    own = line[COLUMNS].astype(float)
    assert INTERVAL.fullmatch(cell), f"'{cell}' is more than an interval"
    assert is_among(told, own.to_frame().T), f"'{cell}' is not {own.to_dict()}"
