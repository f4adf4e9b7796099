"""Gathering: what the runs left is joined with what was gathered before.

Results grow: what a run's folder no longer holds, since only the gathered files were kept of it, is done; what is new
is joined with it.
"""

import json
import shutil
import time
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd
from pydantic import TypeAdapter

from arccse import choosing, paths, resampling
from arccse.config import Config
from arccse.errors import InputError
from arccse.evaluation.suites import KEEPING, SUITES
from arccse.files import atomic_write
from arccse.finished import part_of
from arccse.records import DRAW, checked_history, read_history, read_kept, read_scores
from arccse.results import Gathered, Results, column_of, require_as_many, write
from arccse.standings import Standing, refuse_other_code, standing, standings
from arccse.stopping import Growing, Look
from arccse.tuning import Choices


def gather(config: Config, finished: bool = False) -> None:
    """Join every run's files with what was gathered before: scores, histories, draws, examples, looks, runs.json.

    What was gathered of runs and suites that the config no longer names stays: it may have taken hours.

    Args:
        config: names the runs.
        finished: leave out runs that are not trained and scored to their end. What is there can be kept then, and the
            workflow goes on from it. Only studies of which all is there can be reported, and are looked at.

    Raises:
        InputError: a run has not been trained or scored yet, was made by other code or on another corpus than the
            others, a file is damaged, or the folder can't be written. Nothing is written then.
    """
    results = together(config, finished)
    write(config, results)
    for run_id in results.runs:
        shutil.rmtree(paths.finished(config, run_id), ignore_errors=True)


def look(config: Config) -> None:
    """Look at the studies whose seeds grow, and write down what is undecided; the config then has seeds accordingly.

    Raises:
        InputError: no study waits for a look, or as `gather` does.
    """
    from arccse.report.deciding import undecided  # with all that draws, which gathering need not wait for

    if not config.to_look_at:
        raise InputError("No study waits for a look: each has the seeds that it takes, or names them.")
    found = undecided(config, config.to_look_at, together(config))
    looks = {}
    for study, left in found.items():
        seeds = config.studies[study].seeds
        assert isinstance(seeds, Growing)
        date, reached = time.strftime("%Y-%m-%d"), seeds.reached(config.looks_at(study))
        looks[study] = Look(date=date, plan=seeds.plan, seeds=reached, undecided=left).model_dump()
    path = paths.look(config, len(config.looks) + 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, json.dumps(looks, indent=1, ensure_ascii=False) + "\n")


def together(config: Config, finished: bool = False) -> Results:
    """What `gather` writes. Raises InputError as it does."""
    gathered = Gathered(config)
    found = standings(config, gathered)
    refuse_other_code(config, found.values())
    whole = all(map(is_finished, found.values()))
    if finished:
        if not any(map(is_finished, found.values())):
            raise InputError(f"No run of {paths.results(config)} is finished yet.")
        found = {run_id: one for run_id, one in found.items() if is_finished(one)}
    for run_id, one in found.items():
        require_finished(config, run_id, one)
    records = {run_id: record_of(one, gathered) for run_id, one in found.items()}
    require_same_data(found, records)
    # everything is read before the first file is written
    scores = joined([scores_of(config, one, gathered) for one in found.values()], gathered.scores, found.values())
    histories = joined(
        [history_of(config, one, gathered) for one in found.values()], gathered.histories, found.values()
    )
    kept = {
        suite: kept_of(suite, config, list(found.values()), gathered, scores)
        for suite in KEEPING
        if suite in gathered.kept or suite in config.all_suites()
    }
    draws = joined_draws(kept, list(found.values()), gathered)
    kept = of_one_run_a_row(kept, config, gathered)
    for run_id, one in found.items():
        count_values(records[run_id]["scored"], gathered.of(scores, one.run))
        count_draws(records[run_id]["scored"], column_of(run_id), draws)
        count_examples(records[run_id]["scored"], column_of(run_id), kept)
    records |= {run_id: record for run_id, record in gathered.runs.items() if run_id not in records}
    if whole:
        choosing.require_best(config, histories, records)
    part = config if whole else part_of(config, records)
    looks = looks_of(part, gathered.looks) if part else dict(gathered.looks)
    return Results(scores, histories, kept, records, looks, draws)


def is_finished(one: Standing) -> bool:
    return not one.to_train and not one.missing


def require_finished(config: Config, run_id: str, one: Standing) -> None:
    """Raise InputError where a run has not been trained, or not been scored on a suite."""
    if one.to_train:
        raise InputError(f"{paths.run_folder(config, run_id)}: run {run_id} has not been trained yet.")
    if one.missing:
        folder = paths.run_folder(config, run_id) / "scores"
        raise InputError(
            f"Run {run_id} has not been scored on suite {one.missing[0]} yet, or its scores are of another model "
            f"than its folder's; where {folder} is there, delete it, and the workflow makes it anew."
        )


