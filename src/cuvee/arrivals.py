"""Where items that nobody has touched yet come in a ranking of items that people know.

Such items have a score of their own, from the views that read content, on a scale of its own: a s + b. A validation
that asks for both kinds of items says what a and b should be: as many new items found as can be while those that are
known lose no more than a given share of their NDCG.
References for joining two rankings by a monotone map of their scores: M. Montague, J. Aslam, "Relevance score
normalization for metasearch", CIKM 2001; for the trade: M. Volkovs, G. Yu, T. Poutanen, "DropoutNet", NeurIPS 2017,
section 5 (warm quality kept while cold quality is gained).
"""

from dataclasses import dataclass, replace

import numpy as np

from cuvee.types import Bools, Floats, Holdout

__all__ = ["Contest", "asked_for", "find_lift"]

_SHOWN = 20
"""Length of the list that counts."""
_SLOPES = (0.2, 0.35, 0.5, 0.7, 1.0, 1.4)
_LOWEST, _HIGHEST, _HALVINGS = -10.0, 10.0, 16
"""Between which lifts, in standard deviations, the right one is sought, and how closely."""


def asked_for(valid: Holdout, items: Bools) -> Holdout | None:
    """Return the questions whose answers are among `items` (i,), ranked among these; None where there are none."""
    truth = valid.truth.copy()
    truth.data[~items[truth.indices]] = 0
    truth.eliminate_zeros()
    rows = np.flatnonzero(np.diff(truth.indptr))
    if not len(rows):
        return None
    candidates = items if valid.candidates is None else items & valid.candidates
    part = valid.take(rows)
    return replace(part, truth=truth[rows], candidates=candidates)


@dataclass(frozen=True)
class Contest:
    """The best known and the best new items of each query, and which of them are wanted."""

    known: Floats
    """(q, k) scores, best first; -inf where there are fewer."""
    known_wanted: Bools
    """(q, k)."""
    known_asked: Floats
    """(q,) how many known items are wanted."""
    new: Floats
    """(q, n) scores, best first; -inf where there are fewer."""
    new_wanted: Bools
    """(q, n)."""
    new_asked: Floats
    """(q,) how many new items are wanted."""

    @classmethod
    def of(cls, scores: Floats, wanted: Bools, is_new: Bools) -> "Contest":
        """Return the contest of (q, i) scores, -inf where an item is not open, with (q, i) what is wanted."""
        known, known_wanted = _best(scores[:, ~is_new], wanted[:, ~is_new])
        new, new_wanted = _best(scores[:, is_new], wanted[:, is_new])
        asked = (np.asarray(wanted[:, mask].sum(axis=1), np.float32) for mask in (~is_new, is_new))
        return cls(known, known_wanted, next(asked), new, new_wanted, next(asked))

    @classmethod
    def joined(cls, parts: "list[Contest]") -> "Contest":
        names = ("known", "known_wanted", "known_asked", "new", "new_wanted", "new_asked")
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    def outcome(self, slope: float, lift: float) -> tuple[float, float]:
        """Return the NDCG of the known and the recall of the new, both at 20, where new ones score slope s + lift."""
        new = np.where(np.isneginf(self.new), -np.inf, np.float32(slope) * self.new + np.float32(lift))
        above = new[:, None, :] > self.known[:, :, None]  # (q, k, n)
        place = np.arange(self.known.shape[1]) + above.sum(axis=2)
        gain = np.where(self.known_wanted & (place < _SHOWN), 1 / np.log2(place + 2.0), 0).sum(axis=1)
        ideal = np.cumsum(1 / np.log2(np.arange(2, _SHOWN + 2)))
        asked = self.known_asked > 0
        best = ideal[np.minimum(self.known_asked[asked].astype(int), _SHOWN) - 1]
        new_place = np.arange(new.shape[1]) + (~above).sum(axis=1)
        found = (self.new_wanted & (new_place < _SHOWN)).sum(axis=1)
        wanting = self.new_asked > 0
        return float((gain[asked] / best).mean()), float((found[wanting] / self.new_asked[wanting]).mean())


def find_lift(contest: Contest, room: float) -> tuple[float, float]:
    """Return slope and lift that find most new items while the known keep 1 - room of the NDCG they have alone."""
    least = contest.outcome(1.0, -np.inf)[0] * (1 - room)
    best, chosen = -1.0, (1.0, _LOWEST)
    for slope in _SLOPES:
        low, high = _LOWEST, _HIGHEST
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            low, high = (middle, high) if contest.outcome(slope, middle)[0] >= least else (low, middle)
        found = contest.outcome(slope, low)[1]
        if found > best:
            best, chosen = found, (slope, round(low, 4))
    return chosen


def _best(scores: Floats, wanted: Bools) -> tuple[Floats, Bools]:
    order = np.argsort(-scores, axis=1, kind="stable")[:, :_SHOWN]
    top = np.take_along_axis(scores, order, axis=1)
    return top, np.take_along_axis(wanted, order, axis=1) & ~np.isneginf(top)
