"""Configs of a few made-up studies, for the tests of the report."""

from pathlib import Path
from typing import Any

import made_runs

from arccse.config import Config


def made_config(folder: Path, studies: dict[str, dict[str, Any]], **keys: Any) -> Config:
    """made_runs' config, with two seeds from 0 and titles for the studies, unless they say otherwise."""
    titled = {name: {"title": f"Title of {name}"} | study for name, study in studies.items()}
    return made_runs.made_config(folder, titled, **{"seeds": [0, 1]} | keys)
