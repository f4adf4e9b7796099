"""How often the intervals of arccse.statistics hold the truth, and how often their verdicts err, by simulation.

    python benchmarks/inference.py
    python benchmarks/inference.py --trials 100000 --seed 1

Per number of seeds and spread over seeds: `coverage` of one 95 % interval, which errs as often as one comparison
without a difference is called higher or lower; `family` of five rows against one baseline, none of which differs: how
often any is called higher or lower; `equivalent`: how often a difference as large as the margin is called equivalent
(nominal: at most 2.5 %); `sign-flip`: how often its p is at most 0.05 without a difference (it takes 6 seeds).
Spreads: "normal"; "skewed": exponential in both rows, whose differences are symmetric; "one-sided": exponential in
one row and none in the other, as far as differences of scores can be from normal.

Then studies that stop when they are decided (`seeds: {from: A, to: B, stop: decided}`), of one row or five against a
baseline: `false`, how often a row that does not differ is called higher or lower at the look at which the study
stops; `any look`, at any of its planned looks; `seeds`, the mean number at which it stops,
where nothing differs and where every row does by one standard deviation.

Then the interval over seeds and examples, on made-up cosines of 150 pairs: `coverage` where seeds are most of the
uncertainty and where examples are.

Then the interval of two given models over examples alone, as `arccse compare` has it: `coverage` on made-up cosines
of so many pairs.
"""

import argparse

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from arccse import examples
from arccse.statistics import effect, judge, sign_flip, t_interval
from arccse.stopping import Growing

