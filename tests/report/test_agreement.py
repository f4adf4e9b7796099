"""Rankings of a config's objectives, on made scores and histories."""

import numpy as np
import pandas as pd
import pytest
from made_configs import made_config
from made_results import made_results

from arccse.errors import InputError
from arccse.report import agreement, build, designs, supplements
from arccse.report.supplements import Material

FOUR = {
    "NT-Xent": {},
    "ArcCon": {"objective": "arccon"},
    "ArcCSE": {"objective": "arccon", "triplet_weight": 0.1},
    "DCL": {"objective": "dcl"},
}
FIVE = {"untrained": {"epochs": 0}} | FOUR | {"DCLW": {"objective": "dclw"}}
LEVELS = dict(zip(["NT-Xent", "DCL", "ArcCon", "ArcCSE", "DCLW"], range(70, 75), strict=True))


def two_encoders(tmp_path, **studies):
    minilm = made_config(tmp_path, {"x": {"variants": FOUR}}).encoders["tiny"].model
    encoders = {"tiny": {"model": minilm}, "small": {"model": minilm, "training": {"learning_rate": 1e-4}}}
    default = {"one": {"variants": FIVE, "encoders": ["tiny"]}, "two": {"variants": FOUR, "encoders": ["small"]}}
    return made_config(tmp_path, studies or default, encoders=encoders, seeds=[0, 1, 2])


def material(config, levels=None):
    """Made results whose scores and dev scores are a level for each label, a little higher with every seed and step.

    levels: encoder → label → level; None: LEVELS for each.
    """
    found = made_results(config)
    labels = {}
    for study in config.studies:
        for row in config.rows(study):
            own = (levels or {}).get(row.encoder, LEVELS)
            labels[row.variant.hash] = own.get(row.label, 60)
    scores, histories = found.scores, found.histories
    scores["value"] = scores["hash"].map(labels) + 0.1 * scores["seed"]
    trained = histories["hash"].map(labels) * histories["step"] / 20
    histories["dev_spearman"] = trained + 0.1 * histories["seed"]
    views = {study: build.study_view(config, study, found) for study in config.studies}
    return Material(config, found, views, {}, None)


def test_a_study_of_four_objectives_ranks_and_one_of_margins_does_not(tmp_path):
    margins = {"training": {"objective": "arccon"}, "sweep": {"margin": [0, 5, 10, 20]}}
    config = made_config(tmp_path, {"main": {"variants": FOUR}, "margin": margins})
    placed = [one.name for one in supplements.placed(config) if one.supplement.name == "agreement"]
    assert placed == ["main-agreement"]


def test_each_encoder_is_compared_in_the_study_that_ranks_most(tmp_path):
    few = {"variants": FOUR, "encoders": ["tiny"]}
    studies = {
        "few": few,
        "one": {"variants": FIVE, "encoders": ["tiny"]},
        "two": {"variants": FOUR, "encoders": ["small"]},
    }
    config = two_encoders(tmp_path, **studies)
    assert designs.rankings(config) == {"tiny": "one", "small": "two"}
    assert designs.compared_rankings(config) == {("tiny", "small"): list(FOUR)}
    assert "agreement" in [one.name for one in supplements.placed(config)]


def test_a_label_that_is_another_objective_elsewhere_is_not_compared(tmp_path):
    other = FOUR | {"DCL": {"objective": "dclw"}}
    config = two_encoders(
        tmp_path, one={"variants": FOUR, "encoders": ["tiny"]}, two={"variants": other, "encoders": ["small"]}
    )
    assert designs.compared_rankings(config) == {}
    assert not designs.has_ranking(config, "")


def test_two_encoders_with_one_order_and_with_its_reverse(tmp_path):
    config = two_encoders(tmp_path)
    (same,) = agreement.frame(material(config), "").to_dict("records")
    assert (same["first"], same["second"], same["rows"], same["seeds"], same["tau"]) == ("tiny", "small", 4, 3, 1)
    assert (same["same"], same["open"], same["state"]) == (6, 0, agreement.AS_IT_STANDS)
    reverse = {"small": {label: 140 - level for label, level in LEVELS.items()}}
    (opposite,) = agreement.frame(material(config, reverse), "").to_dict("records")
    assert (opposite["tau"], opposite["opposite"]) == (-1, 6)


def test_steps_are_held_against_the_end_and_against_the_test(tmp_path):
    config = made_config(tmp_path, {"main": {"variants": FIVE}}, seeds=[0, 1, 2])
    made = material(config)
    found = agreement.frame(made, "main")
    # nothing has been learnt at step 0, and the last step is not held against itself
    assert found[["kind", "step"]].to_numpy().tolist() == [
        [agreement.AT_THE_END, 10],
        [agreement.TEST, 10],
        [agreement.TEST, 20],
    ]
    assert found[["tau", "last_step", "rows"]].drop_duplicates().to_numpy().tolist() == [[1, 20, 5]]
    histories = made.results.histories
    early = histories["step"] == 10
    histories.loc[early, "dev_spearman"] *= -1
    turned = agreement.frame(made, "main").set_index(["kind", "step"])["tau"]
    assert turned.to_dict() == {(agreement.AT_THE_END, 10): -1, (agreement.TEST, 10): -1, (agreement.TEST, 20): 1}


def test_a_step_that_a_row_was_not_measured_at_is_left_out(tmp_path):
    config = made_config(tmp_path, {"main": {"variants": FOUR}}, seeds=[0, 1, 2])
    made = material(config)
    histories = made.results.histories
    own = config.rows("main")[1].variant.hash
    histories.loc[(histories["hash"] == own) & (histories["step"] == 10), "dev_spearman"] = np.nan
    assert set(agreement.frame(made, "main")["step"]) == {20}


def test_too_few_rows_are_an_error_that_says_so(tmp_path):
    config = made_config(tmp_path, {"main": {"variants": FOUR}})
    run = config.rows("main")[1].runs[0].id
    found = made_results(config, {run: 3})
    views = {"main": build.study_view(config, "main", found)}
    with pytest.raises(InputError, match="No two rankings have 4 rows with a seed in common"):
        agreement.frame(Material(config, found, views, {}, None), "main")


def test_few_steps_are_printed_and_all_are_in_the_frame(tmp_path):
    config = made_config(tmp_path, {"main": {"variants": FOUR}}, seeds=[0, 1, 2])
    made = material(config)
    longer = [made.results.histories.assign(step=made.results.histories["step"] + 20 * i) for i in range(10)]
    course = pd.concat(longer).drop_duplicates(["hash", "seed", "step"])
    course["dev_spearman"] = (
        course["hash"].map(dict(zip(course["hash"].unique(), range(4), strict=True))) * course["step"]
    )
    results = type(made.results)(made.results.scores, course, {}, made.results.runs, {})
    found = agreement.frame(Material(config, results, made.views, {}, None), "main")
    assert found["step"].nunique() == 20
    laid_out = agreement.grid(found)
    assert [len(lines) for _, lines in laid_out.groups] == [agreement.MOST_STEPS] * 2
    assert laid_out.groups[1][1][-1][0].text == "step 200 of 200"
    assert laid_out.groups[0][0] == "tiny, rows as the config has them: dev at a step against dev at the end"
    assert any("With 4 rows it changes by 0.33" in text for _, text in laid_out.notes)
