"""Two variants at equal ground instead of equal steps, seed by seed, from the histories of their runs.

A variant that goes the same way faster is ahead at every step, and has gained nothing that more steps would not give.
So three things are measured of B against A, on runs of the same seed: the gain in dev score at each step, the steps
to A's best dev score, and the alignment where both are equally uniform.

Between two measured steps a run's values lie on a straight line. Where a curve comes by a value more than once, the
first time counts: a run has reached a score or a uniformity when it first got there, whatever it lost again, so that
there is one step, and one alignment, for each value that it reached.

A history has the columns seed, step (rising from 0 for each seed), dev_spearman (× 100), alignment and uniformity (as
they are logged, not × 100; NaN at steps without a measurement). What is returned has alignment and uniformity × 100,
as suite `geometry` reports them.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

COLUMNS = [
    "uniformity",
    "alignment_difference",
    "score",
    "steps",
    "steps_to_score",
    "steps_difference",
    "steps_share",
]


class Measure(NamedTuple):
    """A measure of two courses of training: column of compare_seeds, its name, and why a seed has none."""

    column: str
    words: str
    missing: str


class Path(NamedTuple):
    """A run's steps at which both were measured, and its alignment and uniformity × 100 there: (n,) each."""

    steps: np.ndarray
    alignment: np.ndarray
    uniformity: np.ndarray


MEASURES = {
    "alignment": Measure(
        "alignment_difference",
        "alignment × 100 at equal uniformity (the lower the better)",
        "the two reach no uniformity in common",
    ),
    "steps": Measure("steps_difference", "steps to the other's best dev score", "it never reaches the other's score"),
}


def compare_seeds(a: pd.DataFrame, b: pd.DataFrame) -> pd.DataFrame:
    """B against A, a line for each seed that both have.

    Args:
        a, b: the histories of two variants' runs.

    Returns:
        Index seed; columns

        - uniformity: the lowest that both runs reached, × 100; that is A's last one if both fall and B goes further
        - alignment_difference: B's alignment less A's at this uniformity, × 100; both columns are NaN where the
          runs share no more than a start
        - score: A's best dev score
        - steps: A's steps to it, as many as its kept checkpoint has
        - steps_to_score: B's steps to it, NaN where B never reached it. Such a seed is censored, not missing: the
          mean of the others would be too low
        - steps_difference: steps_to_score less steps; below 0, B needs fewer
        - steps_share: steps_difference in % of steps; NaN where A was best at its start
    """
    lines = {seed: _compare(*runs) for seed, runs in _by_seed(a, b).items()}
    index = pd.Index(list(lines), name="seed", dtype=a["seed"].dtype)
    return pd.DataFrame(list(lines.values()), index=index, columns=COLUMNS, dtype=float)


def _by_seed(a: pd.DataFrame, b: pd.DataFrame) -> dict[int, tuple[pd.DataFrame, pd.DataFrame]]:
    """Seed → the runs of both with it, of the seeds that both have."""
    before, after = (dict(list(one.groupby("seed"))) for one in (a, b))
    return {seed: (before[seed], after[seed]) for seed in np.intersect1d(a["seed"], b["seed"])}


def _compare(a: pd.DataFrame, b: pd.DataFrame) -> list[float]:
    uniformity = shared_uniformity(a, b)
    (aligned,) = alignment_difference(a, b, np.array([uniformity]))
    (a_steps, a_scores), (b_steps, b_scores) = _scores(a), _scores(b)
    best = a_scores.argmax()
    steps, reached = a_steps[best], first_reach(b_steps, b_scores, a_scores[best])
    share = 100 * (reached - steps) / steps if steps else np.nan
    return [uniformity, aligned, a_scores[best], steps, reached, reached - steps, share]


def gains(a: pd.DataFrame, b: pd.DataFrame) -> pd.DataFrame:
    """B's dev score less A's at equal steps.

    Args:
        a, b: the histories of two variants' runs.

    Returns:
        (steps, seeds) differences × 100, of the seeds that both have and the steps that some seed has of both; NaN
        where another has not.
    """
    before, after = (one.pivot(index="step", columns="seed", values="dev_spearman") for one in (a, b))
    return _measured(after - before)


def alignment_differences(a: pd.DataFrame, b: pd.DataFrame) -> pd.DataFrame:
    """B's alignment less A's at the uniformity that A has at each step.

    Args:
        a, b: the histories of two variants' runs.

    Returns:
        (A's steps, seeds) differences × 100, as `alignment_difference` gives them, of the seeds that both have; NaN
        where B never was as uniform as A is at this step.
    """
    found = {}
    for seed, (one, other) in _by_seed(a, b).items():
        path = _path(one)
        found[seed] = pd.Series(alignment_difference(one, other, path.uniformity), index=path.steps)
    return _measured(pd.DataFrame(found).rename_axis(index="step", columns="seed"))


def _measured(differences: pd.DataFrame) -> pd.DataFrame:
    return differences.dropna(how="all").dropna(how="all", axis="columns")


# ------------------------------------------------------------------------------------------------ two single runs


def first_reach(steps: np.ndarray, values: np.ndarray, target: float) -> float:
    """The step, between measured ones if need be, at which a curve is first no lower than a target.

    Args:
        steps: (n,) rising.
        values: (n,) of the curve at these steps.
        target: the value to reach.

    Returns:
        A step: the first one for a curve that starts no lower, NaN for one that is never so high.
    """
    reached = np.flatnonzero(values >= target)
    if not len(reached):
        return np.nan
    after = reached[0]
    if after == 0:
        return float(steps[0])
    share = (target - values[after - 1]) / (values[after] - values[after - 1])
    return float(steps[after - 1] + share * (steps[after] - steps[after - 1]))


def shared_uniformity(a: pd.DataFrame, b: pd.DataFrame) -> float:
    """The lowest uniformity × 100 that both of two runs reached; NaN where they share no more than a start."""
    paths = [_path(run).uniformity for run in (a, b)]
    if not all(map(len, paths)):
        return np.nan
    furthest, start = max(path.min() for path in paths), min(path[0] for path in paths)
    return float(furthest) if furthest < start else np.nan


def alignment_difference(a: pd.DataFrame, b: pd.DataFrame, uniformity: np.ndarray) -> np.ndarray:
    """B's alignment less A's where both first have some uniformity; below 0, B's positives are closer.

    Args:
        a, b: the histories of two runs.
        uniformity: (n,) × 100.

    Returns:
        (n,) differences × 100; NaN where a run started below the uniformity or was never so low.
    """
    return _alignment(_path(b), uniformity) - _alignment(_path(a), uniformity)


def _alignment(path: Path, uniformity: np.ndarray) -> np.ndarray:
    """The path's alignment where it first has each uniformity; NaN outside of what it went through."""
    if not len(path.steps):
        return np.full(len(uniformity), np.nan)
    levels = -path.uniformity  # which falls as it gets better
    reached = [first_reach(path.steps, levels, -one) if -one >= levels[0] else np.nan for one in uniformity]
    return np.interp(reached, path.steps, path.alignment)


def _path(run: pd.DataFrame) -> Path:
    # numpy, not pandas: hundreds of pairs of runs are compared
    steps, alignment, uniformity = (run[column].to_numpy() for column in ("step", "alignment", "uniformity"))
    measured = ~(np.isnan(alignment) | np.isnan(uniformity))
    return Path(steps[measured], 100 * alignment[measured], 100 * uniformity[measured])


def _scores(run: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    steps, scores = (run[column].to_numpy() for column in ("step", "dev_spearman"))
    measured = ~np.isnan(scores)
    return steps[measured], scores[measured]
