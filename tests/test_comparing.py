"""Comparisons of models: closed forms, how often verdicts err, and models that are encoded once."""

import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tiny
from safetensors.torch import load_file, save_file
from scipy.stats import binom, norm

from arccse import comparing, evaluating, examples
from arccse.comparing import compare, judged
from arccse.data.sources import Source, open_source
from arccse.errors import InputError
from arccse.evaluation import cache
from arccse.report.tables import Row
from arccse.statistics import effect, t_interval

A, B, C = (Row(name, "", f"model{i}", [0]) for i, name in enumerate("ABC"))
TASKS = {"transfer": ["MR", "SUBJ"]}


def predicted(rows: list[Row], n: int, right: dict[str, float], rng: np.random.Generator) -> pd.DataFrame:
    """Predictions of n examples of each task; a model is right on those that are easy enough for it."""
    frames = []
    for task in TASKS["transfer"]:
        easy = rng.random(n)
        known = {"suite": "transfer", "task": task, "index": range(n), "fold": 0, "label": 1}
        columns = {
            f"{row.hash}/seed{seed}": (easy + 0.3 * rng.random(n) < 1.3 * right[row.label]).astype("int8")
            for row in rows
            for seed in row.seeds
        }
        frames.append(pd.DataFrame(known).assign(**columns))
    return pd.concat(frames, ignore_index=True)


def scored(kept: pd.DataFrame, rows: list[Row]) -> pd.DataFrame:
    """The accuracies of all runs."""
    return pd.DataFrame(
        [
            {"variant": row.label, "hash": row.hash, "seed": seed, "suite": "transfer", "task": task}
            | {"metric": "accuracy", "value": 100 * own[f"{row.hash}/seed{seed}"].mean(), "n": len(own)}
            for row in rows
            for seed in row.seeds
            for task, own in kept.groupby("task")
        ]
    )


def line(table: pd.DataFrame, label: str, baseline: str, task: str) -> pd.Series:
    chosen = table[(table["label"] == label) & (table["baseline"] == baseline) & (table["task"] == task)]
    assert len(chosen) == 1
    return chosen.iloc[0]


def test_over_examples_alone_the_interval_is_that_of_paired_differences() -> None:
    rows = [A, B, C]
    kept = predicted(rows, 2000, {"A": 0.7, "B": 0.75, "C": 0.7}, np.random.default_rng(0))
    table, ranks = judged(scored(kept, rows), {"transfer": kept}, rows, TASKS, 0.5)
    assert len(table) == 3 * 3  # pairs × two tasks and their average
    assert {*table["over"]} == {"examples"}
    assert {*table["comparisons"]} == {9}
    tasks = [own for _, own in kept.groupby("task")]
    differences = [100.0 * (own["model1/seed0"] - own["model0/seed0"]) for own in tasks]
    for task, own in zip(TASKS["transfer"], differences, strict=True):
        found = line(table, "B", "A", task)
        half = norm.isf(0.025 / 9) * own.std() / len(own) ** 0.5
        assert found["difference"] == pytest.approx(own.mean())
        assert found["n"] == 2000
        assert found["high"] - found["difference"] == pytest.approx(half, rel=0.1)
        assert (found["low"] + found["high"]) / 2 == pytest.approx(found["difference"])
    average = line(table, "B", "A", "Avg")
    assert average["difference"] == pytest.approx(np.mean([own.mean() for own in differences]))
    assert average["error"] == pytest.approx(sum(own.var() / 2000 for own in differences) ** 0.5 / 2, rel=0.1)
    assert average["n"] == 4000
    assert average["verdict"] == "higher"
    assert ranks.set_index("label").loc["B", ["rank_low", "rank_high"]].tolist() == [1, 1]
    assert ranks.set_index("label").loc["A", ["rank_low", "rank_high"]].tolist() == [2, 3]


def test_seeds_widen_the_interval_where_both_have_three_in_common() -> None:
    several = [Row(name, "", f"model{i}", [0, 1, 2, 3]) for i, name in enumerate("AB")]
    kept = predicted([*several, C], 300, {"A": 0.7, "B": 0.75, "C": 0.7}, np.random.default_rng(1))
    table, _ = judged(scored(kept, [*several, C]), {"transfer": kept}, [*several, C], TASKS, 0.5)
    found = line(table, "B", "A", "Avg")
    assert (found["over"], found["seeds"]) == ("examples and seeds", "0 1 2 3")
    means = kept.groupby("task")[[f"model{i}/seed{s}" for i in range(2) for s in range(4)]].mean().mean() * 100
    seeds = effect(means.to_numpy()[4:] - means.to_numpy()[:4])
    low, high = t_interval(seeds.difference, seeds.sd, 4, 9)
    assert found["difference"] == pytest.approx(seeds.difference)
    assert found["low"] < low < high < found["high"]
    mixed = line(table, "C", "A", "Avg")  # one model as it is against the mean of four
    assert (mixed["over"], mixed["seeds"]) == ("examples", "")
    own = kept.groupby("task")["model2/seed0"].mean().mean() * 100
    assert mixed["difference"] == pytest.approx(own - means.to_numpy()[:4].mean())


