"""Embeddings: every sentence once, whole files, and whose they are."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arccse.encoder import load_encoder
from arccse.errors import InputError
from arccse.evaluation.embeddings import Embeddings

# what a sentence of a data set may hold: quotes, tabs, other scripts, nothing at all
SENTENCES = ["A man plays.", "", 'He said "no".', "Größe\tλ ≠ 漢字 🙂", "A man plays"]


class CountingEncoder:
    """Embeds a sentence as its length and a running number, and keeps what it was given."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def encode(self, sentences, batch_size=64, progress=None) -> np.ndarray:
        self.seen += sentences
        return np.array([[len(s), i] for i, s in enumerate(sentences)], dtype=np.float32).reshape(-1, 2)

    def fingerprint(self) -> str:
        return "stub"


@given(st.lists(st.text(max_size=3)))
def test_each_distinct_sentence_is_encoded_once(sentences: list[str]) -> None:
    encoder = CountingEncoder()
    embeddings = Embeddings.of(encoder, sentences)
    assert sorted(encoder.seen) == sorted(set(sentences))
    assert embeddings.matrix.shape == (len(set(sentences)), 2)
    assert embeddings(sentences).tolist() == [[len(s), encoder.seen.index(s)] for s in sentences]


def test_a_generator_of_sentences_will_do() -> None:
    encoder = CountingEncoder()
    Embeddings.of(encoder, (sentence for sentence in ["a", "b", "a"]))
    assert encoder.seen == ["a", "b"]


def test_rows_are_the_encoders_own(tiny_models: Path) -> None:
    encoder, done = load_encoder(str(tiny_models / "bert"), "mean"), []
    embeddings = Embeddings.of(encoder, SENTENCES + SENTENCES, progress=done.append)
    wanted = [SENTENCES[i] for i in (3, 0, 3)]
    np.testing.assert_allclose(embeddings(wanted), encoder.encode(wanted), atol=1e-5)
    assert done == [len(SENTENCES)]
    assert embeddings.fingerprint == encoder.fingerprint()


def test_saved_and_loaded_they_are_the_same(tmp_path: Path) -> None:
    matrix = np.random.default_rng(0).standard_normal((len(SENTENCES), 7)).astype(np.float32)
    Embeddings(SENTENCES, matrix, "fingerprint-1").save(tmp_path / "new" / "embeddings.parquet")
    loaded = Embeddings.load(tmp_path / "new" / "embeddings.parquet")
    assert loaded.fingerprint == "fingerprint-1"
    assert loaded.row_of == {sentence: row for row, sentence in enumerate(SENTENCES)}
    assert loaded.matrix.dtype == np.float32
    np.testing.assert_array_equal(loaded.matrix, matrix)
    np.testing.assert_array_equal(loaded(SENTENCES[::-1]), matrix[::-1])


def test_an_unknown_sentence_is_named() -> None:
    embeddings = Embeddings(["a", "b"], np.eye(2, dtype=np.float32), "x")
    with pytest.raises(InputError, match="do not hold the sentence 'never seen'"):
        embeddings(["a", "never seen"])


def saved(path: Path) -> Path:
    Embeddings(SENTENCES, np.ones((len(SENTENCES), 4), dtype=np.float32), "x").save(path)
    return path


def truncated(path: Path) -> None:
    data = saved(path).read_bytes()
    path.write_bytes(data[: len(data) // 2])


def without_its_end(path: Path) -> None:
    path.write_bytes(saved(path).read_bytes()[:-8])


def without_fingerprint(path: Path) -> None:
    pq.write_table(pq.read_table(saved(path)).replace_schema_metadata(None), path)


def without_embeddings(path: Path) -> None:
    pq.write_table(pq.read_table(saved(path)).drop(["embedding"]), path)


def of_another_kind(path: Path) -> None:
    table = pa.table({"sentence": ["a"], "embedding": [1.0]})
    pq.write_table(table.replace_schema_metadata({"fingerprint": "x"}), path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: None,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_text("sentence,embedding\n"),
        truncated,
        without_its_end,
        without_fingerprint,
        without_embeddings,
        of_another_kind,
    ],
    ids=["missing", "empty", "text", "truncated", "no end", "no fingerprint", "no embeddings", "scalars"],
)
def test_a_damaged_file_is_named(tmp_path: Path, damage) -> None:
    path = tmp_path / "embeddings.parquet"
    damage(path)
    with pytest.raises(InputError) as refused:
        Embeddings.load(path)
    assert str(path) in str(refused.value)
