"""The verbs: one-method protocols. Whatever learns is two objects: parameters with `fit`, and what `fit` returns."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import polars as pl
from scipy import sparse

from cuvee.protocols.indexes import BuiltIndex, Factorized, Index
from cuvee.protocols.language import Choosing, LanguageModel
from cuvee.protocols.streams import Stream
from cuvee.protocols.tuning import Tuning
from cuvee.types import (
    Bools,
    Context,
    Dataset,
    Embeddings,
    Examples,
    Floats,
    Holdout,
    Ints,
    Queries,
    Reason,
    Slate,
    Split,
)

__all__ = [
    "BuiltIndex",
    "Choosing",
    "Curved",
    "Decomposable",
    "Encoder",
    "Estimator",
    "EventLog",
    "Explainer",
    "Factorized",
    "Filter",
    "FittedEncoder",
    "FittedFusion",
    "Fusion",
    "Index",
    "Inductive",
    "JointFusion",
    "LanguageModel",
    "Learning",
    "ListMetric",
    "Nesting",
    "Online",
    "Personal",
    "QueryMetric",
    "Ranker",
    "RankerEstimator",
    "Reader",
    "Recommender",
    "Settled",
    "Slice",
    "Splitter",
    "Stage",
    "StageModel",
    "Stream",
    "SystemMetric",
    "Traceable",
    "Tracker",
    "Tuning",
]


class Reader(Protocol):
    """Turns files into a data set."""

    def read(self) -> Dataset: ...


class Splitter(Protocol):
    """Cuts a data set into training, validation and test."""

    def split(self, data: Dataset, rng: np.random.Generator) -> Split: ...


class FittedEncoder(Protocol):
    """Turns rows of a table into vectors; the same state serves rows that arrive later."""

    @property
    def fingerprint(self) -> str:
        """Identifies parameters and weights: equal fingerprints give equal vectors for equal content."""
        ...

    def contents(self, table: pl.DataFrame) -> Sequence[str]:
        """Return for each row what its vector depends on, "" where the modality is missing."""
        ...

    def encode(self, table: pl.DataFrame) -> Iterator[Embeddings]:
        """Yield the vectors of the table's rows, block after block, in order."""
        ...


class Encoder(Protocol):
    """Parameters of an encoder; `fit` learns from training rows or loads pretrained weights."""

    def fit(self, train: Dataset, role: str) -> FittedEncoder: ...


@runtime_checkable
class Learning(Protocol):
    """An encoder that learns from training rows; what it learned travels in the bundle and is not learned again."""

    def learn(self, train: Dataset, role: str) -> Any:
        """Return what is learned: a frozen dataclass of the encoder's own, or of Cuvee's, that `store` can save."""
        ...

    def restore(self, learned: Any, data: Dataset, role: str) -> FittedEncoder:
        """Return the fitted encoder of what was learned, on training data or on data that has grown since."""
        ...


@runtime_checkable
class Nesting(Protocol):
    """A fitted encoder whose vectors are made of those of another, each of which is worth keeping on its own."""

    def encode_with(
        self, table: pl.DataFrame, inner: Callable[[FittedEncoder, pl.DataFrame], Embeddings]
    ) -> Iterator[Embeddings]:
        """Yield what `encode` yields; `inner` answers the other encoder's vectors of a table, perhaps from a cache."""
        ...


class FittedFusion(Protocol):
    """What a fusion learned: several modalities of a row, old or new, become one vector."""

    @property
    def settled(self) -> "Fusion":
        """The parameters with the choices written in: fitting them needs no validation."""
        ...

    def fuse(self, parts: Mapping[str, Embeddings]) -> Embeddings:
        """Return (n, d); present where any of the parts is."""
        ...

    def shares(self, parts: Mapping[str, Embeddings]) -> Floats:
        """Return (m, n): what each of its modalities counts in each row; they sum to 1 where any is present."""
        ...


class Fusion(Protocol):
    """Parameters of a fusion of item modalities at feature level. `valid` is for its weights only."""

    @property
    def on(self) -> tuple[str, ...]:
        """The item modalities it fuses."""
        ...

    def fit(self, train: Dataset, valid: Holdout | None, rng: np.random.Generator) -> FittedFusion: ...


@runtime_checkable
class JointFusion(Protocol):
    """A fusion that can be trained together with a model."""

    @property
    def on(self) -> tuple[str, ...]:
        """The item modalities it fuses."""
        ...

    def network(self, widths: Mapping[str, int], dim: int) -> Any:
        """Return an nn.Module: forward(modality -> (n, d_m), modality -> (n,) bool) -> (n, dim)."""
        ...


class Recommender(Protocol):
    """A trained model: pure, safe to share between threads, replaced and never edited."""

    def score(self, queries: Queries) -> Floats:
        """Return (q, i) scores; larger is better."""
        ...


class Estimator(Protocol):
    """Parameters of a model. `valid` is for early stopping and blend weights; a test set cannot be passed."""

    def fit(self, train: Dataset, valid: Holdout | None, rng: np.random.Generator) -> Recommender: ...


@runtime_checkable
class Settled(Protocol):
    """A trained model whose fit made choices on validation."""

    @property
    def settled(self) -> Estimator:
        """The same with the choices written in: fitting it needs no validation."""
        ...

    @property
    def plain(self) -> Recommender:
        """The trained model without what was only needed to choose it."""
        ...


