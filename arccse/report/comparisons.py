"""Which rows of a study are compared with which, and what the comparisons say: pure functions of data frames.

A comparison is a weighted sum of rows, seed by seed, against 0; arccse.statistics decides it. Three families are
judged apart, each corrected for all that is looked at together (Holm, within a suite, an encoder and a column of the
table): every row against the baseline, the effects of a factorial design, and the poolings of one trained encoder.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from arccse.errors import InputError
from arccse.evaluation.suites import SUITES
from arccse.records import PAIRS
from arccse.report import tables
from arccse.report.tables import Row, StudyView
from arccse.statistics import ALPHA, Effect, TwoLevel, compare, contrast, seeds_needed, two_level, verdicts

COLUMNS = [
    *("study", "encoder", "suite", "kind", "baseline", "label", "task", "difference", "low", "high", "sd", "n"),
    *("seeds", "dropped", "p", "p_holm", "smallest_p", "improvement", "verdict", "text", "seeds_needed"),
    *("two_level_difference", "two_level_low", "two_level_high", "share_above"),
]

OBJECTIVE = ("objective", "margin")
TRIPLET = ("triplet_weight", "triplet_margin", "triplet_dropout", "mask_ratios", "mask_shape", "mask_nested")
SIGN_FLIP_SEEDS = math.ceil(1 - math.log2(ALPHA))  # with fewer, no sign-flip p is as small as ALPHA


@dataclass(frozen=True)
class Contrast:
    """Rows of one encoder with their scores (seeds × columns of the table), and what each weighs in the sum."""

    kind: str
    suite: str
    baseline: str
    label: str
    rows: tuple[Row, ...]
    values: tuple[pd.DataFrame, ...]
    weights: tuple[float, ...]

    @property
    def is_descriptive(self) -> bool:
        """Whether a row is untrained, a constant: seeds say nothing of how it would vary."""
        return any(row.untrained for row in self.rows)


def compare_study(
    scores: pd.DataFrame, study: StudyView, suites: Sequence[str], pairs: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Every comparison of a study: a line for each suite, encoder, comparison, and column of the table.

    Args:
        scores: as `tables.study_table` takes them.
        study: the rows; the first trained one of an encoder is the baseline of its other rows. Their `settings`
            tell which are untrained and whether they make a factorial design. Diverged ones take no part.
        suites: keys of evaluation.suites.SUITES.
        pairs: the runs' kept cosines on suite sts, as results.Results has them: a line a pair, with task, subset,
            index and score, and a column `<hash>/seed<k>` for each run. Without it the two-level columns are empty.

    Returns:
        Columns COLUMNS. `kind` is
        - "pair": the row `label` less the row `baseline`;
        - "effect": in a study whose trained rows are exactly two objectives × with and without triplet objective,
          the two main effects and the interaction;
        - "decline": in a study of two objectives × shares of noise from 0, what noise changes in `label` less
          what it changes in `baseline`: above 0, `label` declines less;
        - "margin": in a study of temperatures × margins from 0, what a margin adds at each temperature: a lower
          temperature, which sharpens the loss as well, would leave it nothing to add if it could stand in for it;
        - "pooling": the same runs under another pooling than their own, over the suites that prescribe one.
        `task` is a column of the suite's table, "Avg" included. `difference`, `low`, `high`, `sd`, `p`,
        `smallest_p` and `improvement` are those of statistics.Effect over the `n` common seeds, which `seeds`
        lists; `dropped` are those that only some of the rows have. `p_holm`, `verdict` and `text` are those of
        statistics.Verdict. A row compared with an untrained one is described, not tested (verdict "not tested",
        p empty), and with no seed in common there is nothing but the verdict. `seeds_needed`: with how many common
        seeds a difference and spread like those observed would be found with 80 % power (NA where the
        difference or the spread is unknown or 0), no fewer than the sign-flip test can decide with.
        The two-level columns are those of statistics.TwoLevel, for pairs on the "Avg" of suite sts.

    Raises:
        InputError: as `tables.study_table` does; `pairs` lack a column or a run.
    """
    values = {suite: tables.seed_values(scores, study.finished, suite) for suite in suites}
    pairs = None if pairs is None else _in_order(pairs)
    lines: list[dict[str, Any]] = []
    for encoder in study.encoders:
        own = [place for place, row in enumerate(study.finished) if row.encoder == encoder]
        rows = [study.finished[place] for place in own]
        frames = {suite: [values[suite][place] for place in own] for suite in suites}
        for suite in suites:
            for family in (against_baseline(rows, frames[suite], suite), factorial(rows, frames[suite], suite)):
                lines += [line | {"encoder": encoder} for line in _judged(family, pairs)]
        lines += [line | {"encoder": encoder} for line in _judged(poolings(rows, frames), pairs)]
    table = pd.DataFrame(lines, columns=COLUMNS).assign(study=study.name)
    return table.astype({"seeds_needed": "Int64", "n": "int64"})


