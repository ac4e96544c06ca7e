"""Several item modalities in one space whose inner product is the weighted sum of their cosines."""

from collections.abc import Mapping

import numpy as np

from cuvee.errors import ConfigError
from cuvee.types import Dataset, Floats

__all__ = ["joined"]


def joined(data: Dataset, weights: Mapping[str, float]) -> Floats:
    """Return (i, d): each modality's unit vectors times the root of its weight, side by side; missing rows are zero.

    Raises:
        ConfigError: no modality, or a negative weight.
        UnknownNameError: a modality the data set does not carry.
    """
    if not weights or min(weights.values()) < 0:
        raise ConfigError(f"`on` needs at least one modality, each with a weight of 0 or more; got {dict(weights)}")
    parts = []
    for modality, weight in weights.items():
        vectors = data.feature("item", modality).vectors
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        parts.append(np.sqrt(np.float32(weight)) * vectors / np.maximum(norms, 1e-9))
    return np.concatenate(parts, axis=1).astype(np.float32)
