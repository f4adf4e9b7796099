"""Any task of mteb, by mteb itself: the encoder answers as it is asked, and encodes each text once.

Suite `mteb` scores seven STS sets, whose sentences are known before. What a task of another type embeds (a sample of
its training split, a corpus, queries) only mteb knows, and asks for. Data come from the hub alone. What mteb writes
is what its results repository takes (docs/mteb.md).
"""

import copy
import logging
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from itertools import chain
from pathlib import Path
from statistics import fmean
from typing import Any, cast

import mteb
import numpy as np
from datasets.exceptions import DatasetsError
from mteb.abstasks.aggregated_task import AbsTaskAggregate
from mteb.get_tasks import TASK_LIST
from mteb.models import ModelMeta
from mteb.models.abs_encoder import AbsEncoder
from mteb.models.model_meta import ScoringFunction

from arccse.encoder import Encoder
from arccse.errors import InputError, first_line
from arccse.evaluation.mteb_suite import TASKS, fetched
from arccse.evaluation.scores import Score, Scored
from arccse.evaluation.scoring import fault
from arccse.models import Precision
from arccse.progress import Bar

ALL = [task.metadata.name for task in TASK_LIST]  # 2,000
BATCH = 64  # texts that go through the encoder together; mteb's run settings have it


# which tasks


def tasks(names: Iterable[str]) -> list[Any]:
    """mteb's tasks of these names, each once; a benchmark's name stands for all of its tasks.

    Args:
        names: as mteb has them ("Banking77Classification", "MTEB(eng, v2)"), or as suite `mteb` does ("STSB").

    Raises:
        InputError: mteb has no such task or benchmark, a task is of other things than text, or one was asked for
            twice, in different languages or splits.
    """
    found: dict[str, Any] = {}
    for task in (task for name in names for task in named(name)):
        other = {*task.metadata.modalities} - {"text"}
        if other:
            raise InputError(
                f"mteb's {task.metadata.name} is of {', '.join(sorted(other))}, and encoders here take text alone."
            )
        known = found.setdefault(task.metadata.name, task)
        if (known.hf_subsets, known.eval_splits) != (task.hf_subsets, task.eval_splits):
            raise InputError(
                f"mteb's {task.metadata.name} was asked for twice, with different languages or splits; call once for "
                "each, with a folder of its own."
            )
    return list(found.values())


def named(name: str) -> Sequence[Any]:
    """The task of that name, or those of the benchmark: copies of mteb's, which has each once."""
    if is_task(name):
        return [mteb.get_task(TASKS[name].name if name in TASKS else name)]
    benchmarks = {one: each for each in mteb.get_benchmarks() for one in (each.name, *each.aliases)}
    if name not in benchmarks:
        nearest = like(name, [*ALL, *benchmarks])
        raise InputError(f"mteb {mteb.__version__} has no task or benchmark '{name}'{nearest}")
    return [copy.deepcopy(task) for task in benchmarks[name].tasks]


def is_task(name: str) -> bool:
    """Whether mteb, or suite `mteb`, has a task of that name."""
    return name in TASKS or name in ALL


def like(name: str, valid: Sequence[str]) -> str:
    """The end of a sentence, with the name nearest to a misspelt one among thousands, or where they are listed."""
    by_case = {one.lower(): one for one in reversed(valid)}
    near = get_close_matches(name.lower(), by_case, n=1, cutoff=0.7)
    near = near or sorted((one for one in by_case if name.lower() in one), key=len)
    return f"; did you mean '{by_case[near[0]]}'?" if near else "; mteb.get_tasks() and get_benchmarks() list them."


def parts(task: Any) -> list[Any]:
    """The tasks that an aggregate of mteb is the mean of; of any other task itself."""
    return (
        [part for one in task.metadata.tasks for part in parts(one)] if isinstance(task, AbsTaskAggregate) else [task]
    )


def with_data(task: Any) -> Any:
    """The task over the files of its data set at mteb's revision, which are fetched where the cache lacks them.

    Raises:
        InputError: they can't be had.
    """
    if not isinstance(task, AbsTaskAggregate):
        return fetched(task)
    own = [with_data(copy.deepcopy(one)) for one in task.metadata.tasks]
    task.metadata = task.metadata.model_copy(update={"tasks": own})
    return task


# the model


