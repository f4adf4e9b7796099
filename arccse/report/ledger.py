"""What was claimed of objectives, what others found when they tried again, and what is measured here.

The claims and what became of them are facts about the literature, in claimed.csv and replications.csv beside this
file: STS averages on BERT-base, each of its source's whole recipe (recipes.csv). Measured gains are the studies' own
comparisons with NT-Xent, of the objective alone and on this config's encoders. A column holds one kind or the other.
"""

from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from arccse.hyperparameters import SETTINGS, Hyperparameters
from arccse.report.blocks import UNKNOWN, Cell, Grid, difference, interval, known, letters, number
from arccse.report.contrasts import TRIPLET
from arccse.report.designs import BASELINE, objective_of
from arccse.report.supplements import Material
from arccse.report.tables import Row

COLUMNS = [
    *("method", "origin", "encoder", "value", "sd", "gain", "low", "high", "n", "verdict", "rows", "study"),
    *("said", "read_in", "checked"),
]
CLAIMED, REPEATED, MEASURED = "claimed", "found by others", "measured here"  # what `origin` says
ENCODER = "bert-base-uncased"  # of all claims
STATES = {"pair": "as the config has them", "tuned": "tuned"}  # kind of a comparison → of which rows


def read(name: str) -> pd.DataFrame:
    """A file of facts beside this one; `checked` says what a line was compared with, and is empty where nothing was.

    claimed: method, of ("average", or the "gain" of one idea), value, sd, seeds, objective and triplet (what it is
    here; empty where it is more than an objective), source. replications: method, found (in words), source. recipes:
    method, differs (from SimCSE, in words), source.
    """
    return pd.read_csv(
        Path(__file__).with_name(f"{name}.csv"), keep_default_na=False, na_values={"sd": "", "seeds": ""}
    )


def gain_of(line: dict[Hashable, Any], simcse: float) -> float:
    """A claim's gain over SimCSE's claim, in points."""
    return float(line["value"] if line["of"] == "gain" else line["value"] - simcse)


def frame(material: Material, study: str) -> pd.DataFrame:
    """Claims, replications and measured gains: columns COLUMNS, a line each, `origin` saying which.

    `value` and `sd` are a claim's, over `n` seeds. `gain` is over SimCSE's claim, or, measured, over NT-Xent, with
    interval and verdict as the comparison has them in its `study`; `rows` tells tuned ones. `said` is what others
    found, `read_in` where.
    """
    claims = read("claimed").to_dict("records")
    simcse = next(line["value"] for line in claims if line["method"] == "SimCSE")
    lines: list[dict[str, Any]] = []
    for line in claims:
        said = {"value": line["value"]} if line["of"] == "average" else {}
        gain = {} if line["method"] == "SimCSE" else {"gain": gain_of(line, simcse)}
        said |= {
            "method": line["method"],
            "origin": CLAIMED,
            "encoder": ENCODER,
            "sd": line["sd"],
            "n": line["seeds"],
        }
        lines.append(said | gain | {"read_in": line["source"], "checked": line["checked"]})
    for line in read("replications").to_dict("records"):
        said = {"method": line["method"], "origin": REPEATED, "encoder": ENCODER, "said": line["found"]}
        lines.append(said | {"read_in": line["source"], "checked": line["checked"]})
    return pd.DataFrame([*lines, *measured(material)], columns=COLUMNS).astype({"n": "Int64"})


def measured(material: Material) -> list[dict[str, Any]]:
    """The gain over NT-Xent of each method that is an objective here, encoder by encoder, of the most seeds."""
    best: dict[tuple[str, str, str], dict[str, Any]] = {}
    methods = {method_of(line): line["method"] for line in read("claimed").to_dict("records") if line["objective"]}
    for study, kind, line, row in comparisons_with_baseline(material):
        method = methods.get(objective_of(row.settings))
        key = (line["encoder"], STATES[kind], method or "")
        if method and line["n"] > best.get(key, {"n": 0})["n"]:
            said = {name: line[name] for name in ("encoder", "low", "high", "n", "verdict")}
            said |= {"method": method, "origin": MEASURED, "gain": line["difference"], "rows": STATES[kind]}
            best[key] = said | {"study": study}
    return list(best.values())


def method_of(claim: dict[Hashable, Any]) -> tuple[str, bool]:
    """What a claim's objective is here, as designs.objective_of tells it."""
    return str(claim["objective"]), claim["triplet"] == "yes"


