"""The exceptions that a user is meant to read."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any


class InputError(Exception):
    """Something the user can mend: a typo in a config, a missing or damaged file, an unknown name.

    The message is one or two sentences that name the key or file, the value, and what would be valid.
    The command line prints it without a traceback and exits with status 2.
    """


class Interrupted(Exception):
    """A training stopped between two steps because it was asked to; `status` is the exit status."""

    def __init__(self, message: str, status: int):
        super().__init__(message)
        self.status = status


class Diverged(Exception):
    """A training whose loss, gradient, weights or dev score are not finite: an outcome, which a table can show.

    Attributes:
        step: the first step where that was so.
        message: one sentence that names the step, what was found, and the settings that may have caused it.
        history: the measured steps as in `Trained.history`, and last the one at which it was found.
    """

    def __init__(self, step: int, found: str, settings: str, history: Sequence[Mapping[str, Any]] = ()):
        self.step, self.history = step, history
        self.message = f"The training diverged at step {step}: {found}" + (f", with {settings}." if settings else ".")
        super().__init__(self.message)


def nearest(name: str, valid: list[str]) -> str:
    """A hint for a misspelt name: "did you mean 'x'?", or the valid names where none is close."""
    close = get_close_matches(name, valid, n=1)
    return f"did you mean '{close[0]}'?" if close else f"valid: {', '.join(valid)}."


def first_line(error: BaseException) -> str:
    """The first line of a library's error message, for use inside ours."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") + "." if lines else f"{type(error).__name__}."


def shortened(text: str, length: int = 80) -> str:
    """A value as a message shows it: of a long one, the beginning."""
    return text if len(text) <= length else f"{text[: length - 1]}…"
