"""The next state of a conversation: a pure function of the state and what was said."""

from collections.abc import Sequence
from dataclasses import replace

from cuvee.dialogue.acts import Act, Choose, Constrain, Explain, Feel, Prefer, Shift, Tell, Wish
from cuvee.dialogue.state import Constraint, Lean, State

__all__ = ["advance"]

_KEPT = 20
"""Steps that can be undone."""


def advance(state: State, acts: Sequence[Act]) -> State:
    """Return the state after these acts. `undo` gives back exactly the state before; to explain changes nothing."""
    if any(isinstance(act, Tell) and act.command == "undo" for act in acts):
        return replace(state.past[-1], past=state.past[:-1]) if state.past else state
    if all(isinstance(act, Explain) for act in acts):
        return state
    past = (*state.past, replace(state, past=()))[-_KEPT:]
    if any(isinstance(act, Tell) and act.command == "restart" for act in acts):
        state = State(language=state.language, user=state.user)
    spoken = {act.item for act in acts if isinstance(act, Feel | Choose)}
    passed = tuple(dict.fromkeys((*state.passed, *(item for item in state.shown if item not in spoken))))
    now = _answered(replace(state, passed=passed, past=past), acts)
    for act in acts:
        now = _done(now, act)
    return replace(now, shown=(), question=None)


def _answered(state: State, acts: Sequence[Act]) -> State:
    """Note that the open question has had its turn, and what a plain yes or neither to it means."""
    question = state.question
    if question is None:
        return state
    told = {act.command for act in acts if isinstance(act, Tell)}
    if question.kind == "drop":
        dropped = "yes" in told
        kept = tuple(c for c in state.constraints if not (dropped and c == question.constraint))
        return replace(state, constraints=kept)
    state = replace(state, asked=tuple(dict.fromkeys((*state.asked, question.column))))
    if "neither" in told and question.kind == "values":
        return _constrained(state, Constraint("none", tuple((question.column, v) for v in question.options)), False)
    return state


def _done(state: State, act: Act) -> State:
    match act:
        case Constrain(constraint, single):
            return _constrained(state, constraint, single)
        case Feel(item, sign) if sign > 0:
            disliked = tuple(i for i in state.disliked if i != item)
            return replace(state, liked=_last(state.liked, item), disliked=disliked)
        case Feel(item, _):
            return replace(
                state, disliked=_last(state.disliked, item), liked=tuple(i for i in state.liked if i != item)
            )
        case Prefer(lean):
            return _leaning(state, lean)
        case Shift(column, sign, bound):
            if bound is not None:
                state = _constrained(state, Constraint("<=" if sign < 0 else ">=", column=column, bound=bound), True)
            return _leaning(state, Lean(column, sign, column))
        case Wish(text):
            return replace(state, wishes=_last(state.wishes, text))
        case Choose(item):
            return replace(state, chosen=_last(state.chosen, item))
        case _:
            return state


def _last(known: tuple[str, ...], new: str) -> tuple[str, ...]:
    return (*(one for one in known if one != new), new)


def _leaning(state: State, lean: Lean) -> State:
    """The newest word about a direction counts."""
    others = tuple(one for one in state.leans if (one.word, one.column) != (lean.word, lean.column))
    return replace(state, leans=(*others, lean))


def _constrained(state: State, new: Constraint, single: bool) -> State:
    """Return the state with one more constraint; older ones that it contradicts or says again give way."""
    kept = []
    for old in state.constraints:
        left = _beside(old, new, single)
        if left is not None and left != new:
            kept.append(left)
    return replace(state, constraints=(*kept, new))


def _beside(old: Constraint, new: Constraint, single: bool) -> Constraint | None:
    """Return what stays of an old constraint beside a new one."""
    if not new.pairs or not old.pairs:
        return _number_beside(old, new)
    if old.test == new.test:
        same = set(old.pairs) <= set(new.pairs)
        replaced = new.test == "any" and single and bool(old.columns & new.columns)
        return None if same or replaced else old
    left = tuple(pair for pair in old.pairs if pair not in new.pairs)
    return replace(old, pairs=left) if left else None


def _number_beside(old: Constraint, new: Constraint) -> Constraint | None:
    if old.pairs or new.pairs or old.column != new.column:
        return old
    if old.test == new.test:
        return None
    low, high = (old.bound, new.bound) if old.test == ">=" else (new.bound, old.bound)
    return old if low <= high else None
