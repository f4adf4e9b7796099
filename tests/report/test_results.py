"""Gathering: what a config's runs left, in four files, and what stops it."""

import json

import numpy as np
import pandas as pd
import pytest
import yaml
from families import MINILM

from arccse import config as configs
from arccse import paths
from arccse.errors import InputError
from arccse.evaluation.scores import Score, write_scores
from arccse.report import results

RATED = pd.DataFrame({"task": "LEE", "subset": "lee", "index": [0, 1, 2], "score": [1.0, 3.0, 5.0]})


@pytest.fixture
def config(tmp_path, monkeypatch):
    """A config of two variants with two seeds, of which every run is there: `sts` of both, `order` of one."""
    monkeypatch.chdir(tmp_path)
    content = {
        "encoders": {"tiny": {"model": MINILM}},
        "corpus": "package:gensim",
        "data": "package:gensim",
        "suites": ["sts"],
        "seeds": [3, 4],
        "studies": {
            "main": {"title": "Main", "variants": {"SimCSE": {}, "ArcCSE": {"objective": "arccon"}}},
            "order": {"title": "Order", "suites": ["order"], "variants": {"SimCSE": {}}},
        },
    }
    (tmp_path / "made.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    config = configs.load(tmp_path / "made.yaml")
    for place, run in enumerate(config.runs().values()):
        leave(config, run, place)
    return config


def leave(config, run, place):
    """Files such as a run leaves: its cosines are its place and tenths of the pair's."""
    folder = paths.run_folder(config, run.id)
    for suite in config.suites_of(run.id):
        (folder / suite).mkdir(parents=True)
        metric = "spearman_all" if suite == "sts" else "ordered_all"
        write_scores([Score(suite, "LEE", metric, 50.0 + place, 3)], folder / suite / "scores.csv")
    RATED.assign(cosine=place + RATED["index"] / 10).to_parquet(folder / "sts" / "pairs.parquet")
    pd.DataFrame({"step": [0, 2], "loss": [np.nan, 0.5]}).to_csv(folder / "history.csv", index=False)
    (folder / "run.json").write_text(json.dumps({"run": run.id, "seed": run.seed}))


def test_what_is_gathered_is_what_the_runs_left(config):
    results.gather(config)
    found, (simcse, arccse) = results.load(config), config.rows("main")
    assert list(found.runs) == list(config.runs()) == [run.id for row in (simcse, arccse) for run in row.runs]
    keyed = found.scores.set_index(["hash", "seed", "suite"])["value"].to_dict()
    assert keyed == {
        (simcse.variant.hash, 3, "sts"): 50.0,
        (simcse.variant.hash, 3, "order"): 50.0,
        (simcse.variant.hash, 4, "sts"): 51.0,
        (simcse.variant.hash, 4, "order"): 51.0,
        (arccse.variant.hash, 3, "sts"): 52.0,
        (arccse.variant.hash, 4, "sts"): 53.0,
    }
    history = found.histories[(found.histories["hash"] == arccse.variant.hash) & (found.histories["seed"] == 4)]
    assert history["step"].tolist() == [0, 2]
    assert history["loss"].isna().tolist() == [True, False]
    assert found.pairs[results.PAIR_COLUMNS].equals(RATED)
    assert found.pairs[f"{arccse.variant.hash}/seed4"].to_numpy() == pytest.approx([3.0, 3.1, 3.2])
    assert found.pairs.shape == (3, 4 + 4)


def test_a_missing_file_names_the_run_and_leaves_nothing(config):
    run = list(config.runs())[-1]
    (paths.run_folder(config, run) / "history.csv").unlink()
    with pytest.raises(InputError, match=rf"{run} has not been trained"):
        results.gather(config)
    assert not paths.scores(config).exists()


def test_runs_must_have_been_scored_on_the_same_pairs(config):
    first, *_, last = config.runs()
    pairs = RATED.assign(cosine=0.0, score=[1.0, 3.0, 4.0])
    pairs.to_parquet(paths.run_folder(config, last) / "sts" / "pairs.parquet")
    with pytest.raises(InputError, match=rf"{last} was scored on other pairs than {first}"):
        results.gather(config)


def test_gathered_files_of_before_a_study_grew(config):
    results.gather(config)
    more = config.model_copy(update={"seeds": [3, 4, 5]})
    with pytest.raises(InputError, match=r"has no run simcse-\w+/seed5; gather"):
        results.load(more)


def test_without_sts_there_are_no_pairs(config):
    content = config.model_copy(update={"studies": {"order": config.studies["order"]}})
    results.gather(content)
    assert results.load(content).pairs is None
