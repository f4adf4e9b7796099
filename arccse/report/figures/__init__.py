"""Figures: `kinds` says which there are, `data` makes their data frames, the other modules draw.

Drawing functions are plain functions of data frames that return a matplotlib Figure; `drawing.save` writes it three
ways. Figures are objects of their own, never pyplot's current one, so that nothing depends on what was drawn before.
Each can carry a caveat above its panels, such as "Smoke run: these numbers are not findings."
"""

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    """Its modules, imported when they are first used: pandas, matplotlib and torch take seconds."""
    try:
        return import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'") from error
