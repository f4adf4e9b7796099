"""What the objectives declare, read from their source, since importing them takes torch's seconds.

An objective is a function f(z, z_pos, …) of a file in objectives/. Its other parameters are `temperature` or another
hyperparameter that all trainings have, a `generator` for what it draws, and hyperparameters of its own, annotated
with Annotated[float, Setting(…)] or, where several objectives share one, with a name that stands for that.
"""

import ast
from importlib.resources import files
from typing import NamedTuple

from arccse.setting import Setting

TYPES = {"float": float, "int": int}


class Declared(NamedTuple):
    """A hyperparameter of an objective's own."""

    type: type
    setting: Setting


class Objective(NamedTuple):
    """Where a pair objective stands and what it takes.

    Attributes:
        module: within the package, as "objectives.softmax".
        parameters: the names of what it takes beside the embeddings.
        settings: those of them that are its own.
    """

    module: str
    parameters: tuple[str, ...]
    settings: dict[str, Declared]


class Objectives(dict[str, Objective]):
    """The pair objectives of this package by name; an import path stands for a loss of another one."""

    def __missing__(self, name: str) -> Objective:
        if "." not in name:
            raise KeyError(name)
        return Objective("objectives.outside", ("arguments",), {})


def pair_objectives() -> Objectives:
    """The pair objectives by name.

    Raises:
        TypeError: two objectives have one name, or declare one hyperparameter differently.
    """
    sources = [file for file in (files("arccse") / "objectives").iterdir() if file.name.endswith(".py")]
    modules = {
        f"objectives.{file.name.removesuffix('.py')}": ast.parse(file.read_text(encoding="utf-8"))
        for file in sorted(sources, key=lambda file: file.name)
    }
    found = Objectives()
    known: dict[str, tuple[str, Declared]] = {}
    for module, tree in modules.items():
        functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
        for function in (f for f in functions if [a.arg for a in f.args.args[:2]] == ["z", "z_pos"]):
            taken = {a.arg: declared(a.annotation, module, modules) for a in function.args.args[2:]}
            settings = {name: own for name, own in taken.items() if own}
            if function.name in found:
                raise TypeError(f"{module}.{function.name}: there is one in {found[function.name].module} already.")
            for name, own in settings.items():
                first, theirs = known.setdefault(name, (function.name, own))
                if theirs != own:
                    raise TypeError(f"'{name}' is declared by {first} and, otherwise, by {function.name}.")
            found[function.name] = Objective(module, tuple(taken), settings)
    return found


def declared(annotation: ast.expr | None, module: str, modules: dict[str, ast.Module]) -> Declared | None:
    """What a parameter's annotation declares; None where it is no Annotated[…, Setting(…)]."""
    if isinstance(annotation, ast.Name):
        annotation = meaning(annotation.id, module, modules)
    if not isinstance(annotation, ast.Subscript) or not isinstance(annotation.slice, ast.Tuple):
        return None
    kind, call = annotation.slice.elts
    if not isinstance(kind, ast.Name) or not isinstance(call, ast.Call):
        return None
    keywords = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords if keyword.arg}
    return Declared(TYPES[kind.id], Setting(*map(ast.literal_eval, call.args), **keywords))


def meaning(name: str, module: str, modules: dict[str, ast.Module]) -> ast.expr | None:
    """What is assigned to a name in a module, or in the one it is imported from; None for what is of elsewhere."""
    for node in modules[module].body if module in modules else ():
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return node.value
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return meaning(alias.name, node.module.removeprefix("arccse."), modules)
    return None
