"""Encode a data set. Only content that the cache does not hold is encoded; what learns, learns from training rows."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from tqdm import tqdm

from cuvee.cache import VectorCache, keys_of
from cuvee.errors import ConfigError, unknown
from cuvee.imputation import Impute, impute
from cuvee.projection import FittedProjection, Projection
from cuvee.protocols import Encoder, FittedEncoder, FittedFusion, Learning, Nesting
from cuvee.roles import role_of, table_of, trained_rows
from cuvee.types import Dataset, Embeddings, Ints

__all__ = [
    "FUSED",
    "Channel",
    "encode_table",
    "encoded",
    "encoded_items",
    "encoded_profile",
    "fit_channels",
    "fused",
    "load_encoders",
    "reencoded_items",
]

FUSED = "fused"
"""Item modality that a recipe's `fusion` makes."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Channel:
    """The fitted state of one modality: how a row, old or new, becomes the vector that models see."""

    role: str
    """"item" or "user"."""
    modality: str
    encoder: Encoder
    projection: FittedProjection
    learned: Any = None
    """What the encoder learned from training rows; None where it learns nothing and its parameters say it all."""

    def fitted(self, data: Dataset) -> FittedEncoder:
        """Return the encoder for rows of this data set; one that learns nothing is kept, with the network it loads."""
        if isinstance(self.encoder, Learning):
            return self.encoder.restore(self.learned, data, self.role)
        if "encoder" not in self._kept:
            self._kept["encoder"] = self.encoder.fit(data, self.role)
        return self._kept["encoder"]

    @cached_property
    def _kept(self) -> dict[str, FittedEncoder]:
        return {}


def fit_channels(
    train: Dataset, encoders: Mapping[str, Encoder], project: Projection, cache: VectorCache, fill: Impute = "zero"
) -> tuple[tuple[Channel, ...], Dataset]:
    """Encode items, or users where an encoder's `role` says so; return the channels and the data with its features.

    Args:
        fill: what items get where a modality is missing.
    """
    channels, features = [], dict(train.features)
    for modality, encoder in encoders.items():
        role = role_of(encoder)
        learned = encoder.learn(train, role) if isinstance(encoder, Learning) else None
        raw = encode_table(_fitted(encoder, learned, train, role), table_of(train, role), cache, modality)
        projection = project.fit(raw, trained_rows(train, role))
        channels.append(Channel(role, modality, encoder, projection, learned))
        seen = projection.apply(raw)
        features[role, modality] = impute(seen, train, fill) if role == "item" else seen
        share = 100 * raw.present.mean() if len(raw) else 0.0
        shape = projection.axes.shape
        logger.info("%s: %.1f %% of %d %ss, %d -> %d dimensions", modality, share, len(raw), role, *shape)
    return tuple(channels), replace(train, features=features)


def fused(data: Dataset, fusion: FittedFusion | None) -> Dataset:
    """Return the data set with the modality `fused` of all items; as it is where there is no fusion."""
    if fusion is None:
        return data
    parts = {name: part for (role, name), part in data.features.items() if role == "item"}
    return replace(data, features={**data.features, ("item", FUSED): fusion.fuse(parts)})


def encoded(
    data: Dataset, channels: tuple[Channel, ...], cache: VectorCache, fusion: FittedFusion | None = None
) -> Dataset:
    """Return the data set with features by channels, and a fusion, fitted before: for rows that arrive later."""
    features = dict(data.features)
    for channel in channels:
        fitted = channel.fitted(data)
        raw = encode_table(fitted, table_of(data, channel.role), cache, channel.modality)
        features[channel.role, channel.modality] = channel.projection.apply(raw)
    return fused(replace(data, features=features), fusion)


def encoded_items(
    data: Dataset, channels: tuple[Channel, ...], cache: VectorCache, first: int
) -> dict[str, Embeddings]:
    """Return modality -> the vectors of the items from row `first` on, by channels fitted before."""
    found = {}
    for channel in channels:
        if channel.role == "item":
            # the whole catalogue says which row of a file is whose; only the rows asked for are encoded
            fitted = channel.fitted(data)
            raw = encode_table(fitted, data.item_table[first:], cache, channel.modality)
            found[channel.modality] = channel.projection.apply(raw)
    return found


