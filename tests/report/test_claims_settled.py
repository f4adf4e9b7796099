"""Claims: what is compared, that they are judged together, and what makes a verdict."""

from dataclasses import replace

import made_tuned
import numpy as np
import pandas as pd
import pytest
from made_configs import made_config
from made_results import made_results
from scipy.stats import ttest_1samp

from arccse.report import build
from arccse.report.blocks import claims_block
from arccse.report.claims import COLUMNS, settle
from arccse.report.draws import Draws
from arccse.report.markup import write_claims
from arccse.report.tables import Divergence

STUDIES = {
    "main": {"variants": {"untrained": {"epochs": 0}, "SimCSE": {}, "ArcCSE": {"objective": "arccon"}}},
    "margin": {"suites": ["geometry"], "training": {"objective": "arccon"}, "sweep": {"margin": [5, 15, 25]}},
}
GAIN = {"claim": "ArcCSE is better", "source": "a paper", "study": "main", "contrast": {"SimCSE": -1, "ArcCSE": 1}}
BEST = {"claim": "15° is best", "source": "a paper", "study": "margin", "best": "margin=15"}
SEEDS = [0, 1, 2, 3, 4]


def settled(tmp_path, claimed, values=None, change=None, histories=None, **keys):
    """The claims of a config, on scores by label: a list of a value for each seed, of all its suites and columns."""
    config = made_config(tmp_path, STUDIES, **{"seeds": SEEDS, "claims": claimed} | keys)
    made = made_results(config)
    views = {study: build.study_view(config, study, made) for study in config.studies}
    scores = made.scores.copy()
    for row in (row for view in views.values() for row in view.rows if row.label in (values or {})):
        for seed, value in zip(SEEDS, values[row.label], strict=True):
            scores.loc[(scores["hash"] == row.hash) & (scores["seed"] == seed), "value"] = value
    if change:
        views, scores = change(views, scores)
    return settle(config, views, scores, made.histories if histories is None else histories, Draws(made.kept))


BASE = [70.0, 70.5, 70.2, 70.4, 70.1]
UP = [71.0, 71.6, 71.3, 71.3, 71.1]  # 1.0, 1.1, 1.1, 0.9, 1.0 above


def test_a_claim_by_hand(tmp_path):
    (line,) = settled(tmp_path, {"gain": GAIN}, {"SimCSE": BASE, "ArcCSE": UP}).to_dict("records")
    assert list(line) == COLUMNS
    said = (
        "claim",
        "sentence",
        "source",
        "study",
        "encoder",
        "measure",
        "comparison",
        "direction",
        "verdict",
        "text",
    )
    assert [line[key] for key in said] == [
        *("gain", "ArcCSE is better", "a paper", "main", "tiny", "STS average", "ArcCSE − SimCSE"),
        *("higher", "supported", "supported"),
    ]
    differences = np.subtract(UP, BASE)
    interval = ttest_1samp(differences, 0).confidence_interval()
    assert line["difference"] == pytest.approx(differences.mean())
    assert (line["low"], line["high"]) == pytest.approx((interval.low, interval.high))
    assert (line["n"], line["seeds"], line["comparisons"]) == (5, "0 1 2 3 4", 1)


def test_claims_are_judged_together_and_with_the_looks_at_their_study(tmp_path):
    values = {"SimCSE": BASE, "ArcCSE": UP}
    (alone,) = settled(tmp_path, {"gain": GAIN}, values).to_dict("records")

    def looked_at_twice(views, scores):
        return views | {"main": replace(views["main"], looks=2)}, scores

    three = {"gain": GAIN, "back": GAIN | {"contrast": {"SimCSE": 1, "ArcCSE": -1}}, "best": BEST}
    found = settled(tmp_path, three, values, looked_at_twice)
    assert found["comparisons"].tolist() == [6, 6, 3]  # the best of three is one claim
    assert found["p"][0] == pytest.approx(6 * alone["p"])
    assert found["low"][0] < alone["low"]
    assert found["verdict"].tolist()[:2] == ["supported", "contradicted"]


def test_the_look_stands_beside_the_verdict_where_seeds_grow(tmp_path):
    def first_of_three(views, scores):
        return views | {"main": replace(views["main"], looks=3, look="look 1 of 3")}, scores

    claimed = {"gain": GAIN, "best": BEST}
    found = settled(tmp_path, claimed, {"SimCSE": BASE, "ArcCSE": UP}, first_of_three)
    assert found["look"].tolist() == ["look 1 of 3", ""]
    verdicts = [row[1].text for _, rows in claims_block(found, None).scores.groups for row in rows]
    assert verdicts == ["supported (look 1 of 3)", found["verdict"][1]]
    assert "look" not in settled(tmp_path, claimed)


