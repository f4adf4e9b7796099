"""Training on triplets: their file, the loss with hard negatives, the head that is kept, a run from its config."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tiny
import torch
import torch.nn.functional as F
import yaml
from sentence_transformers import SentenceTransformer
from transformers import AutoModel, AutoTokenizer, get_linear_schedule_with_warmup

from arccse import config as configs
from arccse import costs, models, paths, runs
from arccse.batches import rows_of_steps, views_of
from arccse.data import corpus
from arccse.data.readers import Pairs
from arccse.encoder import load_encoder
from arccse.errors import InputError
from arccse.hyperparameters import WITH_HARD_NEGATIVES, Hyperparameters
from arccse.training import embed, losses_of, train
from arccse.variants import Run, Variant
from arccse.whitening import whiten

REVISION = "e" * 40
SENTENCES = tiny.sentences(96)
TRIPLETS = list(zip(SENTENCES[:32], SENTENCES[32:64], SENTENCES[64:], strict=True))


def write_csv(path: Path, rows, header=corpus.TRIPLET) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


# ----------------------------------------------------------------------------------------------------- the file


def test_triplets_are_the_csv_files() -> None:
    for spec in ("file:nli.csv", f"hub:princeton-nlp/datasets-for-simcse/nli_for_simcse.csv@{REVISION}"):
        assert corpus.columns(spec) == (0, 1, 2)
    for spec in ("package:gensim", "file:csv", f"hub:a/b/wiki.txt@{REVISION}"):
        assert corpus.columns(spec) == (None,)


def test_a_csv_file_is_read_whatever_its_cells_hold(tmp_path: Path) -> None:
    rows = [("a, b", 'he "said"', "two\nlines"), ("tab\there", " wide   space ", ""), ("é", "x", "y")]
    path = write_csv(tmp_path / "nli.csv", rows)
    expected = ['a, b\the "said"\ttwo lines', "tab here\twide space\t", "é\tx\ty"]
    assert corpus.sentences(f"file:{path}") == expected
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())  # as Excel begins a file
    assert corpus.sentences(f"file:{path}") == expected
    turned = write_csv(tmp_path / "turned.csv", [("n", "z", "s")], ("hard_neg", "label", "sent0"))
    with pytest.raises(InputError, match="no column 'sent1'; triplets take sent0, sent1, hard_neg"):
        corpus.sentences(f"file:{turned}")
    turned = write_csv(tmp_path / "turned.csv", [("n", "p", "s")], ("hard_neg", "sent1", "sent0"))
    assert corpus.sentences(f"file:{turned}") == ["s\tp\tn"]


def test_what_is_wrong_with_a_csv_file_is_said(tmp_path: Path) -> None:
    path = tmp_path / "nli.csv"
    for content, said in (
        ("sent0,sent1,hard_neg\n", "has no triplets"),
        ("sent0,sent1,hard_neg\na,b,c\na,b\n", "row 2 ends before column hard_neg"),
        ("", "is empty"),
    ):
        path.write_text(content)
        with pytest.raises(InputError, match=said):
            corpus.sentences(f"file:{path}")
    with pytest.raises(InputError, match="is missing"):
        corpus.sentences(f"file:{tmp_path}/none.csv")


# ----------------------------------------------------------------------------------------------------- the loss


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny.save_bert(tmp_path_factory.mktemp("models") / "bert"))


class InMemory(list):
    """A corpus of token ids without a file."""

    def __getitem__(self, rows):
        return [list.__getitem__(self, row) for row in rows]


def columns_of(encoder) -> list[InMemory]:
    return [InMemory(encoder.token_ids(column, 16)) for column in zip(*TRIPLETS, strict=True)]


def test_views_are_the_columns_and_then_the_masked_ones(bert: str) -> None:
    encoder = load_encoder(bert, "cls")
    columns = columns_of(encoder)
    rows = np.array([3, 1, 7])
    plain = views_of(encoder, columns, rows, Hyperparameters(), seed=0, step=1)
    assert plain.input_ids.shape[:2] == (3, 3)
    for view, column in enumerate(columns):
        for i, row in enumerate(rows):
            ids = list.__getitem__(column, row)
            assert plain.input_ids[view, i, : len(ids)].tolist() == ids
            assert plain.attention_mask[view, i].sum() == len(ids)
    masked = views_of(encoder, columns, rows, Hyperparameters(triplet_weight=0.1), seed=0, step=1)
    assert masked.input_ids.shape[0] == 6
    assert torch.equal(masked.input_ids[:3], plain.input_ids)
    assert torch.equal(masked.input_ids[3], plain.input_ids[0])  # the sentence whole
    noisy = views_of(encoder, columns, np.arange(32), Hyperparameters(noise=0.5), seed=0, step=1)
    other = [i for i in range(32) if not torch.equal(noisy.input_ids[1, i], plain_of(encoder, columns, 1)[i])]
    assert 5 < len(other) < 27
    for view in (0, 2):
        assert torch.equal(noisy.input_ids[view], plain_of(encoder, columns, view))


def plain_of(encoder, columns, view: int) -> torch.Tensor:
    return views_of(encoder, columns, np.arange(32), Hyperparameters(), seed=0, step=1).input_ids[view]


@pytest.mark.parametrize("objective", WITH_HARD_NEGATIVES)
@pytest.mark.parametrize("triplet_weight", [0.0, 0.5])
def test_the_loss_has_every_hard_negative_in_every_denominator(objective: str, triplet_weight: float) -> None:
    """Against loops over i and j, after SimCSE's equation 5."""
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(6 if triplet_weight else 3, 5, 8, generator=generator, dtype=torch.float64)
    h = Hyperparameters(objective=objective, temperature=0.1, margin=15.0, triplet_weight=triplet_weight)
    ordered = torch.ones(5, dtype=torch.bool) if triplet_weight else None
    losses = losses_of(z, ordered, h, torch.Generator())
    cosine = lambda a, b: float(a @ b / (a.norm() * b.norm()))  # noqa: E731
    total = 0.0
    for i in range(5):
        angle = np.arccos(cosine(z[0, i], z[1, i])) + (np.deg2rad(15) if objective == "arccon" else 0.0)
        own = np.exp(np.cos(angle) / 0.1)
        others = [np.exp(cosine(z[0, i], z[1, j]) / 0.1) for j in range(5) if j != i]
        hard = [np.exp(cosine(z[0, i], z[2, j]) / 0.1) for j in range(5)]
        total -= np.log(own / (own + sum(others) + sum(hard))) / 5
    assert losses["loss_pair"].item() == pytest.approx(total, rel=1e-9)
    if triplet_weight:
        order = np.mean([max(0.0, cosine(z[3, i], z[5, i]) - cosine(z[3, i], z[4, i])) for i in range(5)])
        assert losses["loss_triplet"].item() == pytest.approx(order, rel=1e-9)
        assert losses["loss"].item() == pytest.approx(total + 0.5 * order, rel=1e-9)


