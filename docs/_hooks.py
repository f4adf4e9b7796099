"""What mkdocs.yml adds to the pages of docs/: those made from the code, and what pages link to beside docs/.

A page's links are those of the repository, so that they lead to the same on a forge and in the site.
"""

import json
import posixpath
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # the package of this checkout, whichever is installed

from arccse.report.glossary import TERMS, anchor  # noqa: E402
from arccse.schema import config_schema  # noqa: E402

LINK = re.compile(r"(?<=\]\()[^)#\s:]+(?=[)#])")
AS_IT_IS = (".md", ".svg", ".png", ".html", ".csv")  # other text becomes a page that shows it
GUARD = 10**6  # bounds from here on only keep numbers finite
LANGUAGES = {".py": "python", ".yaml": "yaml"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages made here, and each file beside docs/ that a page links to, as do the pages that are added."""
    for name, text in {"glossary.md": glossary(), "config-keys.md": config_keys()}.items():
        files.append(File.generated(config, name, content=text))
    waiting = [file for file in files if file.is_documentation_page()]
    while waiting:
        page = waiting.pop()
        for path in map(linked(page), LINK.findall(page.content_string)):
            if not (ROOT / path).is_file() or files.get_file_from_path(uri(path)):
                continue
            files.append(file := added(config, path))
            waiting += [file] if path.suffix == ".md" else []
    return files


def added(config: MkDocsConfig, path: Path) -> File:
    """A file of the repository as one of the site's."""
    if path.suffix in AS_IT_IS:
        return File.generated(config, uri(path), abs_src_path=str(ROOT / path))
    code = (ROOT / path).read_text(encoding="utf-8")
    language = LANGUAGES.get(path.suffix, "text")
    return File.generated(config, uri(path), content=f"# {path}\n\n~~~~{language}\n{code}~~~~\n")


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead a page's links to where the site has what they lead to in the repository."""
    of, folder = linked(page.file), posixpath.dirname(page.file.src_uri)
    return LINK.sub(lambda link: posixpath.relpath(uri(of(link[0])), folder or "."), markdown)


def linked(page: File) -> Callable[[str], Path]:
    """A function that takes a page's links to paths from the repository's root."""
    own = Path(page.abs_src_path).relative_to(ROOT) if page.abs_src_path else Path("docs", page.src_uri)
    return lambda target: Path(posixpath.normpath(posixpath.join(own.parent.as_posix(), target)))


def uri(path: Path) -> str:
    """Where the site has a file of the repository: what is in docs/ at its root, the rest in its own folders."""
    own = path.relative_to("docs") if path.is_relative_to("docs") else path
    return own.as_posix() + ("" if path.suffix in AS_IT_IS else ".md")


# ------------------------------------------------------------------------------------------------- pages of the code


def glossary() -> str:
    """The terms of the report's page, from A to Z."""
    lines = ["# Glossary", "", "What the terms of tables, figures and pages mean."]
    for term in sorted(TERMS, key=str.lower):
        lines += ["", f'## {term} {{: id="{anchor(term)}" }}', "", TERMS[term].replace("_", r"\_")]
    return "\n".join(lines) + "\n"


def config_keys() -> str:
    """Every key of a config, as workflow/schemas/config.schema.json has them, a table for each mapping."""
    lines = [
        "# Config keys",
        "",
        "All keys of a config file, with types and defaults, from the code that reads them. **Bold** ones must be "
        "given. An editor with a YAML language server shows the same while you type, if a file begins as "
        "[config.yaml](../config/config.yaml) does. What the files are for: [Configuration](../config/README.md).",
    ]
    for title, schema in mappings(config_schema()):
        lines += ["", f"## {title}", "", "| key | | default | type |", "| --- | --- | --- | --- |"]
        required = schema.get("required", [])
        lines += [row(key, field, key in required) for key, field in schema["properties"].items()]
    return "\n".join(lines) + "\n"


def mappings(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The mappings of a config with keys of their own, each once: title → schema."""
    own, study = schema["properties"], schema["properties"]["studies"]["additionalProperties"]
    yield "A config", schema
    yield "`encoders:` NAME", own["encoders"]["additionalProperties"]
    yield "`encoders:` NAME `resources`", own["encoders"]["additionalProperties"]["properties"]["resources"]
    yield "`studies:` NAME", study
    seeds, tuning = (with_keys(study["properties"][key]) for key in ("seeds", "tuning"))
    yield "`studies:` NAME `seeds`, where they grow", seeds
    yield "`studies:` NAME `tuning`", tuning
    yield "`studies:` NAME `tuning`: `space`: KEY", tuning["properties"]["space"]["additionalProperties"]
    yield "`claims:` NAME", own["claims"]["additionalProperties"]
    yield "Hyperparameters: `training` and variants", own["training"]


def with_keys(field: Mapping[str, Any]) -> dict[str, Any]:
    """That form of a key's value which is a mapping with keys of its own."""
    return next(one for one in forms(field) if "properties" in one)


def forms(field: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The schemas of all forms that a key's value may have."""
    own = field.get("anyOf") or field.get("oneOf")
    return [form for one in own for form in forms(one)] if own else [dict(field)]


def row(key: str, field: Mapping[str, Any], required: bool) -> str:
    """A key's line in a table."""
    default = "" if required or "default" not in field else f"`{said(field['default'])}`"
    cells = [f"**`{key}`**" if required else f"`{key}`", field["description"], default, kind(field)]
    return "| " + " | ".join(cell.replace("|", r"\|").replace("\n", " ") for cell in cells) + " |"


def said(value: Any) -> str:
    """A value as YAML has it."""
    if isinstance(value, list):
        return f"[{', '.join(map(said, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {said(own)}" for key, own in value.items()) + "}"
    return value if isinstance(value, str) else json.dumps(value)


def kind(field: Mapping[str, Any]) -> str:
    """A type in words, with its bounds."""
    if len(forms(field)) > 1:
        return " or ".join(map(kind, forms(field)))
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if field.get("type") == "array" and "items" in field:
        return f"list of {kind(field['items'])}"
    names = {"object": "mapping", "array": "list", "null": "`null`"}
    bounds = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    limits = [f"{sign} {field[bound]:g}" for bound, sign in bounds.items() if field.get(bound, GUARD) < GUARD]
    return ", ".join([names.get(field.get("type", "any"), field.get("type", "any")), *limits])
