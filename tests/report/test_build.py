"""From gathered results to a report: views and comparisons, what a failure costs, what a diverged run costs."""

import shutil
from dataclasses import replace

import pandas as pd
import pytest
from html_page import Page
from made_configs import made_config
from made_results import made_results
from made_runs import leave_all

from arccse import cli, paths
from arccse.errors import InputError
from arccse.gathering import gather
from arccse.report import build, charts, layout
from arccse.report.figures import drawing, studies, training

STUDIES = {
    "main": {"variants": {"untrained": {"epochs": 0}, "SimCSE": {}, "ArcCSE": {"objective": "arccon"}}},
    "margin": {"seeds": [1], "training": {"objective": "arccon"}, "sweep": {"margin": [5, 15, 25]}},
}


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(drawing, "UNDATED", {"svg": {"Date": None}})  # one format of three
    return made_config(tmp_path, STUDIES)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    """A folder in which the report has been written, and what was said to have failed."""
    folder = tmp_path_factory.mktemp("rendered")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(drawing, "UNDATED", {"svg": {"Date": None}})
        made = made_config(folder, STUDIES)
        return folder, build.write(made, made_results(made))


@pytest.fixture
def before(config, rendered):
    """The files of a report that is there already, as bytes."""
    folder, _ = rendered
    shutil.copytree(folder / "results", "results")
    return whole(config)


def whole(config):
    """The report's files, as bytes."""
    folder = paths.results(config)
    files = [path for part in ("tables", "figures") for path in sorted((folder / part).iterdir())]
    return {str(path.relative_to(folder)): path.read_bytes() for path in [*files, paths.page(config)]}


def read_page(config):
    return Page(paths.page(config).read_text(encoding="utf-8"))


def test_a_view_has_the_days_and_seeds_of_its_own_runs(config):
    made = made_results(config)
    first, *_ = made.runs.values()
    first["started"] = "2026-01-01T23:00:00+0000"
    view = build.study_view(config, "main", made)
    assert view.date == "2026-01-01 to 2026-01-02"
    assert [(row.label, row.seeds, row.untrained) for row in view.rows] == [
        ("untrained", [0], True),
        ("SimCSE", [0, 1], False),
        ("ArcCSE", [0, 1], False),
    ]
    assert build.study_view(config, "margin", made).date == "2026-01-02"


def test_a_view_knows_the_looks_and_what_does_not_matter(config):
    looks = [{"date": "2026-01-02", "seeds": [1], "claims": [digest]} for digest in ("a", "b", "c")]
    made = replace(made_results(config), looks={"main": looks})
    found = build.study_view(config.model_copy(update={"equivalence": 0.2}), "main", made)
    assert (found.looks, found.planned, found.equivalence) == (3, {"a"}, 0.2)
    assert build.study_view(config, "margin", made).looks == 1


# ---------------------------------------------------------------------------------------------------- failures


def test_nothing_fails_and_every_file_is_there(config, rendered, before):
    _, failed = rendered
    assert failed == {}
    assert paths.failed_figures(config).read_text() == ""
    assert set(before) == {
        str(path.relative_to(paths.results(config)))
        for path in layout.files(config)
        if path.suffix not in (".pdf", ".png")
    }


def test_a_figure_that_fails_costs_only_itself(config, before, monkeypatch, capsys):
    def fail(*_):
        raise KeyError("margin")

    monkeypatch.setattr(studies, "sweep", fail)
    monkeypatch.setattr(training, "dev_scores", fail)
    failed = build.write(config, made_results(config))
    assert failed == dict.fromkeys(["dev_scores-main-tiny", "sweep-margin-tiny"], "KeyError: 'margin'")
    assert paths.failed_figures(config).read_text() == (
        "dev_scores-main-tiny: KeyError: 'margin'\nsweep-margin-tiny: KeyError: 'margin'\n"
    )
    assert capsys.readouterr().err.count("Traceback") == 2  # an error in the program is not hidden
    after = whole(config)
    drawings = {f"figures/{name}.svg" for name in failed}
    assert {name for name in before if before[name] != after[name]} == {*drawings, "report.html"}
    assert after[min(drawings)] == after[max(drawings)]  # the same placeholder
    page = read_page(config)
    assert page.shown().count("could not be drawn: KeyError: 'margin'") == 2
    assert len(page.images()) == len(layout.figures(config))


