"""What rules look like in requests and answers."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, TypeAdapter, model_validator

from cuvee.serve.bodies import Asked, Body, Id, Shown, Text
from cuvee.sql.rules import ANY, Kind, Rule

__all__ = [
    "Checked",
    "CheckedOut",
    "ErrorOut",
    "Move",
    "NamedRule",
    "RuleId",
    "RuleIn",
    "RuleOut",
    "RulesIn",
    "SimulateIn",
    "Simulated",
    "named_rule",
    "stored_rule",
]

_LONGEST_NAME = 100
_MOST_RULES = 100


def _short(value: str) -> str:
    if len(value.encode()) > _LONGEST_NAME:
        raise ValueError(f"the name of a rule has at most {_LONGEST_NAME} bytes")
    return value


RuleId = Annotated[Id, AfterValidator(_short)]
Moment = Annotated[float, Field(ge=0, le=10**11)]
Where = Annotated[Text, Field(max_length=4_000)]


class _Rule(Body):
    scenario: Id = Field(ANY, description="Where it holds; * is everywhere")
    priority: int = Field(0, ge=-(10**6), le=10**6, description="Higher ones act first, equal ones by name")
    enabled: bool = True
    valid_from: Moment | None = Field(None, description="Unix seconds from which on it holds")
    valid_until: Moment | None = Field(None, description="Unix seconds from which on it no longer holds")
    users: Where | None = Field(None, description="Condition on columns of profiles: for whom it holds")
    title: Text = Field("", max_length=200)
    notes: Text = Field("", max_length=2_000)

    @model_validator(mode="after")
    def _in_order(self) -> "_Rule":
        if self.valid_from is not None and self.valid_until is not None and self.valid_from >= self.valid_until:
            raise ValueError("valid_from must lie before valid_until")
        return self


class PinIn(_Rule):
    """An item at a place."""

    kind: Literal["pin"]
    item: Id
    position: int = Field(0, ge=0, le=199, description="From 0")


class BoostIn(_Rule):
    """Items that count for more, or for less."""

    kind: Literal["boost"]
    items: Where | None = Field(None, description="Condition on columns of the catalogue; every item where missing")
    factor: float = Field(gt=0, le=100, description="By which the distance to the lowest score grows")


class BuryIn(_Rule):
    """Items that come after everything else, or are pushed down."""

    kind: Literal["bury"]
    items: Where | None = None
    factor: float | None = Field(None, ge=0, lt=1, description="After everything else where missing")


class FilterIn(_Rule):
    """What an item must fulfil to be shown."""

    kind: Literal["filter"]
    items: Where


class CapIn(_Rule):
    """How often something may be shown: to one person within some hours, in one answer."""

    kind: Literal["cap"]
    items: Where | None = None
    times: int | None = Field(None, ge=1, le=10_000, description="Impressions that one person may have within `hours`")
    hours: float | None = Field(None, gt=0, le=24 * 90)
    together: bool = Field(False, description="Whether its items count as one, not each on its own")
    per_answer: int | None = Field(None, ge=0, le=200, description="Its items that one answer may hold")

    @model_validator(mode="after")
    def _whole(self) -> "CapIn":
        if (self.times is None) != (self.hours is None):
            raise ValueError("times and hours belong together")
        if self.times is None and self.per_answer is None:
            raise ValueError("a cap needs times and hours, or per_answer")
        return self


RuleIn = Annotated[PinIn | BoostIn | BuryIn | FilterIn | CapIn, Field(discriminator="kind")]


class _Named(Body):
    rule: RuleId


class NamedPin(_Named, PinIn):
    pass


class NamedBoost(_Named, BoostIn):
    pass


class NamedBury(_Named, BuryIn):
    pass


class NamedFilter(_Named, FilterIn):
    pass


class NamedCap(_Named, CapIn):
    pass


NamedRule = Annotated[NamedPin | NamedBoost | NamedBury | NamedFilter | NamedCap, Field(discriminator="kind")]
_named: TypeAdapter[NamedRule] = TypeAdapter(NamedRule)


class RulesIn(Body):
    rules: list[NamedRule] = Field(min_length=1, max_length=_MOST_RULES)


class SimulateIn(RulesIn):
    """Rules as if they were stored, in the place of those of their names, and a request."""

    request: Asked
    at: Moment | None = Field(None, description="Unix seconds; now where missing")


class RuleOut(BaseModel):
    rule: str
    kind: Kind
    scenario: str
    priority: int
    enabled: bool
    valid_from: float | None
    valid_until: float | None
    definition: dict[str, Any] = Field(description="What belongs to its kind: items, factor, item, position ...")
    error: str | None = Field(description="Why the model that answers now cannot follow it")


class ErrorOut(BaseModel):
    field: str
    message: str
    position: int | None = Field(description="Where in the condition, in characters from its start")


class Checked(BaseModel):
    rule: str
    valid: bool
    errors: list[ErrorOut]
    warnings: list[str]
    matches: int | None = Field(description="Items that it is about; None where it cannot be read")


class CheckedOut(BaseModel):
    valid: bool
    rules: list[Checked]


class Move(BaseModel):
    item_id: str
    before: int | None = Field(description="Where it stood, from 0; None: it was not there")
    after: int | None
    rules: list[str] = Field(description="Those that did it; none: others made room, or took it")


class Simulated(BaseModel):
    before: list[Shown]
    after: list[Shown]
    moved: list[Move]


def stored_rule(name: str, body: RuleIn) -> Rule:
    """Return the rule of a request."""
    return Rule(rule=name, **body.model_dump(exclude={"rule"}))


def named_rule(tree: Any) -> Rule:
    """Return the rule of a tree of YAML or JSON.

    Raises:
        pydantic.ValidationError: it is not one.
    """
    body = _named.validate_python(tree)
    return stored_rule(body.rule, body)