def test_masked_views_are_encoded_without_dropout_beside_hard_negatives(bert: str) -> None:
    encoder = load_encoder(bert, "cls", head=True, dropout=0.5).train()
    h = Hyperparameters(triplet_weight=0.1)
    views = views_of(encoder, columns_of(encoder), np.arange(8), h, seed=0, step=1)
    first, second = (embed(encoder, views.input_ids, views.attention_mask, h) for _ in range(2))
    assert torch.equal(first[3:], second[3:])
    assert not any(torch.allclose(first[view], second[view]) for view in range(3))


# ------------------------------------------------------------------------------------------------- the training


FAST = {"batch_size": 8, "max_length": 16, "learning_rate": 1e-3, "eval_every": 4, "geometry_every": 4, "epochs": 2}


@pytest.fixture(scope="module")
def dev() -> Pairs:
    return Pairs(SENTENCES[:20], SENTENCES[20:40], np.linspace(0, 5, 20), (0.0, 5.0))


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = write_csv(tmp_path / "nli.csv", TRIPLETS)
    corpus.write(corpus.sentences(f"file:{path}"), f"file:{path}", tmp_path / "corpus.txt")
    return tmp_path / "corpus.txt"


def run_of(bert: str, **settings) -> Run:
    return Run(Variant(bert, None, "file:nli.csv", "dev", Hyperparameters(**FAST | settings)), 0)