def test_the_order_of_models_turns_signs_and_nothing_else() -> None:
    kept = predicted([A, B], 500, {"A": 0.7, "B": 0.72}, np.random.default_rng(2))
    scores = scored(kept, [A, B])
    forth, back = (judged(scores, {"transfer": kept}, rows, TASKS, 0.5) for rows in ([A, B], [B, A]))
    pd.testing.assert_series_equal(forth[0]["difference"], -back[0]["difference"])
    pd.testing.assert_series_equal(forth[0]["low"], -back[0]["high"], check_names=False)
    pd.testing.assert_series_equal(forth[0]["p"], back[0]["p"])
    columns = ["label", "rank_low", "rank_high"]
    assert sorted(forth[1][columns].to_numpy().tolist()) == sorted(back[1][columns].to_numpy().tolist())


def test_of_three_equal_models_any_is_called_different_in_one_of_twenty_trials(monkeypatch) -> None:
    """The count is held against the binomial's 99.9 %; benchmarks/inference.py has more trials."""
    monkeypatch.setattr(examples, "mean_draws", partial(examples.mean_draws, replicates=100))
    rng, wrong, rows = np.random.default_rng(3), 0, [A, B, C]
    for _ in range(40):
        kept = predicted(rows, 100, dict.fromkeys("ABC", 0.7), rng)
        table, _ = judged(scored(kept, rows), {"transfer": kept}, rows, TASKS, None)
        wrong += bool(table["verdict"].isin(["higher", "lower"]).any())
    assert wrong <= binom.isf(0.001, 40, 0.05)


# ------------------------------------------------------------------------------------------------ real encoders


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """one/, two/, and three/: a BERT, and it with other weights."""
    folder = tmp_path_factory.mktemp("models")
    tiny.save_bert(folder / "one")
    for name, scale in (("two", 1.5), ("three", 0.5)):
        shutil.copytree(folder / "one", folder / name)
        file = folder / name / "model.safetensors"
        save_file({key: scale * value for key, value in load_file(file).items()}, file, {"format": "pt"})
    return folder


