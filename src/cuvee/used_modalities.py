"""Which item modalities a described component uses, and with what weight, and whether it reads the social graph."""

from collections.abc import Mapping
from typing import Any

__all__ = ["SOCIAL", "reads_friends", "used"]

SOCIAL = "social graph"
"""Name of the links between users, where they are judged beside modalities."""


def used(values: Mapping[str, Any]) -> dict[str, float]:
    """Return modality -> weight of the described parameters of a component, {} where it uses none.

    `on` is a mapping with weights, or a list, whose modalities count alike; a component with a `fusion` uses what that
    is on.
    """
    fusion = values.get("fusion")
    if isinstance(fusion, Mapping):
        return used(next(iter(fusion.values())))
    on = values.get("on") or {}
    return {str(m): float(w) for m, w in on.items()} if isinstance(on, Mapping) else dict.fromkeys(on, 1.0)


def reads_friends(spec: Any) -> bool:
    """Return whether a described component, or one within it, reads friends: those that do have `circles` of them."""
    if isinstance(spec, Mapping):
        return "circles" in spec or any(reads_friends(value) for value in spec.values())
    return isinstance(spec, list | tuple) and any(reads_friends(value) for value in spec)
