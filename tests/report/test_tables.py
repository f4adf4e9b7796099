"""Tables: the arithmetic by hand, what may be bold, how published rows are marked."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_scores import BERT, frame, full, grid_lines, lee, line, score_rows, seeded, to_markdown
from scipy.stats import ttest_rel

from arccse.errors import InputError
from arccse.evaluation.suites import STS_TASKS, TRANSFER_TASKS
from arccse.report import blocks, tables
from arccse.report.tables import Row, StudyView, study_table, study_tables

REFERENCE = Path(__file__).parents[3] / "shared" / "reference"


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
    transfer = full("transfer", "accuracy", TRANSFER_TASKS)
    fast = transfer.assign(suite="transfer-fast", value=transfer["value"] - 30)
    mteb = full("mteb", "cosine_spearman", STS_TASKS)
    sts = full("sts", "spearman_all", STS_TASKS)
    table = study_tables(pd.concat([fast, transfer, mteb, sts]), bert_view)
    assert list(table["suite"].unique()) == ["sts", "mteb", "transfer", "transfer-fast"]
    # Mean over tasks is 73 above the offset of the seeds, whose mean is 1.5.
    averages = table[(table["method"] == "SimCSE") & (table["task"] == "Avg") & (table["origin"] == "measured")]
    assert list(averages["mean"]) == pytest.approx([74.5, 74.5, 74.5, 44.5])
    assert set(table.loc[table["origin"] == "published", "suite"]) == {"sts", "transfer"}
    headings = [row for row in to_markdown(bert_view, table).splitlines() if row.startswith("## ")]
    assert headings == ["## STS", "## STS by MTEB", "## Transfer", "## Transfer, fast mode"]


def test_a_study_that_shares_a_run_names_its_suites(bert_view: StudyView) -> None:
    sts = full("sts", "spearman_all", STS_TASKS)
    transfer = full("transfer", "accuracy", TRANSFER_TASKS)
    shared = pd.concat([sts, transfer[transfer["hash"] == "aaaaaaaa"]])
    with pytest.raises(InputError, match=r"'ArcCSE'.*transfer"):
        study_tables(shared, bert_view)
    assert set(study_tables(shared, bert_view, ["sts"])["suite"]) == {"sts"}
    with pytest.raises(InputError, match="mteb"):
        study_tables(shared, bert_view, ["sts", "mteb"])


# --- published rows


def test_published_rows_need_the_same_tasks_for_their_average(bert_view: StudyView) -> None:
    scores = full("sts", "spearman_all", STS_TASKS)
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
    seven = full("sts", "spearman_all", STS_TASKS)
    asked = study_table(seven, replace(bert_view, published=["roberta-base", "glove"]), "sts")
    found = asked.loc[asked["origin"] == "published", "encoder"]
    assert list(found.unique()) == ["roberta-base", "glove"]
    assert set(study_table(seven, replace(bert_view, published=[]), "sts")["origin"]) == {"measured"}


def test_published_rows_stand_apart_with_their_source(bert_view: StudyView) -> None:
    table = study_table(full("sts", "spearman_all", STS_TASKS), bert_view, "sts")
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
    text = to_markdown(view, study_table(full("sts", "spearman_all", STS_TASKS), view, "sts"))
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
    ours = ours[(ours["suite"] == suite) & (ours["seeds"] != 50) & ~ours["encoder"].str.endswith("-nli")]
    keys = ["encoder", "method", "task", "source", "value"]
    assert set(map(tuple, ours[keys].to_numpy())) == set(map(tuple, long[keys].to_numpy()))


def test_published_averages_of_supervised_rows_are_those_of_their_tasks() -> None:
    """They are not in the reference."""
    ours = tables.published()
    wide = ours[ours["encoder"].str.endswith("-nli")].pivot(index="encoder", columns="task", values="value")
    assert list(wide["Avg"]) == [81.57, 82.52]
    np.testing.assert_allclose(wide[[*STS_TASKS]].mean(axis=1), wide["Avg"], atol=0.006)


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
    (block,) = blocks.blocks(view, table)
    place = block.scores.heads.index(column)
    return [line[0].text for _, lines in block.scores.groups for line in lines if line[place].bold]


SIX = [70.0, 70.4, 70.1, 70.3, 70.2, 70.5]


@pytest.mark.parametrize(
    ("untrained", "gain", "bold"),
    [
        (50.0, [1.0, 1.1, 0.9, 1.2, 1.0, 1.3], ["ArcCSE"]),
        (50.0, [-1.0, -1.1, -0.9, -1.2, -1.0, -1.3], ["SimCSE"]),
        (50.0, [1.0, 1.1, 0.9, 1.2, 1.0, -1.0], []),  # 0.70 ± 0.89 at 97.5 %
        (50.0, [0.0, 0.0, 0.0, 0.0, 0.0, 0.0], []),
        (71.10, [1.0, 1.1, 0.9, 1.2, 1.0, 1.3], []),  # 71.33 − 71.10 = 0.23 ± 0.38 at 97.5 %
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


def test_bold_takes_three_seeds(view: StudyView) -> None:
    for seeds, bold in ((2, []), (3, ["ArcCSE"])):
        few = replace(seeded(view, seeds), rows=seeded(view, seeds).rows[1:])
        higher = list(np.add(SIX[:seeds], [5.0, 5.1, 5.2][:seeds]))
        assert bold_methods(few, study_table(lee(0, SIX[:seeds], higher), few, "sts"), "LEE") == bold
    apart = [replace(row, seeds=seeds) for row, seeds in zip(few.rows, ([1, 2, 3], [4, 5, 6]), strict=True)]
    scores = lee(0, SIX, list(np.add(SIX, 5)))
    assert bold_methods(few, study_table(scores, replace(few, rows=apart), "sts"), "LEE") == []


def test_bold_is_adjusted_for_the_rows_and_the_looks(view: StudyView) -> None:
    # 0.30 over six seeds, sd 0.2449, of which the t is 3.0: p = 0.030, twice that for two rows or two looks
    view = replace(seeded(view, 6), rows=seeded(view, 6).rows[1:])
    higher = list(np.add(SIX, [0.1, 0.6, 0.1, 0.6, 0.1, 0.3]))
    assert ttest_rel(higher, SIX).pvalue == pytest.approx(0.030, abs=5e-4)
    scores = lee(0, SIX, higher)
    assert bold_methods(view, study_table(scores, view, "sts"), "LEE") == ["ArcCSE"]
    again = replace(view, looks=2)
    assert bold_methods(again, study_table(scores, again, "sts"), "LEE") == []
    three = replace(view, rows=[*view.rows, replace(view.rows[0], label="a third")])
    assert bold_methods(three, study_table(scores, three, "sts"), "LEE") == []


def test_what_prints_the_same_is_not_bold_however_sure_it_is(view: StudyView) -> None:
    view = replace(seeded(view, 6), rows=seeded(view, 6).rows[1:])
    for above, bold in ((0.002, []), (0.02, ["ArcCSE"])):  # the mean of SIX has two decimals
        table = study_table(lee(0, SIX, list(np.add(SIX, above))), view, "sts")
        assert bold_methods(view, table, "LEE") == bold


def test_a_better_published_number_is_not_bold(bert_view: StudyView) -> None:
    scores = full("sts", "spearman_all", STS_TASKS, seeds=6)
    scores["value"] -= 50
    view = seeded(bert_view, 6)
    table = study_table(scores, view, "sts")
    assert bold_methods(view, table, "Avg") == ["ArcCSE"]
    (block,) = blocks.blocks(view, table)
    bold_groups = {name for name, lines in block.scores.groups if any(cell.bold for own in lines for cell in own)}
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


def test_lower_is_better_in_the_geometry_suite(view: StudyView) -> None:
    view = seeded(replace(view, rows=view.rows[1:]), 6)
    rows = []
    for seed, value in enumerate(SIX):
        for hash_, alignment, uniformity in (("aaaaaaaa", 1, -300), ("bbbbbbbb", 0, -299)):
            own = {"alignment": alignment + value, "uniformity": uniformity + value}
            rows += [("v", hash_, seed + 1, "geometry", "STSB-dev", metric, own[metric], 300) for metric in own]
    table = study_table(frame(rows), view, "geometry")
    assert bold_methods(view, table, "alignment") == ["ArcCSE"]
    assert bold_methods(view, table, "uniformity") == ["SimCSE"]
    text = to_markdown(view, table)
    assert "Bold: decidedly below each" in text
    assert "−228.75 ±" in text  # with a true minus


def test_poolings_are_suites_like_sts(view: StudyView) -> None:
    view = replace(view, rows=view.rows[1:])
    mean = full("sts-mean", "spearman_all", STS_TASKS)
    table = study_tables(pd.concat([mean, full("sts", "spearman_all", STS_TASKS)]), view)
    assert list(table["suite"].unique()) == ["sts", "sts-mean"]
    assert "## STS, mean pooling" in to_markdown(view, table)
