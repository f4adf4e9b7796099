"""Where the values of a swept hyperparameter stand on an axis: numbers at their size, all else side by side."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from statistics import median
from typing import Any

TITLES = {"margin": "angular margin m (degrees)", "temperature": "temperature τ", "triplet_weight": "weight λ"}
FAR, FEW = 5, 8  # medians; distances
CLOSEST = 0.05  # of the axis, between two of a few numbers; those that are closer can't be told apart


@dataclass(frozen=True)
class Axis:
    """A hyperparameter and its values, each once, as a sweep has them."""

    key: str
    values: tuple[Any, ...]

    @cached_property
    def is_scale(self) -> bool:
        """Whether the values are numbers that stand where their size puts them.

        Numbers of several magnitudes would hide each other there, and stand side by side in their order.
        """
        if not self._are_numbers:
            return False
        places = sorted(self.values)
        gaps = [b - a for a, b in pairwise(places)]
        # many numbers at even steps are close and can be told apart nevertheless
        return not gaps or min(gaps) >= min(CLOSEST, 0.5 / len(gaps)) * sum(gaps)

    @property
    def title(self) -> str:
        """What the axis says."""
        name = TITLES.get(self.key, self.key)
        return f"{name} (values evenly spaced)" if self._are_numbers and not self.is_scale else name

    @cached_property
    def categories(self) -> list[str]:
        """The values that stand at 0, 1, 2, … as text; empty where they are a scale."""
        return [] if self.is_scale else [text_of(value) for value in self._in_order]

    def place(self, value: Any) -> float:
        return float(value) if self.is_scale else float(self._in_order.index(value))

    @property
    def _are_numbers(self) -> bool:
        return all(type(value) in (int, float) for value in self.values)

    @property
    def _in_order(self) -> list[Any]:
        return sorted(self.values) if self._are_numbers else list(self.values)


def text_of(value: Any) -> str:
    """A hyperparameter's value as a config has it: true, null, 0.2/0.4, 3e-05, mean."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return "/".join(map(text_of, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def near(reaches: Sequence[float]) -> list[bool]:
    """Which of some distances from 0 leave each other room on one axis: no more than FAR times their median."""
    known = [reach for reach in reaches if not math.isnan(reach)]
    return [reach <= FAR * median(known) for reach in reaches]


def far_off(reaches: Sequence[float]) -> list[bool]:
    """Which of many distances from 0 are not near the others; of a few, one may take all the room."""
    return [not one for one in near(reaches)] if len(reaches) > FEW else [False] * len(reaches)


def reach(
    rows: Iterable[Sequence[float]], aside: Iterable[bool], within: Iterable[float] = ()
) -> tuple[float, float]:
    """Lowest and highest that an axis needs room for: the rows that are not set aside (all, where all are).

    An untrained row far off would leave the others no room.

    Args:
        rows: each one's values, NaN where it has none; at least one number in all.
        aside: which rows are set aside.
        within: what has room in any case.
    """
    told = [(out, [value for value in row if not math.isnan(value)]) for out, row in zip(aside, rows, strict=True)]
    kept = [value for out, row in told if not out for value in row]
    room = [*(kept or [value for _, row in told for value in row]), *within]
    return min(room), max(room)
