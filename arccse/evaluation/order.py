"""The `order` suite: is a sentence closer to itself with little of it masked than with much of it masked?

The triplet objective is said to teach this partial order; here every run is asked, on sentences that nothing was
trained on or chosen by. Words are masked, not word pieces, so that every encoder sees the same masks.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from arccse.data.sources import ORDER_TASK, Source
from arccse.errors import InputError
from arccse.evaluation.scores import Score
from arccse.evaluation.sts import cosine
from arccse.models import MASK

if TYPE_CHECKING:
    from arccse.evaluation.scoring import Job

PERCENT = (10, 20, 30, 40, 50, 60, 70, 80)
SENTENCES, FEWEST_WORDS = 500, 8


def held_out(source: Source) -> list[str]:
    """The first SENTENCES of the source's distinct held-out sentences with at least FEWEST_WORDS words.

    Raises:
        InputError: it has none.
    """
    long = [text for text in dict.fromkeys(source.held_out()) if len(text.split()) >= FEWEST_WORDS]
    if not long:
        raise InputError(
            f"Suite order, task {ORDER_TASK}: no held-out sentence of {source.spec} has {FEWEST_WORDS} words or more."
        )
    return long[:SENTENCES]


def masked(sentence: str, rng: np.random.Generator) -> list[str]:
    """The sentence with a contiguous span of 0, 10, 20, …, 80 % of its words replaced by MASK, each by one.

    A span holds the one before: the first stands anywhere with equal probability, the next anywhere where it still
    holds it, as in `masking.draw_masks`. Spans have the share's words, rounded (halves to even), at least one.
    """
    words = sentence.split()
    versions, start, end = [sentence], 0, len(words)
    for percent in PERCENT:
        length = max(1, round(percent * len(words) / 100))
        first = len(versions) == 1
        lowest = 0 if first else max(0, end - length)
        highest = len(words) - length if first else min(start, len(words) - length)
        start = int(rng.integers(lowest, highest + 1))
        end = start + length
        versions.append(" ".join([*words[:start], *[MASK] * length, *words[end:]]))
    return versions


def all_masked(source: Source) -> list[list[str]]:
    """`masked` of every held-out sentence; the sentence's number seeds its spans."""
    return [masked(sentence, np.random.default_rng(i)) for i, sentence in enumerate(held_out(source))]


def sentences(source: Source, tasks: Sequence[str]) -> list[str]:
    """Every sentence that the suite's one task will embed, repeats included."""
    return [version for versions in all_masked(source) for version in versions]


def evaluate(job: "Job") -> Iterator[list[Score]]:
    """Yield `scores` of the cosines of each sentence with its masked versions, of the suite's one task."""
    versions = all_masked(job.source)
    levels = [job.embed(list(level)) for level in zip(*versions, strict=True)]
    counts = np.array([[version.split().count(MASK) for version in row] for row in versions])
    yield scores(np.stack([cosine(levels[0], level) for level in levels], axis=1), counts)


def scores(cosines: np.ndarray, counts: np.ndarray) -> list[Score]:
    """How often similarity falls as more is masked, and the similarity at each level.

    `ordered_20_40` is the share of sentences whose version with 20 % masked is strictly closer to them than that with
    40 %. `ordered_all` is the same share over all pairs of neighbouring levels from 10 % on, but for those that mask
    the same number of words (two levels of a short sentence can be one text). `similarity_P` is the mean cosine
    with P % masked. All × 100.

    Args:
        cosines: (n, 9) of n sentences with themselves and their versions with 10, …, 80 % masked.
        counts: (n, 9) masked words of these versions.
    """
    at = {percent: level for level, percent in enumerate((0, *PERCENT))}
    falls = cosines[:, 1:-1] > cosines[:, 2:]
    differ = counts[:, 1:-1] < counts[:, 2:]
    n = len(cosines)
    triplets = cosines[:, at[20]] > cosines[:, at[40]]
    return [
        Score("order", ORDER_TASK, "ordered_20_40", 100 * float(triplets.mean()), n),
        Score("order", ORDER_TASK, "ordered_all", 100 * float(falls[differ].mean()), int(differ.sum())),
        *(
            Score("order", ORDER_TASK, f"similarity_{percent}", 100 * float(cosines[:, level].mean()), n)
            for percent, level in at.items()
        ),
    ]
