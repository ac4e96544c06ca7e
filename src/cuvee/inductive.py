"""Trained models that grow: they take in new items, or count new events, as far as they, and their parts, can."""

from cuvee.errors import ConfigError
from cuvee.protocols import Inductive, Online, Recommender
from cuvee.types import Dataset

__all__ = ["extended", "updated"]


def extended(model: Recommender, train: Dataset) -> Recommender:
    """Return the model for a catalogue that has grown at its end.

    Raises:
        ConfigError: the model cannot take in new items.
    """
    if not isinstance(model, Inductive):
        name = type(model).__name__
        raise ConfigError(f"{name} cannot take in new items, it has no extend(); fit the model again with them")
    return model.extend(train)


def updated(model: Recommender, train: Dataset) -> Recommender:
    """Return the model with what it counts taken from these events; as it is where it counts nothing."""
    return model.update(train) if isinstance(model, Online) else model
