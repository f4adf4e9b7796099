"""Losses of sentence-transformers as objectives, by import path: which work, and why others don't."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch
import yaml
from embeddings import embeddings
from sentence_transformers.sentence_transformer import losses

from arccse import code, config
from arccse.data.readers import Pairs
from arccse.errors import InputError
from arccse.hyperparameters import Hyperparameters, layered
from arccse.objectives import outside, pair_loss
from arccse.training import train
from arccse.variants import Run, Variant

LOSSES = "sentence_transformers.sentence_transformer.losses"
RANKING = f"{LOSSES}.MultipleNegativesRankingLoss"


def loss_of(path, z, z_pos, **arguments):
    return pair_loss(path, z, z_pos, dict(Hyperparameters(objective=path, arguments=arguments)))


def test_ranking_is_nt_xent_in_value_and_gradient():
    z, z_pos = (x.requires_grad_() for x in embeddings(2, 6))
    theirs = loss_of(RANKING, z, z_pos, scale=10.0)
    ours = pair_loss("nt_xent", z, z_pos, {"temperature": 0.1})
    torch.testing.assert_close(theirs, ours)
    for one, other in zip(
        torch.autograd.grad(theirs, (z, z_pos)), torch.autograd.grad(ours, (z, z_pos)), strict=True
    ):
        torch.testing.assert_close(one, other)


def test_a_loss_of_several_parts_is_their_sum():
    z, z_pos = embeddings(2, 6)
    parts = losses.GlobalOrthogonalRegularizationLoss(outside.Given()).compute_loss_from_embeddings([z, z_pos])
    assert len(parts) == 2
    assert loss_of(f"{LOSSES}.GlobalOrthogonalRegularizationLoss", z, z_pos) == sum(parts.values())


def test_bfloat16_embeddings_are_widened():
    z, z_pos = (x.bfloat16() for x in embeddings(2, 6))
    assert loss_of(RANKING, z, z_pos) == loss_of(RANKING, z.float(), z_pos.float())


def test_each_of_theirs_works_or_is_refused_in_one_sentence():
    working, refused = set(), {}
    for name in losses.__all__:
        try:
            outside.check(f"{LOSSES}.{name}", {})
            working.add(name)
        except InputError as error:
            refused[name] = str(error)
    assert working == {
        "MultipleNegativesRankingLoss",
        "MultipleNegativesSymmetricRankingLoss",
        "GlobalOrthogonalRegularizationLoss",
    }
    assert all(name in said and "\n" not in said for name, said in refused.items())
    reasons = {
        "GISTEmbedLoss": "needs 'guide', which is not among its 'arguments'",
        "MatryoshkaLoss": "needs 'loss'",
        "CachedMultipleNegativesRankingLoss": "chunk_size does so here",
        "MegaBatchMarginLoss": "chunk_size does so here",
        "ContrastiveTensionLossInBatchNegatives": "weights of its own",
        "TripletLoss": "alone, which is all that there is here",
        "CosineSimilarityLoss": "alone, which is all that there is here",
        "SiameseDistanceMetric": "no loss",
    }
    for name, reason in reasons.items():
        assert reason in refused[name], refused[name]


def test_arguments_can_make_one_work():
    outside.check(f"{LOSSES}.MegaBatchMarginLoss", {"use_mini_batched_version": False})


@pytest.mark.parametrize(
    ("path", "arguments", "said"),
    [
        (f"{LOSSES}.MultipleNegativesRankngLoss", {}, "did you mean 'MultipleNegativesRankingLoss'?"),
        ("sentence_transformers.loses.X", {}, "can't be imported: No module named 'sentence_transformers.loses'."),
        ("no_such_package.Loss", {}, "can't be imported: No module named 'no_such_package'."),
        (RANKING, {"scal": 1}, "takes no argument 'scal'; did you mean 'scale'?"),
        (RANKING, {"scale": -1}, "with arguments {'scale': -1} and no encoder: Scale must be a positive value."),
        (RANKING, {"scale": "much"}, "with arguments {'scale': 'much'} and no encoder"),
        ("math.cos", {}, "no loss"),
    ],
)
def test_mistakes_are_answered(path, arguments, said):
    with pytest.raises(InputError) as raised:
        outside.check(path, arguments)
    assert said in str(raised.value)


OWN = """
import torch

class Squared(torch.nn.Module):
    def __init__(self, model, weight=1.0):
        super().__init__()
        self.model, self.weight = model, weight

    def forward(self, sentence_features, labels):
        z, z_pos = (self.model(features)["sentence_embedding"] for features in sentence_features)
        return self.weight * (z - z_pos).square().mean()

class Flat(Squared):
    def forward(self, sentence_features, labels):
        return super().forward(sentence_features, labels) * 0

class Drawn(Squared):
    def forward(self, sentence_features, labels):
        return super().forward(sentence_features, labels) * torch.rand(())
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with losses of the user's own, on the path."""
    file = tmp_path / "my_losses.py"
    file.write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield file
    sys.modules.pop("my_losses", None)
    outside.made.cache_clear()


