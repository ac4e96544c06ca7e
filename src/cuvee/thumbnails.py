"""Small pictures that travel inside a page."""

import base64
import io
import logging
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

__all__ = ["Thumbnail", "thumbnail"]

logger = logging.getLogger(__name__)

_QUALITY = 74


@dataclass(frozen=True)
class Thumbnail:
    uri: str
    """`data:image/webp;base64,...`"""
    width: int
    """Pixels."""
    height: int


def thumbnail(path: Path, side: int) -> Thumbnail | None:
    """Return the picture so small that it fits a square of `side` pixels; None where it cannot be read."""
    try:
        with Image.open(path) as opened:
            opened.draft("RGB", (2 * side, 2 * side))  # a JPEG is decoded no larger than that
            picture = _on_white(ImageOps.exif_transpose(opened))
            picture.thumbnail((side, side), Image.Resampling.LANCZOS)
            written = io.BytesIO()
            picture.save(written, "WEBP", quality=_QUALITY, method=4)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        logger.warning("%s: cannot be shown: %s", path, error)
        return None
    uri = "data:image/webp;base64," + base64.b64encode(written.getvalue()).decode("ascii")
    return Thumbnail(uri, *picture.size)


def _on_white(picture: Image.Image) -> Image.Image:
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    seen = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen).convert("RGB")
