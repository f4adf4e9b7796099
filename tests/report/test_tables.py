"""Tables: the arithmetic by hand, what may be bold, how published rows are marked, the renderings."""

import io
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from arccse import statistics
from arccse.errors import InputError
from arccse.evaluation import suites
from arccse.report import tables
from arccse.report.comparisons import compare_study
from arccse.report.tables import Row, StudyView, study_table, study_tables, to_csv, to_latex, to_markdown
from arccse.statistics import seeds_needed

REFERENCE = Path(__file__).parents[3] / "shared" / "reference"
BERT = "bert-base-uncased"
CAVEAT = "Smoke run: 40 steps. These scores are not findings."


def score_rows(variant: str, hash_: str, seed: int, suite: str, metric: str, values: dict) -> list[tuple]:
    return [(variant, hash_, seed, suite, task, metric, value, 100) for task, value in values.items()]


def frame(rows: list[tuple]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=tables.SCORE_COLUMNS)


def two_tasks(hash_: str, seed: int, lee: float, sts12: float) -> list[tuple]:
    return score_rows("v", hash_, seed, "sts", "spearman_all", {"LEE": lee, "STS12": sts12})


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


def full(suite: str, metric: str, seven: tuple[str, ...], seeds: int = 2) -> pd.DataFrame:
    """Both trained variants on all seven tasks of a suite: 70, 71, … and 71, 72, … plus the seed."""
    rows = []
    for offset, hash_ in enumerate(["aaaaaaaa", "bbbbbbbb"]):
        for seed in range(1, seeds + 1):
            values = {task: 70.0 + i + offset + seed for i, task in enumerate(seven)}
            rows += score_rows("v", hash_, seed, suite, metric, values)
    return frame(rows)


@pytest.fixture
def bert_view(view: StudyView) -> StudyView:
    return replace(view, rows=[replace(row, encoder=BERT) for row in view.rows[1:]])


def line(table: pd.DataFrame, method: str, task: str, origin: str = "measured") -> pd.Series:
    found = table[(table["method"] == method) & (table["task"] == task) & (table["origin"] == origin)]
    assert len(found) == 1
    return found.iloc[0]


def grid_lines(markdown: str) -> list[list[str]]:
    return [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]]
        for row in markdown.splitlines()
        if row.startswith("|")
    ]


# --- arithmetic


def test_means_and_deviations_over_seeds(scores: pd.DataFrame, view: StudyView) -> None:
    simcse = line(study_table(scores, view, "sts"), "SimCSE", "LEE")
    assert simcse["mean"] == pytest.approx(72.0)
    assert simcse["sd"] == pytest.approx(8**0.5)  # ((70−72)² + (74−72)²) / (2 − 1)
    assert (simcse["n_seeds"], simcse["n"], simcse["hash"]) == (2, 100, "aaaaaaaa")


def test_the_average_is_over_tasks_first_and_then_over_seeds(scores: pd.DataFrame, view: StudyView) -> None:
    table = study_table(scores, view, "sts")
    # By seed 65 and 67.25, of which the sd is 1.59. The mean of the tasks' sds is the same for SimCSE, whose
    # tasks rise together, but not for ArcCSE, whose tasks move against each other: 68.5 and 69.
    assert line(table, "SimCSE", "Avg")["mean"] == pytest.approx(66.125)
    assert line(table, "SimCSE", "Avg")["sd"] == pytest.approx(2.25 / 2**0.5)
    assert line(table, "ArcCSE", "Avg")["mean"] == pytest.approx(68.75)
    assert line(table, "ArcCSE", "Avg")["sd"] == pytest.approx(0.5 / 2**0.5)
    assert pd.isna(line(table, "ArcCSE", "Avg")["n"])


def test_one_seed_has_no_deviation(scores: pd.DataFrame, view: StudyView) -> None:
    untrained = line(study_table(scores, view, "sts"), "untrained", "Avg")
    assert untrained["mean"] == pytest.approx(45.0)
    assert np.isnan(untrained["sd"])
    assert untrained["n_seeds"] == 1


