"""The committed results of config/laptop.yaml: whole, small, and no number that their scores don't give."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from arccse import config as configs
from arccse.report import layout, results
from arccse.report.blocks import difference, interval

ROOT = Path(__file__).parents[1]
COMMITTED = ROOT / "results" / "laptop"
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def config():
    return configs.load(ROOT / "config" / "laptop.yaml")


@pytest.fixture(scope="module")
def rendered(config, tmp_path_factory):
    """A folder with nothing but the gathered files, of which `arccse report` has made everything again."""
    folder = tmp_path_factory.mktemp("reference")
    for path in layout.gathered(config):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, folder / path)
    command = [Path(sys.executable).parent / "arccse", "report", "--config", ROOT / "config" / "laptop.yaml"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "results" / "laptop"


def committed(config):
    return [*layout.gathered(config), *layout.files(config)]


def test_what_is_committed_is_the_report_and_what_it_is_made_of(config):
    listed = subprocess.run(["git", "ls-files", COMMITTED], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(listed.stdout.split()) == {str(path) for path in committed(config)}
    assert sum((ROOT / path).stat().st_size for path in committed(config)) < 20e6


def test_every_committed_table_follows_from_the_committed_scores(rendered):
    tables = sorted(path.name for path in (COMMITTED / "tables").iterdir())
    assert tables == sorted(path.name for path in (rendered / "tables").iterdir())
    for name in tables:
        ours, again = COMMITTED / "tables" / name, rendered / "tables" / name
        if name.endswith(".csv"):  # other CPUs may round the sixth decimal otherwise
            pd.testing.assert_frame_equal(pd.read_csv(ours), pd.read_csv(again), rtol=0, atol=1e-5)
        else:
            assert ours.read_text(encoding="utf-8") == again.read_text(encoding="utf-8"), name


def test_the_tables_means_are_those_of_the_scores(config, monkeypatch):
    """Without any code of the report's."""
    monkeypatch.chdir(ROOT)
    scores = results.load(config).scores
    for study in config.studies:
        table = pd.read_csv(COMMITTED / "tables" / f"{study}.csv", dtype={"hash": str})
        table = table[(table["origin"] == "measured") & (table["suite"] != "order") & (table["task"] != "Avg")]
        seeds = {row.variant.hash: [run.seed for run in row.runs] for row in config.rows(study)}
        for line in table.itertuples():
            metric = {"mteb": "cosine_spearman", "transfer": "accuracy"}.get(line.suite, "spearman_all")
            own = scores[
                (scores["hash"] == line.hash) & (scores["suite"] == line.suite) & (scores["metric"] == metric)
            ]
            values = own[(own["task"] == line.task) & own["seed"].isin(seeds[line.hash])]["value"]
            assert len(values) == line.n_seeds
            assert line.mean == pytest.approx(values.mean(), abs=1e-5)
            assert np.isnan(line.sd) if line.n_seeds == 1 else line.sd == pytest.approx(values.std(), abs=1e-5)


def test_the_committed_page_has_what_is_found_in_the_scores(rendered):
    def findings(page):
        return re.search(r'<section[^>]*id="findings".*?</section>', page.read_text(encoding="utf-8"), re.DOTALL)[0]

    assert findings(COMMITTED / "report.html") == findings(rendered / "report.html")


def test_runs_are_of_a_committed_state_and_of_the_seeds_that_are_asked_for(config, monkeypatch):
    monkeypatch.chdir(ROOT)
    records = results.load(config).runs
    assert set(records) == set(config.runs())
    for record in records.values():
        assert re.fullmatch(r"[0-9a-f]{40}", record["git_commit"]), "trained on uncommitted code"


def shown_results():
    return README[README.index("## Results") :].partition("\n## ")[0]


def test_the_readmes_table_and_figures_are_the_committed_ones():
    def rows(text):
        lines = [line for line in text.splitlines() if line.startswith("| ")]
        return {tuple(cell.strip() for cell in line.split("|")) for line in lines}

    shown = {row for row in rows(shown_results()) if re.search(r"\d\.\d\d( ±|†)", "".join(row))}
    assert len(shown) == 3
    assert shown <= rows((COMMITTED / "tables" / "main.md").read_text(encoding="utf-8"))
    figures = re.findall(r"!\[[^\]]+\]\((results/laptop/figures/[^)]+)\)", shown_results())
    assert len(figures) == 2
    assert all((ROOT / figure).is_file() for figure in figures)


@pytest.mark.parametrize(
    ("study", "kind", "label", "task"),
    [
        ("main", "pair", "ArcCSE", "Avg"),
        ("objective", "effect", "ArcCon (main effect)", "Avg"),
        ("objective", "effect", "the triplet objective (main effect)", "Avg"),
        ("order", "effect", "the triplet objective (main effect)", "ordered_all"),
    ],
)
def test_the_readmes_differences_are_the_committed_ones(study, kind, label, task):
    table = pd.read_csv(COMMITTED / "tables" / f"{study}-comparisons.csv")
    (line,) = table.query("kind == @kind and label == @label and task == @task and suite != 'mteb'").to_dict(
        "records"
    )
    words = " ".join(shown_results().split())
    assert difference(line["difference"], line["low"], line["high"]).removeprefix("+") in words
    assert interval(line["low"], line["high"]) in words


def test_the_readmes_alignment_and_uniformity_are_the_committed_ones(config, monkeypatch):
    monkeypatch.chdir(ROOT)
    histories, words = results.load(config).histories, " ".join(shown_results().split())
    ends = []
    for row in config.rows("main")[1:]:
        own = histories[(histories["hash"] == row.variant.hash) & (histories["step"] == histories["step"].max())]
        ends.append(own[own["seed"].isin([run.seed for run in row.runs])][["alignment", "uniformity"]].mean())
    simcse, arccse = ends
    assert f"from {simcse['alignment']:.3f} (SimCSE) to {arccse['alignment']:.3f} (ArcCSE)" in words
    assert f"from {simcse['uniformity']:.2f} to {arccse['uniformity']:.2f}".replace("-", "−") in words
