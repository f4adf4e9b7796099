"""NT-Xent and its relatives: worked out by hand, and against sentence-transformers and pytorch-metric-learning."""

import math
from collections.abc import Callable

import pytest
import torch
from embeddings import embeddings, in_the_plane
from pytorch_metric_learning.losses import NTXentLoss
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from torch import Tensor

from arccse.objectives.softmax import dcl, dclw, joint, nt_xent, symmetric

# Pairs at 60° and 0°; at τ = 1/2 the logits 2 s_ij are 1, 0 and √3, 2.
Z, Z_POS, TAU = in_the_plane([0, 90]), in_the_plane([60, 90]), 0.5
ROOT3, E = math.sqrt(3), math.e


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


def test_nt_xent_worked_out_by_hand() -> None:
    assert nt_xent(Z, Z_POS, TAU).item() == pytest.approx((softplus(-1) + softplus(ROOT3 - 2)) / 2)


def test_one_sentence_has_no_negatives_and_no_loss() -> None:
    assert nt_xent(in_the_plane([0]), in_the_plane([50]), TAU).item() == 0


def test_further_rows_of_positives_are_negatives() -> None:
    z, z_pos = in_the_plane([0]), in_the_plane([60, 90, 180])
    assert nt_xent(z, z_pos, TAU).item() == pytest.approx(math.log(E + 1 + E**-2) - 1)


def test_symmetric_worked_out_by_hand() -> None:
    rows, columns = softplus(-1) + softplus(ROOT3 - 2), softplus(ROOT3 - 1) + softplus(-2)
    assert symmetric(Z, Z_POS, TAU).item() == pytest.approx((rows + columns) / 4)


def test_joint_worked_out_by_hand() -> None:
    # sentences are at 90° of each other, positives at 30°: logits 0 and √3 beside s_ij and s_ji
    first = math.log(math.e + 1 + math.e + math.exp(ROOT3) + 1 + math.exp(ROOT3)) - 1
    second = math.log(math.exp(ROOT3) + E**2 + 1 + E**2 + 1 + math.exp(ROOT3)) - 2
    assert joint(Z, Z_POS, TAU).item() == pytest.approx((first + second) / 2)


def test_dcl_worked_out_by_hand() -> None:
    assert dcl(Z, Z_POS, TAU).item() == pytest.approx(((0 - 1) + (ROOT3 - 2)) / 2)


def test_dclw_worked_out_by_hand() -> None:
    # at σ = 1/2 the softmax of (1, 2): weights 2e/(1 + e) and 2/(1 + e)
    first, second = 2 * E / (1 + E), 2 / (1 + E)
    assert dclw(Z, Z_POS, TAU, 0.5).item() == pytest.approx(((0 - first * 1) + (ROOT3 - second * 2)) / 2)


def test_the_weights_are_held_and_even_out_as_sigma_grows() -> None:
    z, z_pos = (x.requires_grad_() for x in embeddings(1, 8))
    even, plain = dclw(z, z_pos, TAU, 1e9), dcl(z, z_pos, TAU)
    torch.testing.assert_close(even, plain)
    torch.testing.assert_close(torch.autograd.grad(even, (z, z_pos)), torch.autograd.grad(plain, (z, z_pos)))


def ranking(**options: object) -> Callable[[Tensor, Tensor, float], Tensor]:
    def loss(z: Tensor, z_pos: Tensor, tau: float) -> Tensor:
        peer = MultipleNegativesRankingLoss(torch.nn.Identity(), scale=1 / tau, **options)
        return peer.compute_loss_from_embeddings([z, z_pos], torch.empty(0))

    return loss


def metric_learning(z: Tensor, z_pos: Tensor, tau: float) -> Tensor:
    """NTXentLoss, whose default is cosines, with positives and negatives among the reference embeddings alone.

    Labels that are the same object would say that row i of both is the same thing, and leave it out.
    """
    labels = torch.arange(len(z))
    return NTXentLoss(temperature=tau)(z, labels, ref_emb=z_pos, ref_labels=labels.clone())


EVERYWHERE = ("query_to_doc", "query_to_query", "doc_to_query", "doc_to_doc")
BOTH = ("query_to_doc", "doc_to_query")


@pytest.mark.parametrize("tau", [0.05, 0.07, 1.0])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        pytest.param(nt_xent, ranking(), id="nt_xent, sentence-transformers"),
        pytest.param(nt_xent, metric_learning, id="nt_xent, pytorch-metric-learning"),
        pytest.param(symmetric, ranking(directions=BOTH, partition_mode="per_direction"), id="symmetric"),
        pytest.param(joint, ranking(directions=EVERYWHERE), id="joint"),
    ],
)
def test_value_and_gradient_are_those_of_a_library(
    ours: Callable[..., Tensor], theirs: Callable[..., Tensor], tau: float
) -> None:
    z, z_pos = (x.requires_grad_() for x in embeddings(2, 16))
    mine, peer = ours(z, z_pos, tau), theirs(z, z_pos, tau)
    torch.testing.assert_close(mine, peer)
    torch.testing.assert_close(torch.autograd.grad(mine, (z, z_pos)), torch.autograd.grad(peer, (z, z_pos)))
