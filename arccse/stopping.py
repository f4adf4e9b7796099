"""As many seeds as it takes: a study is looked at with more and more of them, until all that it asks is decided.

The looks are planned, and every interval is adjusted for all of them, made or not. So what is seen may decide when to
stop, and the chance of any false verdict at any look stays what it is without.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from arccse.errors import InputError, first_line
from arccse.files import json_object
from arccse.validation import Strict


class Growing(Strict):
    """Seeds 0, 1, … of a study, as many as it takes."""

    start: Annotated[int, Field(ge=3, alias="from")]  # statistics.FEWEST_SEEDS
    """Seeds at the first look; each later one has twice as many."""
    to: Annotated[int, Field(le=10_000)]
    """Seeds at the last look."""
    stop: Literal["decided"]
    """decided: once each claim of the study or, where it has none, each comparison on averages has a verdict."""

    @model_validator(mode="after")
    def grows(self) -> "Growing":
        if self.to <= self.start:
            raise ValueError(f"'to' must be above 'from', which is {self.start}")
        return self

    @property
    def plan(self) -> list[int]:
        """The numbers of seeds that are looked at, unless all is decided before."""
        sizes = [self.start]
        while sizes[-1] < self.to:
            sizes.append(min(2 * sizes[-1], self.to))
        return sizes

    def reached(self, looks: Sequence["Look"]) -> int:
        """How many seeds it takes, as far as these looks at the study tell."""
        undecided = {look.seeds for look in looks if look.plan == self.plan and look.undecided}
        reached = self.start
        for size, more in pairwise(self.plan):
            if size not in undecided:
                break
            reached = more
        return reached

    def awaits_look(self, looks: Sequence["Look"]) -> bool:
        """Whether these looks leave open how many seeds it takes."""
        reached = self.reached(looks)
        return reached != self.to and not any(look.plan == self.plan and look.seeds == reached for look in looks)

    def looks(self, made: Sequence["Look"]) -> int:
        """The looks that intervals allow for: the planned ones, and those that were made under another plan."""
        return len(self.plan) + sum(look.plan != self.plan for look in made)


class Look(Strict):
    """A look at a study: when, with how many of which planned numbers of seeds, and what it left undecided."""

    date: str
    plan: list[int]
    seeds: int
    undecided: list[str]


Looks = dict[str, Look]  # study → its look


def read_looks(files: Iterable[Path]) -> list[Looks]:
    """The looks, one file after another, up to the first that is not there. Raises InputError for a damaged one."""
    found = []
    for path in files:
        if not path.exists():
            break
        try:
            found.append(TypeAdapter(Looks).validate_python(json_object(path)))
        except (OSError, ValueError, ValidationError) as error:
            raise InputError(
                f"{path} can't be used: {first_line(error)} Delete it and those of later looks, and the workflow "
                "makes them anew."
            ) from error
    return found
