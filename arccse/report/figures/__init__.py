"""Figures as plain functions of data frames: each returns a matplotlib Figure, `save` writes it three ways.

Figures are objects of their own, never pyplot's current one, so that nothing here depends on what was drawn
before. Each can carry a caveat above its panels, such as "Smoke run: these numbers are not findings."
"""

from arccse.report.figures.drawing import COLOURS, save
from arccse.report.figures.pairs import cosine_by_score
from arccse.report.figures.studies import forest, interaction, mask_ratio_map, masked_share, noise_decline, sweep
from arccse.report.figures.theory import decision_boundaries, positive_logit
from arccse.report.figures.training import alignment_uniformity, dev_scores

__all__ = [
    "COLOURS",
    "alignment_uniformity",
    "cosine_by_score",
    "decision_boundaries",
    "dev_scores",
    "forest",
    "interaction",
    "mask_ratio_map",
    "masked_share",
    "noise_decline",
    "positive_logit",
    "save",
    "sweep",
]
