"""The tokenised corpus: the same ids as the encoder's, made once, whole or not at all."""

import multiprocessing
import os
import resource
import signal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from families import MINILM, POSITIONS, SENTENCES
from hypothesis import given
from hypothesis import strategies as st

from arccse.data import tokens
from arccse.data.tokens import TokenStore, tokenised
from arccse.encoder import Encoder, load_encoder
from arccse.errors import InputError

HANGS = 600  # seconds: the other process has died, or waits for what never comes
MANY = [f"{sentence} {n}" for n in range(20) for sentence in SENTENCES]
UNUSUAL = [
    "",
    " ",
    ".",
    "\t",
    "Ærø, 東京 и 🦆🏽",
    "é e\u0301",
    "a\u2028b\x85c\x0cd\re",
    "[SEP] <s>",
    "word " * 5000,
    "ü" * 9000,
]


def write(path: Path, sentences: list[str]) -> Path:
    path.write_bytes("".join(f"{sentence}\n" for sentence in sentences).encode())
    return path


@pytest.fixture(scope="session")
def tiny(tiny_models: Path) -> Encoder:
    return load_encoder(str(tiny_models / "bert"), "mean")


@pytest.fixture(scope="session")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("text") / "many.txt", MANY)


@pytest.fixture(scope="session")
def store(tiny: Encoder, many: Path) -> TokenStore:
    """Of MANY, in several record batches of which the last is not full."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokens, "BATCH", 24)
        return tokenised(many, tiny.tokenizer, 12, many.parent / "tokens")


def arrow_file(folder: Path) -> Path:
    [path] = folder.glob("*.arrow")
    return path


@pytest.mark.parametrize("max_length", [8, POSITIONS])
def test_ids_are_the_encoders(family: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, max_length: int) -> None:
    monkeypatch.setattr(tokens, "BATCH", 7)
    encoder, lines = load_encoder(str(family), "mean"), SENTENCES + UNUSUAL
    store = tokenised(write(tmp_path / "text", lines), encoder.tokenizer, max_length, tmp_path / "tokens")
    expected = encoder.token_ids(lines, max_length)
    assert max(map(len, expected)) == max_length
    assert len(store) == len(lines)
    assert store[range(len(lines))] == expected
    assert store.tokens == sum(map(len, expected))


def test_ids_of_a_published_encoder(tmp_path: Path) -> None:
    tokenizer = load_encoder(MINILM).tokenizer
    store = tokenised(write(tmp_path / "text", ["Hello world!", ""]), tokenizer, 5, tmp_path)
    # bert-base-uncased's vocabulary: [CLS] 101, hello 7592, world 2088, ! 999, [SEP] 102
    assert store[[0, 1]] == [[101, 7592, 2088, 999, 102], [101, 102]]


@given(lines=st.lists(st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]), max_size=40)))
def test_any_text(lines: list[str], tiny: Encoder, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("any")
    store = tokenised(write(folder / "text", lines), tiny.tokenizer, POSITIONS, folder)
    assert store[range(len(store))] == (tiny.token_ids(lines) if lines else [])


def test_line_ends(tiny_models: Path, tmp_path: Path) -> None:
    encoder = load_encoder(str(tiny_models / "roberta"), "mean")  # whose byte pairs would show a carriage return
    path = tmp_path / "text"
    path.write_bytes(b"Stars\r\n\nStars of rain")  # no line feed at the end
    store = tokenised(path, encoder.tokenizer, POSITIONS, tmp_path)
    assert store[[0, 1, 2]] == encoder.token_ids(["Stars", "", "Stars of rain"])


@given(rows=st.lists(st.integers(0, len(MANY) - 1)), as_array=st.booleans())
def test_rows_come_in_the_order_asked_for(store: TokenStore, tiny: Encoder, rows: list[int], as_array: bool) -> None:
    expected = tiny.token_ids(MANY, 12)
    assert store[np.array(rows, dtype=np.int64) if as_array else rows] == [expected[row] for row in rows]


@pytest.mark.parametrize("row", [-1, len(MANY)])
def test_rows_that_are_not_there(store: TokenStore, row: int) -> None:
    with pytest.raises(IndexError, match=f"a store with {len(MANY)}"):
        store[[0, row]]


def test_ids_beyond_16_bits(tiny: Encoder, many: Path, store: TokenStore, tmp_path: Path) -> None:
    tokenizer = load_encoder(str(tiny.transformer.config.name_or_path), "mean").tokenizer
    tokenizer.add_tokens([f"added{n}" for n in range(2**16)])
    big = tokenised(write(tmp_path / "text", [f"A man. added{2**16 - 1}"]), tokenizer, POSITIONS, tmp_path)
    [ids] = big[[0]]
    assert ids == tokenizer(f"A man. added{2**16 - 1}")["input_ids"]
    assert max(ids) == len(tokenizer) - 1 >= 2**16
    assert [s.batches[0][1].dtype for s in (store, big)] == [np.uint16, np.int32]


def test_ids_stay_in_the_mapped_file(store: TokenStore, many: Path) -> None:
    path = str(arrow_file(many.parent / "tokens"))
    maps = [line.split()[0] for line in Path("/proc/self/maps").read_text().splitlines() if line.endswith(path)]
    mapped = [tuple(int(end, 16) for end in span.split("-")) for span in maps]
    assert len(store.batches) > 1
    for array in (array for pair in store.batches for array in pair):
        assert any(begin <= array.ctypes.data < end for begin, end in mapped)


def test_the_second_training_finds_the_store(
    tiny: Encoder, many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tokenised(many, tiny.tokenizer, 12, tmp_path)
    tiny.tokenizer(MANY[:2], padding="max_length", truncation=True, max_length=30)  # leaves its traces inside
    monkeypatch.setattr(tokens, "write_ids", lambda *_: pytest.fail("tokenised again"))
    same_text = write(tmp_path / "elsewhere.txt", MANY)
    tokenizer = load_encoder(str(tiny.transformer.config.name_or_path), "mean").tokenizer
    second = tokenised(same_text, tokenizer, 12, tmp_path)
    assert second[[3, 5]] == first[[3, 5]]
    assert second.sha256 == first.sha256


def test_anything_changed_gives_another_store(tiny: Encoder, many: Path, tmp_path: Path) -> None:
    def stores(text: Path, tokenizer: object, max_length: int) -> int:
        tokenised(text, tokenizer, max_length, tmp_path / "tokens")
        return len(list((tmp_path / "tokens").glob("*.arrow")))

    tokenizer = load_encoder(str(tiny.transformer.config.name_or_path), "mean").tokenizer
    assert stores(many, tokenizer, 12) == 1
    assert stores(many, tokenizer, 13) == 2
    assert stores(write(tmp_path / "text", MANY[:-1]), tokenizer, 12) == 3
    tokenizer.truncation_side = "left"
    assert stores(many, tokenizer, 12) == 4
    tokenizer.split_special_tokens = True
    assert stores(many, tokenizer, 12) == 5
    tokenizer.add_tokens(["guitar"])
    assert stores(many, tokenizer, 12) == 6
    assert stores(many, tokenizer, 12) == 6


def cut(arrow: Path) -> None:
    os.truncate(arrow, arrow.stat().st_size - 9)


def flip(arrow: Path) -> None:
    data = bytearray(arrow.read_bytes())
    data[len(data) // 2] ^= 1
    arrow.write_bytes(data)


def damage_record(content: str):
    return lambda arrow: arrow.with_suffix(".json").write_text(content)


@pytest.mark.parametrize(
    "damage",
    [cut, flip, Path.unlink, *map(damage_record, ["", "[]", "{}", '{"sha256": "0"}'])],
    ids=["cut", "flipped bit", "no ids", "empty record", "list", "no checksum", "other checksum"],
)
def test_a_damaged_store(tiny: Encoder, many: Path, tmp_path: Path, damage) -> None:
    tokenised(many, tiny.tokenizer, 12, tmp_path)
    damage(arrow_file(tmp_path))
    with pytest.raises(InputError, match=rf"token store .*\.arrow is damaged: .* in {tmp_path}"):
        tokenised(many, tiny.tokenizer, 12, tmp_path)


def test_a_record_of_something_else(tiny: Encoder, many: Path, tmp_path: Path) -> None:
    """A whole file with the right checksum that holds no ids."""
    tokenised(many, tiny.tokenizer, 12, tmp_path)
    path = arrow_file(tmp_path)
    table = pa.table({"words": MANY})
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    path.with_suffix(".json").write_text(f'{{"sha256": "{tokens.sha256(path)}"}}')
    with pytest.raises(InputError, match="is damaged"):
        tokenised(many, tiny.tokenizer, 12, tmp_path)


def test_a_text_that_is_no_text(tiny: Encoder, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="text is not a file"):
        tokenised(tmp_path / "text", tiny.tokenizer, 12, tmp_path / "tokens")
    (tmp_path / "text").write_bytes(b"one\nthr\xe9e\n")
    with pytest.raises(InputError, match=r"text is not valid UTF-8: .*0xe9"):
        tokenised(tmp_path / "text", tiny.tokenizer, 12, tmp_path / "tokens")
    assert not list((tmp_path / "tokens").iterdir())


# Other processes. They are forked from one that has done nothing but import, so that they share no thread with this
# one; what they call stands at the top of this module.
FAMILY = [f"transformers.models.bert.{part}_bert" for part in ("modeling", "tokenization")]
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["arccse.encoder", "arccse.data.tokens", "hypothesis", "pytest", *FAMILY])


def start(target, *arguments) -> multiprocessing.process.BaseProcess:
    process = CONTEXT.Process(target=target, args=arguments)
    process.start()
    return process


def killed_in_the_second_batch(model: str, text: Path, folder: Path) -> None:
    tokens.BATCH = 24
    tokenizer = load_encoder(model, "mean").tokenizer
    call, calls = type(tokenizer).__call__, []

    def kill(*arguments, **options):
        calls.append(1)
        if len(calls) == 3:  # the second batch has been handed to the writer
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*arguments, **options)

    type(tokenizer).__call__ = kill
    tokenised(text, tokenizer, 12, folder)


def test_killed_while_writing(tiny: Encoder, many: Path, tmp_path: Path) -> None:
    process = start(killed_in_the_second_batch, tiny.transformer.config.name_or_path, many, tmp_path)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    [left] = tmp_path.iterdir()
    assert left.name.startswith(".")
    assert left.stat().st_size > 0
    store = tokenised(many, tiny.tokenizer, 12, tmp_path)
    assert store[range(len(MANY))] == tiny.token_ids(MANY, 12)


def killed_before_the_record(model: str, text: Path, folder: Path) -> None:
    tokens.atomic_write = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[assignment]
    tokenised(text, load_encoder(model, "mean").tokenizer, 12, folder)


def test_killed_before_the_record_is_written(tiny: Encoder, many: Path, tmp_path: Path) -> None:
    process = start(killed_before_the_record, tiny.transformer.config.name_or_path, many, tmp_path)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    cut(arrow_file(tmp_path))  # whatever is there without a record is not believed
    assert len(tokenised(many, tiny.tokenizer, 12, tmp_path)) == len(MANY)


def meets_the_other(model: str, text: Path, folder: Path, barrier, results) -> None:
    tokenizer, write_ids = load_encoder(model, "mean").tokenizer, tokens.write_ids

    def write_after_the_other_began(*arguments) -> None:
        barrier.wait(HANGS)
        write_ids(*arguments)

    tokens.write_ids = write_after_the_other_began
    store = tokenised(text, tokenizer, 12, folder)
    barrier.wait(HANGS)  # both have opened it
    results.put(store[range(len(store))])


def test_two_trainings_start_at_once(tiny: Encoder, many: Path, tmp_path: Path) -> None:
    barrier, results = CONTEXT.Barrier(2), CONTEXT.Queue()
    model = tiny.transformer.config.name_or_path
    processes = [start(meets_the_other, model, many, tmp_path, barrier, results) for _ in range(2)]
    expected = tiny.token_ids(MANY, 12)
    assert [results.get(timeout=HANGS) for _ in processes] == [expected, expected]
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".arrow", ".json"]


def with_little_disk(model: str, text: Path, folder: Path, results) -> None:
    tokenizer = load_encoder(model, "mean").tokenizer
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
    try:
        tokenised(text, tokenizer, 12, folder)
    except InputError as error:
        results.put(str(error))


def test_a_full_disk(tiny: Encoder, many: Path, tmp_path: Path) -> None:
    results = CONTEXT.Queue()
    process = start(with_little_disk, tiny.transformer.config.name_or_path, many, tmp_path, results)
    assert "can't be written: " in results.get(timeout=HANGS)
    process.join()
    assert not list(tmp_path.iterdir())
