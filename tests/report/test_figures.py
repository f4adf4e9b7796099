"""All figures: that nothing leaves them, and that their files are whole, visible and repeatable."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pandas as pd
import pytest
from made_points import grid, rated_pairs
from matplotlib import _pylab_helpers
from matplotlib.figure import Figure
from matplotlib.image import imread

from arccse.errors import InputError
from arccse.report.figures import differences, drawing, pairs, studies, theory, training
from arccse.report.figures.axis import Axis

CAVEAT = "Smoke run: these numbers are not findings."
LABELS = ["NT-Xent", "ArcCon"]
Draw = Callable[[pd.DataFrame, str | None], Figure]


def history(labels: list[str], seeds: int) -> pd.DataFrame:
    frame = grid(seeds, label=labels, step=[0, 10, 20])
    value = frame["value"]
    return frame.assign(alignment=value / 300, uniformity=-value / 30, dev_spearman=value, loss=value / 1000)


def forest_frame(labels: list[str], seeds: int) -> pd.DataFrame:
    spread = 0.5 if seeds > 1 else np.nan
    rows = [
        (x, s, 0.2, 0.2 - spread, 0.2 + spread, "undecided", seeds, 2, False) for s in ("sts", "mteb") for x in labels
    ]
    columns = ["label", "suite", "difference", "low", "high", "verdict", "n", "comparisons", "untrained"]
    return pd.DataFrame(rows, columns=columns)


def cosines(frame: pd.DataFrame, caveat: str | None) -> Figure:
    """Of a frame with a column for each run, `<label>/seed<k>`."""
    runs: dict[str, list[str]] = {}
    for column in frame.columns:
        if "/seed" in column:
            runs.setdefault(column.rpartition("/")[0], []).append(column)
    return pairs.cosine_by_score(frame, runs, (0, 5), caveat)


FRAMES: dict[str, tuple[Draw, Callable[[list[str], int], pd.DataFrame]]] = {
    "alignment_uniformity": (training.alignment_uniformity, history),
    "dev_scores": (training.dev_scores, history),
    "matched": (lambda f, c: training.matched_comparisons(f, next(iter(f["label"]), ""), c), history),
    "sweep": (
        lambda f, c: studies.sweep(f, Axis("margin", (0, 10, 20)), "STS", c),
        lambda labels, seeds: grid(seeds, label=labels, place=[0, 10, 20]),
    ),
    "sweep with a baseline": (
        lambda f, c: studies.sweep(f, Axis("margin", (0, 10, 20)), "STS", c, next(iter(f["label"]), "")),
        lambda labels, seeds: grid(seeds, label=labels, place=[0, 10, 20]).assign(baseline=70.0),
    ),
    "sweep of names": (
        lambda f, c: studies.sweep(f, Axis("pooling", ("a name of some length",) * 9), "STS", c),
        lambda labels, seeds: grid(seeds, label=labels, place=list(range(9))),
    ),
    "noise_decline": (
        lambda f, c: studies.noise_decline(f, "STS", c),
        lambda labels, seeds: grid(seeds, label=labels, noise=[0.0, 0.2]),
    ),
    "masked_share": (
        studies.masked_share,
        lambda labels, seeds: grid(seeds, label=labels, metric=["similarity_0", "similarity_40"]),
    ),
    "interaction": (
        lambda f, c: studies.interaction(f, None, "STS", c),
        lambda labels, seeds: grid(seeds, objective=labels, triplet=[f"triplet, {x}" for x in labels]),
    ),
    "mask_ratio_map": (
        lambda f, c: studies.mask_ratio_map(f, "STS", c),
        lambda labels, seeds: grid(seeds, near=[0.1, 0.2], far=[0.3, 0.4]).iloc[: 3 * seeds],
    ),
    "forest": (lambda f, c: differences.forest(f, "difference to SimCSE (points)", c), forest_frame),
    "cosine_by_score": (
        cosines,
        lambda labels, seeds: rated_pairs({f"{label}/seed{seed}": 0.1 for label in labels for seed in range(seeds)}),
    ),
}
THEORY: dict[str, Callable[[str | None], Figure]] = {
    "decision_boundaries": lambda c: theory.decision_boundaries(10, c),
    "positive_logit": lambda c: theory.positive_logit([0, 10], 0.05, c),
}


def texts(figure: Figure) -> str:
    """All that is written in a figure."""
    return "\n".join(text.get_text() for text in figure.findobj(match=lambda artist: hasattr(artist, "get_text")))


def assert_inside(figure: Figure) -> None:
    figure.canvas.draw()
    inside = figure.bbox.padded(1)
    boxes = [figure.legends[0].get_window_extent(), figure._suptitle.get_window_extent()]
    boxes += [axes.get_tightbbox() for axes in figure.axes]
    for box in boxes:
        assert inside.containsx(box.x0)
        assert inside.containsx(box.x1)
        assert inside.containsy(box.y0)
        assert inside.containsy(box.y1)


@pytest.mark.parametrize("name", FRAMES)
def test_nothing_that_is_printed_leaves_the_figure(name: str) -> None:
    draw, frame_of = FRAMES[name]
    long = [f"{label} with triplets at a ratio of 20 % to 40 %, a long label" for label in LABELS]
    assert_inside(draw(frame_of(long, 3), CAVEAT * 4))


@pytest.mark.parametrize("name", THEORY)
def test_nothing_that_is_printed_leaves_a_figure_of_the_objectives(name: str) -> None:
    assert_inside(THEORY[name](CAVEAT * 4))


@pytest.mark.parametrize("name", FRAMES)
def test_one_seed_is_drawn_and_said(name: str) -> None:
    draw, frame_of = FRAMES[name]
    figure = draw(frame_of(LABELS, 1), CAVEAT)
    assert figure.get_suptitle() == CAVEAT
    said = texts(figure)
    assert any(one in said for one in ("One seed", "(1 seed)", "n = 1"))
    assert "nan" not in said.lower()
    assert " 3 seeds" not in said


@pytest.mark.parametrize("name", FRAMES)
def test_the_number_of_seeds_is_said(name: str) -> None:
    draw, frame_of = FRAMES[name]
    said = texts(draw(frame_of(LABELS, 3), None))
    assert any(three in said for three in ("3 seeds", "n = 3"))


@pytest.mark.parametrize("name", FRAMES)
def test_frames_without_a_column_or_a_line(name: str) -> None:
    draw, frame_of = FRAMES[name]
    frame = frame_of(LABELS, 2)
    with pytest.raises(InputError, match=r"no line|no metric"):
        draw(frame.iloc[:0], None)
    used = {
        "sweep": "place",
        "sweep of names": "place",
        "sweep with a baseline": "baseline",
        "noise_decline": "noise",
        "masked_share": "metric",
        "interaction": "triplet",
    }
    used |= {"mask_ratio_map": "far", "forest": "verdict", "cosine_by_score": "task"}
    column = used.get(name, "step")
    with pytest.raises(InputError, match=f"lacks the column '{column}'"):
        draw(frame.drop(columns=column), None)


@pytest.mark.parametrize("name", ["sweep", "noise_decline", "masked_share", "interaction", "mask_ratio_map"])
def test_points_that_cannot_be_summarised(name: str) -> None:
    draw, frame_of = FRAMES[name]
    frame = frame_of(LABELS, 2)
    with pytest.raises(InputError, match="two lines"):
        draw(pd.concat([frame, frame]), None)
    with pytest.raises(InputError, match="finite"):
        draw(frame.assign(value=np.nan), None)


@pytest.mark.parametrize("name", [*FRAMES, *THEORY])
def test_the_same_frame_gives_the_same_bytes_light_enough_for_a_page_of_forty(name: str, tmp_path: Path) -> None:
    def draw() -> Figure:
        return THEORY[name](None) if name in THEORY else FRAMES[name][0](FRAMES[name][1](LABELS, 3), None)

    first, again = drawing.save(draw(), tmp_path / "a" / name), drawing.save(draw(), tmp_path / "b" / name)
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    svg, _, _ = first
    assert svg.stat().st_size < 110_000


# ---------------------------------------------------------------------------------------------------- their files


@pytest.fixture
def histories() -> pd.DataFrame:
    return history(["SimCSE", "ArcCSE"], 2)


def test_a_dollar_sign_in_a_label_is_no_formula(histories: pd.DataFrame, tmp_path: Path) -> None:
    histories["label"] += r" $\frac{1$"
    assert all(
        path.exists() for path in drawing.save(training.alignment_uniformity(histories, None), tmp_path / "figure")
    )


def test_files_are_whole_visible_and_undated(histories: pd.DataFrame, tmp_path: Path) -> None:
    saved = drawing.save(training.alignment_uniformity(histories, CAVEAT), tmp_path / "geometry_v1.5")
    names = ["geometry_v1.5.svg", "geometry_v1.5.pdf", "geometry_v1.5.png"]
    assert [path.name for path in saved] == names
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    assert not any(b"Date" in path.read_bytes() for path in saved)
    pixels = imread(saved[2])[..., :3]
    assert 0.02 < (pixels < 0.9).any(axis=-1).mean() < 0.5  # ink, but not an all-dark page
    blue = np.abs(pixels - np.array([0x00, 0x72, 0xB2]) / 255).max(axis=-1) < 0.02
    assert blue.sum() > 200  # SimCSE's line has left its own colour


NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def test_an_svg_is_shortened_by_nothing_that_is_seen() -> None:
    svg = b'<style>*{}</style><g id="text_1" transform="translate(1.23456 7) scale(0.015625) rotate(-12.345678)">'
    svg += b'\n  <use xlink:href="#DejaVuSans-13" x="-0.004999" y="-2.5"/>\n <metadata>\n <a b="#c"/></metadata>'
    svg += b'<use xlink:href="#DejaVuSans-13" transform="translate(63.623047 0)" style="fill: #000000"/>'
    svg += b'<path id="DejaVuSans-13" d="M 0.333333 -1.999999 \nL 12 0.5 \nz\n" style="fill: #ffffff"/>'
    svg += b"\n <!-- 0.1 -->"
    svg += b'<clipPath id="p1"/><path clip-path="url(#p1)" style="fill: #ffffff"/></g>'
    assert drawing.shorter(svg) == (
        b'<style>*{}.c0{fill: #ffffff}</style><g transform="translate(1.23 7) scale(0.015625) rotate(-12.345678)">'
        b'\n<use xlink:href="#i0" x="0" y="-2.5"/>\n'
        b'<use xlink:href="#i0" x="63.62" style="fill: #000000"/>'
        b'<path id="i0" d="M0.33 -2L12 0.5z" class="c0"/>\n'
        b'<clipPath id="i1"/><path clip-path="url(#i1)" class="c0"/></g>'
    )


def test_a_shortened_svg_looks_the_same(tmp_path: Path) -> None:
    """Every reference is to what it was before, in the same style and place."""
    plain = BytesIO()
    figure = THEORY["positive_logit"](None)
    with matplotlib.rc_context(drawing.STYLE):
        figure.savefig(plain, format="svg")
    before, after = (ElementTree.fromstring(svg) for svg in (plain.getvalue(), drawing.shorter(plain.getvalue())))

    def drawn(root: ElementTree.Element) -> list[tuple[str, str, list[float], list[float]]]:
        ids = {element.get("id"): element for element in root.iter() if element.get("id")}
        rules = dict(re.findall(r"\.(\w+){(.*?)}", "".join(root.itertext())))
        found = []
        for element in root.iter():
            if not element.tag.endswith(("use", "path")):
                continue
            shape = ids.get(element.get("{http://www.w3.org/1999/xlink}href", "")[1:], element)
            moved = re.findall(r"translate\((\S+) (\S+)\)", element.get("transform", "")) or [(0, 0)]
            place = [float(element.get(axis, 0)) + float(by) for axis, by in zip("xy", moved[0], strict=True)]
            style, own = (rules.get(one.get("class"), one.get("style", "")) for one in (shape, element))
            found.append((style, own, place, [float(number) for number in NUMBER.findall(shape.get("d", ""))]))
        return found

    assert len(drawn(before)) == len(drawn(after)) > 500
    for plain_one, short_one in zip(drawn(before), drawn(after), strict=True):
        assert plain_one[:2] == short_one[:2]
        assert plain_one[2] == pytest.approx(short_one[2], abs=0.0051)
        assert plain_one[3] == pytest.approx(short_one[3], abs=0.0051)


SAVE = """
import sys
from pathlib import Path
import numpy as np
from arccse.errors import InputError
from arccse.report.figures import drawing

