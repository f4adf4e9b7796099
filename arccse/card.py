"""A model's card, README.md in its folder, and the folder that is published.

huggingface_hub's ModelCard and model-index, with a template of ours: sentence-transformers fills in its own as its
trainer trains, draws examples for it at random and asks the hub.
"""

import importlib.metadata
import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from arccse import citations, models, paths
from arccse.config import Config
from arccse.data.corpus import HUB_SPEC, is_triplets
from arccse.errors import InputError
from arccse.evaluation.suites import SUITES
from arccse.files import atomic_path
from arccse.hyperparameters import Hyperparameters
from arccse.records import read_scores
from arccse.results import Gathered
from arccse.standings import Standing, refuse_other_code, standing
from arccse.variants import Run

# Kinds of suites whose scores say how well an encoder does: what the hub calls their task.
TASKS = {"sts": "semantic-similarity", "mteb_suite": "semantic-similarity", "transfer": "text-classification"}


class Line(NamedTuple):
    """A score of a card."""

    suite: str
    title: str
    task: str
    metric: str
    score: str
    value: float
    n: str


def text(run: Run, record: Mapping[str, Any], scores: Sequence[Line] = ()) -> str:
    """The card of a run's model: metadata in YAML, then Markdown.

    Args:
        run: the run.
        record: its run.json, or as much of that as is known: data, selected_step, packages, git_commit, device.
        scores: what its model got.
    """
    variant = run.variant
    h, base, on_hub = variant.hyperparameters, variant.model, models.on_hub(variant.model)
    corpus = HUB_SPEC.fullmatch(variant.corpus)
    chosen = licence(base)
    data = ModelCardData(
        base_model=base if on_hub else None,
        datasets=[corpus[1]] if corpus and not variant.untrained else None,
        library_name="sentence-transformers",
        license=chosen,
        pipeline_tag="sentence-similarity",
        tags=["sentence-transformers", "sentence-similarity", "feature-extraction", "arccse"],
        model_name=run.id if scores else None,
        eval_results=list(results(scores)) or None,
    )
    cited = [citations.of_objective(h.objective, h.arguments)] + [citations.ARCCSE] * (h.triplet_weight > 0)
    card = ModelCard.from_template(
        data,
        template_str=(files("arccse") / "card.md.j2").read_text(encoding="utf-8"),
        run=run.id,
        base=base,
        on_hub=on_hub,
        made=made(h),
        pooling=h.pooling,
        training=training(run, record),
        hyperparameters={name: json.dumps(value) for name, value in h.canonical().items()},
        scores=scores,
        seed=run.seed,
        license=chosen,
        citations=[citations.SUITE] if variant.untrained else [*dict.fromkeys(cited), citations.SUITE],
    )
    return str(card)


def made(h: Hyperparameters) -> str:
    """What was done to the base model, in words."""
    whitened = "whitened by its embeddings of the sentences below" if h.whitening else ""
    if h.epochs == 0:
        return whitened or "as it is, in this layout"
    beside = " and the triplet objective on nested masks" if h.triplet_weight else ""
    return f"trained with `{h.objective}`{beside}" + (f", then {whitened}" if whitened else "")


def training(run: Run, record: Mapping[str, Any]) -> dict[str, str]:
    """What a card says of a run's training: name → value."""
    variant, data, packages = run.variant, record["data"], record["packages"]
    steps = variant.hyperparameters.steps(data["corpus"]["sentences"])
    kept = f"; kept is step {record['selected_step']:,}, the best on {data['dev']['name']}" if steps else ""
    unit = "triplets" if is_triplets(variant.corpus) else "sentences"
    corpus = f"{variant.corpus}: {data['corpus']['sentences']:,} {unit}, sha256 {data['corpus']['sha256']}"
    used = {name: packages[name] for name in ("arccse", "sentence-transformers", "transformers", "torch")}
    return {
        "Base model": variant.model + (f" at revision {variant.revision}" if variant.revision else ""),
        "Sentences": corpus if steps or variant.hyperparameters.whitening else "none",
        "Steps": f"{steps:,}{kept}",
        "Seed": str(run.seed),
        "Code": f"commit {record['git_commit']}" if record["git_commit"] else f"arccse {packages['arccse']}",
        "Packages": ", ".join(f"{name} {version}" for name, version in used.items()),
        "Device": record["device"],
    }