class OnDemand(AbsEncoder):
    """What mteb sees as a model: an encoder that encodes each text once, however many tasks ask for it.

    Unsupervised encoders have no prompts, so that queries, documents and classes are texts like any other.

    Attributes:
        rows: text → its (d,) float32 embedding. A million texts of 768 dimensions take 3 GB.
    """

    def __init__(self, encoder: Encoder, precision: Precision, meta: ModelMeta):
        self.encoder, self.precision, self.mteb_model_meta = encoder, precision, meta
        self.name = meta.name
        self.rows: dict[str, np.ndarray] = {}

    def encode(self, inputs: Any, *, task_metadata: Any, batch_size: int = BATCH, **kwargs: Any) -> np.ndarray:
        """(n, d) float32 of n texts, in which mteb computes for others as well.

        Raises:
            InputError: embeddings that say nothing.
        """
        texts = [text for batch in inputs for text in batch["text"]]
        new = [text for text in dict.fromkeys(texts) if text not in self.rows]
        if new:
            self.rows |= zip(new, self.encoded(new, task_metadata.name, batch_size), strict=True)
        return np.stack([self.rows[text] for text in texts])

    def encoded(self, texts: Sequence[str], task: str, batch_size: int) -> np.ndarray:
        """(n, d) float32 of n different texts, which go through the encoder in order of length."""
        with Bar(f"encoding for {task}", "texts") as bar:
            rows = self.encoder.encode(texts, batch_size, lambda done: bar.update(done, len(texts)), self.precision)
        found = fault(rows) if len(texts) > 1 else None  # of one text, all are the same
        if found:
            raise InputError(
                f"Model {self.name} can't be scored on mteb's {task}: {found}; was it trained to an end?"
            )
        return rows


def meta(encoder: Encoder, name: str, revision: str, page: str | None, layout: str) -> ModelMeta:
    """What mteb records of a model; what its files do not say (licence, training data) its authors add there.

    Args:
        encoder: the model.
        name: organisation/model.
        revision: its commit on the hub, or what else tells it from others.
        page: its address, from which anybody can have it; None where it has none.
        layout: that of its folder, as mteb calls it: "Sentence Transformers" or "Transformers".
    """
    sizes = [weight.numel() * weight.element_size() for weight in encoder.parameters()]
    words = encoder.transformer.get_input_embeddings().weight
    linear = encoder.linear
    known = {
        "name": name,
        "revision": revision,
        "reference": page,
        "framework": [layout, "PyTorch", "safetensors"],
        "similarity_fn_name": ScoringFunction.COSINE,
        "max_tokens": encoder.max_length,
        "embed_dim": linear.out_features if linear else encoder.transformer.config.hidden_size,
        "n_parameters": sum(weight.numel() for weight in encoder.parameters()),
        "n_embedding_parameters": words.numel(),
        "memory_usage_mb": round(sum(sizes) / 2**20),
        "use_instructions": False,
        "open_weights": True if page else None,
    }
    return ModelMeta.create_empty(known)


# scores


def evaluate(model: OnDemand, chosen: Iterable[Any], out: Path) -> Iterator[Scored]:
    """Run mteb on tasks that have their data (`with_data`) and yield each one's main score, × 100, as it ends.

    Its JSON goes under out/results/ and loads with `mteb.ResultCache(out)`; what it has there of other tasks stays.

    Raises:
        InputError: data can't be read, or a score is not finite.
    """
    logging.getLogger("mteb").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", "The task '.*' is superseded")  # benchmarks have such tasks, and mean them
    for task in chosen:
        for part in parts(task):
            load(part)
        result = mteb.evaluate(
            cast("Any", model),
            task,
            cache=mteb.ResultCache(out),
            overwrite_strategy="always",
            encode_kwargs={"batch_size": BATCH, "show_progress_bar": False},
            show_progress_bar=False,
            co2_tracker=False,
        )
        metadata, value = task.metadata, 100 * result.task_results[0].get_score()
        if not math.isfinite(value):
            raise InputError(
                f"mteb's {metadata.name}: {metadata.main_score} of model {model.name} is {value}, and no scores.csv "
                "is written."
            )
        yield Scored([Score("mteb", metadata.name, metadata.main_score, value, sum(map(size, parts(task))))])
        for part in parts(task):
            part.unload_data()


def means(names: Iterable[str], scores: Sequence[Score]) -> list[Score]:
    """Of each benchmark among the names, what mteb's leaderboard calls Mean (Task) and Mean (TaskType).

    Args:
        names: that the scores were asked for by.
        scores: of all their tasks.
    """
    values, found = {score.task: score.value for score in scores}, []
    for name in names:
        if is_task(name):
            continue
        own, types = named(name), dict[str, list[float]]()
        for task in own:
            types.setdefault(task.metadata.type, []).append(values[task.metadata.name])
        found.append(Score("mteb", name, "Mean (Task)", fmean(chain(*types.values())), len(own)))
        found.append(Score("mteb", name, "Mean (TaskType)", fmean(map(fmean, types.values())), len(own)))
    return found


def load(task: Any) -> None:
    """Read a task's data; InputError where that can't be done."""
    try:
        task.load_data()
    except (OSError, ValueError, EOFError, DatasetsError) as error:
        reason = first_line(error.__cause__ or error)  # datasets wraps the plain one in "An error occurred"
        raise InputError(
            f"mteb's {task.metadata.name} in {task.metadata.dataset['path']} can't be read: {reason}"
        ) from error


def size(task: Any) -> int:
    """The examples in all splits and languages that a task was scored on: queries where it searches, else rows."""
    found = 0
    for split in task.eval_splits:
        for subset in task.hf_subsets:
            examples = task.dataset.get(subset, task.dataset)[split]
            found += len(examples["queries"] if isinstance(examples, dict) else examples)
    return found
