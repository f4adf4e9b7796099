"""From gathered results to what tables, figures and the page are given."""

import numpy as np
import pandas as pd
import pytest
import yaml
from families import MINILM

from arccse import config as configs
from arccse.records import PAIRS as PAIR_COLUMNS
from arccse.report import build, layout
from arccse.results import Results

TASKS = ("LEE", "STS12")
PAIRS = 30  # a task; a bootstrap of a few could draw one of them alone


@pytest.fixture
def config(tmp_path):
    content = {
        "encoders": {"tiny": {"model": MINILM}},
        "corpus": "package:gensim",
        "data": "package:gensim",
        "suites": ["sts"],
        "seeds": [0, 1],
        "studies": {
            "main": {"title": "Main", "variants": {"untrained": {"epochs": 0}, "SimCSE": {}}},
            "temperature": {
                "title": "Temperature and margin",
                "seeds": [1],
                "training": {"objective": "arccon"},
                "sweep": {"temperature": [0.05, 0.1], "margin": [0, 10]},
            },
        },
    }
    (tmp_path / "made.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    return configs.load(tmp_path / "made.yaml")


@pytest.fixture
def results(config):
    """Scores 10 × the run's place + its seed on LEE and 2 more on STS12; a history and PAIRS pairs a task."""
    scores, histories, records = [], [], {}
    pairs = pd.DataFrame(
        {"task": np.repeat(TASKS, PAIRS), "subset": "all", "index": [*range(PAIRS)] * 2, "score": [*range(PAIRS)] * 2}
    )
    for place, (name, run) in enumerate(config.runs().items()):
        hash8 = run.variant.hash
        for more, task in enumerate(TASKS):
            value = 10 * place + run.seed + 2 * more
            scores.append((run.variant.name, hash8, run.seed, "sts", task, "spearman_all", value, 2))
        histories.append({"hash": hash8, "seed": run.seed, "step": 0, "dev_spearman": 10.0 * place})
        pairs[f"{hash8}/seed{run.seed}"] = np.float32(place + 0.5 * pairs["index"])
        records[name] = {"started": f"2026-01-0{place + 1}T10:00:00+0000"}
    columns = ["variant", "hash", "seed", "suite", "task", "metric", "value", "n"]
    return Results(pd.DataFrame(scores, columns=columns), pd.DataFrame(histories), pairs, records)


def spec_of(config, kind, study):
    (found,) = [spec for spec in layout.figures(config) if (spec.kind, spec.study) == (kind, study)]
    return found


def test_a_view_has_the_days_and_seeds_of_its_own_runs(config, results):
    view = build.study_view(config, "main", results)
    assert view.date == "2026-01-01 to 2026-01-03"
    assert [(row.label, row.seeds, row.untrained) for row in view.rows] == [
        ("untrained", [0], True),
        ("SimCSE", [0, 1], False),
    ]


def test_pairs_become_a_line_a_pair_and_run(config, results):
    simcse = config.rows("main")[1].variant.hash
    long = build.long_pairs(results.pairs, {(simcse, 0), (simcse, 1), ("elsewhere", 0)})
    assert list(long.columns) == [*PAIR_COLUMNS, "hash", "seed", "cosine"]
    lee = long.loc[long["task"] == "LEE", ["seed", "index", "cosine"]]
    assert lee.to_numpy().tolist() == [[seed, i, 1 + seed + i / 2] for seed in (0, 1) for i in range(PAIRS)]
    assert build.long_pairs(results.pairs, {("elsewhere", 0)}) is None


def test_the_two_level_bootstrap_is_for_studies_with_the_configs_own_seeds(config, results):
    def bootstrapped(study):
        view = build.study_view(config, study, results)
        return build.comparisons_of(config, view, results)["two_level_low"].notna().any()

    assert bootstrapped("main")
    assert not bootstrapped("temperature")


def test_points_are_averages_over_tasks_a_run_each(config, results):
    found = build.points(spec_of(config, "forest", "main"), results)
    # the average of LEE and of STS12, which is 2 above it
    assert list(zip(found["label"], found["seed"], found["value"], strict=True)) == [
        ("untrained", 0, 1.0),
        ("SimCSE", 0, 11.0),
        ("SimCSE", 1, 22.0),
    ]


def test_a_sweep_has_its_last_key_on_the_axis_and_the_others_in_the_labels(config, results):
    frame, x, axis = build.swept(spec_of(config, "sweep", "temperature"), config, results)
    assert (x, axis) == ("margin", build.AXES["margin"])
    assert frame[["label", "margin"]].to_numpy().tolist() == [
        ["temperature 0.05", 0.0],
        ["temperature 0.05", 10.0],
        ["temperature 0.1", 0.0],
        ["temperature 0.1", 10.0],
    ]


def test_histories_are_those_of_the_trained_rows(config, results):
    found = build.histories(spec_of(config, "dev_scores", "main"), results)
    assert found[["label", "seed", "dev_spearman"]].to_numpy().tolist() == [["SimCSE", 0, 10.0], ["SimCSE", 1, 20.0]]


def test_every_kind_of_figure_has_a_description():
    kinds = {"alignment_uniformity", "dev_scores", "cosine_by_score", "forest", "sweep", "mask_ratio_map"}
    kinds |= {"noise_decline", "interaction", "masked_share", "decision_boundaries", "positive_logit"}
    assert kinds == set(build.DESCRIPTIONS)
