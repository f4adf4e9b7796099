"""In what published recipes differ from SimCSE's beside the objective."""

import pandas as pd

from arccse.report.blocks import Cell, Grid, letters
from arccse.report.ledger import UNCHECKED, doubted, read
from arccse.report.supplements import Material


def frame(material: Material, study: str) -> pd.DataFrame:
    """Columns method, differs, read_in, checked: the lines of recipes.csv, as ledger.read has them."""
    return read("recipes").rename(columns={"source": "read_in"})


def grid(found: pd.DataFrame) -> Grid:
    """The frame laid out, its sources below."""
    lines = found.to_dict("records")
    marks = letters(len(lines))
    rows = [
        [Cell(line["method"], mark=mark), Cell(doubted(line["differs"], line))]
        for mark, line in zip(marks, lines, strict=True)
    ]
    sources = [(mark, line["read_in"]) for mark, line in zip(marks, lines, strict=True)]
    return Grid(["", "Differs by"], [], [("Read in scripts, logs and READMEs", rows)], [("?", UNCHECKED), *sources])