def test_tasks_stand_in_the_papers_order_and_others_as_they_come(view: StudyView) -> None:
    values = {"ZZZ": 1.0, "SICKR": 1.0, "AAA": 1.0, "STS12": 1.0}
    view = replace(view, rows=[Row("a", "MiniLM", "aaaaaaaa", [1])])
    table = study_table(frame(score_rows("v", "aaaaaaaa", 1, "sts", "spearman_all", values)), view, "sts")
    assert list(table["task"]) == ["STS12", "SICKR", "ZZZ", "AAA", "Avg"]


def test_a_row_without_a_task_has_a_dash_and_no_average(scores: pd.DataFrame, view: StudyView) -> None:
    scores = scores[~((scores["hash"] == "00000000") & (scores["task"] == "LEE"))]
    table = study_table(scores, view, "sts")
    assert list(table.loc[table["method"] == "untrained", "task"]) == ["STS12"]
    (untrained,) = [row for row in grid_lines(to_markdown(view, table)) if row[0] == "untrained"]
    assert untrained == ["untrained", "1", "40.00†", "–", "–"]


def test_rows_may_share_a_run(scores: pd.DataFrame, view: StudyView) -> None:
    view = replace(view, rows=[*view.rows, Row("ArcCon 0°", "MiniLM", "aaaaaaaa", [1, 2])])
    table = study_table(scores, view, "sts")
    assert line(table, "ArcCon 0°", "LEE")["mean"] == line(table, "SimCSE", "LEE")["mean"]


# --- what stops a table


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda s: s[~((s["hash"] == "bbbbbbbb") & (s["seed"] == 2))], r"'ArcCSE' \(bbbbbbbb\).* seed 2"),
        (lambda s: s[s["hash"] != "00000000"], r"'untrained' \(00000000\)"),
        (lambda s: s.drop(s.index[(s["hash"] == "bbbbbbbb") & (s["task"] == "LEE")][0]), "LEE .*some of its"),
        (lambda s: pd.concat([s, s]), "more than one"),
        (lambda s: s.assign(value=np.nan), "not a number"),
        (lambda s: s.assign(n=range(len(s))), "different numbers of examples"),
        (lambda s: s.drop(columns="n"), "column 'n'"),
    ],
)
def test_incomplete_or_odd_scores(scores: pd.DataFrame, view: StudyView, spoil, message: str) -> None:
    with pytest.raises(InputError, match=message):
        study_table(spoil(scores), view, "sts")


def test_unknown_suites_and_studies_without_scores(scores: pd.DataFrame, view: StudyView) -> None:
    with pytest.raises(InputError, match="did you mean 'sts'"):
        study_table(scores, view, "stss")
    with pytest.raises(InputError, match="did you mean 'order'"):
        study_tables(scores.assign(suite="orders"), view)
    with pytest.raises(InputError, match="'main'"):
        study_tables(scores.iloc[:0], view)


def test_hashes_that_pandas_took_for_numbers(scores: pd.DataFrame, view: StudyView) -> None:
    with pytest.raises(TypeError, match="dtype"):
        study_tables(scores.assign(hash=1), view)


def test_a_study_cannot_have_two_rows_of_one_name(view: StudyView) -> None:
    with pytest.raises(InputError, match="'SimCSE'"):
        replace(view, rows=[view.rows[1], view.rows[1]])
    with pytest.raises(InputError, match="no variants"):
        replace(view, rows=[])


# --- suites


def test_suites_are_blocks_of_one_table_and_never_mix(bert_view: StudyView) -> None:
    transfer = full("transfer", "accuracy", tables.TRANSFER_TASKS)
    fast = transfer.assign(suite="transfer-fast", value=transfer["value"] - 30)
    mteb = full("mteb", "cosine_spearman", tables.STS_TASKS)
    sts = full("sts", "spearman_all", tables.STS_TASKS)
    table = study_tables(pd.concat([fast, transfer, mteb, sts]), bert_view)
    assert list(table["suite"].unique()) == ["sts", "mteb", "transfer", "transfer-fast"]
    # Mean over tasks is 73 above the offset of the seeds, whose mean is 1.5.
    averages = table[(table["method"] == "SimCSE") & (table["task"] == "Avg") & (table["origin"] == "measured")]
    assert list(averages["mean"]) == pytest.approx([74.5, 74.5, 74.5, 44.5])
    assert set(table.loc[table["origin"] == "published", "suite"]) == {"sts", "transfer"}
    headings = [row for row in to_markdown(bert_view, table).splitlines() if row.startswith("## ")]
    assert headings == ["## STS", "## STS by MTEB", "## Transfer", "## Transfer, fast mode"]


