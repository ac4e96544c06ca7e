"""Re-ranks the top of a slate by a language model behind a server.

Offline, `llm_ranking.LlmRanker` does the same with any model. On a request only a server may be asked: a model run here
would hold up every other request. What it is worth: docs/language-models.md.
"""

import logging
from dataclasses import dataclass, replace

import numpy as np

from cuvee import registry
from cuvee.errors import ConfigError, LanguageModelError
from cuvee.llm_ranking import LABELS, Form, LlmRanker
from cuvee.protocols import Choosing, LanguageModel
from cuvee.roles import need_column
from cuvee.types import Context, Dataset, Queries, Slate

__all__ = ["LlmRerank", "LlmRerankModel"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LlmRerank:
    """Puts the best of a slate into the order in which a language model would name them; the rest stays.

    A server that fails or is too slow (`deadline`, `timeout` of the model) leaves the slate as it was, marked as
    degraded, with a warning.
    """

    llm: LanguageModel
    """Which model: `{openai_compatible: {...}}`; with one run here the recipe is refused."""
    column: str = "title"
    """Column of the item table that names an item."""
    depth: int = 20
    """Places that are re-ranked."""
    history: int = 10
    """Newest liked items that the model is told."""
    form: Form = "list"
    """`list`: one question names all candidates; `point`: one question each."""

    def __post_init__(self) -> None:
        if "local" in registry.describe(self.llm):
            raise ConfigError(
                "llm_rerank: a language model run here is too slow for requests; use openai_compatible, or rank "
                "offline by cuvee.llm_ranking"
            )
        if not isinstance(self.llm, Choosing):
            raise ConfigError(f"llm_rerank: {type(self.llm).__name__} cannot tell how likely an answer is")
        if self.depth < 1 or self.history < 1:
            raise ConfigError("llm_rerank: depth and history must be at least 1")
        if self.form == "list" and self.depth > len(LABELS):
            raise ConfigError(f"llm_rerank: a list has at most {len(LABELS)} places, got a depth of {self.depth}")

    def prepare(self, data: Dataset) -> "LlmRerankModel":
        """Take the names of the items.

        Raises:
            UnknownNameError: no such column.
        """
        need_column(data, "item", self.column)
        titles = ["" if v is None else str(v) for v in data.item_table[self.column].to_list()]
        assert isinstance(self.llm, Choosing)
        return LlmRerankModel(self.depth, LlmRanker(self.llm, titles, self.history, self.form))


@dataclass(frozen=True)
class LlmRerankModel:
    depth: int
    ranker: LlmRanker

    def apply(self, slate: Slate, queries: Queries, context: Context) -> Slate:  # noqa: ARG002
        top = slate.items[:, : self.depth]
        try:
            scores = self.ranker.score(queries, top)
        except LanguageModelError as error:
            logger.warning("llm_rerank leaves the order as it was: %s", error)
            return _marked(slate, failed=True)
        order = np.argsort(-scores, axis=1, kind="stable")  # PAD, at -inf, stays last
        rest = np.tile(np.arange(top.shape[1], slate.items.shape[1]), (len(order), 1))
        order = np.concatenate([order, rest], axis=1)
        ranked = replace(
            slate,
            items=np.take_along_axis(slate.items, order, axis=1),
            scores=-np.sort(-slate.scores, axis=1),  # of the places: the items have moved, not the scale
            propensity=np.take_along_axis(slate.propensity, order, axis=1),
        )
        return _marked(ranked, failed=False)


def _marked(slate: Slate, *, failed: bool) -> Slate:
    """Return the slate with the mark of degraded answers; what another stage marked stays."""
    before = np.zeros(len(slate), bool) if slate.degraded is None else slate.degraded
    return replace(slate, degraded=before | failed)
