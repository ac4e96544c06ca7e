"""The search for blend weights and popularity shares, on pools made by hand."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from cuvee import blending
from cuvee.blending import Pool, bucket_of, find_shares, find_weights, find_weights_of_both, zscore
from cuvee.filters.unseen import allowed
from cuvee.metrics.ndcg import Ndcg
from cuvee.queries import holdout
from cuvee.rank import recommend
from cuvee.types import Bools, Dataset, Embeddings, Floats, Queries

RNG = np.random.default_rng(5)
NOISE = RNG.normal(size=(3, 160, 12)).astype(np.float32)


@dataclass(frozen=True)
class Told:
    """A view with a row of scores for each query of a holdout, which carries its place as a profile."""

    scores: Floats

    def score(self, queries: Queries) -> Floats:
        return np.asarray(self.scores[queries.features["place"].vectors[:, 0].astype(int)])


def pool(scores: Sequence[Floats], popular: Floats, wanted: Bools, bucket: Sequence[int], k: int = 3) -> Pool:
    gains = np.cumsum(1 / np.log2(np.arange(2, k + 2)))
    ideal = gains[np.minimum(wanted.sum(axis=1), k) - 1].astype(np.float32)
    return Pool(np.stack(scores), popular, wanted, ideal, np.array(bucket, np.int32), k)


def best(scores: Floats, n: int) -> Bools:
    """Mark the n best of each row."""
    return scores >= np.sort(scores, axis=1)[:, [-n]]


def test_zscore_by_hand() -> None:
    """(1, 2, 6): mean 3, standard deviation the root of 14/3; a constant row, also one with rounding, is zero."""
    near = np.float32(0.1) + np.float32(1e-8) * np.arange(3, dtype=np.float32)
    found = zscore(np.array([[1, 2, 6], [7, 7, 7], near, [0, 0, 0]], np.float32))
    np.testing.assert_allclose(found[0] * np.sqrt(14 / 3), [-2, -1, 3], rtol=1e-6)
    assert not found[1:].any()
    assert found[0].std() == pytest.approx(1)


def test_buckets() -> None:
    found = bucket_of(np.array([0, 1, 2, 4, 5, 9, 10, 400], np.int32))
    assert [blending.BUCKETS[b] for b in found] == ["0", "1", "2-4", "2-4", "5-9", "5-9", "10+", "10+"]


def test_noise_gets_no_weight_and_two_halves_get_both() -> None:
    """What is wanted is told by the first view; then only by the sum of the first and the third."""
    popular, ones = np.zeros((160, 12), np.float32), [4] * 160
    assert find_weights(pool(list(NOISE), popular, best(NOISE[0], 2), ones), RNG) == (1, 0, 0)
    both = best(NOISE[0] + NOISE[2], 2)
    weights = find_weights(pool(list(NOISE), popular, both, ones), RNG)
    assert weights[1] == 0
    assert max(weights) == 1
    assert min(weights[0], weights[2]) > 0.7
    blurred = NOISE[0] + NOISE[2] + NOISE[1] / 2  # the best alone, and of no use once the two are in
    assert find_weights(pool([blurred, NOISE[0], NOISE[2]], popular, both, ones), RNG)[0] == 0


def test_a_view_that_tells_nothing_gets_no_credit_for_the_order_of_rows() -> None:
    """What is wanted stands first in the catalogue, where a constant view would put it; the other view is noise."""
    popular, constant = np.zeros((160, 12), np.float32), np.zeros((160, 12), np.float32)
    wanted = np.tile(np.arange(12) < 2, (160, 1))
    assert find_weights(pool([constant, NOISE[0]], popular, wanted, [4] * 160), RNG) == (0, 1)
    assert sum(find_weights(pool([constant, constant], popular, wanted, [4] * 160), RNG)) > 0


def test_shares_by_length_of_history() -> None:
    """Newcomers want the popular, those of 10+ a mixture; 5-9 are too few and do as 10+; 0 is popularity."""
    own, popular = NOISE[0], NOISE[1]
    bucket = np.repeat([1, 2, 3, 4], [40, 40, 20, 60])
    share = np.array([0, 1, 0, 1, 0.5])[bucket][:, None]
    wanted = best((1 - share) * own + share * popular, 1)
    found = find_shares(pool([own], popular, wanted, bucket.tolist()), [1.0], [1.0])
    assert found[0] == 1
    assert found[1] > 0.9
    assert found[2] < 0.1
    assert found[3] == found[4]
    assert 0.4 <= found[4] <= 0.6


def test_newcomers_have_weights_and_a_share_of_their_own() -> None:
    """Without a history the second view tells what is wanted, with one the first; both want nothing popular."""
    bucket, new = [0] * 80 + [4] * 80, np.arange(160)[:, None] < 80
    popular, wanted = NOISE[2], best(np.where(new, NOISE[1], NOISE[0]), 2)
    views = [np.where(new, 0, NOISE[0]).astype(np.float32), NOISE[1]]
    both = pool(views, popular, wanted, bucket)
    weights, newcomers = find_weights_of_both(both, RNG)
    assert (weights, newcomers) == ((1, 0), (0, 1))
    assert find_shares(both, weights, newcomers)[0] == 0
    few = both.take(np.arange(60, 160, dtype=np.int64))
    assert len(set(find_weights_of_both(few, np.random.default_rng(0)))) == 1
    assert find_shares(few, weights, newcomers)[0] == 1  # nobody has shown yet that anything is told of them


def test_of_whom_no_view_tells_popularity_is_ranked() -> None:
    """Half of the newcomers have no friends: their share is not what the others' is chosen on."""
    silent = np.arange(160)[:, None] % 2 == 0
    own = np.where(silent, 0, NOISE[0]).astype(np.float32)
    wanted = best(np.where(silent, NOISE[1], NOISE[0]), 2)
    assert find_shares(pool([own], NOISE[1], wanted, [0] * 160), [1.0], [1.0])[0] < 0.1
    assert find_shares(pool([own * 0], NOISE[1], wanted, [0] * 160), [1.0], [1.0])[0] == 1


