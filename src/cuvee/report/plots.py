"""Where things stand on an axis, in per cent of its length: the page draws with it in any width."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from cuvee.statistics import Estimate, Paired

__all__ = ["Scale", "scale_of"]

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class Scale:
    """An axis with round ends."""

    low: float
    high: float
    step: float
    """Distance of the ticks."""

    def at(self, value: float) -> float:
        """Return the place of a value in per cent, within the axis."""
        share = (value - self.low) / (self.high - self.low)
        return round(100 * min(max(share, 0.0), 1.0), 2)

    @property
    def ticks(self) -> tuple[float, ...]:
        return tuple(self.low + n * self.step for n in range(round((self.high - self.low) / self.step) + 1))

    @property
    def digits(self) -> int:
        """Digits after the point that tell the ticks apart."""
        return next((d for d in range(12) if math.isclose(self.step, round(self.step, d), rel_tol=1e-6)), 12)


def scale_of(estimates: Iterable[Estimate | Paired], *, ticks: int = 4) -> Scale:
    """Return an axis that holds zero, the values and their intervals, with about so many steps."""
    values = [0.0]
    for e in estimates:
        middle = e.mean if isinstance(e, Estimate) else e.difference
        values += [v for v in (middle, e.low, e.high) if v is not None]
    low, high = min(values), max(values)
    if low == high:
        return Scale(0.0, 1.0, 0.5)
    rough = (high - low) / ticks
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(s * power for s in _STEPS if s * power >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return Scale(first * step, last * step, step)
