"""A split written down by somebody else: a table of user_id, item_id, split."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from cuvee.errors import DataError
from cuvee.frames import require
from cuvee.holdouts import ChooseOn, warm_and_cold
from cuvee.queries import holdout, keep_events
from cuvee.types import Bools, Dataset, Ints, Split

__all__ = ["Given"]

logger = logging.getLogger(__name__)

_CODES = {"train": 0, "valid": 1, "validation": 1, "val": 1, "test": 2, "cold_valid": 3, "cold_test": 4}


@dataclass(frozen=True)
class Given:
    """Pairs marked 0 (train), 1 (valid), 2 (test), and where some items are new 3 (cold valid), 4 (cold test).

    The catalogue is the items that occur in the file, the users are those in the file, and pairs that the file does
    not name are left out. With cold items the tests are `test_warm` (all items), `test_cold_among_cold` (only the new
    ones of that kind are ranked) and `test_cold_among_all`.
    """

    path: Path
    """Parquet or csv with user_id, item_id, split; the split as a number or a word. Or MMRec's `.inter`, by its
    x_label."""
    choose_on: ChooseOn = "warm"
    """Which validation set choices are made on; without cold items there is only warm."""

    def split(self, data: Dataset, rng: np.random.Generator) -> Split:  # noqa: ARG002 - the file has decided
        """Cut as the file says.

        Raises:
            DataError: an unreadable file, a mark that is none of the above, a pair with two marks or without an event
                in the data, or nothing to choose or to test on.
        """
        table = _read(self.path)
        data = _restrict(data, table, self.path)
        users = np.array([data.user_rows[u] for u in table["user_id"]], np.int32)
        items = np.array([data.item_rows[i] for i in table["item_id"]], np.int32)
        mark = table["split"].to_numpy()
        everything = _named(data, users, items, self.path)
        train = _named(everything, users[mark == 0], items[mark == 0], self.path)
        valid, test, cold_valid, cold_test = ((users[mark == code], items[mark == code]) for code in (1, 2, 3, 4))
        if (mark > 2).any():
            split = warm_and_cold(train, everything, (valid, test), (cold_valid, cold_test), self.choose_on)
        else:
            split = Split(train, holdout(train, valid), {"test": holdout(train, test)}, everything)
        return _checked(split, self.path)


def _read(path: Path) -> pl.DataFrame:
    if not path.is_file():
        raise DataError(f"{path}: no such split file")
    try:
        table = _table(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{path}: cannot be read as {path.suffix[1:]}: {error}") from error
    require(table, ("user_id", "item_id", "split"), str(path))
    words = table["split"].cast(pl.String)
    codes = words.replace_strict(_CODES | {str(v): v for v in range(5)}, default=None, return_dtype=pl.Int8)
    if codes.is_null().any():
        row = int(codes.is_null().arg_max() or 0)
        raise DataError(f"{path}: row {row + 1} has the split {words[row]!r}; known: 0..4 or {', '.join(_CODES)}")
    ids = [pl.col(c).cast(pl.String) for c in ("user_id", "item_id")]
    table = table.select(*ids, codes.alias("split"))
    parts = table.select(pl.col("split").n_unique().over("user_id", "item_id"))["split"]
    if (parts > 1).any():
        row = int((parts > 1).arg_max() or 0)
        user, item, _ = table.row(row)
        raise DataError(f"{path}: row {row + 1} and another put user {user!r} and item {item!r} in different parts")
    return table


def _table(path: Path) -> pl.DataFrame:
    if path.suffix == ".inter":
        names = {"userID": "user_id", "itemID": "item_id", "x_label": "split"}
        return pl.read_csv(path, separator="\t", infer_schema=False).rename(names, strict=False)
    return pl.read_csv(path, infer_schema=False) if path.suffix == ".csv" else pl.read_parquet(path)


def _checked(split: Split, path: Path) -> Split:
    """Return the split without tests that ask nothing."""
    if not len(split.valid.queries):
        raise DataError(f"{path}: no pair to choose on; mark some as valid")
    tests = {name: held for name, held in split.tests.items() if len(held.queries)}
    if not tests:
        raise DataError(f"{path}: no pair to test on; mark some as test")
    for name in split.tests.keys() - tests.keys():
        logger.warning("%s: no pair for %s, so it is left out", path, name)
    return replace(split, tests=tests)


def _restrict(data: Dataset, table: pl.DataFrame, path: Path) -> Dataset:
    """Return the data set cut to the users and items of the file, in the data set's order."""
    unknown = [i for i in table["item_id"].unique() if i not in data.item_rows]
    unknown += [u for u in table["user_id"].unique() if u not in data.user_rows]
    if unknown:
        raise DataError(f"{path}: names {len(unknown)} ids that the data does not hold, e.g. {min(unknown)!r}")
    keep_items = _named_in(data.items, table["item_id"])
    keep_users = _named_in(data.users, table["user_id"])
    new_item, new_user = np.cumsum(keep_items) - 1, np.cumsum(keep_users) - 1
    e = data.events.take(keep_items[data.events.item] & keep_users[data.events.user])
    events = replace(e, user=new_user[e.user].astype(np.int32), item=new_item[e.item].astype(np.int32))
    return replace(
        data,
        users=tuple(np.array(data.users)[keep_users].tolist()),
        items=tuple(np.array(data.items)[keep_items].tolist()),
        events=events,
        item_table=data.item_table.filter(keep_items),
        user_table=data.user_table.filter(keep_users),
        features={key: f.take(keep_items if key[0] == "item" else keep_users) for key, f in data.features.items()},
    )


def _named_in(names: tuple[str, ...], column: pl.Series) -> Bools:
    """Return (n,): whether each name occurs in the column."""
    known = set(column.unique().to_list())
    return np.array([name in known for name in names], bool)


def _named(data: Dataset, users: Ints, items: Ints, path: Path) -> Dataset:
    """Return the data set with the events of these pairs only."""
    width = len(data.items)
    pairs = users.astype(np.int64) * width + items
    events = data.events.user.astype(np.int64) * width + data.events.item
    gone = np.setdiff1d(pairs, events)
    if len(gone):
        user, item = data.users[gone[0] // width], data.items[gone[0] % width]
        raise DataError(f"{path}: {len(gone)} pairs have no event in the data, e.g. user {user!r} and item {item!r}")
    kept = np.isin(events, pairs)
    logger.info("%s: %d of %d events", path, int(kept.sum()), len(events))
    return keep_events(data, kept)
