"""Any task of mteb, from a hub on loopback that has small data sets under the names and revisions of mteb's own."""

import json
import os
import re
import shutil
import subprocess
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import mteb
import numpy as np
import pandas as pd
import pytest
import tiny
from commands import arccse
from hub_server import Hub, serve, turned_to
from huggingface_hub import constants
from safetensors.numpy import load_file, save_file
from sentence_transformers import SentenceTransformer

from arccse import evaluating
from arccse.encoder import Encoder, load_encoder
from arccse.errors import InputError
from arccse.evaluation import mteb_tasks
from arccse.evaluation.scores import Score
from arccse.records import read_evaluations

PAGE = (Path(__file__).parents[2] / "docs" / "mteb.md").read_text(encoding="utf-8")
TEXTS = tiny.sentences(560)
QUERIES = [" ".join(text.split()[:4]) for text in TEXTS[:12]]  # beginnings of documents, or all of a short one
SHAPE = ("corpus", "queries", "qrels")
BANKING, CLUSTERS, SEARCH, STS = (
    "Banking77Classification",
    "TwentyNewsgroupsClustering.v2",
    "NanoArguAnaRetrieval",
    "STSBenchmark",
)
NAMES = [BANKING, CLUSTERS, SEARCH, "STSB"]  # the last as suite mteb calls it
MAIN = {BANKING: "accuracy", CLUSTERS: "v_measure", SEARCH: "ndcg_at_10", STS: "cosine_spearman"}
SIZES = {BANKING: 20, CLUSTERS: 500, SEARCH: 12, STS: 20}
COMMIT = "0123456789abcdef0123456789abcdef01234567"


# the hub's data sets, each in the layout of the real one; mteb says which commit it reads


def lines(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def banking() -> dict[str, bytes]:
    rows = [{"text": text, "label": len(text.split()) % 2, "label_text": "odd or even"} for text in TEXTS[:60]]
    return {"train.jsonl": lines(rows[:40]), "test.jsonl": lines(rows[40:])}


def clusters() -> dict[str, bytes]:
    """Rows of many sentences, of which mteb embeds 4 %."""
    sets = [TEXTS[60 + i :: 50] for i in range(50)]
    return {"test.jsonl": lines([{"sentences": own, "labels": [text.split()[0] for text in own]} for own in sets])}


def search() -> dict[str, bytes]:
    """A corpus, queries, and which document is each one's."""
    parts = {
        name: {"config_name": name, "data_files": [{"split": "train", "path": f"{name}.jsonl"}]} for name in SHAPE
    }
    card = f"---\n{json.dumps({'configs': [*parts.values()]})}\n---\n".encode()
    return {
        "README.md": card,
        "corpus.jsonl": lines([{"_id": f"d{i}", "text": text} for i, text in enumerate(TEXTS[:40])]),
        "queries.jsonl": lines([{"_id": f"q{i}", "text": text} for i, text in enumerate(QUERIES)]),
        "qrels.jsonl": lines([{"query-id": f"q{i}", "corpus-id": f"d{i}", "score": 1} for i in range(12)]),
    }


def sts() -> dict[str, bytes]:
    rows = [{"sentence1": TEXTS[i], "sentence2": TEXTS[i + 20], "score": i % 6} for i in range(20)]
    return {"test.jsonl": lines(rows)}


def at_commit(task: str, files: dict[str, bytes]) -> dict[str, bytes]:
    data = mteb.get_task(task).metadata.dataset
    return {f"/datasets/{data['path']}/resolve/{data['revision']}/{name}": body for name, body in files.items()}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder in sentence-transformers layout, pooled by mean."""
    folder = tmp_path_factory.mktemp("models")
    load_encoder(str(tiny.save_bert(folder / "bert")), "mean").save(folder / "mean")
    return folder / "mean"


@pytest.fixture(scope="module")
def hub(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """This process's hub; it has the model as well."""
    cache = tmp_path_factory.mktemp("hub")
    files = {f"/tiny/mean/resolve/{COMMIT}/{path.relative_to(model)}": path.read_bytes() for path in files_in(model)}
    for task, made in ((BANKING, banking()), (CLUSTERS, clusters()), (SEARCH, search()), (STS, sts())):
        files |= at_commit(task, made)
    files |= at_commit("STS13", {"test.jsonl": b"<html>\n"})
    with serve(files) as running, turned_to(running, cache), pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets.config, "HF_DATASETS_CACHE", cache / "datasets")
        patch.setattr(time, "sleep", lambda seconds: None)
        datasets.disable_progress_bars()
        yield running


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


