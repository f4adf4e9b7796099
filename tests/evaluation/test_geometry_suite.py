"""The geometry suite on corners of a square, whose values are known. What a training logs: see test_runs.py."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arccse.data.readers import Pairs
from arccse.errors import InputError
from arccse.evaluation import geometry_suite
from arccse.evaluation.scoring import Job
from arccse.evaluation.suites import SUITES
from arccse.geometry import positives


class Corners:
    """A source whose dev sentences number the corners of a square, quarter turn by quarter turn."""

    spec, dev_name, sts_tasks, transfer_tasks = "corners", "CORNERS-dev", (), ()

    def dev(self) -> Pairs:
        return Pairs(["0", "0", "1"], ["1", "2", "1"], np.array([4.5, 4.0, 4.1]), (0.0, 5.0))


def embed(sentences: list[str]) -> np.ndarray:
    angles = np.array([int(sentence) for sentence in sentences]) * np.pi / 2
    lengths = 1 + np.arange(len(sentences))
    return (lengths * np.stack([np.cos(angles), np.sin(angles)])).T.astype(np.float32)


def job(source: Corners) -> Job:
    return Job(SUITES["geometry"], source, ["CORNERS-dev"], embed, Path("unused"), "a/b")  # type: ignore[arg-type]


def test_a_dev_set_without_a_positive_pair_is_named() -> None:
    class Low(Corners):
        def dev(self) -> Pairs:
            return Pairs(["0", "0"], ["1", "2"], np.array([3.9, 4.0]), (0.0, 5.0))

    with pytest.raises(InputError, match="task CORNERS-dev: none of the 2 pairs is rated as positive"):
        list(geometry_suite.evaluate(job(Low())))


def test_known_corners() -> None:
    (((alignment, uniformity), examples),) = geometry_suite.evaluate(job(Corners()))
    # above 4: the pair at 90°, squared distance 2, and the pair at 0°
    assert alignment[:3] == ("geometry", "CORNERS-dev", "alignment")
    assert (alignment.value, alignment.n) == (pytest.approx(100), 2)
    # squared distances 2, 2, 4 of the three corners
    wanted = 100 * np.log((2 * np.exp(-4) + np.exp(-8)) / 3)
    assert (uniformity.metric, uniformity.value, uniformity.n) == ("uniformity", pytest.approx(wanted), 3)
    assert examples[["suite", "task", "index"]].values.tolist() == [["geometry", "CORNERS-dev", i] for i in (0, 2)]
    assert examples["distance"].tolist() == pytest.approx([2, 0])


def test_embeddings_in_one_direction_are_refused() -> None:
    def parallel(sentences: list[str]) -> np.ndarray:
        return np.array([[0.1 + int(sentence), 0.2 + 2 * int(sentence)] for sentence in sentences], dtype=np.float32)

    with pytest.raises(InputError, match="task CORNERS-dev: the embeddings of all 3 sentences have one direction"):
        list(geometry_suite.evaluate(job(Corners())._replace(embed=parallel)))


@given(low=st.floats(-5, 5), width=st.floats(0.5, 10), shares=st.lists(st.floats(0, 1), min_size=1, max_size=9))
def test_positives_are_the_top_fifth_of_any_scale(low: float, width: float, shares: list[float]) -> None:
    shares = [share for share in shares if abs(share - 0.8) > 1e-6]
    found = positives(low + width * np.array(shares), (low, low + width))
    assert found.tolist() == [share > 0.8 for share in shares]
