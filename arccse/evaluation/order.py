"""The `order` suite: is a sentence closer to itself with little of it masked than with much of it masked?

The triplet objective is said to teach this partial order; here every run is asked, on sentences that nothing was
trained on or chosen by. Words are masked, not word pieces, so that every encoder sees the same masks.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from arccse.data.readers import letters
from arccse.data.sources import ORDER_TASK, Source
from arccse.errors import InputError
from arccse.evaluation.scores import Score, Scored
from arccse.evaluation.sts import cosine, refuse_equal
from arccse.models import MASK

if TYPE_CHECKING:
    from arccse.evaluation.scoring import Job

PERCENT = (10, 20, 30, 40, 50, 60, 70, 80)
SENTENCES, FEWEST_WORDS = 500, 8


def held_out(source: Source) -> list[str]:
    """SENTENCES of the source's distinct held-out sentences with at least FEWEST_WORDS words, none of them in dev.

    They are taken in even steps, so that every kind of text has its part. Sentences with the same letters are one.

    Raises:
        InputError: it has none.
    """
    dev = set(map(letters, source.dev().sentences))
    distinct: dict[str, str] = {}
    for text in source.held_out():
        distinct.setdefault(letters(text), text)
    long = [text for key, text in distinct.items() if len(text.split()) >= FEWEST_WORDS and key not in dev]
    if not long:
        raise InputError(
            f"Suite order, task {ORDER_TASK}: no held-out sentence of {source.spec} has {FEWEST_WORDS} words or more."
        )
    count = min(SENTENCES, len(long))
    return [long[i * len(long) // count] for i in range(count)]


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


def evaluate(job: "Job") -> Iterator[Scored]:
    """Yield `scores` of the cosines of each sentence with its masked versions, of the suite's one task.

    The cosines come with them, a row for each sentence and level: the sentence's number, the level in percent, how
    many words that is, and the similarity.

    Raises:
        InputError: all cosines are equal.
    """
    versions = all_masked(job.source)
    levels = [job.embed(list(level)) for level in zip(*versions, strict=True)]
    counts = np.array([[version.split().count(MASK) for version in row] for row in versions])
    cosines = np.stack([cosine(levels[0], level) for level in levels], axis=1)
    refuse_equal(job.suite.name, ORDER_TASK, cosines, "similarities of sentences with their versions", "order")
    index, level = (axis.ravel() for axis in np.indices(cosines.shape))
    columns = {"percent": np.array((0, *PERCENT))[level], "masked": counts.ravel(), "similarity": cosines.ravel()}
    examples = pd.DataFrame({"suite": job.suite.name, "task": ORDER_TASK, "index": index, **columns})
    yield Scored(scores(cosines, counts), examples)


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
