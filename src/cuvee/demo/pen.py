"""A pen for product drawings: neutral parts in their own paint, the rest in the product's colour.

Coordinates run from 0 to 100 across and down. What is drawn later covers what was drawn before.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

__all__ = ["CANVAS", "Ink", "Pen", "Plane", "Points", "smooth"]

CANVAS = 384
"""Pixels a side, about twice what the finished picture shows of it."""

Plane = NDArray[np.float32]
"""(CANVAS, CANVAS), one colour channel or one factor a pixel."""
Points = Sequence[tuple[float, float]]
Ink = float | tuple[int, int, int]
"""A number paints in the product's colour, so many times as bright (.5..1.5); three numbers are their own paint."""

_PER_UNIT = CANVAS / 100
_PLAIN = 160
"""Grey that stands for a brightness of 1."""


class Pen:
    """Draws on four layers at once: where anything is, where it is tinted, how bright there, and other paint."""

    def __init__(self) -> None:
        self.shape = Image.new("L", (CANVAS, CANVAS), 0)
        self.tinted = Image.new("L", (CANVAS, CANVAS), 0)
        self.tone = Image.new("L", (CANVAS, CANVAS), _PLAIN)
        self.paint = Image.new("RGB", (CANVAS, CANVAS))
        self._layers = [ImageDraw.Draw(layer) for layer in (self.shape, self.tinted, self.tone, self.paint)]

    def polygon(self, points: Points, ink: Ink) -> None:
        """Fill a polygon."""
        scaled = [(x * _PER_UNIT, y * _PER_UNIT) for x, y in points]
        for draw, fill in self._fills(ink):
            draw.polygon(scaled, fill=fill)

    def blob(self, points: Points, ink: Ink) -> None:
        """Fill the smooth closed curve through the points."""
        self.polygon(smooth(points, closed=True), ink)

    def ellipse(self, left: float, top: float, right: float, bottom: float, ink: Ink) -> None:
        """Fill an ellipse."""
        box = [v * _PER_UNIT for v in (left, top, right, bottom)]
        for draw, fill in self._fills(ink):
            draw.ellipse(box, fill=fill)

    def box(self, left: float, top: float, right: float, bottom: float, ink: Ink, radius: float = 0.0) -> None:
        """Fill a rectangle with rounded corners."""
        box = [v * _PER_UNIT for v in (left, top, right, bottom)]
        for draw, fill in self._fills(ink):
            draw.rounded_rectangle(box, radius * _PER_UNIT, fill=fill)

    def line(self, points: Points, width: float, ink: Ink) -> None:
        """Draw a line with round ends and joints."""
        scaled = [(x * _PER_UNIT, y * _PER_UNIT) for x, y in points]
        half = width * _PER_UNIT / 2
        for draw, fill in self._fills(ink):
            draw.line(scaled, fill=fill, width=max(1, round(2 * half)), joint="curve")
            for x, y in (scaled[0], scaled[-1]):
                draw.ellipse((x - half, y - half, x + half, y + half), fill=fill)

    def curve(self, points: Points, width: float, ink: Ink) -> None:
        """Draw a smooth line through the points."""
        self.line(smooth(points, closed=False), width, ink)

    def finished(self, cloth: Sequence[Plane]) -> Image.Image:
        """Return the drawing as RGBA, its tinted parts cut out of `cloth`: red, green and blue planes in 0..255."""
        tone = np.asarray(self.tone, np.float32) / np.float32(_PLAIN)
        shaded = [Image.fromarray(np.minimum(plane * tone, 255).astype(np.uint8)) for plane in cloth]
        picture = Image.composite(Image.merge("RGB", shaded), self.paint, self.tinted)
        picture.putalpha(self.shape)
        return picture

    def _fills(self, ink: Ink) -> list[tuple[ImageDraw.ImageDraw, int | tuple[int, int, int]]]:
        if isinstance(ink, tuple):
            fills: list[int | tuple[int, int, int]] = [255, 0, _PLAIN, ink]
        else:
            fills = [255, 255, min(255, round(ink * _PLAIN)), (0, 0, 0)]
        return list(zip(self._layers, fills, strict=True))


def smooth(points: Points, *, closed: bool, steps: int = 8) -> list[tuple[float, float]]:
    """Return a Catmull-Rom curve through the points."""
    p = np.asarray(points, np.float64)
    ends = (p[-1:], p[:2]) if closed else (p[:1], p[-1:])
    p = np.concatenate([ends[0], p, ends[1]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    pieces = []
    for a, b, c, d in zip(p, p[1:], p[2:], p[3:], strict=False):
        pieces.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3))
    if not closed:
        pieces.append(p[-2:-1])
    return [(float(x), float(y)) for x, y in np.concatenate(pieces)]
