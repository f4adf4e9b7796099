"""An mteb results folder as a model's scores: the cosine of each pair, where `mteb.evaluate` was told to keep them.

With `prediction_folder`, mteb writes <task>_predictions.json: subset → split → "cosine_scores", in the order of its
data set, without the ratings. Those are the source's; that the pairs and their order are the same shows in the score
that mteb's own JSON has, which must come out again.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from arccse.data.sources import Source
from arccse.errors import InputError
from arccse.evaluating import Evaluation
from arccse.evaluation.mteb_suite import LEE, TASKS, joined
from arccse.evaluation.sts import aggregations, spearman
from arccse.files import json_object, sha256

ENDING = "_predictions.json"
NAMES = {task: own.name for task, own in TASKS.items()} | {"LEE": LEE.name}
SAME = 0.01  # of Spearman × 100: mteb may compute in float32


def is_mteb(folder: Path) -> bool:
    """Whether mteb has written this folder: results, predictions or both."""
    return any(folder.rglob(f"*{ENDING}")) or any(folder.rglob("model_meta.json"))


def read(folder: Path, source: Source, tasks: Sequence[str]) -> Evaluation:
    """The scores on suite `sts` that follow from the kept cosines.

    Raises:
        InputError: a task has no predictions, no score, or other ones than the source's pairs have.
    """
    frames, files = [], []
    for task in tasks:
        cosines, used = cosines_of(folder, source, task)
        files += used
        start = 0
        for subset, pairs in source.sts(task).items():
            n = len(pairs.scores)
            columns = {"index": np.arange(n), "score": pairs.scores, "cosine": cosines[start : start + n]}
            frames.append(pd.DataFrame({"task": task, "subset": subset, **columns}))
            start += n
    kept = pd.concat(frames, ignore_index=True)
    scores = [
        score for task, own in kept.groupby("task", sort=False) for score in aggregations("sts", str(task), own)
    ]
    checksums = {file.name: sha256(file) for file in files}
    return Evaluation(pd.DataFrame(scores), kept, {"source": source.spec, "predictions": checksums})


def cosines_of(folder: Path, source: Source, task: str) -> tuple[np.ndarray, list[Path]]:
    """The cosines of a task's pairs in the source's order, and the files that they and their score come from."""
    name = NAMES.get(task, task)
    predictions, results = only(folder, f"{name}{ENDING}"), only(folder, f"{name}.json")
    try:
        kept = of_split(json_object(predictions))
        cosines = np.array(kept["cosine_scores"], dtype=np.float64)
        said = 100 * json_object(results)["scores"]["test"][0]["cosine_spearman"]
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise InputError(
            f"{predictions} and {results.name} have no cosines of a test split with their score."
        ) from error
    rated = source.sick_all() if task == "SICKR" else joined(source.sts(task))
    if len(cosines) != len(rated.scores) or abs(spearman(cosines, rated.scores) - said) > SAME:
        raise InputError(
            f"{predictions} has the cosines of other pairs, or in another order, than task {task} of {source.spec}: "
            f"with its ratings they do not give mteb's score of {said:.2f}."
        )
    # SICK-R in mteb is train, trial and test; the papers' is the test pairs
    return cosines[len(cosines) - sum(len(pairs.scores) for pairs in source.sts(task).values()) :], [
        predictions,
        results,
    ]


def of_split(content: dict[str, Any]) -> dict[str, Any]:
    """The test split's predictions in the one subset of a file."""
    (subset,) = (own for key, own in content.items() if key != "mteb_model_meta")
    return dict(subset["test"])


def only(folder: Path, name: str) -> Path:
    """The one file of that name in a folder and those below it."""
    matches = sorted(folder.rglob(name))
    if len(matches) == 1:
        return matches[0]
    if not matches:
        raise InputError(
            f"{folder} has no {name}: a comparison is over pairs, which mteb keeps where it is told to, by "
            "mteb.evaluate(…, prediction_folder=FOLDER), beside the results of its cache."
        )
    raise InputError(f"{folder} has {len(matches)} files {name}; name the folder of one model.")
