"""What studies are for beside their comparisons, told from the config alone: a spread by streams, a ranking.

Supplements and figures are chosen by it before there are results, so nothing here imports pandas.
"""

import csv
from collections.abc import Sequence
from importlib.resources import files
from itertools import combinations
from typing import Any

from arccse.config import Config
from arccse.evaluation.suites import SUITES
from arccse.hyperparameters import Hyperparameters

BASELINE = ("nt_xent", False)  # as `objective_of` tells it
FEWEST_RANKED = 4  # rows; three have three pairs, and Kendall's τ four values


def averaged(suites: Sequence[str]) -> str:
    """The first suite, in the order of SUITES, that has an average; "" where none has."""
    return next((name for name, suite in SUITES.items() if name in suites and "Avg" in suite.headlines), "")


# ------------------------------------------------------------------------------------------------ spread by streams


def free_streams(settings: Sequence[dict[str, Any]]) -> list[tuple[str, ...]] | None:
    """For each row of a study of spread, the streams that follow from the run's seed, of those that it draws from.

    Args:
        settings: the canonical hyperparameters of an encoder's trained rows.

    Returns:
        None unless there are two rows or more and they differ in their streams and in nothing else.
    """
    rest = {repr(sorted((key, value) for key, value in one.items() if key != "streams")) for one in settings}
    found = [tuple(one.get("streams", drawn_streams(one))) for one in settings]
    return found if len(rest) == 1 and len(set(found)) > 1 else None


def drawn_streams(settings: dict[str, Any]) -> tuple[str, ...]:
    """The streams that a training with these canonical hyperparameters draws from."""
    known = {
        key: value for key, value in settings.items() if key in Hyperparameters.model_fields.keys() - {"streams"}
    }
    return Hyperparameters(**known).drawn_streams


def spreads(config: Config, study: str, encoder: str) -> bool:
    """Whether an encoder's rows of a study tell streams apart, by an average over several seeds."""
    settings, seeds = [*trained_with(config, study, encoder).values()], config.seeds_of(study, encoder)
    return averaged(config.study_suites(study)) != "" and len(seeds) > 1 and bool(free_streams(settings))


def has_spread(config: Config, study: str) -> bool:
    """Whether any encoder's rows of a study do."""
    return study != "" and any(spreads(config, study, encoder) for encoder in config.encoders_of(study))


def trained_with(config: Config, study: str, encoder: str) -> dict[str, dict[str, Any]]:
    """Label → canonical hyperparameters of an encoder's trained rows, as the config has them."""
    own = [row for row in config.untuned_by_study[study] if row.encoder == encoder]
    return {row.label: row.variant.canonical() for row in own if not row.variant.untrained}


# ---------------------------------------------------------------------------------------------------------- ranking


def objective_of(settings: dict[str, Any]) -> tuple[str, bool]:
    """The objective of canonical hyperparameters, and whether the triplet objective is beside it."""
    return settings["objective"], settings["triplet_weight"] > 0


def ranked(config: Config, study: str, encoder: str) -> int:
    """How many objectives a study has of an encoder, each with and without the triplet one; 0 without an average."""
    if not averaged(config.study_suites(study)):
        return 0
    return len({objective_of(one) for one in trained_with(config, study, encoder).values()})


def ranks(config: Config, study: str, encoder: str) -> bool:
    """Whether an encoder's rows of a study are enough objectives to rank."""
    return ranked(config, study, encoder) >= FEWEST_RANKED


def has_ranking(config: Config, study: str) -> bool:
    """Whether any encoder's rows of a study are; of all of a config (""), whether two encoders rank the same ones."""
    if not study:
        return bool(compared_rankings(config))
    return any(ranks(config, study, encoder) for encoder in config.encoders_of(study))


def rankings(config: Config) -> dict[str, str]:
    """Encoder → the study that ranks most objectives with it, the first of several; without those that have none."""
    found = {}
    for encoder in config.encoders:
        own = [
            name for name in config.studies if encoder in config.encoders_of(name) and ranks(config, name, encoder)
        ]
        if own:
            found[encoder] = max(own, key=lambda name: ranked(config, name, encoder))
    return found


def compared_rankings(config: Config) -> dict[tuple[str, str], list[str]]:
    """Two encoders → the labels of the rows that both have, with the same objective and the same average."""
    found = {}
    for (first, study), (second, other) in combinations(rankings(config).items(), 2):
        one, two = trained_with(config, study, first), trained_with(config, other, second)
        same = [label for label in one if label in two and objective_of(one[label]) == objective_of(two[label])]
        if len(same) >= FEWEST_RANKED and averaged(config.study_suites(study)) == averaged(
            config.study_suites(other)
        ):
            found[first, second] = same
    return found


# ----------------------------------------------------------------------------------------------------------- ledger


def has_claimed_objectives(config: Config, study: str) -> bool:
    """Of the whole config (""), whether a study has NT-Xent and an objective that more was claimed of."""
    if study:
        return False
    with (files("arccse.report") / "claimed.csv").open(encoding="utf-8") as lines:
        claimed = {(line["objective"], line["triplet"] == "yes") for line in csv.DictReader(lines)}
    return any(
        BASELINE in own and len(own & claimed) > 1
        for name in config.studies
        if "sts" in config.study_suites(name)
        for encoder in config.encoders_of(name)
        for own in [{objective_of(one) for one in trained_with(config, name, encoder).values()}]
    )
