"""Which code decides a run's numbers, and a digest of it that comments, docstrings and moved lines do not change.

The code is found by name: from a root (the training loop, an objective, a suite) over every function, class and
constant of this package that it refers to, and on from there. So an edit to one objective concerns the runs that were
trained with it, and no other.
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from arccse import models
from arccse.data.sources import source_class
from arccse.errors import InputError
from arccse.evaluation.suites import SUITES
from arccse.hyperparameters import OBJECTIVES
from arccse.variants import Variant

# Modules that name files, write them, talk to the user or find a machine's devices, and decide no number.
SILENT = {"checkpoint", "code", "config", "declared", "devices", "errors", "files", "hyperparameters", "models"}
SILENT |= {"checks", "paths", "process", "progress", "provenance", "setting", "validation", "variants"}
SILENT |= {"evaluation.scores", "evaluation.scoring", "evaluation.suites"}
UNREAD = {"annotation", "returns", "type_comment", "type_params", "ctx", "kind"}  # of the syntax tree: no effect

Name = tuple[str, str]  # module ("evaluation.sts"), what it defines
ENCODING: tuple[Name, ...] = (("encoder", "load_encoder"), ("evaluation.embeddings", "Embeddings"))


class Code(NamedTuple):
    """The code that decides some numbers.

    Attributes:
        digest: of all of it, wherever it stands; 16 hex digits.
        parts: module → digest of what of it is used, to name what has changed.
    """

    digest: str
    parts: dict[str, str]

    def changed(self, parts: Mapping[str, str]) -> list[str]:
        """The modules in which this code differs from one whose parts were recorded."""
        return sorted(m for m in {*self.parts, *parts} if self.parts.get(m) != parts.get(m))


def of_training(variant: Variant) -> Code:
    """The code that a variant's training depends on.

    Args:
        variant: decides the objective; what it switches off (triplets, noise, whitening) is left out.
    """
    h = variant.hyperparameters
    encoder: tuple[Name, ...] = (("encoder", "load_encoder"),)
    if models.is_converted(variant.model):
        encoder += (("conversion", "write"),)
    if variant.untrained:
        return digest((*encoder, ("whitening", "whiten")) if h.whitening else encoder)
    objective, unused = variant.canonical()["objective"], set[Name]()
    if not h.triplet_weight:
        unused |= {("objectives.triplets", "triplet"), ("masking", "draw_masks")}
    if not h.noise:
        unused.add(("batches", "with_noise"))
    if not h.whitening:
        unused.add(("whitening", "whiten"))
    module, outside = OBJECTIVES[objective].module, objective not in OBJECTIVES
    roots = (*encoder, ("training", "train"), (module, "__getattr__" if outside else objective))
    found = digest(roots, frozenset(unused))
    return with_package(found, objective.partition(".")[0]) if outside else found


def of_evaluation(suite: str, source: str) -> Code:
    """The code that a suite's scores of a given encoder depend on, the reading of its data source included.

    Args:
        suite: its name.
        source: the data source's spec, as `data` of a config.
    """
    module = f"evaluation.{SUITES[suite].kind.module}"
    roots = (
        (module, "sentences"),
        (module, "evaluate"),
        *ENCODING,
    )
    return digest((*roots, ("data.sources", source_class(source).__name__)))


def of_mteb() -> Code:
    """The code that scores on mteb's own tasks depend on; the tasks' is mteb's, whose version stands beside it."""
    return digest(
        (("evaluation.mteb_tasks", "with_data"), ("evaluation.mteb_tasks", "evaluate"), ("encoder", "load_encoder"))
    )


def with_package(code: Code, name: str) -> Code:
    """Code that calls another package, of which it is not followed what: all its source, under name and version.

    Args:
        code: of this package.
        name: that it is imported by.

    Raises:
        InputError: it is not installed.
    """
    spec = find_spec(name)  # of a whole package, whose code it does not run
    if spec is None or not spec.origin:
        raise InputError(f"There is no package '{name}' to import.")
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    sources = [(str(path.relative_to(one)), path.read_bytes()) for one in folders for path in one.rglob("*.py")]
    sources = sources or [(name, Path(spec.origin).read_bytes())]
    found = _sha256([f"{path} {hashlib.sha256(source).hexdigest()}" for path, source in sorted(sources)])
    with suppress(PackageNotFoundError):  # files of the user's own have no version
        name = f"{name} {version(name)}"
    return Code(_sha256([code.digest, found]), code.parts | {name: found})


