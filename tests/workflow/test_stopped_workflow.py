"""A study that stops when it is decided, through Snakemake: looks, and the seeds that they ask for."""

import json
import shutil
from pathlib import Path

import pandas as pd
import tiny
from snakemake_runs import base_config, carry_out, planned, write_config

STUDY = {
    "title": "As many seeds as it takes",
    "seeds": {"from": 3, "to": 4, "stop": "decided"},
    # The same training, watched less: on every machine the difference is 0, which no number of seeds decides.
    "variants": {"SimCSE": {}, "watched less": {"geometry_every": 2}},
}
CONTENT = base_config() | {"claims": {}, "studies": {"growing": STUDY}}
DECIDED = CONTENT | {"equivalence": 200.0}  # whatever is found is equivalent


def trained(folder: Path) -> set[int]:
    return {run["seed"] for run in json.loads((folder / "results" / "tiny" / "runs.json").read_text()).values()}


def verdicts(folder: Path) -> str:
    return (folder / "results" / "tiny" / "tables" / "growing.md").read_text()


def test_a_study_has_seeds_until_it_is_decided(tmp_path):
    tiny.save_bert(tmp_path / "bert")
    (tmp_path / "corpus.txt").write_text("\n".join(tiny.sentences(40)) + "\n")
    config, results = write_config(tmp_path, DECIDED), tmp_path / "results" / "tiny"
    assert planned(tmp_path, config)["look"] == 1
    carry_out(tmp_path, config)
    assert trained(tmp_path) == {0, 1, 2}
    assert json.loads((results / "looks" / "1.json").read_text())["growing"]["undecided"] == []
    assert "equivalent (look 1 of 2)" in verdicts(tmp_path)
    assert planned(tmp_path, config) == {}
    clone = Path(shutil.copytree(tmp_path, tmp_path / "clone"))
    for name in (".snakemake", *(f"results/tiny/{part}" for part in ("runs", "data", "logs", "benchmarks", "state"))):
        shutil.rmtree(clone / name)
    assert {"corpus", "train", "look", "evaluate", "gather"}.isdisjoint(planned(clone, str(clone / "config.yaml")))

    before = pd.read_csv(results / "scores.csv", dtype=str)
    (results / "looks" / "1.json").unlink()
    config = write_config(tmp_path, CONTENT)
    jobs = planned(tmp_path, config)
    assert (jobs["look"], "train" in jobs) == (1, False)
    carry_out(tmp_path, config)
    assert json.loads((results / "looks" / "1.json").read_text())["growing"]["undecided"] == [
        "watched less − SimCSE, tiny, sts"
    ]
    assert trained(tmp_path) == {0, 1, 2, 3}
    after = pd.read_csv(results / "scores.csv", dtype=str)
    assert len(after) == len(before) * 4 / 3
    assert after.merge(before).equals(before.merge(after))  # those of before are among them as they were
    assert "undecided (look 2 of 2)" in verdicts(tmp_path)
    assert planned(tmp_path, config) == {}
