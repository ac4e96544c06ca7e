"""Uploaded files: proved to be what they say, bounded, pictures made anew, and kept under the digest of their bytes.

Nothing of a request names a file here. What is being written has a name of its own until it is whole.
"""

import hashlib
import os
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkstemp

from PIL import Image

from cuvee.films import read_frames, read_sound
from cuvee.pictures import read_picture

__all__ = ["LARGEST", "SORTS", "Kept", "keep", "part_of", "sweep"]

LARGEST: Mapping[str, int] = {"image": 16 << 20, "audio": 64 << 20, "video": 64 << 20}
"""Modality -> bytes of a file, at most."""

SORTS: Mapping[str, Mapping[str, str]] = {
    "image": {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP", "image/gif": "GIF"},
    "audio": dict.fromkeys(("audio/mpeg", "audio/mp4", "audio/aac", "audio/ogg", "audio/flac", "audio/wav"), ""),
    "video": dict.fromkeys(("video/mp4", "video/webm", "video/quicktime", "video/ogg", "video/x-matroska"), ""),
}
"""Modality -> the media types that are taken, and how Pillow calls those of pictures."""

_SIDE = 2_048
"""Pixels of the longer side of a stored picture, at most."""
_RATE, _SECONDS = 16_000, 10.0
"""Samples a second, and seconds, that are decoded as a proof."""
_YOUNG = 60.0
"""Seconds for which a file that nothing points at is left alone: it may be about to be pointed at."""


@dataclass(frozen=True)
class Kept:
    """A stored file."""

    digest: str
    media_type: str
    size: int
    """Bytes."""


def part_of(folder: Path) -> Path:
    """Return a new empty file beside the stored ones, to be filled and given to `keep`."""
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = mkstemp(dir=folder, suffix=".part")
    os.close(handle)
    return Path(name)


def keep(part: Path, modality: str, media_type: str) -> Kept:
    """Store an uploaded file in its folder and return what it is called now; the part is gone, whatever happens.

    Pictures are decoded under bounds and written anew: upright, in RGB, at most 2,048 pixels a side, the first frame of
    several, without whatever else was in the file. Sound and video are decoded in part and kept as they are.

    Args:
        modality: a key of `SORTS`, and `media_type` one of its types.

    Raises:
        DataError: it is not what it says, damaged, or too large in pixels.
        ConfigError: what decodes sound and video is not installed.
    """
    try:
        if modality == "image":
            media_type = _repainted(part, SORTS["image"][media_type])
        elif modality == "audio":
            read_sound(str(part), _RATE, _SECONDS)
        else:
            read_frames(str(part), 1)
        with part.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
        kept = Kept(digest, media_type, part.stat().st_size)
        part.replace(part.parent / digest)
    finally:
        part.unlink(missing_ok=True)
    return kept


def sweep(folder: Path, wanted: Collection[str]) -> int:
    """Delete the files that nothing points at, but for the youngest; return how many went."""
    gone, now = 0, time.time()
    for path in folder.iterdir() if folder.is_dir() else ():
        try:
            if path.name not in wanted and now - path.stat().st_mtime > _YOUNG:
                path.unlink()
                gone += 1
        except FileNotFoundError:  # another process swept it
            continue
    return gone


def _repainted(part: Path, sort: str) -> str:
    """Write the picture anew in place of the file; return its media type."""
    picture = read_picture(str(part), _SIDE, (sort,))
    picture.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    plain = Image.new("RGB", picture.size)  # takes the pixels and nothing else along
    plain.paste(picture)
    if sort in ("PNG", "GIF"):
        plain.save(part, "PNG")
        return "image/png"
    plain.save(part, "JPEG", quality=90)
    return "image/jpeg"
