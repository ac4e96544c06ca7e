"""What experiments look like in requests and answers."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, field_validator, model_validator

from cuvee.serve.bodies import Asked, Body, Id, Text
from cuvee.sql.experiments import Arm, Experiment, State
from cuvee.sql.rules import ANY

__all__ = [
    "ArmIn",
    "ArmOut",
    "Difference",
    "ExperimentId",
    "ExperimentIn",
    "ExperimentOut",
    "Goal",
    "ResultOut",
    "stored",
]

_LONGEST_NAME = 100
_SETTINGS = tuple(n for n in ("filter", "boosts", "diversity", "weights") if n in Asked.model_fields)


def _short(value: str) -> str:
    if len(value.encode()) > _LONGEST_NAME:
        raise ValueError(f"the name of an experiment or an arm has at most {_LONGEST_NAME} bytes")
    return value


ExperimentId = Annotated[Id, AfterValidator(_short)]


class ArmIn(Body):
    arm: ExperimentId
    share: float = Field(gt=0, le=1, description="Of the units; what the shares of all arms leave is in no arm")
    settings: dict[str, Any] = Field(
        {}, description=f"What is filled into requests: {', '.join(_SETTINGS)}; and `version`, the model that answers"
    )

    @field_validator("settings")
    @classmethod
    def _known(cls, value: dict[str, Any]) -> dict[str, Any]:
        strange = sorted(set(value) - {*_SETTINGS, "version"})
        if strange:
            raise ValueError(f"an arm cannot set {strange[0]!r}; it may set {', '.join(_SETTINGS)} and version")
        if not isinstance(value.get("version", ""), str):
            raise ValueError("the version of a model is a text")
        asked = Asked(**{name: setting for name, setting in value.items() if name != "version"})
        return {**asked.model_dump(exclude_unset=True), **({"version": value["version"]} if "version" in value else {})}


class ExperimentIn(Body):
    scenario: Id = Field(ANY, description="Where it runs; * is everywhere")
    unit: Literal["user", "session"] = Field("user", description="Whom the arms are drawn for")
    arms: list[ArmIn] = Field(min_length=2, max_length=10)
    control: ExperimentId = Field(description="The arm that the others are compared with")
    goals: list[Id] = Field(["click", "buy"], min_length=1, max_length=10, description="Kinds of event that count")
    salt: Id | None = Field(None, description="Decides who gets which arm; drawn where missing")
    title: Text = Field("", max_length=200)
    notes: Text = Field("", max_length=2_000)

    @model_validator(mode="after")
    def _whole(self) -> "ExperimentIn":
        names = [arm.arm for arm in self.arms]
        if len(set(names)) < len(names):
            raise ValueError("two arms have one name")
        if self.control not in names:
            raise ValueError(f"control is {self.control!r}, which is none of the arms: {', '.join(names)}")
        if sum(arm.share for arm in self.arms) > 1 + 1e-9:
            raise ValueError(f"the shares of the arms add up to {sum(a.share for a in self.arms):g}, which is above 1")
        return self


class ArmOut(BaseModel):
    arm: str
    share: float
    settings: dict[str, Any]
    ready: bool = Field(description="Whether the process that answered has its model loaded")


class ExperimentOut(BaseModel):
    experiment: str
    scenario: str
    unit: str
    state: State
    control: str
    goals: list[str]
    salt: str
    title: str
    notes: str
    arms: list[ArmOut]
    created_at: float
    started_at: float | None
    stopped_at: float | None


class Difference(BaseModel):
    """An arm minus the control."""

    difference: float | None
    low: float | None = Field(description="95 % interval")
    high: float | None
    p_value: float | None
    p_holm: float | None = Field(description="Corrected for the number of arms that are compared with the control")
    excludes_zero: bool = Field(description="Whether the interval does")


class Goal(BaseModel):
    goal: str
    events: int
    converted: int = Field(description="Units with at least one")
    rate: float | None = Field(description="Share of the units that converted")
    rate_low: float | None = Field(description="95 % interval")
    rate_high: float | None
    events_per_unit: float | None
    rate_difference: Difference | None = Field(description="None for the control")
    events_difference: Difference | None


class ArmResult(BaseModel):
    arm: str
    exposures: int = Field(description="Answers")
    units: int = Field(description="People, or sessions")
    goals: list[Goal]


class ResultOut(ExperimentOut):
    results: list[ArmResult]
    mixed: int = Field(description="Units that were answered by more than one arm; they are left out")
    sample_ratio_p: float | None = Field(description="Of the numbers of units by the shares; below .001 trust nothing")
    warnings: list[str]


def stored(name: str, body: ExperimentIn) -> Experiment:
    """Return the experiment of a request, its arms by name."""
    arms = sorted((Arm(a.arm, a.share, a.settings) for a in body.arms), key=lambda arm: arm.arm)
    plain = body.model_dump(exclude={"arms", "goals", "salt"})
    return Experiment(experiment=name, arms=tuple(arms), goals=tuple(body.goals), salt=body.salt or "", **plain)
