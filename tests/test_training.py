"""The training loop against a plain one, its reproducibility, its selection and its log."""

import copy
import math
import signal
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import tiny
import torch
import torch.nn.functional as F
from transformers import AutoModel, AutoTokenizer, get_linear_schedule_with_warmup

from arccse import geometry, training
from arccse.batches import MASKS, drawn_negatives, rng, rows_of_steps, views_of
from arccse.checkpoint import Best, State
from arccse.data.readers import Pairs
from arccse.distributed import Processes
from arccse.encoder import load_encoder
from arccse.errors import Diverged, InputError, Interrupted
from arccse.evaluation.sts import cosine, spearman
from arccse.hyperparameters import OBJECTIVES, Hyperparameters
from arccse.masking import draw_masks
from arccse.meter import Meter
from arccse.training import CPU, backward, embed, linear_decay, losses_of, parameter_groups, train
from arccse.variants import Run, Variant

CORPUS = tiny.sentences(64)
FAST = {"batch_size": 8, "max_length": 16, "learning_rate": 1e-3, "eval_every": 3, "geometry_every": 2}


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return str(tiny.save_bert(tmp_path_factory.mktemp("models") / "bert"))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """The corpus' file and the folder for its token ids, as `train` takes them."""
    return corpus_of(tmp_path_factory.mktemp("corpus"), CORPUS)


def corpus_of(folder, sentences):
    (folder / "corpus.txt").write_text("".join(f"{sentence}\n" for sentence in sentences))
    return folder / "corpus.txt", folder / "tokens"


@pytest.fixture(scope="module")
def dev():
    first, second = CORPUS[:20], CORPUS[20:40]
    return Pairs(first, second, np.linspace(0, 5, 20), (0.0, 5.0))


def run_of(bert, seed=0, **hyperparameters):
    return Run(Variant(bert, None, "file:corpus", "dev", Hyperparameters(**(FAST | hyperparameters))), seed)


def weights(trained):
    return {name: tensor.clone() for name, tensor in trained.encoder.transformer.state_dict().items()}


def without_timings(history):
    return history.drop(columns="sentences_per_second")


# -------------------------------------------------------------------------------------- against a plain loop


def test_without_dropout_it_is_the_plain_simcse_loop(bert, corpus, dev):
    """Two separate forward passes, transformers' schedule, unfused AdamW: the recipe as SimCSE's script has it."""
    settings = {"dropout": 0.0, "head": "none", "weight_decay": 0.1, "warmup_ratio": 0.25, "max_steps": 8}
    settings |= {"eval_every": 8, "geometry_every": 8, "max_grad_norm": 0.5}
    trained = train(run_of(bert, **settings), *corpus, dev)

    tokenizer = AutoTokenizer.from_pretrained(bert)
    model = AutoModel.from_pretrained(bert, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0).train()
    start = copy.deepcopy(model.state_dict())
    decay = [p for p in model.parameters() if p.ndim > 1]
    rest = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": decay, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-3)
    schedule = get_linear_schedule_with_warmup(optimizer, num_warmup_steps=2, num_training_steps=8)
    losses = []
    for rows in rows_of_steps(len(CORPUS), 8, seed=0, done=0, steps=8):
        inputs = tokenizer(
            [CORPUS[i] for i in rows], padding=True, truncation=True, max_length=16, return_tensors="pt"
        )
        a, b = (F.normalize(model(**inputs).last_hidden_state[:, 0], dim=-1) for _ in range(2))
        loss = F.cross_entropy(a @ b.T / 0.05, torch.arange(8))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    assert trained.history["loss"].iloc[-1] == pytest.approx(np.mean(losses), rel=1e-4)
    for name, weight in model.state_dict().items():
        # as vectors: where a gradient is next to zero, Adam blows its rounding error up in single weights; the keys'
        # bias has none but such, since a softmax does not see it
        difference, movement = weights(trained)[name] - weight, weight - start[name]
        assert difference.norm() <= 1e-3 * movement.norm() or name.endswith("key.bias"), name


