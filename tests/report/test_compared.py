"""A comparison on the terminal, in files and on its page: each says the same, and what it is over."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from html_page import Page
from rich.console import Console

from arccse.comparing import Comparison, judged
from arccse.contenders import Contender
from arccse.report import compared
from arccse.report.tables import Row

RIGHT = {"small": 0.70, "large <b>": 0.80, "twin": 0.70}
FOLDERS = {"pooling": "mean", "model": "m" * 64, "data": "d" * 64, "code": {"digest": "0123456789abcdef"}}


def made(names: list[str], seeds: int = 1) -> Comparison:
    """Models on 400 examples of two tasks; twin has the predictions of small."""
    rng = np.random.default_rng(0)
    rows = [Row(name, "", f"model{i}", list(range(seeds))) for i, name in enumerate(names)]
    frames, scores = [], []
    for task in ("MR", "SUBJ"):
        easy, luck = rng.random(400), rng.random((seeds, 400))
        known = {"suite": "transfer", "task": task, "index": range(400), "fold": 0, "label": 1}
        hits = {
            f"{row.hash}/seed{s}": (easy + 0.2 * luck[s] < 1.2 * RIGHT[row.label]).astype("int8")
            for row in rows
            for s in row.seeds
        }
        frames.append(pd.DataFrame(known).assign(**hits))
        for row in rows:
            for s in row.seeds:
                said = {"variant": row.label, "hash": row.hash, "seed": s, "suite": "transfer", "task": task}
                value = 100 * hits[f"{row.hash}/seed{s}"].mean()
                scores.append(said | {"metric": "accuracy", "value": value, "n": 400})
    table, suites = pd.DataFrame(scores), {"transfer": ["MR", "SUBJ"]}
    comparisons, ranks = judged(table, {"transfer": pd.concat(frames, ignore_index=True)}, rows, suites, 0.5)
    return Comparison(
        models=[Contender(row.label, tuple(f"path/{s}" for s in row.seeds), tuple(row.seeds)) for row in rows],
        suites=suites,
        source="package:gensim",
        margin=0.5,
        scores=table.rename(columns={"variant": "label"}),
        comparisons=comparisons,
        ranks=ranks,
        made={row.label: {s: {"transfer": FOLDERS} for s in row.seeds} for row in rows},
    )


def printed(found: Comparison) -> str:
    console = Console(file=io.StringIO(), width=160)
    compared.show(found, console)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_two_models_are_answered_in_a_sentence_that_says_what_it_is_over() -> None:
    text = printed(made(["small", "large <b>"]))
    assert "Transfer average: large <b> is better than small by " in text
    assert "of these two models on other examples (test examples); it says nothing of other seeds" in text
    assert "adjusted for all 3 comparisons that were made (Bonferroni)" in text
    assert text.count("higher") == 3  # two tasks, the average


def test_twins_are_equivalent_and_seeds_are_said() -> None:
    assert "small and" not in printed(made(["small", "large <b>"]))
    found = made(["small", "twin"], seeds=3)
    assert compared.answers(found) == [
        "Transfer average: twin and small are equivalent; they differ by +0.00 points (0.00 to 0.00)."
    ]
    (over,) = compared.bounds(found)
    assert over.startswith("Over common seeds and examples")


def test_of_several_models_the_best_and_those_that_may_be_are_named() -> None:
    assert compared.answers(made(["small", "large <b>", "twin"])) == ["Transfer average: large <b> is the best of 3."]
    text = printed(made(["small", "large <b>", "twin"]))
    assert "2 to 3" in text
    assert "SUBJ" in text  # among the scores; of the differences only averages are printed
    assert text.count("average") >= 3


def test_the_files_are_there_together_and_hold_the_numbers(tmp_path: Path) -> None:
    found = made(["small", "large <b>", "twin"])
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("kept")
    compared.write(found, tmp_path / "out", ["arccse", "compare", "a b", "c"])
    assert {path.name for path in (tmp_path / "out").iterdir()} == {*compared.FILES, "mine.txt"}
    table = pd.read_csv(tmp_path / "out" / "comparisons.csv")
    assert len(table) == 9
    np.testing.assert_allclose(table["difference"], found.comparisons["difference"], atol=1e-6)
    assert {*table["margin"]} == {0.5}
    assert len(pd.read_csv(tmp_path / "out" / "scores.csv")) == 6
    markdown = (tmp_path / "out" / "comparisons.md").read_text(encoding="utf-8")
    assert "| *large \\<b\\> less small*" in markdown
    assert "says nothing of other seeds" in markdown
    assert r"\label{tab:comparisons-transfer" in (tmp_path / "out" / "comparisons.tex").read_text(encoding="utf-8")


def test_a_failure_leaves_the_files_of_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = made(["small", "large <b>"])
    compared.write(found, tmp_path, ["arccse"])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    monkeypatch.setattr(compared, "html", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        compared.write(made(["small", "twin"]), tmp_path, ["arccse"])
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_the_page_is_one_well_formed_file_that_says_all(tmp_path: Path) -> None:
    found = made(["small", "large <b>", "twin"])
    compared.write(found, tmp_path, ["arccse", "compare", "a b", "c"])
    html = (tmp_path / "index.html").read_text(encoding="utf-8")
    page = Page(html)
    shown = page.shown()
    for said in ("Transfer average: large <b> is the best of 3.", "large <b> less small", "Do it again"):
        assert said in shown
    assert "arccse compare 'a b' c" in shown
    assert "Model's files (sha256) mmmmmmmmmmmmmmmm" in shown  # of all alike, so said once
    assert "Data's files (sha256) dddddddddddddddd" in shown
    assert "it says nothing of other seeds" in shown
    plots = [attributes for tag, attributes in page.elements if tag == "svg"]
    assert len(plots) == 3 + 9  # a headline each, and every line task by task
    assert page.charts() == {"transfer": []}
    outside = [value for _, own in page.elements for name, value in own.items() if name in ("src", "href")]
    assert not [value for value in outside if value and "//" in value]
    targets = {own.get("id") for _, own in page.elements}
    assert {value[1:] for value in outside if value and value.startswith("#")} <= targets
