"""What the demo shop sells: the attributes of every item, its price, and what is missing."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from cuvee.demo import world
from cuvee.demo.world import Doubles, Rows
from cuvee.types import Bools

__all__ = ["BRANDS", "DESIGNERS", "MATERIALS", "MODELS", "Catalogue", "Extras", "make_catalogue", "with_media"]

BRANDS, MODELS, DESIGNERS, MATERIALS = 20, 24, 18, 8
_WITHOUT_IMAGE, _WITHOUT_TEXT, _ARRIVALS = 0.06, 0.05, 0.08
_WITHOUT_MEDIUM = 0.06
_PRICES = (14.0, 34.0, 82.0, 190.0)
"""Middle of each band, the same for every kind, so that a kind says nothing about the band."""


@dataclass(frozen=True)
class Extras:
    """What nobody has a taste for."""

    brand: Rows
    model: Rows
    material: Rows
    variant: Rows
    """(i,) which of the `VARIANTS` drawings of its kind, colour and pattern."""


@dataclass(frozen=True)
class Catalogue:
    """The items, in the order of their ids; arrays are (i,)."""

    ids: tuple[str, ...]
    levels: dict[str, Rows]
    """Attribute -> index of the item's level."""
    designer: Rows
    """A designer belongs to one school, which only the knowledge graph tells."""
    price: Doubles
    fame: Doubles
    """Log odds of being seen, whatever the item is like."""
    has_image: Bools
    has_text: Bools
    arrival: Bools
    """New in the shop: without any event."""
    extras: Extras
    media: Mapping[str, Bools] = field(default_factory=dict)
    """audio, video -> (i,) whether the item has one; empty in a shop without them."""

    def __len__(self) -> int:
        return len(self.ids)


def make_catalogue(count: int, rng: np.random.Generator) -> Catalogue:
    """Draw `count` items; every attribute is independent of the others and spread evenly over its levels."""
    levels = {a.name: _evenly(count, len(a.levels), rng) for a in world.ATTRIBUTES}
    levels["quality"] = rng.choice(3, size=count, p=(0.25, 0.5, 0.25))
    designer = levels["school"] + len(world.SCHOOLS) * rng.integers(DESIGNERS // len(world.SCHOOLS), size=count)
    cents = np.round(np.array(_PRICES)[levels["price_band"]] * np.exp(rng.uniform(-0.3, 0.3, count)))
    lacks = rng.permutation(count)  # nothing lacks both image and text
    no_image, no_text = round(_WITHOUT_IMAGE * count), round(_WITHOUT_TEXT * count)
    arrival = np.zeros(count, np.bool_)
    arrival[rng.permutation(count)[: round(_ARRIVALS * count)]] = True
    digits = max(4, len(str(count)))
    return Catalogue(
        ids=tuple(f"p{n:0{digits}d}" for n in range(1, count + 1)),
        levels=levels,
        designer=designer,
        price=cents - 0.05,
        fame=rng.normal(0.0, 0.8, count),
        has_image=~np.isin(np.arange(count), lacks[:no_image]),
        has_text=~np.isin(np.arange(count), lacks[no_image : no_image + no_text]),
        arrival=arrival,
        extras=_extras(levels, rng),
    )


def with_media(catalogue: Catalogue, rng: np.random.Generator) -> Catalogue:
    """Return the same items with a mood and a motion, some of them without a sound or a clip that shows it."""
    count = len(catalogue)
    levels = {a.name: _evenly(count, len(a.levels), rng) for a in world.MEDIA}
    without = round(_WITHOUT_MEDIUM * count)
    media = {a.modality: rng.permutation(count) >= without for a in world.MEDIA}
    return replace(catalogue, levels=catalogue.levels | levels, media=media)


def _extras(levels: dict[str, Rows], rng: np.random.Generator) -> Extras:
    count = len(levels["kind"])
    look = (levels["kind"] * len(world.COLOURS) + levels["colour"]) * len(world.PATTERNS) + levels["pattern"]
    return Extras(
        brand=rng.integers(BRANDS, size=count),
        model=rng.integers(MODELS, size=count),
        material=rng.integers(MATERIALS, size=count),
        variant=_running(look) % world.VARIANTS,
    )


def _evenly(count: int, levels: int, rng: np.random.Generator) -> Rows:
    return rng.permutation(np.arange(count) % levels)


def _running(groups: Rows) -> Rows:
    """Number the members of each group 0, 1, 2 ... in order of appearance."""
    order = np.argsort(groups, kind="stable")
    ordered = groups[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    sizes = np.diff(np.r_[starts, len(groups)])
    numbers = np.empty(len(groups), np.int64)
    numbers[order] = np.arange(len(groups)) - np.repeat(starts, sizes)
    return numbers
