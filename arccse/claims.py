"""What a config sets out to settle: each claim a sentence, and the one comparison that decides it."""

import hashlib
import json
from typing import Annotated, Literal

from pydantic import Field, model_validator

from arccse.hyperparameters import Finite
from arccse.validation import Name, Strict, SuiteName, Text

Direction = Literal["higher", "lower", "not higher", "not lower"]


class Claim(Strict):
    """A sentence, whose it is, and the comparison of a study's variants by which it stands or falls."""

    claim: Text
    """What is claimed, as a sentence."""
    source: Text
    """Whose claim it is, and where it stands."""
    study: Name
    """The study whose variants are compared, on each of its encoders."""
    suite: SuiteName | None = None
    """Default: the study's first."""
    task: Text | None = None
    """A column of the suite's table; default: the first of those that its comparisons are printed for."""
    matched: Literal["alignment", "steps"] | None = None
    """In place of a suite: the alignment at equal uniformity, or the steps to the other's best dev score."""
    contrast: dict[Text, Finite] = Field(default={})
    """Variant → its weight; the weights sum to 0."""
    best: Text | None = None
    """In place of a contrast: the variant that is claimed to be better than each of the study's others."""
    direction: Direction = "higher"
    """Where the comparison lies if the claim is right; "not lower": nowhere below −equivalence."""
    equivalence: Annotated[Finite, Field(gt=0)] | None = None
    """Default: the config's."""

    @model_validator(mode="after")
    def compares(self) -> "Claim":
        if bool(self.contrast) == (self.best is not None):
            raise ValueError("needs either 'contrast' or 'best'")
        weights = self.contrast.values()
        if self.contrast and (abs(sum(weights)) > 1e-9 or not all(weights)):
            raise ValueError("the weights of 'contrast' must sum to 0, and none may be 0")
        if self.matched and (self.suite or self.task or sorted(weights) != [-1, 1]):
            raise ValueError("'matched' takes no suite or task, and a contrast of one variant (1) less another (-1)")
        return self

    @property
    def labels(self) -> list[str]:
        """The variants that it names."""
        return list(self.contrast) or [str(self.best)]

    @property
    def digest(self) -> str:
        """Of what decides its verdict, 8 hex digits: another wording is the same claim."""
        decides = self.model_dump(mode="json", exclude={"claim", "source"})
        return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:8]
