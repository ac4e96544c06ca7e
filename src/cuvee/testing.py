"""Conformance checks for every kind of component, for Cuvee's own and for yours.

Each raises AssertionError with what was expected. They replace no oracle: a component can pass and still be wrong.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import polars as pl
from scipy import sparse

from cuvee.protocols import (
    Decomposable,
    Encoder,
    Estimator,
    EventLog,
    Explainer,
    Filter,
    FittedFusion,
    Fusion,
    Index,
    Inductive,
    LanguageModel,
    ListMetric,
    QueryMetric,
    Recommender,
    Settled,
    Slice,
    Splitter,
    Stage,
    SystemMetric,
    Traceable,
)
from cuvee.queries import holdout, one_each, queries_of
from cuvee.rank import recommend
from cuvee.types import (
    PAD,
    Bools,
    Context,
    Dataset,
    Embeddings,
    Events,
    Floats,
    Holdout,
    Ints,
    Message,
    Queries,
    Slate,
    Split,
)

__all__ = [
    "check_encoder",
    "check_estimator",
    "check_event_log",
    "check_explainer",
    "check_filter",
    "check_fusion",
    "check_index",
    "check_language_model",
    "check_metric",
    "check_slice",
    "check_splitter",
    "check_stage",
    "first_items",
    "toy",
]

_TOLERANCE = 2e-4


def toy(seed: int = 0, users: int = 41, items: int = 29) -> Dataset:
    """Return a small uneven data set: two tastes, skewed popularity, missing content, a cold item, an idle user."""
    rng = np.random.default_rng(seed)
    taste, kind = rng.integers(0, 2, users), rng.integers(0, 2, items)
    chance = np.where(taste[:, None] == kind, 0.45, 0.08) * np.linspace(1.0, 0.35, items)
    chance[-1], chance[:, -1] = 0.0, 0.0
    user, item = np.nonzero(rng.random((users, items)) < chance)
    order = rng.permutation(len(user))
    disliked = rng.random(len(user)) < 0.06
    events = Events(
        user[order].astype(np.int32),
        item[order].astype(np.int32),
        np.sort(rng.integers(1_600_000_000, 1_700_000_000, len(user))),
        np.where(disliked, -1.0, 1.0).astype(np.float32),
        disliked.astype(np.int8),
        ("buy", "dislike"),
    )
    present = rng.random(items) > 0.1
    text = rng.normal(0, 1, (items, 6)) + 2.0 * kind[:, None]
    image = rng.normal(0, 1, (items, 4)) + kind[:, None]
    return Dataset(
        tuple(f"u{r:02}" for r in range(users)),
        tuple(f"i{r:02}" for r in range(items)),
        events,
        pl.DataFrame({"item_id": [f"i{r:02}" for r in range(items)], "title": [f"thing {r}" for r in range(items)]}),
        pl.DataFrame({"user_id": [f"u{r:02}" for r in range(users)], "city": ["ab"[t] for t in taste]}),
        features={
            ("item", "text"): Embeddings((text * present[:, None]).astype(np.float32), present),
            ("item", "image"): Embeddings(image.astype(np.float32), np.ones(items, bool)),
        },
    )


def first_items(data: Dataset, n: int) -> Dataset:
    """Return the data set with the first n items of its catalogue, their features and the events on them."""
    features = {key: f.take(np.arange(n)) if key[0] == "item" else f for key, f in data.features.items()}
    events = data.events.take(data.events.item < n)
    return replace(data, items=data.items[:n], item_table=data.item_table[:n], events=events, features=features)


def check_estimator(estimator: Estimator, data: Dataset | None = None) -> Recommender:
    """Check shapes, purity, repeatability, independence of queries, cold users; return the trained model."""
    data = data if data is not None else toy()
    train, valid = _cut(data)
    before = _state(train)
    model = estimator.fit(train, valid, np.random.default_rng(7))
    again = estimator.fit(train, valid, np.random.default_rng(7))
    estimator.fit(train, None, np.random.default_rng(7))  # validation is optional
    queries = queries_of(train, np.arange(len(train.users), dtype=np.int32))
    scores = np.array(model.score(queries))
    assert scores.shape == (len(queries), len(train.items)), f"score gives {scores.shape}, not (q, i)"
    assert scores.dtype == np.float32, f"scores are {scores.dtype}, not float32"
    assert np.isfinite(scores).all(), "scores must be finite"
    assert _state(train) == before, "fit or score changed the data set"
    np.testing.assert_array_equal(scores, again.score(queries), "the same seed must give the same scores")
    rows = np.array([5, 0, 3])
    _close(model.score(queries.take(rows)), scores[rows], "a query's scores depend on the queries beside it")
    for case in (_nobody(train), one_each(len(train.items), np.array([[2, 4]], np.int32))):
        assert np.isfinite(model.score(case)).all(), "a user not seen in training must be answered"
    if isinstance(model, Settled):
        repeated = model.settled.fit(train, None, np.random.default_rng(7))
        _close(repeated.score(queries), scores, "settled, fitted without validation, must repeat the fit")
        _close(model.plain.score(queries), scores, "plain must score like the model")
    _check_parts(model, queries, scores)
    if isinstance(model, Inductive):
        _check_extension(model.settled if isinstance(model, Settled) else estimator, train)
    return model


def check_splitter(splitter: Splitter, data: Dataset) -> None:
    """Check that no pair is in two parts, that nothing held out is trained on, and that a seed repeats."""
    split, again = (splitter.split(data, np.random.default_rng(3)) for _ in range(2))
    trained = set(zip(*split.train.matrix.nonzero(), strict=True))
    assert split.tests, "a split has at least one test set"
    for held, other in zip([split.valid, *split.tests.values()], [again.valid, *again.tests.values()], strict=True):
        assert held.truth.nnz > 0, "an empty holdout"
        assert (np.diff(held.truth.indptr) > 0).all(), "a query without an answer"
        assert held.truth.shape == (len(held.queries), len(split.train.items))
        assert _equal(held.truth, other.truth), "the same seed must give the same split"
        rows, items = held.truth.nonzero()
        assert not trained & set(zip(held.users[rows], items, strict=True)), "a held-out pair is in training"
        _check_known(held, split)
    whole = set(zip(*split.everything.matrix.nonzero(), strict=True))
    assert trained < whole, "`everything` holds all of training and more"


def check_encoder(encoder: Encoder, data: Dataset, role: str = "item") -> None:
    """Check that rows come back in order, missing content is missing, and a row's vector is its own."""
    fitted = encoder.fit(data, role)
    table = data.item_table if role == "item" else data.user_table
    contents = fitted.contents(table)
    assert len(contents) == len(table), "contents gives one string a row"
    assert fitted.fingerprint == encoder.fit(data, role).fingerprint, "the fingerprint must be repeatable"
    whole = _encode(fitted.encode(table))
    assert len(whole) == len(table), f"{len(whole)} vectors for {len(table)} rows"
    for row, content in enumerate(contents):
        assert content or not whole.present[row], f"row {row} has no content but a vector"
    assert not whole.vectors[~whole.present].any(), "a missing row must be a zero vector"
    backwards = _encode(fitted.encode(table.reverse()))
    np.testing.assert_allclose(backwards.vectors[::-1], whole.vectors, atol=0.02, err_msg="order changes vectors")