class Made:
    """What one call has left, and each text that it had encoded."""

    def __init__(self, out: Path, scores: list[Score], encoded: list[str]):
        self.out, self.scores, self.encoded = out, scores, encoded


@pytest.fixture(scope="module")
def made(hub: Hub, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    out, encoded, encode = tmp_path_factory.mktemp("out"), list[str](), Encoder.encode

    def listening(self: Encoder, sentences: list[str], *arguments: Any) -> np.ndarray:
        encoded.extend(sentences)
        return encode(self, sentences, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Encoder, "encode", listening)
        scores = evaluating.evaluate_mteb(str(model), NAMES, out, name="tiny/mean")
    return Made(out, scores, encoded)


def test_scores_are_those_of_mteb_with_the_model_itself(made: Made, model: Path, tmp_path: Path) -> None:
    tasks = [mteb_tasks.with_data(task) for task in mteb_tasks.tasks(NAMES)]
    plain = mteb.evaluate(
        SentenceTransformer(str(model), device="cpu"),
        tasks,
        cache=mteb.ResultCache(tmp_path),
        encode_kwargs={"show_progress_bar": False, "batch_size": 8},
        show_progress_bar=False,
        co2_tracker=False,
    )
    theirs = {result.task_name: 100 * result.get_score() for result in plain.task_results}
    assert {score.task: score.value for score in made.scores} == pytest.approx(theirs, abs=1e-3)
    assert len({*theirs.values()}) == len(NAMES)


def test_a_line_has_the_main_metric_and_how_many_were_scored(made: Made) -> None:
    written = pd.read_csv(made.out / "scores.csv")
    assert [*written["task"]] == [BANKING, CLUSTERS, SEARCH, STS]
    assert dict(zip(written["task"], written["metric"], strict=True)) == MAIN
    assert dict(zip(written["task"], written["n"], strict=True)) == SIZES
    assert {*written["suite"]} == {"mteb"}
    assert written["value"].tolist() == pytest.approx([score.value for score in made.scores], abs=1e-6)


def test_each_text_is_encoded_once_whatever_tasks_have_it(made: Made) -> None:
    assert len(made.encoded) == len({*made.encoded})
    assert {*TEXTS[:60]} <= {*made.encoded}  # of classes, a corpus and pairs
    assert len(made.encoded) == len({*TEXTS[:60], *QUERIES}) + 20  # 4 % of the sentences to cluster


def test_the_folder_is_what_mteb_loads_and_its_repository_takes(made: Made) -> None:
    cache = mteb.ResultCache(made.out)
    (found,) = cache.load_results(include_remote=False).model_results
    assert found.model_name == "tiny/mean"
    assert {one.task_name: one.get_score() for one in found.task_results} == pytest.approx(
        {score.task: score.value / 100 for score in made.scores}, abs=1e-6
    )
    for one in found.task_results:
        assert one.dataset_revision == mteb.get_task(one.task_name).metadata.revision
    (folder,) = {path.parent for path in cache.get_cache_paths(include_remote=False)}
    assert folder.relative_to(made.out).parts[:2] == ("results", "tiny__mean")
    settings = [json.loads(line) for line in (folder / "run_settings.jsonl").read_text().splitlines()]
    assert {one["task"] for one in settings} == {*MAIN}
    assert {one["encode_kwargs"]["batch_size"] for one in settings} == {mteb_tasks.BATCH}


def test_the_page_that_walks_through_submission(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its Python, with a repository of our own where mteb's is."""
    theirs = tmp_path / "results"
    given = {"AUTHOR_NAME": "a", "AUTHOR_EMAIL": "a@b.c", "COMMITTER_NAME": "a", "COMMITTER_EMAIL": "a@b.c"}
    given |= {"CONFIG_COUNT": "1", "CONFIG_KEY_0": f"url.file://{theirs}.insteadOf", "CONFIG_GLOBAL": os.devnull}
    given |= {"CONFIG_VALUE_0": "https://github.com/embeddings-benchmark/results"}
    for name, value in given.items():
        monkeypatch.setenv(f"GIT_{name}", value)
    for command in (("init", "-q", theirs), ("-C", theirs, "commit", "-q", "--allow-empty", "-m", "theirs")):
        subprocess.run(["git", *command], check=True)
    shutil.copytree(made.out, tmp_path / "DIR")
    monkeypatch.chdir(tmp_path)
    describe, submit = re.findall(r"^ *```python\n(.*?)^ *```", PAGE, flags=re.MULTILINE | re.DOTALL)
    exec(textwrap.dedent(describe), {})
    described = capsys.readouterr().out
    assert "name='tiny/mean'" in described
    assert "embed_dim=32" in described
    exec(textwrap.dedent(submit), {})
    assert capsys.readouterr().out.split()[:2] == ["ready_for_submission", str(len(NAMES))]
    show = ["git", "-C", "DIR/remote", "show", "--stat=200"]
    shown = subprocess.run(show, capture_output=True, text=True, check=True).stdout
    assert "tiny/mean" in shown
    for name in (*(f"{task}.json" for task in MAIN), "model_meta.json"):
        assert f"/{name}" in shown


def test_what_mteb_is_told_of_the_model(made: Made, model: Path) -> None:
    (path,) = made.out.rglob("model_meta.json")
    said = json.loads(path.read_text())
    encoder = load_encoder(str(model))
    plain = SentenceTransformer(str(model), device="cpu")
    assert (said["name"], said["revision"]) == ("tiny/mean", encoder.fingerprint()[:40])
    assert path.parent.name == said["revision"]
    assert said["embed_dim"] == plain.get_embedding_dimension() == 32
    assert said["max_tokens"] == plain.max_seq_length == 64
    assert said["n_parameters"] == sum(weight.numel() for weight in plain.parameters())
    assert said["n_embedding_parameters"] == 200 * 32
    assert said["framework"] == ["Sentence Transformers", "PyTorch", "safetensors"]
    assert (said["similarity_fn_name"], said["use_instructions"]) == ("cosine", False)
    assert said["reference"] is said["open_weights"] is None  # nobody else can have it


def test_the_record_says_what_made_the_scores(made: Made) -> None:
    own = read_evaluations(made.out / "evaluation.json")["mteb"]
    assert (own["pooling"], own["precision"], own["source"]) == ("mean", "fp32", "hub")
    assert own["revisions"] == {task: mteb.get_task(task).metadata.revision for task in MAIN}
    assert "evaluation.mteb_tasks" in own["code"]["parts"]


def test_of_a_published_model_the_commit_stands_for_its_own_pooling_alone(hub: Hub) -> None:
    own, other = (load_encoder("tiny/mean", pooling, revision=COMMIT) for pooling in ("mean", "cls"))
    known = evaluating.identity("tiny/mean", COMMIT, own)
    assert (known["revision"], known["page"]) == (COMMIT, "https://huggingface.co/tiny/mean")
    unknown = evaluating.identity("tiny/mean", COMMIT, other)
    assert (unknown["revision"], unknown["page"]) == (other.fingerprint()[:40], None)


def test_a_second_call_adds_its_tasks_and_the_command_prints_them(hub: Hub, model: Path, tmp_path: Path) -> None:
    command = ("evaluate", model, "--suite", "mteb", "--data", "hub", "--out", tmp_path, "--task")
    for task in (BANKING, STS):
        result = arccse(*command, task)
        assert result.returncode == 0, result.stderr
        assert re.search(rf"mteb .* {task} .* {MAIN[task]} .* {SIZES[task]} ", result.stdout)
        assert f"mteb {task}: {MAIN[task]}" in result.stderr
    assert [*pd.read_csv(tmp_path / "scores.csv")["task"]] == [STS]
    assert {path.stem for path in tmp_path.rglob("*.json")} >= {BANKING, STS}


# an aggregate, which is the mean of other tasks

FORUMS = "CQADupstackRetrieval"


def test_an_aggregate_is_the_mean_of_its_tasks(hub: Hub, model: Path, tmp_path: Path) -> None:
    whole = mteb.get_task(FORUMS)
    own = [task.metadata.name for task in whole.metadata.tasks]
    with pytest.MonkeyPatch.context() as patch:
        files = {name: content.replace(b"train", b"test") for name, content in search().items()}
        patch.setattr(
            hub, "files", {**hub.files, **{k: v for name in own for k, v in at_commit(name, files).items()}}
        )
        (score,) = evaluating.evaluate_mteb(str(model), [FORUMS], tmp_path)
    (path,) = tmp_path.rglob(f"{own[0]}.json")
    each = [json.loads(path.with_name(f"{name}.json").read_text())["scores"]["test"][0]["main_score"] for name in own]
    assert len(own) == 12
    assert (score.task, score.metric, score.n) == (FORUMS, "ndcg_at_10", 12 * 12)
    assert score.value == pytest.approx(100 * np.mean(each), abs=1e-3)
    for task in mteb.get_task(FORUMS).metadata.tasks:  # mteb's own, for the next call, are as they were
        assert task.metadata.dataset["path"].startswith("mteb/")
        assert not task.data_loaded


# names


def test_a_benchmark_stands_for_its_tasks() -> None:
    own = mteb.get_benchmark("MTEB(eng, v2)").tasks
    found = mteb_tasks.tasks(["MTEB(eng, v2)", "STSB", "MTEB(eng)"])  # the last is another name for the first
    assert [task.metadata.name for task in found] == [task.metadata.name for task in own]
    assert {(*task.hf_subsets,) for task in found} >= {("default",), ("en",), ("en-en",)}
    assert not {*map(id, found)} & {*map(id, own)}  # data are loaded into copies


def test_a_benchmarks_means_are_over_tasks_and_over_types_of_them() -> None:
    found = mteb_tasks.tasks(["MTEB(eng, v2)"])
    types = [task.metadata.type for task in found]
    values = [10.0 * sorted({*types}).index(one) for one in types]
    scores = [Score("mteb", task.metadata.name, "m", value, 1) for task, value in zip(found, values, strict=True)]
    over_tasks, over_types = mteb_tasks.means(["MTEB(eng, v2)", "STS12", "STSB"], scores)
    assert (over_tasks.metric, over_tasks.task, over_tasks.n) == ("Mean (Task)", "MTEB(eng, v2)", 41)
    assert over_tasks.value == pytest.approx(np.mean(values))
    assert (over_types.metric, over_types.value) == ("Mean (TaskType)", pytest.approx(5 * (len({*types}) - 1)))


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        (["Banking77Clasification"], ["'Banking77Clasification'", "did you mean 'Banking77Classification'?"]),
        (["banking77"], ["'banking77'", "did you mean 'Banking77Classification'?"]),
        (["MTEB(english, v2)"], ["'MTEB(english, v2)'", "did you mean 'MTEB(eng, v2)'?"]),
        (["STS12", "a poem"], ["'a poem'", "mteb.get_tasks() and get_benchmarks() list them."]),
        (["Caltech101"], ["Caltech101", "image"]),
        (["MTEB(eng, v2)", "STS22.v2"], ["STS22.v2", "call once for each"]),
    ],
)
def test_what_cannot_be_asked_for(names: list[str], parts: list[str]) -> None:
    with pytest.raises(InputError) as refused:
        mteb_tasks.tasks(names)
    assert "\n" not in str(refused.value)
    for part in parts:
        assert part in str(refused.value)


