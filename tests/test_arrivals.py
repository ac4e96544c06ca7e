"""The contest of known and new items: by hand, against a ranking of all, and the lift against a grid."""

import numpy as np
import pytest

from cuvee.arrivals import Contest, find_lift

NEW = np.array([False, False, False, True, True])


def test_outcome_by_hand() -> None:
    """Known items score 3, 2, 1 and the second is wanted; new ones 1, 0 and the first is wanted."""
    contest = Contest.of(np.array([[3.0, 2.0, 1.0, 1.0, 0.0]], np.float32), np.array([[0, 1, 0, 1, 0]]) > 0, NEW)
    assert contest.outcome(1.0, -10.0) == pytest.approx((1 / np.log2(3), 1.0)), "both are among twenty"
    assert contest.outcome(1.0, 1.5)[0] == pytest.approx(1 / np.log2(4)), "one new item is above it"
    assert contest.outcome(1.0, 5.0)[0] == pytest.approx(1 / np.log2(5)), "two are"


def _contest(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, Contest]:
    rng = np.random.default_rng(seed)
    new = rng.random(120) < 0.3
    scores = rng.normal(0, 1, (50, 120)).astype(np.float32)
    scores[rng.random(scores.shape) < 0.05] = -np.inf
    wanted = (rng.random(scores.shape) < 0.05) & ~np.isneginf(scores)
    wanted[:, [np.flatnonzero(new)[0], np.flatnonzero(~new)[0]]] = True
    wanted &= ~np.isneginf(scores)
    return scores, wanted, new, Contest.of(scores, wanted, new)


@pytest.mark.parametrize(("slope", "lift"), [(1.0, 0.0), (0.5, 1.3), (1.4, -0.7)])
def test_outcome_is_that_of_ranking_everything(slope: float, lift: float) -> None:
    scores, wanted, new, contest = _contest(1)
    moved = np.where(new, np.float32(slope) * scores + np.float32(lift), scores)
    top = np.argsort(-moved, axis=1, kind="stable")[:, :20]
    gain = 1 / np.log2(np.arange(2, 22))
    known, recall = [], []
    for row, mine in zip(top, wanted, strict=True):
        asked = int(mine[~new].sum())
        if asked:
            known.append(float((gain * (mine & ~new)[row]).sum() / gain[:asked].sum()))
        if mine[new].any():
            recall.append(float((mine & new)[row].sum() / mine[new].sum()))
    assert contest.outcome(slope, lift) == pytest.approx((np.mean(known), np.mean(recall)), abs=1e-6)


@pytest.mark.parametrize("room", [0.0, 0.05, 0.3])
def test_the_lift_keeps_what_it_must_and_finds_most(room: float) -> None:
    contest = _contest(2)[3]
    slope, lift = find_lift(contest, room)
    least = contest.outcome(1.0, -np.inf)[0] * (1 - room)
    known, found = contest.outcome(slope, lift)
    assert known >= least - 1e-9
    grid = [contest.outcome(slope, b) for b in np.linspace(-10, 10, 401)]
    allowed_there = [new for kept, new in grid if kept >= least]
    assert found >= max(allowed_there) - 0.02, "no lift at this slope finds clearly more"