@pytest.mark.parametrize(("steps", "warmup"), [(10, 0), (10, 3), (1, 0), (7, 7)])
def test_learning_rate_is_that_of_transformers(steps, warmup):
    parameter = torch.nn.Parameter(torch.zeros(1))
    theirs = get_linear_schedule_with_warmup(torch.optim.SGD([parameter], lr=1.0), warmup, steps)
    for done in range(steps + 1):
        assert linear_decay(steps, warmup)(done) == pytest.approx(theirs.get_last_lr()[0])
        theirs.optimizer.step()
        theirs.step()


def test_biases_and_layer_norms_do_not_decay(bert):
    encoder = load_encoder(bert, "cls", head=True)
    decaying, other = parameter_groups(encoder, 0.1)
    names = {parameter: name for name, parameter in encoder.named_parameters()}
    assert decaying["weight_decay"] == 0.1
    assert other["weight_decay"] == 0.0
    assert all("bias" in names[p] or "LayerNorm" in names[p] for p in other["params"])
    assert not any("bias" in names[p] or "LayerNorm" in names[p] for p in decaying["params"])
    assert len(decaying["params"]) + len(other["params"]) == len(names)


def test_an_epoch_sees_each_sentence_once_in_an_order_of_its_own():
    drawn = list(rows_of_steps(corpus_size=26, batch_size=8, seed=3, done=0, steps=6))
    epochs = [np.concatenate(drawn[:3]), np.concatenate(drawn[3:])]
    for rows in epochs:
        assert len(set(rows)) == 24
        assert set(rows) <= set(range(26))
    assert not np.array_equal(*epochs)
    assert all(np.array_equal(a, b) for a, b in zip(drawn, rows_of_steps(26, 8, 3, 0, 6), strict=True))
    assert not np.array_equal(drawn[0], next(rows_of_steps(26, 8, 4, 0, 1)))


# ------------------------------------------------------------------------------------------------- the losses


class InMemory(list):
    """A corpus of token ids without a file."""

    def __getitem__(self, rows):
        return [list.__getitem__(self, row) for row in rows]


def views_and_losses(encoder, sentences, h):
    """The views of a batch of all the sentences at step 1 of seed 0, and their losses."""
    ids = InMemory(encoder.token_ids(sentences, h.max_length))
    views = views_of(encoder, [ids], np.arange(len(sentences)), h, seed=0, step=1)
    z = embed(encoder, views.input_ids, views.attention_mask, h)
    return views, losses_of(z, views.ordered, h, drawn_negatives(0, 1))


def losses_of_sentences(encoder, sentences, h):
    return views_and_losses(encoder, sentences, h)[1]


def test_the_two_views_differ_by_dropout_alone(bert):
    views, with_dropout = views_and_losses(
        load_encoder(bert, "cls", dropout=0.3).train(), CORPUS[:8], Hyperparameters()
    )
    without = losses_of_sentences(load_encoder(bert, "cls", dropout=0.0).train(), CORPUS[:8], Hyperparameters())
    assert torch.equal(views.input_ids[0], views.input_ids[1])
    assert with_dropout["loss"] > without["loss"]


def test_total_loss_is_pair_plus_weighted_triplet_of_the_rows_long_enough(bert):
    encoder = load_encoder(bert, "mean", dropout=0.0, head=True).train()
    h = Hyperparameters(triplet_weight=0.7, triplet_margin=0.3, pooling="mean", objective="arccon")
    sentences = ["dog", *CORPUS[:5]]
    losses = losses_of_sentences(encoder, sentences, h)
    torch.testing.assert_close(losses["loss"], losses["loss_pair"] + 0.7 * losses["loss_triplet"])

    input_ids, attention = encoder.batch(encoder.token_ids(sentences))
    special = torch.isin(input_ids, torch.tensor([encoder.tokenizer.cls_token_id, encoder.tokenizer.sep_token_id]))
    near, far = draw_masks(attention.bool() & ~special, 0.2, 0.4, rng(0, MASKS, 1))
    assert not near[0].any()  # one word piece cannot hold two spans
    expected = []
    for i in range(1, 6):
        z, z_near, z_far = (
            encoder.project(encoder(row.unsqueeze(0), attention[i : i + 1]))[0]
            for row in (
                input_ids[i],
                input_ids[i].masked_fill(near[i], encoder.tokenizer.mask_token_id),
                input_ids[i].masked_fill(far[i], encoder.tokenizer.mask_token_id),
            )
        )
        violation = F.cosine_similarity(z, z_far, dim=0) - F.cosine_similarity(z, z_near, dim=0) + 0.3
        expected.append(max(0.0, violation.item()))
    assert losses["loss_triplet"].item() == pytest.approx(np.mean(expected), abs=1e-5)


