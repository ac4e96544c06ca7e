"""Feature-level fusions against their defining equations."""

from dataclasses import replace

import numpy as np
import pytest

from cuvee.alignment import Alignment, align, liked_together, weighted_sum
from cuvee.errors import ConfigError
from cuvee.foretold import Foretold
from cuvee.fusion.attention import Attention, AttentionModel
from cuvee.fusion.concat import Concat, side_by_side
from cuvee.fusion.gated import Gated
from cuvee.fusion.weighted import Weighted
from cuvee.testing import toy
from cuvee.types import Bools, Dataset, Embeddings

A = Embeddings(np.array([[3, 4], [0, 2], [0, 0], [0, 0]], np.float32), np.array([True, True, False, False]))
B = Embeddings(np.array([[0, 5], [0, 0], [2, 0], [0, 0]], np.float32), np.array([True, False, True, False]))


def test_concat_is_the_weighted_sum_of_cosines() -> None:
    """cos(a0, a1) = .8 at weight .25 beside the missing b1: rows renormalise, so .8 * sqrt(.25) * sqrt(1)."""
    fused = side_by_side({"a": A, "b": B}, {"a": 0.25, "b": 0.75})
    inner = fused.vectors @ fused.vectors.T
    assert inner[0, 1] == pytest.approx(0.8 * 0.5)
    assert inner[0, 2] == pytest.approx(0.0)
    np.testing.assert_allclose(np.diag(inner), [1, 1, 1, 0], atol=1e-6)
    assert fused.present.tolist() == [True, True, True, False]


def test_weighted_sum_by_hand() -> None:
    """Both: .25 a + .75 b; one alone: exactly that one; none: a zero row."""
    fused = weighted_sum({"a": A, "b": B}, {"a": 0.25, "b": 0.75})
    np.testing.assert_allclose(fused.vectors, np.array([[0.75, 4.75], [0.0, 2.0], [2.0, 0.0], [0.0, 0.0]]), atol=1e-6)


def test_bad_weights_are_refused() -> None:
    with pytest.raises(ConfigError, match="weights are needed for text, image"):
        Weighted(weights={"text": 1.0})
    with pytest.raises(ConfigError, match="not all 0"):
        Concat(weights={"text": 0.0, "image": 0.0})


def test_attention_by_hand() -> None:
    """Keys (1, 0) and (0, 1), query (.8, .6), t = .2, weights 1 and 3: e^4 against 3 e^3; one alone gets everything."""
    eye = np.eye(2, dtype=np.float32)
    same = Alignment(dict.fromkeys("ab", np.zeros(2, np.float32)), dict.fromkeys("ab", eye))
    query = Foretold(np.array([[0.8, 0.6], [0, 0], [0, 0], [0, 0], [0, 0], [0, 0]], np.float32))
    model = AttentionModel(Attention(on=("a", "b")), same, query, {"a": 1.0, "b": 3.0}, 0.2)
    there, absent = np.array([True]), np.array([False])
    a, b = np.array([[5, 0]], np.float32), np.array([[0, 2]], np.float32)
    share = np.e**4 / (np.e**4 + 3 * np.e**3)
    both = {"a": Embeddings(a, there), "b": Embeddings(b, there)}
    np.testing.assert_allclose(model.fuse(both).vectors, [[share, 1 - share]], rtol=1e-5)
    alone = {"a": Embeddings(a, there), "b": Embeddings(b * 0, absent)}
    np.testing.assert_allclose(model.fuse(alone).vectors, [[1, 0]], rtol=1e-5)


def test_liked_together_by_brute_force() -> None:
    data = toy(users=30)
    text = data.feature("item", "text")
    liked = data.liked.toarray() > 0
    found = liked_together(data, text)
    for item in range(len(data.items)):
        wanted = np.zeros(text.dim)
        for user in np.flatnonzero(liked[:, item]):
            others = [j for j in np.flatnonzero(liked[user]) if j != item]
            wanted += text.vectors[others].sum(axis=0) / liked[user].sum()
        size = np.linalg.norm(wanted)
        np.testing.assert_allclose(found.vectors[item], wanted / size if size > 1e-6 else 0 * wanted, atol=1e-5)


