"""The registry of supplements: files, markup and page follow from a record, and a failure costs only itself."""

import sys
from types import SimpleNamespace

import pandas as pd
import pytest
from html_page import Page
from made_configs import made_config
from made_results import made_results

from arccse import paths
from arccse.errors import InputError
from arccse.report import build, layout, supplements
from arccse.report.blocks import Cell, Grid
from arccse.report.figures import drawing
from arccse.report.supplements import Placed, Supplement

STUDIES = {
    "main": {"variants": {"untrained": {"epochs": 0}, "SimCSE": {}}},
    "margin": {"training": {"objective": "arccon"}, "sweep": {"margin": [5, 15]}},
}
MADE = (
    Supplement("seeds", "Seeds of each row", "How many there are.", lambda _, study: study == "main"),
    Supplement("runs_of", "All of it", "A file alone.", lambda _, study: study == "margin", is_printed=False),
    Supplement("seeds", "Seeds of all", "Of every study.", lambda _, study: study == ""),
)


def frame(material, study):
    rows = [row for view in material.views.values() for row in view.rows if study in ("", view.name)]
    return pd.DataFrame({"row": [row.label for row in rows], "seeds": [len(row.seeds) for row in rows]})


def grid(frame):
    return Grid(["Row", "Seeds"], [], [("", [[Cell(row), Cell(str(n), n)] for row, n in frame.to_numpy()])], [])


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(drawing, "UNDATED", {"svg": {"Date": None}})
    config = made_config(tmp_path, STUDIES, caveat="Made up.")
    monkeypatch.setattr(supplements, "SUPPLEMENTS", MADE)
    monkeypatch.setitem(sys.modules, "arccse.report.seeds", SimpleNamespace(frame=frame, grid=grid))
    monkeypatch.setitem(sys.modules, "arccse.report.runs_of", SimpleNamespace(frame=frame))
    return config


def test_files_markup_and_page_follow_from_a_record(config):
    assert build.write(config, made_results(config)) == {}
    tables = paths.results(config) / "tables"
    assert [path for path in layout.files(config) if path.suffix in (".csv", ".md", ".tex", ".html")] == [
        *(tables / f"{study}.{kind}" for study in STUDIES for kind in ("csv", "md", "tex")),
        *(tables / f"main-seeds.{kind}" for kind in ("csv", "md", "tex")),
        tables / "margin-runs_of.csv",
        *(tables / f"seeds.{kind}" for kind in ("csv", "md", "tex")),
        *(tables / f"{study}-comparisons.csv" for study in STUDIES),
        paths.page(config),
    ]
    assert all(path.is_file() for path in layout.files(config) if path.suffix not in (".pdf", ".png"))
    own = pd.read_csv(tables / "main-seeds.csv")
    assert own.to_dict("records") == [
        {"row": "untrained", "seeds": 1, "source": "arccse, config made, 2026-01-02. Made up."},
        {"row": "SimCSE", "seeds": 2, "source": "arccse, config made, 2026-01-02. Made up."},
    ]
    assert list(pd.read_csv(tables / "seeds.csv")["row"]) == ["untrained", "SimCSE", "margin=5", "margin=15"]
    markdown = (tables / "main-seeds.md").read_text()
    assert markdown.startswith("# Seeds of each row: Title of main\n\n## Seeds of each row\n\n**Made up.** How many")
    assert "| SimCSE    |     2 |" in markdown
    assert r"\label{tab:main-seeds-seeds}" in (tables / "main-seeds.tex").read_text()


def test_a_study_s_supplement_is_folded_below_it_and_the_config_s_has_a_section(config):
    build.write(config, made_results(config))
    html = Page(paths.page(config).read_text())
    ids = [attrs["id"] for _, attrs in html.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert ids.index("study-main") < ids.index("beside-main-seeds") < ids.index("study-margin")
    assert ids.index("studies") < ids.index("seeds") < ids.index("runs")
    links = [attrs["href"] for _, attrs in html.elements if "href" in attrs]
    assert {"#seeds", "tables/main-seeds.tex", "tables/margin-runs_of.csv", "tables/seeds.md"} <= set(links)
    assert "tables/margin-runs_of.md" not in links
    assert "Seeds of each row" in html.shown()


def test_a_supplement_that_fails_costs_only_itself(config, monkeypatch, capsys):
    def fail(*_):
        raise KeyError("seeds")

    monkeypatch.setitem(sys.modules, "arccse.report.runs_of", SimpleNamespace(frame=fail))
    monkeypatch.setitem(sys.modules, "arccse.report.seeds", SimpleNamespace(frame=frame, grid=fail))
    failed = build.write(config, made_results(config))
    names = ["table main-seeds", "table margin-runs_of", "table seeds"]
    assert failed == dict.fromkeys(names, "KeyError: 'seeds'")
    assert capsys.readouterr().err.count("Traceback") == 3
    assert "table seeds: KeyError: 'seeds'\n" in paths.failed_figures(config).read_text()
    for path in layout.files(config):
        assert path.is_file() or path.suffix in (".pdf", ".png")
    assert "KeyError: 'seeds'" in (paths.results(config) / "tables" / "main-seeds.md").read_text()
    shown = Page(paths.page(config).read_text()).shown()
    assert shown.count("This table could not be made: KeyError: 'seeds'") == 3


def test_a_diverged_row_explains_what_is_missing(config, monkeypatch):
    def lacking(*_):
        raise InputError("There is no row.")

    monkeypatch.setitem(sys.modules, "arccse.report.seeds", SimpleNamespace(frame=lacking, grid=grid))
    gone = {run.id: 3 for row in config.rows("main") for run in row.runs if row.label == "SimCSE"}
    assert build.write(config, made_results(config, gone)) == {"table seeds": "There is no row."}
    assert "Trainings of SimCSE diverged. There is no row." in Page(paths.page(config).read_text()).shown()


@pytest.mark.parametrize("name", ["seeds", "main-seeds"])
def test_no_study_may_be_called_like_a_supplement(config, tmp_path, name):
    with pytest.raises(InputError, match=f"studies.{name}: .* called so; take another name"):
        made_config(tmp_path, STUDIES | {name: STUDIES["margin"]})


def test_a_name_has_no_dash_that_could_make_it_another_s():
    assert all("-" not in one.name for one in supplements.SUPPLEMENTS)
    assert Placed(MADE[0], "main").name == "main-seeds"
    assert Placed(MADE[2], "").name == "seeds"
