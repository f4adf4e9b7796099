"""Comparisons: which rows are compared, the arithmetic by hand, what is tested, and what is only described."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr, ttest_1samp, ttest_rel

from arccse import examples
from arccse.errors import InputError
from arccse.hyperparameters import Hyperparameters
from arccse.report import contrasts, tables
from arccse.report.comparisons import COLUMNS, compare_courses, compare_study
from arccse.report.contrasts import grid
from arccse.report.draws import Draws
from arccse.report.tables import Divergence, Row, StudyView
from arccse.statistics import detectable

NT_XENT = {"objective": "nt_xent", "margin": 0.0, "triplet_weight": 0.0, "pooling": "cls"}
ARCCON = NT_XENT | {"objective": "arccon", "margin": 10.0}
TRIPLET = {"triplet_weight": 0.1, "triplet_margin": 0.0, "triplet_dropout": False, "mask_ratios": [0.2, 0.4]}
UNTRAINED = Row("untrained", "MiniLM", "00000000", [0], {"epochs": 0, "pooling": "cls"})
SIMCSE = Row("SimCSE", "MiniLM", "aaaaaaaa", [1, 2, 3], NT_XENT)
ARCCSE = Row("ArcCSE", "MiniLM", "bbbbbbbb", [1, 2, 3], ARCCON | TRIPLET)


def study(*rows: Row, name: str = "main") -> StudyView:
    return StudyView(name, "A study", "laptop", "2026-01-02", "best dev Spearman", list(rows))


def sts(hash_: str, seed: int, suite: str = "sts", **tasks: float) -> list[tuple]:
    return [("v", hash_, seed, suite, task, "spearman_all", value, 100) for task, value in tasks.items()]


def frame(rows: list[tuple]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=tables.SCORE_COLUMNS)


def one_task(values: dict[str, list[float]], first_seed: int = 1) -> pd.DataFrame:
    """Scores of task LEE: hash → a value a seed."""
    return frame(
        [
            line
            for hash_, own in values.items()
            for seed, value in enumerate(own, 0 if hash_ == "00000000" else first_seed)
            for line in sts(hash_, seed, LEE=value)
        ]
    )


def line(table: pd.DataFrame, label: str, task: str = "Avg", **where: str) -> pd.Series:
    chosen = (table["label"] == label) & (table["task"] == task)
    for column, value in where.items():
        chosen &= table[column] == value
    (found,) = table[chosen].to_dict("records")
    return pd.Series(found)


# --- pairs


@pytest.fixture
def scores() -> pd.DataFrame:
    """Two tasks. On their average SimCSE has 65, 66, 67 and ArcCSE 66, 66, 70; the untrained encoder has 60."""
    rows = sts("00000000", 0, LEE=70, STS12=50)
    for seed, (a, b) in enumerate([(65, 66), (66, 66), (67, 70)], 1):
        rows += sts("aaaaaaaa", seed, LEE=a + 5, STS12=a - 5) + sts("bbbbbbbb", seed, LEE=b + 8, STS12=b - 8)
    return frame(rows)


def test_a_pair_by_hand(scores: pd.DataFrame) -> None:
    table = compare_study(scores, study(UNTRAINED, SIMCSE, ARCCSE), ["sts"])
    assert list(table.columns) == COLUMNS
    found = line(table, "ArcCSE")
    assert (found["study"], found["encoder"], found["suite"], found["kind"]) == ("main", "MiniLM", "sts", "pair")
    assert found["baseline"] == "SimCSE"  # the first trained row
    assert found["difference"] == pytest.approx(4 / 3)  # of 1, 0 and 3
    assert found["sd"] == pytest.approx((7 / 3) ** 0.5)
    interval = ttest_rel([66, 66, 70], [65, 66, 67]).confidence_interval(0.975)  # beside the untrained row's
    assert (found["low"], found["high"]) == pytest.approx((interval.low, interval.high))
    assert (found["n"], found["seeds"], found["dropped"]) == (3, "1 2 3", "")
    assert found["p"] == pytest.approx(2 * ttest_rel([66, 66, 70], [65, 66, 67]).pvalue)
    assert found["comparisons"] == 2
    assert np.isnan(found["sign_flip"])  # three seeds can't reach 0.05
    assert found["improvement"] == pytest.approx((1.5 + 1.5 + 3) / 9)  # 66 beats 65 and ties 66
    assert (found["verdict"], found["text"]) == ("undecided", "undecided")
    assert np.isnan(found["two_level_low"])
    # The tasks rise by 3 and fall by 3 against that.
    assert line(table, "ArcCSE", "LEE")["difference"] == pytest.approx(4 / 3 + 3)
    assert line(table, "ArcCSE", "STS12")["difference"] == pytest.approx(4 / 3 - 3)


def test_an_untrained_row_is_one_number_that_the_seeds_are_held_against(scores: pd.DataFrame) -> None:
    table = compare_study(scores, study(UNTRAINED, SIMCSE, ARCCSE), ["sts"])
    found = line(table, "untrained")
    assert found["difference"] == pytest.approx(-6)
    assert (found["sd"], found["n"], found["seeds"], found["dropped"]) == (1.0, 3, "1 2 3", "")
    interval = ttest_1samp([60 - 65, 60 - 66, 60 - 67], 0).confidence_interval(0.975)
    assert (found["low"], found["high"]) == pytest.approx((interval.low, interval.high))
    assert found["verdict"] == "lower"
    assert np.isnan(found["improvement"])  # a number is no run that could win or lose


def test_looks_widen_every_interval_and_equivalence_needs_a_margin(scores: pd.DataFrame) -> None:
    view = study(SIMCSE, ARCCSE)
    once, twice = (line(compare_study(scores, replace(view, looks=n), ["sts"]), "ArcCSE") for n in (1, 2))
    assert (once["comparisons"], twice["comparisons"]) == (1, 2)
    assert twice["low"] < once["low"]
    assert twice["p"] == pytest.approx(2 * once["p"])
    assert line(compare_study(scores, replace(view, equivalence=6.0), ["sts"]), "ArcCSE")["verdict"] == "equivalent"


def test_only_untrained_rows() -> None:
    mean = replace(UNTRAINED, label="mean", hash="11111111")
    table = compare_study(one_task({"00000000": [60.0]}).pipe(_and_copy, "11111111"), study(UNTRAINED, mean), ["sts"])
    found = line(table, "mean")
    assert (found["baseline"], found["difference"], found["n"], found["verdict"]) == ("untrained", 0, 1, "undecided")


def _and_copy(scores: pd.DataFrame, hash_: str) -> pd.DataFrame:
    return pd.concat([scores, scores.assign(hash=hash_)])


def test_common_seeds_only_and_the_others_are_said() -> None:
    scores = one_task({"aaaaaaaa": [60.0, 61.0, 62.0, 90.0], "bbbbbbbb": [10.0, 62.0, 63.0, 64.0]})
    rows = replace(SIMCSE, seeds=[1, 2, 3]), replace(ARCCSE, seeds=[2, 3, 4])
    found = line(compare_study(scores, study(*rows), ["sts"]), "ArcCSE")
    assert (found["n"], found["seeds"], found["dropped"]) == (2, "2 3", "1 4")
    assert found["difference"] == 1.0


def test_no_common_seed_is_undecided() -> None:
    scores = one_task({"aaaaaaaa": [60.0, 61.0], "bbbbbbbb": [62.0, 63.0]})
    rows = replace(SIMCSE, seeds=[1]), replace(ARCCSE, seeds=[2]), replace(ARCCSE, label="both", seeds=[1, 2])
    table = compare_study(scores, study(*rows), ["sts"])
    found = line(table, "ArcCSE")
    assert (found["n"], found["dropped"]) == (0, "1 2")
    assert (found["verdict"], found["text"]) == ("undecided", "undecided: no seed in common")
    assert np.isnan(found["difference"])
    assert line(table, "both")["n"] == 1


def test_one_seed_has_a_difference_and_no_interval() -> None:
    scores = one_task({"aaaaaaaa": [60.0], "bbbbbbbb": [62.0]})
    rows = replace(SIMCSE, seeds=[1]), replace(ARCCSE, seeds=[1])
    found = line(compare_study(scores, study(*rows), ["sts"]), "ArcCSE")
    assert (found["difference"], found["n"]) == (2.0, 1)
    assert np.isnan(found[["sd", "low", "high", "p", "detectable"]].astype(float)).all()
    assert found["text"] == "undecided: 1 seed, and an interval takes 3"


def test_a_family_is_the_rows_of_an_encoder_with_enough_seeds() -> None:
    base = [60.0, 60.5, 60.2, 60.1]
    scores = one_task({"aaaaaaaa": base} | {hash_: list(np.add(base, 1)) for hash_ in ("bbbbbbbb", "cccccccc")})
    seeds = [1, 2, 3, 4]
    a, b = (replace(ARCCSE, label=hash_[0], hash=hash_, seeds=seeds) for hash_ in ("aaaaaaaa", "bbbbbbbb"))
    c = replace(a, label="c", hash="cccccccc", seeds=[1, 2])  # two seeds have no interval to adjust
    elsewhere = [replace(row, encoder="BERT") for row in (a, b, replace(c, seeds=seeds))]
    both = compare_study(scores, study(a, b, c, *elsewhere), ["sts"])
    assert line(both, "b", encoder="MiniLM")["comparisons"] == 1
    assert line(both, "b", encoder="BERT")["comparisons"] == line(both, "c", encoder="BERT")["comparisons"] == 2
    assert len(both) == 2 * 2 * 2  # LEE and Avg


def test_what_is_detectable_is_so_at_the_familys_level() -> None:
    base = [60.0, 60.5, 60.2, 60.1]
    scores = one_task({"aaaaaaaa": list(base), "bbbbbbbb": list(np.add(base, [0.4, -0.2, 0.3, 0.1]))})
    rows = replace(SIMCSE, seeds=[1, 2, 3, 4]), replace(ARCCSE, seeds=[1, 2, 3, 4])
    found = line(compare_study(scores, replace(study(*rows), looks=2), ["sts"]), "ArcCSE")
    assert found["detectable"] == detectable(found["sd"], 4, alpha=0.025)


def test_what_cannot_be_compared_says_so_where_its_line_would_be(scores: pd.DataFrame) -> None:
    lacking = scores[~((scores["hash"] == "bbbbbbbb") & (scores["task"] == "LEE"))]
    table = compare_study(lacking, study(SIMCSE, ARCCSE), ["sts"])
    assert list(table["task"]) == ["STS12", "LEE", "Avg"]
    assert list(table["text"]) == ["undecided", *["undecided: ArcCSE has no LEE"] * 2]
    assert list(table["n"]) == [3, 0, 0]


def test_missing_scores_and_single_rows(scores: pd.DataFrame) -> None:
    with pytest.raises(InputError, match=r"'ArcCSE' \(bbbbbbbb\).* seed 9"):
        compare_study(scores, study(SIMCSE, replace(ARCCSE, seeds=[1, 9])), ["sts"])
    alone = compare_study(scores, study(SIMCSE), ["sts"])
    assert len(alone) == 0
    assert list(alone.columns) == COLUMNS


# --- designs


FOUR = {"aaaaaaaa": [60.0, 61.0], "bbbbbbbb": [62.0, 62.0], "cccccccc": [61.0, 63.0], "dddddddd": [64.0, 68.0]}


def two_by_two() -> list[Row]:
    settings = [NT_XENT, ARCCON, NT_XENT | TRIPLET, ARCCON | TRIPLET]
    labels = ["NT-Xent", "ArcCon", "NT-Xent + triplet", "ArcCon + triplet"]
    return [Row(*row) for row in zip(labels, ["MiniLM"] * 4, FOUR, [[1, 2]] * 4, settings, strict=True)]


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [0, 2, 3, 1]])
def test_main_effects_and_interaction_by_hand(order: list[int]) -> None:
    rows = [two_by_two()[place] for place in order]
    table = compare_study(one_task(FOUR), study(*rows), ["sts"])
    effects = table[(table["kind"] == "effect") & (table["task"] == "Avg")].set_index("label")
    assert len(effects) == 5
    # Seed 1: 60, 62, 61, 64; seed 2: 61, 62, 63, 68.
    assert effects.loc["ArcCon (main effect)", "difference"] == pytest.approx((2.5 + 3) / 2)
    assert effects.loc["the triplet objective (main effect)", "difference"] == pytest.approx((1.5 + 4) / 2)
    assert effects.loc["ArcCon × triplet objective", "difference"] == pytest.approx((1 + 4) / 2)
    assert effects.loc["ArcCon × triplet objective", "sd"] == pytest.approx(3 / 2**0.5)
    assert effects.loc["ArcCon given the triplet objective", "difference"] == pytest.approx((3 + 5) / 2)
    assert effects.loc["the triplet objective given ArcCon", "difference"] == pytest.approx((2 + 6) / 2)
    assert effects["improvement"].notna().tolist() == [False, False, False, True, True]
    assert len(table[(table["kind"] == "pair") & (table["task"] == "Avg")]) == 3


@pytest.mark.parametrize(
    "spoil",
    [
        lambda rows: rows[:3],
        lambda rows: [*rows, replace(rows[0], label="another", settings=NT_XENT | {"temperature": 0.1})],
        lambda rows: [*rows[:3], replace(rows[3], settings=rows[3].settings | {"margin": 20.0})],
        lambda rows: [*rows[:3], replace(rows[3], settings=rows[3].settings | {"learning_rate": 1.0})],
        lambda rows: [replace(row, settings={}) for row in rows],
    ],
)
def test_other_studies_are_no_two_by_two_design(spoil) -> None:
    table = compare_study(one_task(FOUR), study(*spoil(two_by_two())), ["sts"])
    assert set(table["kind"]) == {"pair"}


def test_an_untrained_row_does_not_spoil_a_design() -> None:
    table = compare_study(one_task(FOUR | {"00000000": [50.0]}), study(UNTRAINED, *two_by_two()), ["sts"])
    assert (table["kind"] == "effect").sum() == 2 * 5


def test_the_decline_with_noise_is_a_difference_of_differences() -> None:
    values = {
        "aaaaaaaa": [70.0, 71.0],  # NT-Xent
        "bbbbbbbb": [66.0, 67.0],  # with 40 % noise: −4, −4
        "cccccccc": [69.0, 69.0],  # with 20 %: −1, −2
        "dddddddd": [72.0, 72.0],  # ArcCon
        "eeeeeeee": [71.0, 70.0],  # 40 %: −1, −2
        "ffffffff": [72.0, 71.0],  # 20 %: 0, −1
    }
    noise = [{}, {"noise": 0.4}, {"noise": 0.2}] * 2
    rows = [
        Row(f"{own['objective']} {share.get('noise', 0)}", "MiniLM", hash_, [1, 2], own | share)
        for hash_, own, share in zip(values, [NT_XENT] * 3 + [ARCCON] * 3, noise, strict=True)
    ]
    table = compare_study(one_task(values), study(*rows, name="noise"), ["sts"])
    declines = table[(table["kind"] == "decline") & (table["task"] == "Avg")]
    assert list(declines["label"]) == ["arccon 0.2", "arccon 0.4"]
    assert list(declines["baseline"]) == ["nt_xent 0.2", "nt_xent 0.4"]
    assert list(declines["difference"]) == pytest.approx([1.0, 2.5])
    assert list(declines["n"]) == [2, 2]


def test_what_a_margin_adds_at_each_temperature() -> None:
    values = {
        "aaaaaaaa": [70.0, 71.0],  # 0.05, without margin
        "bbbbbbbb": [73.0, 75.0],  # 10°: +3, +4
        "cccccccc": [72.0, 71.0],  # 0.1
        "dddddddd": [72.0, 72.0],  # 0, +1
    }
    settings = [own | {"temperature": heat} for heat in (0.05, 0.1) for own in (NT_XENT, ARCCON)]
    rows = [
        Row(f"{own['objective']} at {own['temperature']}", "MiniLM", hash_, [1, 2], own)
        for hash_, own in zip(values, settings, strict=True)
    ]
    table = compare_study(one_task(values), study(*rows, name="temperature"), ["sts"])
    margins = table[(table["kind"] == "margin") & (table["task"] == "Avg")]
    assert list(margins["label"]) == ["arccon at 0.05", "arccon at 0.1"]
    assert list(margins["baseline"]) == ["nt_xent at 0.05", "nt_xent at 0.1"]
    assert list(margins["difference"]) == pytest.approx([3.5, 0.5])
    assert set(compare_study(one_task(values), study(*rows[:3]), ["sts"])["kind"]) == {"pair"}


def test_a_grid_has_its_rows_in_the_order_of_the_levels() -> None:
    rows = two_by_two()
    assert grid([rows[place] for place in (2, 3, 0, 1)], ("objective", "margin"), contrasts.TRIPLET) == [
        [2, 0],
        [3, 1],
    ]
    assert grid(rows, ("objective", "margin"), ("noise",)) is None


# --- poolings


def test_poolings_compare_the_same_runs() -> None:
    rows = []
    for seed, value in enumerate([70.0, 71.0], 1):
        rows += sts("aaaaaaaa", seed, "sts-mean", LEE=value + 1) + sts("aaaaaaaa", seed, "sts-cls", LEE=value)
    rows += sts("00000000", 0, "sts-mean", LEE=65) + sts("00000000", 0, "sts-cls", LEE=60)
    view = study(UNTRAINED, replace(SIMCSE, seeds=[1, 2]), name="pooling")
    table = compare_study(frame(rows), view, ["sts-mean", "sts-cls"])
    found = line(table, "SimCSE, mean", kind="pooling")
    assert (found["baseline"], found["suite"], found["difference"], found["n"]) == ("SimCSE, cls", "sts-mean", 1, 2)
    untrained = line(table, "untrained, mean", kind="pooling")
    assert (untrained["difference"], untrained["n"], untrained["verdict"]) == (5, 1, "undecided")
    assert set(compare_study(frame(rows), view, ["sts-cls"])["kind"]) == {"pair"}


def test_what_a_pooling_changes_in_a_row_less_what_it_changes_in_the_first() -> None:
    rows = []
    for hash_, cls, mean in (("aaaaaaaa", [70, 71], [71, 73]), ("bbbbbbbb", [72, 72], [72, 74])):
        for seed in (1, 2):
            rows += sts(hash_, seed, "sts-cls", LEE=cls[seed - 1]) + sts(hash_, seed, "sts-mean", LEE=mean[seed - 1])
    view = study(replace(SIMCSE, seeds=[1, 2]), replace(ARCCSE, seeds=[1, 2]), name="pooling")
    table = compare_study(frame(rows), view, ["sts-mean", "sts-cls"])
    found = line(table, "ArcCSE, mean", kind="pooling_objective")
    assert (found["baseline"], found["n"]) == ("SimCSE, mean", 2)
    assert found["difference"] == pytest.approx(((0 - 1) + (2 - 2)) / 2)


def test_the_order_suite_compares_its_measures() -> None:
    rows = [
        ("v", hash_, seed, "order", "ORDER", metric, 50.0 + gain, 500)
        for hash_, gain in (("aaaaaaaa", 0), ("bbbbbbbb", 3))
        for seed in (1, 2, 3)
        for metric in ("ordered_all", "similarity_20")
    ]
    table = compare_study(frame(rows), study(SIMCSE, ARCCSE), ["order"])
    assert list(table["task"]) == ["ordered_all", "similarity_20"]
    assert list(table["difference"]) == [3.0, 3.0]


def test_a_lower_alignment_is_a_likely_improvement() -> None:
    rows = [
        ("v", hash_, seed, "geometry", "STSB-dev", "alignment", value, 300)
        for hash_, values in (("aaaaaaaa", (20.0, 21.0, 22.0)), ("bbbbbbbb", (18.0, 19.0, 20.5)))
        for seed, value in enumerate(values, 1)
    ]
    found = line(compare_study(frame(rows), study(SIMCSE, ARCCSE), ["geometry"]), "ArcCSE", "alignment")
    assert found["difference"] == pytest.approx(-11 / 6)
    assert found["improvement"] == pytest.approx(8 / 9)  # of 9 pairs of a run of each, one is the other way round


def test_a_diverged_row_is_compared_with_nothing(scores: pd.DataFrame) -> None:
    gone = replace(SIMCSE, label="gone", hash="cccccccc", diverged={2: Divergence(3, "The loss is not finite.")})
    with_it = compare_study(scores, study(UNTRAINED, gone, SIMCSE, ARCCSE), ["sts"])
    pd.testing.assert_frame_equal(with_it, compare_study(scores, study(UNTRAINED, SIMCSE, ARCCSE), ["sts"]))
    assert compare_study(scores, study(gone), ["sts"]).empty


# --- two levels


@pytest.fixture
def pairs() -> pd.DataFrame:
    """Cosines of two tasks, one of two subsets: SimCSE and ArcCSE have three seeds, the untrained encoder one."""
    rng = np.random.default_rng(0)
    places = pd.DataFrame(
        {
            "task": ["LEE"] * 40 + ["STS12"] * 60,
            "subset": ["LEE"] * 40 + ["b"] * 30 + ["a"] * 30,
            "index": [*range(40), *range(30), *range(30)],
            "score": rng.uniform(0, 5, 100).round(1),
        }
    )
    for hash_, seeds, noise in (("00000000", [0], 3), ("aaaaaaaa", [1, 2, 3], 2), ("bbbbbbbb", [1, 2, 3], 1)):
        for seed in seeds:
            places[f"{hash_}/seed{seed}"] = places["score"] + noise * rng.normal(size=100)
    return places


def scores_of(pairs: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for run in pairs.columns[4:]:
        hash_, _, seed = run.partition("/seed")
        for task, own in pairs.groupby("task"):
            rows += sts(hash_, int(seed), **{str(task): 100 * spearmanr(own["score"], own[run]).statistic})
    return frame(rows)


def test_two_levels_by_hand_whatever_the_order_of_the_pairs(pairs: pd.DataFrame) -> None:
    view = study(UNTRAINED, SIMCSE, ARCCSE)
    table = compare_study(scores_of(pairs), view, ["sts"], Draws({"sts": pairs}))
    assert table.loc[table["task"] != "Avg", "two_level_low"].isna().all()
    shuffled = Draws({"sts": pairs.sample(frac=1, random_state=1)})
    pd.testing.assert_frame_equal(table, compare_study(scores_of(pairs), view, ["sts"], shuffled))
    ordered = pairs.sort_values(["task", "subset", "index"])
    tasks = [ordered[ordered["task"] == task] for task in ("LEE", "STS12")]
    ratings = [own["score"].to_numpy() for own in tasks]
    means = {
        hash_: examples.spearman_draws([own.filter(like=hash_).to_numpy().T for own in tasks], ratings).mean(axis=1)
        for hash_ in ("00000000", "aaaaaaaa", "bbbbbbbb")
    }
    for label, hash_ in (("untrained", "00000000"), ("ArcCSE", "bbbbbbbb")):
        found = line(table, label)
        error = np.std(means[hash_] - means["aaaaaaaa"], ddof=1)
        expected = examples.both(found["low"], found["high"], error, comparisons=2)
        assert (found["two_level_low"], found["two_level_high"]) == pytest.approx(expected)
        assert found["two_level_low"] < found["low"] < found["high"] < found["two_level_high"]


def test_a_collapsed_encoder_has_an_interval_over_seeds_alone(pairs: pd.DataFrame) -> None:
    scores, collapsed = scores_of(pairs), pairs.assign(**{"bbbbbbbb/seed2": 0.5})
    found = line(compare_study(scores, study(SIMCSE, ARCCSE), ["sts"], Draws({"sts": collapsed})), "ArcCSE")
    assert np.isnan([found["two_level_low"], found["two_level_high"]]).all()
    assert np.isfinite([found["low"], found["high"]]).all()


def test_a_run_without_pairs_leaves_an_interval_over_seeds_alone(pairs: pd.DataFrame) -> None:
    draws = Draws({"sts": pairs.drop(columns="bbbbbbbb/seed2")})
    table = compare_study(scores_of(pairs), study(UNTRAINED, SIMCSE, ARCCSE), ["sts"], draws)
    assert np.isnan(line(table, "ArcCSE")["two_level_low"])
    assert np.isfinite(line(table, "untrained")["two_level_low"])


def test_pairs_without_a_column_are_refused(pairs: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="what suite sts keeps lacks the column 'score'"):
        compare_study(scores_of(pairs), study(SIMCSE, ARCCSE), ["sts"], Draws({"sts": pairs.drop(columns="score")}))


# --- courses of training


def courses(hash_: str, seed: int, faster: float) -> pd.DataFrame:
    """A run that has a dev score of 70 after 20 steps divided by `faster`, on a line, and falls in uniformity."""
    steps = np.array([0, 10, 20])
    measured = {
        "dev_spearman": 60 + faster * steps / 2,
        "alignment": 0.1 + steps / 100,
        "uniformity": -1 - steps / 10,
    }
    return pd.DataFrame({"hash": hash_, "seed": seed, "step": steps, **measured})


def test_courses_are_compared_with_the_baseline_s_seed_by_seed() -> None:
    speeds = {"aaaaaaaa": [1.0, 1.0, 1.0], "bbbbbbbb": [2.0, 1.25, 1.0], "cccccccc": [0.5, 1.0, 1.0]}
    histories = pd.concat(
        [courses(hash_, seed, faster) for hash_, own in speeds.items() for seed, faster in enumerate(own, 1)]
    )
    slow = replace(ARCCSE, label="slow", hash="cccccccc")
    table = compare_courses(histories, study(UNTRAINED, SIMCSE, ARCCSE, slow))
    assert list(table.columns) == COLUMNS
    assert list(zip(table["task"], table["label"], strict=True)) == [
        (task, label) for task in ("alignment", "steps") for label in ("ArcCSE", "slow")
    ]
    assert set(table["kind"]) == {"matched"}
    found = line(table, "ArcCSE", "steps")
    differences = np.array([10.0, 16.0, 20.0]) - 20
    interval = ttest_1samp(differences, 0).confidence_interval()
    assert (found["difference"], found["n"], found["comparisons"]) == (pytest.approx(differences.mean()), 3, 1)
    assert (found["low"], found["high"]) == pytest.approx((interval.low, interval.high))
    assert line(table, "slow", "steps")["text"] == "undecided: with seed 1 it never reaches the other's score"
    assert line(table, "slow", "alignment")["comparisons"] == 2
    assert compare_courses(histories, study(UNTRAINED, SIMCSE)).empty


# --- tuned rows


TUNED = [
    Row("NT-Xent", "MiniLM", "aaaaaaaa", [1, 2, 3], NT_XENT),
    Row("ArcCon", "MiniLM", "bbbbbbbb", [1, 2, 3], ARCCON),
    Row("NT-Xent, tuned", "MiniLM", "cccccccc", [1, 2, 3], NT_XENT | {"learning_rate": 1e-4}, untuned="NT-Xent"),
    Row("ArcCon, tuned", "MiniLM", "dddddddd", [1, 2, 3], ARCCON | {"learning_rate": 2e-4}, untuned="ArcCon"),
]
TUNED_SCORES = {
    "00000000": [50.0],
    "aaaaaaaa": [60.0, 61.0, 62.0],
    "bbbbbbbb": [61.0, 61.0, 64.0],
    "cccccccc": [63.0, 64.0, 66.0],
    "dddddddd": [64.0, 66.0, 67.0],
}


def test_tuned_rows_are_held_against_the_tuned_baseline_and_each_against_itself() -> None:
    table = compare_study(one_task(TUNED_SCORES), study(UNTRAINED, *TUNED), ["sts"])
    own = table[table["task"] == "Avg"]
    assert [*zip(own["kind"], own["baseline"], own["label"], own["comparisons"], strict=True)] == [
        ("pair", "NT-Xent", "untrained", 2),
        ("pair", "NT-Xent", "ArcCon", 2),
        ("tuned", "NT-Xent, tuned", "ArcCon, tuned", 1),
        ("tuning", "NT-Xent", "NT-Xent, tuned", 2),
        ("tuning", "ArcCon", "ArcCon, tuned", 2),
    ]
    assert line(table, "ArcCon, tuned", kind="tuned")["difference"] == pytest.approx(4 / 3)  # of 1, 2 and 1
    assert line(table, "ArcCon, tuned", kind="tuning")["difference"] == pytest.approx(11 / 3)  # of 3, 5 and 3
    alone = compare_study(one_task(TUNED_SCORES), study(UNTRAINED, *TUNED[:2]), ["sts"])
    pd.testing.assert_frame_equal(table[table["kind"] == "pair"].reset_index(drop=True), alone)


def test_a_tuned_row_that_is_another_one_once_more_differs_by_nothing() -> None:
    """The choice may be the default, and ArcCon tuned to no margin is NT-Xent: the same runs under two labels."""
    same = [*TUNED[:2], replace(TUNED[2], hash="aaaaaaaa"), replace(TUNED[3], hash="aaaaaaaa")]
    view = study(*same)
    for equivalence, verdict in ((None, "undecided"), (0.1, "equivalent")):
        table = compare_study(one_task(TUNED_SCORES), replace(view, equivalence=equivalence), ["sts"])
        for kind, label in (("tuned", "ArcCon, tuned"), ("tuning", "NT-Xent, tuned")):
            found = line(table, label, kind=kind)
            assert (found["difference"], found["low"], found["high"], found["p"]) == (0, 0, 0, 1)
            assert found["verdict"] == verdict
    assert not tables.study_table(one_task(TUNED_SCORES), view, "sts")["decided_best"].any()


def test_a_tuned_row_whose_default_diverged_is_compared_with_the_other_tuned_ones_alone() -> None:
    gone = replace(TUNED[1], diverged={1: Divergence(3, "The loss is not finite.")})
    table = compare_study(one_task(TUNED_SCORES), study(TUNED[0], gone, *TUNED[2:]), ["sts"])
    own = table[table["task"] == "Avg"]
    assert [*zip(own["kind"], own["label"], strict=True)] == [
        ("tuned", "ArcCon, tuned"),
        ("tuning", "NT-Xent, tuned"),
    ]


def test_courses_of_tuned_rows_are_held_against_the_tuned_baseline() -> None:
    lines = [
        {"hash": row.hash, "seed": seed, "step": step, "dev_spearman": 70.0 + place + step / 10, "alignment": 0.1,
         "uniformity": -1 - step / 10}
        for place, row in enumerate(TUNED)
        for seed in row.seeds
        for step in (0, 10, 20)
    ]  # fmt: skip
    table = compare_courses(pd.DataFrame(lines), study(*TUNED))
    assert [*zip(table["baseline"], table["label"], strict=True)] == 2 * [
        ("NT-Xent", "ArcCon"),
        ("NT-Xent, tuned", "ArcCon, tuned"),
    ]


@pytest.mark.parametrize("factor", [("triplet_weight", 0.1), ("noise", 0.2)])
def test_an_objective_with_settings_of_its_own_or_without_temperature_makes_a_factorial_design(factor) -> None:
    key, value = factor
    plain = Hyperparameters(objective="nt_xent").canonical()
    others = [
        Hyperparameters(objective="focal", focal_margin=0.3).canonical(),
        Hyperparameters(objective="barlow_twins").canonical(),
    ]
    for other in others:
        assert set(other) != set(plain)
        settings = [plain, plain | {key: value}, other, other | {key: value}]
        rows = [Row(label, "MiniLM", 8 * label, [1, 2, 3], own) for label, own in zip("abcd", settings, strict=True)]
        table = compare_study(
            one_task({8 * c: [60.0 + i, 61, 63] for i, c in enumerate("abcd")}), study(*rows), ["sts"]
        )
        assert ("effect" if key == "triplet_weight" else "decline") in {*table["kind"]}


def test_a_temperature_that_is_swept_is_no_part_of_the_objective() -> None:
    settings = [NT_XENT | {"temperature": t, "triplet_weight": w} for t in (0.05, 0.1) for w in (0.0, 0.1)]
    rows = [Row(label, "MiniLM", 8 * label, [1], own) for label, own in zip("abcd", settings, strict=True)]
    table = compare_study(one_task({8 * c: [60.0 + i] for i, c in enumerate("abcd")}), study(*rows), ["sts"])
    assert {*table["kind"]} == {"pair"}
