"""The part of a config that is finished: of a campaign that takes days, what can be reported already."""

from collections.abc import Container

from arccse.config import Config


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
    parts = {study: config.encoders_of(study) for study in config.studies}
    left = {
        study: [encoder for encoder in encoders if is_whole(config, study, encoder, there)]
        for study, encoders in parts.items()
    }
    if left == parts:
        return config
    left = {study: encoders for study, encoders in left.items() if encoders}
    if not left:
        return None
    done, all_of_them = (sum(map(len, one.values())) for one in (left, parts))
    under_way = f"Under way: the {done} finished of {all_of_them} studies and encoders are here."
    used = {encoder for encoders in left.values() for encoder in encoders}
    changed = {
        "caveat": f"{config.caveat} {under_way}" if config.caveat else under_way,
        "encoders": {name: own for name, own in config.encoders.items() if name in used},
        "studies": {name: config.studies[name].model_copy(update={"encoders": own}) for name, own in left.items()},
        "claims": {name: claim for name, claim in config.claims.items() if claim.study in left},
    }
    # not a copy, which would hold what the whole config has found out of its studies
    return Config.model_validate({name: getattr(config, name) for name in Config.model_fields} | changed)


def is_whole(config: Config, study: str, encoder: str, there: Container[str]) -> bool:
    """Whether every run of a study is there that it has, or will have, on an encoder."""
    if study in config.to_look_at:
        return False
    tuned = {label: trials for (own, label), trials in config.trials(study).items() if own == encoder}
    if any(config.choice(study, encoder, label) is None for label in tuned):
        return False
    runs = [run for row in config.rows(study) if row.encoder == encoder for run in row.runs]
    runs += [run for trials in tuned.values() for trial in trials for run in trial.runs]
    return all(run.id in there for run in runs)
