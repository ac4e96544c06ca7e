"""What requests and answers look like; FastAPI checks by it and documents it."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

__all__ = [
    "MOST_EXCLUDED",
    "Answer",
    "Asked",
    "Body",
    "Boost",
    "Cell",
    "Condition",
    "ConsentBody",
    "EventIn",
    "EventsIn",
    "EventsOut",
    "Id",
    "ManyAsked",
    "NextPage",
    "Ranked",
    "ReasonOut",
    "Shown",
    "Text",
    "Value",
]

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_LONGEST = 256
MOST_EXCLUDED = 10_000
"""Ids that one answer may leave out; pages, which leave out those before them, end there."""
_MOST_EVENTS = 10_000


def _id(value: str) -> str:
    if not value or len(value.encode()) > _LONGEST or _CONTROL.search(value):
        raise ValueError(f"an id has 1 to {_LONGEST} bytes and no control characters")
    return value


def _plain(value: str) -> str:
    value.encode()  # a lone surrogate cannot be stored
    if "\x00" in value:
        raise ValueError("text cannot hold the character 0")
    return value


_AS_SCHEMA = {"type": "string", "minLength": 1, "maxLength": _LONGEST, "pattern": r"^[^\u0000-\u001f\u007f-\u009f]+$"}

Id = Annotated[str, AfterValidator(_id), WithJsonSchema(_AS_SCHEMA)]
Text = Annotated[str, AfterValidator(_plain)]
Condition = Annotated[Text, Field(max_length=4_000)]
Cell = Annotated[
    Annotated[Text, Field(max_length=10_000)]
    | bool
    | int
    | float
    | Annotated[list[Text], Field(max_length=100)]
    | None,
    Field(union_mode="left_to_right"),
]
Weight = Annotated[float, Field(ge=0, le=100)]
Value = Annotated[Text | bool | int | float | list[Text] | None, Field(union_mode="left_to_right")]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class EventIn(Body):
    """What somebody did."""

    event_id: Id = Field(description="Yours; one that was stored before is left as it is, so that retries are harmless")
    user_id: Id
    item_id: Id = Field(description="Need not be in the catalogue yet")
    kind: Id = Field(description="view, cart, buy, like, dislike ...")
    time: int | None = Field(None, ge=0, le=10**11, description="Unix seconds; now where missing")
    weight: float | None = Field(None, ge=-1e6, le=1e6, description="What it says about liking; by kind where missing")
    recommendation_id: Id | None = Field(None, description="The answer in which the item was shown")
    position: int | None = Field(None, ge=0, le=10**6, description="Where it stood there, from 0")
    session: Id | None = None
    context: dict[str, Value] | None = None


class EventsIn(Body):
    events: list[EventIn] = Field(min_length=1, max_length=_MOST_EVENTS)


class EventsOut(BaseModel):
    received: int
    offset: int = Field(description="Of the newest event in the log, these included")


class Boost(Body):
    """What is to count more, or less."""

    when: Condition = Field(description='E.g. brand == "Acme"')
    factor: float = Field(
        ge=0, le=100, description="Times how far its score is above the lowest one: above 1 raises, below 1 lowers"
    )


class Asked(Body):
    """For whom, and what."""

    user_id: Id | None = Field(None, description="Somebody never seen before is answered too")
    items: list[Id] = Field([], max_length=500, description="What somebody unknown has just touched, oldest first")
    k: int = Field(10, ge=1, le=200)
    exclude: list[Id] = Field([], max_length=MOST_EXCLUDED, description="Not to be shown in this answer")
    candidates: list[Id] | None = Field(None, max_length=10_000, description="Nothing else may be shown")
    filter: Condition | None = Field(
        None, description='Condition on columns, e.g. price < 50 and not category == "hats"'
    )
    reasons: bool = True
    scenario: Id = "default"
    session: Id | None = Field(None, description="Keeps somebody unknown in one arm of an experiment")
    profile: dict[Id, Cell] | None = Field(
        None, max_length=100, description="Of somebody unknown: columns of the table of users -> values"
    )
    personal: bool = Field(True, description="Whether the answer may be about somebody; else it is everybody's")
    boosts: list[Boost] = Field([], max_length=20, description="They multiply where several hold")
    diversity: float | None = Field(None, ge=0, le=1, description="0 relevance only, 1 variety only; else the recipe's")
    weights: dict[Id, Weight] | None = Field(
        None, max_length=100, description="View of a blend, or modality -> times what it counts by itself"
    )
    deadline: float | None = Field(
        None, gt=0, le=60_000, description="Milliseconds: what would only better the order is left out after that"
    )


class NextPage(Body):
    """How the next page differs from the one before."""

    k: int | None = Field(None, ge=1, le=200, description="As before where missing")


class ManyAsked(Body):
    requests: list[Asked] = Field(min_length=1, max_length=100)


class Ranked(Body):
    """For whom, and which candidates."""

    user_id: Id | None = None
    items: list[Id] = Field([], max_length=500, description="What somebody unknown has just touched, oldest first")
    candidates: list[Id] = Field(min_length=1, max_length=200)
    reasons: bool = True
    scenario: Id = "default"


class ReasonOut(BaseModel):
    kind: str
    weight: float
    text: str
    evidence: dict[str, str | float]


class Shown(BaseModel):
    item_id: str
    title: str | None
    score: float
    propensity: float = Field(description="Probability that it stood there")
    reasons: list[ReasonOut] = []
    rules: list[str] = Field([], description="Rules that placed it, or moved it up or down")


class Answer(BaseModel):
    recommendation_id: str
    model_version: str
    degraded: bool = Field(description="Whether something that should have been used could not be")
    personal: bool = Field(description="Whether what the user did was used")
    experiment: str | None = Field(None, description="That decided how this was answered")
    arm: str | None = None
    unknown_items: list[str] = Field(description="Ids of the request that are not in the catalogue")
    items: list[Shown]


class ConsentBody(Body):
    """What a person agreed to."""

    personalisation: bool = Field(True, description="Their events may shape what they and others are shown")
    sensitive_profiling: bool = Field(False, description="Sensitive fields of their profile may be used")
    conversation_memory: bool = Field(False, description="What they say may be remembered")
