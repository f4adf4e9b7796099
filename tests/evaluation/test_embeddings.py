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
from arccse.models import Origin

# what a sentence of a data set may hold: quotes, tabs, other scripts, nothing at all
SENTENCES = ["A man plays.", "", 'He said "no".', "Größe\tλ ≠ 漢字 🙂", "A man plays"]


ORIGIN = Origin("package:x", "c" * 64, "mean")


class CountingEncoder:
    """Embeds a sentence as its length and a running number, and keeps what it was given."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def encode(self, sentences, batch_size=64, progress=None, precision="fp32") -> np.ndarray:
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
    Embeddings(SENTENCES, matrix, "fingerprint-1", "bf16").save(tmp_path / "new" / "embeddings.parquet", ORIGIN)
    loaded = Embeddings.load(tmp_path / "new" / "embeddings.parquet", ORIGIN)
    assert (loaded.fingerprint, loaded.precision) == ("fingerprint-1", "bf16")
    assert loaded.row_of == {sentence: row for row, sentence in enumerate(SENTENCES)}
    assert loaded.matrix.dtype == np.float32
    np.testing.assert_array_equal(loaded.matrix, matrix)
    np.testing.assert_array_equal(loaded(SENTENCES[::-1]), matrix[::-1])


def test_an_unknown_sentence_is_named() -> None:
    embeddings = Embeddings(["a", "b"], np.eye(2, dtype=np.float32), "x")
    with pytest.raises(InputError, match="do not hold the sentence 'never seen'"):
        embeddings(["a", "never seen"])


def saved(path: Path) -> Path:
    Embeddings(SENTENCES, np.ones((len(SENTENCES), 4), dtype=np.float32), "x").save(path, ORIGIN)
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


def with_columns(path: Path, **columns: object) -> None:
    """Columns of our own under the metadata of a real file."""
    metadata = pq.read_table(saved(path)).schema.metadata
    pq.write_table(pa.table(columns).replace_schema_metadata(metadata), path)


PLANE, DOUBLES, RAGGED = pa.list_(pa.float32(), 2), pa.list_(pa.float64(), 2), pa.list_(pa.float32())


def rows(*values: list[float] | None, kind: pa.DataType = PLANE) -> pa.Array:
    return pa.array(values, type=kind)


def flipped(path: Path) -> None:
    data = bytearray(saved(path).read_bytes())
    data[data.index(np.float32(1).tobytes())] ^= 1
    path.write_bytes(data)


DAMAGE = {
    "missing": lambda path: None,
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("sentence,embedding\n"),
    "a folder": lambda path: path.mkdir(),
    "truncated": truncated,
    "no end": without_its_end,
    "one bit": flipped,
    "no fingerprint": without_fingerprint,
    "no embeddings": without_embeddings,
    "scalars": lambda path: with_columns(path, sentence=["a"], embedding=[1.0]),
    "doubles": lambda path: with_columns(path, sentence=["a"], embedding=rows([1, 2], kind=DOUBLES)),
    "of any length": lambda path: with_columns(path, sentence=["a"], embedding=rows([1], kind=RAGGED)),
    "numbers for sentences": lambda path: with_columns(path, sentence=[None], embedding=rows([1, 2])),
    "no row": lambda path: with_columns(path, sentence=pa.array([], pa.string()), embedding=rows()),
    "a row missing": lambda path: with_columns(path, sentence=["a", "b"], embedding=rows([1, 2], None)),
    "a sentence twice": lambda path: with_columns(path, sentence=["a", "a"], embedding=rows([1, 2], [3, 4])),
    "NaN": lambda path: with_columns(path, sentence=["a"], embedding=rows([1, np.nan])),
    "infinite": lambda path: with_columns(path, sentence=["a"], embedding=rows([np.inf, 1])),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_file_is_named(tmp_path: Path, damage) -> None:
    path = tmp_path / "embeddings.parquet"
    damage(path)
    with pytest.raises(InputError) as refused:
        Embeddings.load(path, ORIGIN)
    assert str(refused.value).startswith(f"{path} can't be used as embeddings: ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "other", [Origin("package:x", "d" * 64, "mean"), Origin("package:x", "c" * 64, "cls")], ids=["files", "pooling"]
)
def test_embeddings_of_another_model_or_pooling_are_refused_with_both(tmp_path: Path, other: Origin) -> None:
    path = saved(tmp_path / "embeddings.parquet")
    with pytest.raises(InputError) as refused:
        Embeddings.load(path, other)
    assert f"it is of {ORIGIN}, not of {other}" in str(refused.value)


def test_a_model_is_its_files_whatever_its_name_and_may_leave_its_pooling_unsaid(
    tmp_path: Path,
) -> None:
    path = saved(tmp_path / "embeddings.parquet")
    assert Embeddings.load(path, Origin("elsewhere/x", ORIGIN.checksum, "")).matrix.shape == (len(SENTENCES), 4)