def test_other_sources_say_where_mtebs_own_tasks_are(model: Path, tmp_path: Path) -> None:
    said = arccse(
        *("evaluate", model, "--suite", "mteb", "--data", "package:gensim", "--task", BANKING), "--out", tmp_path
    )
    assert said.returncode == 2
    assert re.fullmatch(r"arccse: Suite mteb has no task 'Banking77.*--suite mteb alone, --data hub\.\n", said.stderr)


# what goes wrong


def refusal(model: Path, names: list[str], out: Path) -> str:
    """What is said, in one line, where nothing is encoded."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(Encoder, "encode")
        with pytest.raises(InputError) as refused:
            evaluating.evaluate_mteb(str(model), names, out)
    assert not files_in(out)
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize(
    ("fault", "why"),
    [("gated", "its owner decides who may have it"), ("missing", "there is no such repository, or not for you")],
)
def test_a_data_set_that_is_not_for_everyone(hub: Hub, model: Path, tmp_path: Path, fault: Any, why: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hub, "fault", fault)
        patch.setattr(hub, "faulty", re.compile("sts14"))
        said = refusal(model, [BANKING, "STS14"], tmp_path)
    assert "mteb/sts14-sts" in said
    assert why in said
    assert "give a token" in said


def test_a_model_that_does_not_say_how_it_pools_is_told_before_data_are_fetched(
    hub: Hub, model: Path, tmp_path: Path
) -> None:
    asked = len(hub.requests)
    assert "does not say how it pools" in refusal(model.with_name("bert"), ["STS14"], tmp_path)
    assert len(hub.requests) == asked


def test_without_a_network(hub: Hub, made: Made, model: Path, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(constants, "HF_HUB_OFFLINE", True)
        said = refusal(model, ["BIOSSES"], tmp_path)
        assert re.match(r"Data set 'mteb/biosses-sts' .* \(HF_HUB_OFFLINE is set, and the cache has nothing", said)
        asked = len(hub.requests)
        (score,) = evaluating.evaluate_mteb(str(model), [BANKING], tmp_path)  # which a call before has fetched
        assert len(hub.requests) == asked
    assert score == next(one for one in made.scores if one.task == BANKING)


def test_a_hub_that_is_not_there(hub: Hub, model: Path, tmp_path: Path) -> None:
    with serve({}) as gone:
        pass
    with turned_to(gone, tmp_path / "cache"):
        said = refusal(model, ["BIOSSES"], tmp_path / "out")
    assert re.match(r"Data set 'mteb/biosses-sts' .* could not be fetched .* once http://127.0.0.1:\d+ can be", said)


def test_data_that_cannot_be_read(hub: Hub, model: Path, tmp_path: Path) -> None:
    assert re.match("mteb's STS13 in .* can't be read: ", refusal(model, ["STS13"], tmp_path))


@pytest.mark.parametrize(("factor", "why"), [(0, "sentences are zero"), (np.nan, "NaN or infinite")])
def test_embeddings_that_say_nothing(hub: Hub, model: Path, tmp_path: Path, factor: float, why: str) -> None:
    spoilt = Path(shutil.copytree(model, tmp_path / "spoilt"))
    weights = load_file(spoilt / "model.safetensors")
    save_file({name: factor * weight for name, weight in weights.items()}, spoilt / "model.safetensors")
    with pytest.raises(InputError, match=f"local/spoilt can't be scored on mteb's {BANKING}: .*{why}"):
        evaluating.evaluate_mteb(str(spoilt), [BANKING], tmp_path / "out", name="local/spoilt")
    assert not (tmp_path / "out" / "scores.csv").exists()
