"""What people write about items."""

import time
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from cuvee.serve.access import needs
from cuvee.serve.bodies import Body, Id, Text
from cuvee.serve.items import known_item
from cuvee.serve.service import Here
from cuvee.sql.profiles import reviews_of, store_review

__all__ = ["router"]

router = APIRouter(prefix="/v1/items", tags=["reviews"])

ItemId = Annotated[Id, Path()]


class ReviewIn(Body):
    """What somebody wrote."""

    review_id: Id = Field(description="Yours; one that was stored before is left as it is")
    user_id: Id
    text: Text = Field(min_length=1, max_length=20_000)
    rating: float | None = Field(None, ge=-1_000, le=1_000, description="On the scale of the data")
    time: int | None = Field(None, ge=0, le=10**11, description="Unix seconds; now where missing")


class ReviewOut(BaseModel):
    review_id: str
    text: str
    rating: float | None
    time: int


@router.post("/{item_id:path}/reviews", status_code=HTTPStatus.CREATED, dependencies=[needs("events")])
async def post_review(item_id: ItemId, body: ReviewIn, service: Here) -> ReviewOut:
    """Store a review; reasons quote it once a version has been fitted with it."""
    known_item(service, item_id)
    when = int(time.time()) if body.time is None else body.time
    review = {**body.model_dump(), "time": when}

    def store(connection: Connection) -> None:
        store_review(connection, item_id, review)

    await service.writer.write(store)
    return ReviewOut(review_id=body.review_id, text=body.text, rating=body.rating, time=when)


@router.get("/{item_id:path}/reviews", dependencies=[needs("read")])
async def get_reviews(
    item_id: ItemId, service: Here, limit: Annotated[int, Query(ge=1, le=1_000)] = 100
) -> dict[str, list[ReviewOut]]:
    """Return what was posted about an item, newest first, without who wrote it."""
    known_item(service, item_id)
    with service.reach.reading() as connection:
        return {"reviews": [ReviewOut(**row) for row in reviews_of(connection, item_id, limit)]}
