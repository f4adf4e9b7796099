"""Gathering: what runs left and what was gathered before become one; what stops it, and that nothing is lost then."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from made_runs import LABELLED, MASKED, RATED, leave, leave_all, made_config, record_of

from arccse import code, examples, paths, records, results
from arccse.errors import InputError
from arccse.files import sha256
from arccse.gathering import gather
from arccse.report import layout
from arccse.standings import standings

STUDIES = {
    "main": {"title": "Main", "variants": {"SimCSE": {}, "ArcCSE": {"objective": "arccon"}}},
    "order": {"title": "Order", "suites": ["order"], "variants": {"SimCSE": {}}},
}
MORE = {
    "title": "More",
    "variants": {"ArcCSE": {"objective": "arccon"}, "wide": {"objective": "arccon", "margin": 20}},
}


@pytest.fixture
def config(tmp_path, monkeypatch):
    """A config of two variants with two seeds, of which every run is there: `sts` of both, `order` of one."""
    monkeypatch.chdir(tmp_path)
    config = made_config(tmp_path, STUDIES)
    leave_all(config)
    return config


def gathered_files(config):
    return layout.gathered(config)


def keyed(scores):
    return scores.set_index(["hash", "seed", "suite"])["value"].to_dict()


def test_looks_at_more_and_more_seeds_are_counted(config, tmp_path):
    gather(config)
    gather(config)  # the same seeds are the same look
    assert {study: [look["seeds"] for look in own] for study, own in results.load(config).looks.items()} == {
        "main": [[3, 4]],
        "order": [[3, 4]],
    }
    more = made_config(tmp_path, STUDIES | {"order": STUDIES["order"] | {"seeds": [3, 4, 5]}})
    leave_all(more)
    gather(more)
    looks = results.load(more).looks
    assert [look["seeds"] for look in looks["order"]] == [[3, 4], [3, 4, 5]]
    assert len(looks["main"]) == 1
    claim = {"claim": "It helps", "source": "x", "study": "order", "best": "SimCSE"}
    late = made_config(tmp_path, STUDIES | {"order": STUDIES["order"] | {"seeds": [3, 4, 5]}}, claims={"late": claim})
    gather(late)
    assert [look["claims"] for look in results.load(late).looks["order"]] == [[], []]  # it was written after both
    paths.looks(more).unlink()
    with pytest.raises(InputError, match=r"looks\.json can't be used: it is missing"):
        gather(more)  # else every study would be looked at for the first time


def only_gathered(config):
    """What a clone has: the gathered files, no run's folder."""
    gather(config)
    shutil.rmtree(paths.results(config) / "runs")


def test_what_is_gathered_is_what_the_runs_left(config):
    gather(config)
    found, (simcse, arccse) = results.load(config), config.rows("main")
    assert list(found.runs) == list(config.runs()) == [run.id for row in (simcse, arccse) for run in row.runs]
    assert keyed(found.scores) == {
        (simcse.variant.hash, 3, "sts"): 50.0,
        (simcse.variant.hash, 3, "order"): 50.0,
        (simcse.variant.hash, 4, "sts"): 51.0,
        (simcse.variant.hash, 4, "order"): 51.0,
        (arccse.variant.hash, 3, "sts"): 52.0,
        (arccse.variant.hash, 4, "sts"): 53.0,
    }
    history = found.histories[(found.histories["hash"] == arccse.variant.hash) & (found.histories["seed"] == 4)]
    assert history["step"].tolist() == [0, 10]
    assert found.pairs[RATED.columns].equals(RATED)
    assert found.pairs[f"{arccse.variant.hash}/seed3"].to_numpy() == pytest.approx([0.2, 0.3, 0.4])
    assert found.pairs.shape == (3, 4 + 2)  # of the first run of each row


def test_gathering_what_was_gathered_changes_no_byte(config):
    only_gathered(config)
    before = [sha256(path) for path in gathered_files(config)]
    gather(config)
    assert [sha256(path) for path in gathered_files(config)] == before


