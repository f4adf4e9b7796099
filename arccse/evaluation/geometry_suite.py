"""The `geometry` suite: alignment and uniformity of an encoder on the dev set, as its training logs them.

ArcCSE is said to gain by better alignment; as scores, the two are compared over seeds like any other.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import torch

from arccse.data.sources import Source
from arccse.errors import InputError
from arccse.evaluation.scores import Score
from arccse.geometry import alignment, positives, uniformity

if TYPE_CHECKING:
    from arccse.evaluation.scoring import Job


def sentences(source: Source, tasks: Sequence[str]) -> list[str]:
    """The dev set's distinct sentences."""
    return source.dev().sentences


def evaluate(job: "Job") -> Iterator[list[Score]]:
    """Yield the scores of the dev set, as a task of its name.

    They are `alignment` of the positive pairs (`n` of them) and `uniformity` of the n distinct sentences; both × 100,
    both the better the lower.

    Raises:
        InputError: no pair of the dev set is positive.
    """
    dev, suite, task = job.source.dev(), job.suite.name, job.source.dev_name
    positive = positives(dev.scores, dev.scale)
    if not positive.any():
        raise InputError(f"Suite {suite}, task {task}: none of the {len(dev.scores)} pairs is rated as positive.")
    first, second, every = (
        torch.from_numpy(job.embed(texts)).double() for texts in (dev.first, dev.second, dev.sentences)
    )
    aligned = alignment(first[positive], second[positive]).item()
    yield [
        Score(suite, task, "alignment", 100 * aligned, int(positive.sum())),
        Score(suite, task, "uniformity", 100 * uniformity(every).item(), len(every)),
    ]
