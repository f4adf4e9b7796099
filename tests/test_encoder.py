"""Encoders of four families: pooling, encoding, saving, loading, and everything that can be wrong with a model."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from families import MINILM, POSITIONS, SENTENCES
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from transformers import AutoConfig, AutoModel

from arccse.encoder import Encoder, load_encoder, without_dropout
from arccse.errors import InputError
from arccse.models import POOLINGS

TOLERANCE = 1e-5


@pytest.fixture
def folder(tiny_models: Path, tmp_path: Path) -> Path:
    """A copy of the tiny BERT to damage."""
    return Path(shutil.copytree(tiny_models / "bert", tmp_path / "bert"))


# pooling


def pooled_by_hand(encoder: Encoder, sentence: str) -> np.ndarray:
    """One sentence alone, token by token."""
    ids = encoder.tokenizer(sentence, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        layers = encoder.transformer.eval()(input_ids=ids, output_hidden_states=True).hidden_states
    assert len(layers) == 4  # the embedding layer and three more
    used = {"cls": [3], "mean": [3], "first-last-avg": [1, 3], "top2-avg": [2, 3]}[encoder.pooling]
    tokens = [0] if encoder.pooling == "cls" else range(ids.shape[1])
    total = np.zeros(layers[0].shape[-1])
    for token in tokens:
        for layer in used:
            total += layers[layer][0, token].double().numpy()
    return total / (len(tokens) * len(used))


@pytest.mark.parametrize("pooling", POOLINGS)
def test_pooling_is_what_a_loop_over_tokens_gives(family: Path, pooling: str) -> None:
    encoder = load_encoder(str(family), pooling)
    expected = [pooled_by_hand(encoder, sentence) for sentence in SENTENCES]
    np.testing.assert_allclose(encoder.encode(SENTENCES), expected, atol=TOLERANCE)
    assert np.ptp(expected, axis=0).max() > 0.1  # the sentences do differ


@pytest.mark.parametrize("pooling", POOLINGS)
def test_in_groups_embeddings_and_gradients_are_those_of_the_plain_transformer(family: Path, pooling: str) -> None:
    encoder = load_encoder(str(family), pooling, dropout=0.0).train().double()
    plain = AutoModel.from_pretrained(family, use_safetensors=True).eval().double()
    input_ids, attention_mask = encoder.batch(encoder.token_ids(SENTENCES))
    z = encoder.forward_in_groups(input_ids, attention_mask)
    states = plain(input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=True).hidden_states
    tokens = {"first-last-avg": (states[1] + states[-1]) / 2, "top2-avg": (states[-2] + states[-1]) / 2}
    weights = attention_mask.unsqueeze(-1)
    mean = (tokens.get(pooling, states[-1]) * weights).sum(1) / weights.sum(1)
    expected = states[-1][:, 0] if pooling == "cls" else mean
    torch.testing.assert_close(z, expected)
    torch.testing.assert_close(encoder(input_ids, attention_mask), expected)
    z.sin().sum().backward()
    expected.sin().sum().backward()
    for (name, ours), theirs in zip(encoder.transformer.named_parameters(), plain.parameters(), strict=True):
        if theirs.grad is not None:
            torch.testing.assert_close(ours.grad, theirs.grad, msg=name)


def test_poolings_differ(family: Path) -> None:
    rows = [load_encoder(str(family), pooling).encode(SENTENCES) for pooling in POOLINGS]
    for i, a in enumerate(rows):
        for b in rows[:i]:
            assert np.abs(a - b).max() > 0.01


# encode


def test_rows_come_back_in_order_whatever_the_order_and_the_batch_size(family: Path) -> None:
    encoder = load_encoder(str(family), "mean")
    alone = np.concatenate([encoder.encode([sentence]) for sentence in SENTENCES])
    for batch_size in (1, 3, 64):
        np.testing.assert_allclose(encoder.encode(SENTENCES, batch_size), alone, atol=TOLERANCE)
    np.testing.assert_allclose(encoder.encode(SENTENCES[::-1], 3), alone[::-1], atol=TOLERANCE)
    twice = encoder.encode([SENTENCES[0], *SENTENCES, SENTENCES[0]], 3)
    np.testing.assert_allclose(twice, alone[[0, *range(len(SENTENCES)), 0]], atol=TOLERANCE)


def test_encode_gives_float32_and_reports_progress(tiny_models: Path) -> None:
    encoder, done = load_encoder(str(tiny_models / "bert"), "mean"), []
    rows = encoder.encode(SENTENCES, batch_size=3, progress=done.append)
    assert (rows.dtype, rows.shape) == (np.float32, (len(SENTENCES), 32))
    assert done == [3, 6, 8]
    assert encoder.encode([]).shape == (0, 32)


def test_in_bfloat16_rows_are_rounded_and_float32_rows_are_what_they_were(family: Path) -> None:
    encoder = load_encoder(str(family), "mean")
    plain = encoder.encode(SENTENCES)
    rounded = encoder.encode(SENTENCES, precision="bf16")
    assert rounded.dtype == np.float32
    assert (rounded != plain).any(axis=1).all()
    cosines = (rounded * plain).sum(1) / np.linalg.norm(rounded, axis=1) / np.linalg.norm(plain, axis=1)
    assert (cosines > 1 - 2**-8).all()  # the rounding of one number
    np.testing.assert_array_equal(encoder.encode(SENTENCES), plain)
    assert next(encoder.parameters()).dtype == torch.float32


@pytest.mark.parametrize("training", [True, False])
def test_encode_has_no_dropout_and_leaves_the_mode_as_it_was(tiny_models: Path, training: bool) -> None:
    encoder = load_encoder(str(tiny_models / "bert"), "mean", dropout=0.5).train(training)
    np.testing.assert_array_equal(encoder.encode(SENTENCES), encoder.encode(SENTENCES))
    assert encoder.training == encoder.transformer.training == training
    with without_dropout(encoder):
        assert not encoder.transformer.training
    assert encoder.training == encoder.transformer.training == training


# the length limit


@pytest.mark.parametrize("excess", [-1, 0, 1, 100])
def test_a_text_is_cut_at_what_the_positions_hold(family: Path, excess: int) -> None:
    encoder = load_encoder(str(family), "mean")
    assert encoder.max_length == POSITIONS  # RoBERTa and MPNet have two more, which their padding takes
    words = POSITIONS - 2 + excess  # beside two special tokens; "." is one piece for each tokenizer
    ids = encoder.token_ids(["." * words])[0]
    assert len(ids) == min(words + 2, POSITIONS)
    assert ids[-1] == encoder.tokenizer.sep_token_id
    assert np.isfinite(encoder.encode(["." * words])).all()


def test_a_folder_may_set_a_lower_limit_but_not_a_higher_one(folder: Path) -> None:
    for declared, expected in ((12, 12), (POSITIONS + 1, POSITIONS), (None, POSITIONS)):
        (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": declared}))
        encoder = load_encoder(str(folder), "mean")
        assert encoder.max_length == expected
        assert len(encoder.token_ids(["." * 100])[0]) == expected
    assert len(encoder.token_ids(["." * 100], max_length=7)[0]) == 7


def test_the_packaged_model_keeps_its_own_limit() -> None:
    assert load_encoder(MINILM).max_length == 256  # of 512 positions


# saved in sentence-transformers layout


@pytest.mark.parametrize("pooling", POOLINGS)
def test_sentence_transformers_gives_the_same_rows_from_a_saved_folder(
    family: Path, pooling: str, tmp_path: Path
) -> None:
    texts = [*SENTENCES, "  blanks at both ends ", "", "." * 100]  # the last one is cut
    encoder = load_encoder(str(family), pooling, head=True)
    expected = encoder.encode(texts)
    encoder.save(tmp_path / "model")
    theirs = SentenceTransformer(str(tmp_path / "model"), device="cpu")
    assert theirs.max_seq_length == encoder.max_length
    np.testing.assert_allclose(theirs.encode(texts), expected, atol=TOLERANCE)
    again = load_encoder(str(tmp_path / "model"), pooling)
    np.testing.assert_allclose(again.encode(texts), expected, atol=TOLERANCE)
    assert again.fingerprint() == encoder.fingerprint()


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_a_saved_folder_says_how_it_pools(tiny_models: Path, pooling: str, tmp_path: Path) -> None:
    load_encoder(str(tiny_models / "bert"), pooling).save(tmp_path / "model")
    assert load_encoder(str(tmp_path / "model")).pooling == pooling


def test_what_was_encoded_before_leaves_no_trace_in_a_saved_folder(family: Path, tmp_path: Path) -> None:
    """A fast tokenizer's JSON has how its last call cut and padded, which made two savings of one encoder differ."""
    for name, before in (("fresh", []), ("used", SENTENCES)):
        encoder = load_encoder(str(family), "mean")
        for max_length in (8, 16) if before else ():
            encoder.token_ids(before, max_length)
        encoder.save(tmp_path / name)
    fresh, used = (
        {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.*")}
        for name in ("fresh", "used")
    )
    assert fresh == used


def test_a_saved_folder_holds_safetensors_and_no_pickle(tiny_models: Path, tmp_path: Path) -> None:
    load_encoder(str(tiny_models / "bert"), "first-last-avg").save(tmp_path / "model")
    weights = [
        p for p in (tmp_path / "model").rglob("*") if p.suffix in (".bin", ".pt", ".pth", ".pkl", ".safetensors")
    ]
    assert weights
    assert {path.suffix for path in weights} == {".safetensors"}


# the training head


def test_the_head_is_a_dense_tanh_that_project_alone_applies(tiny_models: Path, tmp_path: Path) -> None:
    plain, headed = (load_encoder(str(tiny_models / "bert"), "cls", head=head) for head in (False, True))
    pooled = torch.from_numpy(plain.encode(SENTENCES))
    np.testing.assert_array_equal(headed.encode(SENTENCES), pooled.numpy())
    assert headed.head is not None
    weight, bias = headed.head.parameters()
    torch.testing.assert_close(headed.project(pooled), torch.tanh(pooled @ weight.T + bias))
    assert plain.project(pooled) is pooled
    headed.save(tmp_path / "model")
    saved = {key for file in (tmp_path / "model").rglob("*.safetensors") for key in load_file(file)}
    assert saved == set(headed.transformer.state_dict())


# dropout


def test_dropout_sets_the_probabilities_of_every_family(family: Path) -> None:
    ids, mask = (encoder := load_encoder(str(family), "mean", dropout=0.0)).batch(encoder.token_ids(SENTENCES))
    with torch.no_grad():
        assert torch.equal(encoder.train()(ids, mask), encoder.eval()(ids, mask))
        for dropout in (None, 0.3):  # None is the model's own 0.1
            encoder = load_encoder(str(family), "mean", dropout=dropout).train()
            assert not torch.allclose(encoder(ids, mask), encoder(ids, mask))


def test_attention_has_the_dropout_too(family: Path) -> None:
    encoder = load_encoder(str(family), "mean", dropout=0.3)
    probabilities = {module.p for module in encoder.modules() if isinstance(module, torch.nn.Dropout)}
    assert probabilities == {0.3}
    config = encoder.transformer.config
    names = (
        ("attention_dropout", "dropout")
        if "distil" in family.name
        else (
            "attention_probs_dropout_prob",
            "hidden_dropout_prob",
        )
    )
    assert [getattr(config, name) for name in names] == [0.3, 0.3]


# fingerprints


def test_equal_encoders_have_equal_fingerprints(family: Path) -> None:
    first = load_encoder(str(family), "mean")
    torch.rand(3)  # a head, and the state of the generator, are no part of what encodes
    assert load_encoder(str(family), "mean", head=True, dropout=0.3).fingerprint() == first.fingerprint()


def test_fingerprints_tell_weights_poolings_and_limits_apart(folder: Path) -> None:
    encoder = load_encoder(str(folder), "mean")
    seen = {encoder.fingerprint()} | {load_encoder(str(folder), p).fingerprint() for p in POOLINGS if p != "mean"}
    for weight in (*encoder.transformer.encoder.parameters(), *encoder.transformer.embeddings.parameters()):
        with torch.no_grad():
            weight.view(-1)[-1] += 1e-3
        seen.add(encoder.fingerprint())
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 12}')
    seen.add(load_encoder(str(folder), "mean").fingerprint())
    weights = len([*encoder.transformer.encoder.parameters(), *encoder.transformer.embeddings.parameters()])
    assert len(seen) == len(POOLINGS) + weights + 1