def test_a_study_that_shares_a_run_names_its_suites(bert_view: StudyView) -> None:
    sts = full("sts", "spearman_all", tables.STS_TASKS)
    transfer = full("transfer", "accuracy", tables.TRANSFER_TASKS)
    shared = pd.concat([sts, transfer[transfer["hash"] == "aaaaaaaa"]])
    with pytest.raises(InputError, match=r"'ArcCSE'.*transfer"):
        study_tables(shared, bert_view)
    assert set(study_tables(shared, bert_view, ["sts"])["suite"]) == {"sts"}
    with pytest.raises(InputError, match="mteb"):
        study_tables(shared, bert_view, ["sts", "mteb"])


# --- published rows


def test_published_rows_need_the_same_tasks_for_their_average(bert_view: StudyView) -> None:
    scores = full("sts", "spearman_all", tables.STS_TASKS)
    whole = study_table(scores, bert_view, "sts")
    assert line(whole, "ArcCSE", "Avg", "published")["mean"] == 78.11
    assert line(whole, "SimCSE (50 seeds)", "Avg", "published")["sd"] == 0.84
    some = study_table(scores[scores["task"].isin(["STS12", "STSB"])], bert_view, "sts")
    shown = some[some["origin"] == "published"]
    assert line(some, "ArcCSE", "STSB", "published")["mean"] == 79.92
    assert set(shown["task"]) == {"STS12", "STSB"}
    assert "PromptBERT (mean of 10 seeds)" not in set(shown["method"])


def test_published_rows_are_those_of_the_encoders_asked_for(
    scores: pd.DataFrame, view: StudyView, bert_view: StudyView
) -> None:
    assert set(study_table(scores, view, "sts")["origin"]) == {"measured"}
    seven = full("sts", "spearman_all", tables.STS_TASKS)
    asked = study_table(seven, replace(bert_view, published=["roberta-base", "glove"]), "sts")
    found = asked.loc[asked["origin"] == "published", "encoder"]
    assert list(found.unique()) == ["roberta-base", "glove"]
    assert set(study_table(seven, replace(bert_view, published=[]), "sts")["origin"]) == {"measured"}


def test_published_rows_stand_apart_with_their_source(bert_view: StudyView) -> None:
    table = study_table(full("sts", "spearman_all", tables.STS_TASKS), bert_view, "sts")
    text = to_markdown(bert_view, table)
    first = [row[0] for row in grid_lines(text)]
    measured = first.index(f"*{BERT}, measured*")
    single = first.index(f"*{BERT}, published, single seed*")
    several = first.index(f"*{BERT}, published, several seeds*")
    assert first[measured + 1 : single] == ["SimCSE", "ArcCSE"]
    assert any(name.startswith("ArcCSE<sup>") for name in first[single:several])
    assert {re.sub("<sup>.*", "", name) for name in first[several + 1 :]} == {
        "PromptBERT (mean of 10 seeds)",
        "SimCSE (50 seeds)",
    }
    (arccse,) = [name for name in first if name.startswith("ArcCSE<sup>")]
    mark = re.search("<sup>(.*)</sup>", arccse)[1]
    assert f"- {mark}: ArcCSE paper table" in text.splitlines()


def test_a_published_mean_without_deviation_says_so(bert_view: StudyView) -> None:
    view = replace(bert_view, published=["roberta-large"])
    text = to_markdown(view, study_table(full("sts", "spearman_all", tables.STS_TASKS), view, "sts"))
    assert "76.71 (sd ?)" in text
    assert "?: not published" in text