disk = Path(sys.argv[1])
with drawing.new_figure(4, 3, None) as figure:
    figure.subplots().scatter(*np.random.default_rng(0).normal(size=(2, 5)))
for free in range(0, 64, 8):
    (disk / "ballast").write_bytes(bytes((64 - free) * 1024))
    try:
        drawing.save(figure, disk / "figure")
        print("written")
    except InputError as error:
        print(error)
    for path in disk.iterdir():
        path.unlink()
"""


def test_a_full_disk_is_said_in_one_sentence_at_whatever_byte_it_fills(
    tmp_path: Path, private_mounts: list[str]
) -> None:
    """matplotlib's writer of PDF, whose file closes after the error, answers with an AttributeError of its own."""
    (tmp_path / "disk").mkdir()
    mount = f"mount -t tmpfs -o size=64k tmpfs {tmp_path}/disk"
    command = [*private_mounts, "sh", "-c", f"{mount} && exec {sys.executable} -c '{SAVE}' {tmp_path}/disk"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = [line.removeprefix(f"{tmp_path}/disk/figure") for line in done.stdout.splitlines()]
    full = " can't be written: the disk is full; what was there before is kept."
    assert set(said) == {"written", *(f".{ending}{full}" for ending in drawing.UNDATED)}


def test_drawing_leaves_the_global_settings_alone(histories: pd.DataFrame, tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    drawing.save(training.alignment_uniformity(histories, None), tmp_path / "figure")
    assert dict(matplotlib.rcParams) == before
    assert _pylab_helpers.Gcf.get_all_fig_managers() == []


def test_any_label_is_drawn(tmp_path: Path, recwarn) -> None:
    labels = ["比較", "\u0627\u0644\u0639", "🙂", "a\nb", "-->", "<&>", " ", "_x", "\u200b"]
    figure = training.alignment_uniformity(history(labels, 1), "".join(labels))
    svg, _, _ = drawing.save(figure, tmp_path / "figure")
    ElementTree.parse(svg)
    assert [str(w.message) for w in recwarn if "Glyph" in str(w.message)] == []


def test_a_drawing_that_could_not_be_made_says_why(tmp_path: Path) -> None:
    figure = drawing.not_drawn("This figure could not be drawn", "KeyError: 'margin' " * 40)
    assert "This figure could not be drawn" in texts(figure)
    assert "KeyError: 'margin'" in texts(figure)
    assert len(drawing.save(figure, tmp_path / "figure")) == 3


def test_which_figures_there_are_is_known_without_what_draws_them() -> None:
    code = "import json, sys; from arccse.report import layout; print(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"pandas", "matplotlib", "torch"} & set(json.loads(done.stdout))