def test_a_checkpoint_without_a_pooler_gives_one_encoder_however_often_it_is_loaded(folder: Path) -> None:
    # roberta-base is such a checkpoint: transformers then makes a random pooler, which no pooling reads
    drop_weights(folder, "pooler.")
    first, second = (load_encoder(str(folder), "mean") for _ in range(2))
    np.testing.assert_array_equal(first.encode(SENTENCES), second.encode(SENTENCES))
    assert first.fingerprint() == second.fingerprint()


# what can be wrong with a model


def drop_weights(folder: Path, prefix: str) -> None:
    weights = load_file(folder / "model.safetensors")
    kept = {name: weight for name, weight in weights.items() if not name.startswith(prefix)}
    assert len(kept) < len(weights)
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})


def truncate(folder: Path) -> None:
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[: len(data) // 2])


def overwrite_header(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"\xff" * 1000)


def pickle_only(folder: Path) -> None:
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def edit_config(folder: Path, **values: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | values))


def remove_tokenizer(folder: Path) -> None:
    for path in folder.glob("*token*"):
        path.unlink()


def index(folder: Path, part: str) -> None:
    """Move the weights to moved.safetensors, and have an index name `part` for them."""
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").rename(folder / "moved.safetensors")
    names = dict.fromkeys(weights, part)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": names}))


