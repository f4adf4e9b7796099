"""Tables beside the studies' own: one record each, and the choice of those that a config promises the data for.

To add one, add a record to SUPPLEMENTS and a module arccse/report/<its name>.py with

    frame(material: Material, study: str) -> pd.DataFrame    every number of it, written as CSV
    grid(frame: pd.DataFrame) -> blocks.Grid                 what of these is printed, unless the CSV is all

A supplement belongs to a study, or to the whole config, of which the study is "" (`applies` says where it is there).
It is written as tables/<study>-<name>.csv, .md and .tex, or tables/<name>.csv …, and stands on the page below its
study, folded, or in a section of its own. Files, page and workflow follow from the record. Where `frame` or `grid`
raises, the reason stands in the table's place, as for figures.

It is chosen from the config alone, since Snakemake asks for the files before there are results, and what tuning has
chosen may make no difference to `applies`. So nothing here imports pandas before a supplement is made.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from arccse.config import Config
from arccse.evaluation.suites import SUITES
from arccse.report import designs

if TYPE_CHECKING:
    import pandas as pd

    from arccse.report.blocks import Grid
    from arccse.report.draws import Draws
    from arccse.report.tables import StudyView
    from arccse.results import Results


@dataclass(frozen=True)
class Material:
    """What supplements are made of.

    views, compared: each study's view, and its comparisons as comparisons.compare_study gives them; draws: of what
    the runs keep, made when first asked for and the same for all.
    """

    config: Config
    results: "Results"
    views: "Mapping[str, StudyView]"
    compared: "Mapping[str, pd.DataFrame]"
    draws: "Draws"


@dataclass(frozen=True)
class Supplement:
    """A kind of supplementary table.

    name: of its module, and the last part of its files' names, without a dash; title: what it is called; caption:
    what it shows; applies: whether a study, or the whole config under study "", promises its data; is_printed:
    whether it is more than a CSV.
    """

    name: str
    title: str
    caption: str
    applies: Callable[[Config, str], bool]
    is_printed: bool = True


@dataclass(frozen=True)
class Placed:
    """A supplement of one study, or of the config where that is ""."""

    supplement: Supplement
    study: str

    @property
    def name(self) -> str:
        """Of its files, and of its place on the page."""
        return "-".join(part for part in (self.study, self.supplement.name) if part)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Of its files."""
        return ("csv", "md", "tex") if self.supplement.is_printed else ("csv",)

    def frame(self, material: Material) -> "pd.DataFrame":
        found: pd.DataFrame = self._module.frame(material, self.study)
        return found

    def grid(self, frame: "pd.DataFrame") -> "Grid | None":
        """None where it is not printed."""
        return self._module.grid(frame) if self.supplement.is_printed else None

    @property
    def _module(self) -> "Module":
        return import_module(f"arccse.report.{self.supplement.name}")


if TYPE_CHECKING:
    from typing import Protocol

    class Module(Protocol):
        """What a supplement's module has."""

        def frame(self, material: Material, study: str) -> pd.DataFrame: ...
        def grid(self, frame: pd.DataFrame) -> Grid: ...


def is_tuned(config: Config, study: str) -> bool:
    return bool(study) and config.studies[study].tuning is not None


def has_ranks(config: Config, study: str) -> bool:
    """Three trained rows or more on one encoder, with an average, that differ in more than where seeds enter."""
    if not study or designs.has_spread(config, study):
        return False
    if not any("Avg" in SUITES[suite].headlines for suite in config.study_suites(study)):
        return False
    trained = Counter(row.encoder for row in config.untuned_by_study[study] if not row.variant.untrained)
    return max(trained.values(), default=0) >= (2 if is_tuned(config, study) else 3)


SUPPLEMENTS: tuple[Supplement, ...] = (
    Supplement(
        "tuning",
        "Tuning",
        "What the trials of each row came to, by their dev scores: the chosen values, what fewer trials are expected"
        " to find, and how flat the optimum is.",
        applies=is_tuned,
    ),
    Supplement("trials", "All trials", "Every trial with its values and dev scores.", is_tuned, is_printed=False),
    Supplement(
        "ranks",
        "Ranks",
        "The trained rows in the order of their averages, as tuned where the study is tuned, and how sure that is.",
        applies=has_ranks,
    ),
    Supplement(
        "streams",
        "Spread over seeds by streams",
        "How far scores differ over seeds where one stream of random numbers follows the seed, and where all do.",
        designs.has_spread,
    ),
    Supplement(
        "agreement",
        "Agreement of rankings",
        "Whether two encoders, or an early step and the end, rank objectives alike: Kendall's τ over seeds.",
        designs.has_ranking,
    ),
    Supplement(
        "ledger",
        "Claimed and measured",
        "What was claimed of objectives, what others found when they tried again, and what is measured here.",
        designs.has_claimed_objectives,
    ),
    Supplement(
        "recipes",
        "Recipes that differ",
        "In what published recipes differ from SimCSE's beside the objective: a claimed gain is that of it all.",
        designs.has_claimed_objectives,
    ),
)


def placed(config: Config) -> list[Placed]:
    """Every supplement of a config, study by study, then those of all of it."""
    return [
        Placed(one, study) for study in (*config.studies, "") for one in SUPPLEMENTS if one.applies(config, study)
    ]
