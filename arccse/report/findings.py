"""What the comparisons say, in plain sentences; every number in them comes from the frame of comparisons."""

from collections import Counter
from collections.abc import Hashable
from typing import Any

import pandas as pd

from arccse.evaluation.suites import KEEPING, SUITES
from arccse.report.blocks import difference, interval, p_value
from arccse.report.tables import Row, StudyView, listed

EACH_UP_TO = 3  # comparisons of a study, on one encoder and measure, that get a sentence each
NAMED_UP_TO = 6  # rows that can't be told apart

Line = dict[Hashable, Any]


def sentences(study: StudyView, comparisons: pd.DataFrame, ranks: pd.DataFrame | None = None) -> list[str]:
    """The findings of a study.

    What diverged is said first. A study's designed comparisons (kinds "effect", "decline" and "margin" of
    comparisons.compare_study) get a sentence each, and stand for its pairs. Otherwise the pairs do in the study
    "main", or where they are no more than EACH_UP_TO; more of them are summed up in one that names the largest
    difference. In a tuned study all this is said of the rows as tuned, then what tuning brings, and which of them may
    be the best. Comparisons of poolings get a sentence each. A suite that repeats the tasks of another one ("mteb"
    those of "sts") is left to the tables where both are there.

    Args:
        study: its rows.
        comparisons: columns of comparisons.COLUMNS, of this study.
        ranks: columns of ranks.COLUMNS, of this study.
    """
    found = [_divergence(study, row) for row in study.rows if row.diverged]
    found += _never_tuned(study)
    for (encoder, suite), lines in comparisons.groupby(["encoder", "suite"], sort=False):
        spec = SUITES[str(suite)]
        if ((comparisons["encoder"] == encoder) & (comparisons["suite"] == spec.repeats)).any():
            continue
        for task in spec.headlines:
            found += _of_measure(study, lines[lines["task"] == task].to_dict("records"))
        if ranks is not None and any(row.untuned for row in study.rows):
            found += _perhaps_best(ranks[(ranks["encoder"] == encoder) & (ranks["suite"] == suite)])
    return found


def overviews(study: StudyView, comparisons: pd.DataFrame, ranks: pd.DataFrame | None = None) -> list[str]:
    """What a study of many tuned rows comes to on its first average, a sentence for each encoder; else nothing.

    Args: as `sentences` takes them.
    """
    tuned = comparisons[(comparisons["kind"] == "tuned") & (comparisons["task"] == "Avg")]
    found = []
    for encoder, own in tuned.groupby("encoder", sort=False):
        suite = own["suite"].iloc[0]
        lines = own[own["suite"] == suite].to_dict("records")
        if len(lines) > EACH_UP_TO and any(line["n"] for line in lines):
            ranked = None if ranks is None else ranks[(ranks["encoder"] == encoder) & (ranks["suite"] == suite)]
            found.append(_overview(study, lines, [] if ranked is None else _candidates(ranked)))
    return found


def _overview(study: StudyView, lines: list[Line], candidates: list[str]) -> str:
    """ "Every objective: in STS average 3 of 20 rows are above NT-Xent, …; highest is MAT, +0.41 (…) …"."""
    names = {row.label: row.untuned or row.label for row in study.rows}
    first, counts = lines[0], Counter(line["verdict"] for line in lines)
    where = f"{study.title}, on {first['encoder']}" if len(study.encoders) > 1 else study.title
    others = {"below": counts["lower"], "equivalent": counts["equivalent"], "undecided": counts["undecided"]}
    sides = [f"{counts['higher']} of {len(lines)} rows are above {names[first['baseline']]}"]
    sides += [f"{count} {word}" for word, count in others.items() if count]
    top = max((line for line in lines if line["n"]), key=lambda line: line["difference"])
    gap = difference(top["difference"], top["low"], top["high"])
    gap += "" if pd.isna(top["low"]) else f" ({interval(top['low'], top['high'])})"
    said = f"{where}: in {_measure(first)} {listed(sides)}; highest is {names[top['label']]},"
    said += f" {gap} over {top['n']} seeds"
    if not candidates:
        return f"{said}."
    few = len(candidates) <= NAMED_UP_TO
    best = listed(names[label] for label in candidates) if few else f"{len(candidates)} rows"
    return f"{said}; the best is {'' if len(candidates) == 1 else 'one of '}{best}, with 95 % confidence."


def _of_measure(study: StudyView, lines: list[Line]) -> list[str]:
    poolings = [line for line in lines if line["kind"] in ("pooling", "pooling_objective")]
    tuned, changes = ([line for line in lines if line["kind"] == kind] for kind in ("tuned", "tuning"))
    if tuned or changes:
        return [*_pairs(study, tuned), *_tuning(changes), *map(_sentence, poolings)]
    pairs = [line for line in lines if line["kind"] == "pair"]
    designed = [line for line in lines if line["kind"] not in ("pair", "pooling", "pooling_objective")]
    # designed comparisons say what the rows, one by one, do not
    return [*(map(_sentence, designed) if designed else _pairs(study, pairs)), *map(_sentence, poolings)]


def _pairs(study: StudyView, pairs: list[Line]) -> list[str]:
    if study.name != "main" and len(pairs) > EACH_UP_TO:
        return [_summary(study, pairs)]
    return [_sentence(line) for line in pairs]


def _tuning(changes: list[Line]) -> list[str]:
    """What tuning brings the first row, and how many of all."""
    if not changes:
        return []
    counts = {word: sum(line["verdict"] == word for line in changes) for word in ("higher", "lower")}
    of_all = (
        f"{_place(changes[0])}tuning raises the {_measure(changes[0])} of {counts['higher']} of {len(changes)} rows"
        f" decidedly and lowers that of {counts['lower']}."
    )
    return [_sentence(changes[0]), *([of_all] if len(changes) > 1 else [])]


