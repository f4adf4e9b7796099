"""The objectives as losses of sentence-transformers, for its `SentenceTransformerTrainer`: see docs/losses.md.

They take plain sentences. A data set of one column has each sentence encoded twice, under two dropout masks; in one
of two columns, (anchor, positive), each column is encoded once, so that a sentence given twice comes to the same.
What is random (dropout, masks, drawn negatives) follows from torch's generator, which the trainer seeds, and saves
with its checkpoints.
"""

from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from arccse import citations
from arccse.encoder import projection_head, without_dropout
from arccse.errors import InputError, nearest
from arccse.hyperparameters import OBJECTIVES, WITH_HARD_NEGATIVES, Hyperparameters, layered
from arccse.masking import draw_masks
from arccse.objectives import pair_loss
from arccse.objectives.triplets import triplet

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Features = Mapping[str, Any]
Head = nn.Module | Literal["mlp"] | None

DEFAULTS = Hyperparameters()


class PairLoss(nn.Module):
    def __init__(
        self, model: "SentenceTransformer", objective: str = "nt_xent", *, head: Head = "mlp", **settings: Any
    ):
        """A pair objective of this package (docs/objectives.md); `nt_xent` is unsupervised SimCSE.

        Args:
            model: SentenceTransformer model.
            objective: its name, such as "arccon" or "vicreg".
            head: what embeddings go through before the objective, in training only: "mlp", a new dense layer and
                tanh as in SimCSE, whose weights are drawn now from torch's generator; None, nothing; or a module of
                yours. The trainer trains it with the model and does not save it.
            settings: the objective's `temperature`, where it has one, and its own settings; default: each its own.

        Raises:
            InputError: an unknown objective, a setting that it does not take, or a value that it can't have.

        References:
            - The objective's own, in its docstring, and in the model card that the trainer writes.

        Requirements:
            1. Dropout in the model, where a sentence is its own positive.
            2. At least two sentences a batch; different ones, which ``BatchSamplers.NO_DUPLICATES`` sees to.

        Inputs:
            +-----------------------------------------------------------------+--------+
            | Inputs                                                          | Labels |
            +=================================================================+========+
            | single sentences                                                | none   |
            +-----------------------------------------------------------------+--------+
            | (anchor, positive) pairs                                        | none   |
            +-----------------------------------------------------------------+--------+
            | (anchor, positive, negative, …), for ``nt_xent`` and ``arccon`` | none   |
            +-----------------------------------------------------------------+--------+

        Relations:
            - With ``objective="nt_xent"``, ``head=None`` and positives given, it is ``MultipleNegativesRankingLoss``
              with ``scale = 1 / temperature``.
            - In several processes, each has the negatives of its own batch alone.

        Example:
            ::

                from arccse.losses import PairLoss
                from datasets import Dataset
                from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer

                model = SentenceTransformer("bert-base-uncased")
                train_dataset = Dataset.from_dict({"sentence": ["It's nice weather outside.", "He drove to work."]})
                loss = PairLoss(model, "max_margin_angle", angle_margin=30)

                trainer = SentenceTransformerTrainer(model=model, train_dataset=train_dataset, loss=loss)
                trainer.train()
        """
        super().__init__()
        self.model = model
        self.objective = objective
        self.settings = checked(type(self).__name__, objective, settings)
        self.head = made_head(head, model)

    def forward(self, sentence_features: Iterable[Features], labels: Tensor | None = None) -> Tensor:
        """The scalar loss of a batch of columns of tokenised sentences; labels are not looked at."""
        features = list(sentence_features)
        views = features * 2 if len(features) == 1 else features
        return self.compute_loss_from_embeddings([embed(self.model, view) for view in views], labels)

    def compute_loss_from_embeddings(self, embeddings: list[Tensor], labels: Tensor | None = None) -> Tensor:
        """The scalar loss of the model's (N, d) embeddings of sentences, their positives and hard negatives, if any.

        Raises:
            ValueError: there are no positives, or hard negatives, which the objective does not take.
        """
        most = None if self.objective in WITH_HARD_NEGATIVES else 2
        if len(embeddings) < 2 or len(embeddings[:most]) < len(embeddings):
            raise ValueError(
                f"Objective {self.objective} takes one column of sentences or two, not {len(embeddings)}."
            )
        z, *others = (project(self.head, x) for x in embeddings)
        z_pos = torch.cat(others)
        generator = torch.Generator().manual_seed(drawn_seed())
        with torch.autocast(z.device.type, enabled=False):  # whose matrix products would round the cosines
            return pair_loss(self.objective, z, z_pos, self.settings | {"generator": generator})

    def get_config_dict(self) -> dict[str, Any]:
        return {"objective": self.objective, **self.settings, "head": named(self.head)}

    @property
    def citation(self) -> str:
        return citations.of_objective(self.objective)


