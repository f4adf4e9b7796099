"""The `geometry` suite: alignment and uniformity of an encoder on the dev set, as its training logs them.

ArcCSE is said to gain by better alignment; as scores, the two are compared over seeds like any other.
"""

import torch

from arccse.data.sources import Source
from arccse.evaluation.scores import Score
from arccse.evaluation.sts import Embed
from arccse.geometry import alignment, positives, uniformity


def sentences(source: Source) -> list[str]:
    """The dev set's distinct sentences."""
    return source.dev().sentences


def evaluate(embed: Embed, source: Source) -> list[Score]:
    """Score the dev set, as a task of its name.

    Args:
        embed: sentences to (n, d) embeddings, normalised or not.
        source: where the dev set comes from.

    Returns:
        `alignment` of the positive pairs (`n` of them) and `uniformity` of the n distinct sentences; both × 100, both
        the better the lower.
    """
    dev = source.dev()
    positive = positives(dev.scores, dev.scale)
    first, second, every = (
        torch.from_numpy(embed(texts)).double() for texts in (dev.first, dev.second, dev.sentences)
    )
    aligned = alignment(first[positive], second[positive]).item()
    return [
        Score("geometry", source.dev_name, "alignment", 100 * aligned, int(positive.sum())),
        Score("geometry", source.dev_name, "uniformity", 100 * uniformity(every).item(), len(every)),
    ]
