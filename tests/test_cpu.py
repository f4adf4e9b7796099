"""Dropout and attention for CPUs against torch's own."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from arccse.cpu import CPUKernels, attention, dropout

P = 0.1


def tensors(*shapes, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator, dtype=torch.float64, requires_grad=True) for shape in shapes]


def test_dropout_keeps_or_scales_each_element_and_its_gradient():
    torch.manual_seed(0)
    (x,) = tensors((50, 41))
    y = dropout(x, P)
    kept = y != 0
    torch.testing.assert_close(y[kept], x[kept] / (1 - P), rtol=1e-4, atol=0)  # p is a multiple of 2⁻¹⁶
    y.sum().backward()
    torch.testing.assert_close(x.grad, y.detach() / x.detach())


@pytest.mark.parametrize("p", [0.01, 0.1, 0.5, 0.9])
def test_dropout_drops_the_share_that_it_says_and_keeps_the_mean(p):
    torch.manual_seed(1)
    n = 1_000_003
    y = dropout(torch.ones(n, dtype=torch.float64), p)
    bound = 4.5 * math.sqrt(p * (1 - p) / n)  # 4.5 standard errors: one test in 100,000 fails by chance
    assert abs((y == 0).double().mean().item() - p) < bound + 2**-17  # and p's rounding
    assert abs(y.mean().item() - 1) < bound / (1 - p)


def test_neighbouring_decisions_are_independent():
    """The four that share a draw, among others: the share of pairs that are both dropped is p²."""
    torch.manual_seed(2)
    dropped = (dropout(torch.ones(400_000), P) == 0).double()
    for distance in (1, 2, 3, 4):
        both = (dropped[:-distance] * dropped[distance:]).mean().item()
        assert both == pytest.approx(P * P, abs=4.5 * math.sqrt(P * P / 400_000))


def test_dropout_follows_torchs_seed_and_does_nothing_at_zero():
    x = torch.randn(7, 5)
    torch.manual_seed(3)
    first = dropout(x, P)
    torch.manual_seed(3)
    assert torch.equal(first, dropout(x, P))
    assert dropout(x, 0.0) is x


@pytest.mark.parametrize("mask", ["none", "boolean", "additive"])
def test_attention_is_torchs(mask):
    q, k, v = tensors((2, 3, 5, 4), (2, 3, 5, 4), (2, 3, 5, 4))
    attended = torch.tensor([[True] * 5, [True, True, True, False, False]])[:, None, None, :]
    masks = {"none": None, "boolean": attended, "additive": torch.zeros(2, 1, 1, 5).masked_fill(~attended, -1e9)}
    chosen = masks[mask] if masks[mask] is None or mask == "boolean" else masks[mask].double()
    ours, theirs = attention(q, k, v, chosen, 0.0, None), F.scaled_dot_product_attention(q, k, v, chosen)
    torch.testing.assert_close(ours, theirs)
    for x in (q, k, v):
        (a,), (b,) = (torch.autograd.grad(y.sin().sum(), x, retain_graph=True) for y in (ours, theirs))
        torch.testing.assert_close(a, b)
    torch.testing.assert_close(
        attention(q, k, v, chosen, 0.0, 0.3), F.scaled_dot_product_attention(q, k, v, chosen, scale=0.3)
    )


def test_the_mode_replaces_dropout_in_training_only():
    layer, x = nn.Dropout(P), torch.ones(1000)
    torch.manual_seed(4)
    expected = dropout(x, P)
    with CPUKernels():
        torch.manual_seed(4)
        assert torch.equal(layer(x), expected)
        assert torch.equal(layer.eval()(x), x)
    torch.manual_seed(4)
    assert not torch.equal(layer.train()(x), expected)  # torch draws otherwise


def test_the_mode_replaces_attention_and_refuses_a_causal_one():
    q, k, v = tensors((1, 2, 4, 8), (1, 2, 4, 8), (1, 2, 4, 8))
    torch.manual_seed(5)
    expected = attention(q, k, v, None, P, None)
    with CPUKernels():
        torch.manual_seed(5)
        assert torch.equal(F.scaled_dot_product_attention(q, k, v, dropout_p=P), expected)
        with pytest.raises(ValueError, match="causal"):
            F.scaled_dot_product_attention(q, k, v, is_causal=True)
