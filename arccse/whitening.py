"""Whitening: an encoder's embeddings of a corpus, moved and turned so that every direction varies alike.

A transform of an encoder that is done with learning, or never learned. It undoes that most embeddings of a language
model lie in a narrow cone, which contrastive training does too.
"""

from pathlib import Path

import numpy as np
import torch

from arccse.data.readers import read_lines
from arccse.encoder import Encoder, frozen_linear
from arccse.errors import InputError

# Mean and covariance are estimated on so many sentences of a corpus at most.
SENTENCES = 10_000
# Of the mean squared length of float32 embeddings: rounding leaves less than 1e-15 in a direction in which they don't
# vary, and the least that was found in one of BERT's in which they do is 2e-7.
NO_VARIANCE = 1e-10


def whiten(encoder: Encoder, text: Path) -> None:
    """Have an encoder whiten its embeddings, by those of a corpus' sentences, in place of what followed its pooling.

    Args:
        encoder: is given the transform that `fit` finds, as a linear layer.
        text: the corpus, a sentence a line. SENTENCES of its distinct ones in even steps are encoded, whole, as
            evaluation does.

    Raises:
        InputError: the corpus has no more distinct sentences than the embeddings have dimensions.
    """
    distinct = list(dict.fromkeys(read_lines(text)))
    count = min(SENTENCES, len(distinct))
    encoder.linear = None
    embeddings = encoder.encode([distinct[i * len(distinct) // count] for i in range(count)])
    if len(embeddings) <= embeddings.shape[1]:
        raise InputError(
            f"whitening: {embeddings.shape[1]} dimensions take more than so many different sentences, and the corpus "
            f"{text} has {len(distinct)}."
        )
    mean, transform = fit(embeddings)
    layer = frozen_linear(torch.from_numpy(transform.T), torch.from_numpy(-mean @ transform))
    encoder.linear = layer.to(encoder.device)


def fit(embeddings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean μ and the transform W that make (x − μ) W have mean 0 and, as far as x varies, covariance 1.

    W = U Λ^(−1/2) of the covariance U Λ Uᵀ (its sum divided by n). A direction in which embeddings do not vary but
    for rounding gets 0 in place of its λ^(−1/2). There is one at least where what is pooled comes out of one layer
    norm, which lays all tokens into a plane: Σ (x − β)/γ = 0.

    Args:
        embeddings: (n, d), n > d.

    Returns:
        μ, (d,), and W, (d, d), both float64.

    Source: Su et al., "Whitening Sentence Representations for Better Semantics and Faster Retrieval", 2021 (arXiv
    2103.15316), section 3.2 and its algorithm 1, without reduction to fewer dimensions.
    """
    x = embeddings.astype(np.float64)
    mean = x.mean(0)
    variances, directions = np.linalg.eigh((x - mean).T @ (x - mean) / len(x))
    varying = variances > NO_VARIANCE * (x**2).sum(1).mean()
    scale = np.zeros_like(variances)
    scale[varying] = variances[varying] ** -0.5
    return mean, directions * scale
