"""Image files as RGB pictures; a file that cannot be read safely is None and one warning, never a crash."""

import hashlib
import logging
import struct
import zlib
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from cuvee.errors import DataError

__all__ = ["content_hash", "open_picture", "problem", "read_picture"]

logger = logging.getLogger(__name__)

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
"""What may be opened: plain pictures. Others (EPS, PDF ...) would start programs or are documents."""

_MAX_PIXELS = 100_000_000
"""Larger pictures are refused by their header, before anything is unpacked."""

# what Pillow is known to raise on damaged files, beside OSError
_DAMAGE = (
    OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, ArithmeticError, MemoryError, RuntimeError,
    struct.error, zlib.error, Image.DecompressionBombError, Image.DecompressionBombWarning,
)  # fmt: skip


def content_hash(path: str | None, what: str = "image") -> str:
    """Return a hash of the file's bytes; "" for no path and for a file, called `what`, that cannot be read."""
    if not path:
        return ""
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as error:
        logger.warning("%s %s cannot be read (%s): counted as missing", what, path, error)
        return ""


def open_picture(path: str, side: int) -> Image.Image | None:
    """Return the picture upright and in RGB, transparency on white; at least `side` pixels where the file has them.

    None, and a warning that names the file, where it is damaged, not a picture, or too large.
    """
    try:
        return _opened(path, side)
    except _DAMAGE as error:
        logger.warning("image %s cannot be used (%s: %s): counted as missing", path, type(error).__name__, error)
        return None


def read_picture(path: str, side: int, formats: tuple[str, ...] = _FORMATS) -> Image.Image:
    """Return what `open_picture` does, of a file in one of some formats (Pillow's names).

    Raises:
        DataError: it is damaged, in another format, not a picture, or too large; without the path.
    """
    try:
        return _opened(path, side, formats)
    except UnidentifiedImageError as error:
        raise DataError(f"not a whole picture in the format {' or '.join(formats)}") from error
    except _DAMAGE as error:
        raise DataError(f"a picture that cannot be used: {type(error).__name__}: {error}") from error


def problem(path: str) -> str:
    """Return why `open_picture` cannot use the file, "" where it can."""
    try:
        _opened(path, 16)
    except _DAMAGE as error:
        return f"{type(error).__name__}: {error}"
    return ""


def _opened(path: str, side: int, formats: tuple[str, ...] = _FORMATS) -> Image.Image:
    with Image.open(path, formats=formats) as image:
        width, height = image.size
        if width * height > _MAX_PIXELS:
            raise ValueError(f"{width} x {height} pixels are more than {_MAX_PIXELS}")
        image.draft("RGB", (2 * side, 2 * side))  # a JPEG is unpacked at half, a quarter ... where that suffices
        return _rgb(ImageOps.exif_transpose(image))


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return image.convert("RGB")