def test_a_batch_of_short_sentences_has_no_triplet_loss(bert):
    losses = losses_of_sentences(
        load_encoder(bert, "cls").train(), ["dog", "cat"], Hyperparameters(triplet_weight=1.0)
    )
    assert losses["loss_triplet"] == 0
    losses["loss"].backward()


@pytest.mark.parametrize("dropout_in_triplet", [False, True])
def test_dropout_in_the_triplet_branch_is_a_choice(bert, dropout_in_triplet):
    encoder = load_encoder(bert, "cls", dropout=0.3).train()
    h = Hyperparameters(triplet_weight=1.0, triplet_margin=1.0, triplet_dropout=dropout_in_triplet)
    twice = [losses_of_sentences(encoder, CORPUS[:8], h)["loss_triplet"].item() for _ in range(2)]
    assert (twice[0] != twice[1]) == dropout_in_triplet
    assert encoder.training


def test_bf16_is_close_to_fp32_but_not_it(bert):
    encoder = load_encoder(bert, "cls", dropout=0.0).train()
    fp32, bf16 = (losses_of_sentences(encoder, CORPUS[:8], Hyperparameters(precision=p)) for p in ("fp32", "bf16"))
    assert bf16["loss"].dtype == torch.float32
    assert bf16["loss"] != fp32["loss"]
    torch.testing.assert_close(bf16["loss"], fp32["loss"], rtol=0.05, atol=0.05)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_dev_score_is_in_the_precision_of_the_training(bert, dev, precision):
    encoder = load_encoder(bert, "cls")
    meter = Meter(encoder, dev, Hyperparameters(precision=precision))
    meter.measure()
    rows = dict(zip(dev.sentences, encoder.encode(dev.sentences, precision=precision), strict=True))
    first, second = (torch.tensor(np.array([rows[text] for text in texts])) for texts in (dev.first, dev.second))
    positive = geometry.positives(dev.scores, dev.scale)
    expected = geometry.alignment(first[positive].double(), second[positive].double()).item()
    assert meter.rows[0]["alignment"] == pytest.approx(expected, rel=1e-9)  # 1e-3 apart in the two precisions


# -------------------------------------------------------------------------------------------- gradient caching


# With dropout off a positive would be its sentence, at whose angle 0 the slope is infinite: other sentences instead.
ARCCSE = Hyperparameters(objective="arccon", triplet_weight=0.5, triplet_margin=0.2, noise=1.0)


def gradients(bert, h, dropout, own=range(16)):
    """The gradient of a batch of 16 by parameter name, and the losses, in float64."""
    torch.manual_seed(0)
    encoder = load_encoder(bert, "cls", dropout=dropout, head=True).train().double()
    ids = InMemory(encoder.token_ids(CORPUS[:16]))
    views = views_of(encoder, [ids], np.arange(16), h, seed=0, step=1)
    generator = drawn_negatives(0, 1)
    losses = backward(encoder, views, own, h, lambda row: torch.manual_seed(100 + row), Processes(CPU), generator)
    found = {name: p.grad for name, p in encoder.named_parameters() if p.grad is not None}
    return found, {name: loss.item() for name, loss in losses.items()}


# Objectives that draw, that standardise over the batch, and that depend on its order.
OTHERS = ("gaussian_negatives", "barlow_twins", "mixed_negatives")


@pytest.mark.parametrize(
    ("h", "chunk_size"),
    [*((ARCCSE, size) for size in (1, 5, 8)), *((Hyperparameters(objective=name, noise=1.0), 5) for name in OTHERS)],
    ids=lambda value: value.objective if isinstance(value, Hyperparameters) else str(value),
)
def test_in_chunks_loss_and_gradient_are_those_of_the_whole_batch(bert, h, chunk_size):
    whole, losses = gradients(bert, h, dropout=0.0)
    chunked, losses_of_chunks = gradients(bert, h.model_copy(update={"chunk_size": chunk_size}), dropout=0.0)
    assert losses == pytest.approx(losses_of_chunks, rel=1e-9)
    assert whole.keys() == chunked.keys()
    for name, gradient in whole.items():
        torch.testing.assert_close(chunked[name], gradient, rtol=1e-6, atol=1e-9)


