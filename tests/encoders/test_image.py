import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image as Pillow
from PIL import ImageDraw

from cuvee import weights
from cuvee.efficientnet_lite0 import EfficientNetLite0
from cuvee.encoders import image as module
from cuvee.encoders.image import FittedImage, Image
from cuvee.errors import DataError, UnknownNameError
from cuvee.pictures import open_picture
from cuvee.types import Dataset, Embeddings, Floats
from tests.tiny_networks import save


def encode(fitted: FittedImage, paths: Sequence[str | None]) -> Embeddings:
    blocks = list(fitted.encode(pl.DataFrame({"image": paths}, schema={"image": pl.String})))
    return Embeddings(np.concatenate([b.vectors for b in blocks]), np.concatenate([b.present for b in blocks]))


def fitted(folder: Path) -> FittedImage:
    return FittedImage(Image(precision="float32"), folder)


@pytest.fixture(scope="session")
def lite0(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """EfficientNet-Lite0 with random weights."""
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("lite0")
    generator = torch.Generator().manual_seed(0)
    state = EfficientNetLite0().state_dict()
    for name, tensor in state.items():
        if "running_var" in name or (".weight" in name and tensor.ndim == 1):
            tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)
        elif tensor.is_floating_point():
            fan = tensor[0].numel() if tensor.ndim > 1 else 1
            tensor.copy_(torch.randn(tensor.shape, generator=generator) * (2 / fan) ** 0.5)
    save_file(state, folder / "model.safetensors")
    (folder / "config.json").write_text('{"model_type": "efficientnet_lite0"}')
    return folder


@pytest.fixture
def pictures(tmp_path: Path) -> list[str]:
    """Seven different pictures of uneven sizes and formats."""
    rng = np.random.default_rng(0)
    paths = []
    for row, (name, size) in enumerate(
        [("a.jpg", (85, 128)), ("b.png", (300, 40)), ("c.webp", (32, 32)), ("d.jpg", (900, 700)), ("e.gif", (50, 60)),
         ("f.bmp", (24, 24)), ("g.tiff", (41, 37))]
    ):  # fmt: skip
        colours = rng.integers(0, 256, (1 + row, 2 + row, 3)).astype(np.uint8)
        Pillow.fromarray(colours).resize(size, Pillow.Resampling.BICUBIC).save(tmp_path / name)
        paths.append(str(tmp_path / name))
    return paths


