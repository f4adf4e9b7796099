"""What was computed of a model once is there the next time: its embeddings, and its scores on a suite.

Both stand in $XDG_CACHE_HOME/arccse (or ~/.cache/arccse), below `embeddings` and `evaluations`, under names that
follow from all that decides them: the model's files, its pooling, the code, the libraries, the device. Whatever
changes has another name, so that nothing stale is ever read; delete the folders to have the room back.
"""

import hashlib
import importlib.metadata
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from arccse import code
from arccse.data.hub import cache_home
from arccse.data.sources import Source
from arccse.errors import InputError
from arccse.evaluating import Evaluation, encode, evaluate, is_evaluation, read
from arccse.evaluation import scoring
from arccse.evaluation.embeddings import Embeddings
from arccse.evaluation.suites import by_pooling
from arccse.files import atomic_path
from arccse.models import Origin, origin


def identity(made: Origin) -> dict[str, Any]:
    """All that embeddings follow from, but for the sentences. A model may be called by another name."""
    import torch

    from arccse.provenance import PACKAGES

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    origin_of = {key: value for key, value in made._asdict().items() if key != "model"}
    return origin_of | {"code": code.digest(code.ENCODING).digest, "versions": versions, "device": device}


def place(kind: str, made: Origin, **more: Any) -> Path:
    """Where what follows from a model, and from `more`, is kept."""
    digest = hashlib.sha256(json.dumps(identity(made) | more, sort_keys=True).encode()).hexdigest()
    return cache_home() / kind / digest[:32]


def embeddings(made: Origin, revision: str | None, sentences: Sequence[str]) -> Embeddings:
    """The embeddings of these sentences and maybe others: those of before, and the missing ones, which are kept.

    Raises:
        InputError: the model can't be loaded, or the cache can't be written.
    """
    path = place("embeddings", made).with_suffix(".parquet")
    kept = loaded(path, made) if path.is_file() else None
    missing = [text for text in dict.fromkeys(sentences) if kept is None or text not in kept.row_of]
    if kept is not None and not missing:
        return kept
    found = encode(made, revision, missing)
    if kept is not None:
        found = Embeddings(
            [*kept.row_of, *found.row_of], np.concatenate([kept.matrix, found.matrix]), found.fingerprint
        )
    if np.isfinite(found.matrix).all():  # others are refused, with the task that shows it, where they are scored
        found.save(path, made)
    return found


def loaded(path: Path, made: Origin) -> Embeddings | None:
    """What was kept under this name; None, and a warning, where it is damaged."""
    try:
        return Embeddings.load(path, made)
    except InputError as error:
        print(f"arccse: warning: {error} They are made anew.", file=sys.stderr)
        return None


def evaluations(
    model: str,
    suites: Sequence[str],
    source: Source,
    tasks: dict[str, list[str]],
    pooling: str | None = None,
    revision: str | None = None,
) -> dict[str, Evaluation]:
    """A model's scores on each suite, made where they are not there; every sentence is encoded once in its life.

    Args:
        tasks: suite → those that are asked for.
        model, suites, source, pooling, revision: as evaluating.evaluate takes them.

    Raises:
        InputError: as evaluating.evaluate does.
    """
    from arccse import provenance

    ways = [(origin(model, chosen, revision), own) for chosen, own in by_pooling(suites, pooling).items()]
    made = {suite: how for how, own in ways for suite in own}
    folders = {
        suite: place(
            "evaluations",
            made[suite],
            suite=suite,
            tasks=tasks[suite],
            data=provenance.data_checksum(source, tasks[suite]),
            scoring=code.of_evaluation(suite, source.spec).digest,
        )
        for suite in suites
    }
    lacking = [suite for suite in suites if not is_evaluation(folders[suite])]
    for how in dict.fromkeys(made[suite] for suite in lacking):
        own = {suite: tasks[suite] for suite in lacking if made[suite] == how}
        rows = embeddings(how, revision, scoring.sentences(source, own))
        for suite in own:
            with atomic_path(folders[suite]) as out:
                evaluate(
                    model,
                    [suite],
                    source,
                    out,
                    tasks=tasks[suite],
                    pooling=pooling,
                    revision=revision,
                    embed=lambda *_, rows=rows: rows,
                )
    return {suite: read(folders[suite], suite, source, tasks[suite]) for suite in suites}
