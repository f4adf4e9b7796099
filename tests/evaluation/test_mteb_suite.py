"""The mteb suite: pins, tasks over our own sources, and results that mteb's loader reads."""

import gzip
import importlib.metadata
import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from importlib.resources import files
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import mteb
import numpy as np
import pytest
from hub_server import Hub, serve
from scipy.stats import spearmanr

from arccse.data.readers import Pairs
from arccse.data.sources import STS_TASKS, Source, open_source
from arccse.errors import InputError
from arccse.evaluation import mteb_suite, sts
from arccse.evaluation.embeddings import Embeddings
from arccse.evaluation.mteb_suite import TASKS, HubTask
from arccse.evaluation.scores import Score
from arccse.evaluation.scoring import Job
from arccse.evaluation.suites import SUITES

MODEL = "arccse/letters"
Result = TypeVar("Result")


def embeddings_of(sentences: list[str]) -> Embeddings:
    """Random directions of random length, the same for the same sentences."""
    distinct = list(dict.fromkeys(sentences))
    matrix = np.random.default_rng(0).standard_normal((len(distinct), 8)).astype(np.float32)
    return Embeddings(distinct, matrix, "f" * 64)


def scores_of(source: Source, names: list[str], out: Path, embeddings: Embeddings | None = None) -> list[Score]:
    embeddings = embeddings or embeddings_of(mteb_suite.sentences(source, names))
    job = Job(SUITES["mteb"], source, names, embeddings, out, MODEL)
    return [score for scored in mteb_suite.evaluate(job) for score in scored.scores]


def load_results(folder: Path) -> dict[str, float]:
    """Task → main score, read with mteb's own loader."""
    loaded = mteb.ResultCache(folder).load_results(models=[MODEL], include_remote=False)
    assert [result.model_name for result in loaded.model_results] == [MODEL]
    return {result.task_name: result.get_score() for result in loaded.model_results[0].task_results}


# pins


def test_revisions_are_those_of_the_installed_mteb() -> None:
    assert tuple(TASKS) == STS_TASKS
    for name, revision in TASKS.values():
        metadata = mteb.get_task(name).metadata
        assert metadata.revision == revision
        assert re.fullmatch("[0-9a-f]{40}", revision)
        assert metadata.main_score == mteb_suite.METRIC


def test_another_revision_is_refused_before_any_download(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TASKS, "STS12", HubTask("STS12", "0" * 40))
    with pytest.raises(InputError) as refused:
        mteb_suite.load_tasks(open_source("hub"), ["STS12"])
    for part in ("STS12", "0" * 40, mteb.get_task("STS12").metadata.revision, mteb.__version__):
        assert part in str(refused.value)


def test_from_the_hub_tasks_are_mtebs_own() -> None:
    for name, (theirs, revision) in TASKS.items():
        task = mteb_suite.from_hub(name)
        assert type(task) is type(mteb.get_task(theirs))
        assert task.metadata.dataset["revision"] == revision


# the hub: its libraries read HF_ENDPOINT and HF_HOME when they are imported, hence the new processes

ROWS = [{"sentence1": f"a{i}", "sentence2": f"b{i}", "score": i * 7 % 12 / 3} for i in range(12)]


def in_new_process(function: Callable[..., Result], *arguments: object) -> Result:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """The hub of new processes, with STS13; STS14 and STS15 are damaged, STS16 is in trouble, others are missing."""
    whole = gzip.compress("".join(json.dumps(row) + "\n" for row in ROWS).encode())
    with serve(
        {
            hub_path("STS13", "test.jsonl.gz"): whole,
            hub_path("STS14", "test.jsonl.gz"): whole[:40],
            hub_path("STS15", "test.jsonl.gz"): gzip.compress(b"<html>"),
            hub_path("STS16", "README.md"): 500,
        }
    ) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        monkeypatch.setenv("HF_HUB_OFFLINE", "0")
        yield hub


def hub_path(name: str, file: str) -> str:
    return f"/datasets/mteb/{name.lower()}-sts/resolve/{TASKS[name].revision}/{file}"


def score_from_hub(out: Path) -> list[Score]:
    return scores_of(open_source("hub"), ["STS13"], out)


def test_from_the_hub_data_are_those_of_the_pinned_revision(hub: Hub, tmp_path: Path) -> None:
    (score,) = in_new_process(score_from_hub, tmp_path)
    first, second, golds = ([row[column] for row in ROWS] for column in ("sentence1", "sentence2", "score"))
    rows = embeddings_of(first + second).matrix
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = (unit[:12] * unit[12:]).sum(axis=1)
    assert (score.task, score.n) == ("STS13", 12)
    assert score.value == pytest.approx(100 * spearmanr(golds, cosines).statistic, abs=1e-4)
    (written,) = tmp_path.rglob("STS13.json")
    assert json.loads(written.read_text())["dataset_revision"] == TASKS["STS13"].revision
    asked = [path for path in hub.requests if "sts13-sts" in path]
    assert hub_path("STS13", "test.jsonl.gz") in asked
    assert all(f"/{TASKS['STS13'].revision}" in path for path in asked)


