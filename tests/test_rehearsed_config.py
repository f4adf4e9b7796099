"""How a config is cut short for a rehearsal, and what stays as it is."""

from pathlib import Path

import pytest

from arccse import paths, rehearsal
from arccse.config import Config, load
from arccse.errors import InputError

ROOT = Path(__file__).parent.parent
CONFIGS = ["paper", "laptop", "objectives", "smoke"]


def both(name: str, monkeypatch: pytest.MonkeyPatch, variants: str = "2") -> tuple[Config, Config]:
    """A config of the repository as it is, and rehearsed."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv(rehearsal.VARIABLE, "0")
    whole = load(f"config/{name}.yaml")
    monkeypatch.setenv(rehearsal.VARIABLE, variants)
    return whole, load(f"config/{name}.yaml")


def labels(config: Config, study: str) -> list[tuple[str, str]]:
    return [(row.encoder, row.label) for row in config.untuned_by_study[study]]


@pytest.mark.parametrize("name", CONFIGS)
def test_every_study_encoder_suite_and_claim_is_rehearsed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, cut = both(name, monkeypatch)
    assert (cut.corpus, cut.data, cut.claims) == (whole.corpus, whole.data, whole.claims)
    assert {encoder: own.model_copy(update={"seeds": None}) for encoder, own in cut.encoders.items()} == {
        encoder: own.model_copy(update={"seeds": None}) for encoder, own in whole.encoders.items()
    }
    assert cut.studies.keys() == whole.studies.keys()
    for study in whole.studies:
        assert set(labels(cut, study)) <= set(labels(whole, study))
        assert whole.study_suites(study) == cut.study_suites(study)
        assert bool(whole.trials(study)) == bool(cut.trials(study))


@pytest.mark.parametrize("name", CONFIGS)
def test_a_large_number_rehearses_every_variant(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, cut = both(name, monkeypatch, "99")
    for study in whole.studies:
        assert labels(cut, study) == labels(whole, study)
        assert whole.trials(study).keys() == cut.trials(study).keys()


def test_two_variants_stay_and_those_that_claims_name(monkeypatch: pytest.MonkeyPatch) -> None:
    _, cut = both("paper", monkeypatch)
    by_study = {study: [label for _, label in dict.fromkeys(labels(cut, study))] for study in cut.studies}
    assert by_study["masks"] == ["nested spans", "independent spans"]
    assert by_study["margin"] == ["margin=0", "margin=2.5"]
    untrained = ["untrained", "untrained, mean", "untrained, first-last average", "whitened"]
    assert by_study["tuned"] == [*untrained, "NT-Xent", "ArcCon"]
    noises = [f"objective={one}, noise={share}" for one in ("nt_xent", "arccon") for share in (0.0, 0.05, 0.4)]
    assert by_study["noise"] == noises  # 0.4 is a claim's
    assert by_study["order"] == ["NT-Xent", "ArcCon", "ArcCon + triplet"]  # the last is a claim's


@pytest.mark.parametrize("name", CONFIGS)
def test_each_run_is_two_steps_for_one_seed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, cut = both(name, monkeypatch, "99")
    for study in cut.studies:
        for row, full in zip(cut.untuned_by_study[study], whole.untuned_by_study[study], strict=True):
            short, long = row.variant.hyperparameters, full.variant.hyperparameters
            assert short == long.model_copy(update=rehearsal.TRAINING)
            assert [run.seed for run in row.runs] == [run.seed for run in full.runs[:1]]
        for trials in cut.trials(study).values():
            assert [len(trial.runs) for trial in trials] == [1]


@pytest.mark.parametrize("name", CONFIGS)
def test_rehearsed_results_have_a_place_and_a_name_of_their_own(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, cut = both(name, monkeypatch)
    assert paths.results(cut) == Path("results") / f"{name}-rehearsal" != paths.results(whole)
    assert cut.caveat == " ".join(filter(None, [rehearsal.CAVEAT, whole.caveat]))
    trained = {run for run, one in whole.runs().items() if not one.variant.untrained}
    if name != "smoke":  # which is one already
        assert not trained & cut.runs().keys()


def test_steps_that_tell_variants_apart_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "config" / "smoke.yaml").read_text()
    study = "  length:\n    title: Steps\n    sweep: {max_steps: [3, 4]}\n"
    (tmp_path / "steps.yaml").write_text(text + study)
    monkeypatch.setenv(rehearsal.VARIABLE, "2")
    config = load(tmp_path / "steps.yaml")
    assert [row.variant.hyperparameters.max_steps for row in config.rows("length")] == [3, 4]


@pytest.mark.parametrize("value", ["", "0", None])
def test_nobody_rehearses_unasked(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if value is None:
        monkeypatch.delenv(rehearsal.VARIABLE, raising=False)
    else:
        monkeypatch.setenv(rehearsal.VARIABLE, value)
    assert load(ROOT / "config" / "paper.yaml").name == "paper"


def test_the_page_names_the_command_that_made_it(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, cut = both("paper", monkeypatch, "3")
    made = "snakemake --cores all --configfile config/paper.yaml"
    assert rehearsal.command(cut.name) == f"ARCCSE_REHEARSE=3 {made}"
    monkeypatch.delenv(rehearsal.VARIABLE)
    assert rehearsal.command(whole.name) == made


def test_what_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(rehearsal.VARIABLE, "yes")
    with pytest.raises(InputError, match="ARCCSE_REHEARSE=yes: not a number of variants; 2 rehearses two"):
        load(ROOT / "config" / "paper.yaml")
