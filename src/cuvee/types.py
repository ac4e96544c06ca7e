"""The nouns: frozen dataclasses of arrays that every part of Cuvee reads and none of them edits.

Letters for shapes: u users, i items, q queries, k list length, n rows, d width, t steps.
Ids are the caller's strings; rows are our int32 numbers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from cuvee.errors import UnknownNameError, unknown

__all__ = [
    "PAD",
    "Bools",
    "Context",
    "Dataset",
    "Embeddings",
    "Events",
    "Examples",
    "Floats",
    "Holdout",
    "Ints",
    "Longs",
    "Message",
    "Queries",
    "Reason",
    "Slate",
    "Split",
    "Usage",
]

PAD = -1
"""Fills an int32 row where there is no item."""

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Events:
    """What happened, one row an event, in time order."""

    user: Ints
    """(n,) user rows."""
    item: Ints
    """(n,) item rows."""
    time: Longs
    """(n,) unix seconds; 0 where the source has no time."""
    weight: Floats
    """(n,) what the event says about liking: positive, zero or negative."""
    kind: NDArray[np.int8]
    """(n,) index into `kinds`."""
    kinds: tuple[str, ...] = ("event",)
    """The vocabulary: view, cart, buy, like, dislike, rate ..."""
    rating: Floats | None = None
    """(n,) what was given, NaN where nothing was; None: the source has no ratings."""

    def __len__(self) -> int:
        return len(self.user)

    def take(self, rows: NDArray[Any]) -> "Events":
        """Return the events at `rows` (int rows or a mask)."""
        return replace(
            self,
            user=self.user[rows],
            item=self.item[rows],
            time=self.time[rows],
            weight=self.weight[rows],
            kind=self.kind[rows],
            rating=None if self.rating is None else self.rating[rows],
        )


@dataclass(frozen=True)
class Examples:
    """Pairs that somebody judged, in time order: what a ranker is trained on and asked about."""

    user: Ints
    """(n,) user rows."""
    item: Ints
    """(n,) item rows."""
    time: Longs
    """(n,) unix seconds at which the judgement was given."""
    label: Floats
    """(n,) the judgement: the rating, or the event's weight where the source has no ratings."""

    def __len__(self) -> int:
        return len(self.user)

    def take(self, rows: NDArray[Any]) -> "Examples":
        """Return the examples at `rows` (int rows or a mask)."""
        return Examples(self.user[rows], self.item[rows], self.time[rows], self.label[rows])


@dataclass(frozen=True)
class Embeddings:
    """One vector a row; a missing modality is data: a zero vector with `present` False."""

    vectors: Floats
    """(n, d)."""
    present: Bools
    """(n,)."""

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def dim(self) -> int:
        return int(self.vectors.shape[1])

    def take(self, rows: NDArray[Any]) -> "Embeddings":
        """Return the rows asked for (int rows or a mask)."""
        return Embeddings(self.vectors[rows], self.present[rows])

    def hidden(self) -> "Embeddings":
        """Return the same shape with every row missing: what a model sees when this modality is left out."""
        return Embeddings(np.zeros_like(self.vectors), np.zeros_like(self.present))


Features = Mapping[tuple[str, str], Embeddings]
"""(role, modality) -> Embeddings; role is "item" or "user"."""


