"""Some users of a test set to look at: what they did, what they were shown and why, and what they chose."""

from dataclasses import dataclass, replace

import numpy as np

from cuvee.protocols import Recommender
from cuvee.registry import build
from cuvee.report.opinions import Opinion, opinions
from cuvee.report.thumbnails import Thumbnail, thumbnail
from cuvee.types import PAD, Bools, Dataset, Floats, Holdout, Ints, Queries, Reason, Slate

__all__ = ["Person", "Share", "Shown", "Thing", "choose_users", "showcase"]

_PAST, _SHOWN, _WANTED = 8, 10, 8
"""Items at most of the history, of the recommendations and of what was held out."""
_LARGE, _SMALL = 208, 112
"""Sides of the pictures in pixels."""
_LONGEST = 90
"""Characters of a name."""


@dataclass(frozen=True)
class Thing:
    """An item as people see it."""

    name: str
    picture: Thumbnail | None = None
    note: str = ""
    """What happened with it, where events are of several kinds."""
    found: bool = False
    """Held out and among the recommendations shown."""


@dataclass(frozen=True)
class Share:
    """How much of a score one view accounts for."""

    part: str
    share: float
    """0..1."""


@dataclass(frozen=True)
class Shown:
    """A recommendation with its reasons."""

    thing: Thing
    shares: tuple[Share, ...]
    because: str
    """The name of the past item that speaks loudest, "" where the model cannot tell."""
    said: Opinion | None = None
    """What reviews of training say of it."""


@dataclass(frozen=True)
class Person:
    user_id: str
    role: str
    """What this user is an example of."""
    length: int
    """Different items in the history."""
    quality: float
    past: tuple[Thing, ...]
    """Newest first."""
    wanted: tuple[Thing, ...]
    """Held-out items, those found first."""
    unnamed: int
    """Held-out items beyond those named."""
    shown: tuple[Shown, ...]

    @property
    def found(self) -> int:
        return sum(s.thing.found for s in self.shown)


def choose_users(lengths: Ints, quality: Floats, served: Bools) -> list[tuple[int, str]]:
    """Return rows of users and what each is an example of, by a rule that cannot flatter.

    The users, in order of the length of their history, are cut into three equal parts. Of each part come the user in
    the middle by quality and, of those who were `served` something they wanted, the one at three quarters.
    """
    order = np.lexsort((np.arange(len(lengths)), lengths))
    found: dict[int, str] = {}
    for name, part in zip(("short", "medium", "long"), np.array_split(order, 3), strict=True):
        ranked = part[np.argsort(quality[part], kind="stable")]
        happy = ranked[served[ranked]]
        if len(ranked):
            found[int(ranked[(len(ranked) - 1) // 2])] = f"{name} history, a typical result"
        if len(happy):
            found.setdefault(int(happy[3 * len(happy) // 4]), f"{name} history, a good result")
    return list(found.items())


def showcase(model: Recommender, held: Holdout, slate: Slate, train: Dataset, quality: Floats) -> tuple[Person, ...]:
    """Return some users of a holdout by `choose_users`, given the slates they were shown and what these were worth."""
    roles = choose_users(held.queries.lengths, quality, _served(held, slate))
    rows = np.array([row for row, _ in roles], np.int64)
    some = held.take(rows)
    top = Slate(slate.items[rows, :_SHOWN], slate.scores[rows, :_SHOWN], slate.propensity[rows, :_SHOWN])
    views = build("explainers", {"views": {"most": 12}}).explain(model, some.queries, top, train)
    history = build("explainers", "history").explain(model, some.queries, top, train)
    catalogue = _Catalogue(train)
    said = opinions(train, sorted({train.items[i] for i in top.items.ravel().tolist() if i != PAD}))
    people = []
    for q, (row, role) in enumerate(roles):
        shown = [i for i in top.items[q].tolist() if i != PAD]
        truth = some.truth[[q]].indices.tolist()
        wanted = [i for i in shown if i in truth] + [i for i in truth if i not in shown]
        recommended = [
            replace(
                _shown(catalogue.thing(i, _LARGE, found=i in truth), views[q][place], history[q][place], catalogue),
                said=said.get(train.items[i]),
            )
            for place, i in enumerate(shown)
        ]
        people.append(
            Person(
                user_id=train.users[int(held.users[row])],
                role=role,
                length=int(some.queries.lengths[q]),
                quality=float(quality[row]),
                past=_past(some.queries, q, catalogue),
                wanted=tuple(catalogue.thing(i, _SMALL, found=i in shown) for i in wanted[:_WANTED]),
                unnamed=max(0, len(wanted) - _WANTED),
                shown=tuple(recommended),
            )
        )
    return tuple(people)


def _served(held: Holdout, slate: Slate) -> Bools:
    """Return (q,) whether something wanted is among the items shown."""
    items = slate.items[:, :_SHOWN]
    q = np.repeat(np.arange(len(items)), items.shape[1])
    hits = np.asarray(held.truth[q, np.maximum(items, 0).ravel()]).reshape(items.shape) > 0
    return np.asarray((hits & (items != PAD)).any(axis=1))


def _past(queries: Queries, q: int, catalogue: "_Catalogue") -> tuple[Thing, ...]:
    history, kind = queries.history[q], queries.history_kind[q]
    newest: dict[int, int] = {}
    for step in reversed(np.flatnonzero(history != PAD).tolist()):
        newest.setdefault(int(history[step]), int(kind[step]))
    return tuple(catalogue.thing(i, _SMALL, kind=k) for i, k in list(newest.items())[:_PAST])


def _shown(thing: Thing, views: list[Reason], history: list[Reason], catalogue: "_Catalogue") -> Shown:
    shares = tuple(Share(str(r.evidence["part"]), r.weight) for r in views)
    because = catalogue.name(catalogue.rows[str(history[0].evidence["item_id"])]) if history else ""
    return Shown(thing, shares, because)


class _Catalogue:
    """Names and pictures of items."""

    def __init__(self, data: Dataset) -> None:
        table = data.item_table
        self.ids, self.rows, self.kinds = data.items, data.item_rows, data.events.kinds
        self.texts = [table[c].to_list() for c in ("title", "name", "description") if c in table.columns]
        self.files: list[str | None] = table["image"].to_list() if "image" in table.columns else [None] * len(table)
        self.pictures: dict[tuple[str, int], Thumbnail | None] = {}

    def name(self, item: int) -> str:
        """Return the title, else the beginning of the description, else the id."""
        found = next((str(texts[item]) for texts in self.texts if texts[item]), self.ids[item])
        return found if len(found) <= _LONGEST else found[: _LONGEST - 1].rstrip() + "…"

    def thing(self, item: int, side: int, *, kind: int | None = None, found: bool = False) -> Thing:
        note = self.kinds[kind] if kind is not None and len(self.kinds) > 1 else ""
        return Thing(self.name(item), self.picture(item, side), note, found)

    def picture(self, item: int, side: int) -> Thumbnail | None:
        file = self.files[item]
        if not file:
            return None
        if (file, side) not in self.pictures:
            self.pictures[file, side] = thumbnail(file, side)
        return self.pictures[file, side]
