"""The streams of random numbers that a training draws from: each can be fixed while the others follow the seed."""

import pytest
import tiny
import torch

from arccse.data.readers import Pairs
from arccse.errors import InputError
from arccse.hyperparameters import STREAMS, Hyperparameters, layered
from arccse.training import train
from arccse.variants import Run, Variant

ALL_DRAWN = {"objective": "gaussian_negatives", "triplet_weight": 1.0, "triplet_margin": 0.5, "noise": 0.5}
FAST = {"batch_size": 8, "max_length": 16, "learning_rate": 1e-3, "max_steps": 3}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A function: the weights that a tiny training leaves, of a seed and the streams that follow it."""
    folder = tmp_path_factory.mktemp("streams")
    bert, text = str(tiny.save_bert(folder / "bert")), folder / "corpus.txt"
    sentences = tiny.sentences(64)
    text.write_text("".join(f"{sentence}\n" for sentence in sentences))
    dev = Pairs(sentences[:20], sentences[20:40], torch.linspace(0, 5, 20).numpy(), (0.0, 5.0))

    def of(seed, streams):
        h = Hyperparameters(**FAST, **ALL_DRAWN, streams=streams)
        trained = train(Run(Variant(bert, None, "file:corpus", "dev", h), seed), text, folder / "tokens", dev)
        return torch.cat([tensor.flatten() for tensor in trained.encoder.transformer.state_dict().values()])

    return of


@pytest.mark.parametrize("stream", STREAMS)
def test_one_stream_alone_makes_runs_differ_and_the_others_stay_as_with_seed_zero(weights, stream):
    zero = weights(0, STREAMS)
    assert torch.equal(weights(0, [stream]), zero)
    assert not torch.equal(weights(1, [stream]), zero)
    assert not torch.equal(weights(1, [stream]), weights(2, [stream]))


@pytest.mark.parametrize("stream", STREAMS)
def test_with_one_stream_fixed_the_others_still_make_runs_differ(weights, stream):
    others = [one for one in STREAMS if one != stream]
    assert not torch.equal(weights(1, others), weights(2, others))
    assert not torch.equal(weights(1, others), weights(1, STREAMS))


def test_a_run_is_named_by_the_streams_that_it_draws_from():
    def named(**settings):
        return Hyperparameters(**settings).canonical()

    assert "streams" not in named()
    assert named(streams=["head", "order", "dropout"]) == named()  # nothing else is drawn
    assert named(streams=["order", "masks"])["streams"] == ["order"]
    assert named(streams=["masks"], triplet_weight=0.1)["streams"] == ["masks"]
    assert named(streams=["order", "head"]) == named(streams=["head", "order"])
    assert named(streams=["head"], head="none")["streams"] == []


@pytest.mark.parametrize("streams", [[], ["hed"], "head", [1], [["head"]]])
def test_other_streams_are_refused(streams):
    with pytest.raises(InputError, match=r"here\.streams: must be a list of some of head, order, masks"):
        layered({"here": {"streams": streams}})
