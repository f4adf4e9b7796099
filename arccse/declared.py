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


def pair_objectives() -> dict[str, Objective]:
    """The pair objectives by name.

    Raises:
        TypeError: two objectives have one name, or declare one hyperparameter differently.
    """
    trees = {
        f"objectives.{file.name.removesuffix('.py')}": ast.parse(file.read_text(encoding="utf-8"))
        for file in sorted((files("arccse") / "objectives").iterdir(), key=lambda file: file.name)
        if file.name.endswith(".py")
    }
    aliases = {
        node.targets[0].id: node.value
        for tree in trees.values()
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    found: dict[str, Objective] = {}
    known: dict[str, Declared] = {}
    for module, tree in trees.items():
        for function in tree.body:
            if not isinstance(function, ast.FunctionDef) or [a.arg for a in function.args.args[:2]] != ["z", "z_pos"]:
                continue
            taken = {a.arg: declared(a.annotation, aliases) for a in function.args.args[2:]}
            settings = {name: own for name, own in taken.items() if own}
            if function.name in found:
                raise TypeError(f"{module}.{function.name}: there is one in {found[function.name].module} already.")
            for name, own in settings.items():
                if known.setdefault(name, own) != own:
                    raise TypeError(f"{module}.{function.name}: another objective declares '{name}' otherwise.")
            found[function.name] = Objective(module, tuple(taken), settings)
    return found


def declared(annotation: ast.expr | None, aliases: dict[str, ast.expr]) -> Declared | None:
    """What a parameter's annotation declares; None where it is no Annotated[…, Setting(…)]."""
    if isinstance(annotation, ast.Name):
        annotation = aliases.get(annotation.id)
    if not isinstance(annotation, ast.Subscript) or not isinstance(annotation.slice, ast.Tuple):
        return None
    kind, call = annotation.slice.elts
    if not isinstance(kind, ast.Name) or not isinstance(call, ast.Call):
        return None
    keywords = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords if keyword.arg}
    return Declared(TYPES[kind.id], Setting(*map(ast.literal_eval, call.args), **keywords))
