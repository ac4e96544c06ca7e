"""Candidates ranked by a language model that reads what somebody liked: only likelihoods are read, nothing is written.

Reference: Hou et al., "Large language models are zero-shot rankers for recommender systems", ECIR 2024 (the list and
its bias by position); Zhao et al., "Calibrate before use", ICML 2021 (what is said without the history is taken off).
"""

import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from cuvee.errors import ConfigError
from cuvee.protocols import Choosing
from cuvee.types import PAD, Floats, Ints, Message, Queries

__all__ = ["LABELS", "Form", "LlmRanker"]

LABELS = tuple(string.ascii_uppercase + string.ascii_lowercase)
"""What candidates of a list are called; its number bounds them."""

Form = Literal["list", "point"]
"""`list`: one pass reads all candidates and answers with a letter; `point`: one for each, behind the shared history,
answers Yes or No."""


@dataclass(frozen=True)
class LlmRanker:
    """Scores candidates by how likely a language model names them, less how likely without the history.

    Cost: a pass over history and candidates (`list`), or over the history once and every candidate (`point`), twice.
    """

    llm: Choosing
    titles: Sequence[str]
    """(i,) what each item is called; "" for one that has no name, which is then "item"."""
    history: int = 10
    """Newest liked items that are told."""
    form: Form = "list"
    calibrated: bool = True
    """Whether what the model says without a history is taken off."""

    def score(self, queries: Queries, items: Ints) -> Floats:
        """Return (q, c): log-odds or log-probability, -inf where an item is PAD.

        Raises:
            ConfigError: more candidates than a list has labels.
        """
        if self.form == "list" and items.shape[1] > len(LABELS):
            raise ConfigError(
                f"a list has at most {len(LABELS)} candidates, got {items.shape[1]}; use the form 'point'"
            )
        told = [self._told(queries, q) for q in range(len(queries))]
        scores = self._by_list(told, items) if self.form == "list" else self._by_point(told, items)
        if self.calibrated and self.form == "list":
            scores = scores - self._by_list([[]] * len(queries), items)
        elif self.calibrated:
            different, at = np.unique(items, return_inverse=True)
            scores = scores - self._by_point([[]], different[None])[0][at].reshape(items.shape)
        return np.where(items == PAD, -np.inf, scores).astype(np.float32)

    def _by_list(self, told: Sequence[Sequence[str]], items: Ints) -> Floats:
        conversations = []
        for liked, row in zip(told, items, strict=True):
            listed = "\n".join(f"{label}. {self._title(i)}" for label, i in zip(LABELS, row, strict=False) if i != PAD)
            ask = "Which one will they like most? Answer with its letter only."
            conversations.append(_conversation(liked, f"Candidates:\n{listed}\n{ask}"))
        return self.llm.choose(conversations, LABELS[: items.shape[1]])

    def _by_point(self, told: Sequence[Sequence[str]], items: Ints) -> Floats:
        scores = np.zeros(items.shape, np.float32)
        for q, (liked, row) in enumerate(zip(told, items, strict=True)):
            asks = [_conversation(liked, f'Will they like "{self._title(i)}"? Answer Yes or No.') for i in row]
            chances = self.llm.choose(asks, ("Yes", "No"))
            scores[q] = chances[:, 0] - chances[:, 1]
        return scores

    def _told(self, queries: Queries, q: int) -> list[str]:
        """Return the names of the newest liked items, oldest first, each once."""
        liked = set(queries.liked[q].indices.tolist())
        newest = [i for i in queries.history[q][::-1].tolist() if i in liked]
        kept = list(dict.fromkeys(newest))[: self.history]
        return [self._title(i) for i in kept[::-1]]

    def _title(self, item: int) -> str:
        return " ".join(self.titles[item].split()) or "item" if item != PAD else "item"


def _conversation(liked: Sequence[str], ask: str) -> list[Message]:
    told = f"Somebody likes: {'; '.join(liked)}." if liked else "Nothing is known of somebody's taste."
    return [Message("system", "You know what people like."), Message("user", f"{told}\n{ask}")]
