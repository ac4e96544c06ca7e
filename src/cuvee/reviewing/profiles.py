"""What reviews say of each item, or of each user who wrote them: mood, stars, aspects, quotes, and what is left out."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from cuvee.errors import ConfigError, DataError
from cuvee.reviewing.aspects import aspects, mentions
from cuvee.reviewing.flags import flag, helpfulness
from cuvee.reviewing.quotes import fitness, quotes
from cuvee.reviewing.sentiment import SentimentTool, installed, sentiment
from cuvee.reviewing.words import chinese, clauses, sentences
from cuvee.roles import key_of
from cuvee.types import Floats, Longs

__all__ = [
    "Profiles",
    "Readings",
    "about",
    "aspect_moods",
    "profile",
    "read_reviews",
    "tells",
    "weights_of",
    "written",
    "written_before",
]

logger = logging.getLogger(__name__)


_SAMPLE = 500
"""Reviews of other items that are read beside those of a few."""


@dataclass(frozen=True)
class Readings:
    """Reviews as they were read."""

    reviews: pl.DataFrame
    """review (row), user_id, item_id, text, rating, timestamp (seconds), mood, like, flags, weight; oldest first."""
    sentences: pl.DataFrame
    """sentence (row), review, text as it stands there, mood (mean of its clauses), told (less where it is doubtful)."""
    mentions: pl.DataFrame
    """What `mentions` returns."""
    tool: str
    """What told the mood: a tool, or stars."""


@dataclass(frozen=True)
class Profiles:
    """What was said, by id; ids without a review have no row."""

    figures: pl.DataFrame
    """id, reviews, read (those that are neither copy nor spam), stars, mood (means of those, by weight)."""
    aspects: pl.DataFrame
    """id, aspect, mentions, praised, blamed, score, praise, blame (quotes), praise_review, blame_review (rows)."""
    quotes: pl.DataFrame
    """id, kind (praise or blame), quote, review (row)."""


def read_reviews(table: pl.DataFrame, tool: SentimentTool = "auto") -> Readings:
    """Return the mood of every review, sentence and mention, and what each review weighs.

    Args:
        table: user_id, item_id, text and, where known, rating, timestamp, helpful_votes, total_votes.
        tool: see `sentiment`; where auto finds no package for a language, stars tell the mood of all that is said.

    Raises:
        ConfigError: nothing can tell the mood.
    """
    reviews = _weighed(flag(_tidy(table)))
    tool = _told_by(reviews, tool)
    texts, stars = reviews["text"].to_list(), _stars(reviews)
    cut = [(row, sentence) for row, text in enumerate(texts) for sentence in sentences(text)]
    said = [(row, n, clause) for n, (row, sentence) in enumerate(cut) for clause in clauses(sentence)]
    spoken = pl.DataFrame(said, {"review": pl.Int64, "sentence": pl.Int64, "text": pl.String}, orient="row")
    if tool == "stars":
        mood, told = stars, stars[spoken["review"].to_numpy()]
    else:
        mood, told = sentiment(texts, tool), sentiment(spoken["text"].to_list(), tool)
    shown = _shown(cut, stars, spoken["sentence"].to_numpy(), told)
    spoken = spoken.with_columns(
        pl.Series("mood", told, dtype=pl.Float64).fill_nan(None),
        pl.Series("told", shown, dtype=pl.Float64).fill_nan(None),
    )
    reviews = reviews.with_columns(pl.Series("mood", mood, dtype=pl.Float64).fill_nan(None))
    return Readings(reviews, _sentences(cut, spoken), mentions(spoken), tool)


def about(reviews: pl.DataFrame, items: Sequence[str], newest: int) -> pl.DataFrame:
    """Return the newest reviews of the items, and an even sample of the others, by which to tell what is special."""
    of_them = pl.col("item_id").is_in(list(items))
    own = reviews.filter(of_them).with_columns(written(reviews.filter(of_them)).alias("_time"))
    own = own.sort("_time", descending=True, nulls_last=True, maintain_order=True).drop("_time")
    rest = reviews.filter(~of_them)
    rows = np.unique(np.linspace(0, len(rest) - 1, min(_SAMPLE, len(rest))).astype(np.int64))
    return pl.concat([own.group_by("item_id", maintain_order=True).head(newest).select(reviews.columns), rest[rows]])


def tells(reviews: pl.DataFrame) -> bool:
    """Return whether something can tell how kind the reviews are: a package for their languages, or stars."""
    stars = "rating" in reviews.columns and bool(reviews["rating"].is_not_null().any())
    return stars or all(map(installed, _wanted(reviews)))


def profile(read: Readings, role: str, least: int = 2, most: int = 2) -> Profiles:
    """Return what was said of each item, or by each user.

    Args:
        least: reviews of an id that must mention an aspect.
        most: quotes of each kind and id.
    """
    told = read.reviews.select("review", pl.col(key_of(role)).alias("id"), "weight")
    found = aspects(read.mentions, told, least)
    for kind in ("praise", "blame"):
        shown = read.sentences.select(pl.col("sentence").alias(kind), "text", "review")
        found = found.join(shown, on=kind, how="left", maintain_order="left").with_columns(pl.col("text").alias(kind))
        found = found.drop("text").rename({"review": f"{kind}_review"})
    quoted = quotes(read.sentences, told, most).join(
        read.sentences.select("sentence", pl.col("text").alias("quote")), on="sentence", maintain_order="left"
    )
    return Profiles(_figures(read.reviews, role), found, quoted.select("id", "kind", "quote", "review"))


def _figures(reviews: pl.DataFrame, role: str) -> pl.DataFrame:
    """Return id, reviews, read, stars and mood; of nothing that was read, stars and mood are null."""
    weight = pl.col("weight")

    def mean(column: str) -> pl.Expr:
        known = pl.when(pl.col(column).is_not_null()).then(weight)
        return ((pl.col(column) * weight).sum() / known.sum()).fill_nan(None)

    return (
        reviews.group_by(pl.col(key_of(role)).alias("id"))
        .agg(pl.len().alias("reviews"), (weight > 0).sum().alias("read"), mean("rating").alias("stars"), mean("mood"))
        .sort("id")
    )


def weights_of(table: pl.DataFrame) -> Floats:
    """Return (n,) what each review weighs by its votes; 0 where a rule of `flag` leaves it out."""
    order = table.select(written(table).arg_sort(nulls_last=True)).to_series().to_numpy()
    found = np.empty(len(table), np.float32)
    found[order] = _weighed(flag(_tidy(table)))["weight"].to_numpy()
    return found


def aspect_moods(read: Readings, role: str, names: Sequence[str]) -> pl.DataFrame:
    """Return id and for each aspect (praised - blamed) / (mentions + 2), by weight; null where an id has no mention."""
    weight, mood = pl.col("weight"), pl.col("mood")
    told = read.reviews.select("review", pl.col(key_of(role)).alias("id"), "weight").filter(weight > 0)
    found = read.mentions.filter(pl.col("aspect").is_in(list(names))).join(told, on="review", maintain_order="left")
    moods = found.group_by("id", "aspect", maintain_order=True).agg(
        ((mood.sign() * weight).sum() / (weight.sum() + 2)).alias("value")
    )
    wide = moods.pivot("aspect", index="id", values="value")
    none = [pl.lit(None, dtype=pl.Float64).alias(name) for name in names if name not in wide.columns]
    return wide.with_columns(none).select("id", *names)


def written(table: pl.DataFrame) -> pl.Series:
    """Return when each review was written in unix seconds, null where that is not known."""
    if "timestamp" not in table.columns:
        return pl.Series("timestamp", [None] * len(table), dtype=pl.Int64)
    time = table["timestamp"]
    return time.dt.epoch("s") if time.dtype in (pl.Date, pl.Datetime) else time.cast(pl.Int64, strict=False)


def written_before(table: pl.DataFrame, moment: int) -> pl.DataFrame:
    """Return the reviews written before a moment in unix seconds; those without a time are left out and logged.

    Raises:
        DataError: no review has a time.
    """
    time = written(table)
    if len(table) and time.is_null().all():
        raise DataError("no review has a timestamp, so none can be told to be earlier; leave the moment out")
    if time.null_count():
        logger.warning("%d of %d reviews have no time and are left out", time.null_count(), len(table))
    return table.filter((time < moment).fill_null(value=False))


def _tidy(table: pl.DataFrame) -> pl.DataFrame:
    """Return the columns that are read, with times in seconds, oldest first, numbered."""
    rating = pl.col("rating") if "rating" in table.columns else pl.lit(None)
    votes = [
        pl.col(name).cast(pl.Int64, strict=False).fill_null(0) if name in table.columns else pl.lit(0).alias(name)
        for name in ("helpful_votes", "total_votes")
    ]
    ids = [pl.col(name).cast(pl.String) for name in ("user_id", "item_id")]
    told = table.with_columns(written(table).alias("timestamp")).select(
        *ids,
        pl.col("text").cast(pl.String).fill_null(""),
        rating.cast(pl.Float64, strict=False).alias("rating"),
        "timestamp",
        *votes,
    )
    told = told.sort("timestamp", nulls_last=True, maintain_order=True)
    return told.with_row_index("review").with_columns(pl.col("review").cast(pl.Int64))


def _weighed(flagged: pl.DataFrame) -> pl.DataFrame:
    weight = helpfulness(flagged["helpful_votes"].to_numpy(), flagged["total_votes"].to_numpy())
    return flagged.with_columns(
        pl.when(pl.col("flags").list.len() == 0)
        .then(pl.Series(weight, dtype=pl.Float64))
        .otherwise(0.0)
        .alias("weight")
    )


def _told_by(reviews: pl.DataFrame, tool: str) -> str:
    """Return the tool, or stars where auto has no package for one of the languages."""
    if tool != "auto":
        return tool
    if all(map(installed, _wanted(reviews))):
        return tool
    if reviews["rating"].is_null().all():
        raise ConfigError("nothing tells how kind the reviews are: they have no stars; pip install 'cuvee[sentiment]'")
    logger.warning("stars tell the mood of what is said; pip install 'cuvee[sentiment]' to read the words")
    return "stars"


def _wanted(reviews: pl.DataFrame) -> set[str]:
    """Return the tools for the languages of the reviews."""
    return {"snownlp" if chinese(text) else "products" for text in reviews["text"].drop_nulls() if text.strip()}


def _stars(reviews: pl.DataFrame) -> Floats:
    """Return (n,) the stars from -1 to 1, of the scale 1 to 5 or of the fewest to the most given; NaN of none."""
    stars = reviews["rating"].fill_null(np.nan).to_numpy().astype(np.float64)
    known = stars[~np.isnan(stars)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (1.0, 5.0)
    if low >= 1 and high <= 5:
        low, high = 1.0, 5.0
    return np.asarray((2 * stars - high - low) / max(high - low, 1e-9), np.float32)


def _shown(cut: list[tuple[int, str]], stars: Floats, owner: Longs, mood: Floats) -> Floats:
    """Return (n,) the mood of clauses, less where their sentence is not quotable or the stars say the opposite."""
    fits = np.array([fitness(sentence) for _, sentence in cut])
    agreed = np.nan_to_num(stars)[np.array([row for row, _ in cut], np.int64)]
    return np.asarray(mood * fits[owner] * (2 + np.sign(mood) * agreed[owner]) / 3, np.float32)


def _sentences(cut: list[tuple[int, str]], spoken: pl.DataFrame) -> pl.DataFrame:
    told = pl.DataFrame(cut, {"review": pl.Int64, "text": pl.String}, orient="row").with_row_index("sentence")
    told = told.with_columns(pl.col("sentence").cast(pl.Int64))
    moods = spoken.group_by("sentence").agg(pl.col("mood").mean(), pl.col("told").mean())
    return told.join(moods, on="sentence", how="left", maintain_order="left")