def test_published_table_is_tidy() -> None:
    table = tables.published()
    assert list(table.columns) == ["encoder", "method", "suite", "task", "value", "seeds", "sd", "source"]
    assert not table.drop(columns="sd").isna().any(axis=None)
    assert not table.duplicated(["encoder", "method", "suite", "task"]).any()
    assert (table["seeds"] == 1).sum() == len(table) - 5  # PromptBERT and four encoders with 50 seeds


@pytest.mark.skipif(not REFERENCE.is_dir(), reason=f"the reference numbers are not here: {REFERENCE}")
@pytest.mark.parametrize("suite", ["sts", "transfer"])
def test_published_numbers_equal_the_reference(suite: str) -> None:
    reference = pd.read_csv(REFERENCE / f"{suite}.csv").rename(columns={"avg": "Avg"})
    long = reference.melt(["encoder", "method", "source"], var_name="task").dropna(subset="value")
    ours = tables.published()
    ours = ours[(ours["suite"] == suite) & (ours["seeds"] != 50)]
    keys = ["encoder", "method", "task", "source", "value"]
    assert set(map(tuple, ours[keys].to_numpy())) == set(map(tuple, long[keys].to_numpy()))


@pytest.mark.skipif(not REFERENCE.is_dir(), reason=f"the reference numbers are not here: {REFERENCE}")
def test_published_spreads_equal_the_reference() -> None:
    ours = tables.published()
    ours = ours[ours["seeds"] == 50].set_index("encoder")
    reference = pd.read_csv(REFERENCE / "seeds.csv").set_index("encoder").loc[ours.index]
    np.testing.assert_array_equal(ours["value"], reference["avg_mean"])
    np.testing.assert_array_equal(ours["sd"], reference["avg_sd"])
    assert list(ours["source"]) == list(reference["source"])
    assert len(ours) == len(pd.read_csv(REFERENCE / "seeds.csv"))


# --- bold


def bold_methods(view: StudyView, table: pd.DataFrame, column: str) -> list[str]:
    (block,) = tables.blocks(view, table)
    place = block.columns.index(column)
    return [row.label for _, rows in block.groups for row in rows if row.cells[place].bold]


def seeded(study: StudyView, seeds: int) -> StudyView:
    """The study with seeds 1, 2, … for every trained row, and untrained rows marked as such."""
    trained, untrained = {"seeds": list(range(1, seeds + 1))}, {"settings": {"epochs": 0}}
    rows = [replace(row, **(untrained if row.label == "untrained" else trained)) for row in study.rows]
    return replace(study, rows=rows)


def lee(untrained: float, simcse: list[float], arccse: list[float]) -> pd.DataFrame:
    """Scores of the fixture's three rows on one task, a value a seed from 1 on."""
    rows = score_rows("v", "00000000", 0, "sts", "spearman_all", {"LEE": untrained})
    for hash_, values in (("aaaaaaaa", simcse), ("bbbbbbbb", arccse)):
        for seed, value in enumerate(values, 1):
            rows += score_rows("v", hash_, seed, "sts", "spearman_all", {"LEE": value})
    return frame(rows)


SIX = [70.0, 70.4, 70.1, 70.3, 70.2, 70.5]  # with six seeds the smallest sign-flip p is 2/64


@pytest.mark.parametrize(
    ("untrained", "gain", "bold"),
    [
        (50.0, [1.0, 1.1, 0.9, 1.2, 1.0, 1.3], ["ArcCSE"]),
        (50.0, [-1.0, -1.1, -0.9, -1.2, -1.0, -1.3], ["SimCSE"]),
        (50.0, [1.0, 1.1, 0.9, 1.2, 1.0, -0.1], []),  # one seed of six says otherwise: p = 4/64
        (50.0, [0.0, 0.0, 0.0, 0.0, 0.0, 0.0], []),
        (71.35, [1.0, 1.1, 0.9, 1.2, 1.0, 1.3], []),  # inside ArcCSE's interval, 71.33 ± 0.30
        (90.0, [1.0, 1.1, 0.9, 1.2, 1.0, 1.3], ["untrained"]),
    ],
)
def test_bold_is_what_is_decided_against_all_others(
    view: StudyView, untrained: float, gain: list[float], bold: list[str]
) -> None:
    view = seeded(view, 6)
    table = study_table(lee(untrained, SIX, list(np.add(SIX, gain))), view, "sts")
    assert bold_methods(view, table, "LEE") == bold
    assert list(table.loc[table["decided_best"] & (table["task"] == "LEE"), "method"]) == bold
    assert ("Nothing is bold" in to_markdown(view, table)) == (not bold)


