"""Configs of a few made-up studies, for the tests of the report."""

from pathlib import Path
from typing import Any

import yaml
from families import MINILM

from arccse import config as configs
from arccse.config import Config


def made_config(folder: Path, studies: dict[str, dict[str, Any]], **more: Any) -> Config:
    """A config of these studies, on one encoder with two seeds unless more is said; studies need no title."""
    content = {
        "encoders": {"tiny": {"model": MINILM}},
        "corpus": "package:gensim",
        "data": "package:gensim",
        "suites": ["sts"],
        "seeds": [0, 1],
        "studies": {name: {"title": f"Title of {name}"} | study for name, study in studies.items()},
    }
    (folder / "made.yaml").write_text(yaml.safe_dump(content | more, sort_keys=False, allow_unicode=True))
    return configs.load(folder / "made.yaml")
