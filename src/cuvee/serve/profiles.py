"""The query of somebody whose profile is stored here: models read it as they read those of the fit."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cuvee.errors import ConfigError
from cuvee.features import encoded_profile
from cuvee.serve.snapshot import Snapshot
from cuvee.sql.shown import Past
from cuvee.types import Queries

__all__ = ["query_of"]

logger = logging.getLogger(__name__)


async def query_of(snapshot: Snapshot, user_id: str, past: Past) -> Queries:
    """Return the query of a user, with the profile that is stored here over the one of the fit.

    A network that reads texts holds up nobody else. Columns that the fit does not have are not read; a profile that
    cannot be encoded is left out and logged, without what it says.
    """
    queries = snapshot.user(user_id, past)
    columns = _columns(snapshot, user_id, past.profile)
    if not columns:
        return queries
    data, channels = snapshot.bundle.data, snapshot.bundle.channels
    try:
        features = await asyncio.to_thread(encoded_profile, data, channels, columns)
    except ConfigError as error:
        logger.warning("a stored profile cannot be read by version %s: %s", snapshot.version, type(error).__name__)
        return queries
    return replace(queries, features=features)


def _columns(snapshot: Snapshot, user_id: str, stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return the whole profile where something of it is stored here that an encoder may read; else nothing."""
    table, row = snapshot.bundle.data.user_table, snapshot.row_of(user_id)
    own = {name: value for name, value in stored.items() if name in table.columns and name != "user_id"}
    if not own or not any(channel.role == "user" for channel in snapshot.bundle.channels):
        return {}
    known = {} if row is None else table.row(row, named=True)
    known.pop("user_id", None)
    return {**known, **own}
