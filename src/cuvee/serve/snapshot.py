"""What a request may read: a trained bundle, prepared, and which items may be shown. It is swapped whole."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from cuvee import registry
from cuvee.bundle import Bundle, load_bundle
from cuvee.conditions import fulfilled
from cuvee.errors import DataError
from cuvee.frames import KIND_WEIGHTS
from cuvee.models.blend import reweighted
from cuvee.protocols import Explainer, Recommender, StageModel
from cuvee.queries import one_each, queries_of, with_past
from cuvee.rank import recommend
from cuvee.serve.effects import Effects, ruled
from cuvee.serve.praise import Praise
from cuvee.serve.rules import NO_RULES, Book, book_of
from cuvee.serve.wishes import Boosted, Wish, about, diversified
from cuvee.sql.catalogue import State
from cuvee.sql.rules import Rule
from cuvee.sql.shown import Past
from cuvee.stages.diversity import Diversity, DiversityModel
from cuvee.types import PAD, Bools, Context, Embeddings, Ints, Queries, Reason, Slate

__all__ = [
    "OTHER", "Snapshot", "allowed_by", "shaped", "snapshot_of", "version_in", "warm_up",
    "with_bundle", "with_rules", "with_states",
]  # fmt: skip

OTHER = "other"
"""Stands for kinds of event that the bundle does not know."""

_CONDITIONS = 64
"""Conditions whose masks are kept, a byte an item each."""

_WEIGHINGS = 16
"""Re-weighted blends that are kept; they share the views, and hold some numbers an item of their own."""


@dataclass(frozen=True)
class Snapshot:
    """A bundle ready to answer. Nothing in it changes; what changes is a new snapshot."""

    bundle: Bundle
    fitted: Bundle
    """The bundle as it was loaded, before items came or changed."""
    version: str
    """Digest of the bundle as it was fitted."""
    after: int
    """Events of the log up to this offset are in the bundle already."""
    filters: tuple[Callable[[Queries], Bools], ...]
    stages: tuple[StageModel, ...]
    states: Mapping[str, State]
    """Of the items that may not be shown."""
    book: Book = NO_RULES
    """Rules, read against the catalogue."""
    stale: frozenset[str] = frozenset()
    """Items whose content has changed and which the model ranks by what it read at the fit."""
    forgotten: frozenset[int] = frozenset()
    """Rows of users who were erased since the fit: they are nobody."""
    praise: Praise | None = None
    """What reviews praise; None: the bundle has none."""

    @cached_property
    def shown(self) -> Bools:
        """(i,) False for items that are hidden or unavailable."""
        mask = np.ones(len(self.bundle.data.items), bool)
        mask[[row for row in map(self.bundle.data.item_rows.get, self.states) if row is not None]] = False
        return mask

    @cached_property
    def titles(self) -> list[str | None]:
        table = self.bundle.data.item_table
        return table["title"].to_list() if "title" in table.columns else [None] * len(table)

    def known(self, item_ids: Iterable[str]) -> tuple[Ints, list[str]]:
        """Return the rows of the ids that are in the catalogue, and the ids that are not."""
        rows = [(name, self.bundle.data.item_rows.get(name)) for name in item_ids]
        return np.array([r for _, r in rows if r is not None], np.int32), [name for name, r in rows if r is None]

    def user(self, user_id: str, past: Past) -> Queries:
        """Return the query of a user: what the bundle and the log know of them, nothing where they refuse."""
        data = self.bundle.data
        row = self.row_of(user_id) if past.personal else None
        known = one_each(len(data.items), np.zeros((1, 0), np.int32)) if row is None else queries_of(
            data, np.array([row], np.int32)
        )  # fmt: skip
        events = [e for e in past.events if e[0] in data.item_rows]
        if not events:
            return known
        kinds = {name: number for number, name in enumerate(data.events.kinds)}
        return with_past(
            known,
            np.array([data.item_rows[e[0]] for e in events], np.int32),
            np.array([e[2] for e in events], np.int64),
            np.array([kinds.get(e[1], kinds[OTHER]) for e in events], np.int8),
            np.array([self._weights.get(e[1], 1.0) if e[3] is None else e[3] for e in events], np.float32),
        )

    def row_of(self, user_id: str) -> int | None:
        """Return the row of somebody whom the bundle knows, and may know."""
        row = self.bundle.data.user_rows.get(user_id)
        return None if row in self.forgotten else row

    def session(self, rows: Ints, profile: Mapping[str, Embeddings] | None = None) -> Queries:
        """Return the query of somebody unknown who touched these items, oldest first, with their encoded profile."""
        query = one_each(len(self.bundle.data.items), rows[None, :])
        return query if profile is None else replace(query, features=profile)

    def answer(self, queries: Queries, wish: Wish) -> Slate:
        """Return the slate of one query, as `shaped` does."""
        return shaped(self, queries, wish)[0]

    def _allowed(self, wish: Wish) -> Bools:
        """Return the (i,) mask of the items that the wish leaves of those that may be shown."""
        allowed = self.shown.copy()
        if wish.where is not None:
            with about("filter"):
                allowed &= self._fulfilled(wish.where)
        if wish.candidates is not None:
            chosen = np.zeros_like(allowed)
            chosen[wish.candidates] = True
            allowed &= chosen
        allowed[wish.exclude] = False
        return allowed

    def _weighed(self, weights: Mapping[str, float] | None) -> Recommender:
        """Return the model with its views weighed anew; the last ones are kept."""
        if not weights:
            return self.bundle.model
        with about("weights"):
            return self._reweighted(tuple(sorted(weights.items())))

    @cached_property
    def _reweighted(self) -> Callable[[tuple[tuple[str, float], ...]], Recommender]:
        return lru_cache(_WEIGHINGS)(lambda weights: reweighted(self.bundle.model, dict(weights)))

    def _moved(self, model: Recommender, boosts: Sequence[tuple[str, float]]) -> Recommender:
        if not boosts:
            return model
        factors = np.ones(len(self.bundle.data.items), np.float32)
        for number, (where, factor) in enumerate(boosts):
            with about(f"boosts.{number}.when"):
                factors[self._fulfilled(where)] *= factor
        return Boosted(model, factors)

    def _diversified(self, trade_off: float | None) -> tuple[StageModel, ...]:
        if trade_off is None:
            return self.stages
        with about("diversity"):
            there = trade_off == 0 or any(isinstance(stage, DiversityModel) for stage in self.stages)
            return diversified(self.stages, trade_off, None if there else self._diversity)

    @cached_property
    def _diversity(self) -> DiversityModel:
        return Diversity().prepare(self.bundle.data)

    def reasons(
        self, queries: Queries, slate: Slate, weights: Mapping[str, float] | None = None
    ) -> Sequence[Sequence[Reason]]:
        """Return the reasons of each place of the one slate, which was made with these weights."""
        bundle = self.bundle if not weights else replace(self.bundle, model=self._weighed(weights))
        found = bundle.reasons(queries, slate, _explainers())[0]
        if self.praise is None:
            return found
        places = np.flatnonzero(slate.items[0] != PAD)
        praised = self.praise.of([self.bundle.data.items[row] for row in slate.items[0, places].tolist()])
        for place, more in zip(places.tolist(), praised, strict=True):
            found[place] = [*found[place], *more]
        return found

    @cached_property
    def _fulfilled(self) -> Callable[[str], Bools]:
        """The mask of a condition, which holds for everybody and is not to be edited; the last ones are kept."""
        return lru_cache(_CONDITIONS)(lambda where: fulfilled(where, self.bundle.data.item_table))

    @cached_property
    def _weights(self) -> Mapping[str, float]:
        kinds: Mapping[str, float] = getattr(self.bundle.recipe.reader, "kinds", KIND_WEIGHTS)
        told = self.bundle.recipe.events
        return {**KIND_WEIGHTS, **kinds, **({} if told is None or told == "learn" else told)}


def allowed_by(snapshot: Snapshot, wish: Wish) -> Bools:
    """Return the (i,) mask of the items that a wish leaves of those that may be shown.

    Raises:
        ConfigError: `wish.where` is not a condition on the columns there are.
    """
    return snapshot._allowed(wish)


def shaped(snapshot: Snapshot, queries: Queries, wish: Wish) -> tuple[Slate, Effects | None]:
    """Return the slate of one query, through filters, rules and stages, and the rules as far as they acted.

    Raises:
        ConfigError: a condition, a weight or a trade-off that means nothing here; the message names the field.
    """
    bundle, filters = snapshot.bundle, () if wish.seen else snapshot.filters
    rng = np.random.default_rng(bundle.recipe.seed)
    context = Context(bundle.data, rng, ranker=bundle.ranker, until=wish.deadline)
    model, stages = snapshot._moved(snapshot._weighed(wish.weights), wish.boosts), snapshot._diversified(wish.diversity)
    allowed, effects = snapshot._allowed(wish), wish.effects
    if effects is not None and effects.moves:
        return ruled(
            model, queries, wish.k, effects, filters=filters, stages=stages, candidates=allowed, context=context
        )
    if effects is not None and effects.allowed is not None:
        allowed &= effects.allowed
    index = bundle.index if model is bundle.model else None
    slate = recommend(
        model, queries, wish.k, filters=filters, stages=stages, candidates=allowed, context=context, index=index
    )
    return slate, effects


def with_rules(snapshot: Snapshot, rules: Sequence[Rule]) -> Snapshot:
    """Return the snapshot that follows these rules."""
    return replace(snapshot, book=book_of(rules, snapshot.bundle.data))


def warm_up(snapshot: Snapshot) -> None:
    """Answer for nobody, a session and a user, reasons too: what is made at the first use is made now.

    Raises:
        DataError: the model scores nothing.
    """
    data = snapshot.bundle.data
    some = np.arange(min(1, len(data.items)), dtype=np.int32)
    asked = [snapshot.session(some[:0]), snapshot.session(some)]
    asked += [snapshot.user(user, Past(personal=True)) for user in data.users[:1]]
    for queries in asked:
        slate = snapshot.answer(queries, Wish())
        snapshot.reasons(queries, slate)
        if snapshot.shown.sum() > len(some) and (slate.items == PAD).all() and not snapshot.filters:
            raise DataError("the model has no score for any item")
    _ = snapshot.titles


def snapshot_of(folder: Path, after: int = 0) -> Snapshot:
    """Load a bundle, or that of a run, and make it ready.

    Raises:
        BundleError: not a bundle, or a damaged one.
    """
    bundle = load_bundle(folder)
    data = bundle.data
    if OTHER not in data.events.kinds:
        data = replace(data, events=replace(data.events, kinds=(*data.events.kinds, OTHER)))
    bundle = replace(bundle, data=data)
    praise = None if data.reviews is None or not len(data.reviews) else Praise(data)
    return Snapshot(bundle, bundle, version_in(folder), after, praise=praise, states={}, **_steps(bundle))


def with_states(snapshot: Snapshot, changed: Mapping[str, State]) -> Snapshot:
    """Return the snapshot that knows which items may be shown now."""
    merged = {**snapshot.states, **changed}
    return replace(snapshot, states={name: state for name, state in merged.items() if state != "available"})


def with_bundle(snapshot: Snapshot, bundle: Bundle, stale: frozenset[str]) -> Snapshot:
    """Return the snapshot with a bundle whose catalogue has changed."""
    return with_rules(replace(snapshot, bundle=bundle, stale=stale, **_steps(bundle)), snapshot.book.stored)


def _steps(bundle: Bundle) -> dict[str, Any]:
    """Return the filters and stages of the recipe, ready for this catalogue."""
    return {
        "filters": tuple(f.prepare(bundle.data) for f in bundle.recipe.filters),
        "stages": tuple(s.prepare(bundle.data) for s in bundle.recipe.stages),
    }


def version_in(folder: Path) -> str:
    """Return the version of a bundle: a digest of its recipe and its JSON, which holds the checksums of the arrays."""
    folder = folder / "bundle" if (folder / "bundle").is_dir() else folder
    digest = hashlib.sha256()
    for path in sorted([*folder.glob("*.json"), folder / "recipe.yaml"]):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _explainers() -> tuple[Explainer, ...]:
    found: list[Any] = [registry.build("explainers", name) for name in ("views", "history")]
    return tuple(found)
