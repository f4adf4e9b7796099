"""Tuning: the values that every row of a study is tried with.

Trials are runs like any others. They are scored on no suite, so that there is no test score that could reach the
choice among them, which is made in choosing.py.
"""

from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from arccse.errors import InputError, first_line
from arccse.files import json_object
from arccse.hyperparameters import Hyperparameters, Partial, own_settings
from arccse.ranges import Range
from arccse.validation import Seeds, Strict

DIMENSIONS = 16  # of every design, so that a hyperparameter more moves no trial of the others


class Tuning(Strict):
    """How the rows of a study are tuned: all over the same points of the unit cube."""

    trials: Annotated[int, Field(ge=1, le=1024)]
    """Trials of each trained row and encoder; the first of more are the same."""
    seeds: Seeds
    """Of each trial; others than the study's, which the final runs have."""
    space: dict[str, Range] = Field(default={})
    """What every row is tuned over, where it has an effect; an objective's own hyperparameters come on top, over the
    ranges that stand with it unless one stands here."""

    def values(self, untuned: Hyperparameters) -> list[Partial]:
        """What a row is tried with: a scrambled Sobol design over the hyperparameters that have an effect on it.

        Those of `space` take the same values in every row, whichever else a row has.

        Args:
            untuned: the row's hyperparameters as the config has them.

        Raises:
            InputError: there are more hyperparameters than a design has dimensions.

        Source: Owen's scrambling of Sobol's sequence, as scipy.stats.qmc has it.
        """
        ranges = {name: setting.range for name, setting in own_settings(untuned.objective).items()} | self.space
        order = [*self.space, *(name for name in ranges if name not in self.space)]
        if len(ranges) > DIMENSIONS:
            raise InputError(f"{len(ranges)} hyperparameters are to be tuned; a design has {DIMENSIONS} dimensions.")
        places = {key: place for place, key in enumerate(order) if has_effect(untuned, key, ranges[key])}
        return [{key: ranges[key].at(point[place]) for key, place in places.items()} for point in cube(self.trials)]


def has_effect(untuned: Hyperparameters, key: str, over: Range) -> bool:
    """Whether a hyperparameter's values in a range make different trainings."""
    ends = [untuned.model_copy(update={key: over.at(u)}).canonical() for u in (0.0, 0.999)]
    return ends[0] != ends[1]


@cache
def cube(count: int) -> list[list[float]]:
    """The first points of the one design that there is, count × DIMENSIONS numbers in [0, 1)."""
    from scipy.stats import qmc  # a second, which a config without tuning need not wait for

    sobol = qmc.Sobol(DIMENSIONS, scramble=True, rng=0)
    points: list[list[float]] = sobol.random_base2((count - 1).bit_length())[:count].tolist()
    return points


class Choice(Strict):
    """What the trials of a row came to: the number of the best, its values, and its dev score, a mean over seeds.

    null, all three, where every trial diverged. `among` is a digest of the runs that it was chosen among.
    """

    trial: int | None
    values: Partial | None
    dev: float | None
    among: str


Choices = dict[str, dict[str, dict[str, Choice]]]  # study → encoder → label


def read_choices(path: Path) -> Choices:
    """What was chosen so far; nothing where there is no file. Raises InputError for a damaged one."""
    if not path.exists():
        return {}
    try:
        return TypeAdapter(Choices).validate_python(json_object(path))
    except (OSError, ValueError, ValidationError) as error:
        raise InputError(
            f"{path} can't be used: {first_line(error)} Delete it, and the workflow makes it anew."
        ) from error