def test_a_variant_more_is_joined_with_the_gathered_runs(config, tmp_path):
    only_gathered(config)
    before = results.load(config)
    grown = made_config(tmp_path, STUDIES | {"more": MORE})
    found = standings(grown)
    new = [run for run, standing in found.items() if standing.to_train]
    assert [run.rpartition("-")[0] for run in new] == ["arccon20", "arccon20"]
    assert {standing.to_score for run, standing in found.items() if run not in new} == {()}
    for run in new:
        leave(grown, grown.runs()[run], 7)
    gather(grown)
    after = results.load(grown)
    assert list(after.runs) == [*before.runs, *new]
    assert after.scores.iloc[: len(before.scores)].equals(before.scores)
    assert after.scores["value"].iloc[len(before.scores) :].tolist() == [57.0, 57.0]
    assert after.pairs[before.pairs.columns].equals(before.pairs)
    assert after.histories.iloc[: len(before.histories)].equals(before.histories)


def test_a_seed_more_leaves_the_others_as_they_are(config, tmp_path):
    only_gathered(config)
    grown = made_config(tmp_path, STUDIES, seeds=[3, 4, 5])
    to_train = [standing.run.seed for standing in standings(grown).values() if standing.to_train]
    assert to_train == [5, 5]


def test_a_suite_more_scores_what_has_a_model(config, tmp_path):
    gather(config)
    grown = made_config(tmp_path, STUDIES | {"order": STUDIES["order"] | {"suites": ["order", "geometry"]}})
    for run, standing in standings(grown).items():
        assert not standing.to_train
        assert standing.to_score == (("geometry",) if run.startswith("simcse") else ())


def test_a_suite_more_trains_again_what_has_no_model_and_scores_all_of_it(config, tmp_path):
    only_gathered(config)
    grown = made_config(tmp_path, STUDIES | {"order": STUDIES["order"] | {"suites": ["order", "geometry"]}})
    for run, standing in standings(grown).items():
        assert standing.to_train == run.startswith("simcse")
        assert standing.to_score == (("geometry", "order", "sts") if standing.to_train else ())


def test_what_the_config_no_longer_names_stays_gathered(config, tmp_path):
    only_gathered(config)
    before = results.load(config)
    smaller = made_config(tmp_path, {"order": STUDIES["order"]})
    gather(smaller)
    assert list(results.load(smaller).runs) == list(config.runs())[:2]
    again = results.load(config)
    assert keyed(again.scores) == keyed(before.scores)
    assert again.pairs.equals(before.pairs)
    assert again.runs == before.runs


def test_a_training_with_other_weights_takes_the_place_of_the_gathered_one(config):
    only_gathered(config)
    run = next(iter(config.runs().values()))
    leave(config, run, 7, weights="f")
    gather(config)
    found = results.load(config)
    assert found.runs[run.id]["weights"] == "f" * 64
    assert keyed(found.scores)[run.variant.hash, run.seed, "order"] == 57.0
    assert found.pairs[f"{run.variant.hash}/seed3"].to_numpy() == pytest.approx([0.7, 0.8, 0.9])


def test_scores_of_another_training_are_never_mixed_in(config):
    only_gathered(config)
    run = next(iter(config.runs().values()))
    leave(config, run, 7, weights="f")
    shutil.rmtree(paths.evaluation(config, run.id, ["order"]))
    assert standings(config)[run.id].missing == ("order",)
    with pytest.raises(InputError, match=rf"{run.id} has not been scored on suite order"):
        gather(config)


def test_a_missing_run_is_named_and_nothing_is_written(config):
    run = list(config.runs())[-1]
    shutil.rmtree(paths.run_folder(config, run))
    with pytest.raises(InputError, match=rf"{run} has not been trained"):
        gather(config)
    assert not paths.scores(config).exists()


