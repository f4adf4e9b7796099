"""What the comparisons of a study come to: pure functions of data frames.

report.contrasts says which rows are compared; here each comparison is measured over the common seeds and judged by
arccse.statistics, with all that stand under one heading on one column of the table. They are exploratory: what a
config claims is judged apart, in report.claims.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from arccse import examples
from arccse.evaluation.suites import SUITES
from arccse.report import matched, tables
from arccse.report.contrasts import Contrast, families
from arccse.report.draws import NO_DRAWS, Draws
from arccse.report.tables import StudyView
from arccse.statistics import FEWEST_SEEDS, Effect, contrast, effect, improvement, judge

COLUMNS = [
    *("study", "encoder", "suite", "kind", "baseline", "label", "task", "difference", "low", "high", "sd", "n"),
    *("seeds", "dropped", "p", "comparisons", "sign_flip", "improvement", "detectable", "verdict", "text"),
    *("two_level_low", "two_level_high"),
]


@dataclass(frozen=True)
class Measured:
    """A comparison on one column of the table.

    effect: None where it can't be made, and `reason` says why; seeds: the common ones; dropped: those that only some
    of the trained rows have; improvement: how often a run of the one beats a run of the other, of pairs; error: the
    standard error over examples, NaN where none were kept.
    """

    of: Contrast
    task: str
    effect: Effect | None
    seeds: Sequence[int] = ()
    dropped: Sequence[int] = ()
    improvement: float = np.nan
    error: float = np.nan
    reason: str = ""

    @property
    def is_testable(self) -> bool:
        return self.effect is not None and self.effect.n >= FEWEST_SEEDS


def compare_study(
    scores: pd.DataFrame, study: StudyView, suites: Sequence[str], draws: Draws = NO_DRAWS
) -> pd.DataFrame:
    """Every comparison of a study: a line for each suite, encoder, comparison, and column of the table.

    Args:
        scores: as `tables.study_table` takes them.
        study: the rows; the first trained one of an encoder is the baseline of its other rows. Their `settings`
            tell which are untrained and whether they make a factorial design. Diverged ones take no part.
        suites: keys of evaluation.suites.SUITES.
        draws: of what the runs keep. Without it the two-level columns are empty.

    Returns:
        Columns COLUMNS. `kind` is
        - "pair": the row `label` less the row `baseline`, both as the config has them;
        - "tuned": the same of rows as tuned, of which the first is the baseline;
        - "tuning": a row as tuned less the same row as the config has it;
        - "effect": in a study whose trained rows are exactly two objectives × with and without triplet objective,
          the main effects, the interaction, and the effect of each where the other is there;
        - "decline": in a study of two objectives × shares of noise from 0, what noise changes in `label` less
          what it changes in `baseline`: above 0, `label` declines less;
        - "margin": in a study of temperatures × margins from 0, what a margin adds at each temperature: a lower
          temperature, which sharpens the loss as well, would leave it nothing to add if it could stand in for it;
        - "pooling": the same runs under another pooling than their own, over the suites that prescribe one;
        - "pooling_objective": what another pooling changes in a row, less what it changes in the first trained one.
        `task` is a column of the suite's table, "Avg" included. `difference` and `sd` are over the `n` common
        seeds, which `seeds` lists; `dropped` are those that only some of the rows have. `low`, `high`, `p`,
        `detectable`, `verdict` and `text` are those of statistics.Verdict, among `comparisons` that are looked at
        together: those of the same kind, encoder, suite (all of them, for poolings) and column, times the looks at
        the study. An untrained row is one number, which the seeds of the other are held against. Where a comparison
        can't be made, `text` says why, and there is nothing else. `sign_flip` is statistics.sign_flip's.
        The two-level columns are those of examples.both, on the suite's headline columns, where every run concerned
        has kept its examples.

    Raises:
        InputError: as `tables.study_table` and `Draws.of` do.
    """
    values = {suite: tables.seed_values(scores, study.finished, suite) for suite in suites}
    lines: list[dict[str, Any]] = []
    for encoder in study.encoders:
        own = [place for place, row in enumerate(study.finished) if row.encoder == encoder]
        rows = [study.finished[place] for place in own]
        frames = {suite: [values[suite][place] for place in own] for suite in suites}
        for family in families(rows, frames):
            for task in columns_of(family):
                found = [
                    measure(one, task, draws if task in SUITES[one.suite].headlines else NO_DRAWS) for one in family
                ]
                together = study.looks * max(1, sum(one.is_testable for one in found))
                lines += [line(one, together, study.equivalence) | {"encoder": encoder} for one in found]
    return of_study(lines, study)


def compare_courses(histories: pd.DataFrame, study: StudyView) -> pd.DataFrame:
    """Each trained row's course of training against the baseline's: a line for each encoder, measure and row.

    The baseline of tuned rows is the first of them.

    Args:
        histories: as results.Results has them.
        study: as `compare_study` takes it.

    Returns:
        Columns COLUMNS, of which `kind` is "matched", `suite` empty and `task` one of matched.MEASURES. Those of one
        encoder and measure are looked at together.
    """
    lines: list[dict[str, Any]] = []
    for encoder in study.encoders:
        trained = [row for row in study.finished if row.encoder == encoder and not row.untrained]
        groups = [[row for row in trained if bool(row.untuned) == tuned] for tuned in (False, True)]
        pairs = [(group[0], row) for group in groups for row in group[1:]]
        family = [Contrast("matched", "", base.label, row.label, (base, row), (), (-1, 1)) for base, row in pairs]
        courses = [courses_of(one, histories) for one in family]
        for task in matched.MEASURES:
            found = [measure_courses(*own, task) for own in zip(family, courses, strict=True)]
            together = study.looks * max(1, sum(one.is_testable for one in found))
            lines += [line(one, together, study.equivalence) | {"encoder": encoder} for one in found]
    return of_study(lines, study)


def of_study(lines: list[dict[str, Any]], study: StudyView) -> pd.DataFrame:
    """The comparisons of a study; where its seeds grow, `look` says which look they are of."""
    found = pd.DataFrame(lines, columns=COLUMNS).assign(study=study.name).astype({"n": "int64"})
    return found.assign(look=study.look) if study.look else found


def columns_of(family: Sequence[Contrast]) -> list[str]:
    """The columns that any row of the comparisons has, and the average, where there is one, in any case."""
    averaged = any("Avg" in SUITES[one.suite].headlines for one in family)
    tasks = [str(task) for one in family for own in one.values for task in own if task != "Avg"]
    return [*dict.fromkeys(tasks), *(["Avg"] if averaged else [])]


def measure(one: Contrast, task: str, draws: Draws = NO_DRAWS) -> Measured:
    """A comparison on one column of the table; `draws` as compare_study takes them."""
    for row, own in zip(one.rows, one.values, strict=True):
        if row.diverged:
            return Measured(one, task, None, reason=f"{row.label} diverged")
        if task not in own:
            lost = [name for other in one.values for name in other if name not in own and name != "Avg"]
            return Measured(
                one, task, None, reason=f"{row.label} has no {tables.listed(dict.fromkeys(lost)) or task}"
            )
    values, seeds, dropped = tables.paired(one.rows, [own[task] for own in one.values])
    if not seeds:
        return Measured(one, task, None, dropped=dropped, reason="no seed in common")
    wins = np.nan
    if one.is_pair:
        wins = improvement(*(values[::-1] if SUITES[one.suite].lower_is_better else values))
    error = draws.error(one, task, seeds)
    return Measured(one, task, contrast(values, np.array(one.weights)), seeds, dropped, wins, error)


def courses_of(one: Contrast, histories: pd.DataFrame) -> pd.DataFrame | None:
    """Two rows' courses of training, seed by seed, as matched.compare_seeds has them; None where a row diverged."""
    if any(row.diverged for row in one.rows):
        return None
    courses = [histories[(histories["hash"] == row.hash) & histories["seed"].isin(row.seeds)] for row in one.rows]
    return matched.compare_seeds(*courses)


