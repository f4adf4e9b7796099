"""Whitening: its covariance, an independent implementation, and the encoder that has it, saved and read back."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tiny
from families import POSITIONS, SENTENCES
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from sklearn.decomposition import PCA

from arccse import whitening
from arccse.encoder import Encoder, load_encoder
from arccse.errors import InputError
from arccse.models import POOLINGS, origin
from arccse.whitening import fit, whiten

CORPUS = tiny.sentences(200)


def drawn(n: int, d: int, seed: int) -> np.ndarray:
    """Correlated float32 rows off the origin, in a narrow cone as a language model's are."""
    rng = np.random.default_rng(seed)
    left, _, right = np.linalg.svd(rng.normal(size=(d, d)))
    spread = left * rng.uniform(0.1, 3, d) @ right
    return (rng.normal(size=(n, d)) @ spread + 5 * rng.normal(size=d)).astype(np.float32)


def apply(x: np.ndarray, fitted: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    mean, transform = fitted
    return (x - mean) @ transform


# the equations


@given(st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_whitened_embeddings_have_mean_0_and_covariance_1(d: int, seed: int) -> None:
    x = drawn(20 * d + 20, d, seed)
    z = apply(x, fit(x))
    np.testing.assert_allclose(z.mean(0), np.zeros(d), atol=1e-6)
    np.testing.assert_allclose(z.T @ z / len(z), np.eye(d), atol=1e-6)


@given(st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_it_is_pca_with_whitening_but_for_the_turn(d: int, seed: int) -> None:
    """All inner products are scikit-learn's, whose variances are divided by n − 1."""
    x = drawn(20 * d + 20, d, seed)
    z, theirs = apply(x, fit(x)), PCA(whiten=True, svd_solver="full").fit_transform(x.astype(np.float64))
    np.testing.assert_allclose(z @ z.T, theirs @ theirs.T * len(x) / (len(x) - 1), atol=1e-4)


@given(st.integers(0, 2**32 - 1))
def test_moving_and_stretching_the_space_beforehand_changes_no_inner_product(seed: int) -> None:
    x = drawn(200, 6, seed).astype(np.float64)
    y = x * np.array([0.1, 0.5, 1, 2, 3, 10]) + 7
    z, w = apply(x, fit(x)), apply(y, fit(y))
    np.testing.assert_allclose(z @ z.T, w @ w.T, atol=1e-6)


def test_a_direction_without_variance_but_rounding_is_left_out() -> None:
    """A layer norm's output lies in a plane, to float32's rounding; blown up, that would be a direction of noise."""
    gain, shift = np.random.default_rng(0).uniform(0.5, 2, (2, 8))
    x = drawn(300, 8, 0)
    x = ((x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True) * gain + shift).astype(np.float32)
    z = apply(x, fit(x))
    np.testing.assert_allclose(np.linalg.eigvalsh(z.T @ z / len(z)), [0] + [1] * 7, atol=1e-6)
    plane = ((x.astype(np.float64) - shift) / gain).sum(1)
    assert 0 < np.abs(plane).max() < 1e-5


# an encoder that has one


@pytest.fixture
def text(tmp_path: Path) -> Path:
    (tmp_path / "corpus.txt").write_text("".join(f"{sentence}\n" for sentence in [*CORPUS, *CORPUS[:9]]))
    return tmp_path / "corpus.txt"


@pytest.mark.parametrize("pooling", POOLINGS)
def test_an_encoder_whitens_the_corpus_before_and_after_it_is_saved(
    family: Path, pooling: str, text: Path, tmp_path: Path
) -> None:
    encoder = load_encoder(str(family), pooling)
    plain, fingerprint = encoder.encode(SENTENCES), encoder.fingerprint()
    fitted = fit(encoder.encode(CORPUS))
    whiten(encoder, text)
    z = encoder.encode(CORPUS).astype(np.float64)
    variances = np.linalg.eigvalsh(np.cov(z.T, bias=True))
    assert np.abs(variances[variances > 0.5] - 1).max() < 1e-3
    assert np.abs(variances[variances <= 0.5]).max(initial=0) < 1e-10
    assert np.abs(z.mean(0)).max() < 1e-3
    rows = encoder.encode(SENTENCES)
    np.testing.assert_allclose(rows, apply(plain, fitted), atol=5e-3)
    assert encoder.fingerprint() != fingerprint

    encoder.save(tmp_path / "model")
    theirs = SentenceTransformer(str(tmp_path / "model"), device="cpu")
    texts = [*SENTENCES, "", "." * 2 * POSITIONS]
    np.testing.assert_allclose(theirs.encode(texts), encoder.encode(texts), atol=2e-3)
    for again in (load_encoder(str(tmp_path / "model"), pooling), load_encoder(str(tmp_path / "model"))):
        np.testing.assert_array_equal(again.encode(SENTENCES), rows)
        assert again.fingerprint() == encoder.fingerprint()


def test_it_replaces_the_one_that_was_there(tiny_models: Path, text: Path) -> None:
    once, twice = (load_encoder(str(tiny_models / "bert"), "mean") for _ in range(2))
    whiten(once, text)
    whiten(twice, text)
    whiten(twice, text)
    assert once.fingerprint() == twice.fingerprint()


def test_gradients_go_through_it_and_none_into_it(tiny_models: Path, text: Path) -> None:
    encoder = load_encoder(str(tiny_models / "bert"), "mean", dropout=0.0)
    whiten(encoder, text)
    batch = encoder.batch(encoder.token_ids(SENTENCES))
    z = encoder.train().forward_in_groups(*batch)
    np.testing.assert_allclose(z.detach().numpy(), encoder.encode(SENTENCES), atol=2e-3)
    z.sin().sum().backward()
    assert encoder.transformer.get_input_embeddings().weight.grad is not None
    assert all(parameter.grad is None for parameter in encoder.linear.parameters())


@pytest.mark.parametrize(("limit", "expected"), [(50, CORPUS[::4]), (200, CORPUS), (10_000, CORPUS)])
def test_distinct_sentences_are_taken_in_even_steps(
    tiny_models: Path, text: Path, limit: int, expected: list[str], monkeypatch
) -> None:
    seen: list[str] = []
    encode = Encoder.encode
    monkeypatch.setattr(Encoder, "encode", lambda self, sentences: seen.extend(sentences) or encode(self, sentences))
    monkeypatch.setattr(whitening, "SENTENCES", limit)
    whiten(load_encoder(str(tiny_models / "bert"), "mean"), text)
    assert seen == expected


def test_a_corpus_with_fewer_sentences_than_dimensions_is_refused(tiny_models: Path, tmp_path: Path) -> None:
    encoder, small = load_encoder(str(tiny_models / "bert"), "mean"), tmp_path / "small.txt"
    small.write_text("".join(f"{sentence}\n" for sentence in CORPUS[:32] * 2))
    with pytest.raises(InputError) as refused:
        whiten(encoder, small)
    assert str(refused.value) == (
        f"whitening: 32 dimensions take more than so many different sentences, and the corpus {small} has 32."
    )
    small.write_text("".join(f"{sentence}\n" for sentence in CORPUS[:33]))
    whiten(encoder, small)


@pytest.fixture
def whitened(tiny_models: Path, text: Path, tmp_path: Path) -> Path:
    encoder = load_encoder(str(tiny_models / "bert"), "cls")
    whiten(encoder, text)
    encoder.save(tmp_path / "whitened")
    return tmp_path / "whitened"


@pytest.mark.parametrize("pooling", ["mean", "first-last-avg"])
def test_another_pooling_is_refused(whitened: Path, pooling: str) -> None:
    for ask in (load_encoder, origin):
        with pytest.raises(InputError) as refused:
            ask(str(whitened), pooling)
        assert str(refused.value) == (
            f"Model '{whitened}' has a linear layer (a whitening, a head) for cls pooling, which fits no other, "
            f"so that it can't pool by {pooling}."
        )


def test_an_origin_covers_it(whitened: Path) -> None:
    before = origin(str(whitened), "cls")
    assert origin(str(whitened), None) == before
    weights = load_file(whitened / "2_Dense" / "model.safetensors")
    save_file(weights | {"linear.bias": weights["linear.bias"] + 1}, whitened / "2_Dense" / "model.safetensors")
    assert origin(str(whitened), "cls").checksum != before.checksum


def test_of_two_layers_both_means_over_layers_are_the_same(text: Path, tmp_path: Path) -> None:
    folder = tiny.save_bert(tmp_path / "two")
    encoder = load_encoder(str(folder), "top2-avg")
    whiten(encoder, text)
    encoder.save(tmp_path / "model")
    for pooling in ("first-last-avg", "top2-avg"):
        again = load_encoder(str(tmp_path / "model"), pooling)
        np.testing.assert_array_equal(again.encode(SENTENCES), encoder.encode(SENTENCES))


def damage_cut(layer: Path) -> None:
    data = (layer / "model.safetensors").read_bytes()
    (layer / "model.safetensors").write_bytes(data[: len(data) // 2])


def damage_shape(layer: Path) -> None:
    weights = load_file(layer / "model.safetensors")
    save_file(weights | {"linear.weight": weights["linear.weight"][:, 1:].contiguous()}, layer / "model.safetensors")


def damage_bias(layer: Path) -> None:
    weights = load_file(layer / "model.safetensors")
    save_file(weights | {"linear.bias": weights["linear.bias"][1:].contiguous()}, layer / "model.safetensors")


@pytest.mark.parametrize(
    "damage",
    [
        damage_cut,
        damage_shape,
        damage_bias,
        lambda layer: (layer / "model.safetensors").unlink(),
        lambda layer: save_file({}, layer / "model.safetensors"),
        lambda layer: (layer / "config.json").write_text("{"),
    ],
    ids=["cut", "another width", "another bias", "missing", "empty", "config"],
)
def test_a_damaged_one_is_refused_by_name(whitened: Path, damage) -> None:
    damage(whitened / "2_Dense")
    with pytest.raises(InputError) as refused:
        load_encoder(str(whitened), "cls")
    assert str(whitened / "2_Dense") in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_layer_with_an_activation_is_none_of_ours(whitened: Path, tiny_models: Path) -> None:
    config = json.loads((whitened / "2_Dense" / "config.json").read_text())
    relu = config | {"activation_function": "torch.nn.modules.activation.ReLU"}
    (whitened / "2_Dense" / "config.json").write_text(json.dumps(relu))
    assert load_encoder(str(whitened), "mean").linear is None
    shutil.rmtree(whitened / "2_Dense")
    assert load_encoder(str(whitened), "cls").linear is None