class NestedMaskTripletLoss(nn.Module):
    def __init__(
        self,
        model: "SentenceTransformer",
        *,
        triplet_margin: float = DEFAULTS.triplet_margin,
        triplet_dropout: bool = DEFAULTS.triplet_dropout,
        mask_ratios: tuple[float, float] = DEFAULTS.mask_ratios,
        mask_shape: Literal["span", "scattered"] = DEFAULTS.mask_shape,
        mask_nested: bool = DEFAULTS.mask_nested,
        head: Head = None,
    ):
        """ArcCSE's triplet objective alone: a sentence with a part masked is nearer than with a larger part masked.

        The mean of max(0, cos(z, z_far) − cos(z, z_near) + m) over the sentences of a batch that are long enough for
        two masks. It orders what another loss has learnt, and collapses a model that it trains alone.

        Args:
            model: SentenceTransformer model, of a transformer whose tokenizer has a mask token.
            triplet_margin: m ≥ 0, in units of cosine.
            triplet_dropout: whether these three encodings are under dropout.
            mask_ratios: shares of a sentence's tokens that are masked, (near, far).
            mask_shape: one "span" of tokens, or "scattered" ones.
            mask_nested: whether the far mask holds the near one.
            head: as of `PairLoss`.

        Raises:
            InputError: a value that a setting can't have, or a tokenizer without a mask token.

        References:
            - Zhang et al., "A Contrastive Framework for Learning Sentence Representations from Pairwise and
              Triple-wise Perspective in Angular Space", ACL 2022.

        Inputs:
            +-----------------------------------------------+--------+
            | Inputs                                        | Labels |
            +===============================================+========+
            | single sentences; of more columns, the first  | none   |
            +-----------------------------------------------+--------+

        Relations:
            - :class:`ArcCSELoss` has it beside a pair objective.
        """
        super().__init__()
        self.model = model
        # at construction, since a wrapped model (of several processes, or compiled) has no tokenizer
        self.mask_id = getattr(getattr(model, "tokenizer", None), "mask_token_id", None)
        if self.mask_id is None:
            raise InputError(f"{type(self).__name__}: the model's tokenizer has no mask token.")
        self.special_ids = list(model.tokenizer.all_special_ids)
        given = {"triplet_margin": triplet_margin, "triplet_dropout": triplet_dropout, "mask_ratios": mask_ratios}
        given |= {"mask_shape": mask_shape, "mask_nested": mask_nested}
        valid = layered({type(self).__name__: given})
        self.settings = {name: getattr(valid, name) for name in given}
        self.head = made_head(head, model)

    def forward(self, sentence_features: Iterable[Features], labels: Tensor | None = None) -> Tensor:
        """The scalar loss of a batch, whose first column is looked at alone."""
        whole = next(iter(sentence_features))
        near, far = self.masks(whole)
        masked = [{**whole, "input_ids": whole["input_ids"].masked_fill(mask, self.mask_id)} for mask in (near, far)]
        with nullcontext() if self.settings["triplet_dropout"] else without_dropout(self.model):
            embeddings = [embed(self.model, view) for view in (whole, *masked)]
        ordered = near.any(1)
        return self.compute_loss_from_embeddings([x[ordered] for x in embeddings], labels)

    def masks(self, features: Features) -> tuple[Tensor, Tensor]:
        """The near and the far mask of a batch of tokenised sentences, (N, L) bool each; special tokens stay.

        Raises:
            ValueError: the features are no padded (N, L) token ids.
        """
        input_ids, attended = features.get("input_ids"), features.get("attention_mask")
        if input_ids is None or attended is None or input_ids.dim() != 2 or input_ids.shape != attended.shape:
            raise ValueError("Masks need padded (N, L) input_ids and attention_mask.")
        special = torch.isin(input_ids, torch.tensor(self.special_ids, device=input_ids.device))
        rng = np.random.default_rng(drawn_seed())
        near, far = self.settings["mask_ratios"]
        return draw_masks(
            attended.bool() & ~special, near, far, rng, self.settings["mask_shape"], self.settings["mask_nested"]
        )

    def compute_loss_from_embeddings(self, embeddings: list[Tensor], labels: Tensor | None = None) -> Tensor:
        """The scalar loss of the model's (N, d) embeddings of sentences whole, less masked and more masked."""
        whole, near, far = (project(self.head, x) for x in embeddings)
        with torch.autocast(whole.device.type, enabled=False):
            return triplet(whole, near, far, self.settings["triplet_margin"])

    def get_config_dict(self) -> dict[str, Any]:
        return self.settings | {"head": named(self.head)}

    @property
    def citation(self) -> str:
        return citations.ARCCSE