def put(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(text)


@pytest.mark.parametrize(
    "damage",
    [
        truncate,
        overwrite_header,
        pickle_only,
        remove_tokenizer,
        lambda folder: (folder / "model.safetensors").unlink(),
        lambda folder: (folder / "config.json").unlink(),
        lambda folder: put(folder, "config.json", "{"),
        lambda folder: put(folder, "tokenizer.json", "{"),
        lambda folder: put(folder, "sentence_bert_config.json", "{"),
        lambda folder: edit_config(folder, model_type="no-such-type"),
        lambda folder: edit_config(folder, vocab_size=7),
        lambda folder: edit_config(folder, num_hidden_layers=4),
        lambda folder: edit_config(folder, num_hidden_layers=2),
        lambda folder: index(folder, "pytorch_model.bin"),
        lambda folder: index(folder, "../model.safetensors"),
        lambda folder: put(folder, "model.safetensors.index.json", "[]"),
    ],
    ids=[
        "truncated weights",
        "weights that are no safetensors",
        "pytorch_model.bin only",
        "no tokenizer",
        "no weights",
        "no config",
        "damaged config",
        "damaged tokenizer",
        "damaged sentence_bert_config",
        "unknown model type",
        "weights of another shape",
        "weights of one layer missing",
        "weights of one layer too many",
        "index of a pickle",
        "index of another folder's weights",
        "damaged index",
    ],
)
def test_a_damaged_folder_is_refused_by_name(folder: Path, damage) -> None:
    damage(folder)
    with pytest.raises(InputError) as refused:
        load_encoder(str(folder), "mean")
    assert str(folder) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_damaged_pooling_declaration_is_refused_by_name(folder: Path) -> None:
    put(folder, "1_Pooling/config.json", "{")
    with pytest.raises(InputError) as refused:
        load_encoder(str(folder))
    assert str(folder) in str(refused.value)


def test_missing_weights_are_counted_and_the_first_is_named(folder: Path) -> None:
    drop_weights(folder, "encoder.layer.1.attention.output.dense.")
    message = r"lacks 2 weights, the first is 'encoder\.layer\.1\.attention\.output\.dense\.bias'"
    with pytest.raises(InputError, match=message):
        load_encoder(str(folder), "mean")


def test_weights_of_layers_that_the_config_lacks_are_counted_and_named(family: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(family, tmp_path / "model"))
    edit_config(folder, **{"n_layers" if "distil" in family.name else "num_hidden_layers": 1})
    message = r"no place for \d+ weights of its layers, the first is '[a-z]+\.layer\.1\."
    with pytest.raises(InputError, match=message):
        load_encoder(str(folder), "mean")


def test_heads_and_position_ids_and_the_prefix_of_pretraining_are_no_matter(family: Path, tmp_path: Path) -> None:
    # as on the hub: bert-base-uncased has cls.predictions, roberta-base lm_head, distilbert vocab_transform
    folder = Path(shutil.copytree(family, tmp_path / "model"))
    prefix = AutoConfig.from_pretrained(folder).model_type + "."
    weights = {prefix + name: weight for name, weight in load_file(folder / "model.safetensors").items()}
    heads = ("cls.predictions.transform.dense.weight", "lm_head.dense.weight", "vocab_transform.weight", "mlm.bias")
    more = (*heads, f"{prefix}pooler.extra", f"{prefix}embeddings.position_ids")
    save_file(weights | {name: torch.ones(2) for name in more}, folder / "model.safetensors", {"format": "pt"})
    expected = load_encoder(str(family), "mean").encode(SENTENCES)
    np.testing.assert_array_equal(load_encoder(str(folder), "mean").encode(SENTENCES), expected)


def test_weights_may_lie_in_several_files_of_the_folder(folder: Path) -> None:
    expected = load_encoder(str(folder), "mean").encode(SENTENCES)
    index(folder, "moved.safetensors")
    np.testing.assert_array_equal(load_encoder(str(folder), "mean").encode(SENTENCES), expected)


def test_an_unknown_or_unsaid_pooling_is_refused_with_the_valid_ones(tiny_models: Path) -> None:
    with pytest.raises(InputError, match=r"pooling 'max'; valid: cls, mean, first-last-avg, top2-avg"):
        load_encoder(str(tiny_models / "bert"), "max")
    with pytest.raises(InputError, match=r"bert' does not say how it pools"):
        load_encoder(str(tiny_models / "bert"))
