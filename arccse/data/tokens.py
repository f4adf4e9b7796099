"""Token ids of a corpus, made once and mapped into memory.

Plain pyarrow rather than `datasets`: the same Arrow file, without a cache and fingerprints of its own.
"""

import hashlib
import json
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from arccse.errors import InputError, first_line
from arccse.files import atomic_path, atomic_write, sha256

# Sentences tokenised at once, and rows of a record batch: fast from a thousand on, and memory grows with them.
BATCH = 1024


class TokenStore:
    """Token ids of a corpus' sentences in an Arrow file; only what is being read of it takes memory.

    `len(store)` is the number of sentences; `store[rows]` gives the ids of some of them, special ones included.

    Attributes:
        sha256: of the text that was tokenised.
        tokens: ids in all sentences together.
    """

    def __init__(self, path: Path, text_sha256: str):
        """Map the ids in `path`. Raises InputError where they are not what the record beside them says."""
        import pyarrow as pa

        self.sha256 = text_sha256
        try:
            record = json.loads(path.with_suffix(".json").read_bytes())
            if not path.is_file() or sha256(path) != record["sha256"]:
                raise ValueError(f"{path.name} is missing or has changed since it was written")
            reader = pa.ipc.open_file(pa.memory_map(str(path)))
            columns = [reader.get_batch(i).column("ids") for i in range(reader.num_record_batches)]
        except (OSError, ValueError, KeyError, TypeError) as error:  # Arrow's errors are ValueErrors and KeyErrors
            raise InputError(
                f"The token store {path} is damaged: {first_line(error)} Delete {path.stem}.* in {path.parent}, and "
                "it is made anew."
            ) from error
        # numpy's views of the mapped file. 64 rows of a million take 0.1 ms so; Arrow's own Table.take took 9 ms.
        self.batches = [(column.offsets.to_numpy(), column.values.to_numpy()) for column in columns]
        self.starts = np.cumsum([0, *map(len, columns)])
        self.tokens = sum(len(ids) for _, ids in self.batches)

    def __len__(self) -> int:
        return int(self.starts[-1])

    def __getitem__(self, rows: np.ndarray | Sequence[int]) -> list[list[int]]:
        """Ids of the sentences with the given numbers, counted from 0, in the order given; IndexError for others."""
        rows = np.asarray(rows, dtype=np.int64)
        if rows.size and not 0 <= rows.min() <= rows.max() < len(self):
            raise IndexError(f"rows {rows.min()} to {rows.max()} of a store with {len(self)}")
        numbers = np.searchsorted(self.starts, rows, side="right") - 1
        found = []
        for number, row in zip(numbers.tolist(), (rows - self.starts[numbers]).tolist(), strict=True):
            offsets, ids = self.batches[number]
            found.append(ids[offsets[row] : offsets[row + 1]].tolist())
        return found


def tokenised(text: Path, tokenizer: Any, max_length: int, folder: Path, column: int | None = None) -> TokenStore:
    """The token ids of a text's lines as `Encoder.token_ids` gives them, from `folder` if they are there already.

    A store is two files: <name>.arrow with the ids and, written last, <name>.json, which says what they were made
    from and their checksum. The name is a hash of the text, the tokenizer and `max_length`. Trainings that start at
    once may each write the store: to the same names, and the same bytes. They would have to wait as long for one
    of them, and need no lock, which not every network file system has.

    Args:
        text: UTF-8, one sentence a line; only line feeds end a line. An empty line is a sentence.
        tokenizer: a fast tokenizer of transformers.
        max_length: the longest row in tokens, special ones included; what is longer is cut.
        folder: where stores are kept.
        column: of lines of several sentences with tabs between; None: a line is a sentence.

    Raises:
        InputError: the text is missing or not UTF-8, the store is damaged or can't be written.
    """
    text_sha256 = sha256(text)
    made_from = {"text": text_sha256, "tokenizer": tokenizer_sha256(tokenizer), "max_length": max_length}
    made_from |= {} if column is None else {"column": column}
    name = hashlib.sha256(json.dumps(made_from).encode()).hexdigest()[:16]
    path = folder / f"{name}.arrow"
    if not path.with_suffix(".json").is_file():
        try:
            with atomic_path(path) as temporary:
                write_ids(text, tokenizer, max_length, temporary, column)
            record = made_from | {"sha256": sha256(path)}
            atomic_write(path.with_suffix(".json"), json.dumps(record, indent=1) + "\n")
        except UnicodeDecodeError as error:
            raise InputError(f"{text} is not valid UTF-8: {first_line(error)}") from error
        except OSError as error:
            raise InputError(f"The token store {path} can't be written: {first_line(error)}") from error
    return TokenStore(path, text_sha256)


def write_ids(text: Path, tokenizer: Any, max_length: int, path: Path, column: int | None = None) -> None:
    """Tokenise a text line by line into an Arrow file with one column, `ids`; memory does not grow with the text."""
    import pyarrow as pa

    small = max(tokenizer.get_vocab().values()) < 2**16
    ids = pa.list_(pa.uint16() if small else pa.int32())
    schema = pa.schema([pa.field("ids", ids)])
    with (
        text.open(encoding="utf-8", newline="\n") as stream,
        pa.OSFile(str(path), "wb") as sink,
        pa.ipc.new_file(sink, schema) as writer,
    ):
        lines = (line.removesuffix("\n").removesuffix("\r") for line in stream)
        if column is not None:
            lines = (line.split("\t")[column] for line in lines)
        while batch := list(islice(lines, BATCH)):
            encoded = tokenizer(
                batch,
                truncation=True,
                max_length=max_length,
                return_attention_mask=False,
                return_token_type_ids=False,
            )
            writer.write_batch(pa.record_batch([pa.array(encoded["input_ids"], ids)], schema))


def tokenizer_sha256(tokenizer: Any) -> str:
    """A hash of all that decides which ids a fast tokenizer gives, but for the length at which it cuts.

    The tokenizer's own JSON also says how it last padded and truncated, which each call sets anew.
    """
    import tokenizers

    said = json.loads(tokenizer.backend_tokenizer.to_str())
    del said["truncation"], said["padding"]
    python_side = [tokenizer.truncation_side, tokenizer.split_special_tokens, tokenizers.__version__]
    return hashlib.sha256(json.dumps([said, python_side], sort_keys=True).encode()).hexdigest()