def check_fusion(fusion: Fusion, data: Dataset | None = None) -> FittedFusion:
    """Check that a seed and `settled` repeat it, that missing is zero, and that a row's vector is its own."""
    train, valid = _cut(data if data is not None else toy())
    model, again = (fusion.fit(train, valid, np.random.default_rng(1)) for _ in range(2))
    parts = {m: f for (role, m), f in train.features.items() if role == "item"}
    fused = model.fuse(parts)
    assert len(fused) == len(train.items), "one vector a row"
    assert np.isfinite(fused.vectors).all(), "vectors must be finite"
    assert not fused.vectors[~fused.present].any(), "a row without content must be a zero vector"
    np.testing.assert_array_equal(again.fuse(parts).vectors, fused.vectors, "the same seed must give the same vectors")
    settled = model.settled.fit(train, None, np.random.default_rng(2))
    _close(settled.fuse(parts).vectors, fused.vectors, "settled, fitted without validation, must repeat the fit")
    rows = np.array([3, 1])
    later = model.fuse({m: p.take(rows) for m, p in parts.items()})
    _close(later.vectors, fused.vectors[rows], "a row's vector depends on the rows beside it")
    shares = model.shares(parts)
    np.testing.assert_allclose(shares.sum(axis=0), fused.present, atol=1e-5, err_msg="shares must sum to 1, or to 0")
    assert not model.fuse({m: p.hidden() for m, p in parts.items()}).present.any(), "nothing present, nothing fused"
    return model


