"""The clips of the demo shop: two seconds in which something moves, in colours that mean nothing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from cuvee.demo.world import MOTIONS, Doubles
from cuvee.films import need_decoder

__all__ = ["frames", "write_clip"]

_SIDE, _RATE, _FRAMES = 96, 8, 16
_THINGS = 12


def write_clip(path: Path, motion: str, rng: np.random.Generator) -> None:
    """Write MPEG-4 without sound."""
    av: Any = need_decoder()
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as file:
        track = file.add_stream("mpeg4", rate=_RATE)
        track.width = track.height = _SIDE
        track.pix_fmt, track.bit_rate, track.thread_count = "yuv420p", 100_000, 1
        for picture in frames(motion, rng):
            file.mux(track.encode(av.VideoFrame.from_image(picture)))
        file.mux(track.encode(None))


@dataclass(frozen=True)
class _Scene:
    """What a clip is drawn with; numbers from 0 to 1."""

    ink: tuple[int, ...]
    speed: float
    """Ways across the picture in a second."""
    x: Doubles
    y: Doubles
    size: Doubles


def frames(motion: str, rng: np.random.Generator) -> Iterator[Image.Image]:
    """Yield the pictures of a clip; its colours, its speed and where it begins are of no consequence."""
    paper, ink = (tuple(int(v) for v in rng.integers(low, high, 3)) for low, high in ((0, 90), (150, 256)))
    scene = _Scene(ink, rng.uniform(0.3, 0.6), *rng.uniform(0, 1, (3, _THINGS)))
    for n in range(_FRAMES):
        picture = Image.new("RGB", (_SIDE, _SIDE), paper)
        _DRAWN[motion](ImageDraw.Draw(picture), scene, n / _RATE)
        yield picture


def _rain(pen: ImageDraw.ImageDraw, scene: _Scene, time: float) -> None:
    """Slanted streaks that fall."""
    for x, y, size in zip(scene.x, (scene.y + 2 * scene.speed * time) % 1.2 - 0.1, scene.size, strict=True):
        pen.line(_scaled(x, y, x - 0.07, y + 0.16 + 0.1 * size), scene.ink, 2)


def _bubbles(pen: ImageDraw.ImageDraw, scene: _Scene, time: float) -> None:
    """Rings that rise."""
    for x, y, size in zip(scene.x, 1.1 - (scene.y + scene.speed * time) % 1.2, scene.size, strict=True):
        r = 0.04 + 0.07 * size
        pen.ellipse(_scaled(x - r, y - r, x + r, y + r), outline=scene.ink, width=2)


def _rays(pen: ImageDraw.ImageDraw, scene: _Scene, time: float) -> None:
    """Beams that turn around the middle."""
    for n in range(7):
        turn = 2 * np.pi * (n / 7 + scene.x[0] + scene.speed * time / 2)
        edge = [(0.5 + 0.8 * np.cos(a), 0.5 + 0.8 * np.sin(a)) for a in (turn, turn + 0.35)]
        pen.polygon(_scaled(0.5, 0.5, *edge[0], *edge[1]), fill=scene.ink)


def _waves(pen: ImageDraw.ImageDraw, scene: _Scene, time: float) -> None:
    """Lines that sway from side to side."""
    x = np.linspace(0, 1, 25)
    for n in range(6):
        y = (n + 0.5) / 6 + 0.05 * np.sin(2 * np.pi * (2 * x + scene.x[0] + 2 * scene.speed * time))
        pen.line(_scaled(*np.stack([x, y], axis=1).ravel()), scene.ink, 3)


def _sparks(pen: ImageDraw.ImageDraw, scene: _Scene, time: float) -> None:
    """Dots that fly apart from the middle."""
    for x, y, size in zip(scene.x, scene.y, scene.size, strict=True):
        for trail in range(5):
            way = 0.75 * ((y + scene.speed * time) % 1) - 0.03 * trail
            a, b, r = 0.5 + way * np.cos(2 * np.pi * x), 0.5 + way * np.sin(2 * np.pi * x), 0.01 + 0.02 * size
            if way > 0:
                pen.ellipse(_scaled(a - r, b - r, a + r, b + r), scene.ink)


def _blocks(pen: ImageDraw.ImageDraw, scene: _Scene, time: float) -> None:
    """Full squares that drift past."""
    for x, y, size in zip((scene.x + scene.speed * time) % 1.4 - 0.3, scene.y, scene.size, strict=True):
        r = 0.12 + 0.14 * size
        pen.rectangle(_scaled(x, 0.8 * y, x + r, 0.8 * y + r), scene.ink)


def _scaled(*places: float) -> list[float]:
    return [float(_SIDE * place) for place in places]


_DRAWN: dict[str, Callable[[ImageDraw.ImageDraw, _Scene, float], None]] = dict(
    zip(MOTIONS, (_rain, _bubbles, _rays, _waves, _sparks, _blocks), strict=True)
)
