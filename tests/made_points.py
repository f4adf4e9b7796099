"""Made-up points and histories, for the tests of figures and of the page's charts."""

import itertools
from typing import Any

import numpy as np
import pandas as pd


def grid(seeds: int, **columns: list[Any]) -> pd.DataFrame:
    """A line for each combination of the columns' values and a seed, with values that differ everywhere."""
    rows = [(*cell, seed) for cell in itertools.product(*columns.values()) for seed in range(seeds)]
    frame = pd.DataFrame(rows, columns=[*columns, "seed"])
    return frame.assign(value=[70 + 0.7 * i % 5 + 0.01 * i for i in range(len(frame))])


def rated_pairs(runs: dict[str, float]) -> pd.DataFrame:
    """120 pairs of two tasks with scores from 0 to 5, and cosines of each run, spread so far about them."""
    scores = np.random.default_rng(0).uniform(0, 5, 120).round(1)
    frame = pd.DataFrame({"task": ["STSB"] * 60 + ["STS12"] * 60, "score": scores})
    for place, (run, width) in enumerate(runs.items()):
        frame[run] = np.random.default_rng(place).normal(scores / 5, width).clip(-1, 1)
    return frame
