"""Trained models that go on: new items, other content, new events, as far as they, and their parts, can take them."""

from cuvee.errors import ConfigError
from cuvee.protocols import Inductive, Online, Recommender, Revisable
from cuvee.types import Dataset, Ints

__all__ = ["extended", "revised", "updated"]


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


def revised(model: Recommender, before: Dataset, train: Dataset, rows: Ints) -> tuple[Recommender, bool]:
    """Return the model for items (m,) with other content, and whether it reads all of that; as it is if it cannot."""
    return model.revise(before, train, rows) if isinstance(model, Revisable) else (model, False)
