"""Sentence encoders: load a pretrained transformer, pool its tokens, encode sentences, save.

An encoder is a transformer, its tokenizer and a pooling, and may have a linear layer behind it, such as a whitening.
The projection head is for training only: it is made with `head=True`, applied by `project`, and never saved.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, AutoTokenizer

from arccse.cpu import CPUKernels
from arccse.errors import InputError, first_line
from arccse.models import (
    MASK,
    POOLINGS,
    Pooling,
    Precision,
    choose_pooling,
    has_tanh,
    layer_weights,
    linear_folder,
    read_json,
    resolve,
)
from arccse.padding import length_groups

# A CPU's time follows the tokens, padding included; a GPU's at these sizes follows the number of launches.
GROUPS_ON_CPU = 4

# A weight of an encoder layer. Others may be in a checkpoint and not in the encoder: heads of its pretraining or of a
# task, a pooler, position ids.
LAYER = re.compile(r"(?:^|\.)(?:encoder|transformer)\.layer\.\d+\.")


class DenseTanh(nn.Linear):
    """A linear layer and tanh."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).tanh()


class Encoder(nn.Module):
    """A transformer with a pooling and, for training, a projection head.

    Attributes:
        transformer: any of the BERT, RoBERTa, MPNet and DistilBERT families.
        tokenizer: its fast tokenizer.
        pooling: one of POOLINGS.
        max_length: the longest input in tokens, special ones included, that `encode` passes on whole.
        head: dense and tanh over d dimensions (SimCSE's MLP), or None.
        linear: a layer that takes pooled embeddings to the encoder's own, or None. One that was loaded, or that
            whitens, nothing trains.
    """

    def __init__(self, transformer: Any, tokenizer: Any, pooling: Pooling, max_length: int, head: bool = False):
        super().__init__()
        self.transformer = transformer
        self.tokenizer = tokenizer
        self.pooling = pooling
        self.max_length = max_length
        self.head = projection_head(transformer.config) if head else None
        self.linear: nn.Linear | None = None
        if pooling == "cls":
            keep_first_token(transformer)

    def keep_head(self) -> None:
        """Make a projection head that is the encoder's own: it is applied everywhere, trained and saved.

        Raises:
            InputError: another layer follows the pooling.
        """
        if self.linear:
            name = self.transformer.config.name_or_path
            raise InputError(f"head: kept: a linear layer follows the pooling of encoder '{name}' already.")
        dense = projection_head(self.transformer.config).get_submodule("0")
        width = self.transformer.config.hidden_size
        self.linear = DenseTanh(width, width).to(self.device)
        self.linear.load_state_dict(dense.state_dict())

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Pooled embeddings, (N, d), of (N, L) token ids and their 0/1 attention mask."""
        return self.pool(self.transformer.get_input_embeddings()(input_ids), attention_mask)

    def forward_in_groups(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """What `forward` gives, faster on a CPU: rows of like length go through together, with less padding."""
        if self.device.type != "cpu":
            return self(input_ids, attention_mask)
        lengths = attention_mask.sum(1).numpy()
        # For bfloat16 products oneDNN compiles a kernel for each new shape, which costs more than the padding.
        groups = length_groups(lengths, 1 if torch.is_autocast_enabled("cpu") else GROUPS_ON_CPU)
        # One look-up for all groups: its gradient is as large as the vocabulary, whatever the number of rows.
        words = self.transformer.get_input_embeddings()(input_ids)
        with CPUKernels():
            parts = [
                self.pool(words[rows, : lengths[rows].max()], attention_mask[rows, : lengths[rows].max()])
                for rows in groups
            ]
        return torch.cat(parts)[np.argsort(np.concatenate(groups))]

    def pool(self, words: Tensor, attention_mask: Tensor) -> Tensor:
        """Pooled embeddings, (N, d), of (N, L, d) word embeddings and their 0/1 attention mask."""
        all_layers = self.pooling in ("first-last-avg", "top2-avg")
        output = self.transformer(
            inputs_embeds=words,
            attention_mask=attention_mask,
            output_hidden_states=all_layers,
            return_dict=True,
        )
        if self.pooling == "cls":
            pooled = output.last_hidden_state[:, 0]
        else:
            tokens = output.last_hidden_state
            if all_layers:
                # hidden_states[0] is the embedding layer: the first layer's output is at 1, as SimCSE counts.
                other = 1 if self.pooling == "first-last-avg" else -2
                tokens = (output.hidden_states[other] + output.hidden_states[-1]) / 2
            weights = attention_mask.unsqueeze(-1).to(tokens.dtype)
            pooled = (tokens * weights).sum(1) / weights.sum(1)
        return pooled if self.linear is None else self.linear(pooled)

    def project(self, pooled: Tensor) -> Tensor:
        """The training head's (N, d) output for (N, d) pooled embeddings; themselves where there is no head."""
        return pooled if self.head is None else self.head(pooled)

    def token_ids(self, sentences: Sequence[str], max_length: int | None = None) -> list[list[int]]:
        """Token ids of each sentence with its special tokens, cut at `max_length` (default: the encoder's own).

        MASK in a sentence becomes the tokenizer's mask token; InputError where it has none.
        """
        if any(MASK in sentence for sentence in sentences):
            if self.tokenizer.mask_token is None:
                name = self.transformer.config.name_or_path
                raise InputError(f"Encoder '{name}' has no mask token to stand for {MASK} in a sentence.")
            sentences = [sentence.replace(MASK, self.tokenizer.mask_token) for sentence in sentences]
        encoded = self.tokenizer(
            list(sentences),
            truncation=True,
            max_length=max_length or self.max_length,
            return_attention_mask=False,
            return_token_type_ids=False,
        )
        return encoded["input_ids"]

    def batch(self, ids: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
        """Pad token ids to (N, L) input ids and (N, L) attention mask on the encoder's device."""
        lengths = np.array([len(row) for row in ids])
        attended = np.arange(lengths.max()) < lengths[:, None]
        input_ids = np.full(attended.shape, self.tokenizer.pad_token_id, dtype=np.int64)
        input_ids[attended] = np.concatenate(ids)
        return torch.from_numpy(input_ids).to(self.device), torch.from_numpy(attended.astype(np.int64)).to(
            self.device
        )

    def encode(
        self,
        sentences: Sequence[str],
        batch_size: int = 64,
        progress: Callable[[int], object] | None = None,
        precision: Precision = "fp32",
    ) -> np.ndarray:
        """Raw (not normalised) embeddings of sentences, dropout off and head dropped.

        Args:
            sentences: n sentences, encoded whole up to the encoder's own limit.
            batch_size: sentences a batch.
            progress: called with the number of sentences done after each batch.
            precision: of the matrix products.

        Returns:
            (n, d) float32.
        """
        return self.encode_ids(self.token_ids(sentences) if sentences else [], batch_size, progress, precision)

    @torch.inference_mode()
    def encode_ids(
        self,
        ids: Sequence[Sequence[int]],
        batch_size: int = 64,
        progress: Callable[[int], object] | None = None,
        precision: Precision = "fp32",
    ) -> np.ndarray:
        """What `encode` gives for sentences of these token ids.

        They go through in order of length, so that a batch holds little padding; rows come back in the order given.
        """
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]), reverse=True)
        width = self.linear.out_features if self.linear else self.transformer.config.hidden_size
        embeddings = np.empty((len(ids), width), dtype=np.float32)
        with without_dropout(self), products_in(precision, self.device):
            for start in range(0, len(order), batch_size):
                rows = order[start : start + batch_size]
                embeddings[rows] = self(*self.batch([ids[i] for i in rows])).float().cpu().numpy()
                if progress:
                    progress(start + len(rows))
        return embeddings

    def save(self, folder: Path) -> None:
        """Write the encoder, without its head, in sentence-transformers layout with safetensors weights.

        `SentenceTransformer(folder).encode` then gives the rows that `encode` gives.
        """
        self.transformer.save_pretrained(folder)
        self.tokenizer.backend_tokenizer.no_truncation()  # what the last call happened to set is no part of it
        self.tokenizer.backend_tokenizer.no_padding()
        self.tokenizer.save_pretrained(folder)
        # sentence-transformers builds its modules from a folder, so it reads back what was just written.
        whole = sentence_transformer(folder, self.pooling, self.max_length, self.linear)
        whole.save(str(folder), create_model_card=False)

    def fingerprint(self) -> str:
        """sha256 of every weight, the pooling and the length limit: equal for encoders that encode alike."""
        after = " tanh" if isinstance(self.linear, DenseTanh) else ""
        digest = hashlib.sha256(f"{self.pooling} {self.max_length}{after}".encode())
        weights = self.transformer.state_dict()
        if self.linear:
            weights |= {f"linear.{name}": weight for name, weight in self.linear.state_dict().items()}
        for name, weight in sorted(weights.items()):
            if name.startswith("pooler."):  # no pooling reads it, and where a checkpoint has none it is random
                continue
            digest.update(name.encode() + weight.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()


def load_encoder(
    model: str,
    pooling: str | None = None,
    *,
    revision: str | None = None,
    head: bool = False,
    dropout: float | None = None,
) -> Encoder:
    """Load an encoder on the CPU.

    Args:
        model: a folder in sentence-transformers or plain transformers layout, `package:NAME` for weights that
            an installed distribution ships, or a name on the Hugging Face hub.
        pooling: one of POOLINGS; default: what a sentence-transformers folder says of itself.
        revision: for a hub name, the commit, tag or branch.
        head: add a newly initialised projection head (draws from torch's global generator).
        dropout: probability for hidden states and attention; default: the model's own.

    Raises:
        InputError: an unknown model, package or pooling, a pooling that the model's linear layer is not for, a
            training that diverged, or weights that are damaged or do not fit.
    """
    folder = resolve(model, revision)
    chosen = choose_pooling(folder, model, pooling)
    if chosen is None:
        raise InputError(f"Model '{model}' does not say how it pools; name a pooling: {', '.join(POOLINGS)}.")
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        if dropout is not None:
            for key in (
                "hidden_dropout_prob",
                "attention_probs_dropout_prob",
                "dropout",
                "attention_dropout",
            ):
                if hasattr(config, key):
                    setattr(config, key, dropout)
        transformer, loading = AutoModel.from_pretrained(
            folder,
            config=config,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
        )
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise InputError(f"Model '{model}' in {folder} can't be loaded: {first_line(error)}") from error
    mismatched = sorted(key for key, *_ in loading["mismatched_keys"])
    if mismatched:
        raise InputError(f"Model '{model}' in {folder}: the shape of '{mismatched[0]}' is not what config.json says.")
    if len(tokenizer) <= len(tokenizer.all_special_ids):  # transformers makes an empty one where there is no file
        raise InputError(f"Model '{model}' in {folder} has no tokenizer.")
    missing = sorted(key for key in loading["missing_keys"] if not key.startswith("pooler."))
    if missing:
        raise InputError(f"Model '{model}' in {folder} lacks {len(missing)} weights, the first is '{missing[0]}'.")
    unread = sorted(key for key in loading["unexpected_keys"] if LAYER.search(key))
    if unread:
        raise InputError(
            f"Model '{model}' in {folder}: its config.json has no place for {len(unread)} weights of its layers, the "
            f"first is '{unread[0]}'."
        )
    encoder = Encoder(transformer.float(), tokenizer, chosen, length_limit(folder, config, tokenizer), head)
    encoder.linear = load_linear(folder, config.hidden_size)
    return encoder


def load_linear(folder: Path, width: int) -> nn.Linear | None:
    """The linear layer in a model's folder for so many dimensions, if there is one; InputError if it is damaged."""
    found = linear_folder(folder)
    if found is None:
        return None
    try:
        weights = load_file(found / "model.safetensors")
        weight, bias = weights["linear.weight"], weights.get("linear.bias")
        if weight.ndim != 2 or weight.shape[1] != width or (bias is not None and bias.shape != weight.shape[:1]):
            raise ValueError(f"it is not for embeddings of {width} dimensions")
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise InputError(f"The linear layer {found} can't be loaded: {first_line(error)}") from error
    return frozen_linear(weight, bias, DenseTanh if has_tanh(found) else nn.Linear)


def frozen_linear(weight: Tensor, bias: Tensor | None, kind: type[nn.Linear] = nn.Linear) -> nn.Linear:
    """A float32 layer x ↦ weight x + bias that nothing trains, of a (k, d) weight and a (k,) bias."""
    layer = nn.utils.skip_init(kind, weight.shape[1], weight.shape[0], bias=bias is not None)
    layer.load_state_dict({"weight": weight} | ({} if bias is None else {"bias": bias}))
    return layer.requires_grad_(False)


def length_limit(folder: Path, config: Any, tokenizer: Any) -> int:
    """The encoder's own limit in tokens: what its folder says, at most what its positions hold."""
    positions = config.max_position_embeddings
    if config.model_type in ("roberta", "mpnet", "xlm-roberta", "camembert"):
        positions -= config.pad_token_id + 1  # positions are counted from behind the padding index
    declared = folder / "sentence_bert_config.json"
    own = read_json(declared).get("max_seq_length") if declared.is_file() else None
    return min(positions, tokenizer.model_max_length, own or positions)


def keep_first_token(transformer: Any) -> None:
    """Spare the last layer's feed-forward on all tokens but the first, the only one that [CLS] pooling reads.

    Two thirds of a layer's arithmetic for the same embeddings and gradients. `last_hidden_state` has length 1.
    """

    def first_token(_module: nn.Module, _inputs: Any, output: Any) -> Any:
        return (output[0][:, :1], *output[1:]) if isinstance(output, tuple) else output[:, :1]

    layers = transformer.transformer if transformer.config.model_type == "distilbert" else transformer.encoder
    last = layers.layer[-1]
    # what the feed-forward reads: in BERT's families the attention block's output, in DistilBERT that of its norm
    (last.sa_layer_norm if hasattr(last, "sa_layer_norm") else last.attention).register_forward_hook(first_token)


def projection_head(config: Any) -> nn.Module:
    """A dense layer and tanh over the hidden size, initialised as BERT's own layers are."""
    dense = nn.Linear(config.hidden_size, config.hidden_size)
    nn.init.normal_(dense.weight, std=config.initializer_range)
    nn.init.zeros_(dense.bias)
    return nn.Sequential(dense, nn.Tanh())


def sentence_transformer(folder: Path, pooling: Pooling, max_length: int, linear: nn.Linear | None) -> Any:
    """A SentenceTransformer over the transformers folder `folder` that pools as `pooling` says; `linear` follows."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Dense
    from sentence_transformers.sentence_transformer.modules import Pooling as PoolingModule
    from sentence_transformers.sentence_transformer.modules import Transformer, WeightedLayerPooling

    all_layers = pooling in ("first-last-avg", "top2-avg")
    transformer = Transformer(
        str(folder),
        max_seq_length=max_length,
        model_kwargs={"use_safetensors": True},
        config_kwargs={"output_hidden_states": True} if all_layers else {},
    )
    config = transformer.model.config
    modules: list[nn.Module] = [transformer]
    if all_layers:
        layers = config.num_hidden_layers
        weights = torch.tensor(layer_weights(pooling, layers))
        modules.append(
            WeightedLayerPooling(config.hidden_size, layers, layer_start=0, layer_weights=nn.Parameter(weights))
        )
    modules.append(PoolingModule(config.hidden_size, "cls" if pooling == "cls" else "mean"))
    if linear:
        activation = nn.Tanh() if isinstance(linear, DenseTanh) else None
        dense = Dense(linear.in_features, linear.out_features, linear.bias is not None, activation)
        dense.linear.load_state_dict(linear.state_dict())
        modules.append(dense)
    return SentenceTransformer(modules=modules, device="cpu")


def products_in(precision: Precision, device: torch.device) -> torch.autocast:
    """Matrix products in this precision inside the block; weights, sums over tokens and norms stay in float32."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bf16")


@contextmanager
def without_dropout(encoder: nn.Module) -> Iterator[None]:
    """Dropout off inside the block; gradients as before."""
    was_training = encoder.training
    encoder.eval()
    try:
        yield
    finally:
        encoder.train(was_training)