def test_both_passes_over_a_chunk_have_the_same_dropout(bert):
    """The gradient of the chunked loss under dropout is that of a graph through all chunks at once."""
    chunked, losses = gradients(bert, ARCCSE.model_copy(update={"chunk_size": 8}), dropout=0.3)
    torch.manual_seed(0)
    encoder = load_encoder(bert, "cls", dropout=0.3, head=True).train().double()
    views = views_of(encoder, [InMemory(encoder.token_ids(CORPUS[:16]))], np.arange(16), ARCCSE, seed=0, step=1)
    halves = []
    for start in (0, 8):
        torch.manual_seed(100 + start)
        half = slice(start, start + 8)
        halves.append(embed(encoder, views.input_ids[:, half], views.attention_mask[:, half], ARCCSE))
    loss = losses_of(torch.cat(halves, dim=1), views.ordered, ARCCSE, drawn_negatives(0, 1))["loss"]
    assert loss.item() == pytest.approx(losses["loss"], rel=1e-9)
    loss.backward()
    for name, parameter in encoder.named_parameters():
        if parameter.grad is not None:
            torch.testing.assert_close(chunked[name], parameter.grad, rtol=1e-6, atol=1e-9)


# ------------------------------------------------------------------------------------------------ whole runs


def test_same_seed_same_numbers_whatever_ran_before(bert, corpus, dev):
    arccse = {"objective": "arccon", "triplet_weight": 0.1, "max_steps": 6}
    once = train(run_of(bert, **arccse), *corpus, dev)
    train(run_of(bert, seed=5, max_steps=2), *corpus, dev)
    torch.rand(7)
    again = train(run_of(bert, **arccse), *corpus, dev)
    assert without_timings(once.history).equals(without_timings(again.history))
    assert once.encoder.fingerprint() == again.encoder.fingerprint()


def test_a_resumed_training_draws_the_negatives_that_it_would_have_drawn(bert, corpus, dev, tmp_path):
    run = run_of(bert, objective="gaussian_negatives", max_steps=6)
    whole = train(run, *corpus, dev)
    state, stop = State(tmp_path / "state.safetensors", {}, minutes=100), SimpleNamespace(received=None)

    def stop_after_two(step, steps, rows):
        stop.received = signal.SIGTERM if step == 2 else None

    with pytest.raises(Interrupted, match="stopped after step 3 of 6"):
        train(run, *corpus, dev, stop_after_two, state, stop)
    torch.rand(5)
    resumed = train(run, *corpus, dev, state=state)
    assert without_timings(resumed.history).equals(without_timings(whole.history))
    assert resumed.encoder.fingerprint() == whole.encoder.fingerprint()


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_every_objective_trains_with_the_triplet_beside_it(bert, corpus, dev, name):
    settings = {"objective": name, "triplet_weight": 0.5, "triplet_margin": 0.3, "precision": "bf16", "max_steps": 4}
    history = train(run_of(bert, **settings), *corpus, dev).history.iloc[1:]
    assert np.isfinite(history.to_numpy(dtype=float)).all()
    np.testing.assert_allclose(history["loss"], history["loss_pair"] + 0.5 * history["loss_triplet"], rtol=1e-4)
    assert (history["loss_triplet"] > 0).all()


def test_another_seed_gives_other_numbers(bert, corpus, dev):
    first, second = (train(run_of(bert, seed=seed, max_steps=3), *corpus, dev) for seed in (0, 1))
    assert first.encoder.fingerprint() != second.encoder.fingerprint()


def test_the_checkpoint_with_the_best_dev_score_is_kept(bert, corpus, dev):
    trained = train(run_of(bert, max_steps=8, learning_rate=5e-3), *corpus, dev)
    history = trained.history.set_index("step")
    candidates = history.loc[[3, 6, 8], "dev_spearman"]
    assert trained.selected_step == candidates.idxmax()
    kept = spearman(cosine(trained.encoder.encode(dev.first), trained.encoder.encode(dev.second)), dev.scores)
    assert kept == pytest.approx(candidates.max(), abs=1e-4)