def measure_courses(one: Contrast, courses: pd.DataFrame | None, task: str) -> Measured:
    """Two rows' courses of training at equal uniformity or score instead of at equal steps: of matched.MEASURES.

    courses: what `courses_of` has of the two.
    """
    if courses is None:
        diverged = next(row.label for row in one.rows if row.diverged)
        return Measured(one, task, None, reason=f"{diverged} diverged")
    values = courses[matched.MEASURES[task].column]
    if values.empty:
        return Measured(one, task, None, reason="no seed in common")
    if values.isna().any():
        seeds = tables.listed(values.index[values.isna()])
        return Measured(one, task, None, reason=f"with seed {seeds} {matched.MEASURES[task].missing}")
    return Measured(one, task, effect(values.to_numpy()), list(values.index))


def line(found: Measured, comparisons: int, equivalence: float | None) -> dict[str, Any]:
    """What COLUMNS say of a comparison, among those that are looked at together."""
    one, effect = found.of, found.effect
    said: dict[str, Any] = {"suite": one.suite, "kind": one.kind, "baseline": one.baseline, "label": one.label}
    said |= {"task": found.task, "n": len(found.seeds), "comparisons": comparisons}
    said |= {"seeds": " ".join(map(str, found.seeds)), "dropped": " ".join(map(str, found.dropped))}
    if effect is None:
        return said | {"verdict": "undecided", "text": f"undecided: {found.reason}"}
    verdict = judge(effect, comparisons, equivalence)
    said |= {"difference": effect.difference, "sd": effect.sd, "low": verdict.low, "high": verdict.high}
    said |= {"p": verdict.p, "detectable": verdict.detectable, "verdict": verdict.word, "text": verdict.text}
    said |= {"sign_flip": effect.sign_flip, "improvement": found.improvement}
    low, high = examples.both(verdict.low, verdict.high, found.error, comparisons)
    return said | {"two_level_low": low, "two_level_high": high}
