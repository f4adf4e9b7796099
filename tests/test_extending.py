"""docs/extending.md, followed: its code blocks are put where it says, and do what it says."""

import ast
import math
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from arccse.hyperparameters import OBJECTIVES, own_settings

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "extending.md").read_text()
STUDY, CLAIM, VARIANT = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
(FILE,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)[0].splitlines()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the package and of its config, to change as a user would."""
    shutil.copytree(ROOT / "arccse", tmp_path / "arccse", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "config").mkdir()
    shutil.copy(ROOT / "config" / "smoke.yaml", tmp_path / "config" / "mine.yaml")
    return tmp_path


def test_a_claim_by_yaml_alone(project: Path) -> None:
    config = project / "config" / "mine.yaml"
    text = config.read_text().replace("claims:", f"claims:\n{CLAIM}", 1) + STUDY
    config.write_text(text)
    code = "from arccse import config; print(config.load('config/mine.yaml').claims['larger_batches'].contrast)"
    done = python(project, code)
    assert done.returncode == 0, done.stderr
    assert ast.literal_eval(done.stdout) == {f"batch_size={n}, learning_rate=3e-05": w for n, w in ((16, 1), (8, -1))}


def python(project: Path, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run code that imports the copy."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=project,
        env=os.environ | {"PYTHONPATH": str(project), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


def arccse(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return python(project, "from arccse.cli import main; main()", *arguments)


def rows_of(plan: str, title: str) -> list[list[str]]:
    """The cells of a study's rows, as `arccse plan` prints them."""
    table = plan.partition(title)[2].partition("└")[0]
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in table.splitlines() if line.startswith("│")]


def test_a_study_by_yaml_alone(project):
    before = arccse(project, "plan", "--config", "config/mine.yaml")
    assert before.returncode == 0, before.stderr
    file = project / "config" / "mine.yaml"
    file.write_text(file.read_text().rstrip("\n") + "\n" + STUDY)
    command = COMMANDS[0].split()
    assert command[0] == "arccse"
    after = arccse(project, *command[1:])
    assert after.returncode == 0, after.stderr
    rows = rows_of(after.stdout, "batch_size: Batch size and learning rate")
    assert [row[0] for row in rows] == [
        f"batch_size={size}, learning_rate={rate}" for size in (8, 16) for rate in ("3e-05", "5e-05")
    ]
    runs = [int(re.search(r"(\d+) different ones", plan.stdout)[1]) for plan in (before, after)]
    assert runs[1] - runs[0] == 3  # the fourth is main's SimCSE
    shared = next(line for line in after.stdout.splitlines() if "shared by main (SimCSE)" in line)
    assert rows[1][2] in shared


@pytest.fixture
def with_objective(project: Path) -> Path:
    """The copy with the page's file and its line in the config."""
    (project / "arccse" / "objectives" / "additive.py").write_text(FILE)
    config = project / "config" / "mine.yaml"
    before, simcse, after = config.read_text().partition("      SimCSE: {}\n")
    assert before.endswith("untrained: {epochs: 0}\n")  # those of `main`
    config.write_text(before + simcse + VARIANT + after)
    return project


def test_an_objective_by_one_function_and_one_line(with_objective):
    plan = arccse(with_objective, "plan", "--config", "config/mine.yaml")
    assert plan.returncode == 0, plan.stderr
    labels = {row[0]: row[2] for row in rows_of(plan.stdout, "main: SimCSE against ArcCSE")}
    assert re.fullmatch(r"additive_margin-[0-9a-f]{8}", labels["Additive"])
    assert list(labels) == ["untrained", "SimCSE", "Additive", "ArcCSE"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("objective: additive_margin", "objective: aditive_margin", "did you mean 'additive_margin'?"),
        ("additive: 0.2", "aditive: 0.2", "did you mean 'additive'?"),
        ("additive: 0.2", "additive: -0.2", "additive: input should be greater than or equal to 0, not -0.2."),
    ],
)
def test_a_mistake_in_its_line_is_answered(with_objective, old, new, said):
    config = with_objective / "config" / "mine.yaml"
    assert old in config.read_text()
    config.write_text(config.read_text().replace(old, new))
    plan = arccse(with_objective, "plan", "--config", "config/mine.yaml")
    assert plan.returncode == 2
    assert said in " ".join(plan.stderr.split())
    assert "Traceback" not in plan.stderr


LOSSES = """
import torch
from arccse import training
from arccse.hyperparameters import Hyperparameters
from arccse.objectives.additive import additive_margin

def plane(*degrees):
    angles = torch.deg2rad(torch.tensor(degrees))
    return torch.stack([angles.cos(), angles.sin()], dim=1)

z, z_pos = plane(0.0, 60.0, 90.0), plane(30.0, 60.0, 150.0)
h = Hyperparameters(objective="additive_margin", temperature=0.5)
print(additive_margin(z, z_pos, 0.5, 0.3).item())
print(training.losses_of(torch.stack([z, z_pos]), None, h, torch.Generator())["loss"].item())
"""


def test_training_minimises_the_new_objective_with_its_own_default(with_objective):
    result = python(with_objective, LOSSES)
    assert result.returncode == 0, result.stderr
    own, in_training = map(float, result.stdout.split())
    expected = 0.0
    sentences, positives = (0, 60, 90), (30, 60, 150)
    for i, angle in enumerate(sentences):
        logits = [math.cos(math.radians(angle - other)) / 0.5 for other in positives]
        logits[i] -= 0.3 / 0.5
        expected += (math.log(sum(map(math.exp, logits))) - logits[i]) / 3
    assert own == pytest.approx(expected, abs=1e-6)
    assert in_training == pytest.approx(expected, abs=1e-6)


def test_the_page_on_objectives_lists_each_with_its_settings():
    page = (ROOT / "docs" / "objectives.md").read_text()
    listed = re.findall(r"^\| `(\w+)` \|[^|]*\|([^|]*)\|[^|]*\|$", page.partition("## Where")[0], re.MULTILINE)
    (header, _), *listed = listed
    assert header == "objective"
    assert {name for name, _ in listed} == set(OBJECTIVES)
    for name, settings in listed:
        told = set(re.findall(r"`(\w+)`", settings)) | ({"positive_prior"} if "the same" in settings else set())
        assert told == set(own_settings(name)), name
