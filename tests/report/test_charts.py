"""The page's charts: their numbers are those of the frames."""

import numpy as np
import pandas as pd
import pytest
from made_page import LABELS, MARGINS, POOLINGS, comparisons, points

from arccse.errors import InputError
from arccse.report import charts
from arccse.statistics import summarise


def test_a_curve_has_the_mean_interval_and_seeds_of_every_point() -> None:
    frame = points(["a", "b"], [0, 10], 4)
    frame = frame[(frame["label"] == "a") | (frame["place"] == 10)]
    chart = charts.curves(frame, MARGINS, "STS average", "Spearman")
    assert chart.x == [0, 10]
    assert (chart.x_label, chart.categories) == ("angular margin m (degrees)", [])
    assert [series.label for series in chart.series] == ["a", "b"]
    own = frame[(frame["label"] == "a") & (frame["place"] == 10)]
    expected = summarise(own["value"].to_numpy())
    a, b = chart.series
    assert (a.y[1], a.low[1], a.high[1]) == pytest.approx((expected.mean, expected.low, expected.high), rel=1e-5)
    assert a.seeds[1] == [[s, v] for s, v in zip(own["seed"], own["value"], strict=True)]
    assert a.n == [4, 4]
    assert (b.y[0], b.low[0], b.n[0], b.seeds[0]) == (None, None, 0, [])


def test_one_seed_has_a_value_and_no_interval() -> None:
    chart = charts.scores(points(["a", "b"], [8], 1), "STS average", "Spearman")
    assert chart.categories == ["a", "b"]
    (series,) = chart.series
    assert None not in series.y
    assert series.low == series.high == [None, None]


def test_a_history_has_mean_lowest_and_highest_at_steps_that_all_seeds_share() -> None:
    frame = pd.DataFrame(
        {
            "label": ["a"] * 4 + ["b"] * 2,
            "seed": [0, 0, 1, 1, 0, 0],
            "step": [0, 10, 0, 10, 0, 5],
            "alignment": [1.0, 3.0, 2.0, np.nan, 5.0, 6.0],
            "uniformity": np.nan,
        }
    )
    (chart,) = charts.histories(frame, {"alignment": "Alignment", "uniformity": "Uniformity"})
    assert (chart.metric, chart.x) == ("Alignment", [0, 5])
    a, b = chart.series
    assert (a.y, a.low, a.high, a.n) == ([1.5, None], [1.0, None], [2.0, None], [2, 2])
    assert (b.y, b.low, b.high, b.n) == ([5.0, 6.0], [5.0, 6.0], [5.0, 6.0], [1, 1])


def test_a_forest_for_each_suite_and_each_of_several_encoders() -> None:
    sts, transfer = charts.forest(comparisons())
    assert sts.metric == "Differences, sts"
    assert sts.categories == ["ArcCSE", LABELS[3]]
    assert sts.y_label == "Difference to SimCSE"
    assert sts.zero
    (series,) = sts.series
    assert (series.y, series.low, series.high) == ([0.24, 0.61], [-0.31, 0.2], [0.79, 1.02])
    assert (series.n, series.notes) == ([5, 8], ["undecided", "higher"])
    assert transfer.series[0].low == [-0.8, None]
    encoders = comparisons().assign(encoder=["x", "y", "x", "y"])
    assert [chart.metric for chart in charts.forest(encoders)][:2] == ["Differences, sts, x", "Differences, sts, y"]
    tasks = comparisons().assign(task=["Avg", "STSB", "Avg", "MR"], kind="pair")
    assert [chart.metric for chart in charts.forest(tasks)] == [
        *["Differences, sts, Avg", "Differences, sts, STSB"],
        *["Differences, transfer, Avg", "Differences, transfer, MR"],
    ]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda p: p.drop(columns="value"), "lacks the column 'value'"),
        (lambda p: p.iloc[:0], "empty"),
        (lambda p: pd.concat([p, p]), "two lines"),
    ],
)
def test_points_that_cannot_be_drawn(spoil, message: str) -> None:
    with pytest.raises(InputError, match=message):
        charts.curves(spoil(points(["a"], [0, 10], 2)), MARGINS, "STS average", "Spearman")
    with pytest.raises(InputError, match=message):
        charts.scores(spoil(points(["a"], [0], 2)), "STS average", "Spearman")


def test_what_is_no_scale_has_its_names_and_every_one_of_its_places() -> None:
    chart = charts.curves(points(["a"], [0, 2], 2), POOLINGS, "STS average", "Spearman")
    assert chart.categories == ["cls", "mean", "first-last-avg"]
    assert chart.x == [0, 1, 2]
    assert chart.series[0].n == [2, 0, 2]
