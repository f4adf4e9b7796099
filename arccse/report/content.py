"""What the page shows, in its own words, of a config's results."""

import json
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from functools import partial
from typing import Any

import pandas as pd

from arccse import rehearsal
from arccse.config import Config
from arccse.report import charts, findings, page, tables
from arccse.report.blocks import Cell, blocks, difference, interval, late_claims, p_value, significant
from arccse.report.figures.kinds import subjects
from arccse.results import Results

VERDICTS = ("supported", "contradicted", "equivalent", "undecided")
RUN_HEADS = ("Commit", "Started", "Seconds", "Selected step", "Weights", "Device", "Threads", "In bf16", "Packages")

Attempt = Callable[[str, Callable[[], Any]], str]  # name, what may fail → why it did, or ""


def page_content(
    config: Config,
    results: Results,
    views: dict[str, tables.StudyView],
    tidy: dict[str, pd.DataFrame],
    compared: dict[str, pd.DataFrame],
    settled: pd.DataFrame,
    figures: dict[str, list[page.Figure]],
    supplements: dict[str, list[page.Supplement]],
    attempt: Attempt,
) -> page.PageContent:
    """Everything that the page shows.

    Args:
        views, tidy, compared: each study's view, tidy table and comparisons.
        settled: the frame of claims.settle.
        figures, supplements: each study's, and those of none (of theory, of the whole config) under "".
        attempt: carries out what may fail and may not keep the rest from the page.
    """
    lead = leading(figures[next(iter(views))])
    numbers = {one.name: one.numbers for own in supplements.values() for one in own}
    ranks = {study: numbers.get(f"{study}-ranks") for study in views}
    studies = [
        page.Study(
            view.name,
            view.title,
            findings=findings.sentences(view, compared[study], ranks[study]),
            blocks=blocks(view, tidy[study], compared[study]),
            figures=[figure for figure in figures[study] if figure != lead],
            supplements=supplements[study],
            **_charts(config, view, results, compared[study], attempt),
        )
        for study, view in views.items()
    ]
    days = sorted(record["started"][:10] for record in results.runs.values() if "started" in record)
    found = [sentence for study in studies for sentence in study.findings]
    overviews = [findings.overviews(view, compared[study], ranks[study]) for study, view in views.items()]
    claims = claimed(settled)
    return page.PageContent(
        question="What is a contrastive objective worth?",
        answer=answer(claims) if claims else found[0] if found else "There is nothing to compare.",
        overviews=[sentence for own in overviews for sentence in own],
        claims=claims,
        scales=scales(settled),
        lead=lead,
        caveats=[models(config), steps(results.histories), seeds(views), *late_claims(settled)],
        config=config.name,
        generated=days[-1] if days else "",
        command=rehearsal.command(config.name),
        studies=[*studies, page.Study("theory", "The objectives themselves", figures=figures[""])],
        runs=[run_line(run, results.runs[run]) for run in config.runs()],
        caveat=config.caveat,
        supplements=supplements[""],
        across=across(claims),
    )


# ------------------------------------------------------------------------------------------------- first screen


def leading(figures: list[page.Figure]) -> page.Figure | None:
    """The figure of differences, or the first of any kind."""
    return next((figure for figure in figures if figure.name.startswith("forest-")), next(iter(figures), None))


def claimed(settled: pd.DataFrame) -> list[page.Claim]:
    """The lines of claims.settle as the page shows them, encoder by encoder."""
    places = {encoder: place for place, encoder in enumerate(settled["encoder"].unique())}
    lines = sorted(settled.to_dict("records"), key=lambda line: places[line["encoder"]])
    ends = reaches(settled)
    return [_claim(line, ends[line["measure"]]) for line in lines]


def across(claims: list[page.Claim]) -> page.Across | None:
    """The claims of several encoders side by side: one sentence is one claim, whatever the study that decides it."""
    encoders = list(dict.fromkeys(claim.encoder for claim in claims))
    rows = [(sentence_of(own), [own.get(encoder) for encoder in encoders]) for own in by_sentence(claims)]
    return page.Across(encoders, rows) if len(encoders) > 1 else None


def by_sentence(claims: list[page.Claim]) -> list[dict[str, page.Claim]]:
    """Encoder → claim, of each sentence; of one that an encoder has twice, twice."""
    found: list[dict[str, page.Claim]] = []
    for claim in claims:
        same = (own for own in found if claim.encoder not in own and sentence_of(own) == claim.sentence)
        if (row := next(same, None)) is None:
            found.append(row := {})
        row[claim.encoder] = claim
    return found


def sentence_of(row: dict[str, page.Claim]) -> str:
    return next(iter(row.values())).sentence


def reaches(settled: pd.DataFrame) -> pd.Series:
    """Measure → the largest distance from 0 of any interval's end; NaN where it has none."""
    return settled[["difference", "low", "high"]].abs().max(axis=1).groupby(settled["measure"], sort=False).max()