def test_a_chart_that_fails_costs_only_itself(config, monkeypatch):
    def fail(*_):
        raise InputError("There is no curve.")

    monkeypatch.setattr(charts, "curves", fail)
    failed = build.write(config, made_results(config))
    assert failed == {"chart of margin: sweep of STS average": "There is no curve."}
    page = read_page(config)
    assert "The chart of sweep of STS average could not be made: There is no curve." in page.shown()
    assert "STS average" in [chart["metric"] for chart in page.charts()["margin"]]


def test_a_full_disk_is_no_fault_of_a_figure(config, before, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(drawing, "save", full)
    with pytest.raises(OSError, match="No space left"):
        build.write(config, made_results(config))
    assert whole(config) == before


def test_results_that_lack_a_score_leave_the_report_as_it_was(config, before):
    made = made_results(config)
    last = made.scores["hash"].iloc[-1]
    fewer = replace(made, scores=made.scores[made.scores["hash"] != last])
    with pytest.raises(InputError, match=f"{last}.* has no sts scores"):
        build.write(config, fewer)
    assert whole(config) == before


def test_what_a_study_left_that_is_gone_goes(before, tmp_path):
    assert [name for name in before if "margin" in name]
    fewer = made_config(tmp_path, {"main": STUDIES["main"]})
    build.write(fewer, made_results(fewer))
    assert not [name for name in whole(fewer) if "margin" in name]


def test_the_command_names_what_failed_and_exits_with_3(config, tmp_path, monkeypatch, capsys):
    leave_all(config)
    gather(config)

    def fail(*_):
        raise InputError("There is no line.")

    monkeypatch.setattr(studies, "sweep", fail)
    with pytest.raises(SystemExit) as stopped:
        cli.app(["report", "--config", str(tmp_path / "made.yaml")])
    assert stopped.value.code == 3
    said = capsys.readouterr()
    assert said.err == "arccse: sweep-margin-tiny could not be drawn: There is no line.\n"
    assert str(paths.page(config)) in said.out
    assert "There is no line." in read_page(config).shown()


# -------------------------------------------------------------------------------------------------- divergence


def test_a_diverged_run_costs_its_row_alone(config, before):
    (simcse,) = [row for row in config.rows("main") if row.label == "SimCSE"]
    full, gone = made_results(config), made_results(config, {simcse.runs[1].id: 3})
    kept = (full.scores["hash"] != simcse.variant.hash) | (full.scores["seed"] != 1)
    # the others' numbers are those of before
    assert build.write(config, replace(full, scores=full.scores[kept], runs=gone.runs)) == {}
    after = whole(config)
    assert {name for name in before if "margin" in name and before[name] != after[name]} == set()
    table = pd.read_csv(paths.table(config, "main", "csv"))
    assert table.loc[table["method"] == "SimCSE", "mean"].isna().all()
    compared = pd.read_csv(paths.table(config, "main-comparisons", "csv"))
    assert "SimCSE" not in {*compared["label"], *compared["baseline"]}
    text = read_page(config).shown()
    assert "SimCSE, tiny, diverged: seed 1 at step 3. It has no scores and is in no comparison." in text
    assert "SimCSE has no scores in “Title of main”, since its training diverged (seed 1 at step 3)" in text
    assert "none: diverged at step 3" in text


def test_a_config_of_which_all_runs_diverged_has_a_report(config):
    gone = dict.fromkeys(config.runs(), 1)
    assert build.write(config, made_results(config, gone)) == {}
    text = read_page(config).shown()
    assert text.count("could not be drawn: Trainings of") == len(layout.figures(config)) - 2  # those of theory are
    assert "Selected step none: diverged at step 1" in text  # all runs have that in common


def test_records_may_lack_what_older_ones_lack(config):
    made = made_results(config)
    for record in made.runs.values():
        for key in [key for key in record if key != "run"]:
            del record[key]
    assert build.write(config, made) == {}
    assert all(run in read_page(config).shown() for run in config.runs())
