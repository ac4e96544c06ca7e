"""Items for a text or a picture."""

import asyncio
import base64
import io
import logging
import tempfile
from http import HTTPStatus
from pathlib import Path

import numpy as np
from fastapi import APIRouter
from PIL import Image

from cuvee.errors import UnknownNameError
from cuvee.pictures import problem
from cuvee.queries import HISTORY_LIMIT
from cuvee.searching import best_of, channel_for, lexicon, merged, similarity_to_picture, similarity_to_text
from cuvee.serve.access import needs
from cuvee.serve.problems import Problem
from cuvee.serve.profiles import query_of
from cuvee.serve.reach import Away
from cuvee.serve.search_bodies import Found, FoundItem, Sought
from cuvee.serve.service import Here, Service
from cuvee.serve.snapshot import Snapshot, allowed_by
from cuvee.serve.wishes import Wish
from cuvee.sql.shown import Past, past_of
from cuvee.types import Bools, Floats, Ints

__all__ = ["checked", "router"]

logger = logging.getLogger(__name__)

router = APIRouter(prefix="/v1", tags=["search"])

_MOST_PIXELS = 20_000_000
"""Of a picture to search with: more are refused by its header, before anything is unpacked."""

_one_at_a_time = asyncio.Lock()
"""Encoders and words are worked at by one thread: others are answered in the meantime."""

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
_BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)
_UNREADABLE = (OSError, SyntaxError, ValueError)


@router.post("/search", dependencies=[needs("read")])
async def search(body: Sought, service: Here) -> Found:
    """Return the items that a text or a picture asks for, the best first."""
    if body.text is None and body.image is None:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "give text, or image, or both")
    snapshot, past, away = _looked_up(service, body)
    allowed = allowed_by(snapshot, Wish(where=body.filter))
    async with _one_at_a_time:
        rankings, degraded = await asyncio.to_thread(_rankings, snapshot, body, allowed)
    rows, scores = merged(list(rankings.values()))
    personal = past is not None and past.personal and body.personalise > 0 and len(rows) > 0
    if personal and past is not None and body.user_id is not None:
        taste = snapshot.bundle.model.score(await query_of(snapshot, body.user_id, past))[0, rows]
        scores = (1 - body.personalise) * _spread(scores) + body.personalise * _spread(taste)
        order = np.argsort(-scores, kind="stable")
        rows, scores = rows[order], scores[order]
    ways = {name: set(ranking.tolist()) for name, ranking in rankings.items()}
    return Found(
        model_version=snapshot.version,
        personal=personal,
        degraded=degraded or away,
        items=[
            FoundItem(
                item_id=snapshot.bundle.data.items[row],
                title=snapshot.titles[row],
                score=float(score),
                by=[name for name, found in ways.items() if row in found],
            )
            for row, score in zip(rows[: body.k].tolist(), scores[: body.k], strict=True)
        ],
    )


def _looked_up(service: Service, body: Sought) -> tuple[Snapshot, Past | None, bool]:
    """Return the snapshot, what is known of who asks, and whether that should be known and cannot be read now."""
    if body.user_id is None or body.personalise == 0:
        return service.current(), None, False
    try:
        with service.reach.reading() as connection:
            snapshot = service.follow(connection)
            return snapshot, past_of(connection, body.user_id, snapshot.after, HISTORY_LIMIT), False
    except Away:  # whether they refuse personalisation cannot be known now
        return service.snapshot, None, True


def _rankings(snapshot: Snapshot, body: Sought, allowed: Bools) -> tuple[dict[str, Ints], bool]:
    """Return what each way of searching found, and whether one failed that should have worked."""
    data, channels, degraded = snapshot.bundle.data, snapshot.bundle.channels, False
    found: dict[str, Floats] = {}
    if body.text is not None:
        found["words"] = lexicon(data).score(body.text)
        channel = channel_for(channels, "text")
        if channel is not None:
            try:
                found["text"] = similarity_to_text(data, channel, body.text)
            except (UnknownNameError, OSError) as error:  # the weights are not on this machine
                logger.error("search goes by words alone: %s", error)
                degraded = True
    if body.image is not None:
        found["image"] = _by_picture(snapshot, body.image)
    return {name: best_of(scores, allowed) for name, scores in found.items()}, degraded


def _by_picture(snapshot: Snapshot, image: str) -> Floats:
    channel = channel_for(snapshot.bundle.channels, "image")
    if channel is None:
        told = "image: nothing here reads pictures: the recipe has no encoder `image` of items"
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, told)
    with tempfile.TemporaryDirectory(prefix="cuvee-search-") as folder:
        path = Path(folder) / "picture"
        path.write_bytes(checked(image))
        if why := problem(str(path)):
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"image: not a picture that can be read: {why}")
        return similarity_to_picture(snapshot.bundle.data, channel, path)


def checked(image: str) -> bytes:
    """Return the bytes of a picture whose header says that it is not too large."""
    try:
        raw = base64.b64decode(image, validate=True)
        with Image.open(io.BytesIO(raw), formats=_FORMATS) as opened:
            width, height = opened.size
    except _BOMBS as error:
        raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"image: {error}; send a smaller one") from error
    except _UNREADABLE as error:
        told = f"image: not a picture in base64 that can be read ({type(error).__name__})"
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, told) from error
    if width * height > _MOST_PIXELS:
        told = f"image: {width} x {height} pixels are more than {_MOST_PIXELS}; send a smaller one"
        raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, told)
    return raw


def _spread(scores: Floats) -> Floats:
    """Return scores from 0 to 1; all 0 where they are equal or not finite."""
    finite = np.isfinite(scores)
    if not finite.any():
        return np.zeros_like(scores)
    low, high = scores[finite].min(), scores[finite].max()
    return np.where(finite, (scores - low) / max(float(high - low), 1e-9), 0).astype(np.float32)
