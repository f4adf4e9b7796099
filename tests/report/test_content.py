"""What the page says of a config's results: the first screen's sentences and lines."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_configs import made_config

from arccse.report import content, page
from arccse.report.tables import StudyView

CLAIM = {
    "claim": "gain",
    "sentence": "ArcCSE is above SimCSE",
    "source": "the article",
    "study": "main",
    "encoder": "MiniLM",
    "measure": "STS average",
    "comparison": "ArcCSE − SimCSE",
    "direction": "higher",
    "equivalence": 0.1,
    "verdict": "supported",
    "text": "supported",
    "difference": 0.5,
    "low": 0.25,
    "high": 0.75,
    "n": 7,
    "p": 0.001,
    "detectable": 0.3,
    "two_level_low": np.nan,
    "two_level_high": np.nan,
}
UNKNOWN = dict.fromkeys(("difference", "low", "high", "p", "detectable"), np.nan)


def settled(*changes: dict) -> pd.DataFrame:
    return pd.DataFrame([CLAIM | change for change in changes])


def test_the_answer_is_the_first_claim_and_the_count_of_verdicts() -> None:
    frame = settled({}, {"verdict": "undecided"}, {"verdict": "undecided"}, {"verdict": "equivalent"})
    assert content.answer(content.claimed(frame)) == (
        "ArcCSE is above SimCSE: supported, +0.50 points (0.25 to 0.75) over 7 seeds;"
        " of 4 claims, 1 supported, 1 equivalent, 2 undecided."
    )


def test_an_answer_without_an_interval_or_of_several_encoders() -> None:
    two_seeds = {"low": np.nan, "high": np.nan, "n": 2, "verdict": "undecided", "text": "undecided: 2 seeds"}
    alone = content.answer(content.claimed(settled(two_seeds)))
    assert alone == "ArcCSE is above SimCSE: undecided, +0.50 points over 2 seeds; of 1 claims, 1 undecided."
    nothing = content.answer(content.claimed(settled(UNKNOWN | {"n": 0, "verdict": "undecided"})))
    assert nothing == "ArcCSE is above SimCSE: undecided; of 1 claims, 1 undecided."
    several = content.answer(content.claimed(settled({}, {"encoder": "BERT"})))
    assert several == (
        "ArcCSE is above SimCSE: supported on MiniLM, +0.50 points (0.25 to 0.75) over 7 seeds;"
        " supported on BERT, +0.50 points (0.25 to 0.75) over 7 seeds; of 2 verdicts, 2 supported."
    )


def test_at_a_glance_a_sentence_is_one_row_with_its_verdict_on_each_encoder() -> None:
    other = {"sentence": "It is faster"}
    frame = settled({}, {"encoder": "BERT", "verdict": "undecided"}, {**other, "encoder": "BERT"}, {"study": "again"})
    found = content.across(content.claimed(frame))
    assert found is not None
    assert found.encoders == ["MiniLM", "BERT"]
    rows = [(sentence, [claim and (claim.verdict, claim.study) for claim in own]) for sentence, own in found.rows]
    assert rows == [
        ("ArcCSE is above SimCSE", [("supported", "main"), ("undecided", "main")]),
        ("ArcCSE is above SimCSE", [("supported", "again"), None]),
        ("It is faster", [None, ("supported", "main")]),
    ]
    assert content.across(content.claimed(settled({}, other))) is None


def test_claims_of_one_measure_share_a_scale_that_holds_each_interval() -> None:
    other = {"measure": "alignment", "low": -2.0, "difference": 0.0, "high": 1.0, "equivalence": None}
    frame = settled({}, {"difference": -0.5, "low": -1.0, "high": 0.0}, other, UNKNOWN)
    first, second, third, unknown = content.claimed(frame)
    assert (first.middle, first.low, first.high, first.margin) == (0.5, 0.25, 0.75, 0.1)
    assert (second.low, second.high) == (-1, 0)
    assert (third.low, third.high, third.margin) == (-1, 0.5, None)
    assert (unknown.middle, unknown.low, unknown.difference) == (None, None, "–")
    assert content.scales(frame).endswith("up to ± 1.00 for STS average; ± 2.00 for alignment.")
    assert content.scales(settled(UNKNOWN)) == ""


def test_claims_stand_encoder_by_encoder_and_say_what_is_compared() -> None:
    frame = settled({}, {"encoder": "BERT"}, {"text": "undecided: too few seeds"}, {"encoder": "BERT"})
    found = content.claimed(frame)
    assert [claim.encoder for claim in found] == ["MiniLM", "MiniLM", "BERT", "BERT"]
    assert found[0].details == {
        "Compared": "ArcCSE − SimCSE",
        "Claimed": "higher",
        "Measure": "STS average",
        "Whose": "the article",
        "p": "0.001",
        "Detectable": "0.30",
    }
    assert found[1].details["Verdict"] == "undecided: too few seeds"


def test_the_leading_figure_is_that_of_differences() -> None:
    figures = [page.Figure(name, "", None) for name in ("dev_scores-main", "forest-main")]  # type: ignore[arg-type]
    assert content.leading(figures) == figures[1]
    assert content.leading(figures[:1]) == figures[0]
    assert content.leading([]) is None


@pytest.mark.parametrize(
    ("steps", "said"),
    [([50, 50], "for 50 steps"), ([10, 1000], "10 to 1,000 steps"), ([0, 0], "Nothing was trained")],
)
def test_how_long_was_trained(steps: list[int], said: str) -> None:
    frame = pd.DataFrame({"hash": ["a", "a", "b", "b"], "seed": [0] * 4, "step": [0, steps[0], 0, steps[1]]})
    assert said in content.steps(frame)


def test_the_bounds_name_encoders_and_seeds(view: StudyView, tmp_path: Path) -> None:
    config = made_config(tmp_path, {"main": {"variants": {"SimCSE": {}}}})
    (name,) = config.encoders
    assert content.models(config) == f"One encoder: {name} ({config.encoders[name].model})."
    assert content.seeds({"main": view}) == "Seeds behind each trained row: 1 to 2."
    trained = replace(view, rows=view.rows[1:])
    assert content.seeds({"main": trained}) == "Seeds behind each trained row: 2."
    untrained = replace(view, rows=[replace(view.rows[0], settings={"epochs": 0})])
    assert content.seeds({"main": untrained}).startswith("No row is trained")
