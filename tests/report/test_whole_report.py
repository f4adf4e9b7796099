"""No study can break the report: every config, and sweeps of anything, are carried on made scores to the page."""

import re
import tempfile
from contextlib import chdir
from functools import partial
from pathlib import Path
from typing import get_args
from unittest.mock import patch
from urllib.parse import unquote

import made_tuned
import pytest
import yaml
from html_page import Page
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from made_configs import made_config
from made_results import made_choices, made_results

from arccse import config as configs
from arccse import examples, models, paths
from arccse.config import Config
from arccse.errors import InputError
from arccse.hyperparameters import OBJECTIVES, SETTINGS, STREAMS, Hyperparameters
from arccse.report import build, layout
from arccse.report.figures import drawing

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Figures are saved in one format of three and bootstraps are short, which saves most of the time."""
    monkeypatch.setattr(drawing, "UNDATED", {"svg": {"Date": None}})
    monkeypatch.setattr(examples, "spearman_draws", partial(examples.spearman_draws, replicates=20))
    monkeypatch.chdir(tmp_path)


def opened(config: Config) -> Page:
    """The page, of which every study and every figure is there, none of them a placeholder."""
    html = Page(paths.page(config).read_text(encoding="utf-8"))
    assert "could not be" not in html.shown()
    for name, study in config.studies.items():
        assert {"data-study": name} in [{k: v for k, v in a.items() if k == "data-study"} for _, a in html.elements]
        assert " ".join(study.title.split()) in html.shown()
        assert html.charts()[name] or set(config.study_suites(name)) <= {"order", "geometry"}
    specs = layout.figures(config)
    assert sorted(image["alt"] for image in html.images()) == sorted(spec.kind.alt for spec in specs)
    assert all(paths.figure(config, spec.name, "svg").is_file() for spec in specs)
    assert paths.failed_figures(config).read_text(encoding="utf-8") == ""
    made = {path for path in layout.files(config) if path.suffix not in (".pdf", ".png")}  # SVG alone is kept in git
    files = {str(path.relative_to(paths.results(config))) for path in made}
    linked = {attrs["href"] for _, attrs in html.elements if not attrs.get("href", "#").startswith("#")}
    assert {unquote(link) for link in linked} | {"report.html"} == files
    return html


# laptop is rendered of its committed scores in tests/test_reference_results.py; what objectives has, paper has too
@pytest.mark.parametrize("file", sorted((ROOT / "config").glob("[!lo]*.yaml")), ids=lambda file: file.stem)
def test_a_config_of_the_repository(file: Path) -> None:
    config = made_choices(file)
    tuned = [row for study in config.studies for row in config.rows(study) if row.untuned]
    assert len(tuned) == sum(len(config.trials(study)) for study in config.studies)
    assert build.write(config, made_results(config)) == {}
    opened(config)
    if config.name in ("smoke", "laptop"):
        assert paths.page(config).stat().st_size < 3e6  # bytes, with every figure in it


def test_the_study_of_the_documentation() -> None:
    study = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[0]
    smoke = yaml.safe_load((ROOT / "config" / "smoke.yaml").read_text(encoding="utf-8"))
    Path("mine.yaml").write_text(
        yaml.safe_dump(smoke | {"studies": yaml.safe_load(study), "claims": {}}), encoding="utf-8"
    )
    config = configs.load("mine.yaml")
    assert build.write(config, made_results(config)) == {}
    opened(config)
    assert [spec.name for spec in layout.figures(config)][:2] == [
        "sweep-batch_size-BERT-tiny",
        "forest-batch_size-BERT-tiny",
    ]


RANKING = "sentence_transformers.sentence_transformer.losses.MultipleNegativesRankingLoss"
ODD = {
    "dropout": {"dropout": [0, 0.1]},
    "max_length": {"max_length": [16, 32]},
    "temperature_noise": {"temperature": [0.05, 0.1], "noise": [0, 0.2]},
    "noise_from_above_0": {"noise": [0.1, 0.2]},
    "triplets": {"triplet_weight": [0.1, 0.01, 1.0], "triplet_margin": [0.0, 0.1]},
    "booleans": {"mask_nested": [True, False], "triplet_dropout": [False, True]},
    "lists": {"mask_ratios": [[0.2, 0.4], [0.3, 0.6]], "temperature": [0.05, 0.1]},
    "null": {"chunk_size": [None, 8], "max_steps": [None, 3]},
    "untrained": {"epochs": [0, 1]},
    "seeds": {"streams": [["head"], ["order", "dropout"]]},
    "objectives": {"objective": ["nt_xent", "arccon", "dcl", "symmetric", "joint", "focal"]},
    "theirs": {"objective": [RANKING], "arguments": [{"scale": 10}, {"scale": 20, "directions": ["query_to_doc"]}]},
    "three": {"temperature": [0.05, 0.1], "pooling": ["cls", "mean"], "learning_rate": [1e-5, 3e-5, 1e-2]},
    "one": {"margin": [15]},
    "too_many": {"batch_size": list(range(8, 31)), "pooling": ["cls", "mean"], "head": ["mlp", "none"]},
}


def test_odd_sweeps(tmp_path: Path) -> None:
    training = {"objective": "arccon", "triplet_weight": 0.1}
    studies = {name: {"sweep": sweep, "training": training, "seeds": [0, 1]} for name, sweep in ODD.items()}
    config = made_config(tmp_path, studies)
    assert build.write(config, made_results(config)) == {}
    opened(config)


def test_a_tuned_study_of_every_objective(tmp_path: Path) -> None:
    """The layout is that of before the choice, though every trial of one row diverged."""
    rows = {"untrained": {"epochs": 0}, **{name: {"objective": name} for name in sorted(OBJECTIVES)}}
    study = {"title": "All objectives, tuned", "tuning": made_tuned.STUDY["tuning"], "variants": rows}
    before = made_config(tmp_path, {"tuned": study}, seeds=[0, 1, 2])
    found = before.trials("tuned")
    gone = {run.id: 3 for trial in found["tiny", "vicreg"] for run in trial.runs}
    config, results = made_tuned.made_tuned(tmp_path, study, gone)
    files = layout.files(before)
    assert build.write(config, results) == {}
    html = opened(config)
    assert layout.files(config) == files
    assert "vicreg is not there as tuned in “All objectives, tuned”, since every trial diverged" in html.shown()
    assert "tuning changes align_uniform's STS average by" in html.shown()
    assert paths.page(config).stat().st_size < 4e6


def test_a_tuned_study_of_one_row_of_which_every_trial_diverged(tmp_path: Path) -> None:
    study = {"tuning": made_tuned.STUDY["tuning"], "variants": {"untrained": {"epochs": 0}, "SimCSE": {}}}
    before = made_config(tmp_path, {"tuned": study}, seeds=[0, 1, 2])
    gone = {run.id: 3 for run in before.trial_runs()}
    config, results = made_tuned.made_tuned(tmp_path, study, gone)
    assert build.write(config, results) == {}
    shown = Page(paths.page(config).read_text(encoding="utf-8")).shown()
    assert "This figure could not be drawn: Trainings of all trials of SimCSE diverged." in shown


def test_any_text_for_labels_and_titles(tmp_path: Path) -> None:
    labels = ["日本語", "_x", "$x$", "</script>", "a|b", "č", r"\input{x}", "🙂", "a b"]
    variants = {label: {"dropout": 0.1 + place / 100} for place, label in enumerate(labels[:8])}
    studies = {"main": {"title": f"{labels[-1]} 比較 <b>&", "variants": {"untrained": {"epochs": 0}} | variants}}
    config = made_config(tmp_path, studies)
    assert build.write(config, made_results(config)) == {}
    html = opened(config)
    assert all(label in html.shown() for label in labels[:8])


# ------------------------------------------------------------------------------------------ sweeps of anything


def floats(low: float, high: float) -> st.SearchStrategy:
    return st.floats(low, high, allow_subnormal=False) | st.sampled_from([low, high])


VALUES: dict[str, st.SearchStrategy] = {
    "objective": st.sampled_from(sorted(OBJECTIVES)),
    "arguments": st.dictionaries(st.sampled_from(["scale", "directions"]), floats(1, 10) | st.lists(st.text())),
    "temperature": floats(1e-3, 1e3),
    "triplet_weight": floats(1e-6, 1e3),
    "triplet_margin": floats(0, 2),
    "triplet_dropout": st.booleans(),
    "mask_ratios": st.tuples(floats(0.01, 0.49), floats(0.5, 0.99)).map(list),
    "mask_shape": st.sampled_from(["span", "scattered"]),
    "mask_nested": st.booleans(),
    "pooling": st.sampled_from(get_args(models.Pooling)),
    "head": st.sampled_from(["mlp", "kept", "none"]),
    "dropout": floats(0, 0.99),
    "batch_size": st.integers(2, 10**6),
    "learning_rate": floats(1e-9, 10),
    "weight_decay": floats(0, 10),
    "warmup_ratio": floats(0, 0.99),
    "max_grad_norm": floats(1e-3, 1e3),
    "epochs": st.integers(0, 100),
    "max_steps": st.none() | st.integers(1, 10**9),
    "max_length": st.integers(4, 512),
    "eval_every": st.integers(1, 10**6),
    "geometry_every": st.integers(1, 10**6),
    "precision": st.sampled_from(["fp32", "bf16"]),
    "noise": floats(0, 1),
    "streams": st.lists(st.sampled_from(STREAMS), min_size=1, unique=True),
    "chunk_size": st.none() | st.integers(1, 10**6),
    "whitening": st.booleans(),
}
VALUES |= {
    key: floats(*tried.ends) if tried.ends else st.sampled_from(tried.choices)
    for key, tried in ((key, declared.setting.range) for key, declared in SETTINGS.items())
}

sweeps = st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=3, unique=True).flatmap(
    lambda keys: st.fixed_dictionaries({key: st.lists(VALUES[key], min_size=1, max_size=4) for key in keys})
)


def test_every_hyperparameter_is_swept_here() -> None:
    assert set(VALUES) == set(Hyperparameters.model_fields)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sweep=sweeps, seeds=st.integers(1, 2))
def test_a_sweep_of_anything(sweep: dict, seeds: int) -> None:
    takers = (
        name for name in ("arccon", *OBJECTIVES) if set(sweep) & set(SETTINGS) <= set(OBJECTIVES[name].settings)
    )
    objective = next(takers, None)
    assume(objective)  # settings of two objectives have no effect together
    study = {
        "sweep": sweep,
        "seeds": list(range(seeds)),
        "training": {"objective": objective, "triplet_weight": 0.1},
    }
    with tempfile.TemporaryDirectory() as folder, chdir(folder), patch.object(drawing, "save", draw_only):
        try:
            config = made_config(Path(folder), {"study": study})
        except InputError:  # two points that are the same variant
            assume(False)
        assert build.write(config, made_results(config)) == {}
        opened(config)


def draw_only(figure, stem: Path) -> list[Path]:
    """Draw the figure, and write an empty file in its place."""
    figure.canvas.draw()
    path = stem.with_name(f"{stem.name}.svg")
    path.parent.mkdir(exist_ok=True)
    path.write_text("<svg/>")
    return [path]
