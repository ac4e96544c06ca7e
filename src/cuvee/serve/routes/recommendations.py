"""What to show whom, and what was shown."""

import asyncio
import time
import uuid
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Path

from cuvee.features import encoded_profile
from cuvee.queries import HISTORY_LIMIT
from cuvee.scored_once import scored_once
from cuvee.serve.access import needs
from cuvee.serve.answers import shown_items
from cuvee.serve.bodies import MOST_EXCLUDED, Answer, Asked, Id, ManyAsked, NextPage, Ranked
from cuvee.serve.experiments import Assigned, assigned, filled_in
from cuvee.serve.noting import note
from cuvee.serve.problems import Problem
from cuvee.serve.profiles import query_of
from cuvee.serve.reach import Away
from cuvee.serve.rules import NOTHING_SEEN, profile_of
from cuvee.serve.service import Here, Service
from cuvee.serve.snapshot import Snapshot, shaped
from cuvee.serve.telemetry import DEGRADED, SHOWN
from cuvee.serve.wishes import Wish, about
from cuvee.sql.impressions import Impressions, impressions
from cuvee.sql.shown import Past, past_of, shown
from cuvee.types import PAD, Embeddings

__all__ = ["check", "encoded", "looked_up", "profile_for", "router", "wish_of"]

router = APIRouter(prefix="/v1", tags=["recommendations"])

_PATIENCE = (0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64)
"""Seconds between looks for an answer that may not be written down yet."""


@router.post("/recommendations", dependencies=[needs("read")])
async def recommend(body: Asked, service: Here) -> Answer:
    """Recommend to a user, known or not, or to a session; what they did a moment ago counts."""
    return await _answered(service, body, time.monotonic())


@router.post("/recommendations:batch", dependencies=[needs("read")])
async def recommend_batch(body: ManyAsked, service: Here) -> dict[str, list[Answer]]:
    """Answer several questions, in their order."""
    answers, start = [], time.monotonic()
    for asked in body.requests:
        answers.append(await _answered(service, asked, start))
        await asyncio.sleep(0)  # others are answered in between
    return {"answers": answers}


@router.post("/rank", dependencies=[needs("read")])
async def rank(body: Ranked, service: Here) -> Answer:
    """Order these candidates for somebody, best first: all that may be shown at all, seen before or not."""
    asked = Asked(**body.model_dump(), k=len(body.candidates))
    return await _answered(service, asked, time.monotonic(), seen=True)


@router.post("/recommendations/{recommendation_id}:next", dependencies=[needs("read")])
async def next_page(recommendation_id: Annotated[Id, Path()], service: Here, body: NextPage | None = None) -> Answer:
    """Answer the same question again without what was shown on this page and those before it."""
    start = time.monotonic()
    before = await _on_record(service, recommendation_id)
    # a page's request excludes all that came before it, so that the last page tells of the whole chain
    excluded = [*before["request"].get("exclude", []), *(item["item_id"] for item in before["slate"])]
    if len(excluded) > MOST_EXCLUDED:
        told = f"pages end after {MOST_EXCLUDED} items; ask anew, with a narrower filter"
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, told)
    asked = Asked(**{**before["request"], "user_id": before["user_id"], "exclude": excluded})
    if body is not None and body.k is not None:
        asked = asked.model_copy(update={"k": body.k})
    return await _answered(service, asked, start)


async def _on_record(service: Service, recommendation_id: str) -> dict[str, Any]:
    """Return an answer from the log; one that was given a moment ago may still be on its way into it."""
    for seconds in _PATIENCE:
        with service.reach.reading() as connection:
            found = shown(connection, recommendation_id)
        if found is not None:
            return found
        await asyncio.sleep(seconds)
    raise Problem(HTTPStatus.NOT_FOUND, f"no recommendation {recommendation_id!r} is on record")


@router.get("/recommendations/{recommendation_id}", dependencies=[needs("admin")])
async def replay(recommendation_id: Annotated[Id, Path()], service: Here) -> dict[str, Any]:
    """Return an answer as it was given: what was asked, by which model, what stood where and why."""
    with service.reach.reading() as connection:
        found = shown(connection, recommendation_id)
    if found is None:
        raise Problem(HTTPStatus.NOT_FOUND, f"no recommendation {recommendation_id!r} is on record")
    return found


