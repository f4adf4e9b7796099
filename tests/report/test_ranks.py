"""The supplement of ranks: which rows, over which seeds, with which examples, and how it is set."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_configs import made_config
from made_results import made_results
from made_scores import frame as scores_of
from made_scores import score_rows
from made_tuned import made_tuned

from arccse.errors import InputError
from arccse.evaluation.suites import SUITES
from arccse.ranking import perhaps_best, replicates
from arccse.ranking import ranks as ranks_of
from arccse.report import build, ranks, supplements
from arccse.report.draws import NO_DRAWS, Draws

SEEDS = [0, 1, 2, 3]
MEANS = {"low": 60.0, "high": 64.0, "middle": 63.9}
STUDY = {"variants": {"untrained": {"epochs": 0}, **{name: {"dropout": i / 10} for i, name in enumerate(MEANS)}}}


@pytest.fixture
def config(tmp_path):
    return made_config(tmp_path, {"main": STUDY}, seeds=SEEDS)


def scored(config, noise=0.4):
    """Results in which each row's average is that of MEANS, with a little noise."""
    rng = np.random.default_rng(1)
    rows = [
        line
        for row in config.rows("main")
        for run in row.runs
        for line in score_rows(
            "v", row.variant.hash, run.seed, "sts", "spearman_all",
            dict.fromkeys(SUITES["sts"].columns, MEANS.get(row.label, 99.0) + rng.normal(0, noise)),
        )
    ]  # fmt: skip
    return replace(made_results(config), scores=scores_of(rows))


def material(config, results, draws=NO_DRAWS):
    views = {study: build.study_view(config, study, results) for study in config.studies}
    return supplements.Material(config, results, views, {}, draws)


def test_trained_rows_are_ranked_and_the_untrained_one_is_not(config):
    found = ranks.frame(material(config, scored(config)), "main")
    assert list(found.columns) == ranks.COLUMNS
    assert dict(zip(found["label"], found["rank"], strict=True)) == {"low": 3, "high": 1, "middle": 2}
    assert (found["n"] == 4).all()
    assert found["best_two_level"].isna().all()
    own = found.set_index("label")
    assert own["perhaps_best"].to_dict() == {"low": False, "high": True, "middle": True}
    assert own.loc["low", ["rank_low", "rank_high", "best"]].tolist() == pytest.approx([3, 3, 0], abs=0.01)
    assert own["best"].sum() == pytest.approx(1)


def test_numbers_are_those_of_ranking_over_the_common_seeds(config):
    results = scored(config)
    found = ranks.frame(material(config, results), "main")
    values = np.stack([
        results.scores[results.scores["hash"] == row.variant.hash].groupby("seed")["value"].mean()
        for row in config.rows("main")[1:]
    ])  # fmt: skip
    expected = ranks_of(replicates(values))
    assert found["best"].to_numpy() == pytest.approx(expected.best)
    assert found["mean_rank"].to_numpy() == pytest.approx(expected.mean)
    looks = [{"date": "", "seeds": SEEDS[:n], "claims": []} for n in range(1, 5)]
    often = ranks.frame(material(config, replace(results, looks={"main": looks})), "main")
    assert often["perhaps_best"].tolist() == perhaps_best(values, looks=4).tolist()


def test_examples_are_drawn_where_all_runs_have_kept_theirs(config):
    results = scored(config)
    runs = [f"{row.variant.hash}/seed{run.seed}" for row in config.rows("main")[1:] for run in row.runs]
    draws = Draws({})
    drawn = np.random.default_rng(0).normal(0, 3, (500, len(runs)))
    draws.made["sts", "Avg"] = pd.DataFrame(drawn, columns=runs)
    found = ranks.frame(material(config, results, draws), "main").set_index("label")
    assert found.loc["high", "best_two_level"] < found.loc["high", "best"]
    assert found["best_two_level"].sum() == pytest.approx(1)
    draws.made["sts", "Avg"] = pd.DataFrame(drawn, columns=runs).drop(columns=runs[-1])
    assert ranks.frame(material(config, results, draws), "main")["best_two_level"].isna().all()


def test_two_seeds_give_an_order_and_nothing_else(tmp_path):
    config = made_config(tmp_path, {"main": STUDY}, seeds=[0, 1])
    found = ranks.frame(material(config, scored(config)), "main")
    assert sorted(found["rank"]) == [1, 2, 3]
    assert found[["rank_low", "best", "perhaps_best"]].isna().all(axis=None)
    ((_, lines),) = ranks.grid(found).groups
    assert [[cell.text for cell in line[4:]] for line in lines] == [["–"] * 4] * 3


def test_the_rows_of_a_tuned_study_are_those_that_are_tuned(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config, results = made_tuned(tmp_path)
    found = ranks.frame(material(config, results), "tuned")
    assert found["label"].tolist() == ["NT-Xent, tuned", "ArcCon, tuned"]


def test_a_row_that_diverged_has_no_rank_and_without_rows_there_is_no_table(config):
    low = config.rows("main")[1]
    results = scored(config)
    results.runs[low.runs[0].id]["diverged"] = {"step": 3, "message": "It diverged."}
    assert ranks.frame(material(config, results), "main")["label"].tolist() == ["high", "middle"]
    for row in config.rows("main")[1:]:
        results.runs[row.runs[0].id]["diverged"] = {"step": 3, "message": "It diverged."}
    with pytest.raises(InputError, match="No rows of study 'main' have an average"):
        ranks.frame(material(config, results), "main")


def test_lines_are_set_from_the_highest_to_the_lowest(config):
    ((heading, lines),) = ranks.grid(ranks.frame(material(config, scored(config)), "main")).groups
    assert heading == "tiny, STS average"
    assert [line[0].text for line in lines] == ["high", "middle", "low"]
    assert [cell.text for cell in lines[-1][3:]] == ["3", "3 to 3", "< 1 %", "–", "no"]


@pytest.mark.parametrize(
    ("study", "expected"),
    [
        (STUDY, True),
        ({"variants": {"untrained": {"epochs": 0}, "a": {}, "b": {"dropout": 0}}}, False),
        (STUDY | {"suites": ["order"]}, False),
        ({"sweep": {"dropout": [0, 0.1, 0.2]}, "suites": ["sts-mean", "transfer"]}, True),
    ],
)
def test_ranks_are_promised_for_three_trained_rows_with_an_average(tmp_path, study, expected):
    assert supplements.has_ranks(made_config(tmp_path, {"main": study}), "main") is expected


def test_every_suite_with_an_average_has_ranks_of_its_own(tmp_path):
    config = made_config(tmp_path, {"main": STUDY | {"suites": ["sts", "order", "transfer"]}}, seeds=SEEDS)
    found = ranks.frame(material(config, made_results(config)), "main")
    assert [*dict.fromkeys(found["suite"])] == ["sts", "transfer"]
    assert [heading for heading, _ in ranks.grid(found).groups] == ["tiny, STS average", "tiny, transfer average"]