def test_runs_must_have_been_scored_on_the_same_pairs(config):
    *_, last = config.runs()
    pairs = RATED.assign(cosine=0.0, score=[0.1, 0.3, 0.4])
    pairs.to_parquet(paths.evaluation(config, last, ["sts"]) / "pairs.parquet")
    with pytest.raises(InputError, match="scored on different sentence pairs"):
        gather(config)


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("run.json", lambda said: said["data"]["corpus"].update(sha256="e" * 64), "corpus"),
        ("run.json", lambda said: said["data"]["dev"].update(sha256={"lee.cor": "e" * 64}), "dev set"),
        (
            "scores/sts/evaluation.json",
            lambda said: said["suites"]["sts"].update(data="e" * 64),
            "scores on suite sts",
        ),
    ],
)
def test_runs_must_have_been_made_from_the_same_data(config, name, change, said):
    first, *_, last = config.runs()
    path = paths.run_folder(config, last) / name
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))
    with pytest.raises(InputError, match=rf"{first} and {last} have other data behind their {said}"):
        gather(config)


def test_scores_of_another_model_do_not_count(config):
    run = next(iter(config.runs()))
    path = paths.evaluation(config, run, ["sts"]) / "evaluation.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"model": "f" * 64}))
    assert standings(config)[run].missing == ("sts",)
    with pytest.raises(InputError, match=rf"{run} has not been scored on suite sts yet, or"):
        gather(config)


def test_scores_in_bfloat16_count_where_they_are_asked_for(config):
    run = next(iter(config.runs()))
    path = paths.evaluation(config, run, ["sts"]) / "evaluation.json"
    made = json.loads(path.read_text())
    made["suites"]["sts"]["precision"] = "bf16"
    path.write_text(json.dumps(made))
    rounded = config.model_copy(update={"scoring_precision": "bf16"})
    assert standings(config)[run].missing == ("sts",)
    assert not any(one.missing for one in standings(rounded).values())
    gather(rounded)
    shutil.rmtree(paths.results(config) / "runs")
    assert not standings(rounded)[run].to_train
    assert standings(config)[run].missing == ("sts",)
    assert [one.missing for one in standings(config).values()].count(()) == 3


def test_what_is_finished_is_kept_before_all_is(config):
    first, second, *others = config.runs()
    for run in others:
        shutil.rmtree(paths.run_folder(config, run))
    shutil.rmtree(paths.evaluation(config, second, ["sts"]))
    with pytest.raises(InputError, match=f"{second} has not been scored on suite sts yet"):
        gather(config)
    gather(config, finished=True)
    kept = results.Gathered(config)
    assert set(kept.runs) == {first}
    assert kept.looks == {}  # there is nothing that could be looked at
    with pytest.raises(InputError, match=f"has no run {second}; gather"):
        results.load(config)
    shutil.rmtree(paths.run_folder(config, first))
    assert [run for run, one in standings(config).items() if one.to_train or one.missing] == [second, *others]
    for place, run in enumerate(config.runs().values()):
        if run.id != first:
            leave(config, run, place)
    gather(config)
    assert set(results.load(config).runs) == {first, second, *others}


def test_what_scores_were_made_with_is_gathered_and_stays(config):
    gather(config)
    run = next(iter(config.runs()))
    made = results.load(config).runs[run]["scored"]
    assert set(made) == {"sts", "order"}
    assert made["sts"]["code"] == code.of_evaluation("sts", config.data)._asdict()
    shutil.rmtree(paths.results(config) / "runs")
    gather(config)
    assert results.load(config).runs[run]["scored"] == made


def test_gathered_files_of_before_a_study_grew(config):
    gather(config)
    more = config.model_copy(update={"seeds": [3, 4, 5]})
    with pytest.raises(InputError, match=r"has no run simcse-\w+/seed5; gather"):
        results.load(more)


def test_without_sts_there_are_no_pairs(config, tmp_path):
    shutil.rmtree(paths.results(config))
    config = made_config(tmp_path, {"order": STUDIES["order"]})
    for run in config.runs().values():
        leave(config, run, 0)
    gather(config)
    assert results.load(config).pairs is None