def rated(folder: Path, name: str = "mine") -> str:
    texts = tiny.sentences(60)
    rows = {"sentence1": texts[:30], "sentence2": texts[30:], "score": [i % 6 for i in range(30)]}
    pd.DataFrame(rows).to_csv(folder / f"{name}.csv", index=False)
    return f"pairs:{folder / name}.csv"


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return open_source(rated(tmp_path))


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many sentences each encoding pass had."""
    passes: list[int] = []

    def counting(made, revision, sentences):
        passes.append(len(sentences))
        return evaluating.encode(made, revision, sentences)

    monkeypatch.setattr(cache, "encode", counting)
    return passes


def test_a_model_is_encoded_once_in_its_life(models, source, encoded, tmp_path) -> None:
    both = [str(models / "one"), str(models / "two")]
    first = compare(both, ["sts"], source, pooling="mean")
    assert encoded == [60, 60]
    assert [model.name for model in first.models] == ["one", "two"]
    again = compare(both, ["sts"], source, pooling="mean")
    assert encoded == [60, 60]
    pd.testing.assert_frame_equal(first.comparisons, again.comparisons)
    compare(both, ["sts"], source, pooling="cls")  # another encoder
    assert encoded[2:] == [60, 60]


def test_sentences_that_are_new_are_encoded_and_a_damaged_file_is_made_anew(
    models, source, encoded, tmp_path, capsys
) -> None:
    both = [str(models / "one"), str(models / "two")]
    compare(both, ["sts"], source, pooling="mean")
    table = pd.read_csv(tmp_path / "mine.csv")
    table.loc[0, "sentence1"] = "A sentence that was not there."
    table.to_csv(tmp_path / "other.csv", index=False)
    compare(both, ["sts"], open_source(f"pairs:{tmp_path}/other.csv"), pooling="mean")
    assert encoded == [60, 60, 1, 1]
    for file in (tmp_path / "cache" / "arccse" / "embeddings").iterdir():
        file.write_bytes(file.read_bytes()[:1000])
    table.iloc[::-1].to_csv(tmp_path / "third.csv", index=False)
    compare(both, ["sts"], open_source(f"pairs:{tmp_path}/third.csv"), pooling="mean")
    assert encoded[4:] == [60, 60]
    assert "can't be used as embeddings" in capsys.readouterr().err


def test_evaluated_folders_give_the_same_as_the_models(models, source, encoded, tmp_path) -> None:
    for name in ("one", "two"):
        evaluating.evaluate(str(models / name), ["sts"], source, tmp_path / "scored" / name, pooling="mean")
    folders = compare([f"{tmp_path}/scored/one", f"{tmp_path}/scored/two"], ["sts"], source)
    assert encoded == []
    direct = compare([str(models / "one"), str(models / "two")], ["sts"], source, pooling="mean")
    pd.testing.assert_frame_equal(folders.comparisons, direct.comparisons)
    pd.testing.assert_frame_equal(folders.scores, direct.scores)


def test_scores_of_other_data_tasks_suites_or_code_are_refused(models, source, tmp_path, monkeypatch) -> None:
    for name in ("one", "two"):
        evaluating.evaluate(str(models / name), ["sts"], source, tmp_path / "scored" / name, pooling="mean")
    both = [f"{tmp_path}/scored/one", f"{tmp_path}/scored/two"]
    with pytest.raises(
        InputError, match=r"Suite sts-cls keeps no examples to pair models over; valid: sts, transfer"
    ):
        compare(both, ["sts-cls"], source)
    with pytest.raises(InputError, match="Suite mteb needs other data"):
        compare(both, ["mteb"], source)
    with pytest.raises(InputError, match="scored/one has no scores on suite transfer; valid: sts"):
        compare(both, ["transfer"], open_source("package:gensim"))
    with pytest.raises(InputError, match="scored/one has no scores on task LEE of suite sts"):
        compare(both, ["sts"], open_source("package:gensim"))
    with pytest.raises(InputError, match="--margin is 0 and must be above 0"):
        compare(both, ["sts"], source, margin=0)
    table = pd.read_csv(tmp_path / "mine.csv").assign(score=lambda own: own["score"] + 1)
    table.to_csv(tmp_path / "mine.csv", index=False)
    with pytest.raises(InputError, match=r"scored/one was scored on other data, of pairs:.*, than pairs:.* has"):
        compare(both, ["sts"], open_source(source.spec))
    rated(tmp_path)
    record = tmp_path / "scored" / "two" / "evaluation.json"
    record.write_text(record.read_text().replace('"digest": "', '"digest": "0'))
    with pytest.raises(InputError, match="scored/two was scored by other code"):
        compare(both, ["sts"], open_source(source.spec))


def test_seeds_of_models_by_glob(models, source, tmp_path) -> None:
    for seed, name in enumerate(("one", "two", "three")):
        shutil.copytree(models / name, tmp_path / "X" / f"seed{seed}" / "model")
        shutil.copytree(models / name, tmp_path / "Y" / f"seed{(seed + 1) % 3}" / "model")
    found = compare([f"X={tmp_path}/X/*/model", f"Y={tmp_path}/Y/*/model"], ["sts"], source, pooling="mean")
    (only,) = found.comparisons.to_dict("records")
    assert (only["over"], only["seeds"], only["task"]) == ("examples and seeds", "0 1 2", "mine")
    assert only["difference"] == pytest.approx(0)  # the same three models in another order
    assert only["error"] == pytest.approx(0, abs=1e-9)
    assert only["sd"] > 0
    assert found.scores.groupby("label")["seed"].nunique().to_dict() == {"X": 3, "Y": 3}


def test_a_model_that_can_not_be_scored_leaves_nothing(models, source, tmp_path) -> None:
    shutil.copytree(models / "one", tmp_path / "zeros")
    file = tmp_path / "zeros" / "model.safetensors"
    save_file({key: 0 * value for key, value in load_file(file).items()}, file, {"format": "pt"})
    with pytest.raises(InputError, match=r"can't be scored on suite sts, task mine: .* are zero"):
        compare([str(tmp_path / "zeros"), str(models / "one")], ["sts"], source, pooling="mean")
    assert not list((tmp_path / "cache" / "arccse" / "evaluations").iterdir())
    with pytest.raises(InputError, match="does not say how it pools"):
        compare([str(models / "two"), str(models / "one")], ["sts"], source)


def test_labelled_sentences_are_compared_by_predictions(models, source, tmp_path) -> None:
    texts = tiny.sentences(60)
    pd.DataFrame({"text": texts, "label": ["long" if len(text) > 45 else "short" for text in texts]}).to_csv(
        tmp_path / "kinds.tsv", sep="\t", index=False
    )
    own = open_source(f"labelled:{tmp_path}/kinds.tsv")
    found = compare([str(models / "one"), str(models / "two")], ["transfer-fast"], own, pooling="mean")
    (only,) = found.comparisons.to_dict("records")
    assert (only["task"], only["n"]) == ("kinds", 60)
    accuracies = found.scores[found.scores["metric"] == "accuracy"].set_index("label")["value"]
    assert only["difference"] == pytest.approx(accuracies["two"] - accuracies["one"])


def test_models_on_other_examples_are_no_pair() -> None:
    kept = predicted([A, B], 50, {"A": 0.7, "B": 0.7}, np.random.default_rng(0))
    own = kept.rename(columns={"model0/seed0": "prediction"}).drop(columns="model1/seed0")
    made = {"A": own, "B": own.assign(label=0)}
    evaluated = {
        name: {0: {"transfer": evaluating.Evaluation(pd.DataFrame(), table, {})}} for name, table in made.items()
    }
    with pytest.raises(InputError, match="B was scored on other test examples of suite transfer than A"):
        comparing.side_by_side("transfer", [A, B], evaluated)
