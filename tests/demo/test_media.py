"""A shop with sounds and clips: what they tell, that nothing else tells it, and that a shop without is as it was."""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from PIL import Image
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cuvee.cli.commands.demo import command
from cuvee.demo import world, write_shop
from cuvee.demo.catalogue import make_catalogue, with_media
from cuvee.demo.clips import frames
from cuvee.demo.people import make_people, utility
from cuvee.demo.people import with_media as with_tastes
from cuvee.demo.sounds import sound
from cuvee.demo.world import Doubles, Rows
from cuvee.errors import ConfigError
from cuvee.films import read_frames, read_sound
from tests.demo.conftest import Shop
from tests.demo.test_truth import chi_square, plain_utility
from tests.demo.test_write import digests


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    folder = tmp_path_factory.mktemp("media") / "shop"
    write_shop(folder, seed=3, scale=0.05, media=True)
    return Shop(folder)


@pytest.mark.usefixtures("undrawn")
def test_a_shop_without_media_is_as_it_always_was(tmp_path: Path) -> None:
    """Digests of the first version, which knew no media; whoever changes them raises `FORMAT`."""
    write_shop(tmp_path, seed=7, scale=0.03)
    texts = {n: pl.read_parquet(tmp_path / f"{n}.parquet").write_csv().encode() for n in ("interactions", "items")}
    texts["truth"] = (tmp_path / "truth.json").read_bytes()
    assert {name: hashlib.sha256(text).hexdigest()[:16] for name, text in texts.items()} == {
        "interactions": "1964284db2b90490",
        "items": "ebc75d5ce1cc631b",
        "truth": "eed8288642ec7733",
    }
    assert not {"clips", "sounds"} & {p.name for p in tmp_path.iterdir()}