def test_gathered_scores_without_their_pairs_are_refused(config):
    gather(config)
    paths.kept(config, "sts").unlink()
    with pytest.raises(InputError, match=r"pairs\.parquet can't be used: it is missing"):
        results.load(config)


# ---------------------------------------------------------------------------------------------------- examples


def examples_of(config):
    return paths.kept(config, "order")


def as_before_examples(config):
    """The gathered files of before examples and draws were gathered, without the runs' folders."""
    only_gathered(config)
    examples_of(config).unlink()
    paths.draws(config).unlink()
    uncounted(config, "examples", "draws")


def uncounted(config, *counts):
    """Let the gathered records not say how many there are."""
    records = json.loads(paths.run_records(config).read_text())
    for record in records.values():
        for made in record["scored"].values():
            for count in counts:
                made.pop(count, None)
    paths.run_records(config).write_text(json.dumps(records))


def test_examples_are_gathered_run_beside_run_and_counted(config):
    gather(config)
    found, (row, _) = results.load(config), config.rows("main")
    first, second = (f"{row.variant.hash}/seed{seed}" for seed in (3, 4))
    assert examples_of(config).name == "examples-order.parquet"
    table = found.kept["order"]
    assert table[MASKED.columns].equals(MASKED)
    assert [*table.columns[len(MASKED.columns) :]] == [first]  # of the first run of the row
    assert table[first].dtype == "float32"
    scored = found.runs[row.runs[0].id]["scored"]
    assert (scored["order"]["examples"], scored["sts"]["examples"]) == (6, 3)
    assert second in found.draws
    assert "examples" not in found.runs[row.runs[1].id]["scored"]["order"]


def test_predictions_are_gathered_in_a_byte_each(config, tmp_path):
    more = made_config(tmp_path, STUDIES | {"order": STUDIES["order"] | {"suites": ["transfer"]}})
    leave_all(more)
    gather(more)
    found = results.load(more).kept["transfer"]
    assert found[LABELLED.columns].equals(LABELLED)
    assert [found[column].tolist() for column in found.columns[5:]] == [[0, 1, 5]]
    assert set(found.dtypes.iloc[5:].astype(str)) == {"int8"}


def test_results_from_before_examples_were_gathered_are_read_and_grow(config, tmp_path):
    as_before_examples(config)
    assert results.load(config).kept["order"].empty
    more = made_config(tmp_path, STUDIES | {"order": STUDIES["order"] | {"seeds": [5, 3, 4]}})
    (new,) = [one.run for one in standings(more).values() if one.to_train]
    leave(more, new, 7)
    gather(more)
    found = results.load(more).kept["order"]
    assert found[MASKED.columns].equals(MASKED)
    assert [*found.columns[len(MASKED.columns) :]] == [f"{new.variant.hash}/seed5"]
    before = [sha256(path) for path in gathered_files(more)]
    gather(more)
    assert [sha256(path) for path in gathered_files(more)] == before


def test_without_any_examples_their_file_is_there_and_empty(config):
    as_before_examples(config)
    gather(config)
    assert pd.read_parquet(examples_of(config)).empty
    assert results.load(config).kept["order"].empty


def test_examples_that_were_gathered_and_are_gone_are_missed(config):
    only_gathered(config)
    examples_of(config).unlink()
    for read in (results.load, gather):
        with pytest.raises(InputError, match=r"examples-order\.parquet can't be used: it is missing"):
            read(config)


# ------------------------------------------------------------------------------------------------------- draws


def test_draws_of_all_runs_are_gathered_and_counted(config):
    run = config.rows("main")[1].runs[1]
    path = paths.evaluation(config, run.id, ["sts"]) / "pairs.parquet"
    cosine = np.array([0.9, 0.1, 0.4])
    RATED.assign(cosine=cosine).to_parquet(path)
    gather(config)
    found = results.load(config)
    own = found.draws[(found.draws["suite"] == "sts") & (found.draws["column"] == "Avg")]
    expected = examples.spearman_draws([cosine[None].astype("float32")], [RATED["score"].to_numpy()])
    assert own["draw"].tolist() == list(range(500))
    assert own[f"{run.variant.hash}/seed4"].to_numpy() == pytest.approx(expected[:, 0], abs=1e-5, nan_ok=True)
    assert set(found.draws.loc[found.draws["suite"] == "order", "column"]) == {"ordered_20_40", "ordered_all"}
    other = found.runs[config.rows("order")[0].runs[1].id]["scored"]
    assert other["order"]["draws"] == 2 * 500