def _claim(line: dict[Hashable, Any], reach: float) -> page.Claim:
    details = {"Compared": line["comparison"], "Claimed": line["direction"], "Measure": line["measure"]}
    details["Whose"] = line["source"]
    if pd.notna(line["low"]):
        details |= {"p": p_value(line["p"]), "Detectable": significant(line["detectable"])}
    if pd.notna(line["two_level_low"]):
        details["Two-level"] = interval(line["two_level_low"], line["two_level_high"])
    if line["text"] != line["verdict"]:
        details["Verdict"] = line["text"]
    if line.get("look"):
        details["Look"] = f"{line['look']} that the interval allows for"
    middle, low, high, margin = (share(line[end], reach) for end in ("difference", "low", "high", "equivalence"))
    return page.Claim(
        sentence=line["sentence"],
        encoder=line["encoder"],
        verdict=line["verdict"],
        difference=difference(line["difference"], line["low"], line["high"]),
        interval=interval(line["low"], line["high"]),
        seeds=line["n"],
        middle=middle,
        low=low,
        high=high,
        margin=margin,
        details=details,
        study=line["study"],
    )


def share(value: float | None, reach: float) -> float | None:
    """A value on a scale that ends at ±1, cut off there; None where there is no value or no scale."""
    return None if pd.isna(value) or not reach > 0 else max(-1.0, min(1.0, value / reach))


def scales(settled: pd.DataFrame) -> str:
    """How far the plots of claims reach."""
    ends = [f"± {significant(reach)} for {measure}" for measure, reach in reaches(settled).dropna().items()]
    return f"All plots of one measure have one scale, around 0 and up to {'; '.join(ends)}." if ends else ""


def answer(claims: list[page.Claim]) -> str:
    """The first claim's verdict, on each encoder, and how many got which."""
    first = by_sentence(claims)[0]
    several = len({claim.encoder for claim in claims}) > 1
    said = [evidence(claim, f" on {claim.encoder}" if several else "") for claim in first.values()]
    counts = Counter(claim.verdict for claim in claims)
    verdicts = tables.listed(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts[verdict])
    what = "verdicts" if several else "claims"
    return f"{claims[0].sentence}: {'; '.join(said)}; of {len(claims)} {what}, {verdicts}."


def evidence(claim: page.Claim, where: str) -> str:
    """ "supported on MiniLM-L6, +0.46 points (0.21 to 0.70) over 7 seeds"."""
    within = "" if claim.low is None else f" ({claim.interval})"
    points = "" if claim.middle is None else f", {claim.difference} points{within} over {claim.seeds} seeds"
    return f"{claim.verdict}{where}{points}"


def models(config: Config) -> str:
    """Which encoders were used, and what they are."""
    named = [f"{name} ({encoder.model})" for name, encoder in config.encoders.items()]
    return f"{'Encoders' if len(named) > 1 else 'One encoder'}: {tables.listed(named)}."


def steps(histories: pd.DataFrame) -> str:
    """How long was trained."""
    last = histories.groupby(["hash", "seed"])["step"].max()
    return f"Trained for {_range(last[last > 0])} steps." if (last > 0).any() else "Nothing was trained."


def seeds(views: dict[str, tables.StudyView]) -> str:
    """How many seeds the trained rows have."""
    counts = [len(row.seeds) for view in views.values() for row in view.rows if not row.untrained]
    return (
        f"Seeds behind each trained row: {_range(counts)}."
        if counts
        else "No row is trained, so that none has seeds."
    )


def _range(values: Iterable[int]) -> str:
    fewest, most = min(values), max(values)
    return f"{fewest:,}" if fewest == most else f"{fewest:,} to {most:,}"


# ------------------------------------------------------------------------------------------------------ studies


def _charts(
    config: Config, view: tables.StudyView, results: Results, compared: pd.DataFrame, attempt: Attempt
) -> dict[str, Any]:
    """A study's charts, and what is missing of them."""
    found: list[charts.Chart] = []
    failures = []
    for name, make in charts.of_study(subjects(config, view.name), results, compared).items():
        if reason := attempt(f"chart of {view.name}: {name}", partial(_add, found, make)):
            failures.append(f"The chart of {name} could not be made: {reason}")
    return {"charts": found, "failures": failures}


def _add(found: list[charts.Chart], make: charts.Make) -> None:
    found += make()


def in_bfloat16(record: dict[str, Any]) -> str:
    """What of a run was computed with matrix products in bfloat16: its training, or some suites."""
    trained = ["training"] if record.get("hyperparameters", {}).get("precision") == "bf16" else []
    scored = [suite for suite, made in record.get("scored", {}).items() if made.get("precision") == "bf16"]
    return ", ".join([*trained, *scored])


def run_line(run: str, record: dict[str, Any]) -> dict[str, Cell]:
    """A run and where it comes from, as far as its record says."""
    seconds, step = record.get("seconds", {}).get("total"), record.get("selected_step")
    told = {
        "Commit": (record.get("git_commit") or "unknown")[:12],
        "Started": record.get("started", "")[:16].replace("T", " "),
        "Weights": (record.get("weights") or "")[:12],
        "Device": record.get("device", ""),
        "In bf16": in_bfloat16(record),
        "Packages": json.dumps(record.get("packages", {}))[1:-1].replace('"', ""),
    }
    cells = {name: Cell(text) for name, text in told.items() if text}
    if diverged := record.get("diverged"):
        cells["Selected step"] = Cell(f"none: diverged at step {diverged['step']}")
    elif step is not None:
        cells["Selected step"] = Cell(str(step), step)
    if seconds is not None:
        cells["Seconds"] = Cell(f"{seconds:.0f}", seconds)
    if "threads" in record:
        cells["Threads"] = Cell(str(record["threads"]), record["threads"])
    return {"Run": Cell(run)} | {name: cells[name] for name in RUN_HEADS if name in cells}
