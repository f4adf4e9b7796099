"""Which of several models is better, and how sure that is: `arccse compare`, and the same from Python.

All models are scored on the same examples, so a difference is paired over them; where two models have seeds in
common, over seeds too. `compare` has models scored, or reads scores that are there; `judged` is a function of frames.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from arccse import evaluating, examples, ranking
from arccse.contenders import Contender, contenders
from arccse.data.sources import Source
from arccse.errors import InputError
from arccse.evaluating import Evaluation
from arccse.evaluation.suites import KEEPING, SUITES, suite_named
from arccse.evaluation.suites import tasks as suite_tasks
from arccse.files import is_folder
from arccse.models import on_hub
from arccse.report import tables
from arccse.report.contrasts import Contrast, all_pairs
from arccse.report.draws import Draws
from arccse.report.tables import Row
from arccse.statistics import FEWEST_SEEDS, Effect, Verdict, contrast

MARGIN = 0.5  # points that do not matter, if nothing else is said
COMPARED = [
    *("suite", "task", "baseline", "label", "difference", "low", "high", "p", "detectable", "verdict", "text"),
    *("over", "n", "seeds", "sd", "error", "comparisons"),
]
RANKED = ["suite", "task", "label", "mean", "seeds", "rank_low", "rank_high"]


@dataclass(frozen=True)
class Comparison:
    """What comes of comparing models.

    Attributes:
        models: as they were asked for, in that order.
        suites: suite → its tasks.
        source: the spec of the data.
        margin: the largest difference that does not matter, in points.
        scores: columns label, seed, suite, task, metric, value, n.
        comparisons: columns COMPARED, a line for each pair of models, suite, and task or average.
        ranks: columns RANKED, a line for each suite's average (or one task, or headline) and model.
        made: label → seed → suite → what its scores were made with.
    """

    models: list[Contender]
    suites: dict[str, list[str]]
    source: str
    margin: float
    scores: pd.DataFrame
    comparisons: pd.DataFrame
    ranks: pd.DataFrame
    made: dict[str, dict[int, dict[str, dict[str, Any]]]]


def compare(
    models: Sequence[str],
    suites: Sequence[str],
    source: Source,
    *,
    tasks: Sequence[str] | None = None,
    pooling: str | None = None,
    margin: float = MARGIN,
) -> Comparison:
    """Score models, as far as that has not been done before, and compare each two of them.

    Args:
        models: each a model (folder, package:NAME, hub name, hub name@revision), a folder that evaluating.evaluate
            has written, an mteb results folder with predictions, NAME=one of these, or NAME=GLOB for several seeds.
        suites: names of suites that keep examples (evaluation.suites.KEEPING).
        source: of the data, as data.sources.open_source gives it.
        tasks: those of the suites; None: all that the source has.
        pooling: of models that are encoded; None: their own.
        margin: the largest difference that does not matter, in points.

    Raises:
        InputError: an unknown model, suite or task, scores of other data or code, or whatever scoring refuses.
    """
    chosen = {suite: suite_tasks(suite_named(suite).name, source, tasks) for suite in suites}
    for suite in chosen:
        if suite not in KEEPING:
            raise InputError(f"Suite {suite} keeps no examples to pair models over; valid: {', '.join(KEEPING)}.")
    if not margin > 0:
        raise InputError(f"--margin is {margin:g} and must be above 0, in points.")
    found = contenders(models)
    evaluated = {
        one.name: {
            seed: evaluations(member, source, chosen, pooling)
            for seed, member in zip(one.seeds, one.members, strict=True)
        }
        for one in found
    }
    rows = [Row(one.name, "", f"model{place}", list(one.seeds)) for place, one in enumerate(found)]
    scores = pd.concat(
        [
            one.scores.assign(variant=row.label, hash=row.hash, seed=seed)
            for row in rows
            for seed, of_suite in evaluated[row.label].items()
            for one in of_suite.values()
        ],
        ignore_index=True,
    )
    kept = {suite: side_by_side(suite, rows, evaluated) for suite in chosen}
    comparisons, ranks = judged(scores, kept, rows, chosen, margin)
    return Comparison(
        models=found,
        suites=chosen,
        source=source.spec,
        margin=margin,
        scores=scores.rename(columns={"variant": "label"})[
            ["label", "seed", "suite", "task", "metric", "value", "n"]
        ],
        comparisons=comparisons,
        ranks=ranks,
        made={
            label: {seed: {suite: one.made for suite, one in own.items()} for seed, own in seeds.items()}
            for label, seeds in evaluated.items()
        },
    )


def evaluations(
    member: str, source: Source, chosen: Mapping[str, list[str]], pooling: str | None
) -> dict[str, Evaluation]:
    """The scores of a model on each suite, read where there are any, otherwise made and kept (evaluation.cache)."""
    folder = Path(member)
    if is_folder(folder) and evaluating.is_evaluation(folder):
        return {suite: evaluating.read(folder, suite, source, own) for suite, own in chosen.items()}
    if is_folder(folder) and not (folder / "config.json").is_file():
        from arccse.evaluation import mteb_predictions

        if mteb_predictions.is_mteb(folder):
            for suite in chosen:
                if suite != "sts":
                    raise InputError(f"{folder} is mteb's, of which suite sts can be compared, not {suite}.")
            return {suite: mteb_predictions.read(folder, source, own) for suite, own in chosen.items()}
    from arccse.evaluation import cache

    model, revision = member.split("@", 1) if on_hub(member) and "@" in member else (member, None)
    return cache.evaluations(model, list(chosen), source, dict(chosen), pooling, revision)


def side_by_side(
    suite: str, rows: Sequence[Row], evaluated: Mapping[str, Mapping[int, Mapping[str, Evaluation]]]
) -> pd.DataFrame:
    """What all models keep of a suite: the columns that they share, then one of values each, as Draws takes it.

    Raises:
        InputError: two models were scored on different examples.
    """
    keeps, first = KEEPING[suite], None
    values = {}
    for row in rows:
        for seed, own in evaluated[row.label].items():
            table = own[suite].kept.sort_values(list(keeps.keys), ignore_index=True)
            first = table[keeps.known] if first is None else first
            if not table[keeps.known].equals(first):
                raise InputError(
                    f"{row.label} was scored on other {keeps.drawn} of suite {suite} than {rows[0].label}; "
                    "score both on the same data."
                )
            values[f"{row.hash}/seed{seed}"] = table[keeps.value]
    return pd.concat([first, pd.DataFrame(values)], axis=1)


def judged(
    scores: pd.DataFrame,
    kept: Mapping[str, pd.DataFrame],
    rows: Sequence[Row],
    suites: Mapping[str, Sequence[str]],
    margin: float | None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Every comparison of two rows, and the ranks that follow from them.

    Args:
        scores: as tables.study_table takes them.
        kept: suite → what all runs keep of its examples, as Draws takes it.
        rows: the models; each has a name of its own.
        suites: suite → its tasks.
        margin: as Comparison has it; None: nothing is equivalent.

    Returns:
        Columns COMPARED: `label` less `baseline`. `over` is "examples and seeds" where both have FEWEST_SEEDS seeds
        or more in common, over which the difference is then the mean; otherwise "examples", and the difference is of
        the means over each one's own seeds. `n` counts the task's examples, `error` is the standard error over them,
        `sd` the standard deviation of the difference over seeds. `low`, `high`, `p`, `detectable` and `verdict` are
        those of examples.judge, adjusted for all `comparisons` of the frame.
        Columns RANKED: `rank_low` and `rank_high` are those of ranking.rank_bounds.
    """
    draws = Draws(kept)
    measured: list[Measured] = []
    for suite in suites:
        for one in all_pairs(rows, values_of(scores, rows, suite), suite):
            measured += [measure(one, task, draws) for task in map(str, one.values[0])]
    together = max(1, sum(not np.isnan(one.error) for one in measured))
    sizes = scores.groupby(["suite", "task"])["n"].first()
    comparisons = pd.DataFrame([line(one, together, margin, sizes) for one in measured], columns=COMPARED)
    ranks = [ranks_of(suite, values_of(scores, rows, suite), rows, comparisons) for suite in suites]
    return comparisons, pd.DataFrame(list(chain.from_iterable(ranks)), columns=RANKED)


