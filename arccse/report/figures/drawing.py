"""What all figures share: palette and style, an empty figure, legends, checks of the input, files."""

import re
import textwrap
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.container import Container
from matplotlib.figure import Figure
from matplotlib.font_manager import get_font_names
from matplotlib.layout_engine import ConstrainedLayoutEngine

from arccse.errors import InputError
from arccse.files import atomic_write

# Okabe and Ito's palette, which the common kinds of colour blindness keep apart; yellow is left out, as it
# fades on white. Line style, marker and hatch vary as well, so that curves and boxes stay apart without any
# colour.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
LINES = ["-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1))]
MARKERS = ["o", "s", "^", "D", "v", "P"]
HATCHES = ["", "////", "\\\\\\\\", "xxxx", "----"]  # of lines: an SVG with dots is ten times as large

# Fonts with the letters that matplotlib's own one lacks, for labels in any language, as far as they are installed.
WIDER_FONTS = ("Noto Sans CJK JP", "Noto Sans CJK SC", "IPAGothic", "WenQuanYi Zen Hei", "Noto Sans", "FreeSans")

STYLE: dict[Any, Any] = {
    "font.family": ["DejaVu Sans", *(name for name in WIDER_FONTS if name in get_font_names())],
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "text.parse_math": False,  # a label is a name, whatever dollar signs it holds
    "grid.color": "0.9",
    "hatch.linewidth": 0.6,
    "svg.fonttype": "path",
    "svg.hashsalt": "arccse",  # matplotlib's SVG ids are random without it
    "pdf.fonttype": 42,
}

# The formats of a figure's files, with what keeps the date out of them.
UNDATED: dict[str, dict[str, None]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}

LONG = re.compile(rb"-?\d+\.\d{3,}")  # a number as matplotlib writes it into an SVG

CHARACTERS_PER_INCH = 11  # of text in the legend's size, a little less than fit


@contextmanager
def new_figure(width: float, height: float, caveat: str | None) -> Iterator[Figure]:
    """An empty figure, in inches, and the style for what is drawn on it; the caveat stands above the panels."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08, wspace=0.05))
        FigureCanvasAgg(figure)
        if caveat:
            figure.suptitle(textwrap.fill(caveat, int(9 * width)), fontsize=11, fontweight="bold")
        yield figure


def not_drawn(said: str, reason: str) -> Figure:
    """A drawing in the place of one that could not be made, which says so and why."""
    with new_figure(6.4, 2.4, None) as figure:
        figure.text(0.5, 0.72, said, ha="center", va="center", fontsize=13, fontweight="bold")
        text = "\n".join(textwrap.wrap(reason, 80)[:6])
        figure.text(0.5, 0.35, text, ha="center", va="center", fontsize=9)
    return figure


def save(figure: Figure, stem: Path) -> list[Path]:
    """Write <stem>.svg, <stem>.pdf and <stem>.png (150 dpi), each whole or not at all; return their paths.

    The bytes depend on the figure alone: no dates and no random ids. Raises InputError for a folder that
    cannot be written.
    """
    paths = []
    for ending, metadata in UNDATED.items():
        path = Path(stem).with_name(f"{Path(stem).name}.{ending}")
        drawn = BytesIO()  # first: matplotlib's writer of PDF hides the error of a full disk behind one of its own
        with matplotlib.rc_context(STYLE), warnings.catch_warnings():
            # a box stands for a letter that no font has; tables and page have it
            warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from font")
            figure.savefig(drawn, format=ending, dpi=150, metadata=metadata)
        figure.set_layout_engine("none")  # what it has placed stays where it is; it takes longer than to draw
        atomic_write(path, shorter(drawn.getvalue()) if ending == "svg" else drawn.getvalue())
        paths.append(path)
    return paths


def shorter(svg: bytes) -> bytes:
    """An SVG of matplotlib's in fewer letters: no indents, comments, metadata and ids that nothing refers to; short
    ids; places to a hundredth of a point instead of a millionth; a class for each style that stands twice."""

    def rounded(number: re.Match[bytes]) -> bytes:
        place = round(float(number[0]), 2) + 0.0  # without a -0
        return (b"%.2f" % place).rstrip(b"0").rstrip(b".")

    flat = re.sub(rb"<metadata>.*?</metadata>|<!--.*?-->", b"", re.sub(rb" *\n +", b"\n", svg), flags=re.DOTALL)
    referred = dict.fromkeys(re.findall(rb'(?:href="|url\()#([\w.-]+)', flat))
    names = {name: b"i%d" % place for place, name in enumerate(referred)}
    flat = re.sub(rb' id="([^"]+)"', lambda own: b' id="%s"' % names[own[1]] if own[1] in names else b"", flat)
    flat = re.sub(rb'(href="#|url\(#)([\w.-]+)', lambda found: found[1] + names[found[2]], flat)
    # places alone: a scale or an angle needs its digits
    flat = re.sub(rb'( [dxy]="|translate\()[^")]*', lambda found: LONG.sub(rounded, found[0]), flat)
    flat = re.sub(rb'(<use xlink:href="[^"]+") transform="translate\(([^ )]+) 0\)"', rb'\1 x="\2"', flat)
    flat = re.sub(rb' d="([^"]*)', lambda path: b' d="' + re.sub(rb"\s*([A-Za-z])\s*", rb"\1", path[1]), flat)
    several = [style for style, count in Counter(re.findall(rb' style="([^"]+)"', flat)).items() if count > 1]
    classes = {style: b"c%d" % place for place, style in enumerate(several)}
    flat = re.sub(
        rb' style="([^"]+)"', lambda own: b' class="%s"' % classes[own[1]] if own[1] in classes else own[0], flat
    )
    rules = b"".join(b".%s{%s}" % (name, style) for style, name in classes.items())
    return flat.replace(b"</style>", rules + b"</style>", 1)


def curve_style(index: int, points: int, curves: int = 1) -> dict[str, Any]:
    """Colour, line and marker of the index-th of the curves, which has so many points.

    The earlier of several is the wider, so that it is seen beneath those that lie on it.
    """
    beneath = (curves - 1 - index) / (curves - 1) if curves > 1 else 0
    return {
        "color": COLOURS[index % len(COLOURS)],
        "linestyle": LINES[index % len(LINES)],
        "marker": MARKERS[index % len(MARKERS)],
        # A dozen markers tell curves apart; one at every step would hide them.
        "markevery": max(1, points // 12),
        "markersize": 4.5 + 3 * beneath,
        "linewidth": 1.6 + 1.8 * beneath,
    }


def describe(axes: Axes, title: str, x: str, y: str) -> None:
    axes.set_title(title)
    axes.set_xlabel(x)
    axes.set_ylabel(y)


def legend(figure: Figure, entries: tuple[Sequence[Artist | Container], Sequence[str]], title: str) -> None:
    """A legend of (handles, names) below the panels; the figure grows, so that the panels keep their height."""
    handles, names = entries
    room = int(figure.get_figwidth() * CHARACTERS_PER_INCH)
    wrapped = [textwrap.fill(name, room - 9) for name in names]  # a line sample takes the room of nine
    title = textwrap.fill(title, room)
    longest = max((len(line) for name in wrapped for line in name.splitlines()), default=1)
    columns = min(5, max(1, room // (longest + 9)))
    rows = [wrapped[i : i + columns] for i in range(0, len(wrapped), columns)]
    lines = 2 + title.count("\n") + sum(1 + max(name.count("\n") for name in row) for row in rows)
    figure.set_figheight(figure.get_figheight() + 0.19 * lines)
    drawn = figure.legend(
        handles=handles,
        labels=wrapped,
        title=title,
        loc="outside lower center",
        ncols=columns,
        handlelength=3.5,  # long enough to show a dash pattern whole
        frameon=False,
    )
    drawn.get_title().set_multialignment("center")


def require(frame: pd.DataFrame, columns: Sequence[str], what: str, numbers: Sequence[str] = ()) -> None:
    """InputError unless the frame has all columns, at least one line, and finite numbers where said."""
    for column in columns:
        if column not in frame:
            raise InputError(f"The table of {what} lacks the column '{column}'.")
    if frame.empty:
        raise InputError(f"The table of {what} has no line, so there is no figure to draw from it.")
    for column in numbers:
        if not np.isfinite(frame[column].to_numpy(dtype=np.float64, na_value=np.nan)).all():
            raise InputError(f"The table of {what} has a value in column '{column}' that is no finite number.")


def seeds_text(counts: Iterable[int]) -> str:
    """ "1 seed", "5 seeds" or "3 to 5 seeds"."""
    low, high = min(counts := list(counts)), max(counts)
    return f"{low} to {high} seeds" if low < high else f"{high} seed{'s' * (high > 1)}"
