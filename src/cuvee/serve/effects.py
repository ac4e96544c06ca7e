"""What rules do to one answer, in a fixed order: filter, cap, boost and bury, the recipe's stages, pin.

A pin moves an item to a place; it shows nothing that may not be shown. So whatever takes an item out (its state, the
request, the recipe's filters, a filter or a cap) wins over a pin.

A boost, of a rule or of a request, moves an item by how far its score is above the lowest one: lowest + factor *
(score - lowest). So a factor above 1 raises and one below 1 lowers whatever the scale and the sign of the scores, 0
puts the item last, and factors of several boosts multiply.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cuvee.protocols import Recommender, StageModel
from cuvee.rank import recommend
from cuvee.types import PAD, Bools, Context, Floats, Queries, Slate

__all__ = ["Effects", "Pin", "Touch", "boosted", "ruled"]


@dataclass(frozen=True)
class Touch:
    """A rule that moves items up or down."""

    rule: str
    items: Bools
    """(i,)."""
    factor: float | None
    """None: after everything else."""


@dataclass(frozen=True)
class Pin:
    rule: str
    row: int
    position: int
    """From 0."""


@dataclass(frozen=True)
class Effects:
    """The rules in force for one answer, as masks over the items."""

    allowed: Bools | None = None
    """(i,) what filters and caps leave; None: everything."""
    touches: tuple[Touch, ...] = ()
    limits: tuple[tuple[Bools, int], ...] = ()
    """(i,) items of which the answer may hold so many."""
    pins: tuple[Pin, ...] = ()
    """By priority."""

    @property
    def moves(self) -> bool:
        """Whether it does more than leave items out."""
        return bool(self.touches or self.limits or self.pins)

    def of(self, row: int) -> list[str]:
        """Return the names of the rules that touched an item which is shown; a pin alone decides where its item is."""
        pinned = [pin.rule for pin in self.pins if pin.row == row]
        return pinned or [touch.rule for touch in self.touches if touch.items[row]]


@dataclass(frozen=True)
class _Scored:
    scores: Floats

    def score(self, queries: Queries) -> Floats:  # noqa: ARG002
        return self.scores


def ruled(
    model: Recommender,
    queries: Queries,
    k: int,
    effects: Effects,
    *,
    filters: Sequence[Callable[[Queries], Bools]],
    stages: Sequence[StageModel],
    candidates: Bools,
    context: Context,
) -> tuple[Slate, Effects]:
    """Return the slate of one query by the rules, and the effects with those pins only that found their place."""
    scores = np.array(model.score(queries), np.float32)
    scores[~np.isfinite(scores)] = -np.inf
    allowed = candidates if effects.allowed is None else candidates & effects.allowed
    for may in filters:
        allowed = allowed & may(queries)[0]
    pins, limits = _placed(effects, allowed, k)
    known = np.isfinite(scores[0])
    lowest = float(scores[0, known].min()) if known.any() else 0.0
    own = np.where(known, scores[0], lowest)
    rest = allowed.copy()
    rest[[pin.row for pin in pins]] = False
    moved = boosted(scores, _factors(effects.touches, scores.shape[1]))
    scores = np.where(rest, moved, -np.inf).astype(np.float32)
    for items, most in limits:
        surplus = np.flatnonzero(items & np.isfinite(scores[0]))
        surplus = surplus[np.argsort(-scores[0, surplus], kind="stable")][most:]
        scores[0, surplus] = -np.inf
    slate = _last_the_buried(scores, queries, k, effects, stages, context)
    return _pinned(slate, pins, own, k), replace(effects, pins=pins)


def boosted(scores: Floats, factors: Floats) -> Floats:
    """Return scores (q, i) with their distance to the lowest finite one of their row times a factor (i,).

    What is not finite stays as it is.
    """
    finite = np.isfinite(scores)
    lowest = np.min(scores, axis=1, keepdims=True, initial=np.inf, where=finite)
    with np.errstate(invalid="ignore"):
        moved = lowest + factors * (scores - lowest)
    return np.where(finite & (factors != 1), moved, scores).astype(np.float32)


def _factors(touches: Sequence[Touch], width: int) -> Floats:
    factors = np.ones(width, np.float32)
    for touch in touches:
        if touch.factor is not None:
            factors[touch.items] *= touch.factor
    return factors


def _last_the_buried(
    scores: Floats, queries: Queries, k: int, effects: Effects, stages: Sequence[StageModel], context: Context
) -> Slate:
    """Rank what is not buried, and fill up with what is where there is too little of it."""
    buried = np.zeros(scores.shape[1], bool)
    for touch in effects.touches:
        if touch.factor is None:
            buried |= touch.items
    model = _Scored(scores)
    first = recommend(model, queries, k, stages=stages, candidates=~buried, context=context)
    n = int((first.items[0] != PAD).sum())
    if n == k or not buried.any():
        return first
    more = recommend(model, queries, k - n, stages=stages, candidates=buried, context=context)
    return replace(
        first,
        items=np.hstack([first.items[:, :n], more.items]),
        scores=np.hstack([first.scores[:, :n], more.scores]),
        propensity=np.hstack([first.propensity[:, :n], more.propensity]),
    )


def _placed(effects: Effects, allowed: Bools, k: int) -> tuple[tuple[Pin, ...], list[tuple[Bools, int]]]:
    """Return the pins that may be shown, one an item and a place, and what they leave of the limits.

    Of two for one place the first has it, and the other the next that is free.
    """
    left = [most for _, most in effects.limits]
    taken: dict[int, Pin] = {}
    for pin in effects.pins:
        mine = [n for n, (items, _) in enumerate(effects.limits) if items[pin.row]]
        again = any(pin.row == other.row for other in taken.values())
        if again or not allowed[pin.row] or any(left[n] <= 0 for n in mine):
            continue
        position = next(p for p in range(pin.position, pin.position + len(taken) + 1) if p not in taken)
        if position < k:
            taken[position] = replace(pin, position=position)
            for n in mine:
                left[n] -= 1
    limits = [(items, n) for (items, _), n in zip(effects.limits, left, strict=True)]
    return tuple(taken[p] for p in sorted(taken)), limits


def _pinned(slate: Slate, pins: Sequence[Pin], own: Floats, k: int) -> Slate:
    """Return the slate with pinned items in their places; past its end they stand at the end."""
    n = int((slate.items[0] != PAD).sum())
    items, scores, propensity = (list(row[0, :n]) for row in (slate.items, slate.scores, slate.propensity))
    for pin in pins:  # from the first place on, so that a later one does not shift an earlier one
        items.insert(pin.position, pin.row)
        scores.insert(pin.position, own[pin.row])
        propensity.insert(pin.position, 1.0)
    fill = max(0, k - len(items))
    return replace(
        slate,
        items=np.array([items[:k] + [PAD] * fill], np.int32),
        scores=np.array([scores[:k] + [-np.inf] * fill], np.float32),
        propensity=np.array([propensity[:k] + [0.0] * fill], np.float32),
    )
