"""Which files a report consists of. The Snakefile declares them; nothing here imports pandas or matplotlib."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from arccse import paths
from arccse.config import Config, Row
from arccse.evaluation.suites import SUITES

TABLE_KINDS = ("csv", "md", "tex")
FIGURE_KINDS = ("svg", "pdf", "png")
AVERAGED = tuple(name for name, suite in SUITES.items() if suite.in_figures)


@dataclass(frozen=True)
class FigureSpec:
    """A figure: its kind, and the rows of one encoder of one study that it shows. A figure of theory has no rows."""

    kind: str
    study: str = ""
    encoder: str = ""
    rows: tuple[Row, ...] = ()
    suite: str = ""

    @property
    def name(self) -> str:
        return "-".join(part for part in (self.kind, self.study, self.encoder) if part)


def gathered(config: Config) -> list[Path]:
    """What `arccse gather` writes of the runs."""
    files = [paths.scores(config), paths.histories(config), paths.run_records(config)]
    return [*files, paths.pairs(config)] if "sts" in config.all_suites() else files


def files(config: Config) -> list[Path]:
    """What `arccse report` makes of them: tables, comparisons, figures, the page."""
    return [
        *(paths.table(config, study, kind) for study in config.studies for kind in TABLE_KINDS),
        *(paths.table(config, f"{study}-comparisons", "csv") for study in config.studies),
        *(paths.figure(config, spec.name, kind) for spec in figures(config) for kind in FIGURE_KINDS),
        paths.page(config),
    ]


def figures(config: Config) -> list[FigureSpec]:
    """Every figure of a config, study by study, then the two of theory."""
    found = []
    for study in config.studies:
        for encoder in dict.fromkeys(row.encoder for row in config.rows(study)):
            rows = tuple(row for row in config.rows(study) if row.encoder == encoder)
            suites = config.study_suites(study)
            suite = next((suite for suite in AVERAGED if suite in suites), "")
            found += [FigureSpec(kind, study, encoder, rows, suite) for kind in kinds(config, study, rows, suites)]
    return [*found, FigureSpec("decision_boundaries"), FigureSpec("positive_logit")]


def kinds(config: Config, study: str, rows: tuple[Row, ...], suites: Sequence[str]) -> list[str]:
    """The kinds of figures that the rows of one encoder have data for."""
    trained = [row for row in rows if not row.variant.untrained]
    if not trained:
        return []
    found = []
    if any(suite in suites for suite in AVERAGED):
        # the course of a training is drawn where variants have names; the points of a sweep would hide each other
        found += [] if config.studies[study].sweep else ["alignment_uniformity", "dev_scores"]
        found += designed(config, study, trained)
        found += ["forest"] if len(rows) > 1 else []
    if "sts" in suites and len(trained) < len(rows):
        found.append("cosine_by_score")
    if "order" in suites:
        found.append("masked_share")
    return found


def designed(config: Config, study: str, trained: list[Row]) -> list[str]:
    """The figure that a study's design asks for: a curve, a map, a decline, an interaction, or none."""
    sweep = config.studies[study].sweep
    if "noise" in sweep:
        return ["noise_decline"]
    if set(sweep) == {"mask_ratios"}:
        return ["mask_ratio_map"]
    if sweep and all(type(value) in (int, float) for values in sweep.values() for value in values):
        return ["sweep"]
    cells = {factors(row) for row in trained}
    is_square = len({objective for objective, _ in cells}) == len({triplet for _, triplet in cells}) == 2
    return ["interaction"] if is_square and len(cells) == len(trained) == 4 else []


def factors(row: Row) -> tuple[str, str]:
    """The row's place in the 2 × 2 design of objective and triplet."""
    h = row.variant.hyperparameters.canonical()
    return h["objective"], "with triplet" if h["triplet_weight"] else "without triplet"
