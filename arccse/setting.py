"""How an objective declares its own hyperparameters: Annotated[float, Setting(0.3, linear=[0, 0.6], origin="…")]."""

from dataclasses import dataclass, field

from arccse.ranges import Range


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What is known of a hyperparameter beside its name and type, which are the parameter's.

    Attributes:
        default: the source's value.
        origin: where that comes from.
        log, linear, choices: the values that a tuning tries, one of the three; see `ranges.Range`.
        ge, gt, le, lt: what it may be at all.
    """

    default: float = field(kw_only=False)
    origin: str
    log: list[float] | None = None
    linear: list[float] | None = None
    choices: list[float] | None = None
    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None

    @property
    def range(self) -> Range:
        return Range(log=self.log, linear=self.linear, choices=self.choices)
