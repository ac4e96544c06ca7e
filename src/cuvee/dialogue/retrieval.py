"""From what a conversation knows to a ranking: constraints first, then a blend of what speaks for an item."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from cuvee.bundle import Bundle
from cuvee.dialogue.facts import Facts
from cuvee.dialogue.lexicon import Lexicon
from cuvee.dialogue.state import Lean, State
from cuvee.dialogue.texts import Space
from cuvee.lexical import WordIndex
from cuvee.protocols import Personal
from cuvee.queries import queries_of, session, with_past
from cuvee.types import Bools, Floats, Longs, Queries

__all__ = ["Ranking", "Retriever", "Weights", "wanted_text"]


@dataclass(frozen=True)
class Weights:
    """What each part of the score counts, in standard deviations over the items that are allowed."""

    taste: float = 1.0
    """The bundle's model, given the person's history and what they liked here."""
    alike: float = 1.0
    """Likeness to items liked here, unlikeness to those disliked."""
    meaning: float = 1.0
    """Free text in the space of the text channel."""
    words: float = 1.0
    """Free text word by word."""
    leans: float = 1.0
    """Funnier, cheaper, newer."""


@dataclass(frozen=True)
class Ranking:
    """The catalogue in order."""

    rows: Longs
    """Items that are allowed, best first; those shown before come last."""
    fresh: int
    """How many of them were not shown before."""
    scores: Floats
    """(i,)."""
    parts: Mapping[str, Floats]
    """Part -> (i,) what it adds to the score."""


@dataclass(frozen=True)
class Retriever:
    """Ranks the items of a bundle."""

    bundle: Bundle
    facts: Facts
    lexicon: Lexicon
    words: WordIndex
    space: Space | None
    weights: Weights = Weights()

    def allowed(self, state: State) -> Bools:
        """Return (i,) which items may be shown: they fulfil every constraint and the recipe's filters."""
        found = self.facts.allowed(state.constraints)
        query = self._query(state.user, self._known(state.liked))
        for allows in self._filters:
            found &= allows(query)[0]
        found[self._known((*state.liked, *state.disliked, *state.chosen))] = False
        return found

    def rank(self, state: State) -> Ranking:
        """Return the allowed items, best first."""
        allowed = self.allowed(state)
        parts = {name: _standard(part, allowed) * weight for name, part, weight in self._parts(state) if weight}
        scores = np.zeros(len(allowed), np.float32)
        for part in parts.values():
            scores += part
        shown = np.zeros(len(allowed), bool)
        shown[self._known(state.passed)] = True
        order = np.lexsort((np.arange(len(scores)), -scores, shown))
        rows = order[allowed[order]]
        return Ranking(rows, int((allowed & ~shown).sum()), scores, parts)

    def _parts(self, state: State) -> list[tuple[str, Floats, float]]:
        weights, liked, disliked = self.weights, self._known(state.liked), self._known(state.disliked)
        found = [("taste", self._taste(state.user, tuple(liked)), weights.taste)]
        if liked or disliked:
            found.append(("alike", self._alike(tuple(liked), tuple(disliked)), weights.alike))
        text = wanted_text(state)
        if text and self.space is not None:
            found.append(("meaning", self.space.score(text), weights.meaning))
        if state.wishes:
            found.append(("words", self.words.score(" ".join(state.wishes)), weights.words))
        if state.leans:
            found.append(("leans", np.sum([self._lean(lean) for lean in state.leans], axis=0), weights.leans))
        return found

    @cached_property
    def _taste(self) -> Callable[[str | None, tuple[int, ...]], Floats]:
        @lru_cache(maxsize=64)
        def taste(user: str | None, liked: tuple[int, ...]) -> Floats:
            scores = np.array(self.bundle.model.score(self._query(user, liked))[0], np.float32)
            known = np.isfinite(scores)
            if not np.ptp(scores[known]):  # nothing is known of the person: what most people liked
                return np.log1p(self.bundle.data.demand)
            return np.asarray(np.where(known, scores, scores[known].min(initial=0)), np.float32)

        return taste

    @cached_property
    def _filters(self) -> list[Callable[[Queries], Bools]]:
        return [f.prepare(self.bundle.data) for f in self.bundle.recipe.filters]

    def _query(self, user: str | None, liked: Sequence[int]) -> Queries:
        data = self.bundle.data
        known = user is not None and user in data.user_rows
        query = queries_of(data, np.array([data.user_rows[str(user)]], np.int32)) if known else session(data, [])
        if not liked:
            return query
        n, now = len(liked), int(query.history_time.max(initial=0)) + 1
        ones = np.ones(n, np.float32)
        return with_past(query, np.array(liked, np.int32), np.full(n, now, np.int64), np.zeros(n, np.int8), ones)

    def _alike(self, liked: tuple[int, ...], disliked: tuple[int, ...]) -> Floats:
        """Return (i,) likeness to the mean of the liked items, less half of that to the disliked ones."""
        total = np.zeros(len(self.facts.items), np.float32)
        for rows, sign in ((liked, 1.0), (disliked, -0.5)):
            if rows:
                total += sign * self._likeness(rows)
        return total

    def _likeness(self, rows: tuple[int, ...]) -> Floats:
        data, everything = self.bundle.data, np.ones(len(self.facts.items), bool)
        query = session(data, [data.items[row] for row in rows])
        model = self.bundle.model
        told = model.personal(query) if isinstance(model, Personal) else model.score(query)
        close = _standard(np.nan_to_num(np.array(told[0], np.float32), neginf=0.0), everything)
        content = self.space.vectors @ self.space.vectors[list(rows)].mean(axis=0) if self.space else self._tagged(rows)
        return close + _standard(np.asarray(content, np.float32), everything)

    def _tagged(self, rows: tuple[int, ...]) -> Floats:
        """Return (i,) rare values shared with some items."""
        total = np.zeros(len(self.facts.items), np.float32)
        for column in self.facts.tags.values():
            rarity = np.log(len(total) / np.maximum(column.counts, 1.0))
            mean = np.asarray(column.matrix[list(rows)].mean(axis=0)).ravel() * rarity
            total += np.asarray(column.matrix @ mean, np.float32)
        return total

    def _lean(self, lean: Lean) -> Floats:
        """Return (i,) how far an item goes in a direction, in standard deviations."""
        everything = np.ones(len(self.facts.items), bool)
        if lean.column:
            if lean.column not in self.facts.numbers:
                return np.zeros(len(everything), np.float32)
            return lean.sign * _standard(self.facts.numbers[lean.column].numbers.astype(np.float32), everything)
        pairs = self.lexicon.leaning(lean.word)
        total = self.facts.having(pairs).astype(np.float32) * 2 if pairs else np.zeros(len(everything), np.float32)
        if self.space is not None:
            total += _standard(self.space.score(lean.word), everything)
        else:
            total += _standard(self.words.score(lean.word), everything)
        return lean.sign * total

    def _known(self, items: Sequence[str]) -> list[int]:
        return [self.facts.rows[item] for item in items if item in self.facts.rows]


def wanted_text(state: State) -> str:
    """Return everything that was wished for, as one text to search by."""
    values = [pair[1] for c in state.constraints if c.test == "any" for pair in c.pairs[:1]]
    leans = [lean.word for lean in state.leans if lean.sign > 0 and not lean.column]
    return " ".join(dict.fromkeys([*state.wishes, *values, *leans]))


def _standard(part: Floats, rows: Bools) -> Floats:
    """Return a part in standard deviations over some rows; what is not known counts as their mean."""
    known = part[rows & np.isfinite(part)]
    if not len(known):
        return np.zeros_like(part)
    spread = float(known.std())
    if spread < 1e-9:
        return np.zeros_like(part)
    return np.asarray(np.where(np.isfinite(part), (part - known.mean()) / spread, 0.0), np.float32)
