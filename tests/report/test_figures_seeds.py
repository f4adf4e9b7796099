"""The figures of what seeds change: that they show the spreads, shares and agreements that they were given."""

import numpy as np
import pandas as pd
import pytest
from made_configs import made_config

from arccse.errors import InputError
from arccse.report import agreement, layout, streams
from arccse.report.figures import seeds


def spreads() -> pd.DataFrame:
    lines = [
        (streams.ALL, 12, 0.8, 0.6, 1.3, np.nan, np.nan, np.nan),
        ("head", 12, 0.4, 0.3, 0.7, 0.25, 0.1, 0.6),
        ("order + dropout", 2, 0.6, np.nan, np.nan, 0.5, np.nan, np.nan),
        (streams.SUM, 12, np.nan, np.nan, np.nan, 0.75, 0.5, 1.1),
        (streams.LEFT_OVER, 11, 0.2, 0.1, 0.4, 0.06, 0.02, 0.2),
    ]
    return pd.DataFrame(
        lines, columns=["streams", "n", "sd", "sd_low", "sd_high", "share", "share_low", "share_high"]
    )


def test_each_row_has_its_standard_deviation_interval_and_share():
    figure = seeds.spread(spreads(), "STS average", None)
    axes = figure.axes[0]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["all", "head", "order + dropout", "not additive"]
    bars, marks = axes.lines[::2], axes.lines[1::2]
    assert [mark.get_xdata()[0] for mark in marks] == [0.8, 0.4, 0.6, 0.2]
    assert [list(bar.get_xdata()) for bar in bars[:2]] == [[0.6, 1.3], [0.3, 0.7]]
    assert np.isnan(bars[2].get_xdata()).all()
    assert [text.get_text() for text in axes.texts] == ["", "25 % (10 to 60 %)", "50 %", "6 % (2 to 20 %)"]
    assert axes.get_xlabel() == "standard deviation over seeds of the STS average"
    assert figure.legends[0].get_title().get_text().startswith("2 to 12 seeds.")


def test_no_spread_is_no_figure():
    with pytest.raises(InputError, match="No row has two seeds or more"):
        seeds.spread(spreads().iloc[[3]], "STS average", None)
    with pytest.raises(InputError, match="lacks the column 'sd_high'"):
        seeds.spread(spreads().drop(columns="sd_high"), "STS average", None)


def test_a_course_of_rankings_has_a_curve_and_a_band_for_dev_and_for_the_average():
    lines = [
        (agreement.AT_THE_END, 50, 100, 6, 5, 0.6, 0.2, 0.8),
        (agreement.TEST, 50, 100, 6, 5, 0.2, -0.2, 0.6),
        (agreement.TEST, 100, 100, 6, 5, 0.4, 0.0, 0.8),
        (agreement.AT_THE_END, 25, 100, 6, 5, -0.2, -0.6, 0.2),
    ]
    columns = ["kind", "step", "last_step", "rows", "seeds", "tau", "low", "high"]
    figure = seeds.rank_agreement(pd.DataFrame(lines, columns=columns), "STS average", "Made up.")
    axes = figure.axes[0]
    dev, test = axes.lines[:2]
    np.testing.assert_allclose(dev.get_xydata(), [[25, -0.2], [50, 0.6]])
    np.testing.assert_allclose(test.get_xydata(), [[50, 0.2], [100, 0.4]])
    assert [line.get_label() for line in (dev, test)] == ["against dev at the end", "against the STS average"]
    low, high = (
        axes.collections[0].get_paths()[0].vertices[:, 1].min(),
        axes.collections[1].get_datalim(axes.transData).y1,
    )
    assert (low, high) == (-0.6, 0.8)
    assert figure.legends[0].get_title().get_text().startswith("6 rows, 5 seeds.")


def test_they_are_drawn_where_the_config_promises_their_data(tmp_path):
    named = ("nt_xent", "dcl", "symmetric", "joint", "focal", "arccon")
    studies = {
        "objectives": {"variants": {name: {"objective": name} for name in named}},
        "few": {"variants": {name: {"objective": name} for name in named[:5]}},
        "seeds": {"variants": {"all": {}, "head": {"streams": ["head"]}}},
    }
    names = [spec.name for spec in layout.figures(made_config(tmp_path, studies))]
    drawn = [name for name in names if name.startswith(("spread-", "rank_agreement-"))]
    assert drawn == ["rank_agreement-objectives-tiny", "spread-seeds-tiny"]