def values_of(scores: pd.DataFrame, rows: Sequence[Row], suite: str) -> list[pd.DataFrame]:
    """For each row its scores, seeds × what is compared: tasks, then the average of several; or the headlines."""
    frames = tables.seed_values(scores, rows, suite)
    spec = SUITES[suite]
    if "Avg" not in spec.headlines:
        return [frame[list(spec.headlines)] for frame in frames]
    return [frame.drop(columns="Avg") if len(frame.columns) == 2 else frame for frame in frames]


@dataclass(frozen=True)
class Measured:
    """A comparison on one column: the difference, its standard error over examples, what it is over seeds."""

    of: Contrast
    task: str
    difference: float
    error: float
    seeds: Sequence[int]
    effect: Effect | None


def measure(one: Contrast, task: str, draws: Draws) -> Measured:
    """A comparison on one column of the suite's table, over common seeds where there are enough."""
    own = [frame[task] for frame in one.values]
    values, seeds, _ = tables.paired(one.rows, own)
    if len(seeds) >= FEWEST_SEEDS:
        effect = contrast(values, np.array(one.weights))
        return Measured(one, task, effect.difference, draws.error(one, task, seeds), seeds, effect)
    return Measured(one, task, float(own[1].mean() - own[0].mean()), draws.error(one, task), (), None)


