"""What a config claims, settled: one verdict a claim and encoder, all of them judged together.

The claims are confirmatory: they stand in the config before the runs are made, and their intervals are adjusted for
each other. A claim is supported where the interval of its comparison lies on the side that it says, contradicted
where it lies on the other one, equivalent where it lies within ± the margin that does not matter, else undecided.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import pandas as pd

from arccse.claims import Claim
from arccse.config import Config
from arccse.evaluation.suites import SUITES
from arccse.report import comparisons, matched, tables
from arccse.report.comparisons import Measured, courses_of, measure, measure_courses
from arccse.report.contrasts import Contrast
from arccse.report.draws import NO_DRAWS, Draws
from arccse.report.tables import Row, StudyView

COLUMNS = [
    *("claim", "sentence", "source", "planned", "study", "encoder", "measure", "comparison"),
    *("direction", "equivalence"),
    *("verdict", "text", "difference", "low", "high", "sd", "n", "seeds", "dropped", "p", "comparisons"),
    *("sign_flip", "detectable", "two_level_low", "two_level_high"),
]


AGAINST = ("contradicted", "undecided", "equivalent", "supported")  # from what speaks most against a claim


def settle(
    config: Config,
    views: Mapping[str, StudyView],
    scores: pd.DataFrame,
    histories: pd.DataFrame,
    draws: Draws = NO_DRAWS,
) -> pd.DataFrame:
    """Every claim of a config: a line for each claim and encoder of its study, in the config's order.

    Args:
        views: each study's rows.
        scores, draws: as comparisons.compare_study takes them.
        histories: as results.Results has them.

    Returns:
        Columns COLUMNS. `planned`: whether the claim stood in the config when its study's results were first
        gathered; if not, what was seen may have suggested it. `verdict` is one of AGAINST, and `text` says why no
        other could be given. `difference` to `two_level_high` are those of comparisons.compare_study; `comparisons`
        counts the claims, times the looks at the study. Where any study's seeds grow, `look` says
        which one a line is of. Of a claim that a variant is the best, the comparison is that
        which speaks for it the least.

    Raises:
        InputError: as compare_study does.
    """

    @cache
    def values_of(study: str, suite: str) -> dict[tuple[str, str], pd.DataFrame]:
        finished = views[study].finished
        frames = tables.seed_values(scores, finished, suite)
        return {(row.encoder, row.label): frame for row, frame in zip(finished, frames, strict=True)}

    found = []
    for name, claim in config.claims.items():
        for encoder in views[claim.study].encoders:
            rows = {row.label: row for row in views[claim.study].rows if row.encoder == encoder}
            suite = claim.suite or config.study_suites(claim.study)[0]
            if lost := [label for label in claim.labels if label not in rows]:
                own = [never_tuned(claim, lost[0], suite)]
            elif claim.matched:
                own = [in_training(claim, rows, histories)]
            else:
                known = values_of(claim.study, suite)
                values = {
                    label: known.get((encoder, label), pd.DataFrame()) for label in rows
                }  # what diverged has none
                own = in_scores(claim, rows, values, suite, draws)
            found.append((name, claim, encoder, own))
    testable = max(1, sum(any(one.is_testable for one in own) for *_, own in found))
    lines = []
    for name, claim, encoder, own in found:
        said: dict[str, Any] = {"claim": name, "sentence": claim.claim, "source": claim.source, "study": claim.study}
        said |= {"encoder": encoder, "direction": claim.direction}
        said |= {"planned": claim.digest in views[claim.study].planned}
        margin = claim.equivalence or config.equivalence
        together = testable * views[claim.study].looks
        lines.append(said | {"equivalence": margin} | settled(claim, own, together, margin))
    table = pd.DataFrame(lines, columns=COLUMNS).astype({"n": "int64"})
    looks = {study: view.look for study, view in views.items()}
    return table.assign(look=table["study"].map(looks)) if any(looks.values()) else table


def never_tuned(claim: Claim, label: str, suite: str) -> Measured:
    """The comparison of a claim about a row as tuned that is not there, since no trial of it was left to choose."""
    kind, task = ("matched", claim.matched) if claim.matched else ("claim", claim.task or SUITES[suite].headlines[0])
    name = name_of(claim.contrast) if claim.contrast else f"{label} − each other"
    return Measured(Contrast(kind, suite, "", name, (), (), ()), task, None, reason=f"{label}: every trial diverged")


def in_scores(
    claim: Claim, rows: Mapping[str, Row], values: Mapping[str, pd.DataFrame], suite: str, draws: Draws
) -> list[Measured]:
    """The comparisons of a claim's rows on a suite: one, or that of the best variant with each other one.

    Args:
        rows: variant → its row, of one encoder.
        values: variant → its scores on the suite, as tables.seed_values gives them.
    """
    task = claim.task or SUITES[suite].headlines[0]
    found = []
    for weights in weights_of(claim, list(rows)):
        own_rows, own_values = tuple(rows[label] for label in weights), tuple(values[label] for label in weights)
        one = Contrast("claim", suite, "", name_of(weights), own_rows, own_values, tuple(weights.values()))
        found.append(measure(one, task, draws))
    return found


def in_training(claim: Claim, rows: Mapping[str, Row], histories: pd.DataFrame) -> Measured:
    """The comparison of two rows' courses of training, at equal uniformity or score instead of at equal steps."""
    assert claim.matched is not None
    base, row = (rows[label] for label, _ in sorted(claim.contrast.items(), key=lambda pair: pair[1]))
    one = Contrast("matched", "", base.label, name_of(claim.contrast), (base, row), (), (-1, 1))
    return measure_courses(one, courses_of(one, histories), claim.matched)


