"""What figures and charts are drawn of: the right runs' numbers under the right names."""

import pytest
from made_configs import made_config
from made_results import made_results
from made_tuned import made_tuned

from arccse.report import build
from arccse.report.comparisons import compare_study
from arccse.report.figures import data
from arccse.report.figures.kinds import KINDS, subjects

STUDIES = {
    "main": {"variants": {"untrained": {"epochs": 0}, "SimCSE": {}, "ArcCSE": {"objective": "arccon"}}},
    "temperature": {
        "seeds": [1],
        "training": {"objective": "arccon"},
        "sweep": {"temperature": [0.05, 0.1], "margin": [5, 15]},
    },
    "order": {"suites": ["order"], "variants": {"SimCSE": {}}},
}


@pytest.fixture
def config(tmp_path):
    return made_config(tmp_path, STUDIES)


def subject(config, study):
    (found,) = subjects(config, study)
    return found


def average(results, row, seed):
    """Of the seven tasks, without code of the report's."""
    own = results.scores.query("hash == @row.variant.hash and seed == @seed and suite == 'sts'")
    assert len(own) == 7
    return own["value"].mean()


def test_points_are_averages_over_tasks_a_run_each(config):
    results, main = made_results(config), subject(config, "main")
    found = data.points(main.rows, "sts", results)
    untrained, simcse, arccse = main.rows
    expected = [(untrained, 0), (simcse, 0), (simcse, 1), (arccse, 0), (arccse, 1)]
    assert list(zip(found["label"], found["seed"], strict=True)) == [(row.label, seed) for row, seed in expected]
    assert list(found["value"]) == pytest.approx([average(results, row, seed) for row, seed in expected])


def test_a_sweeps_points_have_their_place_and_their_curve(config):
    results, temperature = made_results(config), subject(config, "temperature")
    found = data.swept(temperature, temperature.axis, results)
    assert temperature.axis.key == "margin"
    assert found[["label", "place"]].to_numpy().tolist() == [
        ["temperature 0.05", 5.0],
        ["temperature 0.05", 15.0],
        ["temperature 0.1", 5.0],
        ["temperature 0.1", 15.0],
    ]
    assert list(found["value"]) == pytest.approx([average(results, row, 1) for row in temperature.rows])


def test_histories_are_those_of_the_trained_rows(config):
    results, main = made_results(config), subject(config, "main")
    found = data.histories(main, results)
    assert found.groupby(["label", "seed"], sort=False).size().to_dict() == {
        (label, seed): 3 for label in ("SimCSE", "ArcCSE") for seed in (0, 1)
    }
    one = found.query("label == 'ArcCSE' and seed == 1")["alignment"]
    ours = results.histories.query("hash == @main.rows[2].variant.hash and seed == 1")["alignment"]
    assert list(one) == list(ours)


def test_courses_are_matched_with_the_first_trained_rows(config):
    results, main = made_results(config), subject(config, "main")
    (kind,) = (one for one in KINDS if one.name == "matched")
    courses, baseline = kind.data(main, results, None)
    assert baseline == "SimCSE"  # which is not the study's first row
    assert set(courses["label"]) == {"SimCSE", "ArcCSE"}


def test_order_scores_are_of_suite_order_alone(config):
    results = made_results(config)
    found = data.order_scores(subject(config, "order"), results)
    assert set(found["suite"]) == {"order"}
    assert set(found["label"]) == {"SimCSE"}
    assert "similarity_80" in set(found["metric"])


def test_a_diverged_run_takes_its_row_out_of_everything_drawn(config):
    main = subject(config, "main")
    run = main.rows[1].runs[1]
    results = made_results(config, {run.id: 3})
    assert [row.label for row in data.finished(main.rows, results)] == ["untrained", "ArcCSE"]
    assert set(data.points(main.rows, "sts", results)["label"]) == {"untrained", "ArcCSE"}
    assert set(data.histories(main, results)["label"]) == {"ArcCSE"}
    assert set(data.runs_of(main, results)) == {"untrained", "ArcCSE"}
    row = data.table_row(main.rows[1], results)
    assert (row.divergence, row.diverged[1].message) == ("seed 1 at step 3", "The loss is not finite.")