@cache
def digest(roots: tuple[Name, ...], unused: frozenset[Name] = frozenset(), package: Path | None = None) -> Code:
    """The digest of all that the roots reach.

    Args:
        roots: names to start from.
        unused: names that are not followed.
        package: folder of the package's source; default: the one that runs.

    Raises:
        KeyError: a root that its module does not define.
    """
    parts: dict[str, list[str]] = {}
    for (module, _), source in sorted(reached(roots, unused, package or Path(str(files("arccse")))).items()):
        parts.setdefault(module, []).append(source)
    everything = sorted(source for sources in parts.values() for source in sources)
    return Code(_sha256(everything), {module: _sha256(sources) for module, sources in parts.items()})


def reached(roots: Iterable[Name], unused: frozenset[Name], package: Path) -> dict[Name, str]:
    """Name → normalised source of every definition that the roots refer to, directly or by way of others."""
    found: dict[Name, str] = {}
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        module, own = name
        tree = parsed(package, module)
        if own not in tree.definitions:
            waiting.append(tree.imports[own])  # passed on from where it is defined
            continue
        silent = module in SILENT and not isinstance(tree.definitions[own], ast.Assign)  # their constants count
        if name in found or name in unused or silent:
            continue
        found[name] = repr(plain(tree.definitions[own]))
        waiting += [other for other in tree.references(own, package) if other not in found]
    return found


class Module(NamedTuple):
    """The definitions of a module's top level by name, and the names that it imports from this package."""

    name: str
    definitions: dict[str, ast.AST]
    imports: dict[str, Name]  # local name → module and what it defines; "" for the module itself

    def references(self, own: str, package: Path) -> Iterator[Name]:
        """What one of the definitions refers to by name."""
        node = self.definitions[own]
        imports = self.imports | dict(imported(node, package))
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and part.id in self.definitions:
                yield self.name, part.id
            elif isinstance(part, ast.Name) and imports.get(part.id, ("", ""))[1]:
                yield imports[part.id]
            elif isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name):
                module, defined = imports.get(part.value.id, ("", "?"))
                if not defined and part.attr in parsed(package, module).definitions:
                    yield module, part.attr


@cache
def parsed(package: Path, module: str) -> Module:
    """A module of the package, without its docstrings and annotations."""
    tree = bare(ast.parse(file_of(package, module).read_text("utf-8")))
    definitions: dict[str, ast.AST] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            definitions[node.name] = node
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for target in targets:
            definitions |= (
                {part.id: node for part in ast.walk(target) if isinstance(part, ast.Name)} if target else {}
            )
    return Module(module, definitions, dict(imported(tree, package)))


def file_of(package: Path, module: str) -> Path:
    """The file of a module, or of a package within the package."""
    path = package / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_name(f"{path.name}.py")


def imported(tree: ast.AST, package: Path) -> Iterator[tuple[str, Name]]:
    """Local name → what it stands for, of the imports from this package anywhere in a piece of code."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] == "arccse":
            module = node.module.partition(".")[2]
            for alias in node.names:
                inner = f"{module}.{alias.name}".strip(".")
                is_module = file_of(package, inner).is_file()
                yield alias.asname or alias.name, (inner, "") if is_module else (module, alias.name)


class Bare(ast.NodeTransformer):
    """Takes away what has no effect: docstrings, annotations, and blocks for type checkers."""

    def visit(self, node: ast.AST) -> Any:
        for field in UNREAD & set(node._fields):
            setattr(node, field, None)
        return super().visit(node)

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if isinstance(node.value, ast.Constant) else self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST | None:
        return (
            None if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING" else self.generic_visit(node)
        )


def bare(tree: ast.Module) -> ast.Module:
    return Bare().visit(tree)


def plain(node: Any) -> Any:
    """A syntax tree as nested lists, the same under every version of Python."""
    if isinstance(node, ast.AST):
        fields = [(name, plain(value)) for name, value in ast.iter_fields(node) if value not in (None, [])]
        return [type(node).__name__, *fields]
    return [plain(part) for part in node] if isinstance(node, list) else node


def _sha256(sources: list[str]) -> str:
    return hashlib.sha256("\n".join(sources).encode()).hexdigest()[:16]
