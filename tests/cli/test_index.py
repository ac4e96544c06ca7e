"""`cuvee index`: the same model, an index beside it, in a new folder."""

import logging
from pathlib import Path

import numpy as np
import pytest

from cuvee.bundle import Bundle, load_bundle, save_bundle
from cuvee.errors import ConfigError, UnknownNameError
from cuvee.indexes.faiss_ivf import FaissIvf
from cuvee.models.content import Content
from cuvee.readers.folder import Folder
from cuvee.recipe import Recipe
from cuvee.splits.random import Random
from cuvee.types import Dataset
from tests.cli.test_commands import call, printed


@pytest.fixture
def run(world: Dataset, tmp_path: Path) -> Path:
    model = Content({"text": 1.0})
    recipe = Recipe(Folder(Path("/gone")), Random(), model)
    save_bundle(Bundle(recipe, model.fit(world, None, np.random.default_rng(0)), world, ()), tmp_path / "run/bundle")
    return tmp_path / "run"


def test_a_bundle_gets_an_index_and_stays(run: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    before = {p.name: p.read_bytes() for p in (run / "bundle").iterdir()}
    out = tmp_path / "b"
    with caplog.at_level(logging.INFO, logger="cuvee.retrieval"):
        told = printed("index", str(run), "{faiss_ivf: {lists: 3, probes: 3}}", "--out", str(out))
    assert told == f"wrote {out}; next: cuvee serve {out}\n"
    assert "recall@50 1.0000 of 35 users" in caplog.text
    old, new = load_bundle(run), load_bundle(out)
    assert new.recipe.index == FaissIvf(lists=3, probes=3)
    assert new.index is not None
    assert {p.name: p.read_bytes() for p in (run / "bundle").iterdir()} == before
    a, b = (one.recommend(one.items(["i03", "i21"]), 6) for one in (old, new))
    np.testing.assert_array_equal(a.items, b.items)
    np.testing.assert_allclose(a.scores, b.scores, rtol=1e-5)


def test_what_cannot_be(run: Path, tmp_path: Path) -> None:
    for index, out, kind, message in (
        ("faiss", tmp_path / "b", UnknownNameError, "component of indexes 'faiss'; did you mean 'faiss_ivf'"),
        ("{faiss_ivf", tmp_path / "b", ConfigError, "is not valid YAML"),
        ("exact", run, ConfigError, "write to another folder"),
    ):
        with pytest.raises(kind, match=message):
            call("index", str(run), index, "--out", str(out))
    assert not (tmp_path / "b").exists()