def check_metric(metric: QueryMetric | ListMetric | SystemMetric, data: Dataset | None = None) -> None:
    """Check the shape, that padding is harmless, and for accuracy that a perfect slate gets 1 and a useless one 0."""
    train, held = _cut(data if data is not None else toy())
    k = 5
    best = np.full((len(held.queries), k), PAD, np.int32)
    for q in range(len(best)):
        wanted = held.truth.indices[held.truth.indptr[q] : held.truth.indptr[q + 1]][:k]
        best[q, : len(wanted)] = wanted
    perfect, nothing = _slate(best), _slate(np.full_like(best, PAD))
    if isinstance(metric, QueryMetric):
        top = metric.measure(perfect, held.truth)
        assert top.shape == (len(best),), "one value a query"
        assert (top <= 1 + 1e-6).all(), "an accuracy above 1"
        assert (top > 0).all(), "a perfect slate scores 0"
        assert not metric.measure(nothing, held.truth).any(), "an empty slate scores above 0"
    elif isinstance(metric, ListMetric):
        assert metric.describe(perfect, held.queries, train).shape == (len(best),), "one value a query"
        assert metric.describe(nothing, held.queries, train).shape == (len(best),), "an empty slate must not fail"
    else:
        assert isinstance(metric.summarise(perfect, np.ones(len(train.items), bool), train), float)


def check_slice(cut: Slice, data: Dataset) -> None:
    """Check that groups hold only queries and truth of the holdout, and are not empty."""
    train, held = _cut(data)
    whole = {user: set(held.truth[row].indices) for row, user in enumerate(held.users)}
    groups = cut.cut(held, train)
    assert groups, "a slice of this data has at least one group"
    for name, part in groups.items():
        assert len(part.users), f"group {name!r} is empty"
        for row, user in enumerate(part.users):
            assert set(part.truth[row].indices) <= whole[user], f"group {name!r} has answers the holdout has not"


def check_filter(filter_: Filter, data: Dataset | None = None) -> None:
    """Check the mask's shape and that asking does not change the queries."""
    data = data if data is not None else toy()
    queries = queries_of(data, np.arange(9, dtype=np.int32))
    before = queries.seen.copy()
    mask = filter_.prepare(data)(queries)
    assert mask.dtype == np.bool_, "a mask is boolean"
    assert mask.shape in ((9, len(data.items)), (1, len(data.items))), f"a mask is (q, i) or (1, i), not {mask.shape}"
    assert _equal(queries.seen, before), "the filter changed the queries"


def check_stage(stage: Stage, data: Dataset | None = None) -> None:
    """Check that a stage shows only what it was given, nothing twice, padding last."""
    data = data if data is not None else toy()
    queries = queries_of(data, np.arange(7, dtype=np.int32))
    items = np.stack([np.random.default_rng(q).permutation(len(data.items))[:12] for q in range(7)]).astype(np.int32)
    items[2, 9:] = PAD
    given = _slate(items)
    shown = stage.prepare(data).apply(given, queries, Context(data, np.random.default_rng(0)))
    for q in range(7):
        real = shown.items[q][shown.items[q] != PAD]
        assert len(set(real)) == len(real), "an item is shown twice"
        assert set(real) <= set(items[q]), "an item is shown that was not a candidate"
        assert (shown.items[q][len(real) :] == PAD).all(), "padding must come last"
    assert ((shown.propensity >= 0) & (shown.propensity <= 1)).all(), "a propensity outside 0..1"


