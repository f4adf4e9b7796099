"""Hyperparameters: which of them a run's identity depends on, the objectives' names, the steps that they make."""

import inspect
import json
import math
import os
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arccse import config as configs
from arccse.errors import InputError
from arccse.hyperparameters import OBJECTIVES, SETTINGS, Hyperparameters, layered, own_settings
from arccse.ranges import Range
from arccse.variants import Variant

ROOT = Path(__file__).parent.parent


def test_triplet_settings_count_only_with_a_triplet_objective():
    off, on = {"triplet_weight": 0.0}, {"triplet_weight": 0.1}
    settings = (
        {"mask_ratios": [0.1, 0.2]},
        {"triplet_margin": 0.1},
        {"triplet_dropout": True},
        {"mask_shape": "scattered"},
        {"mask_nested": False},
    )
    for setting in settings:
        assert Hyperparameters(**off, **setting).canonical() == Hyperparameters(**off).canonical()
        assert Hyperparameters(**on, **setting).canonical() != Hyperparameters(**on).canonical()


def test_margin_counts_only_for_arccon():
    assert Hyperparameters(margin=5.0).canonical() == Hyperparameters(margin=20.0).canonical()
    with_margin = [Hyperparameters(objective="arccon", margin=m).canonical() for m in (5.0, 20.0)]
    assert with_margin[0] != with_margin[1]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("temperature", 0.1),
        ("pooling", "mean"),
        ("head", "none"),
        ("dropout", 0.2),
        ("batch_size", 8),
        ("learning_rate", 1e-5),
        ("weight_decay", 0.1),
        ("warmup_ratio", 0.1),
        ("max_grad_norm", 2.0),
        ("epochs", 2),
        ("max_steps", 3),
        ("max_length", 16),
        ("eval_every", 2),
        ("geometry_every", 2),
        ("precision", "bf16"),
        ("noise", 0.1),
        ("whitening", True),
    ],
)
def test_every_hyperparameter_is_part_of_the_identity(key, value):
    assert Hyperparameters(**{key: value}).canonical() != Hyperparameters().canonical()


def test_objectives_are_those_of_the_package_with_what_they_take():
    assert len(OBJECTIVES) >= 19
    for name, objective in OBJECTIVES.items():
        function = getattr(import_module(f"arccse.{objective.module}"), name)
        parameters = inspect.signature(function).parameters
        assert tuple(parameters) == ("z", "z_pos", *objective.parameters)
        for key, declared in objective.settings.items():
            assert get_args(parameters[key].annotation) == (declared.type, declared.setting)


def test_what_an_objective_declares_is_a_hyperparameter_with_that_default_and_those_bounds():
    for name in OBJECTIVES:
        for key, setting in own_settings(name).items():
            field = Hyperparameters.model_fields[key]
            assert field.default == setting.default
            assert name in field.description
            assert setting.origin in field.description
            assert isinstance(setting.range, Range)
            for u in (0.0, 0.3, 0.999):  # what a tuning tries may be given
                assert getattr(Hyperparameters(**{key: setting.range.at(u)}), key) == setting.range.at(u)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("positive_prior", 1.0, "less than 1"),
        ("uniformity_scale", 0.0, "greater than 0"),
        ("gaussian_per_sentence", 2.5, "valid integer"),
        ("focal_margin", math.nan, "finite number"),
        ("angle_margin", 181.0, "less than or equal to 180"),
    ],
)
def test_an_objectives_own_settings_are_checked_like_others(key, value, message):
    with pytest.raises(InputError, match=rf"^training\.{key}: .*{message}"):
        layered({"training": {key: value}})


def test_only_the_objectives_own_settings_are_part_of_its_identity():
    for name in OBJECTIVES:
        plain = Hyperparameters(objective=name).canonical()
        for key, declared in SETTINGS.items():
            other = Hyperparameters(objective=name, **{key: declared.setting.range.at(0.1)}).canonical()
            assert (other != plain) == (key in OBJECTIVES[name].settings), (name, key)
            assert (key in plain) == (key in OBJECTIVES[name].settings or (name, key) == ("nt_xent", "margin"))
        assert ("temperature" in plain) == ("temperature" in OBJECTIVES[name].parameters)


