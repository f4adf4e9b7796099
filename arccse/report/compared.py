"""A comparison of models as a table on the terminal, CSV, Markdown, LaTeX and one page."""

import json
import shlex
from collections.abc import Hashable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup
from rich.console import Console
from rich.table import Table

from arccse.comparing import Comparison
from arccse.evaluation.suites import KEEPING, SUITES, Suite
from arccse.files import atomic_write
from arccse.report import markup, page
from arccse.report.blocks import COMPARED, UNKNOWN, Block, Cell, Grid, difference, interval, number, significant
from arccse.report.content import share
from arccse.report.replacing import replacing
from arccse.report.tables import listed, task_order

FILES = ("comparisons.csv", "comparisons.md", "comparisons.tex", "scores.csv", "index.html")
NUMBERS = ("Difference", "Interval", "p", "Detectable", "Verdict")
HEADS = ["Comparison", "Verdict", "Difference (interval)", "Examples", "Interval", "Suite"]


def show(found: Comparison, console: Console) -> None:
    """Print each suite's scores and differences; of more than two models the differences on averages alone."""
    for sentence in [*answers(found), *bounds(found)]:
        console.print(sentence)
    for block in blocks(found, short=len(found.models) > 2):
        assert block.differences is not None
        for title, grid in ((block.title, block.scores), (f"{block.title}: differences", block.differences)):
            console.print(rich_table(title, grid))
    for note in notes(found):
        console.print(f"[dim]{note}[/dim]")


def write(found: Comparison, out: Path, command: Sequence[str]) -> None:
    """Write FILES into a folder, where they take the place of those of before all together.

    Args:
        command: that the page names, to make it again.

    Raises:
        InputError: the folder can't be written.
    """
    laid_out = blocks(found)
    with replacing(out, FILES) as folder:
        lines = found.comparisons.assign(margin=found.margin, data=found.source)
        atomic_write(folder / "comparisons.csv", lines.to_csv(index=False, float_format="%.6f"))
        atomic_write(folder / "comparisons.md", markup.to_markdown(title(found), laid_out))
        atomic_write(folder / "comparisons.tex", markup.to_latex("comparisons", laid_out))
        atomic_write(folder / "scores.csv", found.scores.to_csv(index=False, float_format="%.6f"))
        atomic_write(folder / "index.html", html(found, laid_out, command))


def rich_table(name: str, grid: Grid) -> Table:
    table = Table(title=name, title_justify="left", title_style="bold")
    for place, head in enumerate(grid.heads):
        table.add_column(head, justify="right" if grid.is_numeric(place) else "left", no_wrap=place > 0)
    for heading, lines in grid.groups:
        if heading:
            table.add_section()
            table.add_row(f"[italic]{heading}[/italic]")
        for line in lines:
            table.add_row(*(f"[bold]{cell.text}[/bold]" if cell.bold else cell.text for cell in line))
    return table


# -------------------------------------------------------------------------------------------------- sentences


def title(found: Comparison) -> str:
    names = [model.name for model in found.models]
    return f"Which is better: {', '.join(names[:-1])} or {names[-1]}?"


def words(suite: str, column: str) -> str:
    """What a sentence calls a column of a suite."""
    return SUITES[suite].words(column)


def headlines(found: Comparison) -> pd.DataFrame:
    """The comparisons on each suite's average, or on what stands for it: the columns that are ranked."""
    ranked = found.ranks[["suite", "task"]].drop_duplicates()
    return found.comparisons.merge(ranked, on=["suite", "task"])


def answers(found: Comparison) -> list[str]:
    """What the comparison comes to on each headline, in a sentence."""
    if len(found.models) == 2:
        return [answer(line) for line in headlines(found).to_dict("records")]
    said = []
    for (suite, task), own in found.ranks.groupby(["suite", "task"], sort=False):
        first = own.loc[own["rank_low"] == 1, "label"]
        best = f"{first.iloc[0]} is the best" if len(first) == 1 else f"the best is among {listed(first)}"
        said.append(f"{capital(words(str(suite), str(task)))}: {best} of {len(own)}.")
    return said


def answer(line: dict[Hashable, Any]) -> str:
    """A comparison as a sentence."""
    label, baseline, verdict = line["label"], line["baseline"], line["verdict"]
    where = capital(words(line["suite"], line["task"]))
    if verdict in ("higher", "lower"):
        best = (verdict == "higher") != SUITES[line["suite"]].lower_is_better
        better, worse = (label, baseline) if best else (baseline, label)
        ends = sorted(abs(line[end]) for end in ("low", "high"))
        amount = difference(abs(line["difference"]), *ends).lstrip("+")
        return f"{where}: {better} is better than {worse} by {amount} points ({interval(*ends)})."
    amount = f"{difference(line['difference'], line['low'], line['high'])} points"
    within = "" if pd.isna(line["low"]) else f" ({interval(line['low'], line['high'])})"
    if verdict == "equivalent":
        return f"{where}: {label} and {baseline} are equivalent; they differ by {amount}{within}."
    found = f"{amount}{within}"
    least = "" if pd.isna(line["detectable"]) else f", where {significant(line['detectable'])} could have been found"
    return f"{where}: undecided between {label} and {baseline}: {found}{least}."


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def bounds(found: Comparison) -> list[str]:
    """What the intervals are over and what they say nothing of."""
    drawn = listed(dict.fromkeys(KEEPING[suite].drawn for suite in found.suites))
    over = {*found.comparisons["over"]}
    said = []
    if "examples" in over:
        which = "these two models" if len(found.models) == 2 else "these models"
        both = " (where two have fewer than 3 seeds in common)" if len(over) > 1 else ""
        said.append(
            f"The interval is of {which} on other examples ({drawn}){both}; it says nothing of other seeds: another"
            " training by the same recipe."
        )
    if "examples and seeds" in over:
        said.append(f"Over common seeds and examples ({drawn}), if others of both could have been drawn.")
    return said