def test_five_seeds_decide_nothing(view: StudyView) -> None:
    view = replace(seeded(view, 5), rows=seeded(view, 5).rows[1:])
    assert bold_methods(view, study_table(lee(0, SIX[:5], [90.0] * 5), view, "sts"), "LEE") == []


def test_bold_is_decided_on_common_seeds_and_corrected_for_the_rows(view: StudyView) -> None:
    higher = list(np.add(SIX, 1))
    view = replace(seeded(view, 6), rows=seeded(view, 6).rows[1:])
    scores = lee(0, SIX, higher)
    fewer = replace(view, rows=[replace(view.rows[0], seeds=[1, 2, 3, 4, 5]), view.rows[1]])
    assert bold_methods(fewer, study_table(scores, fewer, "sts"), "LEE") == []  # five in common
    apart = replace(view, rows=[replace(view.rows[0], seeds=[1, 2, 3]), replace(view.rows[1], seeds=[4, 5, 6])])
    assert bold_methods(apart, study_table(scores, apart, "sts"), "LEE") == []
    third = replace(view.rows[0], label="a third")
    three = replace(view, rows=[*view.rows, third])  # 2/64 for each of two, by Holm 4/64
    assert bold_methods(three, study_table(scores, three, "sts"), "LEE") == []


def test_a_better_published_number_is_not_bold(bert_view: StudyView) -> None:
    scores = full("sts", "spearman_all", tables.STS_TASKS, seeds=6)
    scores["value"] -= 50
    view = seeded(bert_view, 6)
    table = study_table(scores, view, "sts")
    assert bold_methods(view, table, "Avg") == ["ArcCSE"]
    (block,) = tables.blocks(view, table)
    bold_groups = {name for name, rows in block.groups if any(cell.bold for r in rows for cell in r.cells)}
    assert bold_groups == {f"{BERT}, measured"}


def test_bold_is_chosen_within_an_encoder_and_needs_a_choice(view: StudyView) -> None:
    view = seeded(view, 6)
    scores = lee(50.0, SIX, list(np.add(SIX, 1)))
    several = replace(view, rows=[view.rows[0], view.rows[1], replace(view.rows[2], encoder="BERT")])
    assert bold_methods(several, study_table(scores, several, "sts"), "LEE") == ["SimCSE"]
    alone = replace(view, rows=view.rows[1:2])
    assert "bold" not in to_markdown(alone, study_table(scores, alone, "sts")).lower()


# --- suites of other columns


def order_scores() -> pd.DataFrame:
    rows = []
    values = {"similarity_80": 30, "ordered_all": 60, "similarity_0": 99, "ordered_20_40": 70}
    for offset, hash_ in enumerate(["aaaaaaaa", "bbbbbbbb"]):
        for seed in range(1, 7):
            own = {metric: value + offset + seed / 10 for metric, value in values.items()}
            rows += [("v", hash_, seed, "order", "ORDER", metric, value, 500) for metric, value in own.items()]
    return frame(rows)


def test_the_order_suite_has_metrics_for_columns_and_no_average(view: StudyView) -> None:
    view = seeded(replace(view, rows=view.rows[1:]), 6)
    table = study_table(order_scores(), view, "order")
    assert list(table["task"].unique()) == ["ordered_20_40", "ordered_all", "similarity_0", "similarity_80"]
    assert line(table, "ArcCSE", "ordered_all")["mean"] == pytest.approx(61.35)
    # More is better for the shares alone: a higher cosine is neither.
    assert set(table.loc[table["decided_best"], "task"]) == {"ordered_20_40", "ordered_all"}
    columns = [name.replace("_", r"\_") for name in table["task"].unique()]
    assert grid_lines(to_markdown(view, table))[0][2:] == columns


