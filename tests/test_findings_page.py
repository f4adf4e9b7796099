"""docs/findings.md and README: no difference that no committed table has, with its interval, and none without one."""

import re
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[1]
NUMBER = r"[+−]?\d+(?:\.\d+)?"
INTERVAL = re.compile(rf"([+−]\d+(?:\.\d+)?)\s+\(({NUMBER})\s+to\s+({NUMBER})\)")
SIGNED = re.compile(r"(?<![\d(])[+−]\d+\.\d+")  # a difference


def committed_intervals() -> pd.DataFrame:
    """Every difference with its interval that a committed table of claims or comparisons has."""
    tables = [*ROOT.glob("results/*/tables/claims.csv"), *ROOT.glob("results/*/tables/*-comparisons.csv")]
    frames = [pd.read_csv(path)[["difference", "low", "high"]] for path in tables]
    return pd.concat(frames).dropna(subset="low")


def rows(text: str, head: str) -> list[list[str]]:
    """The cells of a table's lines, of which the first begins with this head."""
    lines = text[text.index(f"| {head} |") :].partition("\n\n")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def value(text: str) -> float:
    return float(text.replace("−", "-"))


def findings(name: str) -> str:
    text = (ROOT / name).read_text(encoding="utf-8")
    return text[text.index("## What was found") :].partition("\n## ")[0] if name == "README.md" else text


@pytest.mark.parametrize("name", ["docs/findings.md", "README.md"])
def test_every_interval_that_is_told_stands_in_a_committed_table(name: str) -> None:
    told = INTERVAL.findall(findings(name))
    assert len(told) > 5
    known = committed_intervals()
    for numbers in told:
        decimals = len(numbers[0].partition(".")[2])
        said = [value(number) for number in numbers]
        assert (known.round(decimals).sub(said).abs().max(axis=1) < 1e-9).any(), f"no table has {numbers}"


def test_no_difference_is_told_without_its_interval() -> None:
    left = INTERVAL.sub("", findings("docs/findings.md"))
    assert SIGNED.findall(left) == []


def test_the_verdicts_are_the_committed_ones() -> None:
    claims = pd.read_csv(ROOT / "results" / "objectives" / "tables" / "claims.csv")
    heads, _, *lines = rows(findings("docs/findings.md"), "Claim")
    assert heads[1:] == list(claims["encoder"].unique())
    assert [sentence for sentence, *_ in lines] == list(claims["sentence"].unique())
    for sentence, *cells in lines:
        for encoder, cell in zip(heads[1:], cells, strict=True):
            own = claims[(claims["sentence"] == sentence) & (claims["encoder"] == encoder)]
            assert bool(cell) == (len(own) == 1)
            if cell:
                verdict, numbers = cell.split(", ")
                (said,) = INTERVAL.findall(numbers)
                decimals = len(said[0].partition(".")[2])
                expected = own[["difference", "low", "high"]].to_numpy()[0].round(decimals)
                assert verdict == own["verdict"].item()
                assert [value(one) for one in said] == pytest.approx(expected, abs=1e-9)