def notes(found: Comparison) -> list[str]:
    """What stands below every table of differences."""
    together = int(found.comparisons["comparisons"].max())
    all_hold = (
        "it holds the truth with 95 % confidence"
        if together == 1
        else f"adjusted for all {together} comparisons that were made (Bonferroni), so that with 95 % confidence all"
        " of them hold the truth"
    )
    return [
        f"Interval: {all_hold}. The verdict follows from it alone, and p belongs to it.",
        f"Equivalent: the whole interval lies within ± {found.margin:g} points, which does not matter. Detectable:"
        " the smallest true difference that so many examples find with 80 % power.",
    ]


READING = {
    "Difference": "The score of the model that is named first less that of the other one, on the same examples.",
    "Interval": (
        "Where the true difference lies. All models are scored on the same bootstrap resamples of the examples, and"
        " the standard deviation of the difference over them gives the interval (normal; of two models as they are)."
        " Where both have 3 seeds or more in common, the spread of their differences over seeds (Student's t) is"
        " added. It is widened for all comparisons of the page (Bonferroni)."
    ),
    "Verdict": (
        "Read off the interval alone. Higher or lower: it leaves 0 out. Equivalent: it lies within the margin that"
        " does not matter. Undecided: neither; more examples, or a margin that is right for you, may decide it."
    ),
    "p": "How often a true difference of 0 would give one as large, adjusted as the interval is.",
    "Detectable": (
        "The smallest true difference that would have been found with 80 % power. What is smaller can stay"
        " undecided without being 0."
    ),
    "Rank": (
        "The places that a model may have by the intervals of all its differences (Mogstad et al., 2024). Models"
        " whose ranks overlap can't be told apart."
    ),
    "Points": "The unit of scores and differences: a hundredth of a correlation, or a per cent of accuracy.",
}

# ---------------------------------------------------------------------------------------------------- tables


def blocks(found: Comparison, short: bool = False) -> list[Block]:
    """Each suite's scores and differences laid out; short: the differences on headlines alone."""
    shown = headlines(found) if short else found.comparisons
    return [block(found, suite, shown[shown["suite"] == suite]) for suite in found.suites]


def block(found: Comparison, suite: str, compared: pd.DataFrame) -> Block:
    spec = SUITES[suite]
    sentences = [f"{capital(spec.score)}; data {found.source}.", *bounds(found)]
    return Block(suite, spec.title, None, " ".join(sentences), scores(found, spec), differences(found, compared))


def scores(found: Comparison, spec: Suite) -> Grid:
    """A line a model: its mean scores over its seeds, and the ranks that it may have."""
    own = found.scores[found.scores["suite"] == spec.name]
    own = own[own["metric"] == spec.metric] if spec.metric else own.assign(task=own["metric"])
    means = own.groupby(["label", "task"])["value"].mean()
    sizes = own.groupby("task")["n"].first()
    compared = found.comparisons.loc[found.comparisons["suite"] == spec.name, "task"].unique()
    columns = [*task_order((task for task in compared if task != "Avg"), spec)]
    lines = []
    for model in found.models:
        values = {task: means[model.name, task] for task in columns}
        ranked = found.ranks[(found.ranks["suite"] == spec.name) & (found.ranks["label"] == model.name)]
        values |= {line["task"]: line["mean"] for line in ranked.to_dict("records") if line["task"] == "Avg"}
        cells = [Cell(number(value, ".2f"), float(value)) for value in values.values()]
        lines.append([Cell(model.name), Cell(str(len(model.seeds)), len(model.seeds)), *cells, *ranks(ranked)])
    average = ["Avg"] if "Avg" in compared else []
    several = found.ranks.loc[found.ranks["suite"] == spec.name, "task"].unique()
    rank_heads = ["Rank"] if len(several) == 1 else [f"Rank, {task}" for task in several]
    units = [spec.size, "", *(str(sizes[task]) for task in columns), *[""] * len([*average, *rank_heads])]
    heads = ["Model", "Seeds", *columns, *average, *rank_heads]
    return Grid(heads, units, [("", lines)], [("", "Rank: the places that it may have, by the differences below.")])