def test_poolings_are_suites_like_sts(view: StudyView) -> None:
    view = replace(view, rows=view.rows[1:])
    mean = full("sts-mean", "spearman_all", tables.STS_TASKS)
    table = study_tables(pd.concat([mean, full("sts", "spearman_all", tables.STS_TASKS)]), view)
    assert list(table["suite"].unique()) == ["sts", "sts-mean"]
    assert "## STS, mean pooling" in to_markdown(view, table)


def test_every_suite_of_a_config_has_a_table() -> None:
    assert set(suites.SUITES) == set(tables.SUITES)


# --- comparisons below the tables


@pytest.fixture
def compared(bert_view: StudyView) -> tuple[StudyView, pd.DataFrame, pd.DataFrame]:
    """SimCSE with seeds 1 to 7 and ArcCSE with 1 to 6, above by 1 and a little that differs from seed to seed."""
    view = seeded(bert_view, 7)
    view = replace(view, rows=[view.rows[0], replace(view.rows[1], seeds=[1, 2, 3, 4, 5, 6])])
    scores = full("sts", "spearman_all", tables.STS_TASKS, seeds=7)
    scores.loc[scores["hash"] == "bbbbbbbb", "value"] += 0.02 * scores["seed"]
    return view, study_table(scores, view, "sts"), compare_study(scores, view, ["sts"])


def test_markdown_has_the_comparisons_below_the_table(compared: tuple) -> None:
    view, table, comparisons = compared
    text = to_markdown(view, table, comparisons)
    below = text[text.index("### STS: differences") :]
    head, _, heading, arccse = grid_lines(below)
    assert head[1:] == ["Difference", "95 % interval", "n", "p", "Holm p", "P(impr.)", "Seeds needed", "Verdict"]
    assert heading[0] == f"*{BERT}, less SimCSE*"
    # The mean of 1.02 … 1.12 ± 2.5706 × 0.037417 / √6. ArcCSE's seed b, at 1.02 b + 1 above SimCSE's seed 0, beats
    # SimCSE's seeds up to b + 1, of which there are 2 + 3 + 4 + 5 + 6 + 6.
    assert arccse[:4] == ["ArcCSE", "+1.07", "1.03 to 1.11", "6"]
    assert arccse[4:] == ["0.031", "0.031", f"{26 / 36:.2f}", "6", "higher"]
    assert "ArcCSE and SimCSE are compared without seed 7: not in common." in below


def test_the_published_gain_needs_five_seeds(compared: tuple) -> None:
    view, table, comparisons = compared
    text = to_markdown(view, table, comparisons)
    assert "78.11 − SimCSE's 76.25 = +1.86" in text
    assert "(sd 0.84 over 50 seeds)" in text
    assert f"from {seeds_needed(78.11 - 76.25, 0.84)} seeds of each on" in text
    elsewhere = replace(view, published=["roberta-base"])  # nothing of ArcCSE is published for it
    assert "Published: " not in to_markdown(elsewhere, table, comparisons)


def test_columns_without_content_are_left_out_and_reasons_are_said(view: StudyView) -> None:
    view = seeded(view, 1)
    scores = lee(50.0, [70.0], [71.0])
    text = to_markdown(view, study_table(scores, view, "sts"), compare_study(scores, view, ["sts"]))
    head, _, _, untrained, arccse = grid_lines(text[text.index("### ") :])
    assert head == ["", "Difference", "n", "p", "Holm p", "P(impr.)", "Verdict"]
    assert untrained == ["untrained", "−20.00", "1", "–", "–", "0.00", "not tested"]
    assert arccse == ["ArcCSE", "+1.00", "1", "1.000", "1.000", "1.00", "undecided"]
    assert "- Undecided: n = 1 seed can't reach p ≤ 0.05." in text


# --- renderings


