"""Pictures over HTTP, in front of two processes with an image encoder: shown and ranked by them at once."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import polars as pl
import pytest
from PIL import Image as Pillow

from cuvee.bundle import Bundle, save_bundle
from cuvee.cache import VectorCache
from cuvee.client import Client
from cuvee.encoders.image import Image
from cuvee.features import fit_channels
from cuvee.models.content import Content
from cuvee.projection import Projection
from cuvee.readers.folder import Folder
from cuvee.recipe import Recipe
from cuvee.splits.random import Random
from tests.conftest import make_world
from tests.serve.conftest import Running, running
from tests.serve.test_service import asked, everywhere
from tests.serve.test_uploads import encoded, png
from tests.tiny_networks import save

COLOURS = ("red", "lime", "blue")


def drawn(colour: str, seed: int) -> Pillow.Image:
    """A plain colour with some noise, so that no two pictures are alike."""
    noise = np.random.default_rng(seed).integers(-4, 4, (48, 48, 3))
    plain = np.asarray(Pillow.new("RGB", (48, 48), colour), np.int64)
    return Pillow.fromarray(np.clip(plain + noise, 0, 255).astype(np.uint8))


def tiny_vision(folder: Path) -> str:
    from transformers import ViTConfig, ViTImageProcessor, ViTModel

    config: Any = ViTConfig(
        image_size=24, patch_size=8, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=24
    )
    save(ViTModel(config), folder)
    processor: Any = ViTImageProcessor
    processor(size={"height": 24, "width": 24}).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service whose items are pictures in three colours, item n in colour n mod 3."""
    folder = tmp_path_factory.mktemp("gallery")
    world = make_world()
    paths = [folder / f"{n}.png" for n in range(23)]
    for n, path in enumerate(paths):
        drawn(COLOURS[n % 3], n).save(path)
    table = world.item_table.with_columns(pl.Series("image", [str(path) for path in paths]))
    data = replace(world, item_table=table, features={})
    encoders = {"image": Image(weights=tiny_vision(folder / "network"))}
    channels, data = fit_channels(data, encoders, Projection(), VectorCache(folder / "vectors"))
    model = Content({"image": 1.0})
    fitted = model.fit(data, None, np.random.default_rng(0))
    save_bundle(Bundle(Recipe(Folder(Path("/gone")), Random(), model), fitted, data, channels), folder / "run")
    with running(folder / "run", folder / "service", workers=2) as started:
        yield started


def put(gallery: Running, path: str, content: bytes, media_type: str = "image/png") -> httpx.Response:
    return gallery.client.put(f"/v1/items/{path}", content=content, headers={"Content-Type": media_type})


def test_a_new_item_with_a_photograph_is_recommended_within_a_second(gallery: Running) -> None:
    asked(gallery, items=["i00"])
    for n in range(12):  # each process has its network when it has encoded something
        with httpx.Client(base_url=gallery.client.base_url, headers=gallery.client.headers, timeout=20) as client:
            client.put("/v1/items/i01/media/image/5", content=encoded(drawn("lime", 99 + n)),
                       headers={"Content-Type": "image/jpeg"})  # fmt: skip
    assert gallery.client.delete("/v1/items/i01/media/image/5").status_code == 204
    start = time.monotonic()
    key = gallery.client.headers["authorization"].split()[1]
    with Client(str(gallery.client.base_url), key) as cuvee:
        cuvee.add_items([{"item_id": "sunset", "title": "A sunset"}])
        told = cuvee.upload("sunset", encoded(drawn("red", 50)), "image/jpeg")
    answers = everywhere(gallery, "/v1/recommendations", {"items": ["i00"], "k": 8})
    assert time.monotonic() - start < 1
    assert (told["read"], told["current"], told["media_type"]) == (True, True, "image/jpeg")
    for answer in answers:
        shown = [item["item_id"] for item in answer["items"]]
        assert "sunset" in shown
        assert {name for name in shown if name != "sunset"} <= {f"i{n:02d}" for n in range(0, 23, 3)}  # red ones
    item = gallery.client.get("/v1/items/sunset").json()
    assert item["media"] == ["image/0"]
    assert "image" not in item["attributes"]  # no path leaves the service
    got = gallery.client.get("/v1/items/sunset/media/image/0")
    assert got.headers["content-type"] == "image/jpeg"
    assert got.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in got.headers["content-security-policy"]
    assert len(got.content) == told["size"]