@pytest.mark.usefixtures("undrawn")
def test_same_parameters_same_bytes_and_nothing_is_left_behind(tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert write_shop(tmp_path / name, seed=7, scale=0.03, media=True)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    assert not write_shop(tmp_path / "a", seed=7, scale=0.03, media=True)
    assert write_shop(tmp_path / "a", seed=7, scale=0.03)
    write_shop(tmp_path / "plain", seed=7, scale=0.03)
    assert digests(tmp_path / "a") == digests(tmp_path / "plain")
    assert not (tmp_path / "a" / "clips").exists()


def test_what_does_not_bear_on_media_stays(shop: Shop, tmp_path: Path) -> None:
    write_shop(tmp_path, seed=3, scale=0.05)
    plain = Shop(tmp_path)
    assert shop.table("items").drop("audio", "video").equals(plain.table("items"))
    for name in ("users", "social", "kg", "kg_item_link"):
        assert shop.table(name).equals(plain.table(name))
    assert {k: v for k, v in shop.truth["items"].items() if k not in ("mood", "motion")} == plain.truth["items"]


def test_the_truth_speaks_of_it(shop: Shop) -> None:
    told = shop.truth
    assert told["parameters"]["media"] is True
    assert told["modalities"]["audio"]["carries"] == ["mood"]
    assert told["modalities"]["video"]["carries"] == ["motion"]
    order = told["utility"]["expected_effect_order"]
    assert order[:7] == ["use", "colour", "pattern", "joint_pair", "mood", "kind", "motion"]
    assert set(told["items"]["mood"]) == set(told["levels"]["mood"]) == set(world.MOODS)
    assert "--media" in (shop.folder / "README.md").read_text(encoding="utf-8")


def test_utility_by_the_formula() -> None:
    """What truth.json says, in plain Python, is what people acted on."""
    catalogue = with_media(make_catalogue(30, world.generator(1, 1)), world.generator(1, 8))
    people = with_tastes(make_people(25, world.generator(1, 2)), world.generator(1, 9))
    attributes = world.attributes(catalogue.levels)
    assert [a.name for a in attributes[-2:]] == ["mood", "motion"]
    told = {
        "utility": {"coefficients": {**{a.name: a.coefficient for a in attributes}, "joint_pair": world.JOINT}},
        "users": {"tastes": people.tastes, "leaning": people.leaning},
        "items": {a.name: [a.levels[n] for n in catalogue.levels[a.name]] for a in attributes},
        "levels": {a.name: list(a.levels) for a in attributes},
        "joint_pair": {"warm": world.COLOURS[:4], "outdoor": world.USES[:4]},
    }
    value = plain_utility(told)
    expected = [[value(u, i) for i in range(30)] for u in range(25)]
    np.testing.assert_allclose(utility(people, catalogue, np.arange(25)[:, None], np.arange(30)), expected, atol=1e-9)


def test_nothing_else_tells_mood_or_motion() -> None:
    catalogue = with_media(make_catalogue(600, world.generator(5, 1)), world.generator(5, 8))
    levels = catalogue.levels
    for name in ("mood", "motion"):
        assert all(chi_square(levels[name], other) < 4 for key, other in levels.items() if key != name)
    assert (~catalogue.media["audio"]).sum() == (~catalogue.media["video"]).sum() == 36
    assert (catalogue.media["audio"] != catalogue.media["video"]).any()


def test_every_file_is_there_and_readable(shop: Shop) -> None:
    items = shop.table("items")
    assert items.columns[-2:] == ["video", "audio"]
    for column, folder in (("video", "clips"), ("audio", "sounds")):
        assert items[column].null_count() == 3
        assert {f"{folder}/{p.name}" for p in (shop.folder / folder).iterdir()} == set(items[column].drop_nulls())
    samples = read_sound(str(shop.folder / items["audio"].drop_nulls()[0]), 8_000, 9)
    assert len(samples) == 16_000
    assert 0.2 < np.abs(samples).max() < 0.95
    assert [f.size for f in read_frames(str(shop.folder / items["video"].drop_nulls()[0]), 2)] == [(96, 96)] * 2


def recognised(rows: list[Doubles], labels: Rows) -> float:
    """Cross-validated accuracy of the nearest neighbours, which know nothing but the level of others."""
    model = make_pipeline(StandardScaler(), KNeighborsClassifier(3))
    return float(cross_val_score(model, np.array(rows), labels, cv=4).mean())


def test_the_sound_tells_the_mood() -> None:
    """Loudness over time by its spectrum, and how much lies in each band: no pitch is named anywhere."""

    def described(samples: Doubles) -> Doubles:
        loudness = np.abs(samples).reshape(-1, 80).mean(axis=1)  # 100 a second
        beats = np.abs(np.fft.rfft(loudness / loudness.mean()))[:40]
        bands = np.array([b.sum() for b in np.array_split(np.abs(np.fft.rfft(samples)), 20)])
        told: Doubles = np.r_[np.log1p(beats), np.log(bands / bands.sum() + 1e-6)]
        return told

    labels = np.repeat(np.arange(len(world.MOODS)), 20)
    rng = np.random.default_rng(0)
    sounds = [sound(world.MOODS[n], rng) for n in labels]
    assert recognised([described(s) for s in sounds], labels) > 0.9
    assert 0.1 < recognised([np.array([np.abs(s).max()]) for s in sounds], labels) < 0.35  # chance is 1 in 6


def test_the_clip_tells_the_motion() -> None:
    """How often neighbouring pixels differ, along and across, still and from frame to frame; colours say nothing."""

    def described(clip: list[Image.Image]) -> Doubles:
        grey = np.array([np.asarray(f.convert("L"), np.float64) for f in clip])
        ink = (grey - grey.min()) / np.ptp(grey) > 0.5
        steps = [np.diff(ink, axis=axis).mean() for axis in range(3)]
        quarters = [q.mean() for half in np.array_split(ink.mean(axis=0), 3) for q in np.array_split(half, 3, axis=1)]
        told: Doubles = np.r_[ink.mean(), np.log(np.array(steps) + 1e-4), quarters]
        return told

    labels = np.repeat(np.arange(len(world.MOTIONS)), 12)
    rng = np.random.default_rng(0)
    clips = [list(frames(world.MOTIONS[n], rng)) for n in labels]
    assert recognised([described(c) for c in clips], labels) > 0.9
    assert recognised([np.asarray(c[0])[0, 0].astype(np.float64) for c in clips], labels) < 0.35
    assert all(np.ptp(np.array([np.asarray(f) for f in c], np.float64), axis=0).max() > 30 for c in clips)  # it moves


def test_the_command_and_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "shop"
    outcome = CliRunner().invoke(command, [str(folder), "--scale", "0.03", "--media"])
    assert outcome.exit_code == 0
    assert "audio" in pl.read_parquet(folder / "items.parquet").columns
    assert json.loads((folder / "truth.json").read_text(encoding="utf-8"))["parameters"]["media"]
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ConfigError, match=r"pip install 'cuvee\[media\]'"):
        write_shop(tmp_path / "new", media=True)
    assert not (tmp_path / "new").exists()
