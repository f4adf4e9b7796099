"""Where the values of a hyperparameter lie that a tuning tries."""

from typing import Annotated, Any

from pydantic import Field, model_validator

from arccse.validation import Strict

Finite = Annotated[float, Field(allow_inf_nan=False)]
Ends = Annotated[list[Finite], Field(min_length=2, max_length=2)]


class Range(Strict):
    """One of `log`, `linear` and `choices`."""

    log: Ends | None = None
    """Ends of a range whose logarithm is evenly covered."""
    linear: Ends | None = None
    """Ends of a range that is evenly covered."""
    choices: Annotated[list[Any], Field(min_length=2)] | None = None
    """Values that are equally likely."""

    @model_validator(mode="after")
    def is_one_range(self) -> "Range":
        given = [kind for kind in ("log", "linear", "choices") if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(f"must have one of 'log', 'linear' and 'choices', not {' and '.join(given) or 'none'}")
        if self.ends and not self.ends[0] < self.ends[1]:
            raise ValueError(f"must rise: {self.ends}")
        if self.log and self.log[0] <= 0:
            raise ValueError(f"has no logarithm at {self.log[0]:g}; 'log' takes ends above 0")
        return self

    @property
    def ends(self) -> list[float] | None:
        return self.log or self.linear

    def at(self, u: float) -> Any:
        """The value at 0 ≤ u < 1 of the range; numbers have four digits, so that they can be read and given again."""
        if self.choices is not None:
            return self.choices[int(u * len(self.choices))]
        low, high = self.ends or [0.0, 0.0]
        value = low * (high / low) ** u if self.log else low + (high - low) * u
        return float(f"{value:.4g}")
