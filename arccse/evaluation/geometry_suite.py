"""The `geometry` suite: alignment and uniformity of an encoder on the dev set, as its training logs them.

ArcCSE is said to gain by better alignment; as scores, the two are compared over seeds like any other.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch

from arccse.data.sources import Source
from arccse.errors import InputError
from arccse.evaluation.scores import Score, Scored
from arccse.evaluation.sts import ROUNDING
from arccse.geometry import alignment, positives, uniformity

if TYPE_CHECKING:
    from arccse.evaluation.scoring import Job


def sentences(source: Source, tasks: Sequence[str]) -> list[str]:
    """The dev set's distinct sentences."""
    return source.dev().sentences


def evaluate(job: "Job") -> Iterator[Scored]:
    """Yield the scores of the dev set, as a task of its name, and the squared distance of each positive pair.

    They are `alignment` of the positive pairs (`n` of them) and `uniformity` of the n distinct sentences; both × 100,
    both the better the lower. A pair's index is its place in the dev set.

    Raises:
        InputError: no pair of the dev set is positive, or all embeddings have one direction.
    """
    dev, suite, task = job.source.dev(), job.suite.name, job.source.dev_name
    positive = positives(dev.scores, dev.scale)
    if not positive.any():
        raise InputError(f"Suite {suite}, task {task}: none of the {len(dev.scores)} pairs is rated as positive.")
    first, second, every = (
        torch.from_numpy(job.embed(texts)).double() for texts in (dev.first, dev.second, dev.sentences)
    )
    distances = [
        alignment(*pair).item() for pair in zip(first[positive].split(1), second[positive].split(1), strict=True)
    ]
    spread = uniformity(every).item()
    if spread > -ROUNDING:
        raise InputError(
            f"Suite {suite}, task {task}: the embeddings of all {len(every)} sentences have one direction."
        )
    scores = [
        Score(suite, task, "alignment", 100 * float(np.mean(distances)), len(distances)),
        Score(suite, task, "uniformity", 100 * spread, len(every)),
    ]
    columns = {"index": np.flatnonzero(positive), "distance": distances}
    yield Scored(scores, pd.DataFrame({"suite": suite, "task": task, **columns}))
