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
from arccse import results
from arccse.report import layout
from arccse.report.blocks import difference, interval
from arccse.standings import standings

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


@pytest.fixture
def gathered(config, monkeypatch):
    """The committed scores, histories, pairs and records of the runs."""
    monkeypatch.chdir(ROOT)
    return results.load(config)


def test_what_is_committed_is_the_report_and_what_it_is_made_of(config):
    listed = subprocess.run(["git", "ls-files", COMMITTED], cwd=ROOT, capture_output=True, text=True, check=True)
    wanted = [*layout.gathered(config), *layout.files(config)]
    assert set(listed.stdout.split()) == {str(path) for path in wanted}
    assert sum((ROOT / path).stat().st_size for path in wanted) < 20e6


def test_the_committed_runs_are_done_and_the_present_codes(config, monkeypatch):
    """Otherwise they are to be made again or, where the numbers are the same, accepted: see CONTRIBUTING.md."""
    monkeypatch.chdir(ROOT)
    found = standings(config).values()
    assert not [one.run.id for one in found if one.to_train or one.missing]
    assert {one.run.id: one.other_code for one in found if one.other_code} == {}
    for one in found:
        assert one.record is not None
        assert one.record["code"]["digest"], "what made it is recorded, whatever was accepted since"
        assert all(said["code"]["digest"] and said["values"] for said in one.gathered.values())
        assert all(len(entry["why"]) > 20 for entry in one.record.get("accepted", []))


def test_every_committed_table_follows_from_the_committed_scores(rendered):
    tables = sorted(path.name for path in (COMMITTED / "tables").iterdir())
    assert tables == sorted(path.name for path in (rendered / "tables").iterdir())
    for name in tables:
        ours, again = COMMITTED / "tables" / name, rendered / "tables" / name
        if name.endswith(".csv"):  # other CPUs may round the sixth decimal otherwise
            pd.testing.assert_frame_equal(pd.read_csv(ours), pd.read_csv(again), rtol=0, atol=1e-5)
        else:
            assert ours.read_text(encoding="utf-8") == again.read_text(encoding="utf-8"), name


def test_the_tables_means_are_those_of_the_scores(config, gathered):
    """Without any code of the report's."""
    scores = gathered.scores
    for study in config.studies:
        table = pd.read_csv(COMMITTED / "tables" / f"{study}.csv", dtype={"hash": str})
        table = table[(table["origin"] == "measured") & (table["task"] != "Avg")]
        seeds = {row.variant.hash: [run.seed for run in row.runs] for row in config.rows(study)}
        for line in table.itertuples():
            own = scores[(scores["hash"] == line.hash) & (scores["suite"] == line.suite)]
            if line.suite in ("order", "geometry"):  # one task, whose metrics are the columns
                own = own[own["metric"] == line.task]
            else:
                metric = {"mteb": "cosine_spearman", "transfer": "accuracy"}.get(line.suite, "spearman_all")
                own = own[(own["metric"] == metric) & (own["task"] == line.task)]
            values = own[own["seed"].isin(seeds[line.hash])]["value"]
            assert len(values) == line.n_seeds
            assert line.mean == pytest.approx(values.mean(), abs=1e-5)
            assert np.isnan(line.sd) if line.n_seeds == 1 else line.sd == pytest.approx(values.std(), abs=1e-5)


def test_the_committed_page_has_what_is_found_in_the_scores(rendered):
    def findings(page):
        return re.search(r'<section[^>]*id="findings".*?</section>', page.read_text(encoding="utf-8"), re.DOTALL)[0]

    assert findings(COMMITTED / "report.html") == findings(rendered / "report.html")


def test_runs_are_of_a_committed_state_and_of_the_seeds_that_are_asked_for(config, gathered):
    assert set(gathered.runs) == set(config.runs())
    for record in gathered.runs.values():
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
    ("study", "suite", "kind", "label", "task"),
    [
        ("main", "sts", "pair", "ArcCSE", "Avg"),
        ("main", "geometry", "pair", "ArcCSE", "alignment"),
        ("main", "geometry", "pair", "ArcCSE", "uniformity"),
        ("objective", "sts", "effect", "ArcCon (main effect)", "Avg"),
        ("objective", "sts", "effect", "the triplet objective (main effect)", "Avg"),
        ("order", "order", "effect", "the triplet objective (main effect)", "ordered_all"),
        ("temperature", "sts", "margin", "temperature=0.03, margin=10", "Avg"),
        ("temperature", "sts", "margin", "temperature=0.1, margin=10", "Avg"),
        ("triplet_weight", "sts", "pair", "weight 1, margin 0.1", "Avg"),
        ("noise", "sts", "decline", "objective=arccon, noise=0.4", "Avg"),
        ("main", "sts-mean", "pair", "ArcCSE", "Avg"),
        ("transfer", "transfer", "pair", "ArcCSE", "Avg"),
    ],
)
def test_the_readmes_differences_are_the_committed_ones(study, suite, kind, label, task):
    table = pd.read_csv(COMMITTED / "tables" / f"{study}-comparisons.csv")
    chosen = table.query("suite == @suite and kind == @kind and label == @label and task == @task")
    (line,) = chosen.to_dict("records")
    words = " ".join(shown_results().split())
    assert difference(line["difference"], line["low"], line["high"]).removeprefix("+") in words
    assert interval(line["low"], line["high"]) in words


@pytest.mark.parametrize(
    ("study", "method", "task", "decimals"),
    [
        ("main", "SimCSE", "alignment", 2),
        ("main", "ArcCSE", "alignment", 2),
        ("order", "NT-Xent", "ordered_all", 1),
        ("order", "NT-Xent", "ordered_20_40", 1),
    ],
)
def test_the_readmes_means_are_the_committed_ones(study, method, task, decimals):
    table = pd.read_csv(COMMITTED / "tables" / f"{study}.csv")
    (mean,) = table.query("method == @method and task == @task and origin == 'measured'")["mean"]
    assert f"{mean:.{decimals}f}" in shown_results()


def test_the_geometry_scores_are_what_the_trainings_logged_at_the_selected_step(config, gathered):
    steps = gathered.histories.set_index(["hash", "seed", "step"])
    geometry = gathered.scores[gathered.scores["suite"] == "geometry"]
    assert len(geometry) == 2 * sum(len(row.runs) for row in config.rows("main"))
    for score in geometry.itertuples():
        (run,) = (run for run in gathered.runs if run.endswith(f"{score.hash}/seed{score.seed}"))
        logged = steps.loc[score.hash, score.seed, gathered.runs[run]["selected_step"]]
        assert score.value == pytest.approx(100 * logged[score.metric], rel=1e-4)