@dataclass(frozen=True)
class Dataset:
    """A catalogue, its users and what they did. Row r of every table and feature is id r."""

    users: tuple[str, ...]
    items: tuple[str, ...]
    events: Events
    item_table: pl.DataFrame
    """(i, columns); its `item_id` column equals `items`."""
    user_table: pl.DataFrame
    """(u, columns); its `user_id` column equals `users`."""
    reviews: pl.DataFrame | None = None
    """user_id, item_id, text, and where known rating, timestamp; ids outside the data set are allowed."""
    social: pl.DataFrame | None = None
    """Edges src, dst between user ids; others than the users' are allowed."""
    triples: pl.DataFrame | None = None
    """Knowledge graph: head, relation, tail."""
    features: Features = field(default_factory=dict)

    @cached_property
    def matrix(self) -> sparse.csr_matrix[np.float32]:
        """(u, i) float32: for each pair the weight of largest magnitude, the latest among equals; 0 is a mere touch."""
        e = self.events
        rows = self.foremost(np.abs(e.weight))
        shape = (len(self.users), len(self.items))
        return sparse.csr_matrix((e.weight[rows], (e.user[rows], e.item[rows])), shape=shape, dtype=np.float32)

    def foremost(self, strength: NDArray[Any]) -> Longs:
        """Return (p,) one event row for each pair, by user and item: that of most strength (n,), the latest of equals.

        Pairs are those of the events; among events of one strength and time the later row counts.
        """
        e = self.events
        order = np.lexsort((e.time, strength))
        flat = e.user[order].astype(np.int64) * len(self.items) + e.item[order]
        _, last = np.unique(flat[::-1], return_index=True)
        return np.asarray(order[::-1][last], np.int64)

    @cached_property
    def liked(self) -> sparse.csr_matrix[np.float32]:
        """(u, i) float32: the positive part of `matrix`."""
        matrix = self.matrix.copy()
        matrix.data = np.maximum(matrix.data, 0)
        matrix.eliminate_zeros()
        return matrix

    @cached_property
    def popularity(self) -> Floats:
        """(i,) number of users who liked the item."""
        return np.bincount(self.liked.indices, minlength=len(self.items)).astype(np.float32)

    @cached_property
    def demand(self) -> Floats:
        """(i,) summed liking of all users: a purchase says more than a view."""
        return np.bincount(self.liked.indices, self.liked.data, minlength=len(self.items)).astype(np.float32)

    @cached_property
    def by_user(self) -> tuple[Longs, Longs]:
        """Event rows ordered by user and time, and the (u + 1,) bounds of each user in that order."""
        order = np.lexsort((np.arange(len(self.events)), self.events.user))
        return order, np.searchsorted(self.events.user[order], np.arange(len(self.users) + 1))

    @cached_property
    def friends(self) -> sparse.csr_matrix[np.float32]:
        """(u, u) 1 between users whom an edge of `social` links, in whatever direction and however often."""
        ends = [] if self.social is None else [self.social["src"].to_list(), self.social["dst"].to_list()]
        rows = np.array([[self.user_rows.get(name, PAD) for name in side] for side in ends], np.int64).reshape(2, -1)
        a, b = rows[:, (rows != PAD).all(axis=0) & (rows[0] != rows[1])]
        shape = (len(self.users), len(self.users))
        links = sparse.csr_matrix((np.ones(2 * len(a), np.float32), (np.r_[a, b], np.r_[b, a])), shape=shape)
        links.data[:] = 1
        return links

    @cached_property
    def user_rows(self) -> dict[str, int]:
        """User id -> row."""
        return {name: row for row, name in enumerate(self.users)}

    @cached_property
    def item_rows(self) -> dict[str, int]:
        """Item id -> row."""
        return {name: row for row, name in enumerate(self.items)}

    def feature(self, role: str, modality: str) -> Embeddings:
        """Return one feature, or say which ones there are.

        Raises:
            LookupError: the data set carries no such feature.
        """
        found = self.features.get((role, modality))
        if found is None:
            raise UnknownNameError(unknown(f"{role} modality", modality, [m for r, m in self.features if r == role]))
        return found


@dataclass(frozen=True)
class Queries:
    """Whom to answer: they need not be users seen in training."""

    seen: sparse.csr_matrix[np.float32]
    """(q, i) weights of everything the user has touched, as in `Dataset.matrix`."""
    history: Ints
    """(q, t) item rows in time order, PAD-filled at the end; the newest events where a history is cut."""
    history_time: Longs
    """(q, t) unix seconds, 0 where padded."""
    history_kind: NDArray[np.int8]
    """(q, t) index into the vocabulary of the events, 0 where padded."""
    features: Mapping[str, Embeddings] = field(default_factory=dict)
    """User modality -> (q, d): profiles."""
    friends: sparse.csr_matrix[np.float32] | None = None
    """(q, u) weights of training users who are friends."""
    now: int = 0
    """Unix seconds at which the question is asked; 0 when time plays no role."""
    users: Ints | None = None
    """(q,) user rows of the data set, PAD for somebody it does not know; None: it knows none of them."""
    history_rating: Floats | None = None
    """(q, t) what was given to each item of the history, NaN where nothing was; None: nothing is known of ratings."""

    def __len__(self) -> int:
        return int(self.seen.shape[0])

    @cached_property
    def liked(self) -> sparse.csr_matrix[np.float32]:
        """(q, i) float32: the positive part of `seen`."""
        liked = self.seen.copy()
        liked.data = np.maximum(liked.data, 0)
        liked.eliminate_zeros()
        return liked

    @property
    def lengths(self) -> Ints:
        """(q,) number of different items in each history."""
        return np.diff(self.seen.indptr).astype(np.int32)

    def take(self, rows: NDArray[Any] | slice) -> "Queries":
        """Return the queries at `rows` (a slice, int rows or a mask)."""
        return replace(
            self,
            seen=self.seen[rows],
            history=self.history[rows],
            history_time=self.history_time[rows],
            history_kind=self.history_kind[rows],
            features={name: Embeddings(f.vectors[rows], f.present[rows]) for name, f in self.features.items()},
            friends=None if self.friends is None else self.friends[rows],
            users=None if self.users is None else self.users[rows],
            history_rating=None if self.history_rating is None else self.history_rating[rows],
        )


