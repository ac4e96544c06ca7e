"""Encode a data set. Only content that the cache does not hold is encoded; what learns, learns from training rows."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from tqdm import tqdm

from cuvee.cache import VectorCache, keys_of
from cuvee.projection import FittedProjection, Projection
from cuvee.protocols import Encoder, FittedEncoder
from cuvee.types import Dataset, Embeddings

__all__ = ["Channel", "encode_table", "encoded", "fit_channels"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Channel:
    """The fitted state of one modality: how a row, old or new, becomes the vector that models see."""

    role: str
    """"item" or "user"."""
    modality: str
    encoder: Encoder
    projection: FittedProjection


def fit_channels(
    train: Dataset, encoders: Mapping[str, Encoder], project: Projection, cache: VectorCache
) -> tuple[tuple[Channel, ...], Dataset]:
    """Encode the items by every encoder; return the fitted channels and the data set with its features."""
    channels, features = [], dict(train.features)
    for modality, encoder in encoders.items():
        raw = encode_table(encoder.fit(train, "item"), train.item_table, cache, modality)
        projection = project.fit(raw, train.popularity > 0)
        channels.append(Channel("item", modality, encoder, projection))
        features["item", modality] = projection.apply(raw)
        share = 100 * raw.present.mean() if len(raw) else 0.0
        logger.info("%s: %.1f %% of %d items, %d -> %d dimensions", modality, share, len(raw), *projection.axes.shape)
    return tuple(channels), replace(train, features=features)


def encoded(data: Dataset, channels: tuple[Channel, ...], cache: VectorCache) -> Dataset:
    """Return the data set with features by channels that were fitted before: for items that arrive later."""
    features = dict(data.features)
    for channel in channels:
        table = data.item_table if channel.role == "item" else data.user_table
        raw = encode_table(channel.encoder.fit(data, channel.role), table, cache, channel.modality)
        features[channel.role, channel.modality] = channel.projection.apply(raw)
    return replace(data, features=features)


def encode_table(encoder: FittedEncoder, table: pl.DataFrame, cache: VectorCache, label: str = "encode") -> Embeddings:
    """Return the raw vectors of the table's rows; rows without content are missing.

    Only content that the cache does not hold yet is encoded, each once, block after block, so that a run that is
    killed keeps what it has done.
    """
    contents = encoder.contents(table)
    keys = keys_of(contents)
    filled = np.array([bool(c) for c in contents])
    if not filled.any():
        return Embeddings(np.zeros((len(table), 1), np.float32), filled)
    new = filled & ~np.isin(keys, cache.known(encoder.fingerprint))
    _, first = np.unique(keys, return_index=True)
    todo = np.intersect1d(first, np.flatnonzero(new))
    if len(todo):
        start = 0
        with tqdm(total=len(todo), desc=label, unit="row", delay=2) as bar:
            for block in encoder.encode(table[todo]):
                cache.add(encoder.fingerprint, keys[todo[start : start + len(block)]], block)
                start += len(block)
                bar.update(len(block))
    logger.info("%s: encoded %d new contents of %d rows", label, len(todo), len(table))
    found = cache.take(encoder.fingerprint, keys[filled])
    vectors, present = np.zeros((len(table), found.dim), np.float32), filled.copy()
    vectors[filled], present[filled] = found.vectors, found.present
    return Embeddings(vectors, present)
