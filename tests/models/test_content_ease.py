"""CEASE and Add-EASE by their definitions, and what content does for items without events."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from cuvee.errors import ConfigError
from cuvee.models.content_ease import ContentEase, SplitContentEaseModel
from cuvee.models.ease import Ease
from cuvee.types import Dataset, Floats, Queries
from tests.models.test_ease import columns

ON = {"text": 1.0, "image": 0.25}


def fitted(estimator: ContentEase | Ease, data: Dataset) -> Floats:
    weights = estimator.fit(data, None, np.random.default_rng(0)).weights
    assert isinstance(weights, np.ndarray)
    return weights


def unit(data: Dataset) -> NDArray[np.float64]:
    """Return (d, i): what the items look like, a column an item; inner products are weighted sums of cosines."""
    blocks = []
    for name, weight in ON.items():
        vectors = data.feature("item", name).vectors.astype(np.float64)
        rows = [np.sqrt(weight) * v / np.linalg.norm(v) if v.any() else v for v in vectors]
        blocks.append(np.array(rows).T)
    return np.vstack(blocks)


def liked(data: Dataset) -> NDArray[np.float64]:
    return data.liked.toarray().astype(np.float64)


def test_cease_sees_attributes_as_more_users(world: Dataset) -> None:
    """Each column is the ridge regression on the users with, below them, the root of w times the content."""
    found = fitted(ContentEase(ON, l2=4, content=7), world)
    np.testing.assert_allclose(found, columns(np.vstack([liked(world), np.sqrt(7) * unit(world)]), 4), atol=2e-6)


def test_add_ease_adds_the_solution_of_content_alone(world: Dataset) -> None:
    found = fitted(ContentEase(ON, l2=4, content=0, share=0.3, content_l2=0.5), world)
    np.testing.assert_allclose(found, 0.7 * columns(liked(world), 4) + 0.3 * columns(unit(world), 0.5), atol=2e-6)


def test_content_alone_looks_at_no_event(world: Dataset) -> None:
    silent = replace(world, events=world.events.take(np.zeros(0, np.int32)))
    only = ContentEase(ON, share=1, content_l2=0.5)
    np.testing.assert_array_equal(fitted(only, world), fitted(only, silent))


@pytest.mark.parametrize("share", [0, 0.3])
def test_a_hidden_modality_leaves_ease(share: float, world: Dataset) -> None:
    hidden = {key: f.hidden() if key[0] == "item" else f for key, f in world.features.items()}
    found = fitted(ContentEase(ON, l2=4, share=share), replace(world, features=hidden))
    np.testing.assert_allclose(found, (1 - share) * fitted(Ease(4), world), atol=1e-6)


def test_an_item_without_events_goes_to_those_who_like_its_kind(world: Dataset, everybody: Queries) -> None:
    """The cold items 21 and 22 are of the first and the third group: users of each are drawn to their own."""
    model = ContentEase({"text": 1.0}, l2=4, content=2, share=0.5).fit(world, None, np.random.default_rng(0))
    gap = model.score(everybody)[:35, 22] - model.score(everybody)[:35, 21]
    group = np.array([0, 0, 1, 0, 2, 1] * 6)[:35]
    assert gap[group == 2].mean() > 0.05
    assert gap[group == 0].mean() < -0.2
    assert gap[group == 2].min() > gap[group == 0].max()


def test_a_share_lies_between(world: Dataset) -> None:
    with pytest.raises(ConfigError, match="share"):
        ContentEase(ON, share=1.5)
    with pytest.raises(LookupError, match="did you mean 'text'"):
        fitted(ContentEase({"texts": 1.0}), world)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_without_a_dense_matrix_it_is_the_same_on_a_full_support(
    share: float, world: Dataset, everybody: Queries
) -> None:
    """When every item may predict every other, nothing is approximated: scores and traces are the dense ones."""
    # who likes what is made to touch all pairs of liked items, so that the support leaves none out
    one = np.arange(23)
    bridge = replace(
        world.events,
        user=np.append(world.events.user, np.full(23, 35)).astype(np.int32),
        item=np.append(world.events.item, one).astype(np.int32),
        time=np.append(world.events.time, np.full(23, 999)),
        weight=np.append(world.events.weight, np.full(23, 0.5)).astype(np.float32),
        kind=np.append(world.events.kind, np.zeros(23)).astype(np.int8),
    )
    data = replace(world, events=bridge)
    dense = ContentEase(ON, l2=4, content=7, share=share, content_l2=0.5)
    rng = np.random.default_rng(0)
    expected, found = dense.fit(data, None, rng), replace(dense, dense_up_to=22).fit(data, None, rng)
    np.testing.assert_allclose(found.score(everybody), expected.score(everybody), atol=2e-4)
    shown = np.array([[21, -1, 0, 5]] * len(everybody), np.int32)
    for mine, theirs in zip(found.trace(everybody, shown), expected.trace(everybody, shown), strict=True):
        np.testing.assert_allclose(mine.toarray(), theirs.toarray(), atol=2e-4)


def test_a_small_support_only_cuts_what_interactions_say(world: Dataset) -> None:
    """Column j has at most the two items most liked with it; content reaches every item all the same."""
    small = ContentEase(ON, l2=4, content=7, dense_up_to=0, neighbours=3).fit(world, None, np.random.default_rng(0))
    assert isinstance(small, SplitContentEaseModel)
    assert (small.weights.toarray() != 0).sum(axis=0).max() == 2
    assert np.count_nonzero((small.left @ small.right.T)[:, 21]) > 15