SEEDS = (3, 4, 5, 6, 7, 10, 20)
DESIGNS = ((3, 12), (5, 20), (5, 40), (10, 20))  # seeds at the first look, at the last
MARGIN = 1.0  # in units of the differences' standard deviation


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=20_000)
    parser.add_argument("--studies", type=int, default=20_000, help="that stop when decided, of each design")
    parser.add_argument("--crossed-trials", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    lines = [
        {"spread": spread, "n": n} | over_seeds(n, spread, options.trials, options.seed)
        for spread in ("normal", "skewed", "one-sided")
        for n in SEEDS
    ]
    print(pd.DataFrame(lines).to_string(index=False, float_format="%.3f"))
    lines = [
        {"spread": spread, "from": first, "to": last, "rows": rows}
        | stopped(first, last, rows, spread, options.studies, options.seed)
        | {"seeds, all differ": stopped(first, last, rows, spread, options.studies, options.seed, shift=1.0)["seeds"]}
        for spread in ("normal", "skewed", "one-sided")
        for first, last in DESIGNS
        for rows in (1, 5)
    ]
    print(pd.DataFrame(lines).to_string(index=False, float_format="%.3f"))
    lines = [
        {"most of the uncertainty": most, "n": n, "coverage": crossed(n, sd, options.crossed_trials, options.seed)}
        for most, sd in (("seeds", 0.1), ("examples", 0.005))
        for n in SEEDS
    ]
    print(pd.DataFrame(lines).to_string(index=False, float_format="%.3f"))
    lines = [{"pairs": n, "coverage": given(n, options.crossed_trials, options.seed)} for n in (20, 50, 150, 1000)]
    print(pd.DataFrame(lines).to_string(index=False, float_format="%.3f"))
    print(f"{options.trials} trials, {options.studies} studies, {options.crossed_trials} of seeds × examples")
    print(f"seed {options.seed}")


def over_seeds(n: int, spread: str, trials: int, seed: int) -> dict[str, float]:
    """The rates of one number of seeds and spread; rows have no difference, but for `equivalent`."""
    rng = np.random.default_rng(seed)
    base, rows = drawn(spread, rng, (trials, 1, n)), drawn(spread, rng, (trials, 5, n))
    if spread == "one-sided":
        base = np.zeros_like(base)
    differences = rows - base
    differences /= (2.0 if spread != "one-sided" else 1.0) ** 0.5  # of standard deviation 1
    outside = left_out(differences, 1)
    shifted = differences[:, 0] + MARGIN
    low, high = interval(shifted, 1)
    flips = [sign_flip(own) <= 0.05 for own in differences[: trials // 10, 0]] if n >= 6 else [np.nan]
    return {
        "coverage": float(1 - outside[:, 0].mean()),
        "family": float(left_out(differences, 5).any(axis=1).mean()),
        "equivalent": float(((low >= -MARGIN) & (high <= MARGIN)).mean()),
        "sign-flip": float(np.mean(flips)),
    }


def stopped(
    first: int, last: int, rows: int, spread: str, studies: int, seed: int, shift: float = 0.0
) -> dict[str, float]:
    """Rates of studies that stop when decided; rows differ from the baseline by `shift` standard deviations."""
    plan = Growing.model_validate({"from": first, "to": last, "stop": "decided"}).plan
    rng = np.random.default_rng(seed)
    base, values = drawn(spread, rng, (studies, 1, last)), drawn(spread, rng, (studies, rows, last))
    differences = (values - base) / 2**0.5 if spread != "one-sided" else values
    # (looks, studies, rows)
    outside = np.array([left_out(differences[..., :n] + shift, rows * len(plan)) for n in plan])
    decided = outside.all(axis=2)
    decided[-1] = True
    stops = decided.argmax(axis=0)
    return {
        "false": float(outside[stops, np.arange(studies)].any(axis=1).mean()),
        "any look": float(outside.any(axis=(0, 2)).mean()),
        "seeds": float(np.array(plan)[stops].mean()),
    }


def drawn(spread: str, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Scores of mean 0 and standard deviation 1."""
    return rng.normal(size=shape) if spread == "normal" else rng.exponential(size=shape) - 1


def interval(values: np.ndarray, comparisons: int) -> tuple[np.ndarray, np.ndarray]:
    """Low and high of the intervals over the last axis."""
    low, high = t_interval(values.mean(-1), values.std(-1, ddof=1), values.shape[-1], comparisons)
    return np.asarray(low), np.asarray(high)


def left_out(values: np.ndarray, comparisons: int) -> np.ndarray:
    """Whether 0 is outside the intervals over the last axis."""
    low, high = interval(values, comparisons)
    return (low > 0) | (high < 0)


def crossed(n: int, sd: float, trials: int, seed: int, replicates: int = 200) -> float:
    """How often the interval over seeds and examples holds the true difference of Spearman × 100, which is 5.

    A run's Spearman is normal around its row's 0.40 or 0.45. Cosine and rating are bivariate normal; what of the
    cosine is not the rating is 95 % the example's, 4 % the row's and 1 % the run's, so that interactions of seeds and
    examples, which a crossed bootstrap counts double, are little.
    """
    rng, held = np.random.default_rng(seed), 0
    for trial in range(trials):
        ratings, example = rng.normal(size=(2, 150))
        rows = []
        for mean in (0.40, 0.45):
            rho = 2 * np.sin(np.pi / 6 * rng.normal(mean, sd, size=(n, 1)))
            rest = 0.95**0.5 * example + 0.04**0.5 * rng.normal(size=150) + 0.01**0.5 * rng.normal(size=(n, 150))
            rows.append(rho * ratings + (1 - rho**2) ** 0.5 * rest)
        scores = np.array([[spearmanr(run, ratings).statistic for run in row] for row in rows])
        found = judge(effect(100 * (scores[1] - scores[0])))
        draws = examples.spearman_draws([np.concatenate(rows)], [ratings], replicates, seed=trial)
        error = float(np.std(draws[:, n:].mean(1) - draws[:, :n].mean(1), ddof=1))
        low, high = examples.both(found.low, found.high, error)
        held += low <= 5 <= high
    return held / trials


def given(n: int, trials: int, seed: int, replicates: int = 200) -> float:
    """How often the interval over n pairs holds the true difference of two models' Spearman × 100.

    Cosines of both and rating are normal; they correlate with it as 0.8 and 0.75 and, but for it, as 0.5 with each
    other.
    """
    rng, held, rhos = np.random.default_rng(seed), 0, np.array([0.8, 0.75])
    true = 100 * float(np.diff(6 / np.pi * np.arcsin(rhos / 2))[0])  # Spearman of normals
    for trial in range(trials):
        ratings, common = rng.normal(size=(2, n))
        rest = 0.5**0.5 * common + 0.5**0.5 * rng.normal(size=(2, n))
        cosines = rhos[:, None] * ratings + (1 - rhos[:, None] ** 2) ** 0.5 * rest
        draws = examples.spearman_draws([cosines], [ratings], replicates, seed=trial)
        first, second = (100 * spearmanr(own, ratings).statistic for own in cosines)
        found = examples.judge(second - first, float(np.std(draws[:, 1] - draws[:, 0], ddof=1)))
        held += found.low <= true <= found.high
    return held / trials


if __name__ == "__main__":
    main()