def check_explainer(explainer: Explainer, model: Recommender, data: Dataset | None = None) -> None:
    """Check that there is a list of reasons for every place, none for padding."""
    data = data if data is not None else toy()
    queries = queries_of(data, np.arange(6, dtype=np.int32))
    slate = recommend(model, queries, len(data.items) + 1)
    reasons = explainer.explain(model, queries, slate, data)
    assert [len(row) for row in reasons] == [slate.items.shape[1]] * 6, "reasons for every place of every query"
    for row, items in zip(reasons, slate.items, strict=True):
        for place, item in zip(row, items, strict=True):
            assert item != PAD or not place, "padding needs no reason"
            assert all(r.text and np.isfinite(r.weight) for r in place), "a reason needs words and a weight"


def check_index(index: Index) -> None:
    """Check against sorting all inner products: order, masks, never short, new vectors, and what is restored.

    The 90 vectors are few enough for any index to find them all.
    """
    rng = np.random.default_rng(4)
    vectors, queries = (rng.normal(size=(n, 7)).astype(np.float32) for n in (90, 4))
    vectors[5] = vectors[60]
    built = index.build(vectors[:80])
    masks: list[Bools | None] = [None, rng.random(90) < 0.5, rng.random((4, 90)) < 0.7, np.arange(90) == 60]
    for made in (built.grown(vectors), index.restore(vectors, built.made)):
        for allowed in masks:
            scores = queries @ vectors.T
            scores = scores if allowed is None else np.where(allowed, scores, -np.inf)
            best = np.argsort(-scores, axis=1, kind="stable")[:, :12]
            wanted = np.where(np.isneginf(np.take_along_axis(scores, best, 1)), PAD, best)
            rows, told = made.search(queries, 12, allowed)
            np.testing.assert_array_equal(rows, wanted, "an index finds the best, best first, and fills with PAD")
            _close(told, np.take_along_axis(scores, best, 1), "the scores are the inner products")
    assert built.search(queries[:0], 3)[0].shape == (0, 3), "nothing asked, nothing found"
    assert built.search(queries, 100)[0].shape == (4, 100), "more asked than there is"
    assert index.remedy, "an index says what to change where it finds too little"
    assert bytes(index.build(vectors[:80]).made) == bytes(built.made), "two builds make the same bytes"


def check_event_log(log: EventLog) -> None:
    """Check order, offsets, and that a retry of the same events is harmless."""
    ids = [f"e{n}" for n in range(5)]
    events = pl.DataFrame(
        {"event_id": ids, "user_id": ["a", "b", "a", "c", "a"], "item_id": list("vwxyz"), "kind": ["view"] * 5}
    ).with_columns(pl.Series("time", [100, 101, 102, 103, 104], dtype=pl.Int64))
    end = log.append(events)
    assert log.append(events) == end, "appending the same events again must change nothing"
    assert log.read(0, 10)["event_id"].to_list() == ids, "events come back in order of arrival"
    assert log.read(0, 2)["event_id"].to_list() == ids[:2], "limit"
    assert log.read(end, 10).is_empty(), "nothing stands behind the last offset"