def comparisons_with_baseline(material: Material) -> Iterator[tuple[str, str, dict[Hashable, Any], Row]]:
    """Study, kind, line and row of each comparison of a row's STS average with NT-Xent's, by the objective alone."""
    for study, view in material.views.items():
        rows = {(row.encoder, row.label): row for row in view.rows if not row.untrained}
        compared = material.compared[study]
        own = compared[(compared["suite"] == "sts") & (compared["task"] == "Avg") & compared["kind"].isin(STATES)]
        for line in own.to_dict("records"):
            base, row = (rows.get((line["encoder"], line[name])) for name in ("baseline", "label"))
            if base and row and objective_of(base.settings) == BASELINE and differs_in_objective(base, row):
                yield study, line["kind"], line, row


def differs_in_objective(base: Row, row: Row) -> bool:
    """Whether two rows have all else in common, and the objective its default settings, but for a tuned row."""
    if row.untuned:
        return True
    own = {"objective", *SETTINGS, *TRIPLET} | {"temperature"} - (base.settings.keys() & row.settings.keys())
    one, other = ({key: value for key, value in each.settings.items() if key not in own} for each in (base, row))
    defaults = {key: Hyperparameters.model_fields[key].default for key in row.settings.keys() & SETTINGS.keys()}
    return one == other and all(row.settings[key] == default for key, default in defaults.items())


# --------------------------------------------------------------------------------------------------------- printed

HEADS = ["", "Claimed", "By others", "Gain claimed", "Gain measured", "Interval", "n", "Verdict"]


def grid(found: pd.DataFrame) -> Grid:
    """The frame laid out: the published in one group, then a group for each encoder and kind of rows."""
    sources = Sources(list(found["read_in"].dropna().unique()))
    claimed = found[found["origin"] == CLAIMED]
    repeated = found[found["origin"] == REPEATED]
    gains = {line["method"]: known(number(line["gain"], "+.2f"), line["gain"]) for line in claimed.to_dict("records")}
    lines = []
    for line in claimed.to_dict("records"):
        others = repeated[repeated["method"] == line["method"]].to_dict("records")
        by_others = Cell("; ".join(doubted(one["said"], one) for one in others), mark=sources.marks(others))
        name = Cell(line["method"], mark=sources.marks([line]))
        claim = [_claim(line), by_others if others else UNKNOWN, gains[line["method"]]]
        lines.append([name, *claim, *[UNKNOWN] * 4])
    groups = {f"Published, {ENCODER}, each with its whole recipe": lines}
    for line in found[found["origin"] == MEASURED].to_dict("records"):
        heading = f"Measured here, {line['encoder']}, less NT-Xent, rows {line['rows']}"
        own = [Cell(line["method"]), UNKNOWN, UNKNOWN, gains[line["method"]]]
        groups.setdefault(heading, []).append([*own, *_measured(line)])
    return Grid(HEADS, [], list(groups.items()), [*(("", text) for text in NOTES), ("?", UNCHECKED), *sources.notes])


class Sources:
    """Letters for what was read."""

    def __init__(self, names: Sequence[str]):
        self._letters = dict(zip(names, letters(len(names)), strict=True))

    def marks(self, lines: Sequence[dict[Hashable, Any]]) -> str:
        return ", ".join(self._letters[line["read_in"]] for line in lines)

    @property
    def notes(self) -> list[tuple[str, str]]:
        return [(letter, name) for name, letter in self._letters.items()]


def doubted(text: str, line: dict[Hashable, Any]) -> str:
    """The text, with a question mark where it could not be checked."""
    return text if line["checked"] else f"{text} ?"


def _claim(line: dict[Hashable, Any]) -> Cell:
    if pd.isna(line["value"]):
        return Cell(doubted("a gain alone", line))
    spread = "" if pd.isna(line["sd"]) else f" (sd {line['sd']:.2f})"
    return Cell(doubted(f"{line['value']:.2f}{spread}", line), float(line["value"]))


def _measured(line: dict[Hashable, Any]) -> list[Cell]:
    return [
        known(difference(line["gain"], line["low"], line["high"]), line["gain"]),
        known(interval(line["low"], line["high"]), line["low"]),
        Cell(str(line["n"]), line["n"]),
        Cell(line["verdict"]),
    ]


NOTES = (
    "Claimed: STS average, as published; gain claimed: over the 76.25 that SimCSE claims, or as the source has it.",
    "By others: what was found when the method was tried again, or the claim's own code was run again.",
    "Gain measured: of the objective alone, all else as in NT-Xent's row or tuned alike; difference, interval and"
    " verdict are those of the study's comparison. It is of another encoder, corpus and length than the claim.",
)
UNCHECKED = "As notes on the source have it; the source itself was out of reach."
