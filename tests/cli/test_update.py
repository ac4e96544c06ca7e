"""`cuvee update`: what `Bundle.with_items`, `update` and `refit` do, from files to a new folder."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cuvee.bundle import Bundle, load_bundle, save_bundle
from cuvee.cache import default_cache
from cuvee.encoders.tabular import Tabular
from cuvee.errors import ConfigError, DataError
from cuvee.features import fit_channels
from cuvee.models.content_ease import ContentEase
from cuvee.projection import Projection
from cuvee.queries import queries_of
from cuvee.readers.folder import Folder
from cuvee.recipe import Recipe
from cuvee.splits.random import Random
from cuvee.types import Floats
from tests.cli.test_commands import call, printed
from tests.conftest import make_world

MODEL = ContentEase({"facts": 1.0}, l2=4)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a run whose bundle knows the price of each item, and its picture."""
    monkeypatch.setenv("CUVEE_CACHE", str(tmp_path / "vectors"))
    world = make_world()
    prices = pl.Series("price", np.random.default_rng(0).uniform(1, 9, 23))
    picture = pl.Series("image", ["/gone/a.png"] * 23)
    data = type(world)(
        world.users, world.items, world.events, world.item_table.with_columns(prices, picture), world.user_table
    )
    channels, data = fit_channels(data, {"facts": Tabular(columns=("price",))}, Projection(), default_cache())
    recipe = Recipe(Folder(Path("/gone")), Random(), MODEL)
    bundle = Bundle(recipe, MODEL.fit(data, None, np.random.default_rng(0)), data, channels)
    save_bundle(bundle, tmp_path / "run" / "bundle")
    return tmp_path / "run"


def scores(bundle: Bundle) -> Floats:
    return bundle.model.score(queries_of(bundle.data, np.arange(37, dtype=np.int32)))


def test_items_and_events_and_a_fit(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    (folder / "b.png").write_bytes(b"")
    (folder / "items.csv").write_text("item_id,price,image\n007,8.5,b.png\nlamp,2,../c.png\n")
    (folder / "events.jsonl").write_text('{"user_id": "u04", "item_id": "007", "event": "buy", "timestamp": 5000}\n')
    before = {p.name: p.read_bytes() for p in (run / "bundle").iterdir()}
    given = [str(folder / "items.csv"), str(folder / "events.jsonl")]
    told = printed("update", str(run), "--out", str(tmp_path / "b"), "--items", given[0], "--events", given[1])
    assert told == f"2 new items, 0 new users and 1 new events: {tmp_path / 'b'} has 25 items, 37 users, " + (
        f"{len(make_world().events) + 1} events\n"
    )
    old, new = load_bundle(run), load_bundle(tmp_path / "b")
    tables = [pl.DataFrame({"item_id": ["007", "lamp"], "price": [8.5, 2]}), pl.read_ndjson(given[1])]
    expected = old.with_items(tables[0]).update(tables[1])
    np.testing.assert_array_equal(scores(new), scores(expected))
    assert new.data.item_table["image"][23:].to_list() == [str(folder / "b.png"), None]
    assert new.user("u04").seen[0, 23] == 1
    printed("update", str(tmp_path / "b"), "--out", str(tmp_path / "c"), "--refit")
    np.testing.assert_array_equal(scores(load_bundle(tmp_path / "c")), scores(expected.refit()))
    assert {p.name: p.read_bytes() for p in (run / "bundle").iterdir()} == before


def test_what_cannot_be_is_said(run: Path, tmp_path: Path) -> None:
    known = tmp_path / "items.csv"
    known.write_text("item_id\nx\ni04\n")
    out = tmp_path / "b"
    with pytest.raises(ConfigError, match="nothing to do: give --items FILE, --events FILE or --refit"):
        call("update", str(run), "--out", str(out))
    for folder in (run, run / "bundle"):
        with pytest.raises(ConfigError, match="is the bundle that is read; write to another folder"):
            call("update", str(run), "--out", str(folder), "--refit")
    with pytest.raises(DataError, match=r"items\.csv: new items: row 2, item 'i04' is in the catalogue already"):
        call("update", str(run), "--out", str(out), "--items", str(known))
    assert not out.exists()