def test_draws_are_the_same_in_whatever_company(config, tmp_path):
    gather(config)
    together = results.load(config).draws
    shutil.rmtree(paths.results(config))
    alone = made_config(tmp_path, STUDIES, seeds=[4])
    leave_all(alone)
    gather(alone)
    found = results.load(alone).draws
    assert found.equals(together[found.columns])


def test_draws_are_made_of_examples_that_were_gathered_without_them(config):
    only_gathered(config)
    before = results.load(config).draws
    paths.draws(config).unlink()
    uncounted(config, "draws")
    assert results.load(config).draws.empty
    gather(config)
    after = results.load(config).draws
    firsts = [f"{row.variant.hash}/seed3" for row in config.rows("main")]  # of which examples are there
    assert after.equals(before[[*records.DRAW, *firsts]])


def test_draws_of_another_training_are_replaced(config):
    only_gathered(config)
    run = config.rows("main")[0].runs[1]
    leave(config, run, 7, weights="f")
    pairs = paths.evaluation(config, run.id, ["sts"]) / "pairs.parquet"
    RATED.assign(cosine=[0.3, 0.2, 0.1]).to_parquet(pairs)
    gather(config)
    found = results.load(config).draws
    own = found.loc[found["suite"] == "sts", f"{run.variant.hash}/seed{run.seed}"]
    assert own.min() == pytest.approx(-100)  # it turned the ratings upside down


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda table: table[table["suite"] != "order"], r"it has 0 draws of .* on suite order, not 1000"),
        (lambda table: pd.concat([table, table.iloc[:1]]), "a draw stands there twice"),
        (lambda table: table.iloc[:, :-1], "it lacks the column"),
    ],
)
def test_wrong_gathered_draws_are_refused(config, change, said):
    only_gathered(config)
    change(pd.read_parquet(paths.draws(config))).to_parquet(paths.draws(config), index=False)
    for read in (results.load, gather):
        with pytest.raises(InputError, match=rf"draws\.parquet can't be used: {said}"):
            read(config)


def test_what_records_share_stands_in_one_place(config):
    gather(config)
    run = next(iter(config.runs().values()))
    own = code.of_training(run.variant)
    written = json.loads(paths.run_records(config).read_text())[run.id]
    shared = json.loads(paths.shared(config).read_text())
    assert written["code"]["digest"] == own.digest
    assert shared[written["code"]["parts"]] == dict(own.parts)
    assert results.load(config).runs[run.id]["code"] == {"digest": own.digest, "parts": dict(own.parts)}
    assert shared[written["packages"]] == record_of(run)["packages"]
    assert shared[written["data"]] == record_of(run)["data"] == results.load(config).runs[run.id]["data"]
    assert written["scored"]["sts"]["data"] == results.load(config).runs[run.id]["scored"]["sts"]["data"]
    del shared[written["code"]["parts"]]
    paths.shared(config).write_text(json.dumps(shared))
    with pytest.raises(
        InputError, match=rf"shared\.json can't be used: it lacks the parts {written['code']['parts']}"
    ):
        results.load(config)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda table: table.iloc[:-1], "it has 5 lines, but 6 were gathered of"),
        (lambda table: table.iloc[:-2], "it has 2 examples of LEE, but 3 were scored"),
        (lambda table: table.iloc[:, :-1], "it lacks the column"),
        (lambda table: table.assign(percent=20), "a line lacks one of .*, or stands there twice"),
        (lambda table: table.assign(suite="geometry"), "it is of suite geometry"),
        (lambda table: table.set_axis([*table.columns[:-1], "a/seed0"], axis="columns"), "it lacks the column"),
    ],
)
def test_wrong_gathered_examples_are_refused(config, change, said):
    only_gathered(config)
    change(pd.read_parquet(examples_of(config))).to_parquet(examples_of(config), index=False)
    for read in (results.load, gather):
        with pytest.raises(InputError, match=rf"{examples_of(config)} can't be used: {said}"):
            read(config)


