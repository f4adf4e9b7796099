"""Which files a report consists of. The Snakefile declares them; nothing here imports pandas or matplotlib."""

from pathlib import Path

from arccse import paths
from arccse.config import Config, Row

TABLE_KINDS = ("csv", "md", "tex")
FIGURE_KINDS = ("svg", "pdf", "png")


def files(config: Config) -> list[Path]:
    """scores.csv, then every table and figure."""
    return [
        paths.scores(config),
        *(paths.table(config, study, kind) for study in config.studies for kind in TABLE_KINDS),
        *(paths.figure(config, name, kind) for name in figure_rows(config) for kind in FIGURE_KINDS),
    ]


def figure_rows(config: Config) -> dict[str, list[Row]]:
    """Figure name → the trained rows it shows: a figure for each encoder of each study that trains anything."""
    found: dict[str, list[Row]] = {}
    for study in config.studies:
        for row in config.rows(study):
            if not row.variant.untrained:
                found.setdefault(f"alignment_uniformity-{study}-{row.encoder}", []).append(row)
    return found
