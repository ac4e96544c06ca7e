"""Between which values a parameter may be tuned."""

from dataclasses import dataclass
from math import isfinite
from typing import Any

from cuvee.errors import ConfigError

__all__ = ["Range"]


@dataclass(frozen=True)
class Range:
    """From `low` to `high`, or one of `choices`."""

    low: int | float | None = None
    """The smallest value."""
    high: int | float | None = None
    """The largest value."""
    log: bool = False
    """Whether equal ratios count as equal steps, as suits penalties and learning rates; needs low above 0."""
    choices: tuple[Any, ...] = ()
    """The values, of any kind that the place takes: numbers, names, lists, whole components."""

    def __post_init__(self) -> None:
        if self.choices:
            if self.low is not None or self.high is not None or self.log:
                raise ConfigError("has choices beside low, high or log; write one or the other")
            if len(self.choices) < 2:
                raise ConfigError(f"needs at least two choices, got {list(self.choices)!r}")
            return
        if self.low is None or self.high is None:
            raise ConfigError("needs low and high, e.g. {low: 10, high: 1000, log: true}, or {choices: [...]}")
        if not (isfinite(self.low) and isfinite(self.high) and self.low < self.high):
            raise ConfigError(f"needs finite numbers with low below high, got {self.low!r} and {self.high!r}")
        if self.log and self.low <= 0:
            raise ConfigError(f"log needs low above 0, got {self.low!r}")