def test_runs_must_have_been_scored_on_the_same_examples(config):
    run = config.rows("order")[0].runs[1]
    path = paths.evaluation(config, run.id, ["order"]) / "examples-order.parquet"
    pd.read_parquet(path).assign(masked=3).to_parquet(path)
    with pytest.raises(InputError, match=rf"scored on different sentences, {run.variant.hash}/seed4 on others"):
        gather(config)


def test_a_run_that_diverged_is_gathered_without_scores(config):
    run, other, *_ = config.runs().values()
    folder = paths.run_folder(config, run.id)
    record = record_of(run) | {"diverged": {"step": 4, "message": "it diverged"}}
    del record["weights"], record["selected_step"]
    (folder / "run.json").write_text(json.dumps(record))
    for file in paths.evaluation(config, run.id, ["sts"]).iterdir():
        file.unlink()  # the workflow leaves an empty folder
    gather(config)
    found = results.load(config)
    assert found.runs[run.id]["diverged"]["step"] == 4
    assert set(found.scores.loc[found.scores["hash"] == run.variant.hash, "seed"]) == {other.seed}
    assert f"{run.variant.hash}/seed{run.seed}" not in found.pairs


# ---------------------------------------------------------------------------------------------------- other code


def test_runs_of_other_code_are_refused_by_name(config):
    run = next(iter(config.runs().values()))
    path = paths.run_folder(config, run.id) / "run.json"
    record = record_of(run)
    record["code"] = {"digest": "0" * 16, "parts": record["code"]["parts"] | {"objectives": "0" * 16}}
    path.write_text(json.dumps(record))
    with pytest.raises(InputError, match=rf"1 runs .* {run.id} among them, .* \(changed: objectives\)"):
        gather(config)
    assert not paths.scores(config).exists()
    record["accepted"] = [{"why": "known", "date": "2026-01-02", "code": {"training": record_of(run)["code"]}}]
    path.write_text(json.dumps(record))
    gather(config)
    assert results.load(config).runs[run.id]["accepted"][0]["why"] == "known"


def test_scores_of_other_code_are_refused_by_name(config):
    run = next(iter(config.runs()))
    path = paths.evaluation(config, run, ["order"]) / "evaluation.json"
    made = json.loads(path.read_text())
    own = made["suites"]["order"]
    own["code"] = {"digest": "0" * 16, "parts": own["code"]["parts"] | {"evaluation.order": "0"}}
    path.write_text(json.dumps(made))
    assert standings(config)[run].other_code == {"order": ["evaluation.order"]}
    with pytest.raises(InputError, match=rf"1 runs .* {run} among them, .* \(changed: evaluation.order\)"):
        gather(config)


