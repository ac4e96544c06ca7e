"""Small pictures: read back by Pillow, they show what was there."""

import base64
import io
from pathlib import Path

import pytest
from PIL import Image

from cuvee.report.thumbnails import Thumbnail, thumbnail


def decode(made: Thumbnail | None) -> Image.Image:
    assert made is not None
    head, _, body = made.uri.partition(",")
    assert head == "data:image/webp;base64"
    picture = Image.open(io.BytesIO(base64.b64decode(body)))
    assert picture.size == (made.width, made.height)
    return picture.convert("RGB")


def near(found: "float | tuple[int, ...] | None", wanted: tuple[int, int, int]) -> bool:
    assert isinstance(found, tuple)
    return all(abs(a - b) <= 12 for a, b in zip(found, wanted, strict=True))


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "gif"])
def test_fits_the_square_and_keeps_its_shape(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"a.{suffix}"
    Image.new("RGB", (600, 300), (200, 30, 30)).save(file)
    picture = decode(thumbnail(str(file), 100))
    assert picture.size == (100, 50)
    assert near(picture.getpixel((50, 25)), (200, 30, 30))
    Image.new("RGB", (150, 600)).save(file)
    assert decode(thumbnail(str(file), 100)).size == (25, 100)


def test_small_pictures_stay_small(tmp_path: Path) -> None:
    Image.new("L", (20, 30)).save(tmp_path / "a.png")
    assert decode(thumbnail(str(tmp_path / "a.png"), 100)).size == (20, 30)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_is_white(tmp_path: Path, mode: str) -> None:
    picture = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    picture.paste((0, 0, 0, 255), (0, 0, 20, 40))
    picture.convert(mode).save(tmp_path / "a.png")
    found = decode(thumbnail(str(tmp_path / "a.png"), 40))
    assert near(found.getpixel((35, 20)), (255, 255, 255))
    assert near(found.getpixel((5, 20)), (0, 0, 0))


def test_cameras_that_were_held_upright(tmp_path: Path) -> None:
    """Orientation 6: the file lies on its side."""
    picture = Image.new("RGB", (80, 40))
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save(tmp_path / "a.jpg", exif=exif)
    assert decode(thumbnail(str(tmp_path / "a.jpg"), 80)).size == (40, 80)


def test_no_picture(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A file that is missing, no picture or cut off is no picture, and the log says so."""
    whole = io.BytesIO()
    Image.effect_noise((200, 200), 50).save(whole, "PNG")
    (tmp_path / "cut.png").write_bytes(whole.getvalue()[:3000])
    (tmp_path / "text.jpg").write_text("hello")
    for name in ("cut.png", "text.jpg", "missing.jpg"):
        assert thumbnail(str(tmp_path / name), 50) is None
        assert name in caplog.text


def test_same_bytes(tmp_path: Path) -> None:
    Image.effect_noise((200, 100), 50).save(tmp_path / "a.png")
    assert thumbnail(str(tmp_path / "a.png"), 60) == thumbnail(str(tmp_path / "a.png"), 60)
