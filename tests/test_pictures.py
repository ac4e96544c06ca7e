import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cuvee import pictures
from cuvee.pictures import content_hash, open_picture


def test_transparency_is_white(tmp_path: Path) -> None:
    layer = np.zeros((2, 2, 4), np.uint8)
    layer[0, 0] = (200, 10, 20, 255)
    Image.fromarray(layer).save(tmp_path / "clear.png")
    found = open_picture(str(tmp_path / "clear.png"), 8)
    assert found is not None
    assert found.mode == "RGB"
    assert found.getpixel((0, 0)) == (200, 10, 20)
    assert found.getpixel((1, 1)) == (255, 255, 255)


@pytest.mark.parametrize("mode", ["L", "P", "1", "CMYK", "LA", "I;16"])
def test_every_mode_becomes_rgb(mode: str, tmp_path: Path) -> None:
    path = tmp_path / f"x.{'tiff' if mode in ('CMYK', 'I;16') else 'png'}"
    Image.new(mode, (5, 3)).save(path)
    found = open_picture(str(path), 8)
    assert found is not None
    assert (found.mode, found.size) == ("RGB", (5, 3))


def test_camera_orientation_is_undone(tmp_path: Path) -> None:
    """Orientation 6: the camera was turned, the file's left edge is the top."""
    picture = Image.new("RGB", (40, 20), "black")
    picture.paste("white", (0, 0, 20, 20))
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.save(tmp_path / "turned.png", exif=exif)
    found = open_picture(str(tmp_path / "turned.png"), 8)
    assert found is not None
    assert found.size == (20, 40)
    assert found.getpixel((10, 5)) == (255, 255, 255)
    assert found.getpixel((10, 35)) == (0, 0, 0)


def test_a_large_jpeg_is_unpacked_small_and_a_small_one_whole(tmp_path: Path) -> None:
    Image.new("RGB", (1600, 1200), "teal").save(tmp_path / "large.jpg")
    Image.new("RGB", (160, 120), "teal").save(tmp_path / "small.jpg")
    large, small = (open_picture(str(tmp_path / n), 100) for n in ("large.jpg", "small.jpg"))
    assert large is not None
    assert small is not None
    assert 200 <= min(large.size) < 1200
    assert small.size == (160, 120)


def png(width: int, height: int) -> bytes:
    """Return a PNG that claims a size and holds almost nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


BROKEN = {
    "bomb.png": png(60_000, 60_000),
    "half-bomb.png": png(11_000, 10_000),
    "short.png": png(90, 70),
    "text.jpg": b"not a picture",
    "empty.png": b"",
    "start.jpg": b"\xff\xd8\xff\xe0\x00\x10JFIF",
    "program.jpg": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
}


@pytest.mark.parametrize("name", BROKEN)
def test_unusable_files_are_none_and_named_once(name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / name
    path.write_bytes(BROKEN[name])
    assert open_picture(str(path), 224) is None
    assert [str(path) in record.getMessage() for record in caplog.records] == [True]
    assert len(content_hash(str(path))) == 64


def test_only_listed_formats_are_opened(tmp_path: Path) -> None:
    Image.new("RGB", (9, 9)).save(tmp_path / "a.ppm")
    shutil.copy(tmp_path / "a.ppm", tmp_path / "a.jpg")
    assert open_picture(str(tmp_path / "a.ppm"), 8) is None
    assert open_picture(str(tmp_path / "a.jpg"), 8) is None


def test_too_many_pixels_are_refused_by_the_header(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    Image.new("RGB", (30, 21)).save(tmp_path / "a.png")
    monkeypatch.setattr(pictures, "_MAX_PIXELS", 630)
    assert open_picture(str(tmp_path / "a.png"), 8) is not None
    monkeypatch.setattr(pictures, "_MAX_PIXELS", 629)
    assert open_picture(str(tmp_path / "a.png"), 8) is None
    assert "30 x 21" in caplog.text


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's own, about the damage
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "gif", "tiff", "bmp"])
def test_damage_anywhere_never_crashes(suffix: str, tmp_path: Path) -> None:
    """Bytes changed and cut at random: a picture or None, nothing else."""
    rng = np.random.default_rng(0)
    whole = tmp_path / f"whole.{suffix}"
    Image.fromarray(rng.integers(0, 256, (9, 11, 3)).astype(np.uint8)).save(whole)
    path = tmp_path / f"damaged.{suffix}"
    for _ in range(60):
        data = bytearray(whole.read_bytes()[: rng.integers(1, 4000)])
        for at in rng.integers(0, len(data), rng.integers(1, 6)):
            data[at] = rng.integers(256)
        path.write_bytes(data)
        found = open_picture(str(path), 64)
        assert found is None or found.mode == "RGB"


@pytest.mark.parametrize("path", [None, "", "nowhere/at-all.jpg", "nul\0byte.jpg", "."])
def test_no_file_no_content(path: str | None) -> None:
    assert content_hash(path) == ""
