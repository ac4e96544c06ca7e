"""Cuts and samples: every item once, the probability of being drawn by enumeration, and an unbiased partition sum."""

from itertools import combinations
from math import comb

import numpy as np
import pytest
from scipy import sparse

from cuvee.history_batches import cut, inclusion, user_batches


def test_a_history_is_cut_in_two() -> None:
    dense = (np.random.default_rng(0).random((40, 30)) < 0.4).astype(np.float32)
    dense[:, :2] = 1
    inputs, targets = (part.toarray() for part in cut(sparse.csr_matrix(dense), np.random.default_rng(1)))
    np.testing.assert_array_equal(inputs + targets, dense)
    assert (inputs.sum(axis=1) >= 1).all()
    assert (targets.sum(axis=1) >= 1).all()


def test_inclusion_by_enumeration() -> None:
    """5 users, 2 a batch, and 3 of 7 items drawn uniformly; an item of p users is there with one of them, or drawn."""
    users, size, negatives, width = 5, 2, 3, 7
    popularity = np.arange(6.0)
    found = inclusion(popularity, users, size, negatives, width)
    for p, value in zip(popularity, found, strict=True):
        with_a_user = np.mean([any(u < p for u in batch) for batch in combinations(range(users), size)])
        drawn = 1 - comb(width - 1, negatives) / comb(width, negatives)
        assert value == pytest.approx(1 - (1 - with_a_user) * (1 - drawn))


def test_log_q_makes_the_partition_sum_unbiased() -> None:
    """The mean over batches of sum exp(s) / q is the sum over the whole catalogue."""
    rng = np.random.default_rng(0)
    dense = (rng.random((30, 50)) < 0.1).astype(np.float32)
    dense[:, :2] = 1
    scores = rng.normal(size=50)
    found = []
    for _ in range(400):
        batch = next(user_batches(sparse.csr_matrix(dense), 3, 5, rng))
        found.append(np.exp(scores[batch.items] - batch.log_q).sum())
    assert np.mean(found) == pytest.approx(np.exp(scores).sum(), rel=4 * np.std(found) / 20 / np.mean(found))
    assert np.std(found) / 20 / np.mean(found) < 0.03


def test_a_batch_is_the_users_items_and_the_drawn_ones() -> None:
    dense = np.zeros((4, 100), np.float32)
    dense[0, [3, 4]] = dense[1, [5, 6, 7]] = 1
    dense[2, 8] = 1
    batches = list(user_batches(sparse.csr_matrix(dense), 1, 2, np.random.default_rng(0)))
    assert sorted(int(b.users[0]) for b in batches) == [0, 1]
    for b in batches:
        whole = (b.inputs + b.targets)[0]
        np.testing.assert_array_equal(b.items[whole > 0], np.flatnonzero(dense[b.users[0]]))
        assert whole.sum() < len(b.items) <= whole.sum() + 2
    whole = next(user_batches(sparse.csr_matrix(dense), 2, None, np.random.default_rng(0)))
    np.testing.assert_array_equal(whole.items, np.arange(100))
    assert not whole.log_q.any()
