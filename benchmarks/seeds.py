"""How often the intervals of spreads by streams and of agreeing rankings hold the truth, by simulation.

    python benchmarks/seeds.py
    python benchmarks/seeds.py --trials 4000 --seed 1

First, studies of spread: three streams that add up, with 50, 30 and 20 % of the variance, normal or with the tails of
Student's t with 5 degrees of freedom. `sd`: the χ² interval of a row's standard deviation; `share` and `sum`: the
jackknife's, of the first stream and of all three; `F`: what an F interval, for independent rows, would have for
`share`. "together": runs of one seed share what their streams drew, as in a study; "apart": they don't.

Then rankings of rows by two scores. True means are normal, `gap` times as far spread as seeds are; "unrelated": those
of the two scores are, "same": they are the same, "near": half-way. `interval`: of agreement, holds the true τ;
`again`: τ of other seeds; `bounds`: least to most hold the true τ; `percentile`: a plain bootstrap of seeds would;
`tau`: the mean of the observed less the true τ.
"""

import argparse

import numpy as np
import pandas as pd
from scipy.stats import f

from arccse import kendall
from arccse.report import streams

SHARES = np.array([0.5, 0.3, 0.2])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=4000)
    parser.add_argument("--rankings", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    lines = [
        {"spread": tails, "rows": rows, "n": n}
        | of_spread(n, tails, rows == "together", options.trials, np.random.default_rng([options.seed, n]))
        for tails in ("normal", "t5")
        for rows in ("together", "apart")
        for n in (5, 10, 20)
    ]
    print(pd.DataFrame(lines).to_string(index=False, float_format="%.3f"))
    kendall.DRAWS = 500  # as many as quantiles at 2.5 % need here
    lines = [
        {"rows": rows, "n": n, "gap": gap, "means": means}
        | of_rankings(rows, n, gap, means, options.rankings, np.random.default_rng([options.seed, rows, n]))
        for means in ("unrelated", "near", "same")
        for rows in (4, 10, 20)
        for n in (3, 5, 10)
        for gap in (1, 3)
    ]
    print(pd.DataFrame(lines).to_string(index=False, float_format="%.2f"))
    print(f"{options.trials} studies, {options.rankings} rankings, seed {options.seed}")


def of_spread(n: int, tails: str, together: bool, trials: int, rng: np.random.Generator) -> dict[str, float]:
    """How often each interval holds the truth, over so many studies with n seeds."""
    held = dict.fromkeys(("sd", "share", "F", "sum"), 0)
    reach = f.isf(0.025, n - 1, n - 1)
    for _ in range(trials):
        parts = SHARES[:, None] ** 0.5 * drawn(tails, rng, (3, n))
        whole = (parts if together else SHARES[:, None] ** 0.5 * drawn(tails, rng, (3, n))).sum(axis=0)
        _, low, high = streams.sd_interval(parts[0])
        held["sd"] += low <= SHARES[0] ** 0.5 <= high
        found, low, high = streams.share(parts[:1], whole)
        held["share"] += low <= SHARES[0] <= high
        held["F"] += found / reach <= SHARES[0] <= found * reach
        _, low, high = streams.share(parts, whole)
        held["sum"] += low <= 1 <= high
    return {name: count / trials for name, count in held.items()}


def drawn(tails: str, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Deviations of variance 1."""
    return rng.standard_normal(shape) if tails == "normal" else rng.standard_t(5, shape) / (5 / 3) ** 0.5


def of_rankings(rows: int, n: int, gap: float, means: str, trials: int, rng: np.random.Generator) -> dict[str, float]:
    """How often each interval holds what it should, over so many pairs of rankings with n seeds each."""
    held = dict.fromkeys(("interval", "again", "bounds", "percentile"), 0)
    off = 0.0
    for _ in range(trials):
        one, other = gap * rng.normal(size=(2, rows, 1))
        two = one + {"unrelated": other - one, "near": other / 2, "same": 0}[means]
        truth = kendall.kendall(one.T, two.T)[0]
        a, b, again, once_more = (level + rng.normal(size=(rows, n)) for level in (one, two, one, two))
        found = kendall.agreement(a, b)
        off += found.tau - truth
        taus = kendall.kendall(*(scores[:, rng.integers(0, n, (500, n))].mean(axis=2).T for scores in (a, b)))
        ends = np.quantile(taus, 0.025, method="lower"), np.quantile(taus, 0.975, method="higher")
        repeated = kendall.kendall(again.mean(axis=1)[None], once_more.mean(axis=1)[None])[0]
        held["interval"] += found.low - 1e-9 <= truth <= found.high + 1e-9
        held["again"] += found.low - 1e-9 <= repeated <= found.high + 1e-9
        held["bounds"] += found.least - 1e-9 <= truth <= found.most + 1e-9
        held["percentile"] += ends[0] - 1e-9 <= truth <= ends[1] + 1e-9
    return {name: count / trials for name, count in held.items()} | {"tau": off / trials}


if __name__ == "__main__":
    main()