def test_objectives_that_share_a_setting_declare_it_once():
    assert own_settings("debiased")["positive_prior"] == own_settings("hard_negative")["positive_prior"]
    assert list(own_settings("hard_negative")) == ["positive_prior", "hardness"]
    assert own_settings("nt_xent") == {}


def test_what_may_have_made_a_training_diverge_names_the_objectives_own_settings_and_no_others():
    said = Hyperparameters(objective="focal", focal_margin=0.5, hardness=2.0).suspects()
    assert "focal_margin 0.5 (published: 0.3)" in said
    assert {key for key in SETTINGS if f" {key} " in said} == {"focal_margin"}
    assert "margin" not in Hyperparameters().suspects()


def test_the_committed_runs_keep_their_identity():
    """Of before the objectives had settings of their own."""
    config = configs.load(ROOT / "config" / "laptop.yaml")
    records = json.loads((ROOT / "results" / "laptop" / "runs.json").read_text())
    assert set(records) == set(config.runs())
    for name, run in config.runs().items():
        assert run.variant.canonical() == records[name]["hyperparameters"]


ADDED = """
from typing import Annotated

from torch import Tensor

from arccse.objectives.softmax import nt_xent
from arccse.setting import Setting
{more}


def another(z: Tensor, z_pos: Tensor, temperature: float, {parameter}: {annotation}) -> Tensor:
    return nt_xent(z, z_pos, temperature) * {parameter}
"""
STRENGTH = 'Annotated[float, Setting(0.5, linear=[0.1, 1.0], ge=0, origin="here")]'
EVERY_ID = """
from arccse.variants import Variant
from arccse.hyperparameters import OBJECTIVES, Hyperparameters
for name in OBJECTIVES:
    print(Variant("bert", None, "file:c", "dev", Hyperparameters(objective=name)).id)
"""


def in_a_copy(folder: Path, parameter: str, annotation: str, more: str = "") -> subprocess.CompletedProcess[str]:
    """The id of a run of every objective, by a copy of the package with one more."""
    shutil.copytree(ROOT / "arccse", folder / "arccse", ignore=shutil.ignore_patterns("__pycache__"))
    added = ADDED.format(parameter=parameter, annotation=annotation, more=more)
    (folder / "arccse" / "objectives" / "added.py").write_text(added)
    return subprocess.run(
        [sys.executable, "-c", EVERY_ID],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("parameter", "annotation", "more"),
    [
        ("strength", STRENGTH, ""),
        ("strength", "Strength", f"Strength = {STRENGTH}"),
        ("positive_prior", "Prior", "from arccse.objectives.negatives import Prior"),
    ],
    ids=["its own", "by a name", "shared"],
)
def test_another_objective_with_a_setting_renames_no_run(tmp_path, parameter, annotation, more):
    before = {Variant("bert", None, "file:c", "dev", Hyperparameters(objective=name)).id for name in OBJECTIVES}
    done = in_a_copy(tmp_path, parameter, annotation, more)
    assert done.returncode == 0, done.stderr
    (new,) = set(done.stdout.split()) - before
    assert before < set(done.stdout.split())
    assert new.startswith("another-")


@pytest.mark.parametrize(
    ("parameter", "annotation", "message"),
    [
        ("margin", STRENGTH, "'margin' is declared by another and, otherwise, by arccon"),
        ("dropout", STRENGTH, "another: 'dropout' is a hyperparameter of all trainings"),
        ("strength", "float", "another: its 'strength' is no hyperparameter; declare it"),
    ],
)
def test_a_setting_is_declared_and_has_one_meaning(tmp_path, parameter, annotation, message):
    done = in_a_copy(tmp_path, parameter, annotation)
    assert done.returncode != 0
    assert message in done.stderr


@given(st.integers(2, 500), st.integers(2, 64), st.integers(1, 4))
def test_steps_are_whole_batches(corpus_size, batch_size, epochs):
    h = Hyperparameters(batch_size=batch_size, epochs=epochs)
    if corpus_size < batch_size:
        with pytest.raises(InputError, match="fewer than batch_size"):
            h.steps(corpus_size)
    else:
        assert h.steps(corpus_size) == epochs * math.floor(corpus_size / batch_size)


def test_max_steps_ends_a_training_early():
    assert Hyperparameters(max_steps=7).steps(6400) == 7
    assert Hyperparameters(max_steps=700).steps(6400) == 100
