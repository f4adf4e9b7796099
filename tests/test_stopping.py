"""Seeds as many as it takes: the plan, what looks at a study say of it, what a look is made of, how often it errs."""

import json
from pathlib import Path

import numpy as np
import pytest
from made_configs import made_config
from made_runs import leave
from rich.console import Console
from scipy.stats import binom

from arccse import config as configs
from arccse import gathering, paths, planning
from arccse.config import Config
from arccse.errors import InputError
from arccse.report.build import study_view
from arccse.stopping import Growing, Look

VARIANTS = {"SimCSE": {}, "ArcCSE": {"objective": "arccon"}}
SEEDS = {"from": 3, "to": 8, "stop": "decided"}


def look(seeds: int, undecided: list[str], plan: tuple[int, ...] = (3, 6, 8)) -> Look:
    return Look(date="2026-01-02", plan=list(plan), seeds=seeds, undecided=undecided)


@pytest.mark.parametrize(
    ("ends", "plan"), [((5, 20), [5, 10, 20]), ((3, 8), [3, 6, 8]), ((4, 5), [4, 5]), ((5, 41), [5, 10, 20, 40, 41])]
)
def test_each_look_has_twice_the_seeds_of_the_last(ends: tuple[int, int], plan: list[int]) -> None:
    assert Growing.model_validate({"from": ends[0], "to": ends[1], "stop": "decided"}).plan == plan


@pytest.mark.parametrize(
    ("looks", "reached", "awaits", "allowed_for"),
    [
        ([], 3, True, 3),
        ([look(3, [])], 3, False, 3),
        ([look(3, ["a"])], 6, True, 3),
        ([look(3, ["a"]), look(6, [])], 6, False, 3),
        ([look(3, ["a"]), look(6, ["a"])], 8, False, 3),  # the last verdict is the report's
        ([look(3, ["a"], (3, 5))], 3, True, 4),  # another plan tells nothing, and was a look
    ],
)
def test_looks_say_how_many_seeds_it_takes(looks: list[Look], reached: int, awaits: bool, allowed_for: int) -> None:
    growing = Growing.model_validate(SEEDS)
    assert (growing.reached(looks), growing.awaits_look(looks), growing.looks(looks)) == (
        reached,
        awaits,
        allowed_for,
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def study(folder: Path, **keys: object) -> Config:
    return made_config(folder, {"main": {"seeds": SEEDS, "variants": VARIANTS}}, **keys)


def finish(config: Config, differs: dict[int, float]) -> None:
    """Leave the runs' folders; ArcCSE's score is above SimCSE's by what is said of the seed."""
    for run in config.runs().values():
        arccse = run.variant.hyperparameters.objective == "arccon"
        leave(config, run, run.seed / 10 + (differs[run.seed] if arccse else 0))


CLOSE = {0: 1.0, 1: -1.0, 2: 0.5, 3: 1.0, 4: 1.0, 5: 1.0, 6: 1.0, 7: 1.0}
FAR = {seed: 5 + 0.1 * (seed % 2) for seed in range(8)}


def test_a_study_has_the_seeds_of_the_first_look_and_more_where_it_left_something_undecided(folder: Path) -> None:
    config = study(folder)
    assert (config.seeds_of("main", "tiny"), config.to_look_at, len(config.runs())) == ([0, 1, 2], ["main"], 6)
    finish(config, CLOSE)
    gathering.look(config)
    said = json.loads(paths.look(config, 1).read_text())["main"]
    assert said | {"date": ""} == {
        "date": "",
        "plan": [3, 6, 8],
        "seeds": 3,
        "undecided": ["ArcCSE − SimCSE, tiny, sts"],
    }
    again = configs.load("made.yaml")
    assert (again.seeds_of("main", "tiny"), again.to_look_at) == ([*range(6)], ["main"])


def test_a_study_that_is_decided_stops_and_says_at_which_look(folder: Path) -> None:
    config = study(folder)
    finish(config, FAR)
    gathering.look(config)
    config = configs.load("made.yaml")
    assert (config.seeds_of("main", "tiny"), config.to_look_at) == ([0, 1, 2], [])
    view = study_view(config, "main", gathering.together(config))
    assert (view.look, view.looks) == ("look 1 of 3", 3)
    with pytest.raises(InputError, match="No study waits for a look"):
        gathering.look(config)


def test_claims_decide_where_a_study_has_some(folder: Path) -> None:
    claim = {
        "claim": "ArcCSE is better",
        "source": "a test",
        "study": "main",
        "contrast": {"SimCSE": -1, "ArcCSE": 1},
    }
    config = study(folder, claims={"gain": claim})
    finish(config, CLOSE)
    gathering.look(config)
    assert json.loads(paths.look(config, 1).read_text())["main"]["undecided"] == ["ArcCSE is better, tiny"]


def test_a_plan_says_that_there_may_be_more_seeds(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = study(folder)
    planning.show(config, Console(width=200))
    assert "main has more seeds where it is not decided: it is looked at with 3, 6, 8" in capsys.readouterr().out
    finish(config, FAR)
    gathering.look(config)
    planning.show(configs.load("made.yaml"), Console(width=200))
    assert "more seeds" not in capsys.readouterr().out


def test_a_rehearsal_has_one_seed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCCSE_REHEARSE", "2")
    assert study(folder).seeds_of("main", "tiny") == [0]


def test_a_look_at_runs_that_are_not_there_writes_nothing(folder: Path) -> None:
    config = study(folder)
    with pytest.raises(InputError, match="has not been trained yet"):
        gathering.look(config)
    assert not paths.look(config, 1).exists()


def test_a_damaged_look_is_named(folder: Path) -> None:
    path = paths.look(study(folder), 1)
    path.parent.mkdir(parents=True)
    path.write_text("{")
    with pytest.raises(InputError, match=r"looks/1\.json can't be used: "):
        configs.load("made.yaml").seeds_of("main", "tiny")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"to": 3}, "studies.main.seeds: 'to' must be above 'from', which is 3"),
        ({"from": 2}, "studies.main.seeds.from: .*greater than or equal to 3"),
        ({"stop": "bored"}, "studies.main.seeds.stop: .*'decided'"),
        ({"form": 3}, "studies.main.seeds.form: unknown key; did you mean 'from'"),
    ],
)
def test_what_is_wrong_with_growing_seeds_is_named(folder: Path, change: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        made_config(folder, {"main": {"seeds": SEEDS | change, "variants": VARIANTS}})


def test_seeds_of_trials_are_none_that_the_study_may_come_to(folder: Path) -> None:
    tuning = {"trials": 1, "seeds": [7], "space": {"learning_rate": {"log": [1e-5, 1e-3]}}}
    with pytest.raises(InputError, match="7 is a seed of the final runs as well"):
        made_config(folder, {"main": {"seeds": SEEDS, "variants": VARIANTS, "tuning": tuning}})


def test_no_more_false_verdicts_than_without_looks() -> None:
    """Of 1,000 studies in which nothing differs, as benchmarks/inference.py simulates them."""
    import inference

    for first, last, rows in ((5, 20, 1), (3, 24, 3)):
        wrong = inference.stopped(first, last, rows, "normal", 1000, 0)["false"] * 1000
        assert wrong <= binom.ppf(0.9995, 1000, 0.05)
    assert np.isclose(inference.stopped(5, 20, 1, "normal", 200, 0, shift=5.0)["seeds"], 5, atol=0.5)