def test_a_loss_of_ones_own(own):
    z, z_pos = embeddings(2, 6)
    outside.check("my_losses.Squared", {"weight": 2.0})
    assert loss_of("my_losses.Squared", z, z_pos, weight=2.0) == 2 * (z - z_pos).square().mean()
    with pytest.raises(InputError, match="gives embeddings without labels no gradient"):
        outside.check("my_losses.Flat", {})
    with pytest.raises(InputError, match="draws random numbers"):
        outside.check("my_losses.Drawn", {})


def variant(bert="bert", **settings):
    return Variant(bert, None, "file:corpus", "dev", Hyperparameters(**settings))


def test_its_identity_is_path_and_arguments_and_no_temperature():
    plain, scaled = variant(objective=RANKING), variant(objective=RANKING, arguments={"scale": 10.0})
    assert plain.name == scaled.name == "MultipleNegativesRankingLoss"
    assert plain.hash != scaled.hash
    assert plain.hash == variant(objective=RANKING, temperature=0.2, margin=3.0).hash
    assert variant(arguments={"scale": 10.0}).hash == variant().hash


def test_its_code_is_ours_and_all_of_its_package(own):
    ours, theirs = code.of_training(variant()), code.of_training(variant(objective="my_losses.Squared"))
    assert "my_losses" in theirs.parts
    own.write_text(OWN + "\n# other code\n")
    changed = code.of_training(variant(objective="my_losses.Squared"))
    assert changed.digest != theirs.digest
    assert changed.changed(theirs.parts) == ["my_losses"]
    assert code.of_training(variant()) == ours
    ranking = code.of_training(variant(objective=RANKING))
    assert [name for name in ranking.parts if name.startswith("sentence_transformers ")]
    assert "objectives.softmax" not in ranking.parts
    with pytest.raises(InputError, match="no package 'gone'"):
        code.of_training(variant(objective="gone.Loss"))


def test_a_training_with_it_is_a_training_with_nt_xent(tmp_path):
    bert = str(tiny.save_bert(tmp_path / "bert"))
    text = tmp_path / "corpus.txt"
    text.write_text("".join(f"{sentence}\n" for sentence in tiny.sentences(32)))
    dev = Pairs(tiny.sentences(10), tiny.sentences(20)[10:], np.linspace(0, 5, 10), (0.0, 5.0))
    fast = {"batch_size": 8, "max_length": 16, "max_steps": 3, "eval_every": 3, "geometry_every": 1, "dropout": 0.0}
    theirs = {"objective": RANKING, "arguments": {"scale": 20}}
    found = []
    for settings in ({}, theirs, theirs | {"chunk_size": 4}):
        run = Run(variant(bert, **fast, learning_rate=1e-3, noise=0.5, **settings), 0)
        found.append(train(run, text, tmp_path / "tokens", dev).history["loss"].dropna().to_numpy())
    assert len(set(found[0])) == 3
    np.testing.assert_allclose(found[1], found[0], rtol=1e-4)
    np.testing.assert_allclose(found[2], found[0], rtol=1e-4)


def test_the_pages_variant_is_one(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "losses.md").read_text()
    (variants,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    content = yaml.safe_load((Path(__file__).parents[2] / "config" / "smoke.yaml").read_text())
    content["studies"] = {"main": {"title": "A study", "variants": {"SimCSE": {}} | yaml.safe_load(variants)}}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(content | {"claims": {}}))
    (gte,) = [row for row in config.load(tmp_path / "mine.yaml").rows("main") if row.label == "GTE"]
    z, z_pos = embeddings(2, 6)
    h = gte.variant.hyperparameters
    loss, own = pair_loss(h.objective, z, z_pos, dict(h)), pair_loss("joint", z, z_pos, {"temperature": 0.05})
    torch.testing.assert_close(loss, own)  # which is GTE's, too


def test_a_config_is_refused_before_any_work(tmp_path):
    content = yaml.safe_load((Path(__file__).parents[2] / "config" / "smoke.yaml").read_text())
    content["studies"] = {"main": {"title": "A study", "variants": {"SimCSE": {}, "theirs": {"objective": RANKING}}}}
    content["claims"] = {}
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(content))
    (_, theirs) = config.load(file).rows("main")
    assert theirs.variant.name == "MultipleNegativesRankingLoss"
    content["studies"]["main"]["variants"]["theirs"]["objective"] = f"{LOSSES}.GISTEmbedLoss"
    file.write_text(yaml.safe_dump(content))
    with pytest.raises(InputError, match=r"studies.main: 'theirs': objective '.*GISTEmbedLoss' needs 'guide'"):
        config.load(file)


@pytest.mark.parametrize("arguments", [{"scale": float("nan")}, {"day": __import__("datetime").date(2026, 1, 1)}])
def test_arguments_are_what_a_record_can_hold(arguments):
    with pytest.raises(InputError, match=r"training\.arguments: must be names with"):
        layered({"training": {"arguments": arguments}})
