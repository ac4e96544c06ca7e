"""Nothing fits: which one constraint is in the way?"""

from dataclasses import replace

from cuvee.dialogue.retrieval import Retriever
from cuvee.dialogue.state import Question, State

__all__ = ["to_drop"]


def to_drop(state: State, retriever: Retriever) -> Question | None:
    """Return the constraint without which most items fit, the newest of equals; None where no single one helps."""
    best: Question | None = None
    for constraint in state.constraints:
        others = tuple(c for c in state.constraints if c != constraint)
        count = int(retriever.allowed(replace(state, constraints=others)).sum())
        if count and (best is None or count >= best.count):
            best = Question("drop", constraint=constraint, count=count)
    return best
