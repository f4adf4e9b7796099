"""What can be wrong with a config that reads well key by key; found without the network and without weights."""

from __future__ import annotations

import csv
from importlib.resources import files
from typing import TYPE_CHECKING

from arccse import models
from arccse.data.corpus import is_triplets
from arccse.errors import InputError, nearest
from arccse.evaluation.suites import SUITES
from arccse.hyperparameters import OBJECTIVES, WITH_HARD_NEGATIVES, Hyperparameters, layered
from arccse.stopping import Growing
from arccse.variants import tuned

if TYPE_CHECKING:
    from arccse.claims import Claim
    from arccse.config import Config, Study

# Packages that come with this one. Snakemake's linter reads a config that names them where none is installed.
REQUIRED = {f"package:{name}" for name in models.PACKAGED}


def validate(config: Config) -> None:
    """The checks that look at more than one key, with neither network nor weights."""
    for name, chosen in config.encoders.items():
        if chosen.model not in REQUIRED:
            models.check_model(chosen.model)
        if models.on_hub(chosen.model) and not chosen.revision:
            raise InputError(f"encoders.{name}.revision: the hub model '{chosen.model}' needs a pinned revision.")
    check_study_names(config)
    for name, claim in config.claims.items():
        check_claim(config, name, claim)
    published = published_encoders()
    for name, study in config.studies.items():
        for unknown in set(study.encoders or []) - set(config.encoders):
            hint = nearest(unknown, list(config.encoders))
            raise InputError(f"studies.{name}.encoders: no encoder '{unknown}'; {hint}")
        for unknown in set(study.published or []) - published:
            hint = nearest(unknown, sorted(published))
            raise InputError(f"studies.{name}.published: no published rows for '{unknown}'; {hint}")
        check_tuning(config, name, study)
        check_outside(config, name)
        labels: dict[tuple[str, str], str] = {}
        for row in config.untuned_by_study[name]:
            twin = labels.setdefault((row.encoder, row.variant.hash), row.label)
            if twin != row.label:
                raise InputError(f"studies.{name}: '{twin}' and '{row.label}' are the same variant.")
            h = row.variant.hyperparameters
            if is_triplets(config.corpus) and not row.variant.untrained:
                check_triplets(f"studies.{name}: '{row.label}'", h)
            if h.whitening and (is_triplets(config.corpus) or h.head == "kept"):
                raise InputError(
                    f"studies.{name}: '{row.label}': whitening takes plain sentences, and no layer that is kept."
                )
            after = "is whitened" if h.whitening else "keeps its head"
            layer = h.whitening or (h.head == "kept" and not row.variant.untrained)
            for suite in config.study_suites(name) if layer else []:
                if SUITES[suite].pooling not in (None, h.pooling):
                    raise InputError(
                        f"studies.{name}: '{row.label}' {after} for {h.pooling} pooling, which fits no other, so "
                        f"that it can't be scored on {suite}."
                    )


def check_triplets(place: str, h: Hyperparameters) -> None:
    """Raise InputError where triplets can't be trained with."""
    if h.objective not in WITH_HARD_NEGATIVES:
        raise InputError(
            f"{place}: objective '{h.objective}' takes no hard negatives, as the corpus' triplets have them; valid: "
            f"{', '.join(WITH_HARD_NEGATIVES)}."
        )


def check_study_names(config: Config) -> None:
    """Raise InputError where two studies, or a study and the page's own parts, would write the same file."""
    from arccse.report.supplements import SUPPLEMENTS  # whose tables are a config's

    besides = ["comparisons", *(one.name for one in SUPPLEMENTS)]
    of_figure: dict[str, str] = {}
    for name in config.studies:
        if name in ("theory", "claims", *besides):
            raise InputError(f"studies.{name}: a part of the report is called so; take another name.")
        other, _, beside = name.rpartition("-")
        if beside in besides and other in config.studies:
            raise InputError(f"studies.{name}: the {beside} of '{other}' are called so; take another name.")
        for encoder in config.encoders_of(name):
            twin = of_figure.setdefault(f"{name}-{encoder}", name)
            if twin != name:
                raise InputError(f"studies.{name}: figures of '{encoder}' would overwrite those of '{twin}'.")


def check_tuning(config: Config, name: str, study: Study) -> None:
    """Raise InputError where a study can't be tuned as its `tuning` says."""
    if study.tuning is None:
        return
    for label in study.overrides():
        if tuned(label) in study.overrides():
            raise InputError(f"studies.{name}: '{tuned(label)}' is what '{label}' is called as tuned.")
    of_encoders = {seed for encoder in config.encoders_of(name) for seed in config.seeds_of(name, encoder)}
    final = range(study.seeds.to) if isinstance(study.seeds, Growing) else of_encoders
    if both := set(study.tuning.seeds) & set(final):
        raise InputError(
            f"studies.{name}.tuning.seeds: {min(both)} is a seed of the final runs as well, which must be fresh."
        )
    for key, over in study.tuning.space.items():
        layered({f"studies.{name}.tuning.space": {key: over.at(0.0)}})
    if not config.trials(name):
        raise InputError(f"studies.{name}.tuning: the study has no variant that is trained.")


def check_outside(config: Config, name: str) -> None:
    """Raise InputError where a loss of another package can't be trained with. Imports torch if there is one."""
    for row in config.untuned_by_study[name]:
        h = row.variant.hyperparameters
        if h.objective in OBJECTIVES or row.variant.untrained:
            continue
        from arccse.objectives import outside

        try:
            outside.check(h.objective, h.arguments)
        except InputError as error:
            raise InputError(f"studies.{name}: '{row.label}': {error}") from error


def check_claim(config: Config, name: str, claim: Claim) -> None:
    """Raise InputError where a claim is of something that the config does not have."""
    if claim.study not in config.studies:
        raise InputError(
            f"claims.{name}.study: no study '{claim.study}'; {nearest(claim.study, list(config.studies))}"
        )
    study, suites = config.studies[claim.study], config.study_suites(claim.study)
    labels = [*study.overrides(), *(map(tuned, study.overrides()) if study.tuning else [])]
    for label in claim.labels:
        if label not in labels:
            where = f"claims.{name}: study '{claim.study}' has no variant"
            raise InputError(f"{where} '{label}'; {nearest(label, labels)}")
    if claim.suite not in (None, *suites):
        raise InputError(f"claims.{name}.suite: study '{claim.study}' is not scored on {claim.suite}.")
    if claim.direction.startswith("not") and not (claim.equivalence or config.equivalence):
        raise InputError(
            f"claims.{name}.direction: '{claim.direction}' needs an 'equivalence', the claim's or the config's."
        )
    columns = ["Avg", *SUITES[claim.suite or suites[0]].columns]
    if claim.task is not None and claim.task not in columns:
        raise InputError(f"claims.{name}.task: no column '{claim.task}'; {nearest(claim.task, columns)}")


def published_encoders() -> set[str]:
    """The encoders that report/published.csv has rows for."""
    with (files("arccse.report") / "published.csv").open(encoding="utf-8") as lines:
        return {row["encoder"] for row in csv.DictReader(lines)}