@dataclass(frozen=True)
class Holdout:
    """Questions with their answers."""

    queries: Queries
    truth: sparse.csr_matrix[np.float32]
    """(q, i) 1 where the user wants the item; every query wants at least one."""
    users: Ints
    """(q,) user rows of the training data set."""
    candidates: Bools | None = None
    """(i,) the only items to be ranked; None for the whole catalogue."""
    data: Dataset | None = None
    """What the questions were taken from: everything that was known when they were asked. None: the training data."""

    def take(self, rows: NDArray[Any] | slice) -> "Holdout":
        """Return the questions at `rows`."""
        return replace(self, queries=self.queries.take(rows), truth=self.truth[rows], users=self.users[rows])


@dataclass(frozen=True)
class Split:
    """Training data, the one holdout that choices may see, and the holdouts that are only ever measured."""

    train: Dataset
    valid: Holdout
    tests: Mapping[str, Holdout]
    """Name in metrics.json ("test", "test_warm" ...) -> holdout."""
    everything: Dataset
    """The same catalogue and users with every event, held out or not: what a bundle is refitted on."""
    examples: Mapping[str, Examples] = field(default_factory=dict)
    """`train`, `valid` and the names of the tests -> what was judged there, liked or not; empty where the split does
    not say. Rankers need them."""


@dataclass(frozen=True)
class Slate:
    """What is shown: k items a query, best first."""

    items: Ints
    """(q, k) item rows, PAD-filled at the end."""
    scores: Floats
    """(q, k); -inf where padded."""
    propensity: Floats
    """(q, k) probability that the item stood there: 1 unless a stage explores, 0 where padded."""
    degraded: Bools | None = None
    """(q,) whether a stage ran out of time, or had none left, and left the order as it was; None: none looked at it."""

    def __len__(self) -> int:
        return len(self.items)


@dataclass(frozen=True)
class Context:
    """What a stage may need to know beside the slate."""

    data: Dataset
    rng: np.random.Generator
    now: int = 0
    """Unix seconds."""
    ranker: Any = None
    """The recipe's trained `protocols.Ranker`; None: it has none."""
    places: int | None = None
    """Places that anybody will see; a stage may leave what stands behind them as it comes. None: all."""
    until: float | None = None
    """`time.monotonic()` at which the answer should be there: what a stage has not done by then is for nobody. None: it
    may take its time."""


@dataclass(frozen=True)
class Reason:
    """Why one item is shown to one user."""

    kind: str
    """The explainer's name: "views", "history" ..."""
    weight: float
    """Share of the score it accounts for, 0..1, or its signed contribution where the explainer says so."""
    text: str
    """One plain sentence or phrase."""
    evidence: Mapping[str, str | float] = field(default_factory=dict)
    """The facts the text rests on: ids, shares, counts."""


@dataclass(frozen=True)
class Message:
    """What one side of a conversation with a language model says."""

    role: Literal["system", "user", "assistant"]
    text: str


@dataclass(frozen=True)
class Usage:
    """What one answer of a language model took."""

    prompt_tokens: int
    completion_tokens: int
    seconds: float
    """Wall time from the call to the last piece; of answers made together, each one's share."""
    first_token_seconds: float
    """From the call to the first token; NaN where none came."""
    reused_tokens: int = 0
    """Tokens of the prompt that an earlier call had computed."""
    finish: Literal["stop", "length", "deadline"] = "stop"
    """The model or a stop string ended it, or `max_tokens` did, or the deadline."""
    retries: int = 0
    """Requests repeated because a server was busy or failed."""
