"""Lists that are the same for everybody: what is popular, trending, new."""

import time
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query

from cuvee.ordering import top_k
from cuvee.queries import one_each
from cuvee.serve.access import needs
from cuvee.serve.answers import shown_items
from cuvee.serve.bodies import Shown
from cuvee.serve.service import Here
from cuvee.serve.snapshot import Snapshot
from cuvee.sql.shown import trending
from cuvee.types import Floats, Slate

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["lists"])

K = Annotated[int, Query(ge=1, le=200)]
Days = Annotated[float, Query(gt=0, le=3_650)]

_DAY = 86_400
_TRENDING = 5_000
"""Items that are counted: more are never in reach of a list."""


@router.get("/popular", dependencies=[needs("read")])
async def popular(service: Here, k: K = 10) -> dict[str, list[Shown]]:
    """Return what most people liked, by what the model was fitted on."""
    snapshot = service.current()
    return _best(snapshot, snapshot.bundle.data.demand, k)


@router.get("/trending", dependencies=[needs("read")])
async def trending_items(service: Here, k: K = 10, days: Days = 7.0) -> dict[str, list[Shown]]:
    """Return what most people touched in the last days, by the log some seconds ago; `score` is how many."""
    snapshot = service.current()

    def count() -> list[tuple[str, int]]:
        with service.reach.reading() as connection:
            return trending(connection, int(time.time() - days * _DAY), _TRENDING)

    found = await service.trending.get(days, count)
    counts = np.full(len(snapshot.bundle.data.items), -np.inf, np.float32)
    for item_id, people in found:
        row = snapshot.bundle.data.item_rows.get(item_id)
        if row is not None:
            counts[row] = people
    return _best(snapshot, counts, k)


@router.get("/latest", dependencies=[needs("read")])
async def latest(service: Here, k: K = 10) -> dict[str, list[Shown]]:
    """Return what came to the catalogue last, newest first; the items of the fit stand in their order there."""
    snapshot = service.current()
    return _best(snapshot, np.arange(len(snapshot.bundle.data.items), dtype=np.float32), k)


def _best(snapshot: Snapshot, scores: Floats, k: int) -> dict[str, list[Shown]]:
    scores = np.where(snapshot.shown, scores, -np.inf).astype(np.float32)
    items, best = top_k(scores[None, :], k)
    slate = Slate(items, best, np.ones(items.shape, np.float32))
    return {"items": shown_items(snapshot, one_each(len(scores), np.zeros((1, 0), np.int32)), slate, reasons=False)}
