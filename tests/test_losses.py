"""The losses for sentence-transformers' trainer against our own trainer's, and in that trainer."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import tiny
import torch
from datasets import Dataset
from embeddings import embeddings
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.sentence_transformer.losses import MatryoshkaLoss, MultipleNegativesRankingLoss
from sentence_transformers.sentence_transformer.modules import Pooling, StaticEmbedding, Transformer

from arccse.batches import views_of
from arccse.encoder import load_encoder
from arccse.errors import InputError
from arccse.hyperparameters import OBJECTIVES, Hyperparameters
from arccse.losses import ArcCSELoss, NestedMaskTripletLoss, PairLoss, drawn_seed
from arccse.training import embed, losses_of

ROOT = Path(__file__).parent.parent
SENTENCES = tiny.sentences(8)


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny.save_bert(tmp_path_factory.mktemp("models") / "bert"))


def model_of(bert: str, dropout: float = 0.1) -> SentenceTransformer:
    """A tiny BERT pooled by [CLS], in training mode."""
    probabilities = {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
    transformer = Transformer(bert, max_seq_length=16, config_kwargs=probabilities)
    return SentenceTransformer(modules=[transformer, Pooling(32, "cls")], device="cpu").train()


class InMemory(list):
    """A corpus of token ids without a file."""

    def __getitem__(self, rows):
        return [list.__getitem__(self, row) for row in rows]


# ------------------------------------------------------------------------------------- against our own trainer


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_every_objective_is_our_own_trainers_on_the_same_embeddings(bert: str, name: str) -> None:
    z, z_pos = (x.requires_grad_() for x in embeddings(3, 6, 32, dtype=torch.float32))
    loss = PairLoss(model_of(bert), name, head=None)
    torch.manual_seed(5)
    generator = torch.Generator().manual_seed(drawn_seed())
    own = losses_of(torch.stack([z, z_pos]), None, Hyperparameters(objective=name), generator)["loss"]
    torch.manual_seed(5)
    theirs = loss.compute_loss_from_embeddings([z, z_pos])
    assert theirs == own
    for a, b in zip(torch.autograd.grad(theirs, (z, z_pos)), torch.autograd.grad(own, (z, z_pos)), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("objective", ["arccon", "vicreg"])
def test_arccse_is_our_own_trainers_on_the_same_masks(bert: str, objective: str) -> None:
    """From sentences to the gradient of every weight; without dropout, which each trainer draws for itself.

    The positives are other sentences: at a cosine of 1 ArcCon's sine makes rounding errors large.
    """
    settings = {"triplet_weight": 0.3, "triplet_margin": 0.1, "mask_ratios": (0.25, 0.5)}
    h = Hyperparameters(objective=objective, dropout=0.0, batch_size=8, max_length=16, **settings)
    encoder = load_encoder(bert, "cls", head=True, dropout=0.0).train()
    columns = [InMemory(encoder.token_ids(texts, 16)) for texts in (SENTENCES, SENTENCES[::-1])]
    views = views_of(encoder, columns, list(range(8)), h, seed=0, step=1)
    z = embed(encoder, views.input_ids, views.attention_mask, h)
    own = losses_of(z, views.ordered, h, torch.Generator())["loss"]
    own.backward()

    model = model_of(bert, dropout=0.0)
    loss = ArcCSELoss(model, objective, head=encoder.head, **settings)
    mask = model.tokenizer.mask_token_id
    features = [model.preprocess(texts) for texts in (SENTENCES, SENTENCES[::-1])]
    length = features[0]["input_ids"].shape[1]
    near, far = (views.input_ids[view, :, :length] == mask for view in (3, 4))
    loss.triplet.masks = lambda _: (near, far)
    ours = {name: weight.grad for name, weight in encoder.named_parameters() if weight.grad is not None}
    heads = {name: weight for name, weight in ours.items() if name.startswith("head.")}
    encoder.head.zero_grad()  # it is the same module, and `ours` holds the gradients themselves
    theirs = loss(features)
    theirs.backward()
    assert theirs.item() == pytest.approx(own.item(), rel=1e-5)
    assert len(heads) == 2
    for name, weight in model[0].model.named_parameters():
        gradient = ours.get(f"transformer.{name}")
        if gradient is not None and not name.endswith("key.bias"):  # which a softmax does not see
            scale = gradient.abs().max().item()
            torch.testing.assert_close(weight.grad, gradient, atol=1e-4 * scale, rtol=1e-3, msg=name)
    for name, gradient in heads.items():
        weight = encoder.get_parameter(name)
        torch.testing.assert_close(weight.grad, gradient, atol=1e-4 * gradient.abs().max().item(), rtol=1e-3)


def test_defaults_are_the_hyperparameters(bert: str) -> None:
    config = ArcCSELoss(model_of(bert)).get_config_dict()
    assert config.pop("head") == "Sequential((0):Linear(in_features=32,out_features=32,bias=True)(1):Tanh())"
    assert config.pop("triplet_weight") == 0.1  # 0 without ArcCSE
    assert config.pop("objective") == "arccon"
    assert config == {name: getattr(Hyperparameters(), name) for name in config}


# ------------------------------------------------------------------------------------ against sentence-transformers'


def test_nt_xent_is_multiple_negatives_ranking(bert: str) -> None:
    model = model_of(bert, dropout=0.0)
    columns = [model.preprocess(texts) for texts in (SENTENCES, SENTENCES[::-1], tiny.sentences(16)[8:])]
    for count in (2, 3):  # with hard negatives, too
        given = columns[:count]
        ours = PairLoss(model, head=None, temperature=0.1)(given)
        theirs = MultipleNegativesRankingLoss(model, scale=10.0)([dict(column) for column in given], None)
        assert ours.item() == pytest.approx(theirs.item(), rel=1e-6)


def test_a_column_alone_is_the_sentence_given_twice(bert: str) -> None:
    model = model_of(bert)
    loss = PairLoss(model, "nt_xent")
    found = []
    for count in (1, 2):
        torch.manual_seed(0)
        found.append(loss([model.preprocess(SENTENCES) for _ in range(count)]).item())
    assert found[0] == found[1]
    model.eval()  # without dropout a sentence equals its positive
    z = model.encode(SENTENCES, convert_to_tensor=True)
    expected = PairLoss(model, head=None).compute_loss_from_embeddings([z, z]).item()
    assert PairLoss(model, head=None)([model.preprocess(SENTENCES)]).item() == pytest.approx(expected, abs=1e-5)
    assert found[0] != pytest.approx(expected, abs=1e-3)


def test_it_can_stand_in_a_loss_of_losses(bert: str) -> None:
    model = model_of(bert)
    loss = MatryoshkaLoss(model, ArcCSELoss(model, head=None), matryoshka_dims=[32, 16])
    loss([model.preprocess(SENTENCES)], None).backward()
    assert model[0].model.embeddings.word_embeddings.weight.grad.isfinite().all()


# ------------------------------------------------------------------------------------------------------- parts


def test_masks_leave_special_tokens_and_padding(bert: str) -> None:
    model = model_of(bert)
    features = model.preprocess(SENTENCES)
    near, far = NestedMaskTripletLoss(model, mask_ratios=(0.3, 0.6)).masks(features)
    ids = features["input_ids"]
    words = (features["attention_mask"] == 1) & (ids != model.tokenizer.cls_token_id)
    words &= ids != model.tokenizer.sep_token_id
    assert near.any(1).all()
    assert not (near & ~far).any()
    assert not (far & ~words).any()
    assert (far.sum(1) > near.sum(1)).all()
    torch.manual_seed(1)
    first = NestedMaskTripletLoss(model).masks(features)
    second = NestedMaskTripletLoss(model).masks(features)
    torch.manual_seed(1)
    again = NestedMaskTripletLoss(model).masks(features)
    assert torch.equal(torch.stack(first), torch.stack(again))
    assert not torch.equal(torch.stack(first), torch.stack(second))


def test_the_triplet_is_without_dropout_unless_told(bert: str) -> None:
    model = model_of(bert, dropout=0.5)
    features = [model.preprocess(SENTENCES)]
    for with_dropout in (False, True):
        loss = NestedMaskTripletLoss(model, triplet_dropout=with_dropout, triplet_margin=1.0)
        near, far = loss.masks(features[0])
        loss.masks = lambda _, masks=(near, far): masks
        assert (loss(features).item() == loss(features).item()) is (not with_dropout)
        assert model.training


def test_sentences_too_short_to_mask_have_no_triplet(bert: str) -> None:
    model = model_of(bert)
    loss = NestedMaskTripletLoss(model)([model.preprocess(["a", "the"])])
    assert loss.item() == 0
    loss.backward()


def test_autocast_rounds_no_cosines(bert: str) -> None:
    z, z_pos = embeddings(3, 6, 32, dtype=torch.float32)
    for loss, views in ((PairLoss(model_of(bert), head=None), 2), (NestedMaskTripletLoss(model_of(bert)), 3)):
        given = [z, z_pos, z + z_pos][:views]
        exact = loss.compute_loss_from_embeddings(given)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert loss.compute_loss_from_embeddings(given) == exact


def test_every_objective_is_cited(bert: str) -> None:
    model = model_of(bert)
    for name in OBJECTIVES:
        citation = PairLoss(model, name, head=None).citation
        assert citation.strip().startswith("@")
        assert citation.count("{") == citation.count("}")
        assert any(year in citation for year in map(str, range(2020, 2027))), name
    assert "Angular Space" in ArcCSELoss(model).citation
    assert "UnderstandingCSE" in PairLoss(model, "max_margin_angle").citation  # "as `max_margin_cosine`."


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda model: PairLoss(model, "arcon"), "unknown objective 'arcon'; did you mean 'arccon'?"),
        (lambda model: PairLoss(model, "arccon", margn=3), "takes no 'margn'; did you mean 'margin'?"),
        (lambda model: PairLoss(model, "nt_xent", margin=3), "'nt_xent' takes no 'margin'; valid: temperature."),
        (lambda model: PairLoss(model, "arccon", margin=200), "margin: input should be less than 180, not 200."),
        (lambda model: PairLoss(model, "vicreg", batch_size=4), "'vicreg' takes no 'batch_size'"),
        (lambda model: PairLoss(model, head="mpl"), "head: 'mlp', None or a module, not 'mpl'."),
        (lambda model: ArcCSELoss(model, triplet_weight=-1), "triplet_weight: input should be greater"),
        (lambda model: ArcCSELoss(model, mask_ratios=(0.4, 0.2)), "must be [near, far] with 0 < near < far < 1"),
    ],
)
def test_mistakes_are_answered_at_construction(bert: str, make, said: str) -> None:
    with pytest.raises(InputError) as raised:
        make(model_of(bert))
    assert said in str(raised.value)


def test_a_model_without_masks_has_no_triplet(bert: str) -> None:
    tokenizer = model_of(bert).tokenizer
    model = SentenceTransformer(modules=[StaticEmbedding(tokenizer.backend_tokenizer, embedding_dim=8)], device="cpu")
    with pytest.raises(InputError, match="mask token"):
        ArcCSELoss(model)
    loss = PairLoss(model, "align_uniform")([model.preprocess(SENTENCES), model.preprocess(SENTENCES[::-1])])
    loss.backward()  # a pair objective asks for nothing but embeddings


def test_columns_that_it_does_not_know(bert: str) -> None:
    model = model_of(bert)
    with pytest.raises(ValueError, match="one column of sentences or two, not 3"):
        PairLoss(model, "vicreg")([model.preprocess(SENTENCES)] * 3)
    with pytest.raises(ValueError, match=r"padded \(N, L\)"):
        NestedMaskTripletLoss(model).masks({"input_ids": torch.zeros(1, 9, dtype=torch.int64)})


# -------------------------------------------------------------------------------------------------- the trainer


def trained(bert: str, folder: Path, **options) -> tuple[SentenceTransformer, ArcCSELoss, dict[str, torch.Tensor]]:
    torch.manual_seed(0)
    model = model_of(bert)
    loss = ArcCSELoss(model, **options)
    before = {name: weight.clone() for name, weight in loss.named_parameters()}
    arguments = SentenceTransformerTrainingArguments(
        output_dir=str(folder),
        max_steps=4,
        per_device_train_batch_size=4,
        learning_rate=1e-3,
        save_strategy="no",
        report_to="none",
        use_cpu=True,
        disable_tqdm=True,
    )
    data = Dataset.from_dict({"sentence": tiny.sentences(32)})
    SentenceTransformerTrainer(model=model, args=arguments, train_dataset=data, loss=loss).train()
    return model, loss, before


def test_the_trainer_trains_model_and_head_and_saves_the_model(bert: str, tmp_path: Path) -> None:
    model, loss, before = trained(bert, tmp_path)
    moved = {name for name, weight in loss.named_parameters() if not torch.equal(weight, before[name])}
    assert {"pair.head.0.weight", "pair.head.0.bias"} <= moved
    assert sum(name.startswith("model.") for name in moved) > 10
    again, *_ = trained(bert, tmp_path)
    for one, other in zip(model.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)  # dropout, masks and head follow from the trainer's seed
    model.save(str(tmp_path / "model"))
    assert not any("head" in name for name in SentenceTransformer(str(tmp_path / "model"), device="cpu").state_dict())


def test_the_page_says_what_runs(bert: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "losses.md").read_text(), re.DOTALL)
    assert "bert-base-uncased" in code
    monkeypatch.chdir(tmp_path)  # where the trainer leaves its checkpoints
    exec(code.replace("bert-base-uncased", bert), {})


def test_the_example_runs(bert: str, tmp_path: Path) -> None:
    command = [sys.executable, "examples/arccse_trainer.py", "--model", bert, "--steps", "2", "--batch-size", "4"]
    one_thread = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "out")],
        cwd=ROOT,
        env=os.environ | one_thread,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "after 2 steps" in done.stdout
    assert load_encoder(str(tmp_path / "out")).pooling == "cls"
    card = (tmp_path / "out" / "README.md").read_text()
    assert "arccse.losses.ArcCSELoss" in card
    assert "zhang-etal-2022-contrastive" in card