def weights_of(claim: Claim, labels: Sequence[str]) -> list[dict[str, float]]:
    """Variant → weight, of each comparison of a claim."""
    if claim.best is None:
        return [claim.contrast]
    return [{label: -1, claim.best: 1} for label in labels if label != claim.best]


def name_of(weights: Mapping[str, float]) -> str:
    """ "ArcCSE − SimCSE": what is added, less what is taken away."""

    def total(sign: int) -> str:
        own = [(label, sign * weight) for label, weight in weights.items() if sign * weight > 0]
        text = " + ".join(label if weight == 1 else f"{weight:g} × {label}" for label, weight in own)
        return f"({text})" if len(own) > 1 else text

    return f"{total(1)} − {total(-1)}"


def measure_of(found: Measured) -> str:
    """What is measured, in words."""
    if found.of.kind == "matched":
        return matched.MEASURES[found.task].words
    return SUITES[found.of.suite].words(found.task)


def settled(claim: Claim, found: Sequence[Measured], together: int, margin: float | None) -> dict[str, Any]:
    """What COLUMNS say of a claim's comparison; of several, of the one that speaks for it the least."""
    lines = []
    for one in found:
        line = comparisons.line(one, together, margin)
        verdict = verdict_of(claim, line, margin)
        text = line["text"] if verdict == "undecided" else verdict
        lines.append(
            line | {"verdict": verdict, "text": text, "comparison": one.of.label, "measure": measure_of(one)}
        )
    sign = 1 if claim.direction in ("higher", "not lower") else -1
    return min(lines, key=lambda line: (AGAINST.index(line["verdict"]), sign * line.get("difference", 0)))


def verdict_of(claim: Claim, line: Mapping[str, Any], margin: float | None) -> str:
    """The verdict on a claim, from the interval and verdict of its comparison."""
    if pd.isna(line.get("low")):
        return "undecided"
    if claim.direction in ("higher", "lower"):
        word = str(line["verdict"])
        return {"higher": "contradicted", "lower": "contradicted", claim.direction: "supported"}.get(word, word)
    assert margin is not None  # as config.check_claim sees to
    low, high = (line["low"], line["high"]) if claim.direction == "not lower" else (-line["high"], -line["low"])
    return "supported" if low > -margin else "contradicted" if high < -margin else "undecided"