def test_selection_sees_the_dev_set_only(bert, corpus, dev):
    """Reversed ratings must turn the choice round, and may change nothing else."""
    run = run_of(bert, max_steps=8, learning_rate=5e-3)
    reversed_dev = Pairs(dev.first, dev.second, dev.scores[::-1].copy(), dev.scale)
    one, other = (train(run, *corpus, pairs).history for pairs in (dev, reversed_dev))
    assert one["loss"].equals(other["loss"])
    assert not one["dev_spearman"].equals(other["dev_spearman"])


def test_history_holds_step_zero_and_every_measured_step(bert, corpus, dev):
    history = train(run_of(bert, max_steps=7), *corpus, dev).history
    assert list(history["step"]) == [0, 2, 3, 4, 6, 7]
    assert history["loss"].isna().tolist() == [True] + [False] * 5
    assert history["learning_rate"].iloc[1:].is_monotonic_decreasing
    assert (history["sentences_per_second"].iloc[1:] > 0).all()


def test_geometry_is_that_of_the_dev_set(bert, corpus, dev):
    history = train(run_of(bert, max_steps=1), *corpus, dev).history
    encoder = load_encoder(bert, "cls")
    high = dev.scores > 4  # the top fifth of a scale from 0 to 5
    first = torch.from_numpy(encoder.encode([s for s, h in zip(dev.first, high, strict=True) if h])).double()
    second = torch.from_numpy(encoder.encode([s for s, h in zip(dev.second, high, strict=True) if h])).double()
    everything = torch.from_numpy(encoder.encode(sorted({*dev.first, *dev.second}))).double()
    assert history["alignment"].iloc[0] == pytest.approx(geometry.alignment(first, second).item(), rel=1e-5)
    assert history["uniformity"].iloc[0] == pytest.approx(geometry.uniformity(everything).item(), rel=1e-5)


def test_training_lowers_the_loss(bert, corpus, dev):
    history = train(run_of(bert, epochs=12, learning_rate=3e-3), *corpus, dev).history
    assert history["loss"].iloc[-1] < 0.7 * history["loss"].iloc[1]


def test_an_untrained_encoder_is_as_it_was(bert, corpus, dev):
    trained = train(run_of(bert, epochs=0), *corpus, dev)
    assert trained.encoder.fingerprint() == load_encoder(bert, "cls").fingerprint()
    assert list(trained.history["step"]) == [0]


def test_a_whitening_comes_behind_the_training_and_changes_nothing_of_it(bert, corpus, dev):
    """The same history and weights, whose embeddings of the corpus then have covariance 1; also without training."""
    for settings in ({"max_steps": 6}, {"epochs": 0}):
        plain, white = (train(run_of(bert, **settings, whitening=on), *corpus, dev) for on in (False, True))
        pd.testing.assert_frame_equal(without_timings(white.history), without_timings(plain.history))
        assert plain.encoder.linear is None
        for name, weight in weights(plain).items():
            assert torch.equal(weights(white)[name], weight)
        z = white.encoder.encode(CORPUS).astype(np.float64)
        varying = np.linalg.eigvalsh(np.cov(z.T, bias=True))[1:]  # a layer norm's output lies in a plane
        np.testing.assert_allclose(varying, np.ones(31), atol=1e-3)


def test_progress_is_told_each_step(bert, corpus, dev):
    told = []
    train(run_of(bert, max_steps=4), *corpus, dev, lambda *call: told.append(copy.copy(call)))
    assert [(step, steps) for step, steps, _ in told] == [(i, 4) for i in range(5)]
    assert [row["step"] for row in told[-1][2]] == [0, 2, 3, 4]


def test_a_corpus_smaller_than_a_batch_is_refused(bert, dev, tmp_path):
    with pytest.raises(InputError, match="5 sentences, fewer than batch_size = 8"):
        train(run_of(bert), *corpus_of(tmp_path, CORPUS[:5]), dev)


