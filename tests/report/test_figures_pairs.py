"""The figure of single pairs: boxes are the quartiles of all cosines at each human score."""

import itertools

import numpy as np
import pandas as pd
import pytest
from made_points import rated_pairs
from matplotlib.patches import PathPatch

from arccse.errors import InputError
from arccse.report.figures.pairs import cosine_by_score


def test_boxes_are_the_quartiles_of_each_fifth_of_the_scale() -> None:
    pairs = rated_pairs({"a/seed0": 0.1, "b/seed0": 0.05, "b/seed1": 0.05})
    runs = {"before": ["a/seed0"], "after": ["b/seed0", "b/seed1"]}
    figure = cosine_by_score(pairs, runs, (0, 5), None)
    axes = figure.axes[0]
    boxes = [patch for patch in axes.patches if isinstance(patch, PathPatch)]
    assert len(boxes) == 10
    for box, (label, fifth) in zip(boxes, itertools.product(["before", "after"], range(5)), strict=True):
        inside = (pairs["score"] > fifth) | ((pairs["score"] == 0) & (fifth == 0))
        own = pairs.loc[inside & (pairs["score"] <= fifth + 1), runs[label]]
        corners = box.get_path().vertices[:, 1]
        np.testing.assert_allclose([corners.min(), corners.max()], np.quantile(own, [0.25, 0.75]))
        middle = np.mean(box.get_path().vertices[:4, 0])
        median = [
            line
            for line in axes.lines
            if line.get_linewidth() == 2 and abs(np.mean(line.get_xdata()) - middle) < 0.01
        ]
        np.testing.assert_allclose(median[0].get_ydata(), np.median(own))
    assert axes.get_title() == "Cosine by human score (2 tasks)"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["before (1 seed)", "after (2 seeds)"]


def test_an_end_of_a_bin_belongs_to_it_and_empty_bins_say_so() -> None:
    scores = [0.0, 0.2, 0.21, 0.6, 1.0]
    pairs = pd.DataFrame({"task": "LEE", "score": scores, "a/seed0": 0.5})
    axes = cosine_by_score(pairs, {"a": ["a/seed0"]}, (0, 1), None).axes[0]
    counts = [tick.get_text().splitlines()[1] for tick in axes.get_xticklabels()]
    assert counts == ["2 pairs", "1 pairs", "1 pairs", "0 pairs", "1 pairs"]


def test_pairs_that_cannot_be_drawn() -> None:
    pairs, runs = rated_pairs({"a/seed0": 0.1}), {"before": ["a/seed0"]}
    with pytest.raises(InputError, match="outside the scale"):
        cosine_by_score(pairs, runs, (0, 1), None)
    with pytest.raises(InputError, match="lacks the column 'a/seed1'"):
        cosine_by_score(pairs, {"before": ["a/seed1"]}, (0, 5), None)
    for nothing in ((None, runs), (pairs, {})):
        with pytest.raises(InputError, match="no rated pairs"):
            cosine_by_score(*nothing, (0, 5), None)
