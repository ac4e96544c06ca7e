"""Which parts of the score speak for an item."""

import re
from dataclasses import dataclass

import numpy as np

from cuvee.protocols import Decomposable, Recommender
from cuvee.types import PAD, Dataset, Floats, Queries, Reason, Slate

__all__ = ["Views"]

_MODALITIES = re.compile(r"\((.+)\)")


@dataclass(frozen=True)
class Views:
    """The share of each part in what speaks for the item, largest first; parts that speak against it are left out.

    Parts of one sort are told together: what people with the same taste chose, what is alike by which modalities, what
    is popular. A model without parts gives no reasons of this kind.
    """

    most: int = 3
    """Sorts of parts named at most."""

    def explain(self, model: Recommender, queries: Queries, slate: Slate, data: Dataset) -> list[list[list[Reason]]]:  # noqa: ARG002
        if not isinstance(model, Decomposable):
            return [[[] for _ in row] for row in slate.items]
        parts = model.parts(queries)
        shown = np.where(slate.items == PAD, 0, slate.items)
        values = np.stack([np.take_along_axis(part, shown, axis=1) for part in parts.values()], axis=2)  # (q, k, parts)
        values = np.maximum(values, 0) * (slate.items != PAD)[:, :, None]
        shares = values / np.maximum(values.sum(axis=2, keepdims=True), 1e-9)
        return [[self._reasons(list(parts), share) for share in row] for row in shares]

    def _reasons(self, names: list[str], share: Floats) -> list[Reason]:
        sorts: dict[str, list[int]] = {}
        for part, name in enumerate(names):
            sorts.setdefault(in_words(name), []).append(part)
        totals = sorted(((float(share[own].sum()), words, own) for words, own in sorts.items()), key=lambda t: -t[0])
        return [
            Reason(
                "views",
                total,
                f"{100 * total:.0f} % {words}",
                {"part": words, "views": ", ".join(names[p] for p in own)},
            )
            for total, words, own in totals[: self.most]
            if total > 0.005
        ]


def in_words(name: str) -> str:
    """Say what a part stands for: `content_ease(text, image) 2` is alike by text and image."""
    found = _MODALITIES.search(name)
    if found:
        return f"alike by {found[1].replace(', ', ' and ')}"
    if name == "new":
        return "new here"
    if name.split()[0] in ("friends", "friends_ridge"):
        return "chosen by friends and their friends"
    return "popular" if name == "popular" else "chosen by people with this taste"
