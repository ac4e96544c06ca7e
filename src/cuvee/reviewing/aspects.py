"""What is praised and what is blamed: phrases of reviews by how often, how kindly, and how much more than elsewhere.

Reference: K. Frantzi, S. Ananiadou, H. Mima, "Automatic recognition of multi-word terms: the C-value/NC-value method",
IJDL 2000, equation 1, with log2(words + 1) so that single words count (A. Barrón-Cedeño et al., CICLing 2009).
"""

import numpy as np
import polars as pl

from cuvee.reviewing.phrases import Phrase, phrases

__all__ = ["aspects", "mentions"]

_KIND, _UNKIND = 0.05, -0.05
"""Between them a clause neither praises nor blames; VADER's own bounds."""
_SAID: dict[str, pl.DataType | type[pl.DataType]] = {
    "review": pl.Int64,
    "words": pl.List(pl.String),
    "mood": pl.Float64,
    "told": pl.Float64,
    "sentence": pl.Int64,
}


def mentions(clauses: pl.DataFrame) -> pl.DataFrame:
    """Return each phrase of each review once: review, aspect, words, mood, kindest, best, unkindest, worst.

    The mood is the mean of the clauses that hold the phrase; `kindest` and `unkindest` are the sentences in which it is
    praised and blamed most, `best` and `worst` how much, by `told`.

    Args:
        clauses: review, sentence (numbers), text, mood (-1 to 1; null where nothing is known), told (the mood times how
            fit the sentence is to show it).
    """
    columns = (clauses[name] for name in ("review", "mood", "told", "sentence"))
    found = phrases(clauses["text"].to_list())
    rows = [
        (review, list(phrase), mood, told, sentence)
        for named, review, mood, told, sentence in zip(found, *columns, strict=True)
        for phrase in named
    ]
    said = pl.DataFrame(rows, schema=_SAID, orient="row")
    said = said.with_columns(pl.col("words").list.join(" ").alias("aspect"))
    by_mood = pl.col("sentence").sort_by("told", "sentence", descending=[True, False], nulls_last=True)
    by_spite = pl.col("sentence").sort_by("told", "sentence", nulls_last=True)
    return said.group_by("review", "aspect", maintain_order=True).agg(
        pl.col("words").first(),
        pl.col("mood").mean(),
        by_mood.first().alias("kindest"),
        pl.col("told").max().alias("best"),
        by_spite.first().alias("unkindest"),
        pl.col("told").min().alias("worst"),
    )


def aspects(told: pl.DataFrame, reviews: pl.DataFrame, least: int = 2) -> pl.DataFrame:
    """Return id, aspect, mentions, praised, blamed, score, praise, blame: of each id, what tells most of it first.

    mentions, praised and blamed are numbers of reviews, praise and blame sentences that show it, null where there is
    none. The score weighs the reviews, and is the C-value of the phrase among those of the id, times
    log(1 + ids / ids that mention it). Phrases that only stand inside longer ones fall away.

    Args:
        told: what `mentions` returns.
        reviews: review, id, weight; what weighs nothing is not read.
        least: reviews of an id that must mention a phrase.
    """
    read = reviews.filter(pl.col("weight") > 0)
    joined = told.join(read, on="review").sort("review", "aspect")
    kind, unkind = pl.col("mood") > _KIND, pl.col("mood") < _UNKIND
    best, worst = pl.col("best") * pl.col("weight"), pl.col("worst") * pl.col("weight")
    shows, blames = kind & (best > 0), unkind & (worst < 0)
    found = joined.group_by("id", "aspect").agg(
        pl.col("words").first(),
        pl.len().alias("mentions"),
        kind.sum().alias("praised"),
        unkind.sum().alias("blamed"),
        pl.col("weight").sum().alias("count"),
        pl.col("kindest").filter(shows).sort_by(best.filter(shows), descending=True).first().alias("praise"),
        pl.col("unkindest").filter(blames).sort_by(worst.filter(blames)).first().alias("blame"),
    )
    found = found.filter(pl.col("mentions") >= least)
    spread = joined.group_by("aspect").agg(pl.col("id").n_unique().alias("ids"))
    found = found.join(spread, on="aspect").sort("id", "aspect")
    rarity = np.log1p(read["id"].n_unique() / found["ids"].to_numpy())
    found = found.with_columns(pl.Series("score", _c_values(found) * rarity)).filter(pl.col("score") > 0)
    found = found.sort(["id", "score", "aspect"], descending=[False, True, False])
    return found.select("id", "aspect", "mentions", "praised", "blamed", "score", "praise", "blame")


def _c_values(found: pl.DataFrame) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Return (n,) log2(words + 1) times the count less the mean count of the longer phrases around."""
    around: dict[tuple[str, Phrase], list[float]] = {}
    rows = [(name, tuple(words), float(n)) for name, words, n in found.select("id", "words", "count").iter_rows()]
    for name, words, count in rows:
        for start in range(len(words)):
            for end in range(start + 1, len(words) + 1):
                if end - start < len(words):
                    around.setdefault((name, words[start:end]), []).append(count)
    values = [
        np.log2(len(words) + 1) * (count - (np.mean(longer) if (longer := around.get((name, words))) else 0.0))
        for name, words, count in rows
    ]
    return np.array(values, np.float64)
