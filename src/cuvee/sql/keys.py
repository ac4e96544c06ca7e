"""Keys of the service: what each may do; only a digest of the secret is kept.

A key reads `cuvee_KEYID_SECRET`. The secret has 256 random bits, so that a plain SHA-256 of it cannot be guessed back.
"""

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from sqlalchemy import Connection, select, update

from cuvee.errors import ConfigError, UnknownNameError, unknown
from cuvee.sql.audit import record
from cuvee.sql.schema import metadata

__all__ = ["SCOPES", "Key", "Scope", "find_key", "list_keys", "make_key", "revoke_key", "rotate_key"]

Scope = Literal["read", "events", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
"""read: recommendations and whatever is only looked at; events: to send events; admin: everything."""

_keys = metadata.tables["api_keys"]
_audit = metadata.tables["audit"]


@dataclass(frozen=True)
class Key:
    """A key without its secret."""

    key_id: str
    name: str
    scopes: tuple[Scope, ...]
    created_at: float
    """Unix seconds, as are the others."""
    expires_at: float | None
    revoked_at: float | None

    def usable(self, now: float) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def may(self, scope: Scope) -> bool:
        return "admin" in self.scopes or scope in self.scopes


def make_key(connection: Connection, name: str, scopes: Sequence[Scope], days: float | None = None) -> str:
    """Store a new key and return it with its secret, which nobody can find out later.

    Args:
        days: after which it no longer works; None: never.
    """
    presented, key_id = _stored(connection, name, scopes, days)
    record(connection, "keys", "make", key_id, {"name": name, "scopes": sorted(set(scopes))})
    return presented


def rotate_key(connection: Connection, key_id: str, hours: float) -> str:
    """Store a key of the same name and scopes and return it with its secret; the old one works for a while longer.

    A key that expires is followed by one that is made for as long a time.

    Args:
        hours: for which the old one goes on, unless it ends earlier by itself.

    Raises:
        UnknownNameError: there is no such key.
        ConfigError: it no longer works, or has a successor already.
    """
    old, now = _named(connection, key_id), time.time()
    if not old.usable(now):
        raise ConfigError(f"key {key_id!r} no longer works; `cuvee keys make` makes another")
    successor = _successor(connection, key_id)
    if successor is not None:
        raise ConfigError(f"key {key_id!r} was rotated before; {successor!r} came in its place: rotate that one")
    days = None if old.expires_at is None else (old.expires_at - old.created_at) / 86_400
    presented, new = _stored(connection, old.name, old.scopes, days)
    end = now + hours * 3_600 if old.expires_at is None else min(old.expires_at, now + hours * 3_600)
    connection.execute(update(_keys).where(_keys.c.key_id == key_id).values(expires_at=end))
    told = {"name": old.name, "scopes": sorted(old.scopes), "successor": new, "until": end}
    record(connection, "keys", "rotate", key_id, told)
    return presented


def revoke_key(connection: Connection, key_id: str) -> None:
    """Make a key useless from now on.

    Raises:
        UnknownNameError: there is no such key.
    """
    _named(connection, key_id)
    connection.execute(update(_keys).where(_keys.c.key_id == key_id).values(revoked_at=time.time()))
    record(connection, "keys", "revoke", key_id, {})


def list_keys(connection: Connection) -> list[Key]:
    """Return every key there has been, oldest first."""
    return [_key(row) for row in connection.execute(select(_keys).order_by(_keys.c.created_at)).mappings()]


def find_key(connection: Connection, presented: str) -> Key | None:
    """Return the key whose secret was presented; None for anything else."""
    prefix, _, rest = presented.partition("_")
    key_id, _, secret = rest.partition("_")
    if prefix != "cuvee" or not secret:
        return None
    row = connection.execute(select(_keys).where(_keys.c.key_id == key_id)).mappings().first()
    if row is None or not hmac.compare_digest(row["digest"], _digest(secret)):
        return None
    return _key(row)


def _stored(connection: Connection, name: str, scopes: Sequence[Scope], days: float | None) -> tuple[str, str]:
    """Store a new key; return it with its secret, and its id."""
    key_id, secret, now = secrets.token_hex(6), secrets.token_urlsafe(32), time.time()
    row = {"key_id": key_id, "name": name, "digest": _digest(secret), "scopes": sorted(set(scopes)), "created_at": now}
    connection.execute(_keys.insert().values(**row, expires_at=None if days is None else now + days * 86_400))
    return f"cuvee_{key_id}_{secret}", key_id


def _named(connection: Connection, key_id: str) -> Key:
    row = connection.execute(select(_keys).where(_keys.c.key_id == key_id)).mappings().first()
    if row is None:
        raise UnknownNameError(unknown("key", key_id, [key.key_id for key in list_keys(connection)]))
    return _key(row)


def _successor(connection: Connection, key_id: str) -> str | None:
    """Return the id of the key that came in the place of another, as the audit has it."""
    rotated = (_audit.c.subject == key_id) & (_audit.c.actor == "keys") & (_audit.c.action == "rotate")
    told = connection.execute(select(_audit.c.details).where(rotated)).scalars().first()
    return None if told is None else str(json.loads(told)["successor"])


def _key(row: Any) -> Key:
    return Key(**{name: row[name] for name in ("key_id", "name", "created_at", "expires_at", "revoked_at")},
               scopes=tuple(row["scopes"]))  # fmt: skip


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
