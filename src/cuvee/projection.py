"""From raw encoder vectors to the vectors models see: centred, unit length, rotated to fewer dimensions.

Centring matters: pretrained text vectors share a large common component, and validation chose to remove it on three of
four data sets. Reference: J. Mu, P. Viswanath, "All-but-the-top", ICLR 2018 (centring); PCA by the eigenvectors of the
covariance.
"""

from dataclasses import dataclass

import numpy as np

from cuvee.errors import ConfigError
from cuvee.types import Bools, Embeddings, Floats

__all__ = ["FittedProjection", "Projection"]

_BLOCK = 16_384
"""Rows worked on at once: what is held beside the vectors themselves stays small."""


@dataclass(frozen=True)
class Projection:
    """Centre, L2-normalise, PCA; the state is learned from training rows and kept for rows that arrive later.

    Cost: one d x d eigendecomposition.
    """

    centre: bool = True
    """Subtract the mean of the training rows."""
    dim: int | None = 256
    """Width after PCA; None, or more than the encoder gives, keeps every dimension."""

    def __post_init__(self) -> None:
        if self.dim is not None and self.dim < 1:
            raise ConfigError(f"project.dim must be at least 1, or null for every dimension, got {self.dim}")

    def fit(self, raw: Embeddings, rows: Bools) -> "FittedProjection":
        """Learn from the present vectors of the training rows (a mask); from all present ones if fewer than two are."""
        known = np.flatnonzero(raw.present & rows)
        known = known if len(known) >= 2 else np.flatnonzero(raw.present)
        blocks = [known[start : start + _BLOCK] for start in range(0, len(known), _BLOCK)]
        sums = [raw.vectors[block].sum(axis=0, dtype=np.float64) for block in blocks]
        mean = sum(sums, np.zeros(raw.dim)) / max(len(known), 1) if self.centre else np.zeros(raw.dim)
        state = FittedProjection(mean.astype(np.float32), np.eye(raw.dim, dtype=np.float32))
        if self.dim is None or self.dim >= raw.dim or not len(known):
            return state
        covariance = np.zeros((raw.dim, raw.dim))
        for block in blocks:
            unit = state.apply(raw.take(block)).vectors.astype(np.float64)
            covariance += unit.T @ unit
        axes = np.linalg.eigh(covariance)[1][:, ::-1][:, : self.dim]
        signs = np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
        return FittedProjection(state.mean, (axes * signs).astype(np.float32))


@dataclass(frozen=True)
class FittedProjection:
    mean: Floats
    """(d,)."""
    axes: Floats
    """(d, dim) orthonormal columns."""

    def apply(self, raw: Embeddings) -> Embeddings:
        """Return vectors of at most unit length; missing rows stay zero."""
        out = np.zeros((len(raw), self.axes.shape[1]), np.float32)
        for start in range(0, len(raw), _BLOCK):
            rows = slice(start, start + _BLOCK)
            centred = np.where(raw.present[rows, None], raw.vectors[rows] - self.mean, np.float32(0))
            norms = np.linalg.norm(centred, axis=1, keepdims=True)
            out[rows] = (centred / np.maximum(norms, 1e-9)) @ self.axes
        return Embeddings(out, raw.present)