def results(scores: Sequence[Line]) -> Iterator[EvalResult]:
    """The scores for the hub's model-index, of suites in which higher is better."""
    for line in scores:
        if task := TASKS.get(SUITES[line.suite].kind.module):
            yield EvalResult(
                task_type=task,
                task_name=line.title,
                dataset_type="unknown",  # as sentence-transformers has it where the data are no dataset of the hub
                dataset_name=line.task,
                metric_type=line.metric,
                metric_name=line.score,
                metric_value=round(line.value, 2),
            )


def licence(model: str) -> str | None:
    """The licence that a base model's package or card names, as the hub writes it; None where neither does."""
    if model.startswith("package:"):
        said = importlib.metadata.metadata(model.removeprefix("package:")).json
        named = said.get("license_expression") or said.get("license")
    else:
        card = Path(model) / "README.md"
        named = ModelCard.load(card).data.get("license") if not models.on_hub(model) and card.is_file() else None
    lower = str(named).lower()
    return lower if named and re.fullmatch(r"[a-z0-9.-]+", lower) else None


def write(folder: Path, content: str) -> None:
    """Write a model's card into its folder, whose files whoever reads one then can read: safetensors' are private."""
    (folder / "README.md").write_text(content, encoding="utf-8")
    mode = (folder / "README.md").stat().st_mode
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(mode)


def export(config: Config, run: Run, out: Path) -> list[Line]:
    """Copy a run's model to a new folder, with its scores on the card: what `hf upload` takes.

    The run's own folder stays as it is, since scores and workflow refer to it.

    Returns:
        The scores.

    Raises:
        InputError: the run has no model here, other code made it, or the folder is there already.
    """
    if out.exists():
        raise InputError(f"--out: {out} is there already; name a new folder.")
    gathered = Gathered(config)
    found = standing(config, run, gathered)
    model = paths.run_folder(config, run.id) / "model"
    if not found.has_model or found.record is None or found.record.get("diverged"):
        raise InputError(f"{run.id} has no model in {model.parent}; `arccse train` makes it, unless it diverges.")
    refuse_other_code(config, [found])
    models.resolve(str(model))  # whole
    if models.origin(str(model), None).checksum != found.record.get("model"):
        raise InputError(f"{model} is not what was written, as run.json beside it says.")
    scores = [line for suite in config.suites_of(run.id) for line in lines(suite, found, gathered, run)]
    with atomic_path(out) as temporary:
        shutil.copytree(model, temporary, ignore=shutil.ignore_patterns(".*"))  # Snakemake leaves its time there
        write(temporary, text(run, found.record, scores))
    return scores


def lines(suite: str, found: Standing, gathered: Gathered, run: Run) -> list[Line]:
    """A run's scores on a suite, from its folder or the gathered ones, and their average where all tasks are there.

    None of a suite that pools otherwise than the model, whose scores they are not.
    """
    spec = SUITES[suite]
    if spec.pooling not in (None, run.variant.hyperparameters.pooling):
        return []
    if suite in found.filed:
        table = read_scores(found.filed[suite].folder / "scores.csv", suite)
    elif suite in found.gathered:
        table = gathered.of(gathered.scores, run).query("suite == @suite")
    else:
        return []
    own = [
        Line(suite, spec.title, one["task"], one["metric"], spec.score, one["value"], str(one["n"]))
        for one in table.to_dict("records")
        if spec.metric in (None, one["metric"])
    ]
    average = spec.average({line.task: line.value for line in own})
    if average is not None:
        own.append(Line(suite, spec.title, "Avg", own[0].metric, spec.score, average, f"{len(own)} tasks"))
    return own
