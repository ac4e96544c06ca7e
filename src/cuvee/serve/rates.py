"""How many requests a key may make: a bucket of tokens that fills again at a steady rate.

Reference: J. Turner, "New directions in communications (or which way to the information age?)", IEEE Communications
Magazine 1986 (the leaky bucket, here as a meter).
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

__all__ = ["Allowance", "Rates"]

_MOST = 10_000
"""Keys that are remembered: one that has been quiet long enough has a full bucket anyway."""


class Allowance(NamedTuple):
    """What a request was told about its rate."""

    granted: bool
    remaining: int
    """Requests that may follow at once."""
    seconds: float
    """Until the next one may come, where this one was refused; else until the bucket is full."""


@dataclass
class Rates:
    """The buckets of one process."""

    rate: float
    """Requests a second."""
    burst: int
    """Requests at once, at most."""
    clock: Callable[[], float] = time.monotonic
    _left: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Key -> tokens left, and when."""

    def ask(self, key: str) -> Allowance:
        """Take a token for a request, if there is one."""
        now = self.clock()
        left, then = self._left.pop(key, (float(self.burst), now))
        left = min(self.burst, left + (now - then) * self.rate)
        granted = left >= 1
        left -= granted
        if len(self._left) >= _MOST:
            del self._left[next(iter(self._left))]  # the one that was quiet longest
        self._left[key] = (left, now)
        wait = (self.burst - left) / self.rate if granted else (1 - left) / self.rate
        return Allowance(granted, math.floor(left), wait)