def choose(config: Config, finished: bool = False) -> None:
    """Choose the values of every tuned row by its trials' dev scores, and write them down in chosen.json.

    Args:
        config: has the trials.
        finished: leave out rows of which a trial has not been trained yet.

    Raises:
        InputError: a trial has not been trained yet or was made by other code, a file is damaged, or the folder can't
            be written.
    """
    gathered = Gathered(config)
    dev = {}
    for run in config.trial_runs():
        one = standing(config, run, gathered)
        refuse_other_code(config, [one])
        if not one.to_train:
            dev[run.id] = choosing.dev_score(history_of(config, one, gathered), one.record or {})
        elif not finished:
            raise InputError(f"{paths.run_folder(config, run.id)}: trial {run.id} has not been trained yet.")
    found = TypeAdapter(Choices).dump_python(choosing.choices(config, dev))
    atomic_write(paths.chosen(config), json.dumps(found, indent=1) + "\n")


def looks_of(config: Config, before: Mapping[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """The looks at each study, this one included where its seeds are others than at the last.

    Who looks at five seeds and then adds a sixth has two chances to be deceived, and intervals allow for both. Who
    writes a claim after the first look has chosen it by what was seen, and the table of claims says so.
    """
    looks = {study: list(own) for study, own in before.items()}
    for study in config.studies:
        seeds = sorted({run.seed for row in config.rows(study) if not row.variant.untrained for run in row.runs})
        own = looks.setdefault(study, [])
        if not own or own[-1]["seeds"] != seeds:
            claims = [claim.digest for claim in config.claims.values() if claim.study == study]
            own.append({"date": time.strftime("%Y-%m-%d"), "seeds": seeds, "claims": claims})
    return looks


def joined(own: list[pd.DataFrame], kept: pd.DataFrame, found: Iterable[Standing]) -> pd.DataFrame:
    """The lines of the config's runs, then those that were gathered of other runs."""
    of_config = {(one.run.variant.hash, one.run.seed) for one in found}
    other = [key not in of_config for key in zip(kept["hash"], kept["seed"], strict=True)]
    frames = [frame for frame in [*own, kept[other]] if len(frame)]
    return pd.concat(frames, ignore_index=True) if frames else kept.iloc[:0]


def require_same_data(found: Mapping[str, Standing], records: Mapping[str, dict[str, Any]]) -> None:
    """Raise InputError where runs of one config were trained, selected or scored on different data."""
    seen: dict[str, tuple[str, Any]] = {}
    for run_id, record in records.items():
        sums = {f"scores on suite {suite}": made.get("data") for suite, made in record["scored"].items()}
        if not found[run_id].run.variant.untrained:
            sums |= {"corpus": record["data"]["corpus"]["sha256"], "dev set": record["data"]["dev"]["sha256"]}
        for kind, own in sums.items():
            first, expected = seen.setdefault(kind, (run_id, own)) if own else (run_id, own)
            if own != expected:
                raise InputError(
                    f"Runs {first} and {run_id} have other data behind their {kind}, by their checksums, though the "
                    "config names one source. Move the folders of the older runs elsewhere, to have them made again."
                )


def scores_of(config: Config, one: Standing, gathered: Gathered) -> pd.DataFrame:
    """A run's scores, suite by suite: from its folder, otherwise what was gathered of the same training."""
    run, kept = one.run, gathered.of(gathered.scores, one.run)
    frames = []
    for suite in dict.fromkeys([*config.suites_of(run.id), *kept["suite"]]):
        if suite in one.filed:
            frames.append(read_scores(one.filed[suite].folder / "scores.csv", suite))
        elif one.gathered_is_same:
            frames.append(kept[kept["suite"] == suite])
    if not frames:  # it diverged
        return kept.iloc[:0]
    scores = pd.concat(frames, ignore_index=True)
    return scores.assign(variant=run.variant.name, hash=run.variant.hash, seed=run.seed)


def history_of(config: Config, one: Standing, gathered: Gathered) -> pd.DataFrame:
    """A run's history with its hash and seed in front."""
    run, record = one.run, one.record or {}
    if not one.in_folder:
        kept = gathered.of(gathered.histories, run)
        return checked_history(kept, run, record, paths.histories(config))
    history = read_history(paths.run_folder(config, run.id) / "history.csv", run, record)
    history.insert(0, "hash", run.variant.hash)
    history.insert(1, "seed", run.seed)
    return history


def kept_of(
    suite: str, config: Config, found: list[Standing], gathered: Gathered, scores: pd.DataFrame
) -> pd.DataFrame:
    """What the runs keep of a suite, as results.Results has it; without any row where no run keeps anything."""
    known, value = KEEPING[suite].known, KEEPING[suite].value
    frames = {
        column_of(one.run.id): read_kept(one.filed[suite].folder / SUITES[suite].kept_file, suite)
        for one in found
        if suite in one.filed
    }
    none = pd.DataFrame(columns=known)
    before = gathered.kept.get(suite, none)
    replaced = {*known, *frames, *(column_of(one.run.id) for one in found if not one.gathered_is_same)}
    values = {column: before[column] for column in before if column not in replaced}
    rows = (before if values else next(iter(frames.values()), none))[known]
    for column, frame in frames.items():
        if not frame[known].equals(rows):
            raise InputError(
                f"The runs of {paths.results(config)} were scored on different {KEEPING[suite].drawn}, {column} on "
                "others than those before it; score them on the same data."
            )
        values[column] = frame[value].astype(KEEPING[suite].dtype)
    if values:
        require_as_many(rows, suite, scores, paths.kept(config, suite))
    ordered = dict.fromkeys([*(column_of(one.run.id) for one in found), *values])  # of the config, then others
    together = {column: values[column] for column in ordered if column in values}
    return pd.concat([rows, pd.DataFrame(together)], axis=1)


def joined_draws(kept: Mapping[str, pd.DataFrame], found: list[Standing], gathered: Gathered) -> pd.DataFrame:
    """The draws of all runs, as results.Results has them.

    Made run by run, of examples that are there, so that they are the same in whatever company; otherwise gathered.
    """
    runs = {column_of(one.run.id): one for one in found}
    before = gathered.draws.set_index(DRAW)
    before = before[[column for column in before if column not in runs or runs[str(column)].gathered_is_same]]
    new = []
    for column, one in runs.items():
        known = {*before.index[before[column].notna()].get_level_values("suite")} if column in before else set()
        examples = {
            suite: table[[*KEEPING[suite].known, column]]
            for suite, table in kept.items()
            if column in table and (suite in one.filed or suite not in known)
        }
        new.append(resampling.headlines(examples).set_index(DRAW))
    drawn = pd.concat(new, axis=1).combine_first(before) if new else before
    ordered = [column for column in dict.fromkeys([*runs, *drawn]) if column in drawn]
    return drawn[ordered].astype("float32").sort_index().reset_index()


def of_one_run_a_row(kept: Mapping[str, pd.DataFrame], config: Config, gathered: Gathered) -> dict[str, pd.DataFrame]:
    """The examples of the first run of each row, as far as it is no tuned one, and those that were gathered before.

    They are to look at; intervals have the draws of all runs. A run's pairs take 60 kB, its draws 2 kB.
    """
    rows = [row for rows in config.rows_by_study.values() for row in rows if not row.untuned]
    first = {column_of(row.runs[0].id) for row in rows}
    found = {}
    for suite, table in kept.items():
        stay = {*KEEPING[suite].known, *first, *gathered.kept.get(suite, [])}
        found[suite] = table[[column for column in table if column in stay]]
    return found


def record_of(one: Standing, gathered: Gathered) -> dict[str, Any]:
    """A run's record, with what each suite's scores were made with under "scored"."""
    kept = gathered.runs.get(one.run.id, {}).get("scored", {}) if one.gathered_is_same else {}
    filed = {suite: one.filed[suite].made for suite in sorted(one.filed)}
    return (one.record or {}) | {"scored": kept | filed}


def count_values(scored: dict[str, dict[str, Any]], scores: pd.DataFrame) -> None:
    """Say beside what made a run's scores how many there are of each suite, so that a table cut short shows."""
    for suite, count in scores["suite"].value_counts().items():
        scored[str(suite)] = scored.get(str(suite), {}) | {"values": int(count)}


def count_draws(scored: dict[str, dict[str, Any]], column: str, draws: pd.DataFrame) -> None:
    """Say as well on how many resamples of its examples a suite's scores are."""
    if column in draws:
        for suite, count in draws.loc[draws[column].notna(), "suite"].value_counts().items():
            scored[str(suite)] |= {"draws": int(count)}


def count_examples(scored: dict[str, dict[str, Any]], column: str, kept: Mapping[str, pd.DataFrame]) -> None:
    """Say as well how many lines there are of what a run's scores are taken over, where they were kept."""
    for suite, table in kept.items():
        if column in table:
            scored[suite] |= {"examples": len(table)}
