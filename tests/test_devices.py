"""One process a GPU; the names of GPUs stand in for GPUs."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from test_locks import is_free

from arccse import devices, locks
from arccse.errors import InputError


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's runtime folder, in a process that no launcher started."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    for name in devices.ALLOCATED:
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def two_gpus(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """torch as on a machine with the GPUs "x" and "y"; a list of the current devices it was told to have."""
    current: list[int | None] = []

    @contextlib.contextmanager
    def make_current(device: torch.device) -> Iterator[None]:
        current.append(device.index)
        yield
        current.append(None)

    monkeypatch.setattr(devices, "gpu_uuids", lambda: ["x", "y"])
    monkeypatch.setattr(torch.cuda, "device", make_current)
    return current


def test_without_a_gpu_it_is_the_cpu_and_no_lock(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with devices.acquire() as outer, devices.acquire() as inner:
        assert (outer, inner) == (torch.device("cpu"), torch.device("cpu"))
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with devices.acquire() as device:
        assert device == torch.device("cpu")
    assert list(runtime.iterdir()) == []


ALLOCATIONS = [
    ({"CUDA_VISIBLE_DEVICES": "0"}, "CUDA_VISIBLE_DEVICES is '0'"),
    ({"SLURM_STEP_GPUS": "1"}, "SLURM_STEP_GPUS is '1'"),
    ({"CUDA_VISIBLE_DEVICES": "", "SLURM_JOB_GPUS": "1"}, ""),  # somebody wants none
    ({"CUDA_VISIBLE_DEVICES": "NoDevFiles"}, ""),
]


CAPABILITIES = [
    ({"avx512_bf16": True}, "bf16"),
    ({"amx_bf16": True}, "bf16"),
    ({"avx512_f": True}, "fp32"),
    ({}, "fp32"),
]


@pytest.mark.parametrize(("capabilities", "expected"), CAPABILITIES, ids=str)
def test_bfloat16_is_for_machines_that_are_fast_at_it(capabilities, expected, monkeypatch, capsys) -> None:
    locks.say_once.cache_clear()
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert devices.precision("bf16", torch.device("cpu")) == expected
    assert ("has no fast bfloat16" in capsys.readouterr().err) == (expected == "fp32")
    assert devices.precision("fp32", torch.device("cpu")) == "fp32"


@pytest.mark.parametrize(("capabilities", "expected"), CAPABILITIES, ids=str)
def test_a_training_in_bfloat16_is_not_slow_without_a_word(capabilities, expected, monkeypatch, capsys) -> None:
    """It can't be another precision's, since that is part of the run's identity."""
    locks.say_once.cache_clear()
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    devices.say_if_slow("fp32", torch.device("cpu"))
    assert capsys.readouterr().err == ""
    devices.say_if_slow("bf16", torch.device("cpu"))
    assert ("take ten to sixty times" in capsys.readouterr().err) == (expected == "fp32")


@pytest.mark.parametrize(("variables", "said"), ALLOCATIONS, ids=lambda value: str(value))
@pytest.mark.parametrize("cuda", [None, "13.0"])
def test_an_allocated_gpu_that_torch_does_not_see_is_no_reason_to_use_the_cpu(
    runtime: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    variables: dict[str, str],
    said: str,
    cuda: str | None,
) -> None:
    """But for a torch that can see none, as in this project's tests."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", cuda)
    locks.say_once.cache_clear()
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    if said and cuda:
        with pytest.raises(InputError, match=f"{said}, but torch .* sees no GPU"), devices.acquire():
            pass
    else:
        with devices.acquire() as device:
            assert device == torch.device("cpu")
        assert (said in capsys.readouterr().err) or not said


def test_the_first_free_gpu_is_taken_and_made_current(runtime: Path, two_gpus: list[int | None]) -> None:
    folder = runtime / "arccse"
    with devices.acquire() as first:
        assert first == torch.device("cuda", 0)
        assert (is_free(folder, "x.lock"), is_free(folder, "y.lock")) == (False, True)
        with locks.hold_one([folder / "y.lock", folder / "x.lock"], "waiting") as other:
            assert other == 0
    assert two_gpus == [0, None]
    with locks.hold_one([folder / "x.lock"], "waiting"), devices.acquire() as second:
        assert second == torch.device("cuda", 1)
    assert (is_free(folder, "x.lock"), is_free(folder, "y.lock")) == (True, True)


def test_a_launched_process_takes_the_gpu_of_its_rank(
    runtime: Path, two_gpus: list[int | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with devices.acquire() as device:
        assert device == torch.device("cuda", 1)
        assert not is_free(runtime / "arccse", "y.lock")
    assert sorted(path.name for path in (runtime / "arccse").iterdir()) == ["y.lock"]


def test_a_launch_of_one_process_is_a_process_alone(
    two_gpus: list[int | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "1")
    with devices.acquire() as device:
        assert device == torch.device("cuda", 0)


def test_more_ranks_than_gpus_are_the_users_to_mend(
    two_gpus: list[int | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_RANK", "2")
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(InputError, match="LOCAL_RANK is 2 and must be below 2"), devices.acquire():
        pass


def test_the_folder_is_the_users_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    temporary = tmp_path / f"arccse-{os.getuid()}"
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    assert devices.lock_folder() == devices.lock_folder() == temporary
    assert temporary.stat().st_mode & 0o777 == 0o700
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "logged out"))
    assert devices.lock_folder() == temporary
    (tmp_path / "logged in").mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "logged in"))
    assert devices.lock_folder() == tmp_path / "logged in" / "arccse"
    assert (tmp_path / "logged in" / "arccse").stat().st_mode & 0o777 == 0o700


def test_a_folder_that_can_not_be_used_is_the_users_to_mend(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (runtime / "arccse").write_text("not a folder", encoding="utf-8")
    with pytest.raises(InputError, match="can't be made: File exists"):
        devices.lock_folder()
    (runtime / "arccse").unlink()
    monkeypatch.setattr(os, "getuid", lambda: runtime.stat().st_uid + 1)
    with pytest.raises(InputError, match="another user's"):
        devices.lock_folder()
