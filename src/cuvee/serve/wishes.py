"""What an answer should be like, whoever it is for."""

from dataclasses import dataclass, field

import numpy as np

from cuvee.serve.effects import Effects
from cuvee.types import Ints

__all__ = ["Wish"]


def _nothing() -> Ints:
    return np.zeros(0, np.int32)


@dataclass(frozen=True)
class Wish:
    """What is asked of an answer, in rows of the catalogue."""

    k: int = 10
    exclude: Ints = field(default_factory=_nothing)
    """(e,) items that are not to be shown."""
    candidates: Ints | None = None
    """(c,) nothing else may be shown; None: whatever there is."""
    where: str | None = None
    """A condition on the columns of the catalogue."""
    seen: bool = False
    """Whether the recipe's filters do not count."""
    effects: Effects | None = None
    """What rules do; None: none is in force."""
