"""Looks at a data set and writes the recipe that suits it."""

import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import polars as pl

from cuvee import plain_yaml
from cuvee.types import Dataset

__all__ = ["liked_above", "liked_from", "suggest"]

_TEXT = ("title", "genres", "category", "brand", "tags", "description")
_IMAGE = "image"
_RECORDED = ("video", "audio")
"""Columns, and the encoders of their names, that need the extra `media`."""
_TUNED, _DENSE = 4_000, 15_000
"""Items up to which a closed form with an (i, i) matrix is fitted at many penalties, or once, in a minute or so."""
_CJK = re.compile(r"[\u3400-\u9fff]")
_TARGETS = ("buy", "like")
_ASKED = 10_000
"""Users that are measured where every further one costs a pass over a large catalogue."""
_ROW = "feature_row"
"""Column that says which row of ready vectors is whose; without it they are in the order of the items."""
_PROFILE = ("age", "gender", "occupation")


def suggest(
    data: Dataset, path: Path, *, min_rating: float | None = None, vectors: Mapping[str, str] | None = None
) -> str:
    """Return a recipe in YAML for a canonical folder that was read from `path`.

    Args:
        min_rating: rating from which an event is liking; None: ratings play no role.
        vectors: modality -> file in the folder with ready vectors, a row an item.
    """
    text = [c for c in _TEXT if _share(data.item_table, c) > 0]
    image = _share(data.item_table, _IMAGE) > 0
    recorded = [c for c in _RECORDED if _share(data.item_table, c) > 0]
    read = recorded if _decoder() else []
    reader: dict[str, object] = {"path": str(path)}
    if min_rating is not None:
        reader["min_rating"] = min_rating
    large = len(data.items) > _DENSE
    targets = [kind for kind in _TARGETS if kind in data.events.kinds]
    encoders = _encoders(data, text, image) | {name: {name: {"column": name}} for name in read}
    encoders = _ready(data, path, vectors or {}) | encoders
    tree: dict[str, object] = {
        "reader": {"folder": reader},
        "split": {"random": {"targets": targets}} if targets else "random",
        **({"events": "learn"} if len(data.events.kinds) > 1 else {}),
        "encoders": encoders,
        "model": {"blend": {"views": _views(len(data.items), list(encoders))}},
        "filters": ["unseen", *(["available"] if "available" in data.item_table.columns else [])],
        "evaluate": {"slices": _slices(data), **({"users": _ASKED, "verdict": False} if large else {})},
        "seed": 0,
    }
    size = f"{len(data.users)} users, {len(data.items)} items, {len(data.events)} events"
    left = (
        "" if len(read) == len(recorded) else f"# To read {' and '.join(recorded)} too: pip install 'cuvee[media]'.\n"
    )
    return f"# For {size}. What else can stand here: cuvee components.\n{left}" + plain_yaml.dump(tree)


def _ready(data: Dataset, path: Path, vectors: Mapping[str, str]) -> dict[str, object]:
    rows = {"rows": _ROW} if _ROW in data.item_table.columns else {}
    return {name: {"precomputed": {"path": str(path / file), **rows}} for name, file in vectors.items()}


def liked_above(data: Dataset, events: pl.DataFrame) -> float | None:
    """Return the rating from which events count as liking; None where kinds of event say it, or nothing does."""
    rated = "rating" in events.columns and events["rating"].dtype.is_numeric()
    kindless = data.events.kinds in (("event",), ("rating",), ("rate",))
    return liked_from(events["rating"]) if rated and kindless else None


def liked_from(ratings: pl.Series) -> float | None:
    """Return the rating from which an event counts as liking: three quarters up the scale; None if all are equal."""
    known = ratings.drop_nulls()
    if known.n_unique() < 2:
        return None
    low, high = float(known.quantile(0.01) or 0), float(known.quantile(0.99) or 0)
    return round(low + 0.75 * (high - low), 2)


def _decoder() -> bool:
    return find_spec("av") is not None


def _encoders(data: Dataset, text: list[str], image: bool) -> dict[str, object]:
    encoders: dict[str, object] = {}
    if text:
        weights = "multilingual-e5-small" if _chinese(data.item_table, text) else "minilm"
        encoders["text"] = {"text": {"columns": text, "weights": weights}}
    if image:
        encoders["image"] = {"image": {"column": _IMAGE}}
    return encoders


def _views(items: int, modalities: list[str]) -> list[object]:
    """Interactions, each modality alone, all together: the blend finds out on validation what each is worth."""
    content: list[object] = [{"content": {"on": {m: 1.0}}} for m in modalities]
    if items > _DENSE:
        return ["item_knn", "graph_filter", *content, "popular"]
    if items > _TUNED:
        every: list[object] = (
            [{"content_ease": {"on": dict.fromkeys(modalities, 1.0), "share": 0.3}}] if modalities else []
        )
        return ["ease", "item_knn", *every, *content]
    ease = {"tuned": {"model": "ease", "grid": {"l2": [20.0, 50.0, 100.0, 200.0, 500.0]}}}
    together = [_tuned({m: 1.0}) for m in modalities]
    if len(modalities) > 1:
        together.append(_tuned(dict.fromkeys(modalities, 1.0)))
    return [ease, "item_knn", *together, *content]


def _tuned(on: dict[str, float]) -> object:
    grid = {"l2": [20.0, 50.0, 200.0], "content": [10.0, 30.0, 100.0], "share": [0.0, 0.3, 0.6]}
    return {"tuned": {"model": {"content_ease": {"on": on, "share": 0.3}}, "grid": grid}}


def _slices(data: Dataset) -> list[object]:
    columns = [c for c in _PROFILE if _share(data.user_table, c) > 0.5]
    return ["history_length", "item_popularity", *({"user_column": {"column": c}} for c in columns)]


def _share(table: pl.DataFrame, column: str) -> float:
    """Return the share of rows that hold something in the column."""
    if column not in table.columns or not len(table):
        return 0.0
    filled = table[column].is_not_null() & (table[column].cast(pl.String) != "")
    return int(filled.sum()) / len(table)


def _chinese(table: pl.DataFrame, columns: list[str]) -> bool:
    rows = table.select(columns).head(500).iter_rows()
    return bool(np.mean([bool(_CJK.search(" ".join(str(v) for v in row if v))) for row in rows]) > 0.3)
