"""Losses of other packages as pair objectives, by the import path of a class in the form of sentence-transformers'.

`objectives.outside` has an attribute for each such path: a function f(z, z_pos, arguments) like those of the files
beside it. The class is made with a model and the arguments, and called with what the trainer of sentence-transformers
gives, but for the encoder: its model finds the embeddings in the batch. So it must need nothing but these.
"""

import inspect
import json
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from arccse.errors import InputError, first_line, nearest
from arccse.objectives.vectors import widened

EMBEDDING = "sentence_embedding"


class Given(nn.Module):
    """A model of a batch that holds its embeddings already."""

    def forward(self, features: Mapping[str, Any], **_: Any) -> dict[str, Any]:
        return dict(features)


def __getattr__(path: str) -> Any:
    if "." not in path:
        raise AttributeError(f"no import path: {path}")

    def objective(z: Tensor, z_pos: Tensor, arguments: Mapping[str, Any]) -> Tensor:
        return value(made(path, json.dumps(arguments, sort_keys=True)), z, z_pos)

    return objective


def value(loss: nn.Module, z: Tensor, z_pos: Tensor) -> Tensor:
    """The scalar that a loss gives for the (N, d) embeddings of sentences and of their positives, without labels."""
    found = loss([{EMBEDDING: widened(x)} for x in (z, z_pos)], None)
    return torch.stack(list(found.values())).sum() if isinstance(found, dict) else found


@cache
def made(path: str, arguments: str) -> nn.Module:
    """The loss of an import path with its arguments, as JSON."""
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)(Given(), **json.loads(arguments))


def check(path: str, arguments: Mapping[str, Any]) -> None:
    """Make the loss, and try it on random embeddings.

    Raises:
        InputError: there is none, it can't be made so, or it needs more than a batch's embeddings.
    """
    module, _, name = path.rpartition(".")
    try:
        found = getattr(import_module(module), name, None)
    except ImportError as error:
        raise InputError(f"objective '{path}' can't be imported: {first_line(error)}") from error
    if not (isinstance(found, type) and issubclass(found, nn.Module)):
        names = [one for one, its in vars(import_module(module)).items() if isinstance(its, type)]
        raise InputError(f"objective '{path}' is no loss of sentence-transformers' form; {nearest(name, names)}")
    check_arguments(path, found, arguments)
    refusal = f"objective '{path}' can't be trained with"
    caching = InputError(f"{refusal}, since it encodes in parts itself; chunk_size does so here.")
    try:
        loss = made(path, json.dumps(arguments, sort_keys=True))
    except Exception as error:  # whatever the class raises, it is its answer to these arguments
        if getattr(found, "uses_gradient_cache", False):
            raise caching from error
        raise InputError(f"{refusal} arguments {dict(arguments)} and no encoder: {first_line(error)}") from error
    if getattr(loss, "uses_gradient_cache", False):
        raise caching
    if any(True for _ in loss.parameters()):
        raise InputError(f"{refusal}, since it has weights of its own, which nothing here would train.")
    check_value(path, refusal, loss)


def check_arguments(path: str, loss: type, arguments: Mapping[str, Any]) -> None:
    """InputError unless a class can be made with a model and these arguments."""
    parameters = list(inspect.signature(loss).parameters.values())[1:]  # behind the model
    open_ended = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
    named = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    for name in arguments:
        if name not in named and not open_ended:
            raise InputError(f"objective '{path}' takes no argument '{name}'; {nearest(name, named)}")
    for parameter in parameters:
        if parameter.name in named and parameter.default is parameter.empty and parameter.name not in arguments:
            raise InputError(f"objective '{path}' needs '{parameter.name}', which is not among its 'arguments'.")


def check_value(path: str, refusal: str, loss: nn.Module) -> None:
    """InputError unless a loss has a value and a gradient for embeddings, the same each time."""
    generator = torch.Generator().manual_seed(0)
    z, z_pos = (torch.randn(4, 8, generator=generator).requires_grad_() for _ in range(2))
    try:
        with torch.random.fork_rng(devices=[]):
            first, again = (value(loss, z, z_pos) for _ in range(2))
        gradients = torch.autograd.grad(first, (z, z_pos))
    except Exception as error:
        raise InputError(
            f"{refusal} the embeddings of a batch's sentences and their positives alone, which is all that there is "
            f"here: {first_line(error)}"
        ) from error
    if first.dim() or not all(one.isfinite().all() and one.any() for one in gradients):
        raise InputError(f"{refusal}, since it gives embeddings without labels no gradient.")
    if not torch.equal(first, again):
        raise InputError(f"{refusal}, since it draws random numbers, which a resumed training would draw anew.")
