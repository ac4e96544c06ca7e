"""Vectors of different modalities live in unrelated spaces; here they are mapped into one, where sums mean something.

References: CCA: H. Hotelling, "Relations between two sets of variates", Biometrika 1936. For any number of modalities
its MAX-VAR form: J. Kettenring, "Canonical analysis of several sets of variables", Biometrika 1971; ridge and missing
rows: P. Rastogi, B. Van Durme, R. Arora, "Multiview LSA", NAACL 2015. Axes scaled by their correlation: Y. Gong et
al., "A multi-view embedding space for modeling internet images, tags, and their semantics", IJCV 2014. Collaborative
targets: Z. Gantner et al., "Learning attribute-to-feature mappings for cold-start recommendations", ICDM 2010.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import svds

from cuvee.errors import ConfigError
from cuvee.types import Bools, Dataset, Embeddings, Floats

__all__ = [
    "Align",
    "Alignment",
    "align",
    "collaborative_vectors",
    "liked_together",
    "masked",
    "parts_of",
    "shares_of",
    "unit",
    "weighted_sum",
]

Align = Literal["cca", "collaborative", "none"]
"""How vectors get into one space: where the modalities agree; that of the modality which tells most of who likes an
item, the others by what is liked together; or they are in one already."""

_RIDGE = 0.05
"""Ridge of CCA, in units of a modality's mean variance a direction."""
_WIDTH = 128
"""Collaborative vectors' dimensions that modalities are compared by."""
_PENALTY = 1.0
"""Ridge of the collaborative projection, in rows of unit length."""


@dataclass(frozen=True)
class Alignment:
    """The maps of all modalities into one space; the same for rows that arrive later."""

    means: Mapping[str, Floats]
    """Modality -> (d_m,)."""
    maps: Mapping[str, Floats]
    """Modality -> (d_m, dim)."""

    def apply(self, parts: Mapping[str, Embeddings]) -> dict[str, Embeddings]:
        """Return every modality (n, dim) in vectors of unit length; missing rows stay zero."""
        return {
            name: unit(
                Embeddings(
                    masked(np.asarray((part.vectors - self.means[name]) @ self.maps[name], np.float32), part.present),
                    part.present,
                )
            )
            for name, part in parts.items()
        }


def parts_of(data: Dataset, on: tuple[str, ...]) -> dict[str, Embeddings]:
    """Return the item modalities named, all of them in the data set."""
    return {name: data.feature("item", name) for name in on}


def align(how: Align, parts: Mapping[str, Embeddings], train: Dataset, dim: int) -> Alignment:
    """Learn the maps from the items that have events; rows that miss a modality are left out of what concerns it.

    Raises:
        ConfigError: `none` where widths differ.
    """
    rows = train.popularity > 0
    if how == "none":
        return _unchanged(parts)
    if how == "cca":
        return _cca(parts, rows, dim)
    return _collaborative(parts, train)


def collaborative_vectors(train: Dataset, dim: int) -> Embeddings:
    """Return (i, d): unit right singular vectors, by their singular values, of D_u^-1/2 X D_i^-1/2; X is what is liked.

    Items without events are missing.
    """
    liked = train.liked
    users, items = np.asarray(liked.sum(axis=1)).ravel(), np.asarray(liked.sum(axis=0)).ravel()
    scaled = sparse.diags(_root(users)) @ liked @ sparse.diags(_root(items))
    k = min(dim, min(scaled.shape) - 1)
    present = items > 0
    if k < 1 or not present.any():
        return Embeddings(np.zeros((len(items), 1), np.float32), np.zeros(len(items), bool))
    start = np.ones(min(scaled.shape))  # ARPACK draws its start at random otherwise
    _, values, right = svds(scaled.astype(np.float64), k=k, v0=start)
    order = np.argsort(values)[::-1]
    vectors = (right[order] * values[order, None]).T
    vectors *= np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(k)])
    return unit(Embeddings(masked(vectors.astype(np.float32), present), present))


def liked_together(train: Dataset, part: Embeddings) -> Embeddings:
    """Return (i, dim): the mean vector of what the item's users like besides it, at unit length.

    Every user counts alike, however much they like; an item that nobody likes beside others is missing.
    """
    liked = train.liked.copy()
    liked.data[:] = 1
    active = np.maximum(np.diff(liked.indptr), 1).astype(np.float32)
    shared = sparse.diags(1 / active) @ liked
    own = np.asarray(shared.sum(axis=0)).ravel()
    total = np.asarray(liked.T @ (shared @ part.vectors) - own[:, None] * part.vectors, np.float32)
    present = np.linalg.norm(total, axis=1) > 1e-6
    return unit(Embeddings(masked(total, present), present))


def unit(part: Embeddings) -> Embeddings:
    """Return the rows at unit length; zero rows stay zero."""
    norms = np.linalg.norm(part.vectors, axis=1, keepdims=True)
    return Embeddings(np.asarray(part.vectors / np.maximum(norms, 1e-9), np.float32), part.present)


def masked(vectors: Floats, present: Bools) -> Floats:
    """Return the vectors with zeros where nothing is present."""
    return np.where(present[:, None], vectors, np.float32(0)).astype(np.float32)


