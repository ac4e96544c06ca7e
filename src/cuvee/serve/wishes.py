"""What an answer should be like, whoever it is for; and what of it changes scores and stages."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np

from cuvee.errors import ConfigError, UnknownNameError
from cuvee.protocols import Recommender, StageModel
from cuvee.serve.effects import Effects, boosted
from cuvee.stages.diversity import DiversityModel
from cuvee.types import Floats, Ints, Queries

__all__ = ["Boosted", "Wish", "about", "diversified"]


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
    boosts: tuple[tuple[str, float], ...] = ()
    """Condition and factor, 0 or more: by how much more an item counts that fulfils it."""
    diversity: float | None = None
    """Trade-off of the stage `diversity`, 0..1, instead of the recipe's; None: as the recipe says."""
    weights: Mapping[str, float] | None = None
    """View of a blend, or modality -> by how much more it counts; None: as they were found."""
    deadline: float | None = None
    """`time.monotonic()` by which the answer should be there: stages that are not done by then are left out."""
    effects: Effects | None = None
    """What rules do; None: none is in force."""


@dataclass(frozen=True)
class Boosted:
    """A model whose scores are moved."""

    model: Recommender
    factors: Floats
    """(i,) 0 or more."""

    def score(self, queries: Queries) -> Floats:
        return boosted(self.model.score(queries), self.factors)


def diversified(
    stages: Sequence[StageModel], trade_off: float, prepared: DiversityModel | None
) -> tuple[StageModel, ...]:
    """Return the stages with another trade-off between relevance and variety, 0..1; 0 leaves variety out.

    Args:
        prepared: the stage to add at the end where there is none; None: nothing is added.
    """
    kept = tuple(s for s in stages if trade_off > 0 or not isinstance(s, DiversityModel))
    changed = tuple(replace(s, trade_off=trade_off) if isinstance(s, DiversityModel) else s for s in kept)
    if trade_off == 0 or prepared is None or any(isinstance(s, DiversityModel) for s in changed):
        return changed
    return (*changed, replace(prepared, trade_off=trade_off))


@contextmanager
def about(name: str) -> Iterator[None]:
    """Inside, what is wrong with a request is told with the field it is about."""
    try:
        yield
    except (ConfigError, UnknownNameError) as error:
        raise ConfigError(f"{name}: {error}") from error
