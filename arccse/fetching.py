"""What a config needs of the hub, and getting it before it is needed: `arccse fetch`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from arccse import models
from arccse.data import corpus
from arccse.data.hub import cache_home, hub_folder
from arccse.evaluation.suites import MTEB, SUITES, tasks

if TYPE_CHECKING:
    from arccse.config import Config


class Part(NamedTuple):
    """Something on the hub: what a reader calls it, and how it comes into the cache, unless it is there already.

    `fetch` gives the folder or file; it raises InputError where the hub does not give it or the cache has it damaged.
    """

    what: str
    fetch: Callable[[], Path]


def parts(config: Config) -> list[Part]:
    """What trainings and evaluations of a config read from the hub, each once. Asks nobody."""
    encoders = sorted({(one.model, one.revision) for one in config.encoders.values() if models.on_hub(one.model)})
    found = [Part(f"model {name}", partial(models.resolve, name, revision)) for name, revision in encoders]
    if config.corpus.startswith("hub:"):
        found.append(Part("corpus", partial(corpus.fetch, config.corpus)))
    if config.data == "hub":
        found.append(Part("SentEval's data", partial(hub_folder, cache_home())))
        names = [tasks(suite, config.source) for suite in config.all_suites() if SUITES[suite].kind is MTEB]
        found += [Part(f"mteb's {name}", partial(mteb_data, config, name)) for name in sorted({*chain(*names)})]
    return found


def mteb_data(config: Config, name: str) -> Path:
    """The folder of an mteb task's data set, which has been read, so that datasets has its own copy as well."""
    from arccse.evaluation import mteb_suite

    (task,) = mteb_suite.load_tasks(config.source, [name])
    return Path(task.metadata.dataset["path"])


def size(path: Path) -> int:
    """The bytes of a file, or of all files in a folder, those that it links to counted."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(one.stat().st_size for one in files if one.is_file())
