"""Within one answer a view is asked once: its scores order the items, then say why each is there."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from cuvee.blending import zscore_and_spread
from cuvee.protocols import Recommender
from cuvee.types import Floats, Queries

__all__ = ["scored_once", "standardised"]

_Kept = dict[tuple[int, int], tuple[Any, Any, Floats, Floats]]

_kept: ContextVar[_Kept | None] = ContextVar("kept", default=None)


@contextmanager
def scored_once() -> Iterator[None]:
    """Inside, what a view said of a question is kept, for this thread and task alone."""
    token = _kept.set({})
    try:
        yield
    finally:
        _kept.reset(token)


def standardised(view: Recommender, queries: Queries) -> tuple[Floats, Floats]:
    """Return (q, i) the view's z-scores, which whoever asks must not edit, and (q, 1) their spread before."""
    kept = _kept.get()
    if kept is None:
        return zscore_and_spread(view.score(queries))
    key = (id(view), id(queries))
    if key not in kept:
        told = zscore_and_spread(view.score(queries))
        kept[key] = (view, queries, *told)  # the two objects keep their ids while it is kept
    return kept[key][2:]
