"""The question that splits what is left best: expected information about which item is meant.

With item probabilities p and the answer A that each item would give, the information is H(A) - H(A | item), in bits.
Reference: C. Shannon, "A Mathematical Theory of Communication", 1948, section 12.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from cuvee.dialogue.facts import Facts, NumberColumn, TagColumn
from cuvee.dialogue.retrieval import Ranking
from cuvee.dialogue.state import Question, State

__all__ = ["Asking", "best_question"]

_OPTIONS = 4
"""Values that are named in a question."""
_LIKELIEST = 300
"""Items that a question is weighed by."""


@dataclass(frozen=True)
class Asking:
    """When a question pays."""

    least_bits: float = 1.0
    """Expected information that a question must bring; infinity never asks."""
    temperature: float = 1.0
    """Of the probabilities that scores are turned into."""
    least_cover: float = 0.4
    """Probability that one of the values named is the answer: nobody chooses among four of 500 directors."""


def best_question(state: State, ranking: Ranking, facts: Facts, asking: Asking, shown: int) -> Question | None:
    """Return the question that tells most, None where none pays, or little more is left than is shown anyway."""
    rows = ranking.rows[: ranking.fresh][:_LIKELIEST]
    if len(rows) <= shown:
        return None
    scores = ranking.scores[rows].astype(np.float64) / asking.temperature
    chances = np.exp(scores - scores.max())
    chances /= chances.sum()
    taken = set(state.asked) | {name for c in state.constraints if c.test != "none" for name in c.columns}
    tags = [c for c in facts.tags.values() if c.name not in taken and not _repeats(c, taken, facts)]
    found = [_by_values(column, rows, chances, asking.least_cover) for column in tags]
    found += [_by_bound(column, rows, chances) for column in facts.numbers.values() if column.name not in taken]
    bits, question = max(found, key=lambda f: f[0], default=(0.0, None))
    return question if bits >= asking.least_bits else None


def _repeats(column: TagColumn, taken: set[str], facts: Facts) -> bool:
    """Return whether a column says again what one that was spoken of says: its values are among the other's."""
    others = [set(facts.tags[name].values) for name in taken if name in facts.tags]
    return any(other <= set(column.values) or set(column.values) <= other for other in others)


def _by_values(
    column: TagColumn, rows: NDArray[np.int64], chances: NDArray[np.float64], least_cover: float
) -> tuple[float, Question]:
    """Return the information of `which value?`: an item with several answers any of them, one without cannot say."""
    having = column.matrix[rows].astype(np.float64)
    counts = np.asarray(having.sum(axis=1)).ravel()
    known = counts > 0
    share = sparse.csr_matrix(sparse.diags_array(1.0 / np.maximum(counts, 1.0)) @ having)
    mass = np.asarray(share.T @ chances).ravel()
    options = np.argsort(-mass, kind="stable")[:_OPTIONS]
    options = options[mass[options] > 0]
    answers = np.c_[share[:, options].toarray(), np.zeros(len(rows))]
    answers[:, -1] = np.where(known, 1 - answers[:, :-1].sum(axis=1), 0.0)
    covered = float(chances @ answers[:, :-1].sum(axis=1))
    bits = _information(answers[known], chances[known]) if covered >= least_cover else 0.0
    return bits, Question("values", column.name, tuple(column.values[n] for n in options))


def _by_bound(column: NumberColumn, rows: NDArray[np.int64], chances: NDArray[np.float64]) -> tuple[float, Question]:
    """Return the information of `below or above the middle?`."""
    numbers = column.numbers[rows]
    known = ~np.isnan(numbers)
    if not known.any():
        return 0.0, Question("number", column.name)
    order = np.argsort(numbers[known], kind="stable")
    weights = chances[known][order]
    middle = numbers[known][order][int(np.searchsorted(np.cumsum(weights), weights.sum() / 2))]
    bound = _round(float(middle))
    below = (numbers[known] <= bound).astype(np.float64)
    bits = _information(np.c_[below, 1 - below], chances[known])
    return bits, Question("number", column.name, bound=bound)


def _information(answers: NDArray[np.float64], chances: NDArray[np.float64]) -> float:
    """Return H(A) - H(A | item) in bits, of (n, a) answers given the item and (n,) chances, which need not add to 1."""
    answered = chances @ answers
    total = float(answered.sum())
    if total <= 0:
        return 0.0
    inner = float(chances @ _entropies(answers))
    return total * float(_entropies(answered[None] / total)[0]) - inner


def _entropies(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(-np.where(rows > 0, rows * np.log2(rows), 0.0).sum(axis=1), np.float64)


def _round(number: float) -> float:
    """Return a number that people say: three significant digits, whole from a thousand on."""
    return float(round(number)) if abs(number) >= 1000 else float(f"{number:.3g}")