def test_markdown_says_what_it_shows(scores: pd.DataFrame, view: StudyView) -> None:
    text = to_markdown(view, study_table(scores, view, "sts"))
    grid = grid_lines(text)
    assert grid[0] == ["Method", "Seeds", "STS12", "LEE", "Avg"]
    assert grid[2] == ["*pairs*", "", "100", "100", ""]
    # Half an interval of two seeds is 12.706 sd / √2: 12.706 × 0.25, × 2 and × 1.125, × 1.5 and × 0.25.
    assert ["SimCSE", "2", "60.25 ± 3.18", "72.00 ± 25.41", "66.12 ± 14.29"] in grid
    assert ["ArcCSE", "2", "64.50 ± 19.06", "73.00 ± 25.41", "68.75 ± 3.18"] in grid
    caption = text.split("\n\n")[2]
    assert caption.startswith(f"**{CAVEAT}**")
    for said in ("Config smoke", "MiniLM", "seeds 1, 2 (n = 2)", "seed 0 (n = 1)", "best dev", "2026-01-02"):
        assert said in caption
    assert "- †: One seed" in text
    assert "Smoke" not in to_markdown(replace(view, caveat=None), study_table(scores, view, "sts"))


def test_many_seeds_have_a_bootstrapped_interval_in_brackets(view: StudyView) -> None:
    view = seeded(replace(view, rows=view.rows[1:]), 20)
    skewed = [70.0] * 15 + [71.0, 72.0, 74.0, 77.0, 80.0]
    table = study_table(lee(0, skewed, skewed), view, "sts")
    cell = statistics.summarise(np.array(skewed))
    assert line(table, "SimCSE", "LEE")["interval"] == cell.method == "bca"
    assert f"{cell.mean:.2f} [{cell.low:.2f}, {cell.high:.2f}]" in to_markdown(view, table)


def test_a_single_task_needs_no_average(scores: pd.DataFrame, view: StudyView) -> None:
    table = study_table(scores[scores["task"] == "LEE"], view, "sts")
    assert grid_lines(to_markdown(view, table))[0] == ["Method", "Seeds", "LEE"]
    assert line(table, "SimCSE", "Avg")["mean"] == 72.0


def test_markdown_escapes_labels(scores: pd.DataFrame, view: StudyView) -> None:
    view = replace(view, rows=[replace(view.rows[1], label="a|b *c* _d_ <e> `f`")])
    rows = grid_lines(to_markdown(view, study_table(scores, view, "sts")))
    assert {len(row) for row in rows} == {5}
    assert rows[-1][0] == r"a\|b \*c\* \_d\_ \<e\> \`f\`"


def test_csv_is_tidy_and_carries_the_caveat(scores: pd.DataFrame, view: StudyView) -> None:
    table = study_table(scores, view, "sts")
    read = pd.read_csv(io.StringIO(to_csv(view, table)), dtype={"hash": str})
    assert list(read.columns) == ["study", *tables.COLUMNS]
    np.testing.assert_allclose(read["mean"], table["mean"], atol=1e-6)
    assert list(read["hash"]) == list(table["hash"])
    assert read.loc[read["method"] == "untrained", "sd"].isna().all()
    assert read["source"].str.contains(CAVEAT, regex=False).all()


AWKWARD = r"10° θ=τ·λ 20/40 % a_b #1 $x$ {y} \z ~ ^ & [p] <q> | “r” ″ × ± – é"


@pytest.fixture
def awkward(bert_view: StudyView) -> tuple[StudyView, pd.DataFrame, pd.DataFrame]:
    """A view of two suites with published rows, whose texts hold every character special to LaTeX."""
    rows = [replace(row, label=f"{label}{AWKWARD}") for row, label in zip(bert_view.rows, "[*", strict=True)]
    view = replace(bert_view, rows=rows, title=AWKWARD, caveat=AWKWARD, selection=AWKWARD, config="a_b")
    sts = full("sts", "spearman_all", tables.STS_TASKS)
    lee = full("mteb", "cosine_spearman", ("LEE_50",), seeds=2)
    scores = pd.concat([sts, lee])
    return view, study_tables(scores, view), compare_study(scores, view, ["sts", "mteb"])


