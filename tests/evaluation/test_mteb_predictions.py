"""mteb's own predictions as scores, written by mteb itself."""

import json
import shutil
from pathlib import Path
from typing import Any, cast

import mteb
import numpy as np
import pytest

from arccse.comparing import compare
from arccse.data.sources import open_source
from arccse.errors import InputError
from arccse.evaluation import mteb_predictions
from arccse.evaluation.embeddings import Embeddings
from arccse.evaluation.mteb_suite import EmbeddingsModel, from_source
from arccse.evaluation.sts import pair_cosines

SOURCE = open_source("package:gensim")


def embeddings(noise: float) -> Embeddings:
    """Counts of a few words, with noise."""
    (pairs,) = SOURCE.sts("LEE").values()
    words = ["the", "police", "palestinian", "bush", "fire", "government", "hospital"]
    rng = np.random.default_rng(0)
    rows = [[1 + text.lower().count(word) for word in words] for text in pairs.sentences]
    return Embeddings(pairs.sentences, np.array(rows + noise * rng.normal(size=(len(rows), 7)), np.float32), "x" * 64)


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two folders, sharp and blurred, each as mteb.evaluate leaves results and predictions."""
    root = tmp_path_factory.mktemp("mteb")
    for name, noise in (("sharp", 0.0), ("blurred", 5.0)):
        task = from_source(SOURCE, "LEE")
        task.load_data()
        mteb.evaluate(
            cast("Any", EmbeddingsModel(embeddings(noise), f"x/{name}", "1" * 40)),
            task,
            cache=mteb.ResultCache(root / name),
            prediction_folder=root / name / "predictions",
            overwrite_strategy="always",
            show_progress_bar=False,
            co2_tracker=False,
        )
    return root


def test_predictions_are_the_cosines_of_the_sources_pairs(evaluated: Path) -> None:
    found = mteb_predictions.read(evaluated / "sharp", SOURCE, ["LEE"])
    expected = pair_cosines(embeddings(0.0), SOURCE, "LEE")
    np.testing.assert_allclose(found.kept["cosine"], expected["cosine"], atol=1e-9)
    assert found.kept.drop(columns="cosine").equals(expected.drop(columns="cosine"))
    assert {*found.scores["metric"]} == {"spearman_all", "spearman_mean", "spearman_wmean"}


def test_results_folders_are_compared(evaluated: Path) -> None:
    found = compare([str(evaluated / "sharp"), str(evaluated / "blurred")], ["sts"], SOURCE)
    (only,) = found.comparisons.to_dict("records")
    scores = found.scores[found.scores["metric"] == "spearman_all"].set_index("label")["value"]
    assert only["difference"] == pytest.approx(scores["blurred"] - scores["sharp"])
    assert only["difference"] != 0
    assert [*found.made["sharp"][0]["sts"]["predictions"]] == [
        "LeeDocumentSimilarity_predictions.json",
        "LeeDocumentSimilarity.json",
    ]
    with pytest.raises(InputError, match="is mteb's, of which suite sts can be compared, not transfer"):
        compare([str(evaluated / "sharp"), str(evaluated / "blurred")], ["transfer"], SOURCE)


def test_what_is_lacking_is_said(evaluated: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(evaluated / "sharp", tmp_path / "own")
    (file,) = folder.rglob("*_predictions.json")
    content = json.loads(file.read_text())
    shuffled = content["default"]["test"]["cosine_scores"][::-1]
    file.write_text(json.dumps({"default": {"test": {"cosine_scores": shuffled}}}))
    with pytest.raises(
        InputError, match=r"cosines of other pairs, or in another order, than task LEE of package:gensim"
    ):
        mteb_predictions.read(folder, SOURCE, ["LEE"])
    file.write_text(json.dumps({"default": {"test": [1, 2]}}))
    with pytest.raises(InputError, match="have no cosines of a test split with their score"):
        mteb_predictions.read(folder, SOURCE, ["LEE"])
    shutil.copy(file, folder)
    with pytest.raises(InputError, match=r"has 2 files LeeDocumentSimilarity_predictions.json"):
        mteb_predictions.read(folder, SOURCE, ["LEE"])
    shutil.rmtree(folder / "predictions")
    (folder / file.name).unlink()
    with pytest.raises(
        InputError, match=r"has no LeeDocumentSimilarity_predictions.json: .* prediction_folder=FOLDER"
    ):
        compare([str(folder), str(evaluated / "blurred")], ["sts"], SOURCE)
