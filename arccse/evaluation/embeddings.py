"""Every sentence is encoded once, whatever number of tasks and suites reads it."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from arccse.errors import InputError, first_line
from arccse.files import atomic_path
from arccse.models import Origin, Precision

if TYPE_CHECKING:
    from arccse.encoder import Encoder


class Embeddings:
    """Raw embeddings of distinct sentences under one encoder.

    Attributes:
        fingerprint: of the encoder that made them (`Encoder.fingerprint`).
        precision: that they were made in.
        matrix: (n, d) float32, a row for each distinct sentence.
    """

    def __init__(self, sentences: Sequence[str], matrix: np.ndarray, fingerprint: str, precision: Precision = "fp32"):
        self.row_of = {sentence: row for row, sentence in enumerate(sentences)}
        self.matrix = matrix
        self.fingerprint = fingerprint
        self.precision = precision

    @classmethod
    def of(
        cls,
        encoder: "Encoder",
        sentences: Iterable[str],
        progress: Callable[[int], object] | None = None,
        precision: Precision = "fp32",
    ) -> "Embeddings":
        """Encode the distinct ones among `sentences`."""
        distinct = list(dict.fromkeys(sentences))
        matrix = encoder.encode(distinct, progress=progress, precision=precision)
        return cls(distinct, matrix, encoder.fingerprint(), precision)

    def __call__(self, sentences: Sequence[str]) -> np.ndarray:
        """(n, d) float32: the embeddings of n sentences, all of which must have been encoded.

        Raises:
            InputError: a sentence is not among them.
        """
        try:
            return self.matrix[[self.row_of[sentence] for sentence in sentences]]
        except KeyError as error:
            raise InputError(f"The embeddings do not hold the sentence {error}.") from error

    def save(self, path: Path, origin: Origin) -> None:
        """Write a parquet file of sentences, rows and what they were made by, whole or not at all."""
        rows = pa.FixedSizeListArray.from_arrays(self.matrix.ravel(), self.matrix.shape[1])
        table = pa.table({"sentence": list(self.row_of), "embedding": rows})
        made = origin._asdict() | {"fingerprint": self.fingerprint, "precision": self.precision}
        with atomic_path(path) as temporary:
            pq.write_table(
                table.replace_schema_metadata(made),
                temporary,
                compression="none",
                write_page_checksum=True,
            )

    @classmethod
    def load(cls, path: Path, origin: Origin) -> "Embeddings":
        """Read what `save` wrote, if it was written of this model.

        Args:
            path: of the file.
            origin: what the embeddings are to be made by; one without a pooling takes the file's.

        Raises:
            InputError: the file is missing, damaged, something else, or of another model or pooling.
        """
        try:
            table = pq.read_table(path, page_checksum_verification=True)
        except (OSError, pa.ArrowException) as error:
            raise unusable(path, f"it can't be read ({first_line(error).rstrip('.')})") from error
        said = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
        missing = [name for name in ("sentence", "embedding") if name not in table.column_names]
        missing += [name for name in (*Origin._fields, "fingerprint", "precision") if name not in said]
        if missing:
            raise unusable(path, f"it has no '{missing[0]}'")
        made = Origin(*(said[name] for name in Origin._fields))
        if made.checksum != origin.checksum or (origin.pooling and made.pooling != origin.pooling):
            raise unusable(path, f"it is of {made}, not of {origin}")
        sentences, rows = table["sentence"], table["embedding"]
        if rows.type != pa.list_(pa.float32(), getattr(rows.type, "list_size", 0)) or not rows.type.list_size:
            raise unusable(path, f"its embeddings are {rows.type}, not lists of float32 of one length")
        if not len(rows) or rows.null_count or len(set(sentences.to_pylist()) - {None}) != len(rows):
            raise unusable(path, "it does not hold one embedding for each of some different sentences")
        matrix = rows.combine_chunks().flatten().to_numpy().reshape(len(rows), -1)
        if not np.isfinite(matrix).all():
            raise unusable(path, "it holds embeddings that are NaN or infinite")
        return cls(sentences.to_pylist(), matrix, said["fingerprint"], cast("Precision", said["precision"]))


def unusable(path: Path, why: str) -> InputError:
    """The error that says what is wrong with a file of embeddings."""
    return InputError(f"{path} can't be used as embeddings: {why}.")
