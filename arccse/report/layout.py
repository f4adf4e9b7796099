"""Which files a report consists of, from the config alone. The Snakefile declares them."""

from pathlib import Path

from arccse import paths
from arccse.config import Config
from arccse.evaluation.suites import KEEPING
from arccse.report import supplements
from arccse.report.figures.kinds import FigureSpec, Subject, chosen, subjects

TABLE_KINDS = ("csv", "md", "tex")
FIGURE_KINDS = ("svg", "pdf", "png")


def gathered(config: Config) -> list[Path]:
    """What `arccse gather` writes of the runs."""
    unasked = {paths.kept(config, suite) for suite in KEEPING if suite not in config.all_suites()}
    return [path for path in paths.gathered(config) if path not in unasked]


def files(config: Config) -> list[Path]:
    """What `arccse report` makes of them: tables, claims, comparisons, figures, the page."""
    return [
        *(paths.table(config, table, kind) for table, kinds in tables(config).items() for kind in kinds),
        *(paths.table(config, f"{study}-comparisons", "csv") for study in config.studies),
        *(paths.figure(config, spec.name, kind) for spec in figures(config) for kind in FIGURE_KINDS),
        paths.page(config),
    ]


def tables(config: Config) -> dict[str, tuple[str, ...]]:
    """The tables' names, and the kinds of files of each: each study's, "claims" where there are any, supplements."""
    own = [*config.studies, *(["claims"] if config.claims else [])]
    return dict.fromkeys(own, TABLE_KINDS) | {one.name: one.kinds for one in supplements.placed(config)}


def figures(config: Config) -> list[FigureSpec]:
    """Every figure of a config, study by study, then those of theory."""
    return chosen([*(subject for study in config.studies for subject in subjects(config, study)), Subject(config)])
