"""What the arms of an experiment did: a unit (a person, a session) counts once, however often it was answered.

References: R. Newcombe, "Interval estimation for the difference between independent proportions", Statistics in
Medicine 1998, method 10; E. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 1927;
B. Welch, "The generalization of Student's problem when several different population variances are involved",
Biometrika 1947; R. Kohavi, D. Tang, Y. Xu, "Trustworthy online controlled experiments", 2020, chapter 21 (sample ratio
mismatch).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

__all__ = ["Compared", "Counted", "Share", "compared", "counted", "mismatch", "shares_of"]

_Z = float(special.ndtri(0.975))

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Share:
    """A share of units with its 95 % interval (Wilson)."""

    value: float | None
    """None: there is no unit."""
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Compared:
    """An arm minus the control."""

    difference: float | None
    """None: one of the two has too few units."""
    low: float | None
    """95 % interval."""
    high: float | None
    p_value: float | None
    """Two-sided, of no difference."""


@dataclass(frozen=True)
class Counted:
    """The events of one goal of the units of one arm."""

    units: int
    values: Doubles
    """(units,) events of each."""

    @property
    def converted(self) -> int:
        """Units with at least one."""
        return int((self.values > 0).sum())

    @property
    def events(self) -> int:
        return int(self.values.sum())


def counted(units: Sequence[object], events: Mapping[object, int]) -> Counted:
    """Return what the units of an arm did; those without an event have 0."""
    return Counted(len(units), np.array([events.get(unit, 0) for unit in units], np.float64))


def shares_of(converted: int, units: int) -> Share:
    """Return the share of units that did it."""
    if not units:
        return Share(None, None, None)
    low, high = _wilson(converted / units, units)
    return Share(converted / units, low, high)


def compared(arm: Counted, control: Counted) -> tuple[Compared, Compared]:
    """Return the difference of the shares that did it (Newcombe), and of the events a unit (Welch)."""
    return _two_shares(arm, control), _two_means(arm.values, control.values)


def mismatch(units: Sequence[int], shares: Sequence[float]) -> float | None:
    """Return the p value of as many units as there are in each arm, by the shares; None where there are none.

    A small one (below .001, say) means that something other than the shares decided who was counted.
    """
    total, whole = sum(units), sum(shares)
    if not total or len(units) < 2:
        return None
    expected = np.array([total * share / whole for share in shares])
    return float(special.chdtrc(len(units) - 1, ((np.array(units) - expected) ** 2 / expected).sum()))


def _two_shares(arm: Counted, control: Counted) -> Compared:
    if not arm.units or not control.units:
        return Compared(None, None, None, None)
    a, b = arm.converted / arm.units, control.converted / control.units
    (low_a, high_a), (low_b, high_b) = _wilson(a, arm.units), _wilson(b, control.units)
    low = a - b - math.hypot(a - low_a, high_b - b)
    high = a - b + math.hypot(high_a - a, b - low_b)
    pooled = (arm.converted + control.converted) / (arm.units + control.units)
    spread = math.sqrt(pooled * (1 - pooled) * (1 / arm.units + 1 / control.units))
    p_value = 1.0 if spread == 0 else float(2 * special.ndtr(-abs(a - b) / spread))
    return Compared(a - b, low, high, p_value)


def _two_means(arm: Doubles, control: Doubles) -> Compared:
    if len(arm) < 2 or len(control) < 2:
        return Compared(None, None, None, None)
    difference = float(arm.mean() - control.mean())
    parts = [float(values.var(ddof=1)) / len(values) for values in (arm, control)]
    spread = math.sqrt(sum(parts))
    if spread == 0:
        return Compared(difference, difference, difference, 1.0 if difference == 0 else 0.0)
    freedom = spread**4 / sum(part**2 / (len(v) - 1) for part, v in zip(parts, (arm, control), strict=True))
    reach = float(special.stdtrit(freedom, 0.975)) * spread
    p_value = float(2 * special.stdtr(freedom, -abs(difference) / spread))
    return Compared(difference, difference - reach, difference + reach, p_value)


def _wilson(share: float, units: int) -> tuple[float, float]:
    middle = share + _Z**2 / (2 * units)
    reach = _Z * math.sqrt(share * (1 - share) / units + _Z**2 / (4 * units**2))
    whole = 1 + _Z**2 / units
    return max(0.0, (middle - reach) / whole), min(1.0, (middle + reach) / whole)
