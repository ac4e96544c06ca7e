"""What to show whom, and what was shown."""

import asyncio
import logging
import uuid
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from cuvee.queries import HISTORY_LIMIT
from cuvee.scored_once import scored_once
from cuvee.serve.access import needs
from cuvee.serve.answers import shown_items
from cuvee.serve.bodies import Answer, Asked, Id, ManyAsked, Ranked
from cuvee.serve.problems import Problem
from cuvee.serve.service import Here, Service
from cuvee.serve.snapshot import Snapshot
from cuvee.serve.telemetry import SHOWN
from cuvee.serve.wishes import Wish
from cuvee.sql.database import reading
from cuvee.sql.shown import Past, note_shown, past_of, shown

__all__ = ["router"]

logger = logging.getLogger(__name__)

router = APIRouter(prefix="/v1", tags=["recommendations"])

_noting: set[asyncio.Task[None]] = set()
"""Answers that are being written down; kept here so that they are not collected before they are done."""


@router.post("/recommendations", dependencies=[needs("read")])
async def recommend(body: Asked, service: Here) -> Answer:
    """Recommend to a user, known or not, or to a session; what they did a moment ago counts."""
    return _answered(service, body)


@router.post("/recommendations:batch", dependencies=[needs("read")])
async def recommend_batch(body: ManyAsked, service: Here) -> dict[str, list[Answer]]:
    """Answer several questions, in their order."""
    answers = []
    for asked in body.requests:
        answers.append(_answered(service, asked))
        await asyncio.sleep(0)  # others are answered in between
    return {"answers": answers}


@router.post("/rank", dependencies=[needs("read")])
async def rank(body: Ranked, service: Here) -> Answer:
    """Order these candidates for somebody, best first: all that may be shown at all, seen before or not."""
    asked = Asked(**body.model_dump(), k=len(body.candidates))
    return _answered(service, asked, seen=True)


@router.get("/recommendations/{recommendation_id}", dependencies=[needs("admin")])
async def replay(recommendation_id: Annotated[Id, Path()], service: Here) -> dict[str, Any]:
    """Return an answer as it was given: what was asked, by which model, what stood where and why."""
    with reading(service.engine) as connection:
        found = shown(connection, recommendation_id)
    if found is None:
        raise Problem(HTTPStatus.NOT_FOUND, f"no recommendation {recommendation_id!r} is on record")
    return found


def _answered(service: Service, body: Asked, *, seen: bool = False) -> Answer:
    if body.user_id is not None and body.items:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "give user_id or items, not both: a session has no user")
    snapshot, past = _looked_up(service, body.user_id)
    touched, strange = snapshot.known(body.items)
    queries = snapshot.session(touched) if body.user_id is None else snapshot.user(body.user_id, past)
    excluded, unknown = snapshot.known(body.exclude)
    candidates = None
    if body.candidates is not None:
        candidates, others = snapshot.known(body.candidates)
        unknown += others
    with scored_once():
        slate = snapshot.answer(queries, Wish(body.k, excluded, candidates, body.filter, seen))
        items = shown_items(snapshot, queries, slate, reasons=body.reasons)
    answer = Answer(
        recommendation_id=uuid.uuid4().hex,
        model_version=snapshot.version,
        degraded=slate.degraded is not None and bool(slate.degraded.any()),
        personal=past.personal and (body.user_id is not None or len(touched) > 0),
        unknown_items=[*strange, *unknown],
        items=items,
    )
    SHOWN.inc(len(answer.items))
    _note(service, answer, body, snapshot.after)
    return answer


def _looked_up(service: Service, user_id: str | None) -> tuple[Snapshot, Past]:
    """Return the snapshot that answers now and what the log knows of the user, of one state of the database."""
    with reading(service.engine) as connection:
        snapshot = service.follow(connection)
        if user_id is None:
            return snapshot, Past(personal=True)
        return snapshot, past_of(connection, user_id, snapshot.after, HISTORY_LIMIT)


def _note(service: Service, answer: Answer, body: Asked, after: int) -> None:
    """Write the answer down without keeping whoever asked waiting."""
    row = {
        "recommendation_id": answer.recommendation_id,
        "scenario": body.scenario,
        "model_version": answer.model_version,
        "request": body.model_dump(exclude={"user_id"}, exclude_defaults=True),
        "slate": [item.model_dump() for item in answer.items],
        "event_offset": after,
        "degraded": answer.degraded,
    }

    def store(connection: Connection) -> None:
        note_shown(connection, row, body.user_id)

    async def noted() -> None:
        try:
            await service.writer.write(store)
        except SQLAlchemyError as error:
            logger.error("recommendation %s could not be written down: %s", answer.recommendation_id, error)

    task = asyncio.create_task(noted())
    _noting.add(task)
    task.add_done_callback(_noting.discard)
