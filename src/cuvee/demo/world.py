"""The laws of the demo shop: which attributes exist, which modality alone shows each, and how they make up utility.

Utility of an item to a user = sum over `ATTRIBUTES` (and `MEDIA`, where a shop has them) of coefficient * taste[user,
level of the item] + `JOINT` * leaning[user] * side of the item's colour * side of the item's use. Tastes for colours
add up to nothing within the warm and within the cool ones, tastes for uses within the outdoor and within the indoor
ones, so the joint pair has no main effect: neither the picture nor the text alone tells anything about it.
"""

from collections.abc import Container
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "AGE_BANDS",
    "ATTRIBUTES",
    "BANDS",
    "COLOURS",
    "DAYS",
    "JOINT",
    "KINDS",
    "MEDIA",
    "MOODS",
    "MOTIONS",
    "PATTERNS",
    "QUALITIES",
    "SCENES",
    "SCHOOLS",
    "START",
    "USES",
    "VARIANTS",
    "Attribute",
    "Doubles",
    "Rows",
    "attributes",
    "generator",
    "side",
]

Doubles = NDArray[np.float64]
Rows = NDArray[np.int64]

KINDS = (
    *("lamp", "teapot", "backpack", "sneakers", "chair", "jacket"),
    *("headphones", "plant_pot", "ukulele", "watch", "blanket", "flask"),
)
COLOURS = ("red", "orange", "yellow", "pink", "green", "teal", "blue", "violet")
PATTERNS = ("plain", "stripes", "dots", "check")
USES = ("camping", "beach", "garden", "road_trip", "reading", "home_office", "movie_night", "dinner_party")
BANDS = ("low", "middle", "high", "luxury")
QUALITIES = ("poor", "fair", "fine")
SCHOOLS = ("school_0", "school_1", "school_2", "school_3", "school_4", "school_5")
SCENES = tuple(f"scene_{n}" for n in range(10))
MOODS = ("calm", "bright", "dark", "nervous", "playful", "rough")
MOTIONS = ("rain", "bubbles", "rays", "waves", "sparks", "blocks")

VARIANTS = 8
"""Poses, backgrounds and shapes in which one kind, colour and pattern is drawn."""
AGE_BANDS = (18, 28, 38, 50, 64, 80)
"""Edges in years: the ages in a band lean towards the same kinds."""
START = 1_740_787_200
"""Unix seconds of the first day, 2025-03-01 00:00 UTC."""
DAYS = 90
JOINT = 0.8
"""Coefficient of the pair that acts only jointly."""


@dataclass(frozen=True)
class Attribute:
    """One property of an item that people have tastes about."""

    name: str
    levels: tuple[str, ...]
    coefficient: float
    """Spread of its share of utility, since tastes have unit spread."""
    modality: str
    """The only one that shows it."""
    groups: int = 1
    """Tastes add up to nothing within each of so many equal runs of levels."""
    shared: float = 0.1
    """Part of the variance of tastes that a circle of friends has in common."""


ATTRIBUTES = (
    Attribute("use", USES, 1.6, "text", groups=2),
    Attribute("colour", COLOURS, 1.4, "image", groups=2),
    Attribute("pattern", PATTERNS, 1.3, "image"),
    Attribute("kind", KINDS, 0.7, "category (also in text and image)"),
    Attribute("price_band", BANDS, 0.6, "price"),
    Attribute("school", SCHOOLS, 0.5, "knowledge_graph"),
    Attribute("scene", SCENES, 0.4, "social", shared=1.0),
    Attribute("quality", QUALITIES, 0.4, "reviews", shared=0.0),
)
"""In the expected order of effect; the joint pair stands between pattern and kind."""

MEDIA = (
    Attribute("mood", MOODS, 0.75, "audio"),
    Attribute("motion", MOTIONS, 0.65, "video"),
)
"""What people have tastes about beside those, in a shop whose items have sounds and clips."""


def attributes(known: Container[str]) -> tuple[Attribute, ...]:
    """Return those of a shop that knows these names."""
    return tuple(a for a in (*ATTRIBUTES, *MEDIA) if a.name in known)


def side(levels: Rows) -> Doubles:
    """Return +1 for the first four of eight levels (warm, outdoor) and -1 for the others (cool, indoor)."""
    return np.where(levels < 4, 1.0, -1.0)


def generator(seed: int, part: int) -> np.random.Generator:
    """Return the random numbers of one part of the shop, so that a change in one leaves the others as they are."""
    return np.random.default_rng([seed, part])
