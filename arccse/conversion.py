"""A DistilBERT that a package ships as an int8 ONNX graph, turned once into a transformers folder of float32 weights.

The graph is PyTorch's export of a DistilBERT with a head, quantised by ONNX Runtime in its QDQ form. What is taken of
it are the weights, as real numbers: (q − zero point) × scale. The graph rounds its activations to 8 bits as well; the
folder does not, and leaves the head out.

Nothing here imports torch.
"""

import fcntl
import json
import os
from pathlib import Path
from typing import Any

from arccse.files import atomic_path, make_writable, sweep

# What a graph does not say of itself: the family, its heads and dropout are those of distilbert-base-cased.
CONFIG = {
    "model_type": "distilbert",
    "architectures": ["DistilBertModel"],
    "activation": "gelu",
    "attention_dropout": 0.1,
    "dropout": 0.1,
    "dtype": "float32",
    "initializer_range": 0.02,
    "n_heads": 12,
    "pad_token_id": 0,
    "sinusoidal_pos_embds": False,
}
TOKENIZER = {  # its casing, pieces and template are in tokenizer.json
    "tokenizer_class": "PreTrainedTokenizerFast",
    **{f"{name}_token": f"[{name.upper()}]" for name in ("cls", "mask", "pad", "sep", "unk")},
}
PREFIX = "distilbert."


def converted(package: str, graph: Path, checksum: str) -> Path:
    """The folder of the user's cache with the encoder of a package's graph, written there if it is missing.

    Whoever comes while another process writes it waits. Who changes what is written must change its name too.

    Args:
        package: its name.
        graph: its ONNX file; `tokenizer.json` lies beside it.
        checksum: sha256 of the graph.

    Raises:
        InputError: the cache can't be written.
    """
    folder = cache() / f"{package}-{checksum[:16]}"
    if folder.is_dir():
        return folder
    make_writable(folder.parent)
    with folder.with_name(f"{folder.name}.lock").open("a") as lock:  # which ends with the process, however it ends
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            sweep(folder)
            with atomic_path(folder) as temporary:
                write(graph, temporary)
                origin = {"package": package, "file": graph.name, "sha256": checksum, "made": "int8, dequantised"}
                write_json(temporary / "origin.json", origin)
    return folder


def cache() -> Path:
    """The folder of converted models in the user's cache, by the XDG base directory specification."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "arccse" / "models"


def write(graph: Path, folder: Path) -> None:
    """Write config, float32 weights and tokenizer of a graph's encoder into a new folder."""
    from safetensors.numpy import save_file

    weights = weights_of(graph)
    words, positions = (weights[f"embeddings.{kind}_embeddings.weight"].shape for kind in ("word", "position"))
    layers = {name.split(".")[2] for name in weights if name.startswith("transformer.layer.")}
    hidden = weights["transformer.layer.0.ffn.lin1.bias"].shape[0]
    shape = {"vocab_size": words[0], "max_position_embeddings": positions[0]}
    shape |= {"dim": words[1], "hidden_dim": hidden, "n_layers": len(layers)}
    tokenizer = json.loads((graph.parent / "tokenizer.json").read_text(encoding="utf-8"))
    folder.mkdir()
    write_json(folder / "config.json", CONFIG | shape)
    # the tagger cuts its input at 128 tokens; an encoder's limit is what its positions hold
    write_json(folder / "tokenizer.json", tokenizer | {"truncation": None, "padding": None})
    write_json(folder / "tokenizer_config.json", TOKENIZER | {"model_max_length": positions[0]})
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def weights_of(graph: Path) -> dict[str, Any]:
    """Weight by its name in transformers' DistilBertModel, float32 arrays, of a quantised export.

    Embeddings, biases and layer norms are initialisers under their own names; the matrix of a linear layer is known
    by the MatMul node that reads it, and is there as (in, out), the transpose of PyTorch's.
    """
    import numpy as np
    import onnx

    exported = onnx.load(graph).graph
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in exported.initializer}
    named = {name: array for name, array in stored.items() if name.endswith((".weight", ".bias"))}
    matrices = {}
    for node in exported.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in stored:  # a weight's, not an activation's
            quantised, scale, zero = (stored[name] for name in node.input)
            real = (quantised.astype(np.float32) - zero.astype(np.float32)) * scale
            named[node.input[0].removesuffix("_quantized")] = matrices[node.output[0]] = real
    for node in exported.node:
        if node.op_type == "MatMul" and node.input[1] in matrices:
            layer = node.name.strip("/").removesuffix("/MatMul").replace("/", ".")
            named[f"{layer}.weight"] = np.ascontiguousarray(matrices[node.input[1]].T)
    return {name.removeprefix(PREFIX): named[name] for name in sorted(named) if name.startswith(PREFIX)}


def write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")