def reencoded_items(
    before: Dataset, data: Dataset, channels: tuple[Channel, ...], cache: VectorCache, rows: Ints
) -> dict[str, tuple[Ints, Embeddings]]:
    """Return modality -> those of the items whose content there is another one than before, and their new vectors.

    What has not changed is not read: its file may be gone, and its vector may have been filled in.
    """
    found = {}
    for channel in channels:
        if channel.role == "item":
            fitted = channel.fitted(data)
            old, new = (fitted.contents(table.item_table[rows]) for table in (before, data))
            moved = rows[np.array([a != b for a, b in zip(old, new, strict=True)], bool)]
            if len(moved):
                raw = encode_table(fitted, data.item_table[moved], cache, channel.modality)
                found[channel.modality] = moved, channel.projection.apply(raw)
    return found


def load_encoders(data: Dataset, channels: tuple[Channel, ...]) -> None:
    """Encode the first item by every channel of items, so that networks are loaded before they are needed.

    What asks another component for texts first, such as a language model, is left alone: that costs too much.
    """
    for channel in channels:
        if channel.role == "item" and len(data.items) and not isinstance(fitted := channel.fitted(data), Nesting):
            for _ in fitted.encode(data.item_table[:1]):
                pass


def encoded_profile(data: Dataset, channels: tuple[Channel, ...], profile: Mapping[str, Any]) -> dict[str, Embeddings]:
    """Return user modality -> (1, d) of somebody who is not in the data set, by channels fitted before.

    Nothing of it is kept. A column that is not named is missing.

    Raises:
        ConfigError: nothing here reads profiles, a column that the table of users does not have, or a cell that is not
            of its type.
    """
    own = [channel for channel in channels if channel.role == "user"]
    if not own:
        raise ConfigError("nothing here reads profiles: the recipe has no encoder with `role: user`")
    table = _one_row(profile, {name: kind for name, kind in data.user_table.schema.items() if name != "user_id"})
    found = {}
    for channel in own:
        fitted = channel.fitted(data)
        axes = channel.projection.mean
        missing = Embeddings(np.zeros((1, len(axes)), np.float32), np.zeros(1, bool))
        raw = next(iter(fitted.encode(table))) if fitted.contents(table)[0] else missing
        found[channel.modality] = channel.projection.apply(raw)
    return found


def _one_row(cells: Mapping[str, Any], schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Return a table of one row in these columns, null where nothing is said."""
    for name in cells:
        if name not in schema:
            raise ConfigError(unknown("column of the user table", name, schema))
    columns = []
    for name, dtype in schema.items():
        value = cells.get(name)
        try:
            columns.append(pl.Series(name, [value]).cast(dtype, strict=True))
        except (TypeError, pl.exceptions.PolarsError) as error:
            told = str(value)[:60]
            raise ConfigError(f"{name} is {told!r}, in the table of users it is {dtype}") from error
    return pl.DataFrame(columns)


def encode_table(encoder: FittedEncoder, table: pl.DataFrame, cache: VectorCache, label: str = "encode") -> Embeddings:
    """Return the raw vectors of the table's rows; rows without content are missing.

    Only content that the cache does not hold yet is encoded, each once, block after block, so that a run that is
    killed keeps what it has done. So are the contents that an encoder makes its own of.
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
            for block in _blocks(encoder, table[todo], cache, label):
                cache.add(encoder.fingerprint, keys[todo[start : start + len(block)]], block)
                start += len(block)
                bar.update(len(block))
    logger.info("%s: encoded %d new contents of %d rows", label, len(todo), len(table))
    found = cache.take(encoder.fingerprint, keys[filled])
    if filled.all():
        return found
    vectors, present = np.zeros((len(table), found.dim), np.float32), filled.copy()
    vectors[filled], present[filled] = found.vectors, found.present
    return Embeddings(vectors, present)


def _blocks(encoder: FittedEncoder, table: pl.DataFrame, cache: VectorCache, label: str) -> Iterator[Embeddings]:
    if isinstance(encoder, Nesting):
        return encoder.encode_with(table, lambda inner, rows: encode_table(inner, rows, cache, label))
    return encoder.encode(table)


def _fitted(encoder: Encoder, learned: Any, data: Dataset, role: str) -> FittedEncoder:
    return encoder.restore(learned, data, role) if isinstance(encoder, Learning) else encoder.fit(data, role)
