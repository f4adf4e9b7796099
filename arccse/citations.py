"""What to cite: BibTeX of the objectives and of this suite."""

import inspect
import json
import re
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from arccse.hyperparameters import OBJECTIVES

SIMCSE = """@inproceedings{gao-etal-2021-simcse,
    title = "{S}im{CSE}: Simple Contrastive Learning of Sentence Embeddings",
    author = "Gao, Tianyu and Yao, Xingcheng and Chen, Danqi",
    booktitle = "Proceedings of the 2021 Conference on Empirical Methods in Natural Language Processing",
    year = "2021",
}
"""
ARCCSE = """@inproceedings{zhang-etal-2022-contrastive,
    title = "A Contrastive Framework for Learning Sentence Representations from Pairwise and Triple-wise Perspective
        in Angular Space",
    author = "Zhang, Yuhao and Zhu, Hongji and Wang, Yongliang and Xu, Nan and Li, Xiaobo and Zhao, Binqiang",
    booktitle = "Proceedings of the 60th Annual Meeting of the Association for Computational Linguistics",
    year = "2022",
}
"""
SUITE = """@software{arccse,
    title = "arccse: a reproducible benchmark and ablation suite for SimCSE and ArcCSE",
    author = "{The arccse maintainers}",
    year = "2026",
}
"""


def of_objective(name: str, arguments: Mapping[str, Any] | None = None) -> str:
    """BibTeX of a pair objective: in full of the papers that the suite is about, of others a note with the
    docstring's source; of a loss of another package what it says itself, or its import path.
    """
    if name not in OBJECTIVES:
        from arccse.objectives import outside

        own = getattr(outside.made(name, json.dumps(arguments or {}, sort_keys=True)), "citation", None)
        return own if isinstance(own, str) else noted(name.rpartition(".")[2], name)
    return {"nt_xent": SIMCSE, "arccon": ARCCSE}.get(name) or noted(name, source(name))


def noted(key: str, note: str) -> str:
    return f"@misc{{{key},\n    note = {{{note}}},\n}}\n"


def source(objective: str) -> str:
    """What the docstring of a pair objective says of its source, in one line."""
    function = getattr(import_module(f"arccse.{OBJECTIVES[objective].module}"), objective)
    said = " ".join((inspect.getdoc(function) or "").rpartition("Source:")[2].split())
    other = re.fullmatch(r"as `(\w+)`\.", said)
    return source(other[1]) if other else said