def line(found: Measured, together: int, margin: float | None, sizes: pd.Series) -> dict[str, Any]:
    """What COMPARED say of a comparison, among those that are looked at together."""
    one, effect = found.of, found.effect
    verdict: Verdict = examples.judge(found.difference, found.error, together, margin, effect)
    said: dict[str, Any] = {"suite": one.suite, "task": found.task, "baseline": one.baseline, "label": one.label}
    said |= {"difference": found.difference, "low": verdict.low, "high": verdict.high, "p": verdict.p}
    said |= {"detectable": verdict.detectable, "verdict": verdict.word, "text": verdict.text}
    said |= {"over": "examples" if effect is None else "examples and seeds", "error": found.error}
    said |= {"seeds": " ".join(map(str, found.seeds)), "sd": np.nan if effect is None else effect.sd}
    own = sizes[one.suite]
    return said | {"n": int(own.sum() if found.task not in own else own[found.task]), "comparisons": together}


def ranks_of(
    suite: str, values: Sequence[pd.DataFrame], rows: Sequence[Row], comparisons: pd.DataFrame
) -> list[dict[str, Any]]:
    """The lines of RANKED for a suite: its average, or what stands for it."""
    spec, found = SUITES[suite], []
    columns = [column for column in values[0] if column in spec.headlines] or [str(column) for column in values[0]]
    place = {row.label: at for at, row in enumerate(rows)}
    for task in columns:
        above = np.zeros((len(rows), len(rows)), dtype=bool)
        own = comparisons[(comparisons["suite"] == suite) & (comparisons["task"] == task)]
        for one in own.to_dict("records"):
            pair = place[one["label"]], place[one["baseline"]]
            better, worse = pair[::-1] if spec.lower_is_better else pair
            above[better, worse], above[worse, better] = one["low"] > 0, one["high"] < 0
        low, high = ranking.rank_bounds(above)
        for at, row in enumerate(rows):
            said = {"suite": suite, "task": task, "label": row.label, "mean": values[at][task].mean()}
            found.append(said | {"seeds": len(row.seeds), "rank_low": low[at], "rank_high": high[at]})
    return found