def test_another_photograph_of_an_item_of_the_bundle(gallery: Running) -> None:
    """A red item becomes a blue one, in every process; without its upload it is red again."""

    def like_blue() -> set[bool]:
        answers = everywhere(gallery, "/v1/recommendations", {"items": ["i02"], "k": 7})
        return {"i03" in [item["item_id"] for item in answer["items"]] for answer in answers}

    assert like_blue() == {False}
    changed = put(gallery, "i03/media/image/1", encoded(drawn("blue", 70), "PNG"))
    assert changed.status_code == 200, changed.text
    assert changed.json()["current"]
    assert like_blue() == {True}
    put(gallery, "i03/media/image/0", encoded(drawn("red", 71), "PNG"))  # stands before it
    assert like_blue() == {False}
    assert gallery.client.get("/v1/items/i03").json()["media"] == ["image/0", "image/1"]
    assert gallery.client.delete("/v1/items/i03/media/image/0").status_code == 204
    assert like_blue() == {True}
    assert gallery.client.delete("/v1/items/i03/media/image/1").status_code == 204
    assert like_blue() == {False}
    assert gallery.client.delete("/v1/items/i03/media/image/1").status_code == 404
    assert gallery.client.get("/v1/items/i03/media/image/1").status_code == 404


@pytest.mark.parametrize(
    ("path", "content", "media_type", "status", "told"),
    [
        ("i04/media/image/0", b"", "image/png", 422, "empty"),
        ("i04/media/image/0", png(50_000, 50_000, 20), "image/png", 422, "picture"),
        ("i04/media/image/0", encoded(drawn("red", 1))[:300], "image/jpeg", 422, "picture"),
        ("i04/media/image/0", b"<svg/>", "image/svg+xml", 415, "image/jpeg"),
        ("i04/media/image/0", b"<svg/>", "image/png", 422, "not a whole picture"),
        ("i04/media/image/0", encoded(drawn("red", 1)), "image/png", 422, "PNG"),
        ("i04/media/image/0", b" " * ((16 << 20) + 1), "image/png", 413, "bytes at most"),
        ("i04/media/image/20", b"x", "image/png", 422, "position"),
        ("i04/media/image/-1", b"x", "image/png", 422, "position"),
        ("i04/media/secrets/0", b"x", "image/png", 422, "modality"),
        ("i04/media/image/..%2f..%2fx", b"x", "image/png", 422, ""),
        ("nothing/media/image/0", encoded(drawn("red", 1), "PNG"), "image/png", 404, "nothing"),
    ],
)
def test_what_is_refused(gallery: Running, path: str, content: bytes, media_type: str, status: int, told: str) -> None:
    answer = put(gallery, path, content, media_type)
    assert answer.status_code == status, answer.text
    assert told in answer.text
    assert gallery.client.get("/v1/items/i04").json()["media"] == []
    assert not list((gallery.data / "media").glob("*.part"))


def test_a_large_picture_keeps_nobody_waiting(gallery: Running) -> None:
    """Ninety megapixels are unpacked while others are answered."""
    large = png(10_000, 9_000, 9_000)
    assert len(large) < 200_000
    waits = []
    with ThreadPoolExecutor(1) as pool:
        upload = pool.submit(put, gallery, "i05/media/image/0", large)
        while not upload.done():
            start = time.monotonic()
            assert gallery.client.get("/livez").status_code == 200
            waits.append(time.monotonic() - start)
            time.sleep(0.02)
    assert upload.result().status_code == 200, upload.result().text
    assert max(waits) < 0.6
    assert upload.result().json()["size"] < 100_000
    gallery.client.delete("/v1/items/i05/media/image/0")
