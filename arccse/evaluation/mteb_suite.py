"""The `mteb` suite: the same sets through the mteb package, with results in MTEB's own JSON."""

import hashlib
import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import mteb
import numpy as np
from datasets import Dataset
from datasets.exceptions import DatasetsError
from mteb.abstasks.sts import AbsTaskSTS
from mteb.abstasks.task_metadata import TaskMetadata
from mteb.models import ModelMeta
from mteb.models.abs_encoder import AbsEncoder
from mteb.models.model_meta import ScoringFunction

from arccse import hub
from arccse.data.readers import Pairs
from arccse.data.sources import Source
from arccse.errors import InputError, first_line
from arccse.evaluation.scores import Score, Scored
from arccse.evaluation.sts import Embed, cosine, refuse_constant

if TYPE_CHECKING:
    from arccse.evaluation.scoring import Job

METRIC = "cosine_spearman"  # mteb's main score for these tasks


class HubTask(NamedTuple):
    """A task of the mteb package, and the revision of its data set that our scores are for."""

    name: str
    revision: str


TASKS = {
    "STS12": HubTask("STS12", "a0d554a64d88156834ff5ae9920b964011b16384"),
    "STS13": HubTask("STS13", "7e90230a92c190f1bf69ae9002b8cea547a64cca"),
    "STS14": HubTask("STS14", "6031580fec1f6af667f0bd2da0a551cf4f0b2375"),
    "STS15": HubTask("STS15", "ae752c7c21bf194d8b67fd573edf7ae58183cbe3"),
    "STS16": HubTask("STS16", "4d8694f8f0e0100860b497b999b3dbed754a0513"),
    "STSB": HubTask("STSBenchmark", "b0fddb56ed78048fa8b90373c8a3cfc37b684831"),
    "SICKR": HubTask("SICK-R", "20a6d6f312dd54037fe07a32d58e5e168867909d"),
}

LEE = TaskMetadata(
    name="LeeDocumentSimilarity",
    description="Human similarity of pairs among 25 short news documents (Lee, Pincombe and Welsh, 2005).",
    dataset={"path": "gensim/test/test_data/lee.cor", "revision": "4.4.0"},
    reference="https://escholarship.org/uc/item/48g155nq",
    type="STS",
    category="t2t",
    modalities=["text"],
    eval_splits=["test"],
    eval_langs=["eng-Latn"],
    main_score="cosine_spearman",
)


def load_tasks(source: Source, names: Iterable[str]) -> list[AbsTaskSTS]:
    """mteb's tasks of our names, with their data read.

    From the hub they are mteb's own, at the revisions above. From any other source they keep mteb's name and
    protocol but hold the source's pairs, and their revision says so.

    Raises:
        InputError: mteb pins another revision, or the data can't be fetched or read.
    """
    built = [fetched(from_hub(name)) if source.spec == "hub" else from_source(source, name) for name in names]
    for task in built:
        try:
            task.load_data()
        except (OSError, ValueError, EOFError, DatasetsError) as error:
            reason = first_line(error.__cause__ or error)  # datasets wraps the plain one in "An error occurred"
            raise InputError(
                f"mteb's {task.metadata.name} in {task.metadata.dataset['path']} can't be read: {reason}"
            ) from error
    return built


def from_hub(name: str) -> Any:
    """mteb's own task, after a check that its data are those that our table pins."""
    task = mteb.get_task(TASKS[name].name)
    if task.metadata.dataset["revision"] != TASKS[name].revision:
        raise InputError(
            f"mteb {mteb.__version__} has revision {task.metadata.dataset['revision']} for {task.metadata.name}, "
            f"not {TASKS[name].revision}; install the version that pyproject.toml pins."
        )
    return task


def fetched(task: Any) -> Any:
    """mteb's task over the files of its data set, which have been fetched.

    Asked for a data set by name, datasets takes another revision out of its cache where the hub fails or
    HF_HUB_OFFLINE is set, and nothing in the result says so.
    """
    data = task.metadata.dataset
    folder = hub.snapshot(data["path"], data["revision"], "dataset")
    task.metadata = task.metadata.model_copy(update={"dataset": data | {"path": str(folder)}})
    return task


