"""docs/findings.md and README: no difference that no committed table has, with its interval, and none without one."""

import re

import pandas as pd
import pytest
from told import INTERVAL, ROOT, check, findings, is_among, rows

SIGNED = re.compile(r"(?<![\d(])[+−]\d+\.\d+")  # a difference
PAGE, README = findings("docs/findings.md"), findings("README.md")


def table(config: str, name: str) -> pd.DataFrame:
    return pd.read_csv(ROOT / "results" / config / "tables" / f"{name}.csv")


def committed_intervals() -> pd.DataFrame:
    """Every difference with its interval that a committed table of claims or comparisons has."""
    tables = [*ROOT.glob("results/*/tables/claims.csv"), *ROOT.glob("results/*/tables/*-comparisons.csv")]
    frames = [pd.read_csv(path)[["difference", "low", "high"]] for path in tables]
    return pd.concat(frames).dropna(subset="low")


@pytest.mark.parametrize("text", [PAGE, README], ids=["page", "README"])
def test_every_interval_that_is_told_stands_in_a_committed_table(text):
    told = INTERVAL.findall(text)
    assert len(told) > 5
    known = committed_intervals()
    assert [numbers for numbers in told if not is_among(numbers, known)] == []


def test_no_difference_is_told_without_its_interval():
    assert SIGNED.findall(INTERVAL.sub("", PAGE)) == []


def test_the_pages_claims_are_the_committed_ones():
    claims = table("objectives", "claims")
    told = rows(PAGE, "Claim")
    assert [line.pop("Claim") for line in told] == list(claims["sentence"].unique())
    for (_, own), line in zip(claims.groupby("sentence", sort=False), told, strict=True):
        assert list(line) == list(claims["encoder"].unique())
        of_encoder = own.set_index("encoder")
        assert {encoder for encoder, cell in line.items() if cell} == set(of_encoder.index)
        for encoder, found in of_encoder.iterrows():
            verdict, numbers = line[encoder].split(", ")
            assert verdict == found["verdict"]
            check(numbers, found)


STUDY = {"BERT-tiny": "tiny", "MiniLM-L6": "minilm"}  # encoder → the study of every objective on it


def test_the_pages_objectives_are_the_committed_ones():
    """Of each encoder three columns: as published, tuned, and the rank of the tuned."""
    told = rows(PAGE, "Objective")
    labels = [line.pop("Objective") for line in told]
    encoders = [head.removesuffix(", tuned") for head in told[0] if head.endswith(", tuned")]
    assert encoders
    for encoder in encoders:
        ranks = table("objectives", f"{STUDY[encoder]}-ranks").query("suite == 'sts'").set_index("label")
        assert {f"{label}, tuned" for label in labels} == set(ranks.index)
        found = table("objectives", f"{STUDY[encoder]}-comparisons").query("suite == 'sts' and task == 'Avg'")
        found = found.set_index(["baseline", "label"])
        for label, line in zip(labels, told, strict=True):
            rank = ranks.loc[f"{label}, tuned"]
            assert line[f"{encoder}, rank"] == f"{rank['rank_low']} to {rank['rank_high']}"
            for head, suffix in {f"{encoder}, as published": "", f"{encoder}, tuned": ", tuned"}.items():
                if label == "NT-Xent":
                    assert line[head] == ""
                    continue
                own = found.loc["NT-Xent" + suffix, label + suffix]
                check(line[head], own)
                assert line[head].endswith(f", {own['verdict']}")


def test_what_the_page_says_of_streams():
    """An sd with its interval is one of the table of streams."""
    streams = table("objectives", "spread-streams")[["sd", "sd_low", "sd_high"]]
    told = re.findall(r"(?<![\d+−])(\d+\.\d+)\s\((\d+\.\d+)\sto\s(\d+\.\d+)\)", PAGE)
    assert len(told) >= 5
    assert [numbers for numbers in told if not is_among(numbers, streams)] == []


def test_the_readmes_claims_are_laptops():
    for line, found in zip(rows(README, "Claim"), table("laptop", "claims").iloc, strict=True):
        assert line["Claim"] == found["sentence"]
        assert (line["Verdict"], int(line["Seeds"])) == (found["verdict"], found["n"])
        check(line["Difference"], found)


def test_every_figure_that_is_shown_is_a_committed_one():
    shown = re.findall(r"!\[[^\]]+\]\((?:\.\./)?(results/[^)]+)\)", PAGE + README)
    assert len(shown) > 5
    assert not [figure for figure in shown if not (ROOT / figure).is_file()]


@pytest.mark.parametrize(
    ("study", "suite", "method", "task", "said"),
    [
        ("main", "sts", "SimCSE", "Avg", "{mean:.2f} ± {half:.2f}"),
        ("main", "sts", "ArcCSE", "Avg", "{mean:.2f} ± {half:.2f}"),
        ("main", "sts-mean", "SimCSE", "Avg", "{mean:.2f}"),
        ("main", "sts-mean", "ArcCSE", "Avg", "{mean:.2f}"),
        ("main", "sts-mean", "untrained", "Avg", "untrained {mean:.2f}"),
        ("order", "order", "NT-Xent", "ordered_all", "{mean:.1f} %"),
        ("order", "order", "NT-Xent + triplet", "ordered_all", "{mean:.1f} with"),
        ("order", "order", "ArcCon", "ordered_all", "{mean:.1f} to"),
        ("order", "order", "ArcCon + triplet", "ordered_all", "to {mean:.1f}"),
    ],
)
def test_the_readmes_means_are_laptops(study, suite, method, task, said):
    measured = table("laptop", study).query("origin == 'measured' and suite == @suite")
    (line,) = measured.query("method == @method and task == @task").to_dict("records")
    assert said.format(mean=line["mean"], half=line["high"] - line["mean"]) in " ".join(README.split())
