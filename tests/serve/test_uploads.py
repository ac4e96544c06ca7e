"""What is uploaded is bounded before it is unpacked, and made anew."""

import io
import os
import struct
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cuvee.errors import DataError
from cuvee.serve.uploads import keep, part_of, sweep

ORIENTATION, GPS, MAKE = 0x0112, 0x8825, 0x010F


def encoded(picture: Image.Image, sort: str = "JPEG", **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, sort, **options)
    return out.getvalue()


def two_halves(width: int = 60, height: int = 40) -> Image.Image:
    """Red on the left, blue on the right."""
    picture = Image.new("RGB", (width, height), "red")
    picture.paste((0, 0, 255), (width // 2, 0, width, height))
    return picture


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width: int, height: int, rows: int) -> bytes:
    """A grey PNG that announces one size and holds so many rows."""
    packer = zlib.compressobj(9)
    row = b"\0" * (width + 1)
    packed = b"".join(packer.compress(row) for _ in range(rows)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def stored(folder: Path, raw: bytes, media_type: str = "image/jpeg", modality: str = "image") -> Path:
    part = part_of(folder)
    part.write_bytes(raw)
    try:
        kept = keep(part, modality, media_type)
    finally:
        assert not part.exists()
    assert (folder / kept.digest).stat().st_size == kept.size
    return folder / kept.digest


def test_a_photograph_is_turned_upright_and_tells_nothing_of_where_it_was_taken(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ORIENTATION], exif[MAKE] = 6, "Secret Camera"  # on its side: to be turned by 90 degrees clockwise
    exif.get_ifd(GPS)[2] = (47.0, 22.0, 33.0)
    raw = encoded(two_halves(), exif=exif, comment=b"Secret comment")
    assert b"Secret Camera" in raw
    path = stored(tmp_path, raw)
    written = path.read_bytes()
    assert b"Secret" not in written
    assert b"Exif" not in written
    with Image.open(path) as picture:
        assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", (40, 60))
        assert not picture.getexif()
        top, bottom = np.asarray(picture)[10, 20], np.asarray(picture)[50, 20]
    assert top[0] > 200 > 50 > top[2]
    assert bottom[2] > 200 > 50 > bottom[0]


def test_what_else_was_in_the_file_is_gone(tmp_path: Path) -> None:
    """A picture that is a page, or an archive, as well."""
    tail = b"<html><script>alert(1)</script></html>PK\x03\x04"
    written = stored(tmp_path, encoded(two_halves()) + tail).read_bytes()
    assert b"script" not in written
    assert b"PK\x03\x04" not in written


def test_the_first_frame_on_white_at_a_bounded_size(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (30, 20), colour) for colour in ("red", "blue")]
    moving = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    with Image.open(stored(tmp_path, moving, "image/gif")) as picture:
        assert (picture.format, getattr(picture, "n_frames", 1)) == ("PNG", 1)
        assert picture.convert("RGB").getpixel((5, 5)) == (255, 0, 0)
    with Image.open(stored(tmp_path, encoded(Image.new("RGBA", (9, 9), (0, 0, 0, 0)), "PNG"), "image/png")) as picture:
        assert picture.getpixel((4, 4)) == (255, 255, 255)
    with Image.open(stored(tmp_path, encoded(two_halves(5_000, 500)))) as picture:
        assert max(picture.size) == 2_048
        assert picture.size[1] == pytest.approx(205, abs=1)


@pytest.mark.parametrize(
    ("raw", "media_type", "told"),
    [
        (encoded(two_halves(400, 400))[:900], "image/jpeg", "cannot be used"),
        (png(50_000, 50_000, 20), "image/png", "DecompressionBomb|pixels are more"),
        (png(11_000, 10_000, 20), "image/png", "pixels are more"),
        (
            b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
            "image/png",
            "not a whole picture",
        ),
        (encoded(two_halves(), "PNG"), "image/jpeg", "not a whole picture in the format JPEG"),
        (encoded(two_halves(), "TIFF"), "image/png", "not a whole picture"),
        (b"", "image/png", "not a whole picture"),
        (b"\x89PNG\r\n\x1a\n", "image/png", "picture"),
        (b"GIF89a" + b"\xff" * 40, "image/gif", "picture"),
    ],
)
@pytest.mark.filterwarnings("ignore:Image size")
def test_what_is_refused(raw: bytes, media_type: str, told: str, tmp_path: Path) -> None:
    start = time.perf_counter()
    with pytest.raises(DataError, match=told):
        stored(tmp_path, raw, media_type)
    assert time.perf_counter() - start < 0.5  # nothing was unpacked
    assert list(tmp_path.iterdir()) == []


def test_sound_is_proved_and_kept_as_it_is(tmp_path: Path) -> None:
    pytest.importorskip("av")
    from tests.test_films import write_wav

    source = Path(write_wav(tmp_path / "tone.wav", np.sin(np.arange(8_000, dtype=np.float32) / 9)[:, None], 8_000))
    folder = tmp_path / "media"
    assert stored(folder, source.read_bytes(), "audio/wav", "audio").read_bytes() == source.read_bytes()
    for modality, media_type in (("audio", "audio/mpeg"), ("video", "video/mp4")):
        with pytest.raises(DataError):
            stored(folder, b"<html>no sound</html>" * 50, media_type, modality)
    with pytest.raises(DataError, match="no pictures"):
        stored(folder, source.read_bytes(), "video/mp4", "video")


def test_files_that_nothing_points_at_are_swept(tmp_path: Path) -> None:
    for name, age in (("wanted", 999), ("old", 999), ("young", 1)):
        (tmp_path / name).write_bytes(b"x")
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    assert sweep(tmp_path, {"wanted"}) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"wanted", "young"}
    assert sweep(tmp_path / "none", set()) == 0
