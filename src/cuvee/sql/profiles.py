"""What people say of themselves, and what they write about items."""

import time
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select, update

from cuvee.sql.audit import record
from cuvee.sql.database import insert_new
from cuvee.sql.people import announce, pseudonym, user_numbers
from cuvee.sql.schema import metadata

__all__ = ["known_people", "new_reviews", "profile_in", "reviews_of", "set_profile", "store_review"]

_users, _reviews = metadata.tables["users"], metadata.tables["reviews"]


def profile_in(connection: Connection, user_id: str) -> dict[str, Any] | None:
    """Return the stored profile of a person; None where the database does not know them."""
    found = connection.execute(select(_users.c.profile).where(_users.c.user_id == user_id)).first()
    return None if found is None else dict(found.profile)


def set_profile(connection: Connection, user_id: str, profile: Mapping[str, Any], actor: str) -> None:
    """Store a person's profile in place of what was there; the audit names them by pseudonym, and no values."""
    number = user_numbers(connection, [user_id])[user_id]
    here = _users.c.user_no == number
    connection.execute(update(_users).where(here).values(profile=dict(profile), updated_at=time.time()))
    record(connection, actor, "profile", pseudonym(connection, number), {"columns": sorted(profile)})
    announce(connection, "users", str(number))


def known_people(connection: Connection, after: str | None, limit: int) -> list[tuple[str, dict[str, Any]]]:
    """Return (id, profile) of people whom the database knows, by id."""
    wanted = select(_users.c.user_id, _users.c.profile).order_by(_users.c.user_id).limit(limit)
    found = connection.execute(wanted if after is None else wanted.where(_users.c.user_id > after))
    return [(row.user_id, dict(row.profile)) for row in found]


def store_review(connection: Connection, item_id: str, review: Mapping[str, Any]) -> None:
    """Store a review: review_id, user_id, text, rating, time; one that was stored before is left as it is."""
    number = user_numbers(connection, [review["user_id"]])[review["user_id"]]
    row = {**review, "user_no": number, "item_id": item_id, "received_at": time.time()}
    del row["user_id"]
    insert_new(connection, _reviews, [row], "review_id")


def reviews_of(connection: Connection, item_id: str, limit: int) -> list[dict[str, Any]]:
    """Return the newest reviews of an item, without who wrote them."""
    columns = [_reviews.c[name] for name in ("review_id", "text", "rating", "time")]
    wanted = select(*columns).where(_reviews.c.item_id == item_id).order_by(_reviews.c.time.desc(), _reviews.c.review)
    return [dict(row) for row in connection.execute(wanted.limit(limit)).mappings()]


def new_reviews(connection: Connection) -> list[dict[str, Any]]:
    """Return every stored review as the rows of a data set, of people who agree to personalisation."""
    joined = _reviews.join(_users, _users.c.user_no == _reviews.c.user_no)
    columns = [_users.c.user_id, *(_reviews.c[name] for name in ("item_id", "text", "rating", "time"))]
    wanted = select(*columns).select_from(joined).where(_users.c.personalisation).order_by(_reviews.c.review)
    return [dict(row) for row in connection.execute(wanted).mappings()]
