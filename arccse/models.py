"""Pretrained encoders, seen from outside: where they come from (a folder, an installed package, or the Hugging Face
hub), and how they pool.

Nothing here imports torch, so that a config is checked in a moment.
"""

import importlib.metadata
import re
from pathlib import Path
from typing import Literal, get_args

from arccse.errors import InputError, first_line

Pooling = Literal["cls", "mean", "first-last-avg", "top2-avg"]
POOLINGS: tuple[str, ...] = get_args(Pooling)

MASK = "[MASK]"  # in a sentence to encode: a masked word, whatever the encoder's own mask token is called

HUB_NAME = re.compile(r"(?:[\w.-]+/)?[\w.-]+")
WEIGHTS_AND_TOKENIZER = ["*.safetensors", "*.safetensors.index.json", "*.json", "*.txt", "*.model"]


def check_pooling(pooling: str) -> Pooling:
    """The pooling's name, if there is one of that name; otherwise InputError."""
    if pooling not in POOLINGS:
        raise InputError(f"Unknown pooling '{pooling}'; valid: {', '.join(POOLINGS)}.")
    return pooling  # type: ignore[return-value]


def check_model(model: str) -> None:
    """Without reading weights or the network, make sure that `model` can name an encoder; otherwise InputError."""
    if model.startswith("package:"):
        package_folder(model.removeprefix("package:"))
    elif not Path(model).is_dir() and not HUB_NAME.fullmatch(model):
        raise InputError(f"No model '{model}': neither a folder, nor package:NAME, nor a name on the hub.")


def resolve(model: str, revision: str | None = None) -> Path:
    """The local folder of a model, downloaded first if it is on the hub (safetensors and tokenizer only)."""
    check_model(model)
    if model.startswith("package:"):
        return package_folder(model.removeprefix("package:"))
    if Path(model).is_dir():
        return Path(model)
    import httpx2
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(model, revision=revision, allow_patterns=WEIGHTS_AND_TOKENIZER))
    except (OSError, ValueError, httpx2.HTTPError) as error:
        raise InputError(
            f"No model '{model}': there is no such folder, and the hub did not give it "
            f"(revision {revision or 'main'}): {first_line(error)}"
        ) from error


def package_folder(name: str) -> Path:
    """The folder with model weights inside the installed distribution `name`; InputError if there is none."""
    try:
        files = importlib.metadata.files(name) or []
    except importlib.metadata.PackageNotFoundError as error:
        raise InputError(f"Model 'package:{name}': no package of that name is installed.") from error
    for file in files:
        if file.name == "model.safetensors":
            return Path(str(file.locate())).parent
    raise InputError(f"Model 'package:{name}': the package is installed but ships no model.safetensors.")
