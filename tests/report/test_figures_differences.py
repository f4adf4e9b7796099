"""The forest plot: every difference, its interval and verdict, whatever lies beyond the axis."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from arccse.errors import InputError
from arccse.report.figures import differences

FOREST = ["label", "suite", "difference", "low", "high", "verdict", "n", "comparisons", "untrained"]
DIFFERENCES = [
    ("ArcCSE", "sts", 0.24, -0.3, 0.8, "undecided", 5, 2, False),
    ("untrained", "sts", -3.0, np.nan, np.nan, "not compared", 1, 2, True),
    ("ArcCSE", "transfer", -0.5, -0.7, -0.3, "lower", 6, 2, False),
    ("close", "transfer", 0.01, -0.02, 0.04, "equivalent", 6, 2, False),
]


def forest(rows: list[tuple], equivalence: float | None = None) -> Figure:
    return differences.forest(pd.DataFrame(rows, columns=FOREST), "difference", None, equivalence)


def in_legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def note(figure: Figure) -> str:
    return figure.legends[0].get_title().get_text().replace("\n", " ")


def test_the_forest_has_every_difference_with_its_verdict() -> None:
    figure = forest(DIFFERENCES)
    (axes,) = figure.axes
    names = ["sts", "ArcCSE", "untrained", "transfer", "ArcCSE", "close"]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == names
    bold = [True, False, False, True, False, False]
    assert [tick.get_fontweight() == "bold" for tick in axes.get_yticklabels()] == bold
    marks = [line for line in axes.lines if line.get_marker() == "o"]
    bars = [line for line in axes.lines[1:] if line.get_marker() == "None"]
    assert [tuple(mark.get_xydata()[0]) for mark in marks] == [(0.24, 1), (-0.5, 4), (0.01, 5)]
    np.testing.assert_allclose([bar.get_xdata() for bar in bars], [row[3:5] for row in DIFFERENCES])
    assert [mark.get_markerfacecolor() for mark in marks] == ["white", "black", "0.7"]
    assert [text.get_text() for text in axes.texts] == [
        "+0.24 (−0.30 to 0.80), n = 5, undecided",
        "−3.00, n = 1, not compared",
        "−0.50 (−0.70 to −0.30), n = 6, lower",
        "+0.01 (−0.02 to 0.04), n = 6, equivalent",
    ]
    assert in_legend(figure) == ["higher or lower", "equivalent", "undecided", "untrained, beyond the axis"]
    assert "adjusted for 2 comparisons that are looked at together" in note(figure)
    assert "adjusted" not in note(forest([(*row[:-2], 1, False) for row in DIFFERENCES]))
    with pytest.raises(InputError, match="two lines"):
        forest(DIFFERENCES + DIFFERENCES[:1])


@pytest.mark.parametrize("far", [-3.0, 3.0])
def test_an_untrained_row_far_off_is_an_arrow_at_the_forest_s_edge(far: float) -> None:
    rows = [(*row[:2], far, *row[3:]) if row[-1] else row for row in DIFFERENCES]
    wide = [(*row[:2], 0.5, 0.4, 1.2, *row[5:]) if row[-1] else row for row in DIFFERENCES]
    (axes,) = forest(rows).axes
    low, high = axes.get_xlim()
    assert -0.9 < low < -0.7
    assert 0.8 < high < 1.0
    (arrow,) = [line for line in axes.lines if line.get_marker() in ("<", ">")]
    assert arrow.get_marker() == ("<" if far < 0 else ">")
    np.testing.assert_allclose(arrow.get_xydata()[0], (low if far < 0 else high, 2), atol=0.02)
    (half,) = [mark for mark in forest(wide).axes[0].lines if mark.get_marker() == ">"]
    np.testing.assert_allclose(half.get_xydata()[0], (high, 2), atol=0.02)
    # one that fits is drawn like any other, and so is one that stands alone
    near = forest([(*row[:2], 0.5, 0.4, 0.6, *row[5:]) if row[-1] else row for row in DIFFERENCES])
    alone = forest([row for row in rows if row[-1]])
    for figure in (near, alone):
        assert not [line for line in figure.axes[0].lines if line.get_marker() in ("<", ">")]
        assert "untrained, beyond the axis" not in in_legend(figure)


def test_the_forest_s_band_is_the_margin_where_it_fits() -> None:
    figure = forest(DIFFERENCES, equivalence=0.1)
    (band,) = figure.axes[0].patches
    assert (band.get_x(), band.get_x() + band.get_width()) == (-0.1, 0.1)
    assert "within ± 0.1" in in_legend(figure)
    one_sided = forest([("ArcCSE", "sts", 0.5, 0.3, 0.7, "higher", 5, 1, False)], equivalence=0.1)
    assert one_sided.axes[0].get_xlim()[0] < -0.1
    for other in (forest(DIFFERENCES), forest(DIFFERENCES, equivalence=5.0)):
        assert list(other.axes[0].patches) == []


@given(
    st.floats(1e-6, 1e3),
    st.floats(-1, 1),
    st.text("abcdefgh ", min_size=1, max_size=60),
)
@settings(max_examples=15, deadline=None)
def test_a_forest_s_tick_labels_do_not_touch(size: float, place: float, label: str) -> None:
    rows = [(label, "sts", size * place, size * (place - 0.7), size * (place + 0.7), "undecided", 3, 1, False)]
    figure = forest(rows)
    figure.canvas.draw()
    low, high = figure.axes[0].get_xlim()
    ticks = zip(figure.axes[0].get_xticks(), figure.axes[0].get_xticklabels(), strict=True)
    boxes = [tick.get_window_extent() for place, tick in ticks if low <= place <= high]
    assert all(a.x1 < b.x0 for a, b in pairwise(boxes))


def test_a_forest_of_very_many_rows_has_the_largest_differences() -> None:
    rows = [(f"row {i}", "sts", (-1) ** i * i / 10, -1.0, 1.0, "undecided", 5, 250, False) for i in range(250)]
    figure = forest(rows)
    named = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert named == ["sts", *(f"row {i}" for i in range(150, 250))]
    assert "Not shown: the 150 smallest differences." in note(figure)


def test_of_many_differences_one_far_off_leaves_the_others_room() -> None:
    rows = [(f"row {i}", "sts", i / 10, i / 10 - 0.1, i / 10 + 0.1, "higher", 5, 9, False) for i in range(9)]
    far = ("collapsed", "sts", -40.0, -41.0, -39.0, "lower", 5, 9, False)
    figure = forest([*rows, far])
    low, high = figure.axes[0].get_xlim()
    assert -1 < low < high < 2
    assert "beyond the axis" in in_legend(figure)
    assert "−40.00 (−41.00 to −39.00), n = 5, lower" in [text.get_text() for text in figure.axes[0].texts]
    assert forest([*rows[:3], far]).axes[0].get_xlim()[0] < -41  # of a few, it has the room
