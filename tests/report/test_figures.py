"""The alignment/uniformity figure: what is drawn, and that the files are whole, visible and repeatable."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from arccse.errors import InputError
from arccse.report.figures import COLOURS, alignment_uniformity, save

COLUMNS = ["label", "seed", "step", "alignment", "uniformity", "dev_spearman"]
CAVEAT = "Smoke run: these numbers are not findings."


@pytest.fixture
def histories() -> pd.DataFrame:
    """SimCSE with two seeds, ArcCSE with one; step 5 has no geometry, step 30 only one of SimCSE's seeds."""
    rows = [
        ("SimCSE", 1, 0, 0.30, -2.0, 70.0),
        ("SimCSE", 1, 5, np.nan, np.nan, 70.5),
        ("SimCSE", 1, 10, 0.20, -2.4, 71.0),
        ("SimCSE", 1, 30, 0.90, -9.0, 71.0),
        ("SimCSE", 2, 0, 0.30, -2.0, 70.0),
        ("SimCSE", 2, 10, 0.26, -2.8, 72.0),
        ("ArcCSE", 1, 0, 0.30, -2.0, 70.0),
        ("ArcCSE", 1, 20, 0.10, -2.5, 73.0),
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def test_lines_are_means_over_seeds_on_common_steps(histories: pd.DataFrame) -> None:
    alignment, uniformity, _ = alignment_uniformity(histories, None).axes
    expected = {
        "SimCSE (2 seeds)": ([0, 10], [0.30, 0.23], [-2.0, -2.6]),
        "ArcCSE (1 seed)": ([0, 20], [0.30, 0.10], [-2.0, -2.5]),
    }
    assert [line.get_label() for line in alignment.lines] == list(expected)
    for near, even in zip(alignment.lines, uniformity.lines, strict=True):
        steps, means, spreads = expected[near.get_label()]
        np.testing.assert_allclose(near.get_xdata(), steps)
        np.testing.assert_allclose(near.get_ydata(), means)
        np.testing.assert_allclose(even.get_ydata(), spreads)


def test_bands_reach_from_the_lowest_to_the_highest_seed(histories: pd.DataFrame) -> None:
    figure = alignment_uniformity(histories, None)
    bands = figure.axes[0].collections
    assert len(bands) == 1  # ArcCSE has one seed and so no band
    at_ten = {round(y, 6) for x, y in bands[0].get_paths()[0].vertices if x == 10}
    assert at_ten == {0.20, 0.26}
    assert "lowest to highest" in figure.legends[0].get_title().get_text()
    alone = alignment_uniformity(histories[histories["seed"] == 1], None)
    assert len(alone.axes[0].collections) == 0
    assert "no bands" in alone.legends[0].get_title().get_text()


def test_the_plane_shows_the_path_with_its_ends(histories: pd.DataFrame) -> None:
    plane = alignment_uniformity(histories, None).axes[2]
    path, start, end = plane.lines[:3]
    np.testing.assert_allclose(path.get_xydata(), [(0.30, -2.0), (0.23, -2.6)])
    np.testing.assert_allclose(start.get_xydata(), [(0.30, -2.0)])
    np.testing.assert_allclose(end.get_xydata(), [(0.23, -2.6)])
    assert start.get_markerfacecolor() == "white"
    assert end.get_markerfacecolor() == path.get_color()


def test_axes_say_that_lower_is_better(histories: pd.DataFrame) -> None:
    alignment, uniformity, plane = alignment_uniformity(histories, None).axes
    assert alignment.get_ylabel() == plane.get_xlabel() == "alignment (lower is better)"
    assert uniformity.get_ylabel() == plane.get_ylabel() == "uniformity (lower is better)"


def test_curves_differ_in_more_than_colour(histories: pd.DataFrame) -> None:
    many = pd.concat([histories[histories["label"] == "ArcCSE"].assign(label=f"v{i}") for i in range(5)])
    lines = alignment_uniformity(many, None).axes[0].lines
    assert len({line.get_linestyle() + line.get_marker() for line in lines}) == 5
    assert [line.get_color() for line in lines] == COLOURS[:5]
    assert len({(line._dash_pattern[1] and tuple(line._dash_pattern[1])) for line in lines}) == 5


def test_a_caveat_is_printed_in_the_figure(histories: pd.DataFrame) -> None:
    assert alignment_uniformity(histories, CAVEAT).get_suptitle() == CAVEAT
    assert alignment_uniformity(histories, None).get_suptitle() == ""


def test_nothing_that_is_printed_leaves_the_figure(histories: pd.DataFrame) -> None:
    histories["label"] += " with triplets at a ratio of 20 % to 40 %, a long label"
    figure = alignment_uniformity(histories, CAVEAT * 4)
    figure.canvas.draw()
    inside = figure.bbox.padded(1)
    boxes = [figure.legends[0].get_window_extent(), figure._suptitle.get_window_extent()]
    boxes += [axes.get_tightbbox() for axes in figure.axes]
    for box in boxes:
        assert inside.containsx(box.x0)
        assert inside.containsx(box.x1)
        assert inside.containsy(box.y0)
        assert inside.containsy(box.y1)


def test_a_dollar_sign_in_a_label_is_no_formula(histories: pd.DataFrame, tmp_path: Path) -> None:
    histories["label"] += r" $\frac{1$"
    assert all(path.exists() for path in save(alignment_uniformity(histories, None), tmp_path / "figure"))


def test_files_are_whole_visible_and_repeatable(histories: pd.DataFrame, tmp_path: Path) -> None:
    first = save(alignment_uniformity(histories, CAVEAT), tmp_path / "a" / "geometry_v1.5")
    again = save(alignment_uniformity(histories, CAVEAT), tmp_path / "b" / "geometry_v1.5")
    names = ["geometry_v1.5.svg", "geometry_v1.5.pdf", "geometry_v1.5.png"]
    assert [path.name for path in first] == names
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == sorted(names)
    for one, two in zip(first, again, strict=True):
        assert one.read_bytes() == two.read_bytes()
        assert b"Date" not in one.read_bytes()
    pixels = imread(first[2])[..., :3]
    assert 0.02 < (pixels < 0.9).any(axis=-1).mean() < 0.5  # ink, but not an all-dark page
    blue = np.abs(pixels - np.array([0x00, 0x72, 0xB2]) / 255).max(axis=-1) < 0.02
    assert blue.sum() > 200  # SimCSE's line has left its own colour


def test_drawing_leaves_the_global_settings_alone(histories: pd.DataFrame, tmp_path: Path) -> None:
    import matplotlib
    from matplotlib import _pylab_helpers

    before = dict(matplotlib.rcParams)
    save(alignment_uniformity(histories, None), tmp_path / "figure")
    assert dict(matplotlib.rcParams) == before
    assert _pylab_helpers.Gcf.get_all_fig_managers() == []


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda h: h.drop(columns="uniformity"), "uniformity"),
        (lambda h: h.iloc[:0], "no history"),
        (lambda h: pd.concat([h, h]), "two lines"),
        (lambda h: h.assign(alignment=np.nan), "common to all of 'SimCSE'"),
        (lambda h: h.assign(step=h["step"] + h["seed"]), "common to all of 'SimCSE'"),
    ],
)
def test_histories_that_cannot_be_drawn(histories: pd.DataFrame, spoil, message: str) -> None:
    with pytest.raises(InputError, match=message):
        alignment_uniformity(spoil(histories), None)
