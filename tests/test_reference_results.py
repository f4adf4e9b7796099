"""The committed results: whole, small, and no number that their scores don't give."""

import re
import shutil
import subprocess

import numpy as np
import pages
import pandas as pd
import pytest
from commands import arccse
from scipy.stats import ttest_1samp
from told import README, ROOT

from arccse import config as configs
from arccse import paths, results
from arccse.finished import part_of
from arccse.report import layout
from arccse.report.figures import drawing
from arccse.standings import standings

BYTES = {"laptop": 13e6, "objectives": 30e6}  # config → the most that its committed results may take
LAPTOP = pytest.mark.parametrize("config", ["laptop"], indirect=True)


@pytest.fixture(scope="module", params=list(BYTES))
def config(request):
    """A config whose results are committed, as far as it is finished."""
    loaded = configs.load(ROOT / "config" / f"{request.param}.yaml")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return part_of(loaded, results.Gathered(loaded).runs)


def sources(config):
    """The files that a report is made of."""
    return [*layout.gathered(config), *([paths.chosen(config)] if config.trial_runs() else [])]


@pytest.fixture(scope="module")
def committed(config):
    return ROOT / "results" / config.name


@pytest.fixture(scope="module")
def rendered(config, tmp_path_factory):
    """A folder with nothing but the gathered files, of which `arccse report` has made everything again.

    But for figures, which are there in one format of three.
    """
    folder = tmp_path_factory.mktemp("reference")
    for path in sources(config):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, folder / path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing, "UNDATED", {"svg": {"Date": None}})
        done = arccse("report", "--finished", "--config", ROOT / "config" / f"{config.name}.yaml", folder=folder)
    assert done.returncode == 0, done.stderr
    return folder / "results" / config.name


@pytest.fixture
def gathered(config, monkeypatch):
    """The committed scores, histories, pairs and records of the runs."""
    monkeypatch.chdir(ROOT)
    return results.load(config)


def test_what_is_committed_is_the_report_and_what_it_is_made_of(config, committed):
    listed = subprocess.run(["git", "ls-files", committed], cwd=ROOT, capture_output=True, text=True, check=True)
    made = [path for path in layout.files(config) if path.suffix not in (".pdf", ".png")]  # the page has SVGs
    wanted = [*sources(config), *made]
    assert set(listed.stdout.split()) == {str(path) for path in wanted}
    assert sum((ROOT / path).stat().st_size for path in wanted) < BYTES[config.name]


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


def test_every_committed_table_follows_from_the_committed_scores(rendered, committed):
    tables = sorted(path.name for path in (committed / "tables").iterdir())
    assert tables == sorted(path.name for path in (rendered / "tables").iterdir())
    for name in tables:
        ours, again = committed / "tables" / name, rendered / "tables" / name
        if name.endswith(".csv"):  # other CPUs may round the sixth decimal otherwise
            pd.testing.assert_frame_equal(pd.read_csv(ours), pd.read_csv(again), rtol=0, atol=1e-5)
        else:
            assert ours.read_text(encoding="utf-8") == again.read_text(encoding="utf-8"), name


def test_the_tables_means_are_those_of_the_scores(config, committed, gathered):
    """Without any code of the report's."""
    scores = gathered.scores
    for study in config.studies:
        table = pd.read_csv(committed / "tables" / f"{study}.csv", dtype={"hash": str})
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


def test_the_committed_page_has_what_is_found_in_the_scores(rendered, committed):
    def sections(page):
        text = page.read_text(encoding="utf-8")
        return re.findall(
            r'<section id="claims">.*?</section>|<details class="findings".*?</details>', text, re.DOTALL
        )

    ours = sections(committed / "report.html")
    assert len(ours) > 5
    assert ours == sections(rendered / "report.html")


def test_runs_are_of_a_committed_state_and_of_the_seeds_that_are_asked_for(config, gathered):
    assert set(gathered.runs) == set(config.runs())
    for record in gathered.runs.values():
        assert re.fullmatch(r"[0-9a-f]{40}", record["git_commit"]), "trained on uncommitted code"


@LAPTOP
def test_the_tutorial_of_a_reviewer_runs_on_them(rendered, committed):
    page = ROOT / "docs" / "tutorials" / "claim.md"
    folder = rendered.parents[1]
    shutil.copytree(ROOT / "config", folder / "config")
    (language, command), *blocks = pages.blocks(page)
    assert (language, command) == ("sh", "arccse report --config config/laptop.yaml\n")  # as `rendered` was made
    by_hand, looks, _, code = (pages.run(block, folder) for block in blocks)
    line = pd.read_csv(committed / "tables" / "claims.csv").set_index("claim").loc["gain"]
    interval = f"{line['low']:.2f} to {line['high']:.2f}"
    assert f"{line['difference']:+.2f} ({interval}) over {line['n']} seeds, one of {line['comparisons']}" in by_hand
    assert f"*{line['verdict']}, {line['difference']:+.2f}, {interval}, n {line['n']}*" in page.read_text()
    assert "transfer [5, 6]" in looks
    assert "0 of 77 runs were made by other code" in code


@LAPTOP
def test_what_the_readme_says_of_noise_and_transfer(config, gathered):
    def averages(study, label, suite, metric, task=None):
        row = next(row for row in config.rows(study) if row.label == label)
        own = gathered.scores[(gathered.scores["hash"] == row.variant.hash) & (gathered.scores["suite"] == suite)]
        own = own[(own["metric"] == metric) & own["seed"].isin([run.seed for run in row.runs])]
        return (own[own["task"] == task] if task else own).groupby("seed")["value"].mean()

    labels = "objective=nt_xent, noise=0.4", "objective=nt_xent, noise=0.0"
    noisy, clean = (averages("noise", label, "sts", "spearman_all") for label in labels)
    half = ttest_1samp(noisy - clean, 0).confidence_interval().high - (noisy - clean).mean()
    assert f"{(noisy - clean).mean():+.2f} ± {half:.2f}" in README
    noisy, clean = (averages("noise", label, "sts", "spearman_all", "STSB") for label in labels)
    assert (noisy < clean).all()
    untrained, arccse = (averages("transfer", label, "transfer", "accuracy") for label in ("untrained", "ArcCSE"))
    lead = untrained.iloc[0] - arccse
    assert f"{lead.mean():.2f} above ArcCSE: undecided" in README
    assert ttest_1samp(lead, 0).confidence_interval().low < 0


@LAPTOP
def test_the_geometry_scores_are_what_the_trainings_logged_at_the_selected_step(config, gathered):
    steps = gathered.histories.set_index(["hash", "seed", "step"])
    geometry = gathered.scores[gathered.scores["suite"] == "geometry"]
    assert len(geometry) == 2 * sum(len(row.runs) for row in config.rows("main"))
    for score in geometry.itertuples():
        (run,) = (run for run in gathered.runs if run.endswith(f"{score.hash}/seed{score.seed}"))
        logged = steps.loc[score.hash, score.seed, gathered.runs[run]["selected_step"]]
        assert score.value == pytest.approx(100 * logged[score.metric], rel=1e-4)