def shares_of(parts: Mapping[str, Embeddings], weights: Mapping[str, float] | Floats) -> Floats:
    """Return (m, n): weights, one a part or one a part and row, renormalised to 1 over what a row has.

    A row whose weights are all 0 where it has something gets what it has at equal shares: better some content than
    none. A row that has nothing gets zeros.
    """
    present = np.stack([p.present for p in parts.values()])
    given = weights if isinstance(weights, np.ndarray) else np.array([[weights[m]] for m in parts], np.float32)
    share = given * present
    share = np.where(share.sum(axis=0) > 0, share, present.astype(np.float32))
    return np.asarray(share / np.maximum(share.sum(axis=0), 1e-9), np.float32)


def weighted_sum(parts: Mapping[str, Embeddings], weights: Mapping[str, float] | Floats) -> Embeddings:
    """Return (n, d): the parts, all of one width, by their shares; a row without any is missing."""
    total: Floats = np.zeros_like(next(iter(parts.values())).vectors)
    for part, row in zip(parts.values(), shares_of(parts, weights), strict=True):
        total = total + row[:, None] * part.vectors
    anything: Bools = np.any([p.present for p in parts.values()], axis=0)
    return Embeddings(masked(total, anything), anything)


def _unchanged(parts: Mapping[str, Embeddings]) -> Alignment:
    widths = {name: part.dim for name, part in parts.items()}
    if len(set(widths.values())) > 1:
        raise ConfigError(f"vectors of widths {widths} cannot be added; use align: cca or collaborative, or `concat`")
    return Alignment(
        {name: np.zeros(d, np.float32) for name, d in widths.items()},
        {name: np.eye(d, dtype=np.float32) for name, d in widths.items()},
    )


def _cca(parts: Mapping[str, Embeddings], rows: Bools, dim: int) -> Alignment:
    """Solve MAX-VAR: the top eigenvectors of the matrix of whitened cross-covariances C_m^-1/2 C_mn C_n^-1/2.

    With two modalities its eigenvalues are 1 + the canonical correlations (less what the ridge takes).
    """
    means = {name: _mean(part, rows) for name, part in parts.items()}
    centred = {name: masked(p.vectors - means[name], p.present & rows).astype(np.float64) for name, p in parts.items()}
    known = {name: p.present & rows for name, p in parts.items()}
    roots = {name: _inverse_root(x.T @ x / max(1, known[name].sum())) for name, x in centred.items()}
    blocks = [
        [roots[a] @ (x.T @ y / max(1, (known[a] & known[b]).sum())) @ roots[b] for b, y in centred.items()]
        for a, x in centred.items()
    ]
    values, vectors = np.linalg.eigh(np.block(blocks))
    k = min(dim, min(p.dim for p in parts.values()))
    values, vectors = values[::-1][:k], vectors[:, ::-1][:, :k]
    agreement = np.clip((values - 1) / max(1, len(parts) - 1), 0, 1) if len(parts) > 1 else np.ones(k)
    stops = np.cumsum([p.dim for p in parts.values()])[:-1]
    shares = dict(zip(parts, np.split(vectors, stops), strict=True))
    maps = {name: (roots[name] @ share * agreement).astype(np.float32) for name, share in shares.items()}
    return Alignment(means, maps)


def _collaborative(parts: Mapping[str, Embeddings], train: Dataset) -> Alignment:
    """Leave the modality that tells most of who likes an item as it is, and solve for each other min |X W - T|^2 +
    l2 |W|^2, T what is liked together with the item, in the space of the first.
    """
    anchor = max(parts, key=lambda name: _explained(parts[name], train))
    target = liked_together(train, parts[anchor])
    means, maps = {}, {}
    for name, part in parts.items():
        if name == anchor:
            means[name], maps[name] = np.zeros(part.dim, np.float32), np.eye(part.dim, dtype=np.float32)
            continue
        means[name] = _mean(part, target.present)
        maps[name] = _ridge(part.vectors - means[name], target, part.present)
    return Alignment(means, maps)


def _explained(part: Embeddings, train: Dataset) -> float:
    """Return the share of the collaborative vectors' variance that a modality explains, adjusted for its width."""
    target = collaborative_vectors(train, _WIDTH)
    rows = part.present & target.present
    n, d = int(rows.sum()), part.dim
    if n < 2:
        return -np.inf
    x = part.vectors - _mean(part, target.present)
    rest = (target.vectors - x @ _ridge(x, target, part.present))[rows]
    whole = target.vectors[rows] - target.vectors[rows].mean(axis=0)
    return float(1 - (rest**2).sum() / max(float((whole**2).sum()), 1e-9) * (n - 1) / max(n - d - 1, 1))


def _ridge(x: Floats, target: Embeddings, present: Bools) -> Floats:
    """Return (d, dim) the map of the rows that are present on both sides."""
    rows = present & target.present
    left, right = x[rows].astype(np.float64), target.vectors[rows].astype(np.float64)
    return np.linalg.solve(left.T @ left + _PENALTY * np.eye(left.shape[1]), left.T @ right).astype(np.float32)


def _mean(part: Embeddings, rows: Bools) -> Floats:
    known = part.present & rows
    mean = part.vectors[known].mean(axis=0, dtype=np.float64) if known.any() else np.zeros(part.dim)
    return np.asarray(mean, np.float32)


def _inverse_root(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (C + r I)^-1/2; zero where there is nothing to whiten."""
    ridge = _RIDGE * np.trace(covariance) / len(covariance)
    if ridge <= 0:
        return np.zeros_like(covariance)
    values, vectors = np.linalg.eigh(covariance + ridge * np.eye(len(covariance)))
    root: NDArray[np.float64] = (vectors / np.sqrt(values)) @ vectors.T
    return root


def _root(degrees: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.where(degrees > 0, 1 / np.sqrt(np.maximum(degrees, 1e-9)), 0.0)