def test_a_claim_that_was_written_after_a_look_says_so(tmp_path):
    config = made_config(tmp_path, STUDIES, seeds=SEEDS, claims={"gain": GAIN, "best": BEST})
    planned = {config.claims["gain"].digest}

    def seen(views, scores):
        return {study: replace(view, planned=frozenset(planned)) for study, view in views.items()}, scores

    found = settled(tmp_path, {"gain": GAIN, "best": BEST}, change=seen)
    assert found["planned"].tolist() == [True, False]
    (note,) = (text for _, text in claims_block(found, None).scores.notes if "after a first look" in text)
    assert note.startswith("“15° is best” was written down after")


@pytest.mark.parametrize(
    ("gain", "direction", "verdict"),
    [
        (UP, "higher", "supported"),
        (UP, "lower", "contradicted"),
        (UP, "not lower", "supported"),
        (UP, "not higher", "contradicted"),
        ([x + 0.01 * (-1) ** i for i, x in enumerate(BASE)], "higher", "equivalent"),
        ([x + 0.01 * (-1) ** i for i, x in enumerate(BASE)], "not lower", "supported"),
        ([x + 0.3 * (-1) ** i for i, x in enumerate(BASE)], "higher", "undecided"),
        ([x + 0.3 * (-1) ** i for i, x in enumerate(BASE)], "not lower", "undecided"),
        ([x - 0.15 - 0.01 * i for i, x in enumerate(BASE)], "not lower", "contradicted"),
        ([x - 0.08 - 0.01 * i for i, x in enumerate(BASE)], "not lower", "undecided"),  # lower, by 0.1 or so
    ],
)
def test_verdicts_by_direction(tmp_path, gain, direction, verdict):
    claim = {"gain": GAIN | {"direction": direction}}
    found = settled(tmp_path, claim, {"SimCSE": BASE, "ArcCSE": gain}, equivalence=0.1)
    assert found["verdict"].tolist() == [verdict]


@pytest.mark.parametrize(
    ("others", "verdict", "comparison"),
    [
        ((BASE, BASE), "supported", "margin=15 − margin=5"),
        ((BASE, [x + 9 for x in UP]), "contradicted", "margin=15 − margin=25"),
        ((BASE, [x + 0.5 * (-1) ** i for i, x in enumerate(UP)]), "undecided", "margin=15 − margin=25"),
        ((UP, BASE), "equivalent", "margin=15 − margin=5"),
    ],
)
def test_the_best_stands_or_falls_with_what_speaks_for_it_the_least(tmp_path, others, verdict, comparison):
    values = {"margin=5": others[0], "margin=15": UP, "margin=25": others[1]}
    found = settled(tmp_path, {"best": BEST}, values, equivalence=0.1)
    assert found[["verdict", "comparison"]].to_numpy().tolist() == [[verdict, comparison]]


def test_weights_are_named_and_the_measure_is_the_suites(tmp_path):
    weights = {"margin=5": -1, "margin=15": 0.5, "margin=25": 0.5}
    claim = BEST | {"contrast": weights, "task": "uniformity", "direction": "lower"}
    del claim["best"]
    found = settled(tmp_path, {"best": claim})
    assert found["comparison"].tolist() == ["(0.5 × margin=15 + 0.5 × margin=25) − margin=5"]
    assert found["measure"].tolist() == ["uniformity × 100 (the lower the better)"]


def test_what_can_not_be_said_says_why(tmp_path):
    def without_a_task(views, scores):
        gone = (scores["hash"] == views["main"].rows[2].hash) & (scores["task"] == "SICKR")
        return views, scores[~gone]

    def diverged(views, scores):
        rows = views["main"].rows
        gone = replace(rows[2], diverged={1: Divergence(3, "The loss is not finite.")})
        return views | {"main": replace(views["main"], rows=[*rows[:2], gone])}, scores

    few = settled(tmp_path, {"gain": GAIN}, seeds=[0, 1])
    assert few["text"].tolist() == ["undecided: 2 seeds, and an interval takes 3"]
    assert claims_block(few, None).scores.notes[0] == (
        "",
        "No claim has an interval, which takes 3 seeds: all are undecided.",
    )
    for change, why in ((without_a_task, "ArcCSE has no SICKR"), (diverged, "ArcCSE diverged")):
        found = settled(tmp_path, {"gain": GAIN}, change=change)
        assert found[["verdict", "text", "n"]].to_numpy().tolist() == [["undecided", f"undecided: {why}", 0]]


