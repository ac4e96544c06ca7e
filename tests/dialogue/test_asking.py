"""Which question tells most, against brute force."""

import math
from itertools import pairwise

import numpy as np
import pytest

from cuvee.dialogue.asking import Asking, best_question
from cuvee.dialogue.facts import Facts
from cuvee.dialogue.retrieval import Ranking
from cuvee.dialogue.state import Constraint, State
from tests.dialogue.conftest import words_of


def ranking(scores: "list[float]") -> Ranking:
    values = np.array(scores, np.float32)
    return Ranking(np.argsort(-values, kind="stable"), len(values), values, {})


def mutual(facts: Facts, column: str, chances: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> float:
    """I(item; answer) = H(item) - sum of P(answer) H(item | answer), over the four likeliest values and the rest."""
    tags = facts.tags[column]
    having = tags.matrix.toarray().astype(float)
    joint = chances[:, None] * having / having.sum(axis=1, keepdims=True)
    best = np.argsort(-joint.sum(axis=0), kind="stable")[:4]
    table = np.c_[joint[:, best], np.delete(joint, best, axis=1).sum(axis=1)]

    def entropy(p: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> float:
        return float(-sum(x * math.log2(x) for x in p if x > 0))

    inner = sum(a.sum() * entropy(a / a.sum()) for a in table.T if a.sum() > 0)
    return float(entropy(chances) - inner)


@pytest.mark.parametrize("seed", range(4))
def test_the_question_is_the_best_by_brute_force(seed: int) -> None:
    facts = words_of("films").facts
    scores = np.random.default_rng(seed).normal(size=12) * 2
    chances = np.exp(scores) / np.exp(scores).sum()
    bits = {name: mutual(facts, name, chances) for name in facts.tags}
    # two halves of a number column: the entropy of the split at the weighted middle, rounded to what is asked
    for name, column in facts.numbers.items():
        order = np.argsort(column.numbers, kind="stable")
        middle = column.numbers[order][np.searchsorted(np.cumsum(chances[order]), 0.5)]
        below = chances[column.numbers <= middle].sum()
        bits[name] = -sum(x * math.log2(x) for x in (below, 1 - below) if x > 0)
    question = best_question(State(), ranking(scores.tolist()), facts, Asking(0.1, 1.0, 0.0), shown=3)
    assert question is not None
    assert question.column == max(bits, key=lambda n: bits[n])
    ranked = sorted(bits.values(), reverse=True)
    assert all(a - b > 1e-6 for a, b in pairwise(ranked[:2]))  # the best is not a tie
    assert best_question(State(), ranking(scores.tolist()), facts, Asking(ranked[0] + 0.01), shown=3) is None
    nearly = best_question(State(), ranking(scores.tolist()), facts, Asking(ranked[0] - 0.01, 1.0, 0.0), shown=3)
    assert nearly == question


def test_nobody_is_asked_twice_nor_what_they_said() -> None:
    facts = words_of("films").facts
    even = ranking([0.0] * 12)
    first = best_question(State(), even, facts, Asking(), shown=3)
    assert first is not None
    second = best_question(State(asked=(first.column,)), even, facts, Asking(), shown=3)
    assert second is not None
    assert second.column != first.column
    said = (
        Constraint("any", ((first.column, first.options[0]),))
        if first.options
        else Constraint(">=", column=first.column)
    )
    third = best_question(State(constraints=(said,)), even, facts, Asking(), shown=3)
    assert third == second


def test_little_left_is_not_asked_about() -> None:
    assert best_question(State(), ranking([0.0] * 12), words_of("films").facts, Asking(), shown=12) is None
