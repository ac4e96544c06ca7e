import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from cuvee.examples import Target
from cuvee.ranking.label_metrics import (
    auc,
    auc_gain,
    by_class,
    calibration_error,
    chosen_by,
    quality,
    reliability,
    report,
)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=40))
def test_auc_is_that_of_scikit_learn(rows: list[tuple[bool, int]]) -> None:
    """Of few different scores, so that ties are many."""
    labels, scores = np.array([r[0] for r in rows]), np.array([r[1] for r in rows], np.float32)
    if len(set(labels.tolist())) < 2:
        assert np.isnan(auc(labels, scores))
    else:
        assert auc(labels, scores) == pytest.approx(roc_auc_score(labels, scores))


def test_quality_by_hand() -> None:
    labels = np.array([1, 0, 1, 0], np.float32)
    likely = np.array([0.9, 0.6, 0.4, 0.2], np.float32)
    found = quality(labels, np.stack([1 - likely, likely], axis=1), Target())
    assert found["auc"] == pytest.approx(3 / 4)
    assert found["accuracy"] == 0.5
    assert found["log_loss"] == pytest.approx(-np.log([0.9, 0.4, 0.4, 0.8]).mean(), rel=1e-5)
    assert found["ece"] == pytest.approx((0.1 + 0.6 + 0.6 + 0.2) / 4, rel=1e-5)
    assert chosen_by(found) == found["auc"]
    rating = quality(np.array([1, 5], np.float32), np.array([[2.0], [3.0]], np.float32), Target("rating"))
    assert rating == {"rmse": pytest.approx(np.sqrt(2.5)), "mae": 1.5}
    assert chosen_by(rating) == -rating["rmse"]


def test_bins_by_hand() -> None:
    labels, likely = np.array([1, 0, 1, 1]), np.array([0.72, 0.78, 1.0, 0.05], np.float32)
    told = [(b.low, round(b.told, 3), b.came, b.n) for b in reliability(labels, likely)]
    assert told == [(0.0, 0.05, 1.0, 1), (0.7, 0.75, 0.5, 2), (0.9, 1.0, 1.0, 1)]
    assert calibration_error(labels, likely) == pytest.approx((0.95 + 2 * 0.25 + 0) / 4, rel=1e-5)


def test_the_report_by_hand() -> None:
    found = np.eye(3, dtype=np.float32)[[0, 0, 1, 1]]
    told = report(np.array([0, 1, 1, 1], np.float32), found)
    assert told["0"] == {"precision": 0.5, "recall": 1.0, "f1-score": pytest.approx(2 / 3), "support": 1}
    assert told["1"] == {"precision": 1.0, "recall": pytest.approx(2 / 3), "f1-score": 0.8, "support": 3}
    assert told["2"]["support"] == 0
    each = by_class(np.array([0, 1, 1, 1], np.float32), found)
    assert (each["precision_0"], each["f1_1"], each["recall_2"], len(each)) == (0.5, 0.8, 0.0, 9)
    assert by_class(np.zeros(2, np.float32), np.zeros((2, 1), np.float32)) == {}
    assert set(told) == {"0", "1", "2", "macro avg", "weighted avg"}


def test_a_gain_by_users() -> None:
    """A bootstrap of users by a plain loop, and an interval that is wider than that of examples."""
    rng = np.random.default_rng(0)
    users = np.repeat(np.arange(20), 15).astype(np.int32)
    labels = rng.random(300) < 0.5
    own = np.repeat(rng.normal(0, 1, 20), 15)
    a = (labels + rng.normal(0, 1, 300) + own * labels).astype(np.float32)
    b = (0.5 * labels + rng.normal(0, 1, 300)).astype(np.float32)
    gain = auc_gain(labels, a, b, users, np.random.default_rng(1))
    assert gain.difference == pytest.approx(roc_auc_score(labels, a) - roc_auc_score(labels, b))
    drawn = []
    for _ in range(120):
        rows = np.concatenate([np.flatnonzero(users == u) for u in rng.integers(0, 20, 20)])
        drawn.append(roc_auc_score(labels[rows], a[rows]) - roc_auc_score(labels[rows], b[rows]))
    assert (gain.low, gain.high) == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])), abs=0.03)
    alone = auc_gain(labels, a, b, np.arange(300, dtype=np.int32), np.random.default_rng(1))
    assert gain.high - gain.low > alone.high - alone.low
    same = auc_gain(labels, a, a, users, np.random.default_rng(1))
    assert (same.difference, same.low, same.high) == (0, 0, 0)