def refusals(names: list[str]) -> tuple[dict[str, str], float]:
    """What is said of each data set, and the seconds that the client would have waited between its attempts."""
    waits: list[float] = []
    time.sleep = waits.append
    said = {}
    for name in names:
        with pytest.raises(InputError) as refused:
            mteb_suite.load_tasks(open_source("hub"), [name])
        said[name] = str(refused.value)
    return said, sum(waits)


def check_refusals(names: list[str]) -> None:
    said, waited = in_new_process(refusals, names)
    for name, message in said.items():
        assert f"mteb/{name.lower()}-sts" in message or f"mteb--{name.lower()}-sts" in message
        assert TASKS[name].revision in message
        assert re.fullmatch(r".+ (could not be fetched|can't be read).+\.", message), message  # one line
    assert waited < 30


def test_data_sets_that_the_hub_lacks_or_has_damaged_are_named(hub: Hub) -> None:
    check_refusals(["STS12", "STS14", "STS15", "STS16"])


def test_a_data_set_is_named_when_the_hub_is_out_of_reach(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with serve({}) as gone:
        monkeypatch.setenv("HF_ENDPOINT", gone.endpoint)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    check_refusals(["STS13"])


# gensim's Lee


def test_lee_through_mteb_is_lee_through_sts(tmp_path: Path) -> None:
    source = open_source("package:gensim")
    (ours,) = scores_of(source, ["LEE"], tmp_path)
    pairs = sts.pair_cosines(embeddings_of(mteb_suite.sentences(source, ["LEE"])), source, "LEE")
    assert (ours.suite, ours.task, ours.metric, ours.n) == ("mteb", "LEE", "cosine_spearman", 300)
    assert ours.value == pytest.approx(100 * spearmanr(pairs["score"], pairs["cosine"]).statistic, abs=1e-4)
    assert load_results(tmp_path) == {"LeeDocumentSimilarity": pytest.approx(ours.value / 100, abs=1e-6)}


def test_lee_says_where_its_data_came_from(tmp_path: Path) -> None:
    (task,) = mteb_suite.load_tasks(open_source("package:gensim"), ["LEE"])
    path, revision = task.metadata.dataset["path"], task.metadata.dataset["revision"]
    package, _, inside = path.partition("/")
    assert (Path(str(files(package))) / inside).is_file()
    assert revision == importlib.metadata.version(package)
    scores_of(open_source("package:gensim"), ["LEE"], tmp_path)
    (written,) = tmp_path.rglob("LeeDocumentSimilarity.json")
    result = json.loads(written.read_text())
    assert result["dataset_revision"] == revision
    assert result["mteb_version"] == mteb.__version__


def test_a_second_evaluation_replaces_the_first(tmp_path: Path) -> None:
    source = open_source("package:gensim")
    embeddings = embeddings_of(mteb_suite.sentences(source, ["LEE"]))
    scores_of(source, ["LEE"], tmp_path, embeddings)
    embeddings.matrix = embeddings.matrix[::-1].copy()
    (second,) = scores_of(source, ["LEE"], tmp_path, embeddings)
    assert load_results(tmp_path) == {"LeeDocumentSimilarity": pytest.approx(second.value / 100, abs=1e-6)}


# a SentEval folder


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A folder in SentEval's layout with STS13, STS-B and SICK, a few pairs each."""

    def put(name: str, lines: list[str]) -> None:
        path = tmp_path / "data" / "downstream" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n")

    for k, subset in enumerate(("FNWN", "headlines", "OnWN")):
        put(f"STS/STS13-en-test/STS.input.{subset}.txt", [f"{subset} a{i}\t{subset} b{i}" for i in range(4)])
        put(f"STS/STS13-en-test/STS.gs.{subset}.txt", [str((i + k) % 5) for i in range(4)])
    for split in ("dev", "test"):
        rows = [f"genre\tfile\tyear\t{i}\t{i}.5\t{split} one {i}\t{split} two {i}" for i in range(4)]
        put(f"STS/STSBenchmark/sts-{split}.csv", rows)
    header = "pair_ID\tsentence_A\tsentence_B\trelatedness_score\tentailment_judgment"
    for split in ("train", "trial", "test_annotated"):
        rows = [f"{i}\t{split} p{i}\t{split} q{i}\t{i + 1}.25\tNEUTRAL" for i in range(4)]
        put(f"SICK/SICK_{split}.txt", [header, *rows])
    return tmp_path / "data"


def test_a_years_subsets_are_one_split_and_sick_is_all_three(small: Path) -> None:
    source = open_source(f"senteval:{small}")
    built = mteb_suite.load_tasks(source, ["STS13", "STSB", "SICKR"])
    assert [task.metadata.name for task in built] == ["STS13", "STSBenchmark", "SICK-R"]
    splits = [mteb_suite.split_of(task) for task in built]
    assert splits[0]["sentence1"] == [f"{s} a{i}" for s in ("FNWN", "headlines", "OnWN") for i in range(4)]
    assert splits[0]["sentence2"] == [f"{s} b{i}" for s in ("FNWN", "headlines", "OnWN") for i in range(4)]
    assert splits[0]["score"] == [0, 1, 2, 3, 1, 2, 3, 4, 2, 3, 4, 0]
    assert splits[1]["sentence1"] == [f"test one {i}" for i in range(4)]
    assert splits[2]["sentence1"] == [f"{s} p{i}" for s in ("train", "trial", "test_annotated") for i in range(4)]
    assert [(task.min_score, task.max_score) for task in built] == [(0, 5), (0, 5), (1, 5)]


def test_results_of_several_tasks_load(small: Path, tmp_path: Path) -> None:
    source, names = open_source(f"senteval:{small}"), ["STS13", "STSB", "SICKR"]
    ours = scores_of(source, names, tmp_path / "out")
    assert [(score.task, score.n) for score in ours] == [("STS13", 12), ("STSB", 4), ("SICKR", 12)]
    embeddings = embeddings_of(mteb_suite.sentences(source, names))
    for score, task in zip(ours, names[:2], strict=False):
        plain = sts.aggregations("sts", task, sts.pair_cosines(embeddings, source, task))[0]
        assert (plain.metric, plain.value) == ("spearman_all", pytest.approx(score.value, abs=1e-4))
    assert load_results(tmp_path / "out") == pytest.approx(
        {TASKS[score.task].name: score.value / 100 for score in ours}, abs=1e-6
    )


def revisions(folder: Path) -> dict[str, str]:
    source = open_source(f"senteval:{folder}")
    built = mteb_suite.load_tasks(source, ["STS13", "STSB", "SICKR"])
    for task in built:
        assert task.metadata.dataset["path"].startswith("senteval/")
    return {task.metadata.name: task.metadata.dataset["revision"] for task in built}


@pytest.mark.parametrize(
    ("file", "task"),
    [
        ("STS/STS13-en-test/STS.gs.FNWN.txt", "STS13"),
        ("STS/STS13-en-test/STS.gs.OnWN.txt", "STS13"),
        ("STS/STS13-en-test/STS.input.headlines.txt", "STS13"),
        ("STS/STSBenchmark/sts-test.csv", "STSBenchmark"),
        ("SICK/SICK_train.txt", "SICK-R"),
        ("SICK/SICK_trial.txt", "SICK-R"),
        ("SICK/SICK_test_annotated.txt", "SICK-R"),
    ],
)
def test_a_revision_stands_for_every_file_of_its_task_and_no_other(small: Path, file: str, task: str) -> None:
    before = revisions(small)
    assert len(set(before.values())) == len(before)
    assert not set(before.values()) & {revision for _, revision in TASKS.values()}
    path = small / "downstream" / file
    path.write_text(path.read_text().replace("3", "2"))
    after = revisions(small)
    assert {name for name in before if before[name] != after[name]} == {task}


def test_a_source_keeps_the_same_revisions_wherever_it_lies(small: Path, tmp_path: Path) -> None:
    shutil.copytree(small, tmp_path / "elsewhere")
    assert revisions(small) == revisions(tmp_path / "elsewhere")


def test_a_damaged_file_is_named(small: Path) -> None:
    gold = small / "downstream" / "STS/STS13-en-test/STS.gs.FNWN.txt"
    gold.write_text("1\nhigh\n2\n3\n")
    with pytest.raises(InputError, match=r"STS\.gs\.FNWN\.txt, line 2: score 'high'"):
        mteb_suite.load_tasks(open_source(f"senteval:{small}"), ["STS13"])


def test_equal_cosines_are_refused_before_mteb_writes_a_result(tmp_path: Path) -> None:
    source = open_source("package:gensim")
    embeddings = embeddings_of(mteb_suite.sentences(source, ["LEE"]))
    embeddings.matrix[:] = 2.0 ** (np.arange(len(embeddings.matrix)) % 6)[:, None]  # all in one direction
    with pytest.raises(InputError, match="Suite mteb, task LEE: all 300 cosines of a set of pairs are equal"):
        scores_of(source, ["LEE"], tmp_path, embeddings)
    assert not list(tmp_path.rglob("*.json"))


def test_joined_keeps_order_and_scale() -> None:
    a, b = (Pairs([f"{s}1"], [f"{s}2"], np.array([x]), (1, 5)) for s, x in (("a", 2.0), ("b", 4.0)))
    both = mteb_suite.joined({"x": a, "y": b})
    assert (both.first, both.second, both.scores.tolist(), both.scale) == (["a1", "b1"], ["a2", "b2"], [2, 4], (1, 5))
