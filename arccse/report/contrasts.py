"""Which rows of a study are compared with which: weighted sums of rows, seed by seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import pandas as pd

from arccse.evaluation.suites import SUITES
from arccse.hyperparameters import SETTINGS
from arccse.report.tables import Row

NO_INTERACTION = "no interaction"
TRIPLET = ("triplet_weight", "triplet_margin", "triplet_dropout", "mask_ratios", "mask_shape", "mask_nested")


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
    def is_pair(self) -> bool:
        """Whether it is one trained row less another, of whose runs one can ask which wins."""
        return self.weights == (-1, 1) and not any(row.untrained for row in self.rows)


def families(rows: Sequence[Row], values: dict[str, list[pd.DataFrame]]) -> list[list[Contrast]]:
    """The comparisons of an encoder's rows that are looked at together, on one column at a time.

    Args:
        rows: of one encoder.
        values: suite → for each row its scores, seeds × columns.
    """
    configured, as_configured = _those(rows, values, tuned=False)
    tuned, as_tuned = _those(rows, values, tuned=True)
    found = []
    for suite, own in values.items():
        found.append(against_first(configured, as_configured[suite], suite, "pair"))
        found.append(against_first(tuned, as_tuned[suite], suite, "tuned"))
        found.append(tuning(rows, own, suite))
        found.append(factorial(configured, as_configured[suite], suite))
    found.append(poolings(rows, values))
    found.append(poolings_of_objectives(configured, as_configured) + poolings_of_objectives(tuned, as_tuned))
    return [family for family in found if family]


def _those(
    rows: Sequence[Row], values: dict[str, list[pd.DataFrame]], tuned: bool
) -> tuple[list[Row], dict[str, list[pd.DataFrame]]]:
    """The rows that are tuned or those that are not, with their scores."""
    own = [place for place, row in enumerate(rows) if bool(row.untuned) == tuned]
    return [rows[i] for i in own], {suite: [frames[i] for i in own] for suite, frames in values.items()}


def against_first(rows: Sequence[Row], values: Sequence[pd.DataFrame], suite: str, kind: str) -> list[Contrast]:
    """Every other row less the first trained one (less the first, where none is trained)."""
    base = next((place for place, row in enumerate(rows) if not row.untrained), 0)
    return [
        Contrast(kind, suite, rows[base].label, row.label, (rows[base], row), (values[base], own), (-1, 1))
        for row, own in zip(rows, values, strict=True)
        if row is not rows[base]
    ]


def all_pairs(rows: Sequence[Row], values: Sequence[pd.DataFrame], suite: str) -> list[Contrast]:
    """Every row less each row before it."""
    numbered = list(zip(rows, values, strict=True))
    return [
        Contrast("pair", suite, base.label, row.label, (base, row), (its, own), (-1, 1))
        for (base, its), (row, own) in combinations(numbered, 2)
    ]


def tuning(rows: Sequence[Row], values: Sequence[pd.DataFrame], suite: str) -> list[Contrast]:
    """Every tuned row less the row that it was tuned from."""
    places = {row.label: place for place, row in enumerate(rows) if not row.untuned}
    found = []
    for row, own in zip(rows, values, strict=True):
        if row.untuned in places:  # it is not there if it diverged
            base = places[row.untuned]
            both = (rows[base], row), (values[base], own)
            found.append(Contrast("tuning", suite, row.untuned, row.label, *both, (-1, 1)))
    return found


def factorial(rows: Sequence[Row], values: Sequence[pd.DataFrame], suite: str) -> list[Contrast]:
    """What a study's design is for: effects of objective × triplet, declines with noise, margins at temperatures."""
    objective = objective_factor(rows)
    if (design := grid(rows, objective, TRIPLET)) and len(design) == len(design[0]) == 2:
        kind, weighted = "effect", _main_effects(rows, design)
    elif (design := grid(rows, objective, ("noise",))) and len(design) == 2:
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


def objective_factor(rows: Sequence[Row]) -> list[str]:
    """What changes with the objective: its own hyperparameters, and whether it takes a temperature at all.

    A temperature that one objective has several of is swept, and a factor of its own.
    """
    trained = [row for row in rows if not row.untrained]
    pairs = {(row.settings.get("objective"), row.settings.get("temperature")) for row in trained}
    is_swept = len(pairs) > len({objective for objective, _ in pairs})
    return ["objective", *SETTINGS, *([] if is_swept else ["temperature"])]


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
    old, new = rows[neither].label, rows[objective].label
    without, third = "no triplet objective", "the triplet objective"
    return [
        (old, f"{new} (main effect)", _halves([objective, both], [neither, triplet])),
        (without, f"{third} (main effect)", _halves([triplet, both], [neither, objective])),
        (NO_INTERACTION, f"{new} × triplet objective", {neither: 1, objective: -1, triplet: -1, both: 1}),
        (old, f"{new} given {third}", {triplet: -1, both: 1}),  # given none it is a row less the baseline
        (without, f"{third} given {new}", {objective: -1, both: 1}),
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


def poolings_of_objectives(rows: Sequence[Row], values: dict[str, list[pd.DataFrame]]) -> list[Contrast]:
    """What another pooling changes in each row's lead over the first trained one: pooling × objective."""
    changes = [one for one in poolings(rows, values) if not one.rows[0].untrained]
    found = []
    for one in changes:
        first = next(other for other in changes if other.suite == one.suite)
        if one is not first and one.rows[0].settings.get("pooling") == first.rows[0].settings.get("pooling"):
            rows_of, values_of = (*first.rows, *one.rows), (*first.values, *one.values)
            kind = "pooling_objective"
            found.append(Contrast(kind, one.suite, first.label, one.label, rows_of, values_of, (1, -1, -1, 1)))
    return found
