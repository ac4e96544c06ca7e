"""From slates to figures, end to end on a world small enough for hand arithmetic."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pytest

from cuvee.errors import ConfigError, UnknownNameError
from cuvee.evaluate import list_length, measure, measure_slices, parse_metric, parse_metrics
from cuvee.metrics.coverage import Coverage
from cuvee.metrics.ndcg import Ndcg
from cuvee.protocols import Slice
from cuvee.slices.history_length import HistoryLength
from cuvee.slices.item_popularity import ItemPopularity
from cuvee.statistics import Estimate
from cuvee.types import Dataset, Holdout, Slate
from tests.cases import holdout, slate, train

LIKED = [[0, 1], [0], [], [2]]
METRICS = parse_metrics(["recall@2", "popularity_lift@2", "coverage@1"])


def world() -> tuple[Slate, Holdout, Dataset]:
    """Users 3, 0, 2 ask; popularity of the items is 2, 1, 1, 0, 0; user 2 has no history."""
    asked = holdout([[2], [0, 1], []], [[0, 4], [3], [1]], 5, [3, 0, 2])
    return slate([[0, 1], [2, 4], [4, 0]]), asked, train(LIKED, 5)


def test_table_and_means_by_hand() -> None:
    """Recall 1/2, 0, 0; lift 1.5/1 - 1, .5/1.5 - 1, undefined; first places hold 0, 2, 4 of five items."""
    results = measure(*world(), METRICS)
    assert results.per_query.columns == ["user_id", "recall@2", "popularity_lift@2"]
    assert results.per_query["user_id"].to_list() == ["u3", "u0", "u2"]
    np.testing.assert_allclose(results.per_query["recall@2"], [0.5, 0, 0])
    np.testing.assert_allclose(results.per_query["popularity_lift@2"], [0.5, -2 / 3, np.nan], rtol=1e-6)
    summary = results.summary(np.random.default_rng(0))
    assert list(summary) == ["recall@2", "popularity_lift@2", "coverage@1"]
    recall, lift = summary["recall@2"], summary["popularity_lift@2"]
    assert recall.mean == pytest.approx(1 / 6)
    assert (recall.low, recall.high, recall.n) == (0, 0.5, 3)
    assert lift.mean == pytest.approx((0.5 - 2 / 3) / 2)
    assert lift.n == 2
    assert summary["coverage@1"] == Estimate(3 / 5, None, None, 3)


def test_candidates_bound_the_system_metrics() -> None:
    """Of the candidates 1 and 4, one stands first somewhere."""
    shown, asked, data = world()
    some = np.array([False, True, False, False, True])
    results = measure(shown, Holdout(asked.queries, asked.truth, asked.users, some), data, METRICS)
    assert results.system == {"coverage@1": 1 / 2}


def test_slices_measure_the_same_slates() -> None:
    """Each group sees the lists of its own users, and of item groups only the truth that is left."""
    slices: dict[str, Slice] = {"history": HistoryLength(), "popularity": ItemPopularity()}
    found = measure_slices(*world(), METRICS, slices)
    table = {
        (name, group): dict(zip(r.per_query["user_id"], r.per_query["recall@2"], strict=True))
        for name, groups in found.items()
        for group, r in groups.items()
    }
    assert table == {
        ("history", "0"): {"u2": 0},
        ("history", "1"): {"u3": 0.5},
        ("history", "2-4"): {"u0": 0},
        ("popularity", "cold"): {"u3": 0, "u0": 0},
        ("popularity", "middle"): {"u2": 0},
        ("popularity", "head"): {"u3": 1},
    }
    cold = found["popularity"]["cold"]
    np.testing.assert_allclose(cold.per_query["popularity_lift@2"], [0.5, -2 / 3], rtol=1e-6)
    assert cold.system == {"coverage@1": 2 / 5}


def test_a_group_may_come_in_any_order() -> None:
    """A slice is free to reorder; lists are found by user."""

    @dataclass(frozen=True)
    class Backwards:
        def cut(self, holdout: Holdout, train: Dataset) -> Mapping[str, Holdout]:  # noqa: ARG002
            return {"all": holdout.take(np.array([2, 1, 0]))}

    whole = measure(*world(), METRICS).per_query
    turned = measure_slices(*world(), METRICS, {"turned": Backwards()})["turned"]["all"].per_query
    assert turned.reverse().equals(whole, null_equal=True)


def test_wrong_slates_are_refused() -> None:
    """Other queries, too short lists, two questions of one user."""
    shown, asked, data = world()
    with pytest.raises(ValueError, match="got 2 for 3"):
        measure(slate([[0, 1], [1, 2]]), asked, data, METRICS)
    with pytest.raises(ValueError, match="recommend 3 items"):
        measure(shown, asked, data, parse_metrics(["ndcg@3"]))
    with pytest.raises(ValueError, match="of one user"):
        measure(shown, Holdout(asked.queries, asked.truth, np.array([3, 0, 3], np.int32)), data, METRICS)


def test_lists_may_be_as_short_as_the_candidates_are_few() -> None:
    """Two candidates cannot fill twenty places."""
    shown, asked, data = world()
    few = Holdout(asked.queries, asked.truth, asked.users, np.array([True, True, False, False, False]))
    assert len(measure(shown, few, data, parse_metrics(["ndcg@20"])).per_query) == 3


def test_no_metrics_is_a_table_of_users() -> None:
    """Nothing to measure is not an error."""
    results = measure(*world(), {})
    assert results.per_query.columns == ["user_id"]
    assert results.summary(np.random.default_rng(0)) == {}


def test_names_in_a_recipe() -> None:
    """With k, without, as a mapping; the label shows what was used."""
    assert parse_metric("ndcg@5") == ("ndcg@5", Ndcg(5))
    assert parse_metric("ndcg") == ("ndcg@20", Ndcg(20))
    assert parse_metric({"coverage": {"k": 7}}) == ("coverage@7", Coverage(7))
    assert list_length(parse_metrics(["ndcg@5", "coverage@7"])) == 7
    assert list_length({}) == 1


@pytest.mark.parametrize("spec", ["ndcg@", "ndcg@0", "ndcg@x", "ndcg@-3", "ndcg@2.5"])
def test_a_bad_length_is_refused(spec: str) -> None:
    """The message shows how it is written."""
    with pytest.raises(ConfigError, match="name@k"):
        parse_metric(spec)


def test_bad_metrics_are_refused() -> None:
    """A length of nothing, and a typing error."""
    with pytest.raises(ConfigError, match="at least 1, got 0"):
        parse_metric({"ndcg": {"k": 0}})
    with pytest.raises(UnknownNameError, match="did you mean 'ndcg'"):
        parse_metric("ncdg@20")