def test_runs_of_unknown_code_are_refused_too(config):
    run = next(iter(config.runs().values()))
    record = record_of(run)
    del record["code"]
    (paths.run_folder(config, run.id) / "run.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match="not recorded"):
        gather(config)


# --------------------------------------------------------------------------------------------------- damaged files

DAMAGE = {
    "empty": lambda data: b"",
    "cut": lambda data: data[: len(data) // 2],
    "not UTF-8": lambda data: b"\xff\xfe" + data,
    "foreign": lambda data: b"[1, 2]\n",
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize(
    "name",
    [
        *("run.json", "history.csv", "scores/sts/scores.csv", "scores/sts/pairs.parquet"),
        *("scores/sts/evaluation.json", "scores/order/examples-order.parquet"),
    ],
)
def test_a_damaged_file_of_a_run_is_named(config, name, damage):
    path = paths.run_folder(config, next(iter(config.runs()))) / name
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    with pytest.raises(InputError) as raised:
        gather(config)
    assert str(path) in str(raised.value)
    assert "Delete" in str(raised.value)
    assert not paths.scores(config).exists()


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("place", range(5))
def test_a_damaged_gathered_file_is_named(config, place, damage):
    only_gathered(config)
    path = gathered_files(config)[place]
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    damaged = path.read_bytes()
    for read in (results.load, gather):
        with pytest.raises(InputError) as raised:
            read(config)
        assert str(path) in str(raised.value)
    assert path.read_bytes() == damaged


def test_gathered_scores_cut_behind_a_line_are_refused(config):
    gather(config)
    path = paths.scores(config)
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    last = list(config.runs())[-1]
    with pytest.raises(InputError, match=rf"{last}") as raised:
        results.load(config)
    assert str(path) in str(raised.value)


@pytest.mark.parametrize("suite", ["sts", "order"])
def test_a_gathered_value_that_is_missing_shows(config, suite):
    """Of a suite with several values, one less leaves scores of the suite."""
    run = next(iter(config.runs().values()))
    folder = paths.evaluation(config, run.id, [suite])
    table = pd.read_csv(folder / "scores.csv")
    pd.concat([table, table.assign(metric="another")]).to_csv(folder / "scores.csv", index=False)
    gather(config)
    path = paths.scores(config)
    path.write_text("".join(line for line in path.read_text().splitlines(keepends=True) if "another" not in line))
    for read in (results.load, gather):
        with pytest.raises(InputError, match=f"1 values of run {run.id} on suite {suite}, not 2"):
            read(config)


def edited(path, change):
    table = pd.read_csv(path)
    change(table).to_csv(path, index=False)


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("history.csv", lambda table: table.iloc[:-1], "ends at 0"),
        ("history.csv", lambda table: table.iloc[::-1], "do not rise"),
        ("history.csv", lambda table: table.drop(columns="loss"), "'loss'"),
        ("history.csv", lambda table: table.assign(dev_spearman=float("nan")), "dev_spearman"),
        ("scores/sts/scores.csv", lambda table: table.assign(value=7641.0), "7641"),
        ("scores/sts/scores.csv", lambda table: table.assign(value=float("nan")), "nan"),
        ("scores/sts/scores.csv", lambda table: table.assign(value="high"), "no number"),
        ("scores/sts/scores.csv", lambda table: pd.concat([table, table]), "two values"),
        ("scores/sts/scores.csv", lambda table: table.assign(suite="mteb"), "no scores of suite sts"),
        ("scores/sts/scores.csv", lambda table: table.drop(columns="n"), "'n'"),
        ("scores/sts/scores.csv", lambda table: table.iloc[:0], "no line"),
        ("scores/sts/scores.csv", lambda table: table.assign(n=2), "3 examples of LEE, but 2 were scored"),
    ],
)
def test_a_wrong_table_is_refused(config, name, change, said):
    path = paths.run_folder(config, next(iter(config.runs()))) / name
    edited(path, change)
    with pytest.raises(InputError, match=said):
        gather(config)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"run": "simcse-00000000/seed3"}, "record of simcse-00000000"),
        ({"seed": 4}, "seed 4"),
        ({"weights": None}, "neither which weights"),
        ({"weights": "abc"}, "'weights'"),
        ({"started": "yesterday"}, "'started'"),
        ({"data": {}}, "data.corpus"),
    ],
)
def test_another_runs_record_is_refused(config, change, said):
    run = next(iter(config.runs().values()))
    path = paths.run_folder(config, run.id) / "run.json"
    path.write_text(json.dumps(record_of(run) | change))
    with pytest.raises(InputError, match=said):
        gather(config)


def test_a_record_of_other_hyperparameters_is_refused(config):
    run = next(iter(config.runs().values()))
    record = record_of(run)
    record["hyperparameters"]["learning_rate"] = 1.0
    path = paths.run_folder(config, run.id) / "run.json"
    path.write_text(json.dumps(record))
    with pytest.raises(InputError, match="another 'learning_rate'"):
        gather(config)