class ArcCSELoss(nn.Module):
    def __init__(
        self,
        model: "SentenceTransformer",
        objective: str = "arccon",
        *,
        triplet_weight: float = 0.1,
        triplet_margin: float = DEFAULTS.triplet_margin,
        triplet_dropout: bool = DEFAULTS.triplet_dropout,
        mask_ratios: tuple[float, float] = DEFAULTS.mask_ratios,
        mask_shape: Literal["span", "scattered"] = DEFAULTS.mask_shape,
        mask_nested: bool = DEFAULTS.mask_nested,
        head: Head = "mlp",
        **settings: Any,
    ):
        """ArcCSE: ArcCon and, weighted, the triplet objective on nested masks, ℓ_pair + λ ℓ_tri.

        The authors have published no code: λ = 0.1, m = 0 and the triplet's encodings without dropout are assumed.

        Args:
            model: SentenceTransformer model, of a transformer whose tokenizer has a mask token.
            objective: the pair objective, by name; the article's is ArcCon.
            triplet_weight: λ ≥ 0.
            triplet_margin, triplet_dropout, mask_ratios, mask_shape, mask_nested: as of `NestedMaskTripletLoss`.
            head: as of `PairLoss`; the triplet's embeddings go through the same one.
            settings: of the pair objective: for ArcCon `temperature` (0.05) and `margin` (10), in degrees.

        Raises:
            InputError: as `PairLoss` and `NestedMaskTripletLoss`.

        References:
            - Zhang et al., "A Contrastive Framework for Learning Sentence Representations from Pairwise and
              Triple-wise Perspective in Angular Space", ACL 2022.

        Requirements:
            1. As of `PairLoss`.

        Inputs:
            +-----------------------------------------------------------------+--------+
            | Inputs                                                          | Labels |
            +=================================================================+========+
            | single sentences                                                | none   |
            +-----------------------------------------------------------------+--------+
            | (anchor, positive) pairs                                        | none   |
            +-----------------------------------------------------------------+--------+
            | (anchor, positive, negative, …), for ``nt_xent`` and ``arccon`` | none   |
            +-----------------------------------------------------------------+--------+

        Example:
            ::

                from arccse.losses import ArcCSELoss
                from datasets import Dataset
                from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer

                model = SentenceTransformer("bert-base-uncased")
                train_dataset = Dataset.from_dict({"sentence": ["It's nice weather outside.", "He drove to work."]})
                loss = ArcCSELoss(model, margin=10, triplet_weight=0.1)

                trainer = SentenceTransformerTrainer(model=model, train_dataset=train_dataset, loss=loss)
                trainer.train()
        """
        super().__init__()
        self.model = model
        self.triplet_weight = layered({type(self).__name__: {"triplet_weight": triplet_weight}}).triplet_weight
        self.pair = PairLoss(model, objective, head=head, **settings)
        self.triplet = NestedMaskTripletLoss(
            model,
            triplet_margin=triplet_margin,
            triplet_dropout=triplet_dropout,
            mask_ratios=mask_ratios,
            mask_shape=mask_shape,
            mask_nested=mask_nested,
            head=self.pair.head,
        )

    def forward(self, sentence_features: Iterable[Features], labels: Tensor | None = None) -> Tensor:
        """The scalar loss of a batch, of inputs as `PairLoss` has them."""
        features = list(sentence_features)
        return self.pair(features, labels) + self.triplet_weight * self.triplet(features, labels)

    def get_config_dict(self) -> dict[str, Any]:
        parts = self.triplet.get_config_dict() | self.pair.get_config_dict()
        return {"triplet_weight": self.triplet_weight} | parts

    @property
    def citation(self) -> str:
        return citations.ARCCSE


def checked(place: str, objective: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Every setting that an objective takes, as given or its default; InputError for a name or value out of place."""
    layered({place: {"objective": objective}})  # known
    taken = [name for name in OBJECTIVES[objective].parameters if name != "generator"]
    for name in settings:
        if name not in taken:
            hint = nearest(name, taken) if taken else "it takes none."
            raise InputError(f"{place}: objective '{objective}' takes no '{name}'; {hint}")
    valid = layered({place: {"objective": objective, **settings}})
    return {name: getattr(valid, name) for name in taken}


def made_head(head: Head, model: "SentenceTransformer") -> nn.Module | None:
    """The head that was asked for; InputError for another name than "mlp"."""
    if head is None or isinstance(head, nn.Module):
        return head
    if head != "mlp":
        raise InputError(f"head: 'mlp', None or a module, not {head!r}.")
    config = getattr(model.transformers_model, "config", None)
    spread = getattr(config, "initializer_range", 0.02)  # as BERT's
    shape = SimpleNamespace(hidden_size=model.get_embedding_dimension(), initializer_range=spread)
    return projection_head(shape).to(model.device)


def named(head: nn.Module | None) -> str | None:
    """A head in a model card."""
    return None if head is None else "".join(str(head).split())


def project(head: nn.Module | None, embeddings: Tensor) -> Tensor:
    return embeddings if head is None else head(embeddings)


def embed(model: nn.Module, features: Features) -> Tensor:
    """The model's (N, d) embeddings of a batch; a copy of its features, since modules add theirs to what they get."""
    return model(dict(features))["sentence_embedding"]


def drawn_seed() -> int:
    """A seed out of torch's own generator, so that what follows from it goes on in a resumed training."""
    return int(torch.randint(2**63 - 1, ()))
