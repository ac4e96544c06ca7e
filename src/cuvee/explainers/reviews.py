"""What others praise in an item, with their words."""

from dataclasses import dataclass
from typing import Any

import polars as pl

from cuvee.protocols import Recommender
from cuvee.reviewing.profiles import about, profile, read_reviews, tells
from cuvee.reviewing.sentiment import SentimentTool
from cuvee.types import PAD, Dataset, Queries, Reason, Slate

__all__ = ["Reviews"]


@dataclass(frozen=True)
class Reviews:
    """Names the aspects that reviews praise most and more than they blame, with counts and a verbatim quote.

    It says why the item is good, not why the model chose it: the weight is (praised - blamed) / mentions. Copies and
    spam are left out. Items without reviews, and data sets without a table of them, get no reasons of this kind.
    Cost: about a millisecond a review read.
    """

    most: int = 1
    """Aspects named at most."""
    least: int = 2
    """Reviews that must mention an aspect."""
    newest: int = 100
    """Reviews of each item that are read, the newest ones."""
    sentiment: SentimentTool = "auto"
    """What tells praise from blame: auto (stars where its packages are missing), vader, products, snownlp, or a
    Transformer classifier."""

    def explain(self, model: Recommender, queries: Queries, slate: Slate, data: Dataset) -> list[list[list[Reason]]]:  # noqa: ARG002
        shown = [[data.items[i] if i != PAD else None for i in row] for row in slate.items.tolist()]
        praised = self._praised(data, sorted({name for row in shown for name in row if name is not None}))
        return [[praised.get(name or "", []) for name in row] for row in shown]

    def _praised(self, data: Dataset, items: list[str]) -> dict[str, list[Reason]]:
        if data.reviews is None or (self.sentiment == "auto" and not tells(data.reviews.head(1_000))):
            return {}
        read = read_reviews(about(data.reviews, items, self.newest), self.sentiment)
        found = profile(read, "item", self.least).aspects
        found = found.filter(pl.col("id").is_in(items) & (pl.col("praised") > pl.col("blamed")))
        share = (pl.col("praised") - pl.col("blamed")) / pl.col("mentions")
        found = found.with_columns(share.alias("share")).with_columns(
            (pl.col("score") * pl.col("share")).alias("order")
        )
        found = found.sort(["id", "order", "aspect"], descending=[False, True, False])
        found = found.group_by("id", maintain_order=True).head(self.most)
        writers = read.reviews.select(pl.col("review").alias("praise_review"), "user_id")
        told: dict[str, list[Reason]] = {}
        for row in found.join(writers, on="praise_review", how="left", maintain_order="left").iter_rows(named=True):
            told.setdefault(row["id"], []).append(_reason(row))
        return told


def _reason(row: dict[str, Any]) -> Reason:
    evidence: dict[str, str | float] = {
        "item_id": row["id"],
        "aspect": row["aspect"],
        "praised": row["praised"],
        "blamed": row["blamed"],
        "mentions": row["mentions"],
    }
    if row["praise"] is not None:
        evidence |= {"quote": row["praise"], "user_id": row["user_id"]}
    quote = f': "{row["praise"]}"' if row["praise"] is not None else ""
    who = f"by {row['praised']} of {row['mentions']} who mention it"
    return Reason("reviews", row["share"], f"praised for {row['aspect']} {who}{quote}", evidence)
