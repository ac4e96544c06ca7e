"""Who gets which arm, and what that changes in a request.

A unit (a person, or a session) is hashed with the experiment's salt to a point of [0, 1), and the shares of the arms
cut that line: nothing has to be stored for somebody to stay in their arm, and every process says the same.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cuvee.serve.bodies import Asked
from cuvee.sql.experiments import Arm, Experiment
from cuvee.sql.rules import ANY

__all__ = ["MOST_VERSIONS", "Assigned", "arm_of", "assigned", "filled_in", "point", "versions_of"]

MOST_VERSIONS = 2
"""Models that are held beside the one that answers by itself: each takes as much memory as that."""


@dataclass(frozen=True)
class Assigned:
    """The arm of one request."""

    experiment: Experiment
    arm: Arm

    @property
    def version(self) -> str | None:
        """The model that the arm asks for; None: the one that answers by itself."""
        found = self.arm.settings.get("version")
        return None if found is None else str(found)


def point(salt: str, unit: str) -> float:
    """Return where a unit stands in [0, 1): the first 53 bits of SHA-256 of salt and id."""
    digest = hashlib.sha256(f"{salt}\0{unit}".encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / (1 << 53)


def arm_of(experiment: Experiment, unit: str) -> Arm | None:
    """Return the arm of a unit; None for those whom the shares leave out."""
    at, upto = point(experiment.salt, unit), 0.0
    for arm in experiment.arms:
        upto += arm.share
        if at < upto:
            return arm
    return None


def assigned(running: Iterable[Experiment], asked: Asked) -> Assigned | None:
    """Return the arm of a request, of the one experiment that runs in its scenario; None where none is for it."""
    for experiment in running:
        unit = asked.user_id if experiment.unit == "user" else asked.session
        if unit is not None and experiment.scenario in (ANY, asked.scenario):
            arm = arm_of(experiment, unit)
            return None if arm is None else Assigned(experiment, arm)
    return None


def filled_in(asked: Asked, settings: Mapping[str, Any]) -> Asked:
    """Return the request with an arm's settings where it says nothing itself; of two filters both must hold.

    Raises:
        pydantic.ValidationError: settings that no request could have.
    """
    told = {name: value for name, value in settings.items() if name != "version" and name not in asked.model_fields_set}
    if "filter" in settings and asked.filter is not None:
        told["filter"] = f"({asked.filter}) and ({settings['filter']})"
    if not told:
        return asked
    new = Asked(**told)
    return asked.model_copy(update={name: getattr(new, name) for name in told})


def versions_of(experiments: Iterable[Experiment]) -> set[str]:
    """Return the versions that arms ask for."""
    found = (arm.settings.get("version") for experiment in experiments for arm in experiment.arms)
    return {str(version) for version in found if version is not None}