def ranks(ranked: pd.DataFrame) -> list[Cell]:
    found = []
    for line in ranked.to_dict("records"):
        low, high = line["rank_low"], line["rank_high"]
        found.append(Cell(str(low) if low == high else f"{low} to {high}", float(low), bold=low == high == 1))
    return found


def differences(found: Comparison, compared: pd.DataFrame) -> Grid:
    """A line for each comparison, in a group for each two models; what nobody has is left out."""
    groups: dict[str, list[list[Cell]]] = {}
    for line in compared.to_dict("records"):
        task = "average" if line["task"] == "Avg" else line["task"]
        cells = [COMPARED[name](line) for name in NUMBERS]
        cells[-1] = Cell(line["verdict"], bold=line["verdict"] != "undecided")
        groups.setdefault(f"{line['label']} less {line['baseline']}", []).append([Cell(task), *cells])
    return Grid(["Task", *NUMBERS], [], list(groups.items()), [("", note) for note in notes(found)])


# ------------------------------------------------------------------------------------------------------ page


def html(found: Comparison, laid_out: Sequence[Block], command: Sequence[str]) -> str:
    """The page as HTML text."""
    first = headlines(found)
    parts = []
    for own in laid_out:
        lines = found.comparisons[found.comparisons["suite"] == own.suite]
        several = lines["task"].nunique() > 1
        parts.append(
            {"name": own.suite, "block": own, "lines": plotted(found, lines, by_pair=True) if several else []}
        )
    shared, models = page.shared_and_own(provenance(found))
    data = listed(f"{suite}: {len(tasks)} task{'s' * (len(tasks) > 1)}" for suite, tasks in found.suites.items())
    return page.filled(
        "compare.html.j2",
        title=title(found),
        kicker=f"{len(found.models)} models · {data} · {found.source}",
        answers=answers(found),
        bounds=[*bounds(found), notes(found)[0]],
        headlines=plotted(found, first),
        heads=HEADS,
        scales=scales(first),
        parts=parts,
        reading=READING,
        shared=shared,
        models=models,
        command=shlex.join(command),
        version=version("arccse"),
        charts=Markup(json.dumps({suite: [] for suite in found.suites})),
        defined=lambda text: "",
    )


def plotted(found: Comparison, lines: pd.DataFrame, by_pair: bool = False) -> list[page.Claim]:
    """Comparisons as lines of a table with an interval plot in each, all of a suite on one scale."""
    reach = reaches(lines)
    claims = []
    for line in lines.to_dict("records"):
        pair = f"{line['label']} less {line['baseline']}"
        task = "average" if line["task"] == "Avg" else str(line["task"])
        ends = [share(value, reach[line["suite"]]) for value in (line["difference"], line["low"], line["high"])]
        details = {
            "p": COMPARED["p"](line).text,
            "Detectable": COMPARED["Detectable"](line).text,
            "Standard error over examples": number(line["error"], ".3f"),
            "Over": line["over"] + (f" (seeds {line['seeds']})" if line["seeds"] else ""),
        }
        claims.append(
            page.Claim(
                sentence=task if by_pair else pair,
                encoder=pair if by_pair else capital(words(line["suite"], line["task"])),
                verdict=line["verdict"],
                difference=difference(line["difference"], line["low"], line["high"]),
                interval=interval(line["low"], line["high"]),
                seeds=line["n"],
                middle=ends[0],
                low=ends[1],
                high=ends[2],
                margin=share(found.margin, reach[line["suite"]]),
                details=details,
                study=line["suite"],
            )
        )
    return claims


def reaches(lines: pd.DataFrame) -> pd.Series:
    """Suite → the largest distance from 0 of any interval's end."""
    return lines[["difference", "low", "high"]].abs().max(axis=1).groupby(lines["suite"], sort=False).max()


def scales(lines: pd.DataFrame) -> str:
    ends = [f"± {significant(reach)} for {SUITES[str(suite)].title}" for suite, reach in reaches(lines).items()]
    return f"Plots reach from 0 to {'; '.join(ends)}."


def provenance(found: Comparison) -> list[dict[str, Cell]]:
    """What made the scores of each model, seed and suite, as far as it is known."""
    lines = []
    several = any(len(model.seeds) > 1 for model in found.models)
    for model in found.models:
        for seed, member in zip(model.seeds, model.members, strict=True):
            for suite, made in found.made[model.name][seed].items():
                said = {
                    "Model": model.name,
                    "Suite": SUITES[suite].title,
                    **({"Seed": str(seed) if len(model.seeds) > 1 else ""} if several else {}),
                    "Given as": member,
                    "Pooling": made.get("pooling", ""),
                    "Precision": made.get("precision", ""),
                    "Model's files (sha256)": made.get("model", "")[:16],
                    "Data's files (sha256)": made.get("data", "")[:16],
                    "Code": made.get("code", {}).get("digest", ""),
                    "Device": made.get("device", ""),
                    "Packages": json.dumps(made.get("packages", {}))[1:-1].replace('"', ""),
                }
                said |= {f"File {name}": digest[:16] for name, digest in made.get("predictions", {}).items()}
                lines.append({head: Cell(text) if text else UNKNOWN for head, text in said.items()})
    return lines