@runtime_checkable
class Curved(Protocol):
    """A trained model that learned epoch by epoch."""

    @property
    def curves(self) -> Mapping[str, Sequence[float]]:
        """Figure -> (e,) after each epoch."""
        ...


@runtime_checkable
class Decomposable(Protocol):
    """A trained model whose score is a sum of named parts."""

    def parts(self, queries: Queries) -> Mapping[str, Floats]:
        """Return name -> (q, i); the parts sum to `score`."""
        ...


@runtime_checkable
class Traceable(Protocol):
    """A trained model that can say what each past item adds to the score of another."""

    def trace(self, queries: Queries, items: Ints) -> "list[sparse.csr_matrix[np.float32]]":
        """Return for each query a (k, i) matrix: what past item (column) adds to the score of items[q, row]."""
        ...


@runtime_checkable
class Personal(Protocol):
    """A trained model that can leave out of its score what everybody gets (popularity)."""

    def personal(self, queries: Queries) -> Floats:
        """Return (q, i)."""
        ...


@runtime_checkable
class Inductive(Protocol):
    """A trained model that takes in items which nobody has touched yet."""

    def extend(self, train: Dataset) -> Recommender:
        """Return the model for a catalogue that has grown at its end: to rounding as if fitted with all of it.

        Args:
            train: the items of the fit, in their order, then the new ones, with their features; no events of the fit
                are on the new ones.
        """
        ...


@runtime_checkable
class Revisable(Protocol):
    """A trained model that reads the content of items it knows anew."""

    def revise(self, before: Dataset, train: Dataset, rows: Ints) -> tuple[Recommender, bool]:
        """Return the model for a catalogue in which items have other content; what was learned of events stays.

        Args:
            before: the data set whose content the model reads now.
            train: the same items, users and events with the new content.
            rows: (m,) the items that have other content, each once.

        Returns:
            the model, and whether everything in it that reads content reads the new one.
        """
        ...


@runtime_checkable
class Online(Protocol):
    """A trained model that counts new events without a fit."""

    def update(self, train: Dataset) -> Recommender:
        """Return the model with what is merely counted taken from these events; what takes a fit stays."""
        ...


class Ranker(Protocol):
    """A trained model of pairs: it scores the candidates of another model with everything in view."""

    def score(self, queries: Queries, items: Ints) -> Floats:
        """Return (q, c) of candidates (q, c), larger is better; of PAD whatever."""
        ...

    def judge(self, data: Dataset, examples: Examples) -> Floats:
        """Return (n, classes) probabilities, or (n, 1) ratings, of examples that are not in the training `data`."""
        ...


class RankerEstimator(Protocol):
    """Parameters of a ranker."""

    @property
    def target(self) -> Any:
        """What is foretold, an `examples.Target`."""
        ...

    def fit(self, train: Dataset, examples: Mapping[str, Examples], rng: np.random.Generator) -> Ranker:
        """Learn from the examples `train` and choose on `valid`, where it is there; others are only measured."""
        ...


class Filter(Protocol):
    """Says before the top-k which items may be shown at all."""

    def prepare(self, data: Dataset) -> Callable[[Queries], Bools]:
        """Return a function from queries to the (q, i) or (1, i) mask of allowed items."""
        ...


class StageModel(Protocol):
    """Changes a slate: order, choice, propensity."""

    def apply(self, slate: Slate, queries: Queries, context: Context) -> Slate: ...


class Stage(Protocol):
    """Parameters of a stage."""

    def prepare(self, data: Dataset) -> StageModel: ...


@runtime_checkable
class QueryMetric(Protocol):
    """Quality of each slate against what its user wanted."""

    def measure(self, slate: Slate, truth: "sparse.csr_matrix[np.float32]") -> Floats:
        """Return (q,)."""
        ...


@runtime_checkable
class ListMetric(Protocol):
    """A property of each slate, given whom it answers and the training data; no truth needed."""

    def describe(self, slate: Slate, queries: Queries, train: Dataset) -> Floats:
        """Return (q,); NaN where the property is undefined."""
        ...


@runtime_checkable
class SystemMetric(Protocol):
    """A property of all slates together."""

    def summarise(self, slate: Slate, candidates: Bools, train: Dataset) -> float:
        """Return one figure, NaN where it is undefined; `candidates` (i,) marks the items that could be shown."""
        ...


class Slice(Protocol):
    """Cuts a holdout into named groups to be measured apart."""

    def cut(self, holdout: Holdout, train: Dataset) -> Mapping[str, Holdout]:
        """Return group name -> the part of the holdout in it; `users` tells which queries stayed."""
        ...


class Explainer(Protocol):
    """Says why."""

    def explain(self, model: Recommender, queries: Queries, slate: Slate, data: Dataset) -> list[list[list[Reason]]]:
        """Return reasons by query and position."""
        ...


class EventLog(Protocol):
    """The truth about what happened, in order of arrival."""

    def append(self, events: pl.DataFrame) -> int:
        """Store events (event_id, user_id, item_id, kind, time ...); return the offset after the last one."""
        ...

    def read(self, offset: int, limit: int) -> pl.DataFrame:
        """Return at most `limit` events after `offset`, in order of arrival."""
        ...


class Tracker(Protocol):
    """Sends a run's figures to an experiment tracker."""

    def track(
        self,
        run: str,
        metrics: Mapping[str, float],
        settings: Mapping[str, str],
        curves: Mapping[str, Sequence[float]],
    ) -> None:
        """Send figures, settings, and what was learned epoch by epoch: figure -> (e,)."""
        ...