def check_language_model(model: LanguageModel) -> None:
    """Check of one that always answers alike: pieces, usage, stop strings, many at once; needs a few answers."""
    questions = [[Message("user", text)] for text in ("Say something.", "Which wine goes with cheese, and why?")]
    answer = model.complete(questions[0])
    pieces = list(answer)
    assert "".join(pieces) == answer.text, "the pieces must make the text"
    assert list(answer) == pieces, "iterating again must repeat the pieces"
    assert all(pieces), "a piece must not be empty"
    assert answer.usage.prompt_tokens > 0, "the prompt has tokens"
    assert answer.usage.seconds >= 0, "time goes forward"
    many = model.complete_many(questions)
    assert [m.text for m in many] == [model.complete(q).text for q in questions], "many must answer as each alone"
    if len(answer.text) > 1:
        stop = answer.text[len(answer.text) // 2 :][:3]
        ended = model.complete(questions[0], stop=[stop]).text
        assert ended == answer.text[: answer.text.index(stop)], f"{ended!r} does not end before {stop!r}"
    assert model.fingerprint == model.fingerprint != "", "the fingerprint must be stable"


def _check_extension(estimator: Estimator, train: Dataset) -> None:
    """Check that the last item, without its events, may come before the fit or after it."""
    last = len(train.items) - 1
    train = replace(train, events=train.events.take(train.events.item < last))
    whole, part = (estimator.fit(d, None, np.random.default_rng(7)) for d in (train, first_items(train, last)))
    assert isinstance(part, Inductive), "a model must be Inductive whatever it was fitted on"
    queries = queries_of(train, np.arange(len(train.users), dtype=np.int32))
    _close(part.extend(train).score(queries), whole.score(queries), "extend must score as a fit with the item there")


def _check_parts(model: Recommender, queries: Queries, scores: Floats) -> None:
    if isinstance(model, Decomposable):
        _close(sum(model.parts(queries).values()), scores, "the parts must sum to the score")
    if isinstance(model, Traceable):
        items = np.tile(np.arange(3, dtype=np.int32), (len(queries), 1))
        for q, trace in enumerate(model.trace(queries, items)):
            assert trace.shape == (3, scores.shape[1]), "a trace is (k, i)"
            past = set(queries.seen[q].indices)
            assert set(trace.nonzero()[1]) <= past, "a trace names an item that is not in the history"


def _check_known(held: Holdout, split: Split) -> None:
    """Check that questions hold what training holds, and those of users without training events nothing asked for."""
    trained = split.train.matrix[held.users]
    new = np.diff(trained.indptr) == 0
    assert _equal(held.queries.seen[~new], trained[~new]), "a query knows more than training"
    seen = held.queries.seen[new]
    assert not seen.multiply(held.truth[new]).count_nonzero(), "a query knows its answer"
    theirs = set(zip(*split.everything.matrix[held.users[new]].nonzero(), strict=True))
    assert set(zip(*seen.nonzero(), strict=True)) <= theirs, "a query knows what its user did not do"


def _cut(data: Dataset) -> tuple[Dataset, Holdout]:
    """Hold out every fourth liked pair of users with at least three."""
    liked = data.liked.tocoo()
    user, item = liked.row.astype(np.int32), liked.col.astype(np.int32)
    out = (np.arange(len(user)) % 4 == 1) & (np.bincount(user, minlength=len(data.users))[user] >= 3)
    width = len(data.items)
    gone = user[out].astype(np.int64) * width + item[out]
    kept = ~np.isin(data.events.user.astype(np.int64) * width + data.events.item, gone)
    train = replace(data, events=data.events.take(kept))
    return train, holdout(train, (user[out], item[out]))


def _nobody(train: Dataset) -> Queries:
    return one_each(len(train.items), np.zeros((1, 0), np.int32))


def _slate(items: Ints) -> Slate:
    real = items != PAD
    scores = np.where(real, np.float32(1) / (1 + np.arange(items.shape[1])), -np.inf).astype(np.float32)
    return Slate(items, scores, real.astype(np.float32))


def _state(data: Dataset) -> list[bytes]:
    e = data.events
    arrays = [e.user, e.item, e.time, e.weight, e.kind, *(f.vectors for f in data.features.values())]
    return [np.ascontiguousarray(a).tobytes() for a in (*arrays, data.matrix.data, data.liked.data, data.popularity)]


def _encode(blocks: Iterable[Embeddings]) -> Embeddings:
    parts = list(blocks)
    return Embeddings(np.concatenate([p.vectors for p in parts]), np.concatenate([p.present for p in parts]))


def _equal(a: "sparse.csr_matrix[np.float32]", b: "sparse.csr_matrix[np.float32]") -> bool:
    return a.shape == b.shape and abs(a - b).sum() == 0


def _close(a: object, b: object, message: str) -> None:
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), atol=_TOLERANCE, rtol=_TOLERANCE, err_msg=message)
