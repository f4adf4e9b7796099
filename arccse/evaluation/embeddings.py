"""Every sentence is encoded once, whatever number of tasks and suites reads it."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from arccse.errors import InputError
from arccse.files import atomic_path

if TYPE_CHECKING:
    from arccse.encoder import Encoder


class Embeddings:
    """Raw embeddings of distinct sentences under one encoder.

    Attributes:
        fingerprint: of the encoder that made them (`Encoder.fingerprint`).
        matrix: (n, d) float32, a row for each distinct sentence.
    """

    def __init__(self, sentences: Sequence[str], matrix: np.ndarray, fingerprint: str):
        self.row_of = {sentence: row for row, sentence in enumerate(sentences)}
        self.matrix = matrix
        self.fingerprint = fingerprint

    @classmethod
    def of(
        cls, encoder: "Encoder", sentences: Iterable[str], progress: Callable[[int], object] | None = None
    ) -> "Embeddings":
        """Encode the distinct ones among `sentences`."""
        distinct = list(dict.fromkeys(sentences))
        return cls(distinct, encoder.encode(distinct, progress=progress), encoder.fingerprint())

    def __call__(self, sentences: Sequence[str]) -> np.ndarray:
        """(n, d) float32: the embeddings of n sentences, all of which must have been encoded.

        Raises:
            InputError: a sentence is not among them.
        """
        try:
            return self.matrix[[self.row_of[sentence] for sentence in sentences]]
        except KeyError as error:
            raise InputError(f"The embeddings do not hold the sentence {error}; embed the suite again.") from error

    def save(self, path: Path) -> None:
        """Write a parquet file of sentences and rows, whole or not at all."""
        rows = pa.FixedSizeListArray.from_arrays(self.matrix.ravel(), self.matrix.shape[1])
        table = pa.table({"sentence": list(self.row_of), "embedding": rows})
        with atomic_path(path) as temporary:
            pq.write_table(
                table.replace_schema_metadata({"fingerprint": self.fingerprint}),
                temporary,
                compression="none",
            )

    @classmethod
    def load(cls, path: Path) -> "Embeddings":
        """Read what `save` wrote. Raises InputError where that is not a file of embeddings."""
        try:
            table = pq.read_table(path)
            column = table["embedding"].combine_chunks()
            matrix = column.flatten().to_numpy().reshape(len(column), -1)
            return cls(table["sentence"].to_pylist(), matrix, table.schema.metadata[b"fingerprint"].decode())
        except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
            raise InputError(f"{path} is not a file of embeddings: {error}") from error