async def _answered(service: Service, body: Asked, start: float, *, seen: bool = False) -> Answer:
    """Answer one question that came in at `start`, of `time.monotonic()`."""
    check(body)
    now = time.time()
    snapshot, past, seen_before, arm = looked_up(service, body)
    asked, body = body, body if arm is None else filled_in(body, arm.arm.settings)
    touched, strange = snapshot.known(body.items if body.personal else [])
    profile = await encoded(snapshot, body)
    if body.user_id is None:
        queries = snapshot.session(touched, profile)
    else:
        queries = await query_of(snapshot, body.user_id, past)
    wish, unknown = wish_of(snapshot, body, start, seen=seen)
    effects = snapshot.book.effects(body.scenario, now, profile_for(snapshot, body, past), seen_before)
    with scored_once():
        slate, effects = shaped(snapshot, queries, replace(wish, effects=effects))
        items = shown_items(snapshot, queries, slate, effects, reasons=body.reasons, weights=wish.weights)
    answer = Answer(
        recommendation_id=uuid.uuid4().hex,
        model_version=snapshot.version,
        degraded=not past.read or (slate.degraded is not None and bool(slate.degraded.any())),
        personal=past.personal and (body.user_id is not None or len(touched) > 0 or bool(profile)),
        unknown_items=[*strange, *unknown],
        items=items,
        experiment=None if arm is None else arm.experiment.experiment,
        arm=None if arm is None else arm.arm.arm,
    )
    SHOWN.inc(len(answer.items))
    DEGRADED.inc(answer.degraded)
    names: list[str] = []
    if body.user_id is not None and past.personal and not seen:
        names = snapshot.book.counts(body.scenario, now, [row for row in slate.items[0].tolist() if row != PAD])
    note(service, answer, asked, snapshot.after, names)
    return answer


def check(body: Asked) -> None:
    if body.user_id is not None and (body.items or body.profile is not None):
        told = "give user_id, or items and profile of somebody unknown, not both: a session has no user"
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, told)


async def encoded(snapshot: Snapshot, body: Asked) -> Mapping[str, Embeddings] | None:
    """Return the profile as models read it; a network that reads texts holds up nobody else."""
    if body.profile is None or not body.personal:
        return None
    with about("profile"):
        return await asyncio.to_thread(encoded_profile, snapshot.bundle.data, snapshot.bundle.channels, body.profile)


def wish_of(snapshot: Snapshot, body: Asked, start: float, *, seen: bool = False) -> tuple[Wish, list[str]]:
    """Return what is asked of the answer, but for rules, and the ids in it that are not in the catalogue."""
    excluded, unknown = snapshot.known(body.exclude)
    candidates = None
    if body.candidates is not None:
        candidates, others = snapshot.known(body.candidates)
        unknown += others
    wish = Wish(
        k=body.k,
        exclude=excluded,
        candidates=candidates,
        where=body.filter,
        seen=seen,
        boosts=tuple((boost.when, boost.factor) for boost in body.boosts),
        diversity=body.diversity,
        weights=body.weights,
        deadline=None if body.deadline is None else start + body.deadline / 1000,
    )
    return wish, unknown


def profile_for(snapshot: Snapshot, body: Asked, past: Past) -> Mapping[str, Any] | None:
    """Return what may be known of somebody's profile, where there are rules that may ask for it."""
    if not past.personal or not snapshot.book.rules:
        return None
    if body.user_id is None:
        return body.profile
    known = {} if snapshot.row_of(body.user_id) is None else profile_of(snapshot.bundle.data, body.user_id)
    return known | dict(past.profile)


class _Looked(NamedTuple):
    """What is known of who asks: all of one state of the database, but for impressions not yet written down."""

    snapshot: Snapshot
    """The one that answers."""
    past: Past
    seen: Impressions
    """What they were shown, as far as caps ask."""
    arm: Assigned | None


def looked_up(service: Service, body: Asked) -> _Looked:
    """Return what is known of who asks, and the snapshot that answers."""
    pending = {} if body.user_id is None else service.pending.of(body.user_id)
    try:
        with service.reach.reading() as connection:
            snapshot, arm = _in_arm(service, service.follow(connection), body)
            if body.user_id is None:
                return _Looked(snapshot, Past(personal=body.personal), NOTHING_SEEN, arm)
            if not body.personal:
                return _Looked(service.snapshot, Past(personal=False), NOTHING_SEEN, None)
            past = past_of(connection, body.user_id, snapshot.after, HISTORY_LIMIT)
            if not past.personal:
                return _Looked(service.snapshot, past, NOTHING_SEEN, None)
            window = snapshot.book.longest_window
            seen = impressions(connection, past.number, window, pending) if window else NOTHING_SEEN
            return _Looked(snapshot, past, seen, arm)
    except Away:  # whether somebody refuses personalisation cannot be known now, nor an exposure be written down
        return _Looked(service.snapshot, Past(personal=body.user_id is None, read=False), NOTHING_SEEN, None)


def _in_arm(service: Service, snapshot: Snapshot, body: Asked) -> tuple[Snapshot, Assigned | None]:
    """Return the snapshot that answers, and for which arm: until its own is loaded, nobody is in an arm."""
    arm = assigned(service.experiments, body)
    if arm is None or arm.version is None:
        return snapshot, arm
    own = service.snapshot_of_version(arm.version)
    return (snapshot, None) if own is None else (own, arm)
