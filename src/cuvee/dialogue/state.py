"""What a conversation knows: plain data that can be saved, replayed and shown."""

from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from cuvee.errors import DataError

__all__ = ["Constraint", "Language", "Lean", "Pair", "Question", "State", "Test", "from_json", "remembered", "to_json"]

Pair = tuple[str, str]
"""Column and value."""
Test = Literal["any", "none", ">=", "<="]
Language = Literal["en", "zh"]


@dataclass(frozen=True)
class Constraint:
    """One thing that every item shown fulfils."""

    test: Test
    """`any`: the item has one of the pairs at least; `none`: it has none of them; else its number is compared."""
    pairs: tuple[Pair, ...] = ()
    """(column, value) of `any` and `none`, best first."""
    column: str = ""
    """The column whose number is compared; an item without a number does not fulfil it."""
    bound: float = 0.0

    @property
    def columns(self) -> frozenset[str]:
        """The columns it speaks of."""
        return frozenset({column for column, _ in self.pairs} or {self.column})


@dataclass(frozen=True)
class Lean:
    """What items should rather be: a wish for more or less of something, which no item has to fulfil."""

    word: str
    """What is wanted, in the words of the person; of a number column its name."""
    sign: int
    """+1 more, -1 less."""
    column: str = ""
    """A number column; "" for a direction of meaning."""


@dataclass(frozen=True)
class Question:
    """What was asked and is open."""

    kind: Literal["values", "number", "drop"]
    """Which of the options; below or above the bound; may a constraint be dropped."""
    column: str = ""
    options: tuple[str, ...] = ()
    """Values of the column, the likeliest first."""
    bound: float = 0.0
    constraint: Constraint | None = None
    """Of `drop`: the constraint in the way."""
    count: int = 0
    """Of `drop`: items that would fit without it."""


@dataclass(frozen=True)
class State:
    """Everything a conversation knows. Items are ids."""

    constraints: tuple[Constraint, ...] = ()
    liked: tuple[str, ...] = ()
    """Items that others should be like, oldest first."""
    disliked: tuple[str, ...] = ()
    leans: tuple[Lean, ...] = ()
    wishes: tuple[str, ...] = ()
    """Free text that nothing else was made of, oldest first."""
    shown: tuple[str, ...] = ()
    """What the last turn showed, best first."""
    passed: tuple[str, ...] = ()
    """Items shown before that and not spoken of: they come after those not shown yet."""
    chosen: tuple[str, ...] = ()
    """Items the person has decided for."""
    question: Question | None = None
    """What the last turn asked; it is open."""
    asked: tuple[str, ...] = ()
    """Columns that were asked for: nobody is asked twice."""
    language: Language = "en"
    """Of the last message."""
    user: str | None = None
    """Id of the person, where the catalogue's log knows them."""
    past: tuple["State", ...] = ()
    """Earlier states for `undo`, oldest first, each without a past of its own."""


def to_json(state: State) -> dict[str, Any]:
    """Return the state as what JSON holds."""
    found: dict[str, Any] = _adapter().dump_python(state, mode="json")
    return found


def from_json(tree: Any) -> State:
    """Return the state that `to_json` wrote.

    Raises:
        DataError: not such a state; the message names the first field that is wrong.
    """
    try:
        return _adapter().validate_python(tree)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the whole"
        raise DataError(f"not the state of a conversation: {place}: {first['msg']}; start a new one") from error


def remembered(state: State) -> State:
    """Return what the next conversation of the person may start from: likes, dislikes and what they never want.

    The caller keeps it, and only of people whose consent `conversation_memory` says so.
    """
    never = tuple(c for c in state.constraints if c.test == "none")
    kept = State(constraints=never, liked=(*state.liked, *state.chosen), disliked=state.disliked)
    return replace(kept, liked=tuple(dict.fromkeys(kept.liked)), language=state.language, user=state.user)


@cache
def _adapter() -> TypeAdapter[State]:
    return TypeAdapter(State)