def test_latex_escapes_everything(awkward: tuple[StudyView, pd.DataFrame, pd.DataFrame]) -> None:
    text = to_latex(*awkward)
    escaped = (
        r"10$^{\circ}$ $\theta$=$\tau$$\cdot$$\lambda$ 20/40 \% a\_b \#1 \$x\$ \{y\} \textbackslash{}z "
        r"\textasciitilde{} \textasciicircum{} \& [p] \textless{}q\textgreater{} \textbar{} ``r'' $''$ "
        r"$\times$ $\pm$ -- é"
    )
    # A suite: its title, caveat and selection, and two labels; the same for its differences.
    assert text.count(escaped) == 2 * (2 * 3 + 2 * 2)
    bare = re.sub(r"\\[\\{}$&%#_]", "", text)
    assert bare.count("{") == bare.count("}")
    assert bare.count("$") % 2 == 0
    assert all(c.isascii() or c == "é" for c in text)


def test_latex_rows_have_one_cell_a_column(awkward: tuple[StudyView, pd.DataFrame, pd.DataFrame]) -> None:
    for tabular in re.findall(r"\\begin\{tabular\}(.*?)\\end\{tabular\}", to_latex(*awkward), flags=re.DOTALL):
        columns = re.match(r"\{(lr+)\}", tabular)[1]
        rows = [row for row in tabular.splitlines() if row.endswith(r"\\")]
        cells = [len(re.findall(r"(?<!\\)&", row)) + 1 for row in rows if "multicolumn" not in row]
        assert set(cells) == {len(columns)}
        assert all(f"multicolumn{{{len(columns)}}}" in row for row in rows if "multicolumn" in row)
        # A row that begins with [ or * would be read as an option of the \\ before it.
        assert all(row[0] not in "[*" for row in rows)


def test_latex_marks_bold_and_published(bert_view: StudyView) -> None:
    view = seeded(bert_view, 6)
    text = to_latex(view, study_table(full("sts", "spearman_all", tables.STS_TASKS, seeds=6), view, "sts"))
    assert r"{ArcCSE} & 6 & \textbf{74.50 $\pm$ 1.96}" in text  # seeds 1 to 6: sd 1.8708, × 2.5706 / √6
    assert re.search(r"\\midrule\n.*published, single seed", text)
    assert re.search(r"\{ArcCSE\}\$\^\{\\mathrm\{.\}\}\$ & 1 & 72\.08", text)
    assert r"\caption{\textbf{Smoke run" in text
    assert r"\label{tab:main-sts}" in text


def test_a_character_that_latex_lacks_is_named(scores: pd.DataFrame, view: StudyView, tmp_path: Path) -> None:
    view = replace(view, title="比較")
    with pytest.raises(InputError, match="'比' of '比較"):
        tables.write(view, study_table(scores, view, "sts"), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_compiles(awkward: tuple[StudyView, pd.DataFrame, pd.DataFrame], tmp_path: Path) -> None:
    (tmp_path / "table.tex").write_text(to_latex(*awkward), encoding="utf-8")
    document = (
        r"\documentclass{article}\usepackage{booktabs}\usepackage{graphicx}"
        r"\begin{document}\input{table.tex}\end{document}"
    )
    (tmp_path / "main.tex").write_text(document, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "main.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "main.pdf").stat().st_size > 1000


def test_write_leaves_three_whole_files(scores: pd.DataFrame, view: StudyView, tmp_path: Path) -> None:
    table = study_table(scores, view, "sts")
    paths = tables.write(view, table, tmp_path / "tables")
    assert [path.name for path in paths] == ["main.csv", "main.md", "main.tex"]
    assert sorted((tmp_path / "tables").iterdir()) == sorted(paths)
    texts = [to_csv(view, table), to_markdown(view, table), to_latex(view, table)]
    assert [path.read_text(encoding="utf-8") for path in paths] == texts


def test_write_leaves_the_comparisons_as_csv(compared: tuple, tmp_path: Path) -> None:
    view, table, comparisons = compared
    paths = tables.write(view, table, tmp_path, comparisons)
    assert [path.name for path in paths] == ["main.csv", "main.md", "main.tex", "main-comparisons.csv"]
    read = pd.read_csv(paths[-1])
    np.testing.assert_allclose(read["difference"], comparisons["difference"], atol=1e-6)
    assert list(read["task"]) == [*tables.STS_TASKS, "Avg"]
    assert read["source"].str.contains(CAVEAT, regex=False).all()
    assert paths[1].read_text(encoding="utf-8") == to_markdown(view, table, comparisons)
