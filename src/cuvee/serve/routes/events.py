"""What people do: sent in batches, looked at, taken back."""

import time
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query
from sqlalchemy import Connection

from cuvee.logs.sql import store_events
from cuvee.serve.access import needs
from cuvee.serve.bodies import EventsIn, EventsOut
from cuvee.serve.service import Here

__all__ = ["router"]

router = APIRouter(prefix="/v1/events", tags=["events"])


@router.post("", status_code=HTTPStatus.CREATED, dependencies=[needs("events")])
async def post_events(body: EventsIn, service: Here) -> EventsOut:
    """Store events, all of them or none; they count in the very next answer. Sending one again changes nothing."""
    now = time.time()
    rows = [{**event.model_dump(), "time": int(now) if event.time is None else event.time} for event in body.events]

    def store(connection: Connection) -> int:
        return store_events(connection, rows, now)

    return EventsOut(received=len(rows), offset=await service.writer.write(store))


@router.get("", dependencies=[needs("admin")])
async def get_events(
    service: Here,
    after: Annotated[int, Query(ge=0, le=2**62)] = 0,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1_000,
) -> dict[str, list[dict[str, Any]]]:
    """Return events after an offset in order of arrival, those of people who refuse personalisation left out."""
    return {"events": service.log.read(after, limit).to_dicts()}