def courses(tmp_path, reached):
    """Histories in which SimCSE gets to 83 at step 20, and ArcCSE to what is said; both end at uniformity −3."""
    rows = made_config(tmp_path, STUDIES, seeds=SEEDS).rows("main")
    lines = []
    for row, last, alignment in ((rows[1], 83.0, 0.2), (rows[2], reached, 0.25)):
        for seed in SEEDS:
            start = {"hash": row.variant.hash, "seed": seed, "step": 0, "dev_spearman": 80.0}
            lines.append(start | {"alignment": 0.1, "uniformity": -2.0})
            end = start | {"step": 20, "dev_spearman": last, "alignment": alignment + seed / 1000, "uniformity": -3.0}
            lines.append(end)
    return pd.DataFrame(lines)


def test_courses_are_compared_at_equal_scores_and_uniformity(tmp_path):
    claimed = {
        "steps": GAIN | {"matched": "steps", "direction": "lower"},
        "alignment": GAIN | {"matched": "alignment", "direction": "lower"},
    }
    found = settled(tmp_path, claimed, histories=courses(tmp_path, reached=86.0))
    assert found["difference"].tolist() == pytest.approx([-10, 5])  # 83 at step 10; 0.25 against 0.2, × 100
    assert found["verdict"].tolist() == ["supported", "contradicted"]
    assert found["comparison"].tolist() == ["ArcCSE − SimCSE"] * 2
    assert found["n"].tolist() == [5, 5]


def test_a_score_that_is_never_reached_has_no_mean(tmp_path):
    claim = {"steps": GAIN | {"matched": "steps", "direction": "lower"}}
    found = settled(tmp_path, claim, histories=courses(tmp_path, reached=82.0))
    why = "undecided: with seed 0, 1, 2, 3, 4 it never reaches the other's score"
    assert found[["verdict", "text"]].to_numpy().tolist() == [["undecided", why]]


def test_no_claims_are_no_lines(tmp_path):
    found = settled(tmp_path, {})
    assert found.empty
    assert list(found) == COLUMNS


def test_each_claim_has_the_second_level_of_its_own_suite(tmp_path):
    claims = {"sts": GAIN, "transfer": GAIN | {"suite": "transfer"}}
    studies = {"main": {"suites": ["sts", "transfer"], "variants": {"SimCSE": {}, "ArcCSE": {"objective": "arccon"}}}}
    config = made_config(tmp_path, studies, seeds=SEEDS, claims=claims)
    made = made_results(config)
    views = {"main": build.study_view(config, "main", made)}
    table = settle(config, views, made.scores, made.histories, Draws(made.kept))
    assert (table["two_level_low"] < table["low"]).all()
    assert (table["two_level_high"] > table["high"]).all()
    (note,) = [text for _, text in claims_block(table, None).scores.notes if text.startswith("Two-level")]
    assert note == (
        "Two-level: the interval over seeds and sentence pairs or test examples, if other pairs or examples could"
        " have been drawn too."
    )
    assert settle(config, views, made.scores, made.histories)["two_level_low"].isna().all()
    for caveat in (None, "Rehearsal."):
        write_claims(table, caveat, tmp_path)
        written = pd.read_csv(tmp_path / "claims.csv")
        assert list(written) == [*COLUMNS, *(["caveat"] if caveat else [])]
        assert all((caveat or "") in (tmp_path / f"claims.{kind}").read_text() for kind in ("csv", "md", "tex"))


@pytest.mark.parametrize(
    ("claimed", "comparison", "measure"),
    [
        ({"contrast": {"NT-Xent, tuned": -1, "ArcCon, tuned": 1}}, "ArcCon, tuned − NT-Xent, tuned", "STS average"),
        ({"best": "ArcCon, tuned"}, "ArcCon, tuned − each other", "STS average"),
        (
            {"contrast": {"NT-Xent, tuned": -1, "ArcCon, tuned": 1}, "matched": "steps"},
            "ArcCon, tuned − NT-Xent, tuned",
            "steps to the other's best dev score",
        ),
    ],
)
def test_a_claim_of_a_row_that_could_not_be_tuned_is_undecided(tmp_path, monkeypatch, claimed, comparison, measure):
    monkeypatch.chdir(tmp_path)
    claims = {"tuned": {"claim": "ArcCon is better", "source": "a test", "study": "tuned"} | claimed}
    before = made_config(tmp_path, {"tuned": made_tuned.STUDY}, seeds=[0, 1, 2])
    gone = {run.id: 3 for trial in before.trials("tuned")["tiny", "ArcCon"] for run in trial.runs}
    config, made = made_tuned.made_tuned(tmp_path, made_tuned.STUDY, gone, claims=claims)
    views = {"tuned": build.study_view(config, "tuned", made)}
    (line,) = settle(config, views, made.scores, made.histories).to_dict("records")
    assert (line["verdict"], line["comparison"], line["measure"]) == ("undecided", comparison, measure)
    assert line["text"] == "undecided: ArcCon, tuned: every trial diverged"
