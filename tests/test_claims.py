"""A config's claims: what they may name, and how a wrong one is told."""

import copy
from pathlib import Path

import pytest
import yaml

from arccse import config as configs
from arccse.errors import InputError

ROOT = Path(__file__).parent.parent
SMOKE = yaml.load((ROOT / "config" / "smoke.yaml").read_text(), Loader=configs.UniqueKeys)
GAIN = {"claim": "ArcCSE is better", "source": "a paper", "study": "main", "contrast": {"SimCSE": -1, "ArcCSE": 1}}


def load(tmp_path: Path, claim: dict, **keys) -> configs.Config:
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(SMOKE | {"claims": {"gain": claim}} | keys, sort_keys=False))
    return configs.load(path)


@pytest.mark.parametrize("name", ["smoke", "laptop", "paper"])
def test_the_repositorys_claims_name_what_is_there(name):
    claims = configs.load(ROOT / "config" / f"{name}.yaml").claims
    assert claims
    assert all(claim.source for claim in claims.values())


def test_the_papers_claims_are_laptops_too():
    laptop, paper = (configs.load(ROOT / "config" / f"{name}.yaml").claims for name in ("laptop", "paper"))
    assert {claim.claim for claim in paper.values()} == {claim.claim for claim in laptop.values()}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"study": "mian"}, ["claims.gain.study", "no study 'mian'", "did you mean 'main'?"]),
        ({"contrast": {"SimCSE": -1, "ArcCES": 1}}, ["claims.gain", "no variant 'ArcCES'", "did you mean 'ArcCSE'?"]),
        ({"contrast": {"SimCSE": 1, "ArcCSE": 1}}, ["claims.gain", "sum to 0"]),
        ({"contrast": {"SimCSE": 0, "ArcCSE": 0}}, ["claims.gain", "none may be 0"]),
        ({"contrast": {}}, ["claims.gain", "either 'contrast' or 'best'"]),
        ({"best": "ArcCSE"}, ["claims.gain", "either 'contrast' or 'best'"]),
        ({"suite": "stss"}, ["claims.gain.suite", "did you mean 'sts'?"]),
        ({"suite": "order"}, ["claims.gain.suite", "study 'main' is not scored on order"]),
        ({"task": "STS11"}, ["claims.gain.task", "no column 'STS11'"]),
        ({"direction": "better"}, ["claims.gain.direction", "'higher'", "'better'"]),
        ({"direction": "not lower"}, ["claims.gain.direction", "needs an 'equivalence'"]),
        ({"equivalence": 0}, ["claims.gain.equivalence", "greater than 0"]),
        ({"matched": "alignment", "suite": "sts"}, ["claims.gain", "'matched' takes no suite"]),
        (
            {"matched": "alignment", "contrast": {"SimCSE": -2, "ArcCSE": 2}},
            ["claims.gain", "'matched' takes no suite"],
        ),
        ({"claim": "two\nlines"}, ["claims.gain.claim", "one line of text"]),
        ({"source": None}, ["claims.gain.source"]),
    ],
)
def test_a_wrong_claim_is_named(tmp_path, change, expected):
    with pytest.raises(InputError) as error:
        load(tmp_path, GAIN | change, equivalence=None)
    for part in expected:
        assert part in str(error.value)


def test_a_study_can_not_take_the_claims_place(tmp_path):
    content = copy.deepcopy(SMOKE["studies"]) | {"claims": SMOKE["studies"]["main"]}
    with pytest.raises(InputError, match=r"studies\.claims: a part of the report is called so"):
        load(tmp_path, GAIN, studies=content)


def test_claims_move_no_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where nothing is tuned yet
    assert set(load(tmp_path, GAIN, equivalence=0.3).runs()) == set(configs.load(ROOT / "config/smoke.yaml").runs())


def test_another_wording_is_the_same_claim(tmp_path):
    ((first,), (worded,), (turned,)) = (
        load(tmp_path, GAIN | change).claims.values()
        for change in ({}, {"claim": "It is better", "source": "another"}, {"direction": "lower"})
    )
    assert first.digest == worded.digest != turned.digest