def _tastes(wrong: dict[str, Bools], users: int = 400) -> Dataset:
    """Four tastes, told by each modality except at the items where it is wrong; a last column says whether it is."""
    rng = np.random.default_rng(0)
    items = len(next(iter(wrong.values())))
    base, kind = toy(users=users, items=items), np.arange(items) % 4
    told, sides = np.eye(4, dtype=np.float32)[kind], {}
    for name, lies in wrong.items():
        rows = np.where(lies[:, None], np.eye(4, dtype=np.float32)[rng.integers(0, 4, items)], told)
        rows = np.concatenate([rows, np.where(lies, -1, 1)[:, None]], axis=1) + rng.normal(0, 0.05, (items, 5))
        sides["item", name] = Embeddings(rows.astype(np.float32), np.ones(items, bool))
    user = np.repeat(np.arange(users, dtype=np.int32), 8)
    item = np.concatenate([rng.permutation(np.flatnonzero(kind == t % 4))[:8] for t in range(users)]).astype(np.int32)
    n = len(user)
    events = replace(
        base.events, user=user, item=item, time=np.zeros(n, np.int64), weight=np.ones(n, np.float32),
        kind=np.zeros(n, np.int8),
    )  # fmt: skip
    return replace(base, events=events, features=sides)


def test_gates_lean_on_the_side_that_tells() -> None:
    """The same weights for all items could not; here the right side gets more than half, item by item."""
    image_tells = np.arange(120) // 4 % 2 == 1
    data = _tastes({"text": image_tells, "image": ~image_tells})
    parts = {"text": data.feature("item", "text"), "image": data.feature("item", "image")}
    fusion = Gated(weights={"text": 1.0, "image": 1.0}, align="none")
    shares = fusion.fit(data, None, np.random.default_rng(0)).shares(parts)
    assert (shares.argmax(axis=0) == image_tells).mean() > 0.9
    shut = replace(fusion, strength=0.0).fit(data, None, np.random.default_rng(0))
    np.testing.assert_array_equal(shut.shares(parts), np.full((2, 120), 0.5, np.float32))


def test_attention_turns_from_the_one_that_disagrees() -> None:
    """Of three modalities one is wrong for each item: nearly always it gets the smallest share."""
    odd = np.arange(120) // 4 % 3
    data = _tastes({name: odd == m for m, name in enumerate("abc")})
    fusion = Attention(on=tuple("abc"), weights=dict.fromkeys("abc", 1.0), temperature=0.2, align="none")
    shares = fusion.fit(data, None, np.random.default_rng(0)).shares({m: data.feature("item", m) for m in "abc"})
    assert (shares.argmin(axis=0) == odd).mean() > 0.8


def test_the_telling_modality_keeps_its_vectors() -> None:
    """`collaborative` leaves it as it is, but for length, and brings the other into its space."""
    data = _tastes({"text": np.zeros(120, bool)})
    noise = Embeddings(
        np.random.default_rng(3).normal(size=(len(data.items), 7)).astype(np.float32), np.ones(120, bool)
    )
    parts = {"noise": noise, "text": data.feature("item", "text")}
    aligned = align("collaborative", parts, data, 9).apply(parts)
    text = parts["text"].vectors
    np.testing.assert_allclose(aligned["text"].vectors, text / np.linalg.norm(text, axis=1, keepdims=True), atol=1e-5)
    assert aligned["noise"].dim == text.shape[1]


def test_a_temperature_of_zero_is_refused() -> None:
    with pytest.raises(ConfigError, match="above 0"):
        Attention(temperature=0.0)
    with pytest.raises(ConfigError, match="epochs >= 1"):
        Gated(epochs=0)