def test_a_share_of_one_never_lets_padding_in() -> None:
    """Candidates that are not there stay out at every share."""
    hole = np.where(np.arange(12) > 8, -np.inf, NOISE[0] - 9).astype(np.float32)
    popular = np.where(np.isneginf(hole), -np.inf, NOISE[1] - 9).astype(np.float32)
    mixed = pool([hole], popular, best(popular, 1), [1] * 160)
    assert np.isneginf(mixed.mix([1.0])[:, 9:]).all()
    assert find_shares(mixed, [1.0], [1.0])[1] > 0.9


@pytest.mark.parametrize("cells", [1 << 22, 100])
def test_the_pool_measures_what_ranking_would(cells: int, world: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """NDCG of a pooled mixture equals that of the mixed scores ranked over the whole catalogue, block by block."""
    monkeypatch.setattr(blending, "_BLOCK", cells)
    monkeypatch.setattr(blending, "_DEEP", 23)
    users = np.repeat(np.array([3, 35, 8, 17, 30, 12, 20], np.int32), 3)
    items = RNG.permuted(np.tile(np.arange(23, dtype=np.int32), (7, 1)), axis=1)[:, :3].ravel()
    held = holdout(world, (users, items), np.arange(23) != 2)
    place = Embeddings(np.arange(7, dtype=np.float32)[:, None], np.ones(7, bool))
    held = replace(held, queries=replace(held.queries, features={"place": place}))
    views = [Told(RNG.normal(5 * v, 1 + v, (7, 23)).astype(np.float32)) for v in range(2)]
    gathered = Pool.gather(views, world.demand, held, 4, RNG)
    found = gathered.ndcg(gathered.mix([1.0, 0.5]))

    @dataclass(frozen=True)
    class Mixed:
        def score(self, queries: Queries) -> Floats:
            return zscore(views[0].score(queries)) + np.float32(0.5) * zscore(views[1].score(queries))

    slate = recommend(Mixed(), held.queries, 4, filters=[allowed], candidates=held.candidates)
    np.testing.assert_allclose(found, Ndcg(4).measure(slate, held.truth), atol=1e-6)
    assert found.any()
