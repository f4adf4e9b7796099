"""Tables as CSV, Markdown and LaTeX: renderers of `blocks`, and the files that they fill."""

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

import jinja2
import pandas as pd

from arccse.files import atomic_write
from arccse.report.blocks import Block, Cell, Grid, blocks, claims_block
from arccse.report.tables import COLUMNS, StudyView, source_of


def to_csv(view: StudyView, table: pd.DataFrame) -> str:
    """The tidy table as CSV: full means and deviations (6 decimals), empty where a value does not exist.

    A caveat stands in the `source` of every measured line, since a CSV has no caption to carry it.
    """
    return table.assign(study=view.name)[["study", *COLUMNS]].to_csv(index=False, float_format="%.6f")


def comparisons_csv(view: StudyView, comparisons: pd.DataFrame) -> str:
    """The comparisons as CSV, as complete as they come, with the source and caveat of the runs in every line."""
    return comparisons.assign(source=source_of(view)).to_csv(index=False, float_format="%.6f")


def to_markdown(title: str, blocks: Iterable[Block]) -> str:
    """A table as GitHub-flavoured Markdown: for each block its caption, grid and notes, then its differences."""
    parts = [f"# {_markdown(title)}"]
    for block in blocks:
        warning = f"**{_markdown(block.caveat)}** " if block.caveat else ""
        parts += [f"## {block.title}", warning + _markdown(block.caption), *_markdown_grid(block.scores)]
        if block.differences:
            parts += [f"### {block.title}: differences", *_markdown_grid(block.differences)]
    return "\n\n".join(part for part in parts if part) + "\n"


def to_latex(name: str, blocks: Iterable[Block]) -> str:
    r"""A table as LaTeX for \input, one `table` float a block, labelled `tab:<name>-<block>`, and one for its
    differences, labelled `tab:<name>-<block>-differences`.

    Needs the packages booktabs and graphicx (a table wider than the line is scaled down to it) and compiles with
    any LaTeX. A character that pdflatex has no letter for is printed as its code point, such as [U+65E5], and as
    itself by XeLaTeX and LuaLaTeX with a font that has it.
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
    text = environment.get_template("table.tex.j2").render(name=name, blocks=blocks)
    return CODEPOINT + text if r"\codepoint{" in text else text


def write(view: StudyView, table: pd.DataFrame, comparisons: pd.DataFrame, folder: Path) -> None:
    """Write <study>.csv, <study>.md, <study>.tex and <study>-comparisons.csv into `folder`, each whole or not at all.

    Raises InputError for a folder that cannot be written.
    """
    found = blocks(view, table, comparisons)
    atomic_write(folder / f"{view.name}.csv", to_csv(view, table))
    atomic_write(folder / f"{view.name}.md", to_markdown(view.title, found))
    atomic_write(folder / f"{view.name}.tex", to_latex(view.name, found))
    atomic_write(folder / f"{view.name}-comparisons.csv", comparisons_csv(view, comparisons))


def write_claims(settled: pd.DataFrame, caveat: str | None, folder: Path) -> None:
    """Write claims.csv, claims.md and claims.tex of the frame of claims.settle, as `write` does; a caveat in each."""
    found = [claims_block(settled, caveat)]
    lines = settled.assign(caveat=caveat) if caveat else settled
    atomic_write(folder / "claims.csv", lines.to_csv(index=False, float_format="%.6f"))
    atomic_write(folder / "claims.md", to_markdown("Claims", found))
    atomic_write(folder / "claims.tex", to_latex("claims", found))


def write_supplement(name: str, title: str, frame: pd.DataFrame, block: Block | None, folder: Path) -> None:
    """Write <name>.csv and, of a block, <name>.md and <name>.tex, as `write` does."""
    atomic_write(folder / f"{name}.csv", frame.to_csv(index=False, float_format="%.8g"))  # a learning rate is small
    if block:
        atomic_write(folder / f"{name}.md", to_markdown(title, [block]))
        atomic_write(folder / f"{name}.tex", to_latex(name, [block]))


def _markdown_grid(grid: Grid) -> list[str]:
    """The grid and its notes."""
    rows = [[f"*{grid.units[0]}*", *grid.units[1:]]] if grid.units else []
    for heading, lines in grid.groups:
        rows.append([f"*{_markdown(heading)}*", *[""] * (len(grid.heads) - 1)])
        rows += [[_markdown_cell(cell) for cell in line] for line in lines]
    notes = [
        f"- {_markdown(mark)}: {_markdown(text)}" if mark else f"- {_markdown(text)}" for mark, text in grid.notes
    ]
    return [_aligned([_markdown(head) for head in grid.heads], rows), "\n".join(notes)]


def _aligned(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table whose columns also line up when read as plain text."""
    widths = [max(2, *(len(row[i]) for row in [head, *rows])) for i in range(len(head))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    padded = [[row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])] for row in [head, *rows]]
    return "\n".join("| " + " | ".join(row) + " |" for row in [padded[0], rule, *padded[1:]])


def _markdown_cell(cell: Cell) -> str:
    text = _markdown(cell.text) + (f"<sup>{cell.mark}</sup>" if cell.mark else "")
    return f"**{text}**" if cell.bold else text


def _markdown(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>|~$#])", r"\\\1", " ".join(text.split()))


CODEPOINT = r"""% Characters that pdflatex has no letter for are printed as their code points, such as [U+65E5].
% XeLaTeX and LuaLaTeX print them as they are where the font has them: choose one with \setmainfont of fontspec.
\providecommand{\codepoint}[1]{%
  \ifdefined\Umathchar\iffontchar\font"#1 \symbol{"#1}\else[U+#1]\fi\else[U+#1]\fi}
"""

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
    **{"ζ": r"$\zeta$", "η": r"$\eta$", "κ": r"$\kappa$", "ν": r"$\nu$", "ξ": r"$\xi$", "χ": r"$\chi$"},
    **{"ψ": r"$\psi$", "Γ": r"$\Gamma$", "Θ": r"$\Theta$", "Λ": r"$\Lambda$", "Φ": r"$\Phi$", "Ω": r"$\Omega$"},
    **{"ℓ": r"$\ell$", "≠": r"$\neq$", "∞": r"$\infty$", "ł": r"{\l}", "Ł": r"{\L}", "ı": r"{\i}"},
    # Accented Latin letters that both of pdflatex's usual font encodings have.
    **{c: c for c in "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝßàáâãäåæçèéêëìíîïñòóôõöøùúûüýÿ"},
}

# Accents of letters that either encoding composes.
ACCENTS = {
    **{"\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u", "\u0307": "."},
    **{"\u0308": '"', "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0327": "c"},
}


def _latex(text: str) -> str:
    return "".join(map(_latex_character, unicodedata.normalize("NFC", " ".join(text.split()))))


def _latex_character(character: str) -> str:
    r"""As LaTeX sets it; what pdflatex has no letter for as \codepoint, which the table's first lines define."""
    letter, *accents = list(unicodedata.normalize("NFD", character))
    if character in LATEX:
        return LATEX[character]
    if character.isascii() and character.isprintable():
        return character
    if len(accents) == 1 and accents[0] in ACCENTS and letter.isascii() and letter.isalpha():
        return f"{{\\{ACCENTS[accents[0]]}{{{letter}}}}}"
    return f"\\codepoint{{{ord(character):04X}}}"
