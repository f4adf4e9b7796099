"""The part of a config that is finished: of a campaign that takes days, what can be reported already."""

from collections.abc import Container

from arccse.config import Config
from arccse.tuning import Choice
from arccse.variants import digest_of


def part_of(config: Config, there: Container[str]) -> Config | None:
    """The config with those of its studies, on those encoders, of which every run is there, and with their claims.

    Runs were planned before; which of them come first has nothing to do with what they show. A study whose seeds may
    still grow is not finished.

    Args:
        config: the whole one.
        there: the ids of the runs that are trained and scored.

    Returns:
        None where no study is finished on any encoder.
    """
    parts = [(study, encoder) for study in config.studies for encoder in config.encoders_of(study)]
    left = [part for part in parts if is_finished(config, *part, there)]
    if not left or left == parts:
        return config if left else None
    under_way = f"Under way: the {len(left)} finished of {len(parts)} studies and encoders are here."
    changed = {
        "caveat": f"{config.caveat} {under_way}" if config.caveat else under_way,
        "encoders": {name: own for name, own in config.encoders.items() if name in {one for _, one in left}},
        "studies": {
            name: study.model_copy(update={"encoders": [encoder for one, encoder in left if one == name]})
            for name, study in config.studies.items()
            if name in {one for one, _ in left}
        },
        "claims": {name: claim for name, claim in config.claims.items() if claim.study in {one for one, _ in left}},
    }
    # not a copy, which would hold what the whole config has found out of its studies
    return Config.model_validate({name: getattr(config, name) for name in Config.model_fields} | changed)


def is_finished(config: Config, study: str, encoder: str, there: Container[str]) -> bool:
    """Whether every run of a study is there that it has, or will have, on an encoder."""
    if study in config.to_look_at:
        return False
    tuned = {label: trials for (own, label), trials in config.trials(study).items() if own == encoder}
    for label, trials in tuned.items():
        choice: Choice | None = config.choices.get(study, {}).get(encoder, {}).get(label)
        if choice is None or choice.among != digest_of(trials):
            return False
    runs = [run for row in config.rows(study) if row.encoder == encoder for run in row.runs]
    runs += [run for trials in tuned.values() for trial in trials for run in trial.runs]
    return all(run.id in there for run in runs)
