"""What several test files share: one thread, quiet libraries, tiny encoders, the real data where it is at hand."""

import os
import subprocess

# What a user has set for the hub decides no test. huggingface_hub reads it when it is imported, here and in the
# processes that tests start.
os.environ.pop("HF_HUB_OFFLINE", None)
os.environ.pop("TRANSFORMERS_OFFLINE", None)
os.environ.pop("HF_HOME", None)
os.environ.pop("HF_HUB_CACHE", None)
os.environ.pop("HF_ENDPOINT", None)
os.environ.pop("ARCCSE_REHEARSE", None)
os.environ["LOKY_MAX_CPU_COUNT"] = "1"  # figures are drawn in this process, where a test may have replaced something
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from pathlib import Path

import hypothesis
import pytest
import torch
import transformers
from families import tiny_families

# how long an example takes says something of the machine alone
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

SENTEVAL = Path(__file__).parents[2] / "shared" / "data" / "senteval"


# Folders whose files have few tests of minutes each. Several processes share the files in order, so those come first:
# at the end one process would work at the last of them alone.
LONG = ("workflow", "cluster", "hub", "faults")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.parent.name not in LONG)


@pytest.fixture(scope="session", autouse=True)
def _one_quiet_thread() -> None:
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()


@pytest.fixture(scope="session")
def senteval() -> Path:
    """The folder with SentEval's `downstream`; the test is skipped where it is not there."""
    if not (SENTEVAL / "downstream").is_dir():
        pytest.skip(f"needs the real SentEval data, which is not at {SENTEVAL}")
    return SENTEVAL


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with random encoders in plain transformers layout: bert, roberta, mpnet, distilbert.

    Hidden size 32, 3 layers, POSITIONS tokens, a real tokenizer of the family's own kind.
    """
    root = tmp_path_factory.mktemp("models")
    for family, (tokenizer, config) in tiny_families().items():
        torch.manual_seed(sum(family.encode()))
        model = transformers.AutoModel.from_config(config)
        with torch.no_grad():  # fresh weights of 0.02 leave all sentences alike; these tell them apart
            for name, weight in model.named_parameters():
                if weight.dim() == 2 and "embeddings" not in name:
                    weight.mul_(8)
        model.save_pretrained(root / family)
        tokenizer.save_pretrained(root / family)
    return root


@pytest.fixture(params=["bert", "roberta", "mpnet", "distilbert"])
def family(request: pytest.FixtureRequest, tiny_models: Path) -> Path:
    """The folder of a tiny encoder, for each family in turn."""
    return tiny_models / request.param


@pytest.fixture
def private_mounts() -> list[str]:
    """The beginning of a command that may mount disks that nobody else sees; skips the test without the right."""
    command = ["unshare", "--mount", "--propagation", "private"]
    try:
        probe = [*command, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
        possible = subprocess.run(probe, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        possible = False
    if not possible:
        pytest.skip("needs the right to mount a small disk (root, `unshare --mount`), to fill it for real")
    return command