def from_source(source: Source, name: str) -> "SourceTask":
    """mteb's task over pairs of a source; its SICK-R takes the pairs of all three splits."""
    if name == "LEE":
        return SourceTask(LEE, source.sts(name)[name])
    metadata = mteb.get_task(TASKS[name].name).metadata
    dev = source.checksums([])  # checksums() always counts the dev files, which are none of the task's
    lines = [f"{digest}  {file}\n" for file, digest in source.checksums([name]).items() if file not in dev]
    digest = hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()
    provenance = {"path": f"{source.spec.partition(':')[0]}/{name}", "revision": f"sha256-{digest}"}
    pairs = source.sick_all() if name == "SICKR" else joined(source.sts(name))
    return SourceTask(metadata.model_copy(update={"dataset": provenance}), pairs)


class SourceTask(AbsTaskSTS):
    """An mteb STS task whose loading hook takes pairs that were read from our source."""

    def __init__(self, metadata: TaskMetadata, pairs: Pairs):
        self.metadata = metadata
        self.pairs = pairs
        self.min_score, self.max_score = (int(end) for end in pairs.scale)
        super().__init__()

    def load_data(self, num_proc: int | None = None, **kwargs: Any) -> None:
        columns = {"sentence1": self.pairs.first, "sentence2": self.pairs.second, "score": self.pairs.scores}
        self.dataset = {"default": {"test": Dataset.from_dict(columns)}}
        self.data_loaded = True


def joined(subsets: dict[str, Pairs]) -> Pairs:
    """The concatenation of a year's subsets."""
    parts = list(subsets.values())
    return Pairs(
        first=[sentence for part in parts for sentence in part.first],
        second=[sentence for part in parts for sentence in part.second],
        scores=np.concatenate([part.scores for part in parts]),
        scale=parts[0].scale,
    )


class EmbeddingsModel(AbsEncoder):
    """What mteb sees as a model: a look-up of embeddings that were computed before."""

    def __init__(self, embed: Embed, name: str, revision: str):
        self.embed = embed
        self.mteb_model_meta = ModelMeta.create_empty(
            {
                "name": name,
                "revision": revision,
                "similarity_fn_name": ScoringFunction.COSINE,
                "languages": ["eng-Latn"],
            }
        )

    def encode(self, inputs: Any, **kwargs: Any) -> np.ndarray:
        # mteb computes in the precision it gets; in float32 the cosines of a collapsed encoder round to ties
        return self.embed([sentence for batch in inputs for sentence in batch["text"]]).astype(np.float64)


def sentences(source: Source, tasks: Sequence[str]) -> list[str]:
    """Every sentence that the tasks will embed, repeats included."""
    splits = [split_of(task) for task in load_tasks(source, tasks)]
    return [sentence for split in splits for column in ("sentence1", "sentence2") for sentence in split[column]]


def evaluate(job: "Job") -> Iterator[Scored]:
    """Run mteb and yield each task's headline metric, × 100.

    Its JSON goes under out/results/ and loads with `mteb.ResultCache(out)`.

    Raises:
        InputError: all cosines or all ratings of a task are equal.
    """
    logging.getLogger("mteb").setLevel(logging.ERROR)
    model = EmbeddingsModel(job.embed, job.model, job.embed.fingerprint[:40])
    for name, task in zip(job.tasks, load_tasks(job.source, job.tasks), strict=True):
        split = split_of(task)
        cosines = cosine(job.embed(list(split["sentence1"])), job.embed(list(split["sentence2"])))
        refuse_constant(job.suite.name, name, cosines, np.array(split["score"]))
        result = mteb.evaluate(
            cast("Any", model),
            task,
            cache=mteb.ResultCache(job.out),
            overwrite_strategy="always",
            encode_kwargs={"batch_size": 1024},
            show_progress_bar=False,
            co2_tracker=False,
        )
        value = result.task_results[0].scores["test"][0][METRIC]
        yield Scored([Score(job.suite.name, name, METRIC, 100 * value, len(split))])


def split_of(task: AbsTaskSTS) -> Any:
    """The test split of a loaded task, which mteb keeps under "default" or at the top."""
    dataset: Any = task.dataset
    return dataset.get("default", dataset)["test"]