def test_without_dropout_it_is_the_plain_supervised_simcse_loop(bert: str, text: Path, dev: Pairs) -> None:
    """Three forward passes, transformers' schedule, dense and tanh behind [CLS]: as SimCSE's script has it."""
    settings = {"dropout": 0.0, "head": "kept", "max_grad_norm": 0.5, "eval_every": 8, "geometry_every": 8}
    trained = train(run_of(bert, **settings), text, text.parent / "tokens", dev)

    tokenizer = AutoTokenizer.from_pretrained(bert)
    model = AutoModel.from_pretrained(bert, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0).train()
    head = torch.nn.Linear(32, 32)
    head.load_state_dict(head_at_start(bert, text, dev).state_dict())
    weights = [*model.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(weights, lr=1e-3, weight_decay=0.0)
    schedule = get_linear_schedule_with_warmup(optimizer, num_warmup_steps=0, num_training_steps=8)
    losses = []
    for rows in rows_of_steps(32, 8, seed=0, done=0, steps=8):
        views = []
        for column in zip(*TRIPLETS, strict=True):
            batch = [column[row] for row in rows]
            inputs = tokenizer(batch, padding=True, truncation=True, max_length=16, return_tensors="pt")
            views.append(F.normalize(head(model(**inputs).last_hidden_state[:, 0]).tanh(), dim=-1))
        logits = torch.cat([views[0] @ views[1].T, views[0] @ views[2].T], dim=1) / 0.05
        loss = F.cross_entropy(logits, torch.arange(8))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 0.5)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    assert len(losses) == 8
    assert trained.history["loss"].iloc[-1] == pytest.approx(np.mean(losses), rel=1e-4)


def head_at_start(bert: str, text: Path, dev: Pairs) -> torch.nn.Linear:
    """The head before the first step, of the same seed: a training whose steps change next to nothing."""
    still = train(run_of(bert, dropout=0.0, head="kept", learning_rate=1e-30), text, text.parent / "tokens", dev)
    assert isinstance(still.encoder.linear, torch.nn.Linear)
    return still.encoder.linear


def test_the_head_that_is_kept_is_trained_saved_and_loaded(bert: str, text: Path, dev: Pairs, tmp_path: Path) -> None:
    trained = train(run_of(bert, head="kept"), text, text.parent / "tokens", dev).encoder
    before = head_at_start(bert, text, dev)
    assert not torch.allclose(trained.linear.weight, before.weight, atol=1e-4)
    trained.save(tmp_path / "model")
    loaded = load_encoder(str(tmp_path / "model"))
    ours = loaded.encode(SENTENCES[:5])
    np.testing.assert_allclose(ours, trained.encode(SENTENCES[:5]), atol=1e-6)
    theirs = SentenceTransformer(str(tmp_path / "model"), device="cpu").encode(SENTENCES[:5])
    np.testing.assert_allclose(theirs, ours, atol=1e-5)
    assert np.abs(ours).max() < 1  # of tanh
    assert loaded.fingerprint() == trained.fingerprint()
    plain = torch.nn.Linear(32, 32)
    plain.load_state_dict(loaded.linear.state_dict())
    loaded.linear = plain
    assert loaded.fingerprint() != trained.fingerprint()
    assert models.linear_folder(tmp_path / "model") == tmp_path / "model" / "2_Dense"


def test_the_head_in_training_only_is_no_part_of_the_encoder(bert: str, text: Path, dev: Pairs) -> None:
    assert train(run_of(bert, head="mlp"), text, text.parent / "tokens", dev).encoder.linear is None
    assert train(run_of(bert, head="kept", epochs=0), text, text.parent / "tokens", dev).encoder.linear is None


