"""Where a process computes: on a GPU of its own if there is one, otherwise on the CPU.

Several steps of a workflow run at once, and none knows of the others. Each GPU has a lock file that its user's
processes on the machine agree on. A batch system shows a job the GPUs that it allocates; among these the job's
processes choose, and since a lock is called by its GPU, jobs with other GPUs never wait for each other.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from arccse.errors import InputError
from arccse.locks import hold_one, say_once
from arccse.models import Precision

if TYPE_CHECKING:
    import torch

# where a user or a batch system names the GPUs of a process, the first of them before the others; and names of none
ALLOCATED = ("CUDA_VISIBLE_DEVICES", "SLURM_STEP_GPUS", "SLURM_JOB_GPUS")
NO_GPU = ("", "-1", "NoDevFiles")


@contextmanager
def acquire() -> Iterator["torch.device"]:
    """A device to compute on inside the block: a GPU that no other process of this user holds, or the CPU.

    Waits while all GPUs are held, and says so once on stderr. The GPU is torch's current device inside the block.
    A process that `accelerate launch` started as one of several takes the GPU of its local rank and no other.
    Blocks must not be nested: on a machine with one GPU the inner one would wait for the outer one.

    Raises:
        InputError: more local ranks than GPUs, an allocated GPU that torch does not see, or a folder for the locks
            that can't be used.
    """
    import torch

    uuids = gpu_uuids()
    if not uuids:
        check_allocated()
        yield torch.device("cpu")
        return
    choice = [rank] if (rank := local_rank()) is not None else list(range(len(uuids)))
    if choice[-1] >= len(uuids):
        raise InputError(
            f"LOCAL_RANK is {rank} and must be below {len(uuids)}, the number of GPUs; start fewer processes."
        )
    folder = lock_folder()
    files = [folder / f"{uuids[index]}.lock" for index in choice]
    with hold_one(files, f"waiting for a free GPU: {len(files)} in use") as held:
        device = torch.device("cuda", choice[held])
        torch.set_float32_matmul_precision("high")  # TF32 for the products of precision: fp32
        with torch.cuda.device(device):
            yield device


def precision(wanted: Precision, device: "torch.device") -> Precision:
    """The precision to encode in: the wanted one, or fp32 where a device has no fast bfloat16, which is said once."""
    if wanted == "fp32" or is_fast_in_bf16(device):
        return wanted
    say_once(f"this {device.type.upper()} has no fast bfloat16; sentences are encoded in float32")
    return "fp32"


def is_fast_in_bf16(device: "torch.device") -> bool:
    """Whether products in bfloat16 are no slower than in float32 on a device.

    Source: torch.cpu.get_capabilities and torch.cuda.is_bf16_supported. Without instructions of its own (AVX512-BF16
    or AMX), a CPU emulates bfloat16 products at a fraction of float32's speed.
    """
    import torch

    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    has = torch.cpu.get_capabilities()
    return bool(has.get("avx512_bf16") or has.get("amx_bf16"))


def say_if_slow(wanted: Precision, device: "torch.device") -> None:
    """Say once that a training in this precision, which its run's identity includes, takes long on this device."""
    if wanted == "bf16" and not is_fast_in_bf16(device):
        say_once(
            f"this {device.type.upper()} has no fast bfloat16: trainings with precision: bf16 take ten to sixty "
            "times as long as on one that has"
        )


def check_allocated() -> None:
    """Called without a visible GPU: raise InputError where one was allocated that torch should see.

    A torch without CUDA sees none at all; that is said once, and the CPU does the work.
    """
    import torch

    variable = next((name for name in ALLOCATED if name in os.environ), None)
    if variable is None or os.environ[variable] in NO_GPU:
        return
    allocated = f"{variable} is '{os.environ[variable]}', but torch {torch.__version__}"
    if torch.version.cuda:
        raise InputError(
            f"{allocated} sees no GPU; mend its driver, or ask for none (encoders.NAME.resources.gpu: 0)."
        )
    say_once(f"{allocated} is built for the CPU, which does the work")


def gpu_uuids() -> list[str]:
    """The visible GPUs in torch's order, by names that do not change with CUDA_VISIBLE_DEVICES."""
    import torch

    if not torch.cuda.is_available():
        return []
    return [str(torch.cuda.get_device_properties(index).uuid) for index in range(torch.cuda.device_count())]


def local_rank() -> int | None:
    """This process' place among those that a launcher started together on this machine; None for a process alone."""
    if "LOCAL_RANK" in os.environ and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        return int(os.environ["LOCAL_RANK"])
    return None


def lock_folder() -> Path:
    """The folder of this user's lock files, made if it is missing, which other users may not enter.

    Raises:
        InputError: it can't be made, or it belongs to another user.
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and Path(runtime).is_dir():  # a batch system may pass the variable on to machines without the folder
        folder = Path(runtime) / "arccse"
    else:
        folder = Path(tempfile.gettempdir()) / f"arccse-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise InputError(f"The folder {folder} for the GPUs' locks can't be made: {error.strerror}.") from error
    if folder.lstat().st_uid != os.getuid():  # anyone may make folders and links among the temporary files
        raise InputError(f"The folder {folder} for the GPUs' locks is another user's; set TMPDIR to one of yours.")
    return folder
