"""What was done to the service, and by which key."""

import json
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from cuvee.serve.access import needs
from cuvee.serve.service import Here
from cuvee.sql.audit import entries_after

__all__ = ["router"]

router = APIRouter(prefix="/v1/audit", tags=["audit"])

_FURTHEST = 2**63 - 1


class EntryOut(BaseModel):
    entry: int
    actor: str = Field(description="Id of a key, or what acted by itself")
    action: str
    subject: str = Field(description="The pseudonym of a person, or the id of a thing")
    details: dict[str, Any]
    done_at: float = Field(description="Unix seconds")
    previous: str = Field(description="Hash of the entry before")
    hash: str = Field(description="SHA-256 over this entry and the hash before it")


class AuditOut(BaseModel):
    entries: list[EntryOut]
    next: int | None = Field(description="Give it as `after` to get what follows; null: this is the end")


@router.get("", dependencies=[needs("admin")])
async def get_audit(
    service: Here,
    after: Annotated[int, Query(ge=0, le=_FURTHEST)] = 0,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> AuditOut:
    """Return what was done, oldest first, after the entry of a number; `cuvee audit verify` checks the hashes."""
    with service.reach.reading() as connection:
        found = entries_after(connection, after, limit + 1)
    entries = [EntryOut(**{**asdict(e), "details": json.loads(e.details)}) for e in found[:limit]]
    return AuditOut(entries=entries, next=entries[-1].entry if len(found) > limit else None)
