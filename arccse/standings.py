"""How far each run of a config is: trained, scored, gathered, and by which code."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from arccse import code, paths
from arccse.config import Config
from arccse.errors import InputError
from arccse.models import NOT_KEPT
from arccse.records import read_evaluations, read_run
from arccse.results import Gathered
from arccse.variants import Run


class Filed(NamedTuple):
    """The scores of a suite that are in a run's folder: where, and what they were made with."""

    folder: Path
    made: dict[str, Any]


@dataclass(frozen=True)
class Standing:
    """How far a run is.

    Attributes:
        run: the run.
        source: the config's evaluation data.
        record: its run.json, or what was gathered of it; None where it has to be trained.
        in_folder: whether its folder holds the record.
        has_model: whether it holds the model as well.
        filed: suite → its scores, of those of its studies' suites whose scores are in its folder.
        gathered_is_same: whether what was gathered of the run, if anything, is of this training.
        gathered: suite → what its scores were made with, of those that are in the gathered files, of this training.
        missing: the suites that its studies ask for and that neither has; none of a run that diverged.
    """

    run: Run
    source: str
    record: dict[str, Any] | None
    in_folder: bool
    has_model: bool
    filed: dict[str, Filed]
    gathered_is_same: bool
    gathered: dict[str, dict[str, Any]]
    missing: tuple[str, ...]

    @property
    def to_train(self) -> bool:
        """Whether it was never trained, or has to be trained again, since a suite needs its model, which is gone."""
        return self.record is None or (bool(self.missing) and not self.has_model)

    @property
    def to_score(self) -> tuple[str, ...]:
        """The suites to score. A training again may give other weights, as on another machine: it scores them all."""
        return tuple(sorted({*self.missing, *self.gathered, *self.filed})) if self.to_train else self.missing

    @property
    def codes(self) -> dict[str, code.Code]:
        """The present code of "training" and of each scored suite."""
        scored = {suite: code.of_evaluation(suite, self.source) for suite in [*self.gathered, *self.filed]}
        return {"training": code.of_training(self.run.variant), **scored} if self.record else {}

    @cached_property
    def other_code(self) -> dict[str, list[str]]:
        """ "training" or a suite → the modules that differ from the code that made it or, since, was accepted."""
        record = self.record or {}
        filed = {suite: own.made for suite, own in self.filed.items()}
        made = {"training": record, **self.gathered, **filed}
        other = {}
        for name, present in self.codes.items():
            same = [said["code"][name] for said in record.get("accepted", []) if name in said["code"]]
            same = [own, *same] if (own := made[name].get("code")) else same
            if present.digest not in {one["digest"] for one in same}:
                other[name] = present.changed(same[-1]["parts"]) if same else ["code that was not recorded"]
        return other

    @property
    def changed(self) -> list[str]:
        """The modules that `other_code` names."""
        return sorted({module for modules in self.other_code.values() for module in modules})


def standings(config: Config, gathered: Gathered | None = None) -> dict[str, Standing]:
    """How far each run of a config is, by its id. Raises InputError for a damaged or foreign record."""
    gathered = gathered or Gathered(config)
    return {run.id: standing(config, run, gathered) for run in config.runs().values()}


def standing(config: Config, run: Run, gathered: Gathered) -> Standing:
    """How far a run is."""
    folder, asked = paths.run_folder(config, run.id), config.suites_of(run.id)
    in_folder = (folder / "run.json").exists()
    own = read_run(folder / "run.json", run) if in_folder else None
    kept = gathered.record(run)
    record = own or kept
    diverged = bool(record and record.get("diverged"))  # then the workflow leaves empty files in the scores' places
    filed = evaluations_of(config, folder, asked, own) if own and not diverged else {}
    same = kept is not None and (own is None or own.get("weights") == kept.get("weights"))
    said = (kept or {}).get("scored", {})
    known = {suite for suite in gathered.values_of(run) if same and serves(config, said.get(suite, {}))}
    return Standing(
        run=run,
        source=config.data,
        record=record,
        in_folder=in_folder,
        has_model=in_folder and (folder / "model").is_dir() and not (folder / "model" / NOT_KEPT).exists(),
        filed=filed,
        gathered_is_same=same,
        gathered={suite: said.get(suite, {}) for suite in asked if suite in known},
        missing=() if diverged else tuple(suite for suite in asked if suite not in {*filed, *known}),
    )


def evaluations_of(config: Config, folder: Path, asked: Iterable[str], record: dict[str, Any]) -> dict[str, Filed]:
    """Suite → its scores, of the suites that the model of a run's record was scored on.

    Scores of a model that was in the folder before a training again, or of any other, do not count.
    """
    found = {}
    for path in sorted(folder.glob("scores/*/evaluation.json")):
        if path.with_name("scores.csv").exists():
            for suite, made in read_evaluations(path).items():
                if suite in asked and made["model"] == record.get("model") and serves(config, made):
                    found[suite] = Filed(path.parent, made)
    return {suite: found[suite] for suite in asked if suite in found}


def serves(config: Config, made: Mapping[str, Any]) -> bool:
    """Whether scores made with this count in a config: float32 always does, bfloat16 where it is asked for."""
    return made.get("precision", "fp32") in ("fp32", config.scoring_precision)


def refuse_other_code(config: Config, found: Iterable[Standing]) -> None:
    """Raise InputError where a run was made by other code than the present one, naming what has changed."""
    stale = {one.run.id: one.changed for one in found if one.other_code}
    if stale:
        modules = sorted({module for changed in stale.values() for module in changed})
        raise InputError(
            f"{len(stale)} runs of {paths.results(config)}, {next(iter(stale))} among them, were made by other code "
            f"(changed: {', '.join(modules)}). `arccse stale` lists them; its --set-aside has them made again, its "
            "--accept keeps them, where you know that the change has no effect on their numbers."
        )
