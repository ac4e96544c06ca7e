"""Answers are written down right after they are given, those that wait together in one go."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from cuvee.serve.bodies import Answer, Asked
from cuvee.serve.reach import Away, brief
from cuvee.serve.service import Service
from cuvee.serve.telemetry import NOT_NOTED
from cuvee.sql.experiments import note_exposure
from cuvee.sql.impressions import count_shown
from cuvee.sql.shown import note_shown

__all__ = ["note"]

logger = logging.getLogger(__name__)

_noting: set[asyncio.Task[None]] = set()
"""Answers that are being written down; kept here so that they are not collected before they are done."""


@dataclass(frozen=True)
class _Note:
    row: Mapping[str, Any]
    """Columns of `recommendations`."""
    user_id: str | None
    names: Sequence[str]
    """Counts of impressions that the answer adds to."""


def note(service: Service, answer: Answer, body: Asked, after: int, names: Sequence[str]) -> None:
    """Write the answer down without keeping whoever asked waiting; `names` are the counts of impressions it adds to."""
    row = {
        "recommendation_id": answer.recommendation_id,
        "scenario": body.scenario,
        "session": body.session,
        "model_version": answer.model_version,
        "experiment": answer.experiment,
        "arm": answer.arm,
        "request": body.model_dump(exclude={"user_id"}, exclude_defaults=True),
        "slate": [item.model_dump() for item in answer.items],
        "event_offset": after,
        "degraded": answer.degraded,
    }

    async def noted() -> None:
        try:
            await service.writer.write_rows(_store, [_Note(row, body.user_id, names)])
        except (Away, SQLAlchemyError) as error:
            NOT_NOTED.inc()
            if not isinstance(error, Away):  # that is said once, not at every answer
                logger.error("recommendation %s is not written down: %s", answer.recommendation_id, brief(error))
        finally:
            if body.user_id is not None:
                service.pending.remove(body.user_id, answer.recommendation_id)

    if body.user_id is not None:
        service.pending.add(body.user_id, answer.recommendation_id, names)
    task = asyncio.create_task(noted())
    _noting.add(task)
    task.add_done_callback(_noting.discard)


def _store(connection: Connection, notes: Sequence[_Note]) -> None:
    numbers = note_shown(connection, [(n.row, n.user_id) for n in notes])
    for each, number in zip(notes, numbers, strict=True):
        if each.names and number is not None:
            count_shown(connection, number, each.names, time.time())
        row = each.row
        if row["experiment"] is not None and row["arm"] is not None:
            shown = (number, row["session"], row["recommendation_id"])
            note_exposure(connection, row["experiment"], row["arm"], *shown)