# ------------------------------------------------------------------------------------------------- divergence


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("learning_rate", 1e30, "learning_rate 1e+30 (published: 3e-05)"),
        ("weight_decay", 1e9, "weight_decay 1000000000.0 (published: 0.0)"),
    ],
)
def test_a_training_that_is_not_finite_says_at_which_step_and_with_which_settings(
    bert, corpus, dev, name, value, shown
):
    told = []
    with pytest.raises(Diverged) as caught:
        train(run_of(bert, epochs=4, **{name: value}), *corpus, dev, lambda *call: told.append(call))
    diverged = caught.value
    assert f"The training diverged at step {diverged.step}: " in diverged.message
    assert shown in diverged.message
    assert 0 < diverged.step <= diverged.history[-1]["step"] <= 32
    assert [row["step"] for row in diverged.history[:-1]] == [row["step"] for row in told[-1][2]]
    assert all(math.isfinite(row["dev_spearman"]) for row in diverged.history[:-1])


@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_the_step_that_is_named_is_the_first_that_is_not_finite(bert, corpus, dev, monkeypatch, what):
    """Though nothing is looked at before the measurement at step 9."""
    seen = []

    def faulty(z, *others):
        losses = losses_of(z, *others)
        seen.append(losses)
        if len(seen) == 5:
            # the root is 0, its slope infinite
            losses["loss"] = losses["loss"] + (math.nan if what == "loss" else (z * 0).sum().sqrt())
        return losses

    monkeypatch.setattr(training, "losses_of", faulty)
    with pytest.raises(Diverged, match=f"at step 5: its {what} is nan, with objective nt_xent"):
        train(run_of(bert, epochs=4, eval_every=9, geometry_every=9), *corpus, dev)
    assert len(seen) == 9


def test_counting_a_step_reads_nothing_from_the_device(bert, dev):
    """A tensor on `meta` has no value: reading it, which would make each step wait for a GPU, is an error."""
    meter = Meter(load_encoder(bert, "cls"), dev, Hyperparameters())
    for step in range(1, 4):
        loss = torch.ones((), device="meta")
        meter.add(step, 1e-3, {"loss": loss, "loss_pair": loss}, torch.ones((), device="meta"))
    assert meter.steps == 3


def test_an_encoder_that_gives_all_sentences_one_embedding_has_no_dev_score(bert, corpus, dev, tmp_path):
    model, tokenizer = AutoModel.from_pretrained(bert), AutoTokenizer.from_pretrained(bert)
    torch.nn.init.zeros_(model.encoder.layer[-1].output.LayerNorm.weight)
    torch.nn.init.ones_(model.encoder.layer[-1].output.LayerNorm.bias)
    for part in (model, tokenizer):
        part.save_pretrained(tmp_path)
    found = "at step 0: its dev score is not a number, since all dev pairs have the same cosine"
    with pytest.raises(Diverged, match=f"{found}, with objective nt_xent, "):
        train(run_of(str(tmp_path)), *corpus, dev)
    with pytest.raises(Diverged, match=f"{found}\\.$"):  # untrained: no setting has an effect
        train(run_of(str(tmp_path), epochs=0), *corpus, dev)


def test_a_state_that_is_not_finite_is_never_saved(bert, corpus, dev, tmp_path):
    """The weights overflow between two measurements, in which each step is saved."""
    state = State(tmp_path / "state.safetensors", {}, minutes=0)
    settings = {"epochs": 4, "weight_decay": 1e9, "eval_every": 32, "geometry_every": 32}
    with pytest.raises(Diverged) as caught:
        train(run_of(bert, **settings), *corpus, dev, state=state)
    encoder = load_encoder(bert, "cls", head=True)
    step, best, _ = state.load(encoder, torch.optim.AdamW(parameter_groups(encoder, 0.0)))
    assert 0 < step < caught.value.step
    assert best == Best()


@pytest.mark.parametrize(
    ("scores", "why"), [(np.full(20, 3.0), "have the rating 3"), (np.linspace(0, 3, 20), "no positives")]
)
def test_dev_pairs_that_choose_nothing_are_refused_before_work_starts(bert, dev, tmp_path, scores, why):
    with pytest.raises(InputError, match=f"dev.*{why}"):
        train(run_of(bert), tmp_path / "no corpus", tmp_path, Pairs(dev.first, dev.second, scores, dev.scale))
