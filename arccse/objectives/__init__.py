"""The objectives, a file a family; each is a pure function of embeddings that reads like its equation.

A pair objective is a function f(z, z_pos, …) of any file here: of the (N, d) embeddings of N ≥ 2 sentences and of
their positives, row by row. Its other parameters are hyperparameters: `temperature`, and such as stand with the
function alone, each with its `Setting`. docs/objectives.md lists them all, with what differs between paper and code.

s_ij is the cosine of sentence i and positive j, p_i = s_ii, τ the temperature, lse the logarithm of a sum of
exponentials, [x]₊ = max(0, x). Embeddings need not be normalised unless a docstring says otherwise.
"""

import inspect
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from torch import Tensor

from arccse.hyperparameters import OBJECTIVES


def pair_loss(objective: str, z: Tensor, z_pos: Tensor, settings: Mapping[str, Any]) -> Tensor:
    """The loss of the pair objective of that name.

    Args:
        objective: the function's name.
        z: (N, d) embeddings of N sentences.
        z_pos: (N, d) their positives, row by row.
        settings: values of the function's other parameters, by name; those that it does not have are left out.

    Returns:
        The scalar loss.
    """
    function = getattr(import_module(f"arccse.{OBJECTIVES[objective].module}"), objective)
    taken = [name for name in inspect.signature(function).parameters if name in settings]
    return function(z, z_pos, **{name: settings[name] for name in taken})
