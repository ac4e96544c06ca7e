"""Experiments, their arms, who saw which, and what they did about it."""

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import Connection, Row, delete, func, select, update

from cuvee.sql.audit import record
from cuvee.sql.people import announce
from cuvee.sql.rules import ANY
from cuvee.sql.schema import metadata

__all__ = [
    "Arm",
    "Experiment",
    "State",
    "Unit",
    "all_experiments",
    "attributed",
    "delete_experiment",
    "experiments_changed",
    "exposed",
    "note_exposure",
    "put_experiment",
    "set_state",
]

State = Literal["draft", "running", "stopped"]
Unit = Literal["user", "session"]

_experiments, _arms, _exposures = (metadata.tables[name] for name in ("experiments", "arms", "exposures"))
_events, _changes = metadata.tables["events"].c, metadata.tables["changes"].c


@dataclass(frozen=True)
class Arm:
    """One way to answer."""

    arm: str
    share: float
    """Of those whom the experiment is about, 0..1."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Fields of a request that it fills in, and the `version` of the model; empty: as everybody is answered."""


@dataclass(frozen=True)
class Experiment:
    """A comparison of arms; who gets which follows from the salt."""

    experiment: str
    arms: tuple[Arm, ...]
    control: str
    """The arm that the others are compared with."""
    goals: tuple[str, ...]
    """Kinds of event that count."""
    scenario: str = ANY
    unit: Unit = "user"
    salt: str = ""
    """Empty: one is drawn when it is stored."""
    title: str = ""
    notes: str = ""
    state: State = "draft"
    created_at: float = 0.0
    """Unix seconds, like the two below."""
    started_at: float | None = None
    stopped_at: float | None = None


_DEFINITION = ("unit", "control", "goals", "title", "notes")
_PLAIN = ("experiment", "scenario", "salt", "state", "created_at", "started_at", "stopped_at")


def put_experiment(connection: Connection, new: Experiment, actor: str) -> None:
    """Store an experiment as a draft, in the place of that of its name."""
    connection.execute(delete(_arms).where(_arms.c.experiment == new.experiment))
    connection.execute(delete(_experiments).where(_experiments.c.experiment == new.experiment))
    row = {
        "experiment": new.experiment,
        "scenario": new.scenario,
        "salt": new.salt or secrets.token_hex(8),
        "state": "draft",
        "definition": {name: getattr(new, name) for name in _DEFINITION},
        "created_at": time.time(),
    }
    connection.execute(_experiments.insert().values(**row))
    rows = [{"experiment": new.experiment, **vars(arm), "settings": dict(arm.settings)} for arm in new.arms]
    connection.execute(_arms.insert(), rows)
    _changed(connection, new.experiment, "put", actor)


def set_state(connection: Connection, experiment: str, state: State, actor: str) -> None:
    """Start or stop an experiment; one that is started counts from now on."""
    now = time.time()
    times = {"started_at": now, "stopped_at": None} if state == "running" else {"stopped_at": now}
    mine = _experiments.c.experiment == experiment
    connection.execute(update(_experiments).where(mine).values(state=state, **times))
    _changed(connection, experiment, "start" if state == "running" else "stop", actor)


def delete_experiment(connection: Connection, experiment: str, actor: str) -> None:
    """Delete an experiment and who saw which of its arms; answers keep the name of theirs."""
    for table in (_exposures, _arms, _experiments):
        connection.execute(delete(table).where(table.c.experiment == experiment))
    _changed(connection, experiment, "delete", actor)


def all_experiments(connection: Connection) -> tuple[Experiment, ...]:
    """Return every experiment by name, its arms in the order of their names."""
    arms: dict[str, list[Arm]] = {}
    for row in connection.execute(select(_arms).order_by(_arms.c.experiment, _arms.c.arm)).mappings():
        arms.setdefault(row["experiment"], []).append(Arm(row["arm"], row["share"], row["settings"]))
    found = []
    for row in connection.execute(select(_experiments).order_by(_experiments.c.experiment)).mappings():
        told = {**row["definition"], "goals": tuple(row["definition"]["goals"])}
        plain = {name: row[name] for name in _PLAIN}
        found.append(Experiment(arms=tuple(arms.get(row["experiment"], ())), **told, **plain))
    return tuple(found)


def experiments_changed(connection: Connection, after: int, upto: int) -> bool:
    """Return whether an experiment changed after one offset of the changes and up to another."""
    some = (_changes.resource == "experiments") & (_changes.offset > after) & (_changes.offset <= upto)
    return connection.execute(select(_changes.offset).where(some).limit(1)).first() is not None


def note_exposure(
    connection: Connection, experiment: str, arm: str, number: int | None, session: str | None, recommendation: str
) -> None:
    """Note that somebody was answered by an arm, in the transaction of the answer."""
    row = {"experiment": experiment, "arm": arm, "user_no": number, "session": session}
    connection.execute(_exposures.insert().values(**row, recommendation_id=recommendation, exposed_at=time.time()))


def exposed(connection: Connection, found: Experiment) -> Sequence[Row[Any]]:
    """Return (unit, arm, exposures) since the start; the unit is a number of a person, or a session."""
    unit = _unit(found)
    wanted = select(unit.label("unit"), _exposures.c.arm, func.count().label("exposures"))
    return connection.execute(wanted.where(_of(found)).group_by(unit, _exposures.c.arm)).all()


def attributed(connection: Connection, found: Experiment) -> Sequence[Row[Any]]:
    """Return (unit, arm, kind, events) of the goals whose `recommendation_id` is that of an answer of the experiment.

    An event of somebody else than whom the answer was for does not count.
    """
    unit, x = _unit(found), _exposures.c
    joined = _exposures.join(metadata.tables["events"], _events.recommendation_id == x.recommendation_id)
    wanted = select(unit.label("unit"), x.arm, _events.kind, func.count().label("events")).select_from(joined)
    mine = x.user_no.is_(None) | (_events.user_no == x.user_no)
    wanted = wanted.where(_of(found), mine, _events.kind.in_(found.goals))
    return connection.execute(wanted.group_by(unit, x.arm, _events.kind)).all()


def _unit(found: Experiment) -> Any:
    return _exposures.c.user_no if found.unit == "user" else _exposures.c.session


def _of(found: Experiment) -> Any:
    return (_exposures.c.experiment == found.experiment) & (_exposures.c.exposed_at >= (found.started_at or 0.0))


def _changed(connection: Connection, experiment: str, action: str, actor: str) -> None:
    record(connection, actor, action, f"experiment {experiment}", {})
    announce(connection, "experiments", experiment)
