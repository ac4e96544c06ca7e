"""The demo shop's tables in the canonical layout."""

from pathlib import PurePosixPath

import numpy as np
import polars as pl

from cuvee.demo import words, world
from cuvee.demo.behaviour import EVENTS, Log
from cuvee.demo.catalogue import Catalogue
from cuvee.demo.lexicon import Lexicon
from cuvee.demo.people import People
from cuvee.demo.world import Rows

__all__ = [
    "FILES",
    "drawings",
    "interactions",
    "items",
    "knowledge",
    "links",
    "recordings",
    "reviews",
    "social",
    "users",
]

FILES = {"video": "clips/{:05d}.mp4", "audio": "sounds/{:05d}.wav"}
"""Column -> file of an item; names are numbers, lest they tell what they hold."""


def interactions(log: Log, catalogue: Catalogue, people: People) -> pl.DataFrame:
    """Return the event log, oldest first."""
    return pl.DataFrame(
        {
            "user_id": _named(people.ids, log.user),
            "item_id": _named(catalogue.ids, log.item),
            "rating": pl.Series(log.rating).fill_nan(None),
            "timestamp": log.time,
            "event": _named(EVENTS, log.kind),
        }
    )


def items(catalogue: Catalogue, lexicon: Lexicon, images: list[str | None], rng: np.random.Generator) -> pl.DataFrame:
    """Return the catalogue."""
    categories = [lexicon.products[kind].category for kind in world.KINDS]
    table = pl.DataFrame(
        {
            "item_id": catalogue.ids,
            "title": pl.Series(words.titles(catalogue, lexicon, rng), dtype=pl.String),
            "description": pl.Series(words.descriptions(catalogue, lexicon, rng), dtype=pl.String),
            "category": _named(categories, catalogue.levels["kind"]),
            "brand": _named(lexicon.brands, catalogue.extras.brand),
            "price": catalogue.price,
            "image": pl.Series(images, dtype=pl.String),
            "slogan": words.slogans(len(catalogue), lexicon, rng),
        }
    )
    return table.with_columns(pl.Series(name, files, dtype=pl.String) for name, files in recordings(catalogue).items())


def recordings(catalogue: Catalogue) -> dict[str, list[str | None]]:
    """Return the video and the audio file of each item, None where it has none; nothing in a shop without them."""
    return {
        name: [FILES[name].format(n) if there else None for n, there in enumerate(catalogue.media[name].tolist(), 1)]
        for name in FILES
        if name in catalogue.media
    }


def drawings(catalogue: Catalogue) -> tuple[list[str | None], dict[str, tuple[str, str, str, int]]]:
    """Return the picture of each item, None where there is none, and what to draw for each picture.

    Items that look alike share a file. File names are numbers, lest they tell what is on the picture.
    """
    level, extras = catalogue.levels, catalogue.extras
    looks = np.c_[level["kind"], level["colour"], level["pattern"], extras.variant]
    numbers: dict[tuple[int, ...], int] = {}
    images: list[str | None] = []
    for look, shown in zip(map(tuple, looks.tolist()), catalogue.has_image.tolist(), strict=True):
        number = numbers.setdefault(look, len(numbers) + 1) if shown else None
        images.append(None if number is None else str(PurePosixPath("images", f"{number:05d}.jpg")))
    wanted = {
        f"images/{number:05d}.jpg": (world.KINDS[kind], world.COLOURS[colour], world.PATTERNS[pattern], variant)
        for (kind, colour, pattern, variant), number in numbers.items()
    }
    return images, wanted


def users(people: People, lexicon: Lexicon) -> pl.DataFrame:
    """Return the profiles."""
    return pl.DataFrame(
        {
            "user_id": people.ids,
            "age": people.age.astype(np.int32),
            "gender": _named(lexicon.places.genders, people.gender),
            "city": _named(lexicon.places.cities, people.city),
        }
    )


def reviews(log: Log, catalogue: Catalogue, people: People, lexicon: Lexicon, rng: np.random.Generator) -> pl.DataFrame:
    """Return what buyers wrote, oldest first."""
    user, item, stars, time = log.reviews.T
    texts, summaries = words.reviews(stars, catalogue.levels["quality"][item], lexicon, rng)
    return pl.DataFrame(
        {
            "user_id": _named(people.ids, user),
            "item_id": _named(catalogue.ids, item),
            "text": pl.Series(texts, dtype=pl.String),
            "summary": pl.Series(summaries, dtype=pl.String),
            "rating": stars.astype(np.float64),
            "timestamp": time,
        }
    )


def social(people: People) -> pl.DataFrame:
    """Return the friendships, each in both directions."""
    return pl.DataFrame(
        {"src": _named(people.ids, people.friends[:, 0]), "dst": _named(people.ids, people.friends[:, 1])}
    )


def knowledge(catalogue: Catalogue, lexicon: Lexicon) -> pl.DataFrame:
    """Return the triples: what an item is made of, by whom, who designed it, and where those come from."""
    places, extras = lexicon.places, catalogue.extras
    entities = [_entity(n) for n in catalogue.ids]
    schools = [places.schools[n % len(places.schools)] for n in range(len(places.designers))]
    countries = [places.countries[n % len(places.countries)] for n in range(len(lexicon.brands))]
    parts = [
        (entities, "designed_by", [places.designers[n] for n in catalogue.designer]),
        (entities, "made_of", [places.materials[n] for n in extras.material]),
        (entities, "made_by", [lexicon.brands[n] for n in extras.brand]),
        (list(places.designers), "trained_at", schools),
        (list(lexicon.brands), "based_in", countries),
    ]
    return pl.concat(
        pl.DataFrame({"head": head, "relation": [name] * len(head), "tail": tail}) for head, name, tail in parts
    )


def links(catalogue: Catalogue) -> pl.DataFrame:
    """Return which entity of the knowledge graph each item is."""
    return pl.DataFrame({"item_id": catalogue.ids, "entity_id": [_entity(n) for n in catalogue.ids]})


def _entity(item: str) -> str:
    return f"product/{item}"


def _named(names: tuple[str, ...] | list[str], rows: Rows) -> pl.Series:
    return pl.Series(names, dtype=pl.String).gather(rows)
