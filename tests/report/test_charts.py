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
    assert sts.metric == "Differences: STS average, less SimCSE"
    assert sts.categories == ["ArcCSE", LABELS[3]]
    assert sts.y_label == "Difference to SimCSE"
    assert sts.zero
    (series,) = sts.series
    assert (series.y, series.low, series.high) == ([0.24, 0.61], [-0.31, 0.2], [0.79, 1.02])
    assert (series.n, series.notes) == ([5, 8], ["undecided", "higher"])
    assert transfer.series[0].low == [-0.8, None]
    encoders = comparisons().assign(encoder=["x", "y", "x", "y"])
    assert [chart.metric for chart in charts.forest(encoders)][:2] == [
        "Differences: STS average, less SimCSE, x",
        "Differences: STS average, less SimCSE, y",
    ]
    order = {"suite": "order", "task": ["ordered_all", "ordered_20_40"] * 2, "kind": ["effect"] * 2 + ["pair"] * 2}
    assert [chart.metric for chart in charts.forest(comparisons().assign(**order))][::3] == [
        "Differences: share × 100 of all neighbouring levels of masking in order, effects of objective and triplet",
        "Differences: share × 100 of sentences nearer with 20 % masked than with 40 %, less SimCSE",
    ]


def test_what_is_set_aside_does_not_squeeze_the_others() -> None:
    far = comparisons().iloc[:2].assign(difference=[-9.0, 0.5], low=[-9.5, 0.25], high=[-8.5, 1.0])
    (chart,) = charts.forest(far, {"ArcCSE"})
    assert chart.span == pytest.approx([-1 / 6, 7 / 6])
    assert charts.forest(far)[0].span == []
    near = far.assign(difference=0.5, low=0.25, high=1.0)
    assert charts.forest(near, {"ArcCSE"})[0].span == []
    assert charts.forest(far, set(far["label"]))[0].span == []


def test_every_seed_of_what_is_not_set_aside_is_on_the_axis() -> None:
    frame = points(["a", "b"], [8], 5)
    frame.loc[frame["label"] == "b", "value"] -= 50
    chart = charts.scores(frame, "STS average", "Spearman", {"b"})
    own = frame.loc[frame["label"] == "a", "value"]
    assert chart.span[0] < own.min()
    assert chart.span[1] > own.max()
    assert chart.span[0] > own.min() - 5


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
