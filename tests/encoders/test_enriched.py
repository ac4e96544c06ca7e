"""Generated text as a modality: the vectors are those that the text encoder gives the same words elsewhere."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cuvee.cache import VectorCache
from cuvee.encoders.enriched import Enriched
from cuvee.encoders.reviews import Reviews
from cuvee.encoders.text import Text
from cuvee.errors import ConfigError, DataError, UnknownNameError
from cuvee.features import encode_table
from cuvee.testing import check_encoder, toy
from cuvee.types import Dataset

DATA = toy()
N = len(DATA.items)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Told of every second item, in an order of its own; one text is empty, one item is not in the catalogue."""
    told = pl.DataFrame(
        {"item_id": DATA.items[::-2], "words": [f"red {n % 3} shirt" for n in range(len(DATA.items[::-2]))]}
    )
    told[2, "words"] = ""
    path = tmp_path / "told.parquet"
    pl.concat([told, pl.DataFrame({"item_id": ["gone"], "words": ["blue"]})]).write_parquet(path)
    return path


def test_equals_the_text_encoder_on_the_joined_words(table: Path, bert: Path, tmp_path: Path) -> None:
    text = Text(("words",), weights=str(bert), precision="float32")
    fitted = Enriched(table, text).fit(DATA, "item")
    words = {row["item_id"]: row["words"] for row in pl.read_parquet(table).to_dicts()}
    plain = pl.DataFrame({"item_id": DATA.items, "words": [words.get(name) for name in DATA.items]})
    direct = text.fit(Dataset(DATA.users, DATA.items, DATA.events, plain, DATA.user_table), "item")
    expected = next(direct.encode(plain))
    found = next(fitted.encode(DATA.item_table))
    assert found.present.tolist() == [bool(words.get(name)) for name in DATA.items]
    np.testing.assert_allclose(found.vectors, expected.vectors, atol=1e-6)
    cache = VectorCache(tmp_path / "cache")
    encode_table(direct, plain, cache)
    known = len(cache.known(direct.fingerprint))
    np.testing.assert_allclose(encode_table(fitted, DATA.item_table, cache).vectors, expected.vectors, atol=1e-6)
    assert len(cache.known(fitted.fingerprint)) == known  # equal words are not encoded twice


def test_keeps_the_contract(table: Path, bert: Path) -> None:
    check_encoder(Enriched(table, Text(("words",), weights=str(bert), precision="float32")), DATA)


def test_what_is_wrong(table: Path, bert: Path) -> None:
    text = Text(("words",), weights=str(bert))
    with pytest.raises(UnknownNameError, match="did you mean 'words'"):
        Enriched(table, Text(("word",), weights=str(bert))).fit(DATA, "item")
    with pytest.raises(ConfigError, match="trained already"):
        Enriched(table, Reviews())
    told = pl.read_parquet(table)
    told.rename({"item_id": "id"}).write_parquet(table)
    with pytest.raises(DataError, match="has no column item_id"):
        Enriched(table, text).fit(DATA, "item")
    pl.concat([told, told[:1]]).write_parquet(table)
    with pytest.raises(DataError, match=f"item_id {told['item_id'][0]!r} is there twice"):
        Enriched(table, text).fit(DATA, "item")