def _never_tuned(study: StudyView) -> list[str]:
    tuned = {(row.encoder, row.untuned) for row in study.rows if row.untuned}
    lost = [row for row in study.rows if tuned and not (row.untuned or row.untrained)]
    return [
        f"On {row.encoder}, {_named(row.label)} is not there as tuned in “{study.title}”, since every trial diverged."
        for row in lost
        if (row.encoder, row.label) not in tuned
    ]


def _perhaps_best(ranks: pd.DataFrame) -> list[str]:
    """Which rows of one encoder and suite can't be told apart from the best."""
    among = [_named(label) for label in _candidates(ranks)]
    if not among:
        return []
    measure = SUITES[ranks["suite"].iloc[0]].words("Avg")
    said = f"On {ranks['encoder'].iloc[0]}, of {ranks['perhaps_best'].count()} rows, the best in {measure}"
    if len(among) == 1:
        return [f"{said} is {among[0]}, with 95 % confidence."]
    names = f": {listed(among)}" if len(among) <= NAMED_UP_TO else f", {among[0]} being the highest"
    return [f"{said} is among {len(among)}, with 95 % confidence, which can't be told apart from it{names}."]


def _candidates(ranks: pd.DataFrame) -> list[str]:
    """The labels of those rows of one encoder and suite, best first; none where there is but one row."""
    known = ranks.dropna(subset="perhaps_best").sort_values("rank", kind="stable")
    return known.loc[known["perhaps_best"].astype(bool), "label"].to_list() if len(known) > 1 else []


def _divergence(study: StudyView, row: Row) -> str:
    return (
        f"On {row.encoder}, {_named(row.label)} has no scores in “{study.title}”, since its training diverged"
        f" ({row.divergence}); it is in no comparison."
    )


def _sentence(line: Line) -> str:
    if line["n"] == 0:
        return f"{_place(line)}{_named(line['label'])} and {_named(line['baseline'])}: {line['text']}."
    return f"{_place(line)}{_claim(line)} ({_evidence(line)}): {_verdict(line)}."


def _place(line: Line) -> str:
    return f"On {line['encoder']}, "


def _named(label: str) -> str:
    """A row's label, in quotes where it is no name but settings."""
    return f"“{label}”" if "=" in label or "," in label else label


def _of(name: str) -> str:
    return f"{name}'" if name.endswith("s") else f"{name}'s"


def _claim(line: Line) -> str:
    measure, signed = _measure(line), difference(line["difference"], line["low"], line["high"])
    label, baseline, gap = _named(line["label"]), _named(line["baseline"]), signed[1:]
    if line["kind"] == "effect":
        if " given " in label:
            return f"{label} changes the {measure} by {signed}"
        main = label.removesuffix(" (main effect)")
        effect = f"the interaction {label}" if main == label else f"the main effect of {main}"
        return f"{effect} on the {measure} is {signed}"
    if line["kind"] == "tuning":
        return f"tuning changes {_of(baseline)} {measure} by {signed}"
    if line["kind"] == "pooling_objective":
        return f"{label} changes the {measure} by {signed} more than {baseline}"
    if line["kind"] == "decline":
        change = "less" if line["difference"] > 0 else "more"
        return f"noise costs {label} {gap} {change} of the {measure} than {baseline}"
    side = "above" if line["difference"] > 0 else "below"
    return f"{_of(label)} {measure} is {gap} {side} {_of(baseline)}"


def _measure(line: Line) -> str:
    spec = SUITES[line["suite"]]
    return spec.measure if line["kind"] == "pooling" else spec.words(line["task"])  # its labels name the poolings


def _evidence(line: Line) -> str:
    seeds = f"{line['n']} seed{'s' if line['n'] > 1 else ''}"
    if pd.isna(line["low"]):
        return seeds
    parts = [f"interval {interval(line['low'], line['high'])}", seeds, _p("p", line["p"])]
    if line["comparisons"] > 1:
        parts[0] += f" for {line['comparisons']} comparisons together"
    if pd.notna(line["two_level_low"]):
        drawn = KEEPING[line["suite"]].drawn
        parts.append(f"over seeds and {drawn} {interval(line['two_level_low'], line['two_level_high'])}")
    return ", ".join(parts)


def _p(name: str, p: float) -> str:
    printed = p_value(p)
    return f"{name} {printed}" if printed.startswith("<") else f"{name} = {printed}"


def _verdict(line: Line) -> str:
    word, _, reason = line["text"].partition(": ")
    if line["kind"] in ("effect", "pooling_objective", "tuning"):
        word = {"higher": "above 0", "lower": "below 0", "equivalent": "too small to matter"}.get(word, word)
    return f"{word}, since {reason}" if reason else word


def _summary(study: StudyView, pairs: list[Line]) -> str:
    words = ("higher", "lower", "equivalent", "undecided")
    count = {word: sum(line["verdict"] == word for line in pairs) for word in words}
    tested = [line for line in pairs if line["n"] > 0]
    rows = "tuned rows" if pairs[0]["kind"] == "tuned" else "rows"
    said = (
        f"On {pairs[0]['encoder']}, of the {len(pairs)} other {rows} of “{study.title}”, {count['higher']} are"
        f" decidedly above {_named(pairs[0]['baseline'])} in {_measure(pairs[0])}, {count['lower']} decidedly below,"
        f" {count['equivalent']} equivalent and {count['undecided']} undecided"
    )
    if not tested:
        return f"{said}."
    largest = max(tested, key=lambda line: abs(line["difference"]))
    return f"{said}; the largest difference: {_claim(largest)} ({_evidence(largest)}): {_verdict(largest)}."
