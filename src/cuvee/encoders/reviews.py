"""What was written about an item, or what a user wrote: words, stars, sentiment."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from cuvee.columns import ColumnCodes, learn_columns
from cuvee.errors import ConfigError, DataError
from cuvee.protocols import Encoder, FittedEncoder, Learning
from cuvee.reviewing.profiles import Readings, aspect_moods, read_reviews, weights_of
from cuvee.reviewing.sentiment import SentimentTool, sentiment
from cuvee.roles import Role, ids_of, key_of, trained_rows
from cuvee.types import Dataset, Embeddings, Floats

__all__ = ["Reviews", "FittedReviews"]  # noqa: RUF022 - the component comes first

_ASPECT = "aspect "
"""Before the name of an aspect, in the name of its figure."""
_TEXTS = 50_000
"""Reviews of one yield, about: they are held together, and each yield looks through the whole cache."""

Inner = Callable[[FittedEncoder, pl.DataFrame], Embeddings]
"""How the vectors of single reviews are come by."""


@dataclass(frozen=True)
class Reviews:
    """The mean of the text vectors of the newest reviews, stars and sentiment (mean, spread, number), and aspects.

    Reviews of held-out pairs are not in training, so they are not told; whoever has no review has the modality missing.
    A new review is encoded alone, and its item's vector put together again. Cost: that of the text encoder for every
    review; in the cache one vector of it for each.
    """

    role: Role = "item"
    """item for what was written about it, user for what they wrote."""
    text: Encoder | None = None
    """Encoder of the words, e.g. {text: {columns: [text]}}; None for stars and sentiment alone."""
    sentiment: SentimentTool | None = None
    """vader or products (English), snownlp (Chinese) or auto, from the extra `sentiment`; or a Transformer classifier
    by its weights name, folder or hub id; None for no sentiment."""
    newest: int = 50
    """Reviews of each item or user that are read, the newest ones."""
    weighted: bool = False
    """Whether reviews weigh by their helpful votes, and copies and spam are left out."""
    aspects: int = 0
    """Aspects (tone, price ...), the commonest, that get a figure for how much they are praised; needs `sentiment`."""

    def __post_init__(self) -> None:
        if self.newest < 1:
            raise ConfigError(f"newest must be at least 1, got {self.newest}")
        if self.aspects < 0:
            raise ConfigError(f"aspects must not be negative, got {self.aspects}")
        if self.aspects and self.sentiment is None:
            raise ConfigError("aspects are praised or blamed by a sentiment; set sentiment, e.g. to products")
        if isinstance(self.text, Learning):
            raise ConfigError("reviews need a text encoder that is trained already, such as text")

    def fit(self, train: Dataset, role: str) -> "FittedReviews":
        """Learn how stars and sentiment are spread.

        Raises:
            DataError: the data set has no reviews.
            ConfigError: the sentiment tool is not installed.
        """
        return self.restore(self.learn(train, role), train, role)

    def learn(self, train: Dataset, role: str) -> ColumnCodes:
        if train.reviews is None:
            raise DataError("reviews need a table of reviews (user_id, item_id, text), and the data set has none")
        known = pl.Series(ids_of(train, role), dtype=pl.String).filter(pl.Series(trained_rows(train, role)))
        told = self._told(train, role)
        read = self._read(told)
        numbers = self._numbers(told, role, read, self._commonest(read, role))
        numbers = numbers.filter(pl.col("id").is_in(known.implode())).drop("id")
        return learn_columns(numbers, dict.fromkeys(numbers.columns, "number"))

    def restore(self, learned: ColumnCodes, data: Dataset, role: str) -> "FittedReviews":
        """Gather the reviews of `data`."""
        told = self._told(data, role)
        counts = told["id"].rle().struct.unnest() if len(told) else pl.DataFrame({"len": [], "value": []})
        ends = np.cumsum(counts["len"].to_numpy().astype(np.int64))
        starts = ends - counts["len"].to_numpy().astype(np.int64)
        rows = {name: (int(a), int(b)) for name, a, b in zip(counts["value"], starts, ends, strict=True)}
        text = None if self.text is None else self.text.fit(replace(data, item_table=told), "item")
        names = [c.column.removeprefix(_ASPECT) for c in learned.codes if c.column.startswith(_ASPECT)]
        weights = told["weight"].to_numpy() if self.weighted else None
        figures = self._numbers(told, role, self._read(told) if names else None, names)
        return FittedReviews(key_of(role), text, learned, told, rows, figures, weights)

    def _told(self, data: Dataset, role: str) -> pl.DataFrame:
        """Return the newest reviews of each id, the ids together and ascending."""
        if data.reviews is None:
            return pl.DataFrame(schema={"id": pl.String, "text": pl.String})
        table = data.reviews.with_columns(
            pl.col(key_of(role)).alias("id"), pl.col("text").cast(pl.String).fill_null("")
        )
        ids = pl.Series(ids_of(data, role), dtype=pl.String)
        table = table.filter(pl.col("id").is_in(ids.implode()))
        if self.weighted:
            table = table.with_columns(pl.Series("weight", weights_of(table))).filter(pl.col("weight") > 0)
        if "timestamp" in table.columns:
            table = table.sort("timestamp", descending=True, nulls_last=True, maintain_order=True)
        return table.group_by("id", maintain_order=True).head(self.newest).sort("id", maintain_order=True)

    def _read(self, told: pl.DataFrame) -> Readings | None:
        return read_reviews(told, str(self.sentiment)) if self.aspects else None

    def _numbers(self, told: pl.DataFrame, role: str, read: Readings | None, aspects: Sequence[str]) -> pl.DataFrame:
        """Return id and its figures."""
        rating = pl.col("rating").cast(pl.Float64, strict=False)
        figures = [pl.len().log1p().alias("count")]
        if "rating" in told.columns:
            figures += [self._mean(rating).alias("stars"), rating.std().alias("stars_spread")]
        if self.sentiment is not None:
            mood = pl.Series("mood", sentiment(told["text"].to_list(), self.sentiment)).fill_nan(None)
            told = told.with_columns(mood)
            figures += [self._mean(pl.col("mood")).alias("mood"), pl.col("mood").std().alias("mood_spread")]
        found = told.group_by("id", maintain_order=True).agg(*figures)
        if read is None or not aspects:
            return found
        moods = aspect_moods(read, role, aspects)
        named = moods.rename({name: _ASPECT + name for name in aspects})
        return found.join(named, on="id", how="left", maintain_order="left")

    def _mean(self, column: pl.Expr) -> pl.Expr:
        if not self.weighted:
            return column.mean()
        weight = pl.col("weight")
        return ((column * weight).sum() / weight.filter(column.is_not_null()).sum()).fill_nan(None)

    def _commonest(self, read: Readings | None, role: str) -> list[str]:
        """Return the aspects that most items, or users, have a mention of."""
        if read is None:
            return []
        mentions = read.mentions.join(read.reviews.select("review", pl.col(key_of(role)).alias("id")), on="review")
        spread = mentions.group_by("aspect").agg(pl.col("id").n_unique().alias("ids"))
        return spread.sort(["ids", "aspect"], descending=[True, False])["aspect"].head(self.aspects).to_list()


@dataclass(frozen=True)
class FittedReviews:
    """The reviews of a data set, and how they are coded."""

    key: str
    """Column of the ids."""
    text: FittedEncoder | None
    numbers: ColumnCodes
    told: pl.DataFrame
    """Reviews, those of an id together."""
    rows: dict[str, tuple[int, int]]
    """Id -> first row of `told`, and the one after its last."""
    figures: pl.DataFrame
    """Figures of each id."""
    weights: Floats | None = None
    """(n,) what each of `told` weighs; None where all weigh the same."""

    @property
    def fingerprint(self) -> str:
        """Hash of the text encoder and of what was learned."""
        text = "" if self.text is None else self.text.fingerprint
        return hashlib.sha256(f"reviews {text} {self.numbers.fingerprint}".encode()).hexdigest()

    def contents(self, table: pl.DataFrame) -> list[str]:
        """Return a hash of each row's reviews and figures."""
        texts = self.text.contents(self.told) if self.text is not None else [""] * len(self.told)
        figures = self._figures(table).rows()
        weights = [] if self.weights is None else self.weights.tolist()

        def told(span: slice, row: tuple[object, ...]) -> str:
            own = [texts[span], row, *([weights[span]] if weights else [])]
            return hashlib.sha256(json.dumps(own).encode()).hexdigest()

        return [
            told(slice(*self.rows[name]), row) if name in self.rows else ""
            for name, row in zip(table[self.key], figures, strict=True)
        ]

    def encode(self, table: pl.DataFrame) -> Iterator[Embeddings]:
        """Yield the vectors block after block."""
        return self.encode_with(table, _afresh)

    def encode_with(self, table: pl.DataFrame, inner: Inner) -> Iterator[Embeddings]:
        """Yield the vectors block after block, the texts of single reviews by `inner`."""
        if not len(table):
            return
        spans = [self.rows.get(name, (0, 0)) for name in table[self.key]]
        held = np.cumsum([1 + end - first for first, end in spans]) // _TEXTS
        for rows in np.split(np.arange(len(table)), np.flatnonzero(np.diff(held)) + 1):
            block = table[rows]
            present = np.array([name in self.rows for name in block[self.key]], bool)
            figures = self.numbers.of(self._figures(block)).vectors / np.float32(max(1, len(self.numbers.codes)) ** 0.5)
            words = [] if self.text is None else [self._pooled(self.text, [spans[r] for r in rows], inner)]
            yield Embeddings(np.concatenate([*words, figures], axis=1) * present[:, None], present)

    def _figures(self, table: pl.DataFrame) -> pl.DataFrame:
        ids = table.select(pl.col(self.key).alias("id"))
        return ids.join(self.figures, on="id", how="left", maintain_order="left").drop("id")

    def _pooled(self, text: FittedEncoder, spans: list[tuple[int, int]], inner: Inner) -> Floats:
        """Return the mean text vector of the reviews of each span, of unit length."""
        rows = np.concatenate([np.arange(*span) for span in spans]).astype(np.int64)
        owner = np.repeat(np.arange(len(spans)), [end - first for first, end in spans])
        given = self.told[rows]
        if any(text.contents(given)):
            found = inner(text, given).vectors
        else:  # nothing to encode: an empty text tells the width
            owner, found = owner[:0], _afresh(text, self.told.clear(1).with_columns(pl.lit("").alias("text"))).vectors
        total = np.zeros((len(spans), found.shape[1]), np.float32)
        if self.weights is not None:
            found = found[: len(owner)] * self.weights[rows[: len(owner)], None]
        np.add.at(total, owner, found[: len(owner)])
        return np.asarray(total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-9), np.float32)


def _afresh(encoder: FittedEncoder, table: pl.DataFrame) -> Embeddings:
    """Encode without a cache."""
    parts = list(encoder.encode(table))
    return Embeddings(np.concatenate([p.vectors for p in parts]), np.concatenate([p.present for p in parts]))
