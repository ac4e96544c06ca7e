"""Small pictures that travel inside a page."""

import base64
import io
from dataclasses import dataclass

from PIL import Image

from cuvee.pictures import open_picture

__all__ = ["Thumbnail", "thumbnail"]

_QUALITY = 74


@dataclass(frozen=True)
class Thumbnail:
    uri: str
    """`data:image/webp;base64,...`"""
    width: int
    """Pixels."""
    height: int


def thumbnail(path: str, side: int) -> Thumbnail | None:
    """Return the picture so small that it fits a square of `side` pixels; None where it cannot be read."""
    picture = open_picture(path, side)
    if picture is None:
        return None
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    written = io.BytesIO()
    picture.save(written, "WEBP", quality=_QUALITY, method=4)
    uri = "data:image/webp;base64," + base64.b64encode(written.getvalue()).decode("ascii")
    return Thumbnail(uri, *picture.size)