def test_points_have_the_first_trained_row_s_value_at_the_same_seed(config):
    results, main = made_results(config), subject(config, "main")
    found = data.with_baseline(data.points(main.trained, "sts", results), main, results)
    _, simcse, _ = main.rows
    first = [average(results, simcse, seed) for seed in (0, 1)]
    assert list(found["baseline"]) == pytest.approx(first * 2)


def test_order_s_scores_have_the_first_trained_row_s_at_the_same_seed(tmp_path):
    variants = {"untrained": {"epochs": 0}, "SimCSE": {}, "ArcCSE": {"objective": "arccon"}}
    config = made_config(tmp_path, {"order": {"suites": ["order"], "variants": variants}})
    found = data.order_scores(subject(config, "order"), made_results(config))
    own = found[found["label"] == "SimCSE"]
    assert len(own) > 2
    assert list(own["baseline"]) == list(own["value"])
    other = found[found["label"] == "ArcCSE"]
    keys = ["seed", "metric"]
    assert list(other.sort_values(keys)["baseline"]) == list(own.sort_values(keys)["value"])
    assert found.loc[found["label"] == "untrained", "baseline"].isna().all()


def test_the_interaction_is_the_table_s(tmp_path):
    design = {
        name: {"objective": objective, "triplet_weight": weight}
        for name, objective, weight in [
            ("NT-Xent", "nt_xent", 0),
            ("ArcCon", "arccon", 0),
            ("NT-Xent + triplet", "nt_xent", 0.1),
            ("both", "arccon", 0.1),
        ]
    }
    config = made_config(tmp_path, {"design": {"variants": design}, "main": STUDIES["main"]}, seeds=[0, 1, 2])
    results = made_results(config)

    def interaction(study):
        view = build.study_view(config, study, results)
        return data.interaction(subject(config, study), compare_study(results.scores, view, ["sts"]))

    rows = subject(config, "design").rows
    own = [[average(results, row, seed) for seed in (0, 1, 2)] for row in rows]
    expected = [a - b - c + d for a, b, c, d in zip(*own, strict=True)]
    found = interaction("design")
    assert found["difference"] == pytest.approx(sum(expected) / 3)
    assert (found["n"], found["comparisons"]) == (3, 5)
    assert interaction("main") is None


def test_forms_are_the_courses_of_each_row_as_configured_and_as_tuned(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config, results = made_tuned(tmp_path)
    found = data.forms(subject(config, "tuned"), results)
    assert [*dict.fromkeys(zip(found["label"], found["form"], strict=True))] == [
        (label, form) for label in ("NT-Xent", "ArcCon") for form in ("as configured", "tuned")
    ]
    rows = {row.label: row for row in config.rows("tuned")}
    for (label, form), own in found.groupby(["label", "form"]):
        row = rows[label if form == "as configured" else f"{label}, tuned"]
        kept = results.histories[
            (results.histories["hash"] == row.variant.hash) & results.histories["seed"].isin([0, 1, 2])
        ]
        assert own["dev_spearman"].tolist() == kept["dev_spearman"].tolist()
    labels = data.histories(subject(config, "tuned"), results)["label"]
    assert [*dict.fromkeys(labels)] == ["NT-Xent, tuned", "ArcCon, tuned"]


def test_what_tuning_changes_stands_under_the_labels_of_the_config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config, results = made_tuned(tmp_path)
    compared = compare_study(results.scores, build.study_view(config, "tuned", results), ["sts"])
    found = data.tuning(subject(config, "tuned"), compared)
    assert [*zip(found["kind"], found["row"], strict=True)] == [
        ("pair", "ArcCon"), ("tuned", "ArcCon"), ("tuning", "NT-Xent"), ("tuning", "ArcCon")
    ]  # fmt: skip


def test_budgets_are_an_encoder_s_trials_and_its_rows_as_configured(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config, results = made_tuned(tmp_path)
    found, configured = data.budgets(subject(config, "tuned"), results)
    assert found["row"].tolist() == ["NT-Xent"] * 4 + ["ArcCon"] * 4
    assert list(configured) == ["NT-Xent", "ArcCon"]
