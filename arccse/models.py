"""Pretrained encoders, seen from outside: where they come from (a folder, an installed package, or the Hugging Face
hub), and how they pool.

Nothing here imports torch, so that a config is checked in a moment.
"""

import hashlib
import importlib.metadata
import json
import re
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from arccse.errors import InputError, first_line, shortened
from arccse.files import is_folder, json_object, sha256

Pooling = Literal["cls", "mean", "first-last-avg", "top2-avg"]
POOLINGS: tuple[str, ...] = get_args(Pooling)

MASK = "[MASK]"  # in a sentence to encode: a masked word, whatever the encoder's own mask token is called

HUB_NAME = re.compile(r"(?:[\w.-]+/)?[\w.-]+")
DIVERGED = "diverged.json"  # in a run's model folder in place of weights; its message says at which step, and why
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
    elif not is_folder(model) and not HUB_NAME.fullmatch(model):
        raise InputError(f"No model '{shortened(model)}': neither a folder, nor package:NAME, nor a name on the hub.")


def resolve(model: str, revision: str | None = None) -> Path:
    """The local folder of a model, downloaded first if it is on the hub (safetensors and tokenizer only).

    Raises:
        InputError: there is no such model, its training diverged, its weights are not safetensors of this folder, or
            one of its files is cut or damaged.
    """
    check_model(model)
    if model.startswith("package:"):
        folder = package_folder(model.removeprefix("package:"))
    else:
        folder = Path(model) if is_folder(model) else from_hub(model, revision)
    if (folder / DIVERGED).is_file():
        why = read_json(folder / DIVERGED).get("message", "Its training diverged.")
        raise InputError(f"Model '{model}' has no weights. {why}")
    check_weights(folder, model)
    check_whole(folder)
    return folder


def from_hub(model: str, revision: str | None) -> Path:
    """The folder of the cache with a hub model's weights and tokenizer; InputError if the hub does not give them."""
    import httpx2
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(model, revision=revision, allow_patterns=WEIGHTS_AND_TOKENIZER))
    except (OSError, ValueError, httpx2.HTTPError) as error:
        raise InputError(
            f"No model '{model}': there is no such folder, and the hub did not give it "
            f"(revision {revision or 'main'}): {first_line(error)}"
        ) from error


def check_weights(folder: Path, model: str) -> None:
    """InputError unless a folder's weights are safetensors that lie in it: one file, or those that an index names."""
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        parts = read_json(index).get("weight_map")
        if not isinstance(parts, dict) or not parts:
            raise InputError(f"{index} can't be read: it has no 'weight_map'.")
        for part in parts.values():
            if not isinstance(part, str) or Path(part).name != part or not part.endswith(".safetensors"):
                raise InputError(f"{index} names '{part}', which is no safetensors file of this folder.")
    elif not (folder / "model.safetensors").is_file():
        raise InputError(
            f"Model '{model}' in {folder} has no model.safetensors; weights are read from no other format."
        )


def check_whole(folder: Path) -> None:
    """InputError, which names the file, where a JSON or safetensors file of a model's folder is cut or damaged."""
    for path in sorted([*folder.glob("*.json"), *folder.glob("*.safetensors")]):
        try:
            if path.suffix == ".json":
                json.loads(path.read_text(encoding="utf-8"))
            elif path.stat().st_size != safetensors_size(path):
                raise ValueError("it is cut short.")
        except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f"{path} can't be read: {first_line(error)} Restore it, or delete {folder} and have it made anew."
            ) from error


def safetensors_size(path: Path) -> int:
    """The bytes that a safetensors file must have by its header: a length, JSON with the tensors' places, tensors."""
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if length > path.stat().st_size:
            raise ValueError("it is cut short.")
        tensors = json.loads(stream.read(length))
    ends = [tensor["data_offsets"][1] for name, tensor in tensors.items() if name != "__metadata__"]
    return 8 + length + max(ends, default=0)


class Origin(NamedTuple):
    """What embeddings are made by: a model as it was asked for, a checksum of its files, a pooling ("": unsaid)."""

    model: str
    checksum: str
    pooling: str

    def __str__(self) -> str:
        return f"{self.model} (files {self.checksum[:8]}) pooled by {self.pooling or 'any way'}"


def origin(model: str, pooling: str | None, revision: str | None = None) -> Origin:
    """What embeddings of a model under a pooling (default: the one that its folder declares) are made by.

    The checksum is the sha256 of the names and contents of its files of weights, configs and tokenizer, in its top
    folder. Reads a model of 400 MB in half a second and imports nothing.

    Raises:
        InputError: as `resolve`, or an unknown pooling.
    """
    folder = resolve(model, revision)
    files = sorted(path for path in folder.iterdir() if any(fnmatch(path.name, p) for p in WEIGHTS_AND_TOKENIZER))
    lines = "".join(f"{sha256(path)}  {path.name}\n" for path in files)
    chosen = check_pooling(pooling) if pooling else declared_pooling(folder)
    return Origin(model, hashlib.sha256(lines.encode()).hexdigest(), chosen or "")


def declared_pooling(folder: Path) -> Pooling | None:
    """The pooling that a sentence-transformers folder declares; None where it declares none that is known here."""
    config = folder / "1_Pooling" / "config.json"
    declared = read_json(config) if config.is_file() else {}
    if declared.get("pooling_mode") in ("cls", "mean"):
        return check_pooling(declared["pooling_mode"])
    if declared.get("pooling_mode_cls_token"):
        return "cls"
    return "mean" if declared.get("pooling_mode_mean_tokens") else None


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file of a model folder; InputError where it is damaged."""
    try:
        return json_object(path)
    except ValueError as error:
        raise InputError(f"{path} can't be read: it holds {error}.") from error


def package_folder(name: str) -> Path:
    """The folder with model weights inside the installed distribution `name`; InputError if there is none."""
    if not name.strip():
        raise InputError("Model 'package:': the name of an installed package is missing behind the colon.")
    try:
        files = importlib.metadata.files(name) or []
    except importlib.metadata.PackageNotFoundError as error:
        raise InputError(f"Model 'package:{name}': no package of that name is installed.") from error
    for file in files:
        if file.name == "model.safetensors":
            return Path(str(file.locate())).parent
    raise InputError(f"Model 'package:{name}': the package is installed but ships no model.safetensors.")
