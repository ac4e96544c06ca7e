"""A made-up log of any size, in numbers only: who met what and when, and ready vectors of what the items are like.

Drawing and writing a shop takes seconds a thousand products; this takes seconds a million events. Items belong to
groups, a group has famous and obscure items, and each person keeps mostly to a few groups.
"""

import json
from pathlib import Path

import numpy as np
import polars as pl

from cuvee.demo.world import DAYS, START, Doubles, Rows
from cuvee.errors import ConfigError, DataError

__all__ = ["FEWEST", "write_log"]

FEWEST = 500
"""Events of the smallest log: 50 people, 10 items."""
_A_USER, _AN_ITEM, _AT_LEAST = 10, 50, 3
"""Events a person and an item on average, and of everybody at least: whoever has three can be tested."""
_ACTIVITY = 1.0
"""Spread of the log of how much people do."""
_GROUP = 100
"""Items of a group."""
_FAVOURITES, _LOYALTY = 3, 0.8
"""Groups that a person keeps to, and the probability of an event there."""
_FAME = 0.8
"""Exponent of the long tail: the r-th of a group is met in proportion to r to the power of minus this."""
_DIM, _NOISE = 64, 1.0
"""Width of the vectors, and how much of an item's vector its group does not tell, to what it tells."""
_BLOCK = 1_000_000
"""Events drawn at once: bounds memory."""
_MAKERS = 50
_TOLD = "log.json"


def write_log(path: str | Path, *, events: int, seed: int = 0, force: bool = False) -> bool:
    """Write `events` events of events / 10 people on events / 50 items, with a vector and attributes an item.

    The same parameters give the same bytes; a complete log of the same parameters stays as it is. Returns whether
    anything was written.

    Raises:
        DataError: the folder holds something else than such a log, and `force` is off.
        ConfigError: fewer events than make a log.
    """
    folder = Path(path)
    if events < FEWEST:
        raise ConfigError(f"a log needs at least {FEWEST} events, got {events}")
    parameters = {"cuvee_demo_log": 1, "events": events, "seed": seed}
    if not force:
        if _told(folder) == parameters:
            return False
        if folder.is_dir() and any(folder.iterdir()) and not _told(folder):
            raise DataError(
                f"{folder} is not empty and not a demo log; name another folder, or use --force to write into it"
            )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _TOLD).unlink(missing_ok=True)
    users, items = events // _A_USER, events // _AN_ITEM
    group = np.arange(items) // _GROUP
    rng = np.random.default_rng(seed)
    _events(users, group, events, rng).write_parquet(folder / "interactions.parquet")
    _items(group, rng).write_parquet(folder / "items.parquet")
    np.save(folder / "content_feat.npy", _vectors(group, rng))
    (folder / _TOLD).write_text(json.dumps(parameters), encoding="utf-8")  # last: the folder is complete
    return True


def _told(folder: Path) -> dict[str, int]:
    """Return with which parameters a complete log was written; empty where there is none."""
    try:
        told = json.loads((folder / _TOLD).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError):
        return {}
    return told if isinstance(told, dict) and "cuvee_demo_log" in told else {}


def _events(users: int, group: Rows, events: int, rng: np.random.Generator) -> pl.DataFrame:
    """Draw people by how much they do, for each event a group, and an item there by its fame."""
    groups = int(group[-1]) + 1
    fame = np.cumsum((1.0 + np.arange(len(group)) % _GROUP) ** -_FAME)  # over all items, group after group
    ends = fame[np.searchsorted(group, np.arange(groups), side="right") - 1]
    favourites = rng.integers(0, groups, (users, _FAVOURITES))
    who = np.repeat(np.arange(users), _counts(users, events, rng))
    parts = []
    for start in range(0, events, _BLOCK):
        user = who[start : start + _BLOCK]
        mine = favourites[user, rng.integers(0, _FAVOURITES, len(user))]
        chosen = np.where(rng.random(len(user)) < _LOYALTY, mine, rng.integers(0, groups, len(user)))
        item = _by_fame(chosen, fame, ends, rng)
        time = START + rng.integers(0, DAYS * 86_400, len(user))
        parts.append(pl.DataFrame({"user_id": _ids("u", user), "item_id": _ids("i", item), "timestamp": time}))
    return pl.concat(parts)


def _counts(users: int, events: int, rng: np.random.Generator) -> Rows:
    """Return (u,) how many events each has: the least that everybody has, and a share of the rest by activity."""
    activity = np.exp(rng.normal(0, _ACTIVITY, users))
    counts: Rows = _AT_LEAST + rng.multinomial(events - _AT_LEAST * users, activity / activity.sum())
    return counts


def _by_fame(chosen: Rows, fame: Doubles, ends: Doubles, rng: np.random.Generator) -> Rows:
    """Return (n,) an item of each chosen group (n,), drawn in proportion to its fame."""
    starts = np.concatenate([[0.0], ends[:-1]])
    drawn = starts[chosen] + rng.random(len(chosen)) * (ends - starts)[chosen]
    first = np.searchsorted(fame, ends[chosen])  # the last of the group: what rounding may overstep
    found: Rows = np.minimum(np.searchsorted(fame, drawn, side="right"), first)
    return found


def _items(group: Rows, rng: np.random.Generator) -> pl.DataFrame:
    """Return attributes: the group that says a lot, the maker that says nothing, and a price."""
    return pl.DataFrame(
        {
            "item_id": _ids("i", np.arange(len(group))),
            "group": _ids("g", group),
            "maker": _ids("m", rng.integers(0, _MAKERS, len(group))),
            "price": np.round(np.exp(rng.normal(3, 1, len(group))), 2),
        }
    )


def _vectors(group: Rows, rng: np.random.Generator) -> "np.ndarray[tuple[int, int], np.dtype[np.float32]]":
    """Return (i, d): the middle of the item's group and something of its own."""
    middles = rng.normal(size=(int(group[-1]) + 1, _DIM)).astype(np.float32)
    return middles[group] + np.float32(_NOISE) * rng.standard_normal((len(group), _DIM), np.float32)


def _ids(letter: str, rows: Rows) -> pl.Series:
    return letter + pl.Series(rows).cast(pl.String)
