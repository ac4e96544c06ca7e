"""Which item modalities a described component uses, and with what weight."""

from collections.abc import Mapping
from typing import Any

__all__ = ["used"]


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
