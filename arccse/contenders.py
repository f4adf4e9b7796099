"""The models of a comparison: what each argument of `arccse compare` stands for, what it is called, its seeds."""

import glob
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from arccse.errors import InputError
from arccse.files import is_folder
from arccse.models import check_model
from arccse.statistics import FEWEST_SEEDS

SEED = re.compile(r"seed[-_=]?(\d+)")
LAST = ("model", "evaluation", "scores")  # what a folder with one of these names is, its parents say


@dataclass(frozen=True)
class Contender:
    """A row of a comparison.

    Attributes:
        name: as it is shown.
        members: a model, or a folder with its scores, for each seed.
        seeds: their numbers.
    """

    name: str
    members: tuple[str, ...]
    seeds: tuple[int, ...]


def contenders(arguments: Sequence[str]) -> list[Contender]:
    """What the arguments stand for: MODEL, NAME=MODEL, or NAME=GLOB for several seeds of one.

    A seed's number is the one behind "seed" in its path. Where the paths do not say it, or two models with several
    seeds have fewer than FEWEST_SEEDS numbers in common, seeds are counted from 0 in the order of their paths.

    Raises:
        InputError: fewer than two models, one name twice, or a model or glob that stands for nothing.
    """
    if len(arguments) < 2:
        raise InputError(f"A comparison needs two models or more, got {len(arguments)}.")
    parts = [split(argument) for argument in arguments]
    members = [found(what, argument) for (_, what), argument in zip(parts, arguments, strict=True)]
    unnamed = iter(distinct([own[0] for (name, _), own in zip(parts, members, strict=True) if not name]))
    names = [name or next(unnamed) for name, _ in parts]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise InputError(f"Two models are called '{twice[0]}'; name one by NAME=MODEL.")
    numbers = [seeds_of(own) for own in members]
    several = [own for own in numbers if len(own) > 1]
    if any(len({*one} & {*other}) < min(FEWEST_SEEDS, len(one), len(other)) for one in several for other in several):
        numbers = [tuple(range(len(own))) for own in members]
    return [Contender(*own) for own in zip(names, members, numbers, strict=True)]


def split(argument: str) -> tuple[str, str]:
    """Name ("": none) and model of an argument; a folder may have = in its own name."""
    name, separator, what = argument.partition("=")
    return ("", argument) if not separator or is_folder(argument) else (name, what)


def found(what: str, argument: str) -> tuple[str, ...]:
    """The models that a model or glob stands for, in the order of their paths."""
    if not is_folder(what) and glob.has_magic(what):
        path = Path(what)
        places = Path(path.anchor or ".").glob(str(path.relative_to(path.anchor)))
        matches = sorted((str(place) for place in places if place.is_dir()), key=in_order)
        if not matches:
            raise InputError(f"'{argument}': no folder matches {what}.")
        return tuple(matches)
    check_model(what.partition("@")[0] if not is_folder(what) else what)
    return (what,)


def in_order(path: str) -> list[tuple[int, str]]:
    """A path as it is sorted: seed2 before seed10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", path)]


def seeds_of(members: Sequence[str]) -> tuple[int, ...]:
    """The numbers behind "seed" in the paths, where each has another one; otherwise their places."""
    said = [SEED.findall(Path(member).as_posix()) for member in members]
    numbers = tuple(int(own[-1]) for own in said if own)
    return numbers if len({*numbers}) == len(members) > 1 else tuple(range(len(members)))


def distinct(models: Sequence[str]) -> list[str]:
    """Names of different models, as short as they can be: the ends of their paths in which they differ."""
    parts = [parts_of(model) for model in models]
    for length in range(1, max(map(len, parts), default=0) + 1):
        names = ["/".join(own[-length:]) for own in parts]
        if len({*names}) == len({*models}):
            return names
    return list(models)


def parts_of(model: str) -> list[str]:
    """The parts of a model's path or name, without those that each folder of its kind has at its end."""
    own = [part for part in model.removeprefix("package:").split("/") if part not in ("", ".", "..")] or [model]
    while len(own) > 1 and own[-1] in LAST:
        own = own[:-1]
    return own
