"""Product pictures, drawn: a kind in a colour with a pattern, in one of several poses and forms before a plain wall."""

import colorsys
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from cuvee.demo import world
from cuvee.demo.pen import CANVAS, Pen, Plane
from cuvee.demo.silhouettes import SILHOUETTES

__all__ = ["SIDE", "draw"]

SIDE = 224
"""Pixels a side of a finished picture."""

_HUES: dict[str, tuple[float, float, float]] = {
    "red": (0.995, 0.78, 0.80),
    "orange": (0.075, 0.85, 0.93),
    "yellow": (0.140, 0.78, 0.95),
    "pink": (0.925, 0.50, 0.93),
    "green": (0.345, 0.62, 0.60),
    "teal": (0.485, 0.68, 0.66),
    "blue": (0.600, 0.72, 0.76),
    "violet": (0.760, 0.55, 0.70),
}
"""Hue, saturation, value."""
_WALLS = ((236, 234, 230), (226, 228, 231), (240, 236, 228), (218, 217, 214))
_BREATH = 0.4
"""Share of the product's colour in the wall behind it."""
_FORMS = 4


def draw(kind: str, colour: str, pattern: str, variant: int) -> Image.Image:
    """Return the picture; the same four words always give the same one."""
    rng = np.random.default_rng([list(_HUES).index(colour), world.KINDS.index(kind), variant])
    pen = Pen()
    SILHOUETTES[kind](pen, (variant + world.KINDS.index(kind)) % _FORMS)
    shade = _shade(colour, rng)
    product = pen.finished(_cloth(shade, pattern, variant))
    if rng.random() < 0.5:
        product = product.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    turn, side = float(rng.uniform(-5, 5)), round(SIDE * float(rng.uniform(0.8, 0.92)))
    product = product.resize((side, side), Image.Resampling.BOX, reducing_gap=1.0)
    product = product.rotate(turn, Image.Resampling.BILINEAR)
    wall = _wall(_WALLS[int(rng.integers(len(_WALLS)))], shade)
    return _staged(product, wall, float(rng.uniform(-0.03, 0.03)))


def _shade(colour: str, rng: np.random.Generator) -> tuple[float, float, float]:
    hue, saturation, value = _HUES[colour]
    hue = (hue + rng.uniform(-0.012, 0.012)) % 1
    return colorsys.hsv_to_rgb(hue, saturation * rng.uniform(0.92, 1.05), value * rng.uniform(0.93, 1.04))


def _cloth(shade: tuple[float, float, float], pattern: str, variant: int) -> list[Plane]:
    """Return a canvas full of the colour, its pattern in a lighter shade of the same, lit from the upper left."""
    dark, light = _woven(pattern, variant % 2)
    return [dark * np.float32(part * 255) + light for part in shade]


@lru_cache(maxsize=16)
def _woven(pattern: str, size: int) -> tuple[Plane, Plane]:
    """Return what to multiply the colour with and what white to add."""
    whiter, lit = 0.6 * _pattern(pattern, size), _light()
    return (1 - whiter) * lit, 255 * whiter * lit


def _pattern(pattern: str, size: int) -> Plane:
    """Return numbers in 0..1: how far towards the lighter shade."""
    y, x = np.mgrid[0:CANVAS, 0:CANVAS]
    step = (38, 52)[size]
    if pattern == "stripes":
        field = (x + 0.25 * y) % step < step * 0.36
    elif pattern == "dots":
        across, down = (x + (y // step % 2) * step / 2) % step - step / 2, y % step - step / 2
        field = np.hypot(across, down) < step * 0.24
    elif pattern == "check":
        field = 0.5 * (x % step < step / 2) + 0.5 * (y % step < step / 2)
    else:
        field = np.zeros((CANVAS, CANVAS))
    return np.asarray(field, np.float32)


def _light() -> Plane:
    """Return factors around 1: brighter towards the upper left, darker at the lower right."""
    y, x = np.mgrid[0:CANVAS, 0:CANVAS] / CANVAS
    return np.asarray(1.14 - 0.2 * x - 0.14 * y, np.float32)


def _wall(plain: tuple[int, int, int], shade: tuple[float, float, float]) -> Image.Image:
    """Return a wall that turns into a floor, both with a breath of the product's colour."""
    height = np.linspace(0, 1, SIDE, dtype=np.float32)
    bend = 1 / (1 + np.exp(-(height - 0.8) * 26))
    tone = 1.04 - 0.06 * height - 0.085 * bend
    paint = (1 - _BREATH) * np.array(plain, np.float32) + _BREATH * 255 * np.array(shade, np.float32)
    rows = np.clip(paint * tone[:, None], 0, 255).astype(np.uint8)
    return Image.fromarray(np.repeat(rows[:, None, :], SIDE, axis=1))


def _staged(product: Image.Image, wall: Image.Image, shift: float) -> Image.Image:
    """Stand the product before the wall, a soft shadow under it."""
    left, top = (SIDE - product.width) // 2 + round(shift * SIDE), round(SIDE * 0.93) - product.height
    box = product.getbbox() or (0, 0, product.width, product.height)
    foot = top + box[3] - 2
    shadow = Image.new("L", (SIDE, 48), 0)
    spread = (box[2] - box[0]) * 0.06
    ImageDraw.Draw(shadow).ellipse((left + box[0] - spread, 15, left + box[2] + spread, 33), fill=105)
    shadow = shadow.filter(ImageFilter.GaussianBlur(5))
    wall.paste((70, 68, 66), (0, foot - 24), shadow)
    wall.paste(product, (left, top), product)
    return wall
