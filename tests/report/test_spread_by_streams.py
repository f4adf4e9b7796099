"""Spread over seeds by streams: closed forms, simulated coverage, and studies made of known effects."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_configs import made_config
from made_results import made_results
from made_scores import frame, score_rows
from scipy.stats import binom, f

from arccse.batches import seed_of
from arccse.config import Config
from arccse.errors import InputError
from arccse.hyperparameters import Hyperparameters
from arccse.report import build, streams, supplements
from arccse.report.designs import free_streams
from arccse.report.supplements import Material
from arccse.report.tables import Divergence, Row, StudyView

TASKS = ["STS12", "STS13"]
DRAWN = ("head", "order", "dropout")  # by SimCSE


# ------------------------------------------------------------------------------------------------- one row's spread


def test_the_interval_of_a_standard_deviation_is_that_of_the_tables_of_chi_squared() -> None:
    # n = 11, s = 1: χ² with 10 degrees of freedom has 3.247 and 20.483 as its 2.5 and 97.5 % points
    values = np.arange(11.0)
    sd, low, high = streams.sd_interval(values / values.std(ddof=1))
    assert [sd, low, high] == pytest.approx([1, (10 / 20.483) ** 0.5, (10 / 3.247) ** 0.5], abs=1e-4)


def test_few_scores_have_no_interval() -> None:
    assert streams.sd_interval(np.array([70.0, 72.0]))[0] == pytest.approx(2**0.5)
    assert np.isnan(streams.sd_interval(np.array([70.0, 72.0]))[1:]).all()
    assert np.isnan(streams.sd_interval(np.array([70.0]))).all()


# --------------------------------------------------------------------------------------- shares of the whole spread


def test_a_share_is_the_ratio_of_variances_and_the_jackknife_that_of_their_logarithm() -> None:
    part, whole = np.array([1.0, 2.0, 4.0, 0.0]), np.array([3.0, 0.0, 6.0, 1.0])
    found, low, high = streams.share(part[None], whole)
    assert found == pytest.approx(part.var(ddof=1) / whole.var(ddof=1))
    without = [
        np.log(np.delete(part, i).var(ddof=1)) - np.log(np.delete(whole, i).var(ddof=1)) for i in range(len(part))
    ]
    pseudo = [4 * np.log(found) - 3 * one for one in without]
    half = 3.18245 * np.std(pseudo, ddof=1) / 2  # Student's t with 3 degrees of freedom
    assert np.log([low, high]) == pytest.approx([np.mean(pseudo) - half, np.mean(pseudo) + half], abs=1e-4)


@given(scale=st.floats(0.01, 100), shift=st.floats(-100, 100))
def test_a_row_that_is_the_whole_but_for_scale_has_a_share_without_doubt(scale: float, shift: float) -> None:
    whole = np.array([70.0, 71.5, 70.2, 72.9, 68.0])
    assert streams.share(scale * whole[None] + shift, whole) == pytest.approx((scale**2,) * 3, rel=1e-6)


def test_no_spread_is_no_share_and_no_interval() -> None:
    whole, equal = np.array([70.0, 71.0, 73.0]), np.full(3, 70.1)
    assert streams.share(equal[None], whole)[0] == 0
    assert np.isnan(streams.share(equal[None], whole)[1:]).all()
    assert np.isnan(streams.share(whole[None], equal)).all()
    assert np.isnan(streams.share(whole[None, :2], whole[:2])).all()


def simulated(draw: Any, n: int, trials: int, together: bool) -> dict[str, float]:
    """How often intervals hold the truth: of a stream's share of .4, of all shares' sum, and of F for the former.

    together: whether the rows' runs share what their streams drew, as they do in a study.
    """
    sizes, held = np.array([0.4, 0.4, 0.2]) ** 0.5, {"share": 0, "sum": 0, "f": 0}
    reach = f.isf(0.025, n - 1, n - 1)
    for _ in range(trials):
        effects = sizes[:, None] * draw((3, n))
        whole = (effects if together else sizes[:, None] * draw((3, n))).sum(axis=0)
        found, low, high = streams.share(effects[:1], whole)
        held["share"] += low <= 0.4 <= high
        held["f"] += found / reach <= 0.4 <= found * reach
        held["sum"] += streams.share(effects, whole)[1] <= 1 <= streams.share(effects, whole)[2]
    return {name: count / trials for name, count in held.items()}


@pytest.mark.parametrize("n", [5, 12])
@pytest.mark.parametrize("together", [False, True])
def test_shares_of_normal_scores_are_held_by_their_intervals(n: int, together: bool) -> None:
    rng = np.random.default_rng(n)
    held = simulated(rng.standard_normal, n, 1000, together)
    assert 0.92 <= held["share"] <= 0.97
    assert 0.91 <= held["sum"] <= 0.97
    if together:  # the variances go together, which F does not know
        assert held["f"] > 0.97


def test_heavy_tails_cost_shares_little_and_standard_deviations_much() -> None:
    rng, n, trials = np.random.default_rng(0), 12, 1000
    heavy = lambda shape: rng.standard_t(5, shape) / (5 / 3) ** 0.5  # noqa: E731
    held = simulated(heavy, n, trials, together=True)
    assert 0.90 <= held["share"] <= 0.96
    within = sum(low <= 1 <= high for _, low, high in map(streams.sd_interval, heavy((trials, n))))
    assert binom.ppf(0.0005, trials, 0.875) <= within <= binom.ppf(0.9995, trials, 0.875)


# --------------------------------------------------------------------------------------------------------- a study


def test_fixed_streams_have_the_seed_that_is_said() -> None:
    assert seed_of("head", Hyperparameters(streams=["order"]), 7) == streams.FIXED_SEED
    assert seed_of("order", Hyperparameters(streams=["order"]), 7) == 7


def canonical(**values: Any) -> dict[str, Any]:
    return {"model": "m", "corpus": "c", "dev": "d"} | Hyperparameters(**values).canonical()


def test_a_study_of_spread_differs_in_streams_and_in_nothing_else() -> None:
    rows = [canonical(), canonical(streams=["head"]), canonical(streams=["order", "dropout"])]
    assert free_streams(rows) == [DRAWN, ("head",), ("order", "dropout")]
    assert free_streams(rows[:1]) is None
    assert free_streams([*rows, canonical(streams=["head"], temperature=0.1)]) is None
    assert free_streams([canonical(), canonical(temperature=0.1)]) is None
    masked = canonical(triplet_weight=0.1, streams=["masks"])
    assert free_streams([canonical(triplet_weight=0.1), masked]) == [
        ("head", "order", "masks", "dropout"),
        ("masks",),
    ]


Effects = dict[str, np.ndarray]


def study(values: dict[tuple[str, ...], np.ndarray], seeds: list[int]) -> tuple[pd.DataFrame, StudyView]:
    """Rows with these averages of two tasks."""
    rows, scores = [], []
    for place, (free, own) in enumerate(values.items()):
        hash_ = f"{place:08d}"
        rows.append(Row(f"row {place}", "MiniLM", hash_, seeds, canonical(streams=list(free))))
        for seed, value in zip(seeds, own, strict=True):
            scores += score_rows("v", hash_, seed, "sts", "spearman_all", {"STS12": value - 1, "STS13": value + 1})
    return frame(scores), StudyView("seeds", "What makes seeds differ", "smoke", "2026-01-02", "best", rows)


def effects_of(seeds: list[int]) -> Effects:
    rng = np.random.default_rng(1)
    found = {stream: rng.normal(0, size, len(seeds)) for stream, size in zip(DRAWN, (1, 0.5, 0.2), strict=True)}
    return {stream: own - own[seeds.index(0)] if 0 in seeds else own for stream, own in found.items()}


def made(seeds: list[int], interaction: np.ndarray | float = 0.0) -> tuple[pd.DataFrame, StudyView, Effects]:
    effects = effects_of(seeds)
    values = {DRAWN: 75 + sum(effects.values()) + interaction} | {(one,): 75 + own for one, own in effects.items()}
    return *study(values, seeds), effects


def test_effects_that_add_up_leave_nothing_over() -> None:
    seeds = [0, 1, 2, 3, 4, 5]
    scores, view, effects = made(seeds)
    found = streams.spread(scores, view, ["sts", "geometry"]).set_index("streams")
    assert list(found.index) == [streams.ALL, *DRAWN, streams.SUM, streams.LEFT_OVER]
    assert (found["n"] == [6, 6, 6, 6, 6, 5]).all()
    assert found.loc["head", "sd"] == pytest.approx(effects["head"].std(ddof=1))
    whole = sum(effects.values()).var(ddof=1)
    assert found.loc["order", "share"] == pytest.approx(effects["order"].var(ddof=1) / whole)
    assert found.loc[streams.SUM, "share"] == pytest.approx(sum(own.var(ddof=1) for own in effects.values()) / whole)
    assert found.loc[streams.LEFT_OVER, "sd"] == pytest.approx(0, abs=1e-9)
    assert np.isnan(found.loc[streams.ALL, "share"])


def test_what_is_not_additive_is_found_whatever_it_is() -> None:
    seeds = [0, 1, 2, 3, 4, 5]
    interaction = np.array([0.0, 0.5, -0.2, 1.0, -0.7, 0.1])  # none with the fixed seed
    scores, view, effects = made(seeds, interaction)
    found = streams.spread(scores, view, ["sts"]).set_index("streams").loc[streams.LEFT_OVER]
    assert found["sd"] == pytest.approx(interaction[1:].std(ddof=1))
    whole = (sum(effects.values()) + interaction)[1:].var(ddof=1)
    assert found["share"] == pytest.approx(interaction[1:].var(ddof=1) / whole)


def test_chaos_gives_every_stream_the_whole_spread() -> None:
    """Where any change of any stream makes another draw of the same, the shares add up to their number."""
    seeds = list(range(1, 201))
    rng = np.random.default_rng(3)
    values = {free: rng.normal(75, 1, len(seeds)) for free in [DRAWN, *((one,) for one in DRAWN)]}
    found = streams.spread(*study(values, seeds), ["sts"]).set_index("streams")
    assert found.loc[streams.SUM, "share_low"] < 3 < found.loc[streams.SUM, "share_high"]
    assert found.loc[streams.LEFT_OVER, "share_low"] < 4 < found.loc[streams.LEFT_OVER, "share_high"]


def test_a_study_without_each_stream_alone_has_no_sum() -> None:
    seeds = [1, 2, 3, 4]
    effects = effects_of(seeds)
    values = {DRAWN: 75 + sum(effects.values()), ("head",): 75 + effects["head"]}
    values[("order", "dropout")] = 75 + effects["order"] + effects["dropout"]
    found = streams.spread(*study(values, seeds), ["sts"])
    assert list(found["streams"]) == [streams.ALL, "head", "order + dropout"]
    assert found["share"].notna().tolist() == [False, True, True]


def test_a_row_in_which_no_drawn_stream_follows_the_seed_has_no_spread() -> None:
    seeds = [1, 2, 3, 4]
    values = {DRAWN: 75 + effects_of(seeds)["head"], ("noise", "negatives"): np.full(4, 75.0)}
    found = streams.spread(*study(values, seeds), ["sts"])
    assert found["streams"].tolist() == [streams.ALL, streams.NONE]
    assert found[["sd", "share"]].iloc[1].tolist() == [0, 0]
    assert np.isnan(found["share_low"].iloc[1])


def test_a_diverged_row_takes_no_part() -> None:
    scores, view, _ = made([1, 2, 3])
    lost = Row("lost", "MiniLM", "99999999", [1, 2, 3], canonical(streams=["head"]), {2: Divergence(3, "not finite")})
    view.rows[1] = lost
    found = streams.spread(scores, view, ["sts"])
    assert list(found["streams"]) == [streams.ALL, "order", "dropout"]
    assert streams.spread(scores, StudyView("x", "X", "c", "d", "s", [view.rows[0]]), ["sts"]).empty


def test_other_studies_have_no_spread_by_streams() -> None:
    scores, view, _ = made([1, 2, 3])
    rows = [view.rows[0], Row("cold", "MiniLM", view.rows[1].hash, [1, 2, 3], canonical(temperature=0.03))]
    assert streams.spread(scores, StudyView("x", "X", "c", "d", "s", rows), ["sts"]).empty


# ------------------------------------------------------------------------------------------------------- a config

VARIANTS = {"all of them": {}, "head": {"streams": ["head"]}, "order": {"streams": ["order"]}}
VARIANTS |= {"dropout": {"streams": ["dropout"]}, "untrained": {"epochs": 0}}


def material(config: Config) -> Material:
    found = made_results(config)
    views = {study: build.study_view(config, study, found) for study in config.studies}
    return Material(config, found, views, {}, None)


def test_a_config_s_study_of_spread_has_its_table(tmp_path: Path) -> None:
    other = {"variants": {"a": {}, "b": {"streams": ["head"], "temperature": 0.1}}}
    once = {"variants": VARIANTS, "seeds": [1]}
    config = made_config(tmp_path, {"seeds": {"variants": VARIANTS}, "other": other, "once": once}, seeds=[1, 2, 3])
    placed = [one.name for one in supplements.placed(config) if one.supplement.name == "streams"]
    assert placed == ["seeds-streams"]
    found = streams.frame(material(config), "seeds")
    assert found["label"].tolist() == ["all of them", "head", "order", "dropout", "", ""]
    (heading, lines), *others = streams.grid(found).groups
    assert (heading, others) == ("tiny, STS average", [])
    assert [line[0].text for line in lines] == [streams.ALL, *DRAWN, streams.SUM, streams.LEFT_OVER]
    assert [line[1].text for line in lines][-2:] == ["–", "–"]
    assert lines[0][6].text == "–"
    assert lines[1][6].text == f"{100 * found['share'][1]:.0f} %"


def test_a_study_of_which_one_row_is_left_says_so(tmp_path: Path) -> None:
    config = made_config(tmp_path, {"seeds": {"variants": {"all": {}, "head": {"streams": ["head"]}}}})
    lost = config.rows("seeds")[1].runs[0].id
    results = made_results(config, {lost: 2})
    views = {"seeds": build.study_view(config, "seeds", results)}
    with pytest.raises(InputError, match="There are no two rows that differ in their streams alone"):
        streams.frame(Material(config, results, views, {}, None), "seeds")
