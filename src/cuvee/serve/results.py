"""The results of an experiment, from who saw which arm and what they did."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row

from cuvee.new_items import holm
from cuvee.serve.comparing import Compared, Counted, compared, counted, mismatch, shares_of
from cuvee.serve.experiment_bodies import ArmResult, Difference, Goal
from cuvee.sql.experiments import Experiment, attributed, exposed

__all__ = ["Results", "results_of"]

_SUSPICIOUS = 0.001
"""p value of the sample ratio below which results are not to be trusted (Kohavi et al., chapter 21)."""


class Results:
    """What is known of an experiment at one moment."""

    def __init__(self, arms: list[ArmResult], mixed: int, sample_ratio_p: float | None) -> None:
        self.arms, self.mixed, self.sample_ratio_p = arms, mixed, sample_ratio_p

    @property
    def warnings(self) -> list[str]:
        found = []
        if self.sample_ratio_p is not None and self.sample_ratio_p < _SUSPICIOUS:
            found.append(
                f"sample ratio mismatch (p = {self.sample_ratio_p:.2g}): the arms have other numbers of units than "
                "their shares say, so something besides them decided who was counted; do not trust the differences"
            )
        if self.mixed:
            found.append(f"{self.mixed} units were answered by more than one arm and are left out")
        return found


def results_of(connection: Connection, experiment: Experiment) -> Results:
    """Return the results since the start of an experiment."""
    shown, done = exposed(connection, experiment), attributed(connection, experiment)
    arms_of = Counter(row.unit for row in shown if row.unit is not None)
    mixed = {unit for unit, arms in arms_of.items() if arms > 1}
    units: dict[str, list[object]] = {arm.arm: [] for arm in experiment.arms}
    answers: Counter[str] = Counter()
    for row in shown:
        if row.arm in units and row.unit is not None and row.unit not in mixed:
            units[row.arm].append(row.unit)
            answers[row.arm] += row.exposures
    goals = {goal: _goal(goal, experiment, units, done) for goal in experiment.goals}
    found = [
        ArmResult(
            arm=arm.arm,
            exposures=answers[arm.arm],
            units=len(units[arm.arm]),
            goals=[goals[goal][arm.arm] for goal in experiment.goals],
        )
        for arm in experiment.arms
    ]
    p_value = mismatch([len(units[arm.arm]) for arm in experiment.arms], [arm.share for arm in experiment.arms])
    return Results(found, len(mixed), p_value)


def _goal(
    goal: str, experiment: Experiment, units: Mapping[str, Sequence[object]], done: Sequence[Row[Any]]
) -> dict[str, Goal]:
    """Return what each arm says of one goal."""
    found: dict[str, Counted] = {}
    for arm, mine in units.items():
        found[arm] = counted(mine, {row.unit: row.events for row in done if row.kind == goal and row.arm == arm})
    others = {arm: compared(c, found[experiment.control]) for arm, c in found.items() if arm != experiment.control}
    by_rate = holm({arm: both[0].p_value for arm, both in others.items()})
    by_events = holm({arm: both[1].p_value for arm, both in others.items()})
    told = {}
    for arm, c in found.items():
        share = shares_of(c.converted, c.units)
        told[arm] = Goal(
            goal=goal,
            events=c.events,
            converted=c.converted,
            rate=share.value,
            rate_low=share.low,
            rate_high=share.high,
            events_per_unit=c.events / c.units if c.units else None,
            rate_difference=_difference(others[arm][0], by_rate[arm]) if arm in others else None,
            events_difference=_difference(others[arm][1], by_events[arm]) if arm in others else None,
        )
    return told


def _difference(found: Compared, corrected: float) -> Difference:
    known = found.low is not None and found.high is not None
    return Difference(
        **vars(found),
        p_holm=corrected if known else None,
        excludes_zero=found.low is not None and found.high is not None and not found.low <= 0 <= found.high,
    )
