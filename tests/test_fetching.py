"""What a config needs of the hub."""

from pathlib import Path

import pytest

from arccse.config import load
from arccse.data.sources import STS_TASKS
from arccse.fetching import parts, size

CONFIG = Path(__file__).parent.parent / "config"


def whats(name: str) -> list[str]:
    return [part.what for part in parts(load(CONFIG / name))]


def test_paper_needs_models_corpus_and_evaluation_data() -> None:
    models = [f"model {name}" for name in ("bert-base-uncased", "bert-large-uncased", "roberta-base")]
    assert whats("paper.yaml") == [
        *models,
        "corpus",
        "SentEval's data",
        *(f"mteb's {name}" for name in sorted(STS_TASKS)),
    ]


@pytest.mark.parametrize("name", ["smoke.yaml", "objectives.yaml"])
def test_what_is_here_is_not_fetched(name: str) -> None:
    assert whats(name) == []


def test_mtebs_data_are_for_its_suite_alone(tmp_path: Path) -> None:
    text = (CONFIG / "smoke.yaml").read_text().replace("data: package:gensim", "data: hub")
    (tmp_path / "a.yaml").write_text(text.replace("suites: [sts, mteb]", "suites: [sts]"))
    assert [part.what for part in parts(load(tmp_path / "a.yaml"))] == ["SentEval's data"]


def test_a_size_counts_what_is_linked_to(tmp_path: Path) -> None:
    (tmp_path / "blob").write_bytes(b"12345")
    (tmp_path / "snapshot").mkdir()
    (tmp_path / "snapshot" / "file").symlink_to("../blob")
    assert (size(tmp_path / "snapshot"), size(tmp_path / "blob")) == (5, 5)
