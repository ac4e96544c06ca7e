"""What a message does to a conversation, one small thing each."""

from dataclasses import dataclass
from typing import Literal

from cuvee.dialogue.state import Constraint, Lean

__all__ = ["Act", "Choose", "Command", "Constrain", "Explain", "Feel", "Prefer", "Shift", "Tell", "Wish"]

Command = Literal["undo", "restart", "more", "skip", "yes", "no", "neither"]


@dataclass(frozen=True)
class Constrain:
    """Something that items must fulfil from now on."""

    constraint: Constraint
    single: bool = True
    """Whether an item has one value at most in these columns: a new one then takes the place of the old."""


@dataclass(frozen=True)
class Feel:
    """An item was liked (+1) or disliked (-1)."""

    item: str
    sign: int


@dataclass(frozen=True)
class Prefer:
    """Rather more or less of something."""

    lean: Lean


@dataclass(frozen=True)
class Shift:
    """Cheaper, newer, longer: a number column up or down from what was spoken of."""

    column: str
    sign: int
    bound: float | None = None
    """What items must be below or above, bound included; None: only rather."""


@dataclass(frozen=True)
class Wish:
    """Words that nothing else was made of; they are searched for."""

    text: str


@dataclass(frozen=True)
class Explain:
    """Why is this item shown?"""

    item: str


@dataclass(frozen=True)
class Choose:
    """The person takes this item."""

    item: str


@dataclass(frozen=True)
class Tell:
    """A command, or a plain answer to what was asked."""

    command: Command


Act = Constrain | Feel | Prefer | Shift | Wish | Explain | Choose | Tell