@pytest.mark.parametrize("name", ["vit", "clip"])
def test_equals_a_plain_loop(
    name: str, pictures: list[str], request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks of four rows: a picture shown twice and missing ones fall into different blocks."""
    folder: Path = request.getfixturevalue(name)
    monkeypatch.setattr(module, "_BLOCK", 4)
    monkeypatch.setitem(module._BATCH, "cpu", 2)
    small = [p for p in pictures if not p.endswith("d.jpg")]  # a large JPEG may be unpacked at a fraction
    rows = [small[0], None, small[1], small[0], "", *small[2:]]
    found = encode(fitted(folder), rows)
    assert found.present.tolist() == [bool(r) for r in rows]
    expected = {path: plain(folder, path) for path in small}
    for vector, path in zip(found.vectors, rows, strict=True):
        np.testing.assert_allclose(vector, expected[path] if path else 0, atol=2e-5)


def plain(folder: Path, path: str) -> Floats:
    """Encode one picture as a model's card would."""
    from transformers import AutoImageProcessor, AutoModel

    processor: Any = AutoImageProcessor
    with Pillow.open(path) as picture:
        pixels = processor.from_pretrained(folder)(picture.convert("RGB"), return_tensors="pt")["pixel_values"]
    network: Any = AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        if hasattr(network, "get_image_features"):
            return np.asarray(network.get_image_features(pixels).pooler_output[0].numpy(), np.float32)
        return np.asarray(network(pixels).last_hidden_state[0, 0].numpy(), np.float32)


def test_a_trained_pooling_layer_is_used(tmp_path: Path, pictures: list[str]) -> None:
    from transformers import AutoModel, ViTConfig, ViTImageProcessor, ViTModel

    config: Any = ViTConfig(
        image_size=24, patch_size=8, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=24
    )
    save(ViTModel(config), tmp_path)
    processor: Any = ViTImageProcessor
    processor(size={"height": 24, "width": 24}).save_pretrained(tmp_path)
    with Pillow.open(pictures[0]) as picture:
        pixels = processor.from_pretrained(tmp_path)(picture, return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        expected = AutoModel.from_pretrained(tmp_path).eval()(pixels).pooler_output[0].numpy()
    np.testing.assert_allclose(encode(fitted(tmp_path), pictures[:1]).vectors[0], expected, atol=2e-5)


def test_efficientnet_lite0_layer_by_layer(lite0: Path, pictures: list[str]) -> None:
    """Written out again from the names of the weights: no folding, no modules, padding as TensorFlow's SAME says."""
    found = encode(fitted(lite0), [pictures[0]]).vectors[0]
    with Pillow.open(pictures[0]) as picture:
        pixels = module._squared(picture.convert("RGB"))
    expected = by_hand(lite0, torch.from_numpy(pixels)[None])
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())


def by_hand(folder: Path, x: torch.Tensor) -> Floats:
    from safetensors.torch import load_file

    w = load_file(folder / "model.safetensors")

    def layer(x: torch.Tensor, convolution: str, norm: str, stride: int = 1, *, act: bool = True) -> torch.Tensor:
        kernel = w[f"{convolution}.weight"]
        size, n = kernel.shape[-1], x.shape[-1]
        room = max((int(np.ceil(n / stride)) - 1) * stride + size - n, 0)
        before, after = room // 2, room - room // 2
        x = torch.nn.functional.pad(x, (before, after, before, after))
        groups = x.shape[1] if kernel.shape[1] == 1 else 1
        x = torch.nn.functional.conv2d(x, kernel, stride=stride, groups=groups)
        part = [w[f"{norm}.{p}"][:, None, None] for p in ("running_mean", "running_var", "weight", "bias")]
        x = (x - part[0]) / torch.sqrt(part[1] + 1e-3) * part[2] + part[3]
        return x.clamp(0, 6) if act else x

    x = layer(x, "_conv_stem", "_bn0", 2)
    for row in range(16):
        y, name = x, f"_blocks.{row}."
        if row > 0:
            y = layer(y, name + "_expand_conv", name + "_bn0")
        y = layer(y, name + "_depthwise_conv", name + "_bn1", 2 if row in (1, 3, 5, 11) else 1)
        y = layer(y, name + "_project_conv", name + "_bn2", act=False)
        x = x + y if x.shape == y.shape else y
    return np.asarray(layer(x, "_conv_head", "_bn1").mean((2, 3))[0].numpy(), np.float32)


def test_lite0_reads_the_whole_picture_in_its_proportions() -> None:
    """56 x 112 black becomes 112 x 224 between white margins; black is -127 / 128 and white is 1."""
    pixels = module._squared(Pillow.new("RGB", (56, 112), "black"))
    assert pixels.shape == (3, 224, 224)
    assert set(pixels[:, :, :56].ravel()) == set(pixels[:, :, 168:].ravel()) == {1.0}
    assert set(pixels[:, :, 56:168].ravel()) == {np.float32(-127 / 128)}


def test_a_picture_shown_twice_is_read_once(vit: Path, pictures: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def spy(path: str, side: int) -> Pillow.Image | None:
        opened.append(path)
        return open_picture(path, side)

    monkeypatch.setattr(module, "open_picture", spy)
    encode(fitted(vit), [pictures[0], pictures[1], pictures[0], None])
    assert sorted(opened) == sorted(pictures[:2])


def test_a_vector_is_its_pictures_own(lite0: Path, pictures: list[str]) -> None:
    encoder = fitted(lite0)
    together = encode(encoder, [None, *pictures[:3], pictures[0]])
    alone = encode(encoder, [pictures[0]])
    np.testing.assert_allclose(together.vectors[1], alone.vectors[0], rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(together.vectors[1], together.vectors[4])
    assert not together.present[0]
    assert not together.vectors[0].any()


def test_damaged_files_are_missing_and_named(
    vit: Path, pictures: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(Path(pictures[3]).read_bytes()[:400])
    gone, rows = str(tmp_path / "gone.jpg"), [pictures[0], str(cut), pictures[1]]
    found = encode(fitted(vit), [*rows, gone])
    assert found.present.tolist() == [True, False, True, False]
    assert not found.vectors[~found.present].any()
    for path in (str(cut), gone):
        assert sum(path in record.getMessage() for record in caplog.records) == 1


def test_contents_are_the_bytes_not_the_name(vit: Path, pictures: list[str], tmp_path: Path) -> None:
    same = tmp_path / "same.jpg"
    shutil.copy(pictures[0], same)
    rows = [pictures[0], str(same), pictures[1], None, "", str(tmp_path / "gone.jpg")]
    contents = fitted(vit).contents(pl.DataFrame({"image": rows}))
    assert contents[0] == contents[1] != contents[2]
    assert contents[3:] == ["", "", ""]
    assert fitted(vit).contents(pl.DataFrame({"title": ["x"]})) == [""]


def test_fingerprint_follows_weights_and_precision(vit: Path, lite0: Path) -> None:
    assert fitted(vit).fingerprint == replace(fitted(vit), parameters=Image("photo", precision="float32")).fingerprint
    assert fitted(vit).fingerprint != replace(fitted(vit), parameters=Image(precision="bfloat16")).fingerprint
    assert fitted(vit).fingerprint != fitted(lite0).fingerprint


def test_bfloat16_stays_close(lite0: Path, pictures: list[str]) -> None:
    wide = encode(fitted(lite0), pictures[:2]).vectors
    close = encode(FittedImage(Image(precision="bfloat16"), lite0), pictures[:2]).vectors
    cosine = (wide * close).sum(1) / np.linalg.norm(wide, axis=1) / np.linalg.norm(close, axis=1)
    assert cosine.min() > 0.99
    assert not np.array_equal(wide, close)


def test_fit_names_the_column_that_is_missing(world: Dataset, vit: Path) -> None:
    with pytest.raises(UnknownNameError, match="'image'"):
        Image(weights=str(vit)).fit(world, "item")
    assert Image("title", weights=str(vit)).fit(world, "item").folder == vit


def test_folders_that_do_not_hold_the_network(bert: Path, lite0: Path, tmp_path: Path, pictures: list[str]) -> None:
    with pytest.raises(DataError, match="no image processor"):
        encode(fitted(bert), pictures[:1])
    shutil.copytree(lite0, tmp_path / "cut")
    (tmp_path / "cut" / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(DataError, match="EfficientNet-Lite0"):
        encode(fitted(tmp_path / "cut"), pictures[:1])


@pytest.mark.weights
def test_efficientnet_knows_what_is_alike(tmp_path: Path) -> None:
    """Two round red things, drawn differently, are closer than either is to blue stripes."""
    for name, box in (("ball", (40, 40, 180, 180)), ("apple", (60, 50, 210, 190))):
        picture = Pillow.new("RGB", (240, 240), "white")
        ImageDraw.Draw(picture).ellipse(box, fill="red", outline="darkred", width=4)
        picture.save(tmp_path / f"{name}.png")
    picture = Pillow.new("RGB", (240, 240), "white")
    for left in range(0, 240, 24):
        ImageDraw.Draw(picture).rectangle((left, 0, left + 10, 240), fill="blue")
    picture.save(tmp_path / "stripes.png")
    paths = [str(tmp_path / f"{name}.png") for name in ("ball", "apple", "stripes")]
    vectors = encode(fitted(weights.resolve("efficientnet-lite0")), paths).vectors
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    assert vectors.shape == (3, 1280)
    assert unit[0] @ unit[1] > 0.7 > unit[0] @ unit[2]
