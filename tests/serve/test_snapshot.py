"""The query of a user whose history goes on in the log equals that of a bundle which knew it all along."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cuvee.bundle import Bundle
from cuvee.conditions import fulfilled
from cuvee.errors import DataError
from cuvee.queries import queries_of, with_past
from cuvee.serve.following import Changes, followed, items_table
from cuvee.serve.snapshot import OTHER, Snapshot, snapshot_of, with_states
from cuvee.serve.wishes import Wish
from cuvee.sql.catalogue import Item
from cuvee.sql.shown import Past
from cuvee.types import PAD, Bools, Dataset, Events, Queries


def equal(a: Queries, b: Queries) -> None:
    for part in ("indptr", "indices", "data"):
        np.testing.assert_array_equal(getattr(a.seen, part), getattr(b.seen, part))
    for name in ("history", "history_time", "history_kind"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


@pytest.mark.parametrize("user", [0, 4, 35])
@pytest.mark.parametrize("cut", [0, 3, 200])
def test_a_history_in_two_parts_is_the_history(world: Dataset, user: int, cut: int) -> None:
    """The newest `cut` events of the user come from the log, the others from the bundle."""
    mine = np.flatnonzero(world.events.user == user)
    later = mine[max(len(mine) - cut, 0) :]
    part = np.ones(len(world.events), bool)
    part[later] = False
    older = replace(world, events=world.events.take(part))
    e = world.events.take(later)
    whole = queries_of(world, np.array([user], np.int32))
    equal(with_past(queries_of(older, np.array([user], np.int32)), e.item, e.time, e.kind, e.weight), whole)


def test_the_newest_two_hundred_stand(world: Dataset) -> None:
    n = 300
    e = Events(
        np.zeros(n, np.int32), np.arange(n, dtype=np.int32) % 23, np.arange(n), np.ones(n, np.float32),
        np.zeros(n, np.int8), ("buy",),
    )  # fmt: skip
    nobody = queries_of(replace(world, events=e.take(np.zeros(n, bool))), np.array([0], np.int32))
    found = with_past(nobody, e.item, e.time, e.kind, e.weight)
    equal(found, queries_of(replace(world, events=e), np.array([0], np.int32)))
    assert found.history.shape == (1, 200)


def test_what_the_log_knows(bundle: Path) -> None:
    """Weights by kind, an own weight, a kind nobody knew, an item nobody knew; nothing of who refuses."""
    snapshot = snapshot_of(bundle)
    past = Past(
        personal=True,
        events=(("i01", "view", 5, None), ("i02", "gift", 6, None), ("gone", "buy", 7, None), ("i03", "buy", 8, 0.25)),
    )
    query = snapshot.user("nobody", past)
    kinds = snapshot.bundle.data.events.kinds
    assert query.history.tolist() == [[1, 2, 3]]
    assert [kinds[k] for k in query.history_kind[0]] == ["view", OTHER, "buy"]
    assert query.seen.toarray()[0, :4].tolist() == pytest.approx([0, 0.2, 1.0, 0.25])
    assert len(snapshot.user("u04", Past(personal=True)).seen.indices) > 0
    assert len(snapshot.user("u04", Past(personal=False)).seen.indices) == 0


def test_versions_tell_bundles_apart(bundle: Path, tmp_path: Path) -> None:
    first = snapshot_of(bundle).version
    assert snapshot_of(bundle).version == first
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in bundle.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    assert snapshot_of(copy).version == first
    recipe = copy / "recipe.yaml"
    recipe.write_text(recipe.read_text(encoding="utf-8").replace("seed: 0", "seed: 1"), encoding="utf-8")
    assert snapshot_of(copy).version != first


def test_new_items_are_taken_in_together_and_a_broken_one_keeps_no_other_out(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CUVEE_CACHE", str(tmp_path))
    taken: list[list[str]] = []
    once = Bundle.with_items

    def counted(self: Bundle, table: pl.DataFrame) -> Bundle:
        taken.append(table["item_id"].to_list())
        return once(self, table)

    monkeypatch.setattr(Bundle, "with_items", counted)
    good = [Item(f"new-{n}", {"price": 2.0 + n, "group": "mugs"}, "available") for n in range(4)]
    hidden = Item("new-4", {"price": 1.0}, "hidden")
    first = followed(snapshot_of(bundle), Changes([*good, hidden]), tmp_path)
    assert taken == [[f"new-{n}" for n in range(5)]]
    assert [bool(first.shown[first.bundle.data.item_rows[f"new-{n}"]]) for n in range(5)] == [True] * 4 + [False]
    broken = Item("broken", {"price": "cheap"}, "available")
    second = followed(snapshot_of(bundle), Changes([good[0], broken, good[1]]), tmp_path)
    assert set(second.bundle.data.items[23:]) == {"new-0", "new-1"}
    assert "item broken is stored but cannot be served" in caplog.text


def test_whole_and_broken_numbers_make_one_column_and_other_mixtures_none() -> None:
    def table(*values: object) -> pl.DataFrame:
        return items_table([Item(f"n{n}", {"price": value}, "available") for n, value in enumerate(values)])

    assert table(3, 2.5, None, 4)["price"].to_list() == [3.0, 2.5, None, 4.0]
    assert table(3, 4)["price"].dtype == pl.Int64
    for mixed in ((3, "x"), (True, 2.5), ("x", ["y"])):
        with pytest.raises(DataError, match="'price' are not of one type"):
            table(*mixed)


def test_a_condition_is_looked_up_once_and_hides_nothing_that_it_should_not(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def counted(where: str, table: pl.DataFrame) -> Bools:
        asked.append(where)
        return fulfilled(where, table)

    monkeypatch.setattr("cuvee.serve.snapshot.fulfilled", counted)
    snapshot = snapshot_of(bundle)
    nobody = snapshot.session(np.zeros(0, np.int32))

    def shown(of: Snapshot, where: str) -> set[int]:
        return set(of.answer(nobody, Wish(23, where=where)).items[0].tolist()) - {PAD}

    cheap, mugs = shown(snapshot, "price < 5"), shown(snapshot, 'group == "mugs"')
    assert shown(snapshot, "price < 5") == cheap
    assert asked == ["price < 5", 'group == "mugs"']
    assert cheap == set(np.flatnonzero(fulfilled("price < 5", snapshot.bundle.data.item_table)).tolist()) != mugs
    gone = min(cheap)
    later = with_states(snapshot, {snapshot.bundle.data.items[gone]: "hidden"})
    assert shown(later, "price < 5") == cheap - {gone}
    assert shown(snapshot, "price < 5") == cheap
