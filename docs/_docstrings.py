"""Docstrings of sentence-transformers' form, in reStructuredText, as Markdown: for the page of the public Python."""

import re
from typing import Any

import griffe


class Markdown(griffe.Extension):
    """Tables and code blocks as Markdown has them."""

    def on_function(self, *, func: griffe.Function, **_: Any) -> None:
        """Rewrite a function's docstring before it is read."""
        if func.docstring:
            func.docstring.value = markdown(func.docstring.value)


def markdown(text: str) -> str:
    """A docstring without the rules of grid tables and the marks of code blocks."""
    bare = re.sub(r"^ *::\n|^ *\+-[-+]*\n?", "", text, flags=re.MULTILINE)
    return re.sub(
        r"^( *)\+=+(\+=+)*\+$",
        lambda rule: rule[1] + re.sub("=+", "---", rule[0].strip()).replace("+", "|"),
        bare,
        flags=re.MULTILINE,
    )
