"""A study and its scores, for the tests of tables and of what is written of them; a page of everything."""

from dataclasses import replace

import pandas as pd
import pytest
from made_page import made_page
from made_scores import BERT, CAVEAT, frame, score_rows, two_tasks

from arccse.report import page
from arccse.report.tables import Row, StudyView


@pytest.fixture
def scores() -> pd.DataFrame:
    """SimCSE (aaaaaaaa) and ArcCSE (bbbbbbbb) with two seeds, the untrained encoder (00000000) with one."""
    rows = two_tasks("aaaaaaaa", 1, 70.0, 60.0) + two_tasks("aaaaaaaa", 2, 74.0, 60.5)
    rows += two_tasks("bbbbbbbb", 1, 71.0, 66.0) + two_tasks("bbbbbbbb", 2, 75.0, 63.0)
    rows += two_tasks("00000000", 0, 50.0, 40.0)
    noise = score_rows("v", "aaaaaaaa", 1, "sts", "pearson_all", {"LEE": 1.0})
    noise += two_tasks("aaaaaaaa", 9, 0.0, 0.0)  # a seed that the study does not ask for
    return frame(noise + rows)


@pytest.fixture
def view() -> StudyView:
    rows = [
        Row("untrained", "MiniLM", "00000000", [0]),
        Row("SimCSE", "MiniLM", "aaaaaaaa", [1, 2]),
        Row("ArcCSE", "MiniLM", "bbbbbbbb", [1, 2]),
    ]
    return StudyView("main", "Main comparison", "smoke", "2026-01-02", "best dev Spearman", rows, CAVEAT)


@pytest.fixture
def bert_view(view: StudyView) -> StudyView:
    return replace(view, rows=[replace(row, encoder=BERT) for row in view.rows[1:]])


@pytest.fixture(scope="session")
def content(tmp_path_factory: pytest.TempPathFactory) -> page.PageContent:
    """A made-up page with one of everything."""
    return made_page(tmp_path_factory.mktemp("drawings"))
