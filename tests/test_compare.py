"""What the libraries that we are compared with are told, and that nothing gets past the judge of their lists."""

from pathlib import Path

import compare
import numpy as np
import pytest
from numpy.typing import NDArray
from peers import PATIENCE, Case, K, Watch, lists, ndcg

from cuvee.demo import write_log
from cuvee.errors import DataError
from cuvee.fusion.weighted import Weighted
from cuvee.metrics.ndcg import Ndcg
from cuvee.models.blend import Blend
from cuvee.models.content import Content
from cuvee.models.ease import Ease
from cuvee.models.tuned import Tuned
from cuvee.models.two_tower import TwoTower
from cuvee.queries import holdout
from cuvee.recipe import load_recipe
from cuvee.types import Split
from tests.cases import slate, train, truth

RECIPE = """
reader: {folder: {path: log}}
split: random
encoders: {content: {precomputed: {path: log/content_feat.npy}}}
project: {dim: 8}
model: {blend: {views: [popular]}}
"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Split]:
    folder = tmp_path_factory.mktemp("export")
    write_log(folder / "log", events=1_500)
    (folder / "recipe.yaml").write_text(RECIPE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CUVEE_CACHE", str(folder / "cache"))
        split = compare.export(load_recipe(folder / "recipe.yaml"), folder / "case.npz", "test")
    return folder / "case.npz", split


@pytest.fixture
def case(exported: tuple[Path, Split]) -> Case:
    return Case.load(exported[0])


def test_a_peer_knows_training_validation_and_features(exported: tuple[Path, Split], case: Case) -> None:
    _, split = exported
    np.testing.assert_array_equal(case.liked.toarray(), split.train.liked.toarray())
    np.testing.assert_array_equal(case.seen.toarray(), split.train.matrix.toarray())
    np.testing.assert_array_equal(case.valid.truth.toarray(), split.valid.truth.toarray())
    assert case.valid.users.tolist() == split.valid.users.tolist()
    assert case.tests["test"].users.tolist() == split.tests["test"].users.tolist()
    assert case.features["content"].shape == (30, 8)
    np.testing.assert_array_equal(case.features["content"], split.train.features["item", "content"].vectors)


def test_a_peer_does_not_know_the_test(exported: tuple[Path, Split], case: Case) -> None:
    """No array of the file is about what the test wants: each pair of it is zero in everything with a pair."""
    path, split = exported
    held = split.tests["test"]
    assert {n for n in np.load(path).files if n.startswith("test")} == {"test/users", "test/candidates"}
    assert case.tests["test"].truth is None
    assert held.truth.nnz > 50
    rows, items = held.truth.nonzero()
    assert not np.asarray(case.liked[held.users[rows], items]).any()
    assert not np.asarray(case.seen[held.users[rows], items]).any()


def fame(case: Case) -> NDArray[np.float32]:
    """Return (i,) popularity without ties: which of equals come first is left to each library."""
    counts = np.asarray(case.liked.sum(axis=0), np.float32).ravel()
    return counts + np.linspace(0.5, 0, len(counts), dtype=np.float32)


def popular(case: Case) -> NDArray[np.int32]:
    counts = fame(case)
    return lists(lambda users: np.tile(counts, (len(users), 1)), case, case.tests["test"])


def test_lists_by_brute_force(case: Case) -> None:
    """The best by score that the user has not seen; -1 where nothing is left."""
    counts = fame(case)
    for user, shown in zip(case.tests["test"].users, popular(case), strict=True):
        seen = set(case.seen[user].indices.tolist())
        expected = [i for i in sorted(range(30), key=lambda i: -counts[i]) if i not in seen][:K]
        assert [i for i in shown.tolist() if i >= 0] == expected
        assert shown.tolist()[len(expected) :] == [-1] * (K - len(expected))


def test_the_judge_agrees_with_the_metric_by_definition(exported: tuple[Path, Split], case: Case) -> None:
    held = exported[1].tests["test"]
    shown = popular(case)
    values = compare.judge(shown, held, exported[1])
    for q in range(len(shown)):
        wanted = set(held.truth[[q]].indices.tolist())
        gain = sum(1 / np.log2(r + 2) for r, item in enumerate(shown[q].tolist()) if item in wanted)
        ideal = sum(1 / np.log2(r + 2) for r in range(min(K, len(wanted))))
        assert values["ndcg@20"][q] == pytest.approx(gain / ideal, rel=1e-5)
        assert values["recall@20"][q] == pytest.approx(len(wanted & set(shown[q].tolist())) / len(wanted), rel=1e-5)


def test_the_judge_refuses(exported: tuple[Path, Split], case: Case) -> None:
    split = exported[1]
    held, right = split.tests["test"], popular(case)
    compare.judge(right, held, split)
    first = int(case.seen[held.users[3]].indices[0])
    user = split.train.users[held.users[3]]
    for change, message in (
        (first, f"1 items were seen in training, e.g. in the list of user '{user}'"),
        (int(right[3, 1]), "an item stands twice in a list"),
        (30, r"items are rows 0\.\.29, got 0\.\.30"),
    ):
        wrong = right.copy()
        wrong[3, 0] = change
        with pytest.raises(DataError, match=message):
            compare.judge(wrong, held, split)
    with pytest.raises(DataError, match="lists of shape"):
        compare.judge(right[:, :10], held, split)
    with pytest.raises(DataError, match="lists of shape"):
        compare.judge(right[1:], held, split)


def test_the_judge_refuses_what_is_no_candidate() -> None:
    data = train([[0, 1], [2]], 25)
    held = holdout(data, (np.array([0], np.int32), np.array([5], np.int32)), np.arange(25) < 24)
    split = Split(data, held, {"test": held}, data)
    shown = np.arange(3, 23, dtype=np.int32)[None]
    compare.judge(shown, held, split)
    shown[0, 0] = 24
    with pytest.raises(DataError, match="not among the candidates"):
        compare.judge(shown, held, split)


def test_what_peers_choose_by_is_our_metric() -> None:
    wanted = truth([[1, 4], [7], list(range(22))], 30)
    shown = np.stack([np.arange(20), np.arange(3, 23), np.arange(29, 9, -1)]).astype(np.int32)
    expected = Ndcg(k=20).measure(slate(shown.tolist()), wanted)
    assert ndcg(shown, wanted) == pytest.approx(float(expected.mean()), rel=1e-5)


def test_a_watch_keeps_the_best_and_stops(case: Case) -> None:
    """The second of many looks is the best: patience ends after so many more, and its lists are kept."""
    watch = Watch(case, seconds=1e9)
    truths = np.zeros(case.liked.shape, np.float32)
    truths[case.valid.users] = case.valid.truth.toarray()
    signs = iter([-1, 1, *[-1] * 50])
    while not watch.over:
        sign = next(signs)
        watch.better(lambda users, sign=sign: sign * truths[users])  # type: ignore[misc]
    assert (watch.epoch, watch.epochs) == (2, 2 + PATIENCE)
    assert watch.best == pytest.approx(1)
    assert not watch.cut
    assert set(watch.shown) == {"valid", "test"}


def test_a_watch_cuts(case: Case) -> None:
    watch = Watch(case, seconds=0)
    watch.better(lambda users: np.zeros((len(users), 30), np.float32))
    assert watch.over
    assert watch.cut


def test_the_closed_form_part() -> None:
    """Views that are trained by epochs are left out, inside of others as well."""
    tower = TwoTower(Weighted(("content",)))
    whole = Blend((Ease(), tower, Tuned(tower, {"dim": (8, 16)}), Content({"content": 1})))
    assert compare.closed_form(whole).views == (Ease(), Content({"content": 1}))
    with pytest.raises(DataError, match="no blend"):
        compare.closed_form(Ease())


def test_who_suits_which_set() -> None:
    assert compare.suits("rectools_ease", content=False, cold=False)
    assert not compare.suits("rectools_ease", content=True, cold=True)
    assert compare.suits("sklearn_ridge", content=True, cold=True)
    assert not compare.suits("sklearn_ridge", content=False, cold=False)


def test_every_peer_says_what_it_is() -> None:
    folder = Path(compare.__file__).parent / "peers"
    assert {p.stem for p in folder.glob("*.py")} - {"__init__", "serve"} == set(compare.PEERS)
    needed = (folder.parent / "requirements-peers.txt").read_text()
    assert all(f"{compare.constants(peer)['PACKAGE']}==" in needed for peer in compare.PEERS)


def test_the_strongest_and_the_gain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The strongest is who is best on the test, not on validation; the gain is of the blend over it."""
    monkeypatch.setattr(compare, "SETS", {"made-up": "test"})
    figures = {"blend": (0.5, 0.6), "implicit_knn": (0.3, 0.4), "implicit_als": (0.4, 0.1)}
    for peer, (test, valid) in figures.items():
        (tmp_path / f"{peer}.done").touch()
        (tmp_path / f"{peer}.json").write_text('{"chosen": {"setting": {}, "cpu_s": 1}, "tried": [], "grid_cpu_s": 1}')
        for held, value in (("test", test), ("valid", valid)):
            noise = np.linspace(-0.1, 0.1, 50)[:: 1 if peer == "blend" else -1]
            values = (value + noise).astype(np.float32)
            figures_of = {"ndcg@20": values, "recall@20": values}
            np.savez(tmp_path / f"{peer}.{held}.npz", **figures_of)  # type: ignore[arg-type]
    told = compare.judged("made-up", tmp_path)
    assert told["strongest"] == "implicit_als"
    assert told["users"] == 50
    gain = told["gain"]["blend"]
    assert gain["difference"] == pytest.approx(0.1, abs=1e-6)
    assert gain["low"] < 0.1 < gain["high"]