def test_an_encoder_with_a_layer_of_its_own_keeps_no_head(bert: str, text: Path) -> None:
    encoder = load_encoder(bert, "cls")
    (text.parent / "plain.txt").write_text("".join(f"{sentence}\n" for sentence in SENTENCES))
    whiten(encoder, text.parent / "plain.txt")
    with pytest.raises(InputError, match="head: kept: a linear layer follows the pooling"):
        encoder.keep_head()


def test_chunks_give_the_same_gradients(bert: str, text: Path, dev: Pairs) -> None:
    settings = {"dropout": 0.0, "head": "kept", "triplet_weight": 0.1, "objective": "arccon", "geometry_every": 1}
    whole, chunked = (
        train(run_of(bert, **settings, chunk_size=size), text, text.parent / "tokens", dev).history["loss"]
        for size in (None, 3)
    )
    pd.testing.assert_series_equal(whole, chunked, rtol=1e-3)


# --------------------------------------------------------------------------------------------------- the config


def content(**changes) -> dict:
    return {
        "encoders": {"tiny": {"model": "bert"}},
        "corpus": "file:nli.csv",
        "data": "package:gensim",
        "suites": ["sts"],
        "seeds": [0],
        "training": FAST | {"head": "kept"},
        "studies": {
            "main": {
                "title": "NLI",
                "variants": {"SimCSE": {}, "ArcCSE": {"objective": "arccon", "triplet_weight": 0.1}},
            }
        },
    } | changes


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    tiny.save_bert(tmp_path / "bert")
    write_csv(tmp_path / "nli.csv", TRIPLETS)
    return tmp_path


def load(**changes) -> configs.Config:
    Path("nli.yaml").write_text(yaml.safe_dump(content(**changes)))
    return configs.load("nli.yaml")


def test_a_run_from_the_csv_file_to_a_model(folder: Path) -> None:
    config = load()
    corpus.write(corpus.sentences(config.corpus), config.corpus, paths.corpus(config))
    for run in config.runs().values():
        runs.train(config, run)
        model = paths.run_folder(config, run.id) / "model"
        assert load_encoder(str(model)).linear is not None
        assert "32 triplets" in (model / "README.md").read_text()
        views = 6 if run.variant.hyperparameters.triplet_weight else 3
        assert costs.sentences_a_step(run) == views * 8


def test_what_triplets_can_not_do_is_refused(folder: Path) -> None:
    for settings, said in (
        (
            {"objective": "vicreg"},
            "takes no hard negatives, as the corpus' triplets have them; valid: nt_xent, arccon",
        ),
        ({"whitening": True}, "whitening takes plain sentences"),
    ):
        studies = {"main": {"title": "NLI", "variants": {"odd": settings}}}
        with pytest.raises(InputError, match=said):
            load(studies=studies)
    studies = {"main": {"title": "NLI", "variants": {"odd": {"whitening": True}}}}
    Path("plain.txt").write_text("a\n")
    with pytest.raises(InputError, match="no layer that is kept"):
        load(studies=studies, corpus="file:plain.txt")
    with pytest.raises(InputError, match="'ArcCSE' keeps its head for cls pooling, which fits no other"):
        load(suites=["sts-mean"])


def test_the_published_settings() -> None:
    config = configs.load(Path(__file__).parent.parent / "config" / "nli.yaml")
    (simcse,) = [row for row in config.rows("main") if (row.label, row.encoder[:4]) == ("SimCSE", "bert")]
    h = simcse.variant.hyperparameters
    assert (h.epochs, h.batch_size, h.learning_rate, h.temperature, h.head) == (3, 512, 5e-5, 0.05, "kept")
    assert corpus.columns(config.corpus) == (0, 1, 2)
    assert {row.variant.hyperparameters.objective for row in config.rows("main")} <= {*WITH_HARD_NEGATIVES}
