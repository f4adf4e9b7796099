"""docs/findings.md and README: no difference that no committed table has, with its interval, and none without one."""

import re

import pandas as pd
import pytest
from told import COLUMNS, INTERVAL, PAGE, README, ROOT, check, is_among, rows

SIGNED = re.compile(r"(?<![\d(])[+−]\d+\.\d+")  # a difference


def table(config: str, name: str) -> pd.DataFrame:
    return pd.read_csv(ROOT / "results" / config / "tables" / f"{name}.csv")


def committed_intervals() -> pd.DataFrame:
    """Every difference with its interval that a committed table of claims or comparisons has."""
    tables = [*ROOT.glob("results/*/tables/claims.csv"), *ROOT.glob("results/*/tables/*-comparisons.csv")]
    frames = [pd.read_csv(path)[COLUMNS] for path in tables]
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


OBJECTIVES = {line["Objective"]: line for line in rows(PAGE, "Objective")}
TOLD = [head.removesuffix(", tuned") for head in OBJECTIVES["NT-Xent"] if head.endswith(", tuned")]  # the encoders


def test_the_pages_objectives_have_three_columns_an_encoder():
    assert TOLD
    assert list(OBJECTIVES["NT-Xent"]) == ["Objective"] + [
        f"{encoder}, {column}" for encoder in TOLD for column in ("as published", "tuned", "rank")
    ]


@pytest.mark.parametrize("encoder", TOLD)
def test_the_pages_ranks_are_the_committed_ones(encoder):
    ranks = table("objectives", f"{STUDY[encoder]}-ranks").query("suite == 'sts'").set_index("label")
    spans = ranks["rank_low"].astype(str) + " to " + ranks["rank_high"].astype(str)
    assert {f"{label}, tuned": line[f"{encoder}, rank"] for label, line in OBJECTIVES.items()} == spans.to_dict()


@pytest.mark.parametrize("encoder", TOLD)
@pytest.mark.parametrize(("column", "suffix"), [("as published", ""), ("tuned", ", tuned")])
def test_the_pages_objectives_are_the_committed_ones(encoder, column, suffix):
    found = table("objectives", f"{STUDY[encoder]}-comparisons").query("suite == 'sts' and task == 'Avg'")
    own = found[found["baseline"] == f"NT-Xent{suffix}"].set_index("label")
    cells = {label: line[f"{encoder}, {column}"] for label, line in OBJECTIVES.items()}
    assert cells.pop("NT-Xent") == ""  # what all are less
    for label, cell in cells.items():
        numbers, verdict = cell.split(", ")
        assert verdict == own.loc[label + suffix, "verdict"]
        check(numbers, own.loc[label + suffix])


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
    image = re.compile(r"!\[[^\]]+\]\((?:\.\./)?(results/[^)]+)\)")
    (of_laptop,), of_campaign = image.findall(README), image.findall(PAGE)
    assert of_laptop.startswith("results/laptop/figures/")
    assert len(of_campaign) > 5
    assert not [figure for figure in (of_laptop, *of_campaign) if not (ROOT / figure).is_file()]


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