# ------------------------------------------------------------------------------------------ what is compared


def against_baseline(rows: Sequence[Row], values: Sequence[pd.DataFrame], suite: str) -> list[Contrast]:
    """Every other row less the first trained one (less the first, where none is trained)."""
    base = next((place for place, row in enumerate(rows) if not row.untrained), 0)
    return [
        Contrast("pair", suite, rows[base].label, row.label, (rows[base], row), (values[base], own), (-1, 1))
        for row, own in zip(rows, values, strict=True)
        if row is not rows[base]
    ]


def factorial(rows: Sequence[Row], values: Sequence[pd.DataFrame], suite: str) -> list[Contrast]:
    """What a study's design is for: effects of objective × triplet, declines with noise, margins at temperatures."""
    if (design := grid(rows, OBJECTIVE, TRIPLET)) and len(design) == len(design[0]) == 2:
        kind, weighted = "effect", _main_effects(rows, design)
    elif (design := grid(rows, OBJECTIVE, ("noise",))) and len(design) == 2:
        kind, weighted = "decline", _declines(rows, design)
    elif design := grid(rows, ("temperature",), ("margin", "objective")):
        kind, weighted = "margin", _margins(rows, design)
    else:
        return []
    return [
        Contrast(
            kind,
            suite,
            baseline,
            label,
            tuple(rows[place] for place in weights),
            tuple(values[place] for place in weights),
            tuple(weights.values()),
        )
        for baseline, label, weights in weighted
    ]


def grid(rows: Sequence[Row], first: Sequence[str], second: Sequence[str]) -> list[list[int]] | None:
    """Places of the trained rows in a full grid: levels of one factor × levels of another, from 0 upwards.

    A factor is several hyperparameters that change together; the second one's levels are ordered by its first
    hyperparameter. None unless each combination is there once and the rows differ in nothing else.
    """
    trained = [place for place, row in enumerate(rows) if not row.untrained]
    rest = {_level(rows[place], rows[place].settings.keys() - {*first, *second}) for place in trained}
    cells = {(_level(rows[place], first), _level(rows[place], second)): place for place in trained}
    one = list(dict.fromkeys(level for level, _ in cells))
    size = {level: rows[place].settings.get(second[0], 0) for (_, level), place in cells.items()}
    other = sorted(size, key=lambda level: size[level])
    full = len(cells) == len(trained) == len(one) * len(other)
    if len(rest) != 1 or len(one) < 2 or len(other) < 2 or not full or size[other[0]] != 0:
        return None
    return [[cells[level, against] for against in other] for level in one]


def _level(row: Row, keys: Any) -> str:
    return repr([(key, row.settings.get(key)) for key in sorted(keys)])


Weighted = tuple[str, str, dict[int, float]]  # baseline, label, place of a row → its weight


def _main_effects(rows: Sequence[Row], design: list[list[int]]) -> list[Weighted]:
    (neither, triplet), (objective, both) = design
    names = rows[neither].label, rows[objective].label
    return [
        (names[0], f"{names[1]} (main effect)", _halves([objective, both], [neither, triplet])),
        (
            "no triplet objective",
            "the triplet objective (main effect)",
            _halves([triplet, both], [neither, objective]),
        ),
        ("no interaction", f"{names[1]} × triplet objective", {neither: 1, objective: -1, triplet: -1, both: 1}),
    ]


def _halves(plus: Sequence[int], minus: Sequence[int]) -> dict[int, float]:
    return dict.fromkeys(plus, 0.5) | dict.fromkeys(minus, -0.5)


def _declines(rows: Sequence[Row], design: list[list[int]]) -> list[Weighted]:
    (clean_a, *noisy_a), (clean_b, *noisy_b) = design
    return [
        (rows[a].label, rows[b].label, {clean_a: 1, a: -1, clean_b: -1, b: 1})
        for a, b in zip(noisy_a, noisy_b, strict=True)
    ]


def _margins(rows: Sequence[Row], design: list[list[int]]) -> list[Weighted]:
    return [
        (rows[without].label, rows[own].label, {without: -1, own: 1}) for without, *others in design for own in others
    ]


def poolings(rows: Sequence[Row], values: dict[str, list[pd.DataFrame]]) -> list[Contrast]:
    """Each row's suites that prescribe a pooling, less that of the pooling it was trained with (or the first)."""
    suites = {SUITES[suite].pooling: suite for suite in values if SUITES[suite].pooling}
    found = []
    for place, row in enumerate(rows if len(suites) > 1 else []):
        trained = row.settings.get("pooling")
        base = trained if trained in suites else next(iter(suites))
        for pooling, suite in suites.items():
            if pooling != base:
                old, new = (f"{row.label}, {name}" for name in (base, pooling))
                both = values[suites[base]][place], values[suite][place]
                found.append(Contrast("pooling", suite, old, new, (row, row), both, (-1, 1)))
    return found


