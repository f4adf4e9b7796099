"""Made-up classes for classifiers."""

import numpy as np


def blobs(n, d, classes=2, seed=0, spread=0.6):
    """Overlapping classes: accuracies well below 1, so that dev accuracy moves up and down."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % classes).astype(np.int64)
    centres = spread * rng.standard_normal((classes, d))
    return (centres[labels] + rng.standard_normal((n, d))).astype(np.float32), labels
