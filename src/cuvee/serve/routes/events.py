"""What people do: sent in batches, looked at, taken back."""

import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from sqlalchemy import Connection

from cuvee.logs.sql import store_events
from cuvee.serve.access import Actor, needs
from cuvee.serve.bodies import EventsIn, EventsOut, Id
from cuvee.serve.problems import Problem
from cuvee.serve.service import Here
from cuvee.serve.telemetry import EVENTS
from cuvee.sql.shown import delete_event_of

__all__ = ["router"]

router = APIRouter(prefix="/v1/events", tags=["events"])


@router.post("", status_code=HTTPStatus.CREATED, dependencies=[needs("events")])
async def post_events(body: EventsIn, service: Here) -> EventsOut:
    """Store events, all of them or none; they count in the very next answer. Sending one again changes nothing."""
    now = time.time()
    rows = [{**event.model_dump(), "time": int(now) if event.time is None else event.time} for event in body.events]
    offset = await service.writer.write_rows(_store, rows)
    EVENTS.inc(len(rows))
    return EventsOut(received=len(rows), offset=offset)


@router.delete("/{event_id:path}", status_code=HTTPStatus.NO_CONTENT, dependencies=[needs("admin")])
async def delete_event(event_id: Annotated[Id, Path()], service: Here, actor: Actor) -> None:
    """Take an event back: it no longer counts, from the very next answer on; models that were fitted on it know it."""

    def remove(connection: Connection) -> bool:
        return delete_event_of(connection, event_id, actor)

    if not await service.writer.write(remove):
        raise Problem(HTTPStatus.NOT_FOUND, f"no event {event_id!r} is in the log")


@router.get("", dependencies=[needs("admin")])
async def get_events(
    service: Here,
    after: Annotated[int, Query(ge=0, le=2**62)] = 0,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1_000,
) -> dict[str, list[dict[str, Any]]]:
    """Return events after an offset in order of arrival, those of people who refuse personalisation left out."""
    return {"events": (await service.ask_log(lambda log: log.read(after, limit))).to_dicts()}


def _store(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
    return store_events(connection, rows, time.time())