# ---------------------------------------------------------------------------------------- what comes out of it


def _judged(family: Sequence[Contrast], pairs: pd.DataFrame | None) -> list[dict[str, Any]]:
    """The lines of comparisons that are judged together, a column of the table at a time."""
    lines = []
    for task in dict.fromkeys(str(task) for one in family for task in one.values[0]):
        present = [one for one in family if all(task in own for own in one.values)]
        measured = [_measured(one, task) for one in present]
        tested = [e for one, (e, _) in zip(present, measured, strict=True) if e and not one.is_descriptive]
        judged = iter(verdicts(tested) if tested else [])
        for one, (effect, line) in zip(present, measured, strict=True):
            if effect is None:
                line |= {"verdict": "undecided", "text": "undecided: no seed in common"}
            elif one.is_descriptive:
                line |= {"verdict": "not tested", "text": "not tested: an untrained encoder has no spread over seeds"}
                line |= {"p": np.nan, "smallest_p": np.nan}
            else:
                verdict = next(judged)
                line |= {"p_holm": verdict.p, "verdict": verdict.word, "text": verdict.text}
                line |= {"seeds_needed": _seeds_needed(effect)}
            kept = one.kind == "pair" and SUITES[one.suite].keeps_pairs
            if pairs is not None and effect and kept and task == "Avg":
                line |= _two_level(one, line["seeds"], pairs)
            line["seeds"], line["dropped"] = (" ".join(map(str, line[key])) for key in ("seeds", "dropped"))
            lines.append(line)
    return lines


def _measured(one: Contrast, task: str) -> tuple[Effect | None, dict[str, Any]]:
    """The effect, None without a common seed, and what of its line depends on no other comparison."""
    values, seeds, dropped = tables.paired(one.rows, [own[task] for own in one.values])
    line: dict[str, Any] = {"suite": one.suite, "kind": one.kind, "baseline": one.baseline, "label": one.label}
    line |= {"task": task, "n": len(seeds), "seeds": seeds, "dropped": dropped}
    if not seeds:
        return None, line
    effect = compare(*values) if one.weights == (-1, 1) else contrast(values, np.array(one.weights))
    if effect.improvement is not None and SUITES[one.suite].lower_is_better:
        effect = replace(effect, improvement=1 - effect.improvement)
    return effect, line | vars(effect)


def _seeds_needed(effect: Effect) -> int | None:
    if not effect.sd > 0 or abs(effect.difference) <= 1e-4 * effect.sd:
        return None
    return max(SIGN_FLIP_SEEDS, seeds_needed(effect.difference, effect.sd, paired=True))


def _in_order(pairs: pd.DataFrame) -> pd.DataFrame:
    """The pairs by task and place, whatever their order was: the bootstrap draws them by their numbers."""
    for column in PAIRS:
        if column not in pairs:
            raise InputError(f"The table of pairs lacks the column '{column}'.")
    return pairs.sort_values(["task", "subset", "index"])


def _two_level(one: Contrast, seeds: Sequence[int], pairs: pd.DataFrame) -> dict[str, float]:
    tasks = [pairs["task"] == task for task in one.values[0] if task != "Avg"]
    a, b = ([_cosines(row, seeds, pairs[own]) for own in tasks] for row in one.rows)
    ratings = [pairs.loc[own, "score"].to_numpy() for own in tasks]
    try:  # only its first argument may be a single run that stands for all seeds
        found = _negative(two_level(b, a, ratings)) if one.rows[1].untrained else two_level(a, b, ratings)
    except ValueError:  # equal cosines, as of an encoder that has collapsed, have no rank correlation
        return {}
    return {
        "two_level_difference": found.difference,
        "two_level_low": found.low,
        "two_level_high": found.high,
        "share_above": found.share_above,
    }


def _cosines(row: Row, seeds: Sequence[int], pairs: pd.DataFrame) -> np.ndarray:
    """(seeds, pairs) cosines of a row; an untrained one has a single run."""
    columns = [f"{row.hash}/seed{seed}" for seed in (row.seeds[:1] if row.untrained else seeds)]
    for column in columns:
        if column not in pairs:
            raise InputError(f"The table of pairs has none of run {column}, a run of '{row.label}'.")
    return np.ascontiguousarray(pairs[columns].to_numpy().T)


def _negative(found: TwoLevel) -> TwoLevel:
    return TwoLevel(-found.difference, -found.high, -found.low, 1 - found.share_above)
