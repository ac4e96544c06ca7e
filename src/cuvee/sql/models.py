"""Which trained versions there are, which one answers, and who said so."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, select, update

from cuvee.errors import UnknownNameError, unknown
from cuvee.sql.audit import record
from cuvee.sql.database import insert_new
from cuvee.sql.people import announce
from cuvee.sql.schema import metadata

__all__ = [
    "Version",
    "activate",
    "active_version",
    "add_version",
    "known_versions",
    "last_activation",
    "move_version",
    "version_of",
]

_models, _activations = metadata.tables["models"], metadata.tables["activations"]
_SCENARIO = "default"


@dataclass(frozen=True)
class Version:
    """A trained bundle on this machine."""

    version: str
    bundle: Path
    event_offset: int
    """Events of the log up to this one are in it."""
    metrics: Mapping[str, float]
    """What was measured of it, where that is known."""
    created_at: float
    """Unix seconds."""


def add_version(
    connection: Connection, version: str, bundle: Path, event_offset: int, metrics: Mapping[str, float]
) -> bool:
    """Note a version; return whether it was new. One that is known keeps what was noted first."""
    known = version_of(connection, version) is not None
    row = {
        "version": version,
        "bundle": str(bundle),
        "recipe_fingerprint": version,
        "data_fingerprint": version,
        "event_offset": event_offset,
        "metrics": dict(metrics),
        "state": "ready",
        "created_at": time.time(),
    }
    insert_new(connection, _models, [row], "version")
    return not known


def activate(connection: Connection, version: str, actor: str) -> None:
    """Let a version answer from now on; every process swaps to it once it has loaded it.

    Raises:
        UnknownNameError: there is no such version.
    """
    if version_of(connection, version) is None:
        raise UnknownNameError(unknown("model version", version, [v.version for v in known_versions(connection)]))
    row = {"scenario": _SCENARIO, "version": version, "actor": actor, "activated_at": time.time()}
    connection.execute(_activations.insert().values(**row))
    record(connection, actor, "activate", version, {})
    announce(connection, "models", version)


def move_version(connection: Connection, version: str, bundle: Path) -> None:
    """Note that the bundle of a version is elsewhere now."""
    connection.execute(update(_models).where(_models.c.version == version).values(bundle=str(bundle)))


def active_version(connection: Connection) -> Version | None:
    """Return the version that answers; None where none was ever activated."""
    newest = select(_activations.c.version).order_by(_activations.c.activation.desc()).limit(1)
    version = connection.execute(newest).scalar()
    return None if version is None else version_of(connection, version)


def last_activation(connection: Connection) -> int:
    """Return the number of the newest activation; 0 where there was none."""
    return int(connection.execute(select(func.max(_activations.c.activation))).scalar() or 0)


def version_of(connection: Connection, version: str) -> Version | None:
    """Return a version; None where there is none of that name."""
    row = connection.execute(select(_models).where(_models.c.version == version)).mappings().first()
    return None if row is None else _version(row)


def known_versions(connection: Connection) -> list[Version]:
    """Return every version, the newest first."""
    wanted = select(_models).order_by(_models.c.created_at.desc(), _models.c.version)
    return [_version(row) for row in connection.execute(wanted).mappings()]


def _version(row: Any) -> Version:
    plain = {name: row[name] for name in ("version", "event_offset", "metrics", "created_at")}
    return Version(bundle=Path(row["bundle"]), **plain)
