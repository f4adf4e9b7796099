"""The tests themselves: nothing that a user has set for the hub decides what they find."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_users_settings_of_the_hub_reach_no_test(tmp_path):
    """The tests of downloads from a hub on loopback, as one runs them who works without a network."""
    users = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf"), "HF_ENDPOINT": "http://127.0.0.1:9"}
    result = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "tests/data/test_hub.py",
            "-k",
            "downloads or network",
        ],
        cwd=ROOT,
        env=os.environ | users,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout
    assert not list(tmp_path.iterdir())
