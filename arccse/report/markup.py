"""Tables as CSV, Markdown and LaTeX: renderers of `blocks`, and the files that they fill."""

import re
from pathlib import Path

import jinja2
import pandas as pd

from arccse.errors import InputError
from arccse.files import atomic_write
from arccse.report.blocks import Block, Cell, Line, blocks
from arccse.report.tables import COLUMNS, StudyView, source_of


def to_csv(view: StudyView, table: pd.DataFrame) -> str:
    """The tidy table as CSV: full means and deviations (6 decimals), empty where a value does not exist.

    A caveat stands in the `source` of every measured line, since a CSV has no caption to carry it.
    """
    return table.assign(study=view.name)[["study", *COLUMNS]].to_csv(index=False, float_format="%.6f")


def comparisons_csv(view: StudyView, comparisons: pd.DataFrame) -> str:
    """The comparisons as CSV, as complete as they come, with the source and caveat of the runs in every line."""
    return comparisons.assign(source=source_of(view)).to_csv(index=False, float_format="%.6f")


def to_markdown(view: StudyView, table: pd.DataFrame, comparisons: pd.DataFrame | None = None) -> str:
    """The table as GitHub-flavoured Markdown: for each suite its caption, grid and notes, then its comparisons."""
    parts = [f"# {_markdown(view.title)}"]
    for block in blocks(view, table, comparisons):
        warning = f"**{_markdown(block.caveat)}** " if block.caveat else ""
        notes = [f"- {_markdown_note(mark, text)}" for mark, text in block.notes]
        parts += [f"## {block.title}", warning + _markdown(block.caption), _grid(block), "\n".join(notes)]
        if block.compared:
            notes = [f"- {_markdown(text)}" for text in block.compared_notes]
            parts += [f"### {block.title}: differences", _compared_grid(block), "\n".join(notes)]
    return "\n\n".join(part for part in parts if part) + "\n"


def to_latex(view: StudyView, table: pd.DataFrame, comparisons: pd.DataFrame | None = None) -> str:
    r"""The table as LaTeX for \input, one `table` float a suite, labelled `tab:<study>-<suite>`, and one for its
    comparisons, labelled `tab:<study>-<suite>-differences`.

    Needs the packages booktabs and graphicx (a table wider than the line is scaled down to it) and compiles
    with pdflatex. Raises InputError for a character that pdflatex cannot set, naming it and its text.
    """
    # LaTeX is full of braces, so the template has other delimiters.
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<<",
        variable_end_string=">>",
        comment_start_string="<#",
        comment_end_string="#>",
    )
    environment.filters["tex"] = _latex
    return environment.get_template("table.tex.j2").render(study=view.name, blocks=blocks(view, table, comparisons))


def write(view: StudyView, table: pd.DataFrame, folder: Path, comparisons: pd.DataFrame | None = None) -> list[Path]:
    """Write <study>.csv, <study>.md and <study>.tex into `folder`, each whole or not at all; return them.

    With comparisons, also <study>-comparisons.csv. Raises InputError as the renderers do (before any file is
    written), and for a folder that cannot be written.
    """
    texts = {
        f"{view.name}.csv": to_csv(view, table),
        f"{view.name}.md": to_markdown(view, table, comparisons),
        f"{view.name}.tex": to_latex(view, table, comparisons),
    }
    if comparisons is not None:
        texts[f"{view.name}-comparisons.csv"] = comparisons_csv(view, comparisons)
    for name, text in texts.items():
        atomic_write(Path(folder) / name, text)
    return [Path(folder) / name for name in texts]


def _grid(block: Block) -> str:
    head = ["Method", "Seeds", *map(_markdown, block.columns)]
    rows = [[f"*{block.size_label}*", "", *block.sizes]]
    for heading, lines in block.groups:
        rows.append([f"*{_markdown(heading)}*", *[""] * (len(head) - 1)])
        rows += [[_markdown_label(line), str(line.seeds), *map(_markdown_cell, line.cells)] for line in lines]
    return _aligned(head, rows)


def _compared_grid(block: Block) -> str:
    rows = []
    for heading, lines in block.compared:
        rows.append([f"*{_markdown(heading)}*", *[""] * (len(block.compared_columns) - 1)])
        rows += [[_markdown(cell) for cell in line] for line in lines]
    return _aligned(block.compared_columns, rows)


def _aligned(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table whose columns also line up when read as plain text."""
    widths = [max(2, *(len(row[i]) for row in [head, *rows])) for i in range(len(head))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    padded = [[row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])] for row in [head, *rows]]
    return "\n".join("| " + " | ".join(row) + " |" for row in [padded[0], rule, *padded[1:]])


def _markdown_label(line: Line) -> str:
    return _markdown(line.label) + (f"<sup>{line.note}</sup>" if line.note else "")


def _markdown_cell(cell: Cell) -> str:
    return f"**{cell.text}**" if cell.bold else cell.text


def _markdown_note(mark: str, text: str) -> str:
    return f"{mark}: {_markdown(text)}" if mark else _markdown(text)


def _markdown(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>|~$#])", r"\\\1", " ".join(text.split()))


LATEX = {
    **{c: "\\" + c for c in "&%$#_{}"},
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "|": r"\textbar{}"},
    **{"<": r"\textless{}", ">": r"\textgreater{}", '"': "''", "–": "--", "—": "---"},
    **{"“": "``", "”": "''", "‘": "`", "’": "'", "…": r"\ldots{}", "†": r"$^{\dagger}$", "°": r"$^{\circ}$"},
    **{"×": r"$\times$", "±": r"$\pm$", "−": "$-$", "·": r"$\cdot$", "≤": r"$\leq$", "≥": r"$\geq$"},
    **{"≈": r"$\approx$", "→": r"$\rightarrow$", "′": "$'$", "″": "$''$", "⁺": "$^{+}$", "²": "$^{2}$"},
    **{"α": r"$\alpha$", "β": r"$\beta$", "γ": r"$\gamma$", "δ": r"$\delta$", "ε": r"$\varepsilon$"},
    **{"θ": r"$\theta$", "λ": r"$\lambda$", "μ": r"$\mu$", "π": r"$\pi$", "ρ": r"$\rho$", "σ": r"$\sigma$"},
    **{"τ": r"$\tau$", "φ": r"$\varphi$", "ω": r"$\omega$", "Δ": r"$\Delta$", "Σ": r"$\Sigma$"},
    # Accented Latin letters that both of pdflatex's usual font encodings have.
    **{c: c for c in "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝßàáâãäåæçèéêëìíîïñòóôõöøùúûüýÿ"},
}


def _latex(text: str) -> str:
    text = " ".join(text.split())
    for character in text:
        if character not in LATEX and not (character.isascii() and character.isprintable()):
            word = next(word for word in text.split() if character in word)
            raise InputError(f"LaTeX cannot set the character '{character}' of '{word}'; use another one.")
    return "".join(LATEX.get(character, character) for character in text)
