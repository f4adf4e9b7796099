"""Own files: the same rows whatever their format, and one sentence for whatever is wrong with them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from arccse import config
from arccse.data.own import FEWEST_OF_CLASS, FEWEST_PAIRS
from arccse.data.sources import open_source
from arccse.errors import InputError
from arccse.evaluation import suites

RATED = pd.DataFrame(
    {
        "sentence1": [f"Größe, 「{i}」  NA" for i in range(FEWEST_PAIRS)],
        "sentence2": ["null", *(f'"{i}" x' for i in range(1, FEWEST_PAIRS))],
        "score": [0.25 * i for i in range(FEWEST_PAIRS)],
    }
)
LABELLED = pd.DataFrame(
    {
        "text": [f"text {i}" for i in range(2 * FEWEST_OF_CLASS)],
        "label": ["true", "false"] * FEWEST_OF_CLASS,
    }
)
WRITE = {
    "csv": lambda table, path: table.to_csv(path, index=False),
    "tsv": lambda table, path: table.to_csv(path, index=False, sep="\t"),
    "parquet": lambda table, path: table.to_parquet(path, index=False),
    "jsonl": lambda table, path: table.to_json(path, orient="records", lines=True),
}


def file(folder: Path, table: pd.DataFrame, kind: str = "csv") -> Path:
    path = folder / f"mine.{kind}"
    WRITE[kind](table, path)
    return path


@pytest.mark.parametrize("kind", WRITE)
def test_pairs_are_the_same_in_every_format(tmp_path: Path, kind: str) -> None:
    extra = RATED.assign(id=range(len(RATED)))[["score", "id", "sentence2", "sentence1"]]
    source = open_source(f"pairs:{file(tmp_path, extra, kind)}")
    assert suites.tasks("sts", source) == ["mine"]
    (pairs,) = source.sts("mine").values()
    assert pairs.first == [" ".join(text.split()) for text in RATED["sentence1"]]
    assert pairs.second == list(RATED["sentence2"])
    assert pairs.scores.tolist() == list(RATED["score"])
    assert pairs.scale == (0, 0.25 * (FEWEST_PAIRS - 1))


@pytest.mark.parametrize("kind", WRITE)
@pytest.mark.parametrize("numbers", [False, True])
def test_labels_are_numbered_in_the_order_of_their_names(tmp_path: Path, kind: str, numbers: bool) -> None:
    table = LABELLED.assign(label=(LABELLED["label"] == "true").map({True: 7, False: -1})) if numbers else LABELLED
    source = open_source(f"labelled:{file(tmp_path, table, kind)}")
    assert suites.tasks("transfer", source) == ["mine"]
    labelled = source.transfer("mine")["all"]
    assert labelled.first == list(LABELLED["text"])
    assert labelled.second is None
    assert labelled.labels.tolist() == [1, 0] * FEWEST_OF_CLASS
    assert labelled.labels.dtype == np.int64


def test_other_columns_are_named_behind_the_file_and_are_other_data(tmp_path: Path) -> None:
    path = file(tmp_path, RATED.rename(columns={"sentence1": "a b", "score": "rating"}))
    with pytest.raises(
        InputError, match=r"has no column 'sentence1'; it has: a b, sentence2, rating\. .*\?sentence1="
    ):
        open_source(f"pairs:{path}").sts("mine")
    named = open_source(f"pairs:{path}?sentence1=a+b&score=rating")
    swapped = open_source(f"pairs:{path}?sentence1=sentence2&sentence2=a%20b&score=rating")
    assert named.sts("mine")["mine"].first == swapped.sts("mine")["mine"].second
    assert named.checksums(["mine"]) != swapped.checksums(["mine"])
    assert [*named.checksums([]).values()] == [*swapped.checksums([]).values()]


WRONG_PAIRS = {
    "row 3: 'sentence2' is blank": RATED.assign(sentence2=RATED["sentence2"].where(RATED.index != 2, " \t")),
    "row 4: score 'n/a' is not a number": RATED.assign(
        score=RATED["score"].astype(str).where(RATED.index != 3, "n/a")
    ),
    "row 1: score 'inf' is not a number": RATED.assign(score=RATED["score"].where(RATED.index != 0, np.inf)),
    f"has {FEWEST_PAIRS - 1} pairs; a correlation needs {FEWEST_PAIRS}": RATED[1:],
    "every score is 3; equal scores give no correlation": RATED.assign(score=3),
    "has no row": RATED[:0],
}


@pytest.mark.parametrize("said", WRONG_PAIRS)
def test_what_is_wrong_with_pairs(tmp_path: Path, said: str) -> None:
    source = open_source(f"pairs:{file(tmp_path, WRONG_PAIRS[said])}")
    with pytest.raises(InputError) as refused:
        source.sts("mine")
    assert said in str(refused.value)
    assert str(tmp_path / "mine.csv") in str(refused.value)


ONE_SHORT = LABELLED[LABELLED.index != 1]
WRONG_LABELS = {
    "row 2 has no label": LABELLED.assign(label=LABELLED["label"].where(LABELLED.index != 1, "")),
    "row 1: 'text' is blank": LABELLED.assign(text=LABELLED["text"].where(LABELLED.index != 0, "")),
    "has 1 classes; a classifier needs 2 to 100": LABELLED.assign(label="x"),
    f"class 'false' has {FEWEST_OF_CLASS - 1} rows": ONE_SHORT,
}


@pytest.mark.parametrize("said", WRONG_LABELS)
def test_what_is_wrong_with_labels(tmp_path: Path, said: str) -> None:
    source = open_source(f"labelled:{file(tmp_path, WRONG_LABELS[said])}")
    with pytest.raises(InputError) as refused:
        source.transfer("mine")
    assert said in str(refused.value)


def test_a_missing_label_in_a_typed_format(tmp_path: Path) -> None:
    path = file(tmp_path, LABELLED.assign(label=LABELLED["label"].where(LABELLED.index != 5, None)), "parquet")
    with pytest.raises(InputError, match="row 6 has no label"):
        open_source(f"labelled:{path}").transfer("mine")


def test_what_is_wrong_with_a_file(tmp_path: Path) -> None:
    (tmp_path / "mine.xlsx").write_bytes(b"")
    (tmp_path / "mine.parquet").write_bytes(b"PAR1")
    (tmp_path / "mine.csv").write_bytes(b"\xff\xfe")
    (tmp_path / "empty.jsonl").write_bytes(b"")
    for spec, said in {
        f"pairs:{tmp_path}/mine.xlsx": r"ends in '.xlsx'; valid: .csv, .tsv, .parquet",
        f"pairs:{tmp_path}/none.csv": r"none\.csv is not a file",
        f"pairs:{tmp_path}/mine.csv?sentense1=a": r"no column .sentense1.; did you mean .sentence1.",
        "pair:mine.csv": "unknown data source .*pairs:FILE, labelled:FILE",
        "labelled:": "did you mean 'labelled:FILE'",
    }.items():
        with pytest.raises(InputError, match=said):
            open_source(spec)
    for name in ("mine.parquet", "mine.csv"):
        with pytest.raises(InputError, match=f"{name} can't be read: "):
            open_source(f"pairs:{tmp_path}/{name}").sts("mine")
    with pytest.raises(InputError, match="has no row"):
        open_source(f"pairs:{tmp_path}/empty.jsonl").sts("empty")


def test_suites_that_need_more_are_refused_with_those_that_do_not(tmp_path: Path) -> None:
    pairs = open_source(f"pairs:{file(tmp_path, RATED)}")
    for suite in ("transfer", "mteb", "geometry", "order", "sts-disjoint"):
        with pytest.raises(
            InputError, match=f"Suite {suite} needs other data than pairs:.*, which serves: sts, sts-cls"
        ):
            suites.tasks(suite, pairs)
    labelled = open_source(f"labelled:{file(tmp_path, LABELLED)}")
    with pytest.raises(InputError, match=r"Suite sts needs other data .* which serves: transfer, transfer-fast"):
        suites.tasks("sts", labelled)
    for read in (pairs.dev, pairs.held_out, pairs.sick_all):
        with pytest.raises(InputError, match="has no"):
            read()


def test_a_config_trains_with_no_own_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    smoke = Path("config/smoke.yaml").read_text(encoding="utf-8")
    path.write_text(smoke.replace("data: package:gensim", "data: pairs:mine.csv"), encoding="utf-8")
    with pytest.raises(
        InputError, match=r"data source 'pairs:mine.csv' has no dev set to train with; senteval:FOLDER"
    ):
        config.load(path)
