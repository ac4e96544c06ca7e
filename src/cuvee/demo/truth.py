"""The truth about a demo shop, as it stands beside the data: who likes what, why, and which modality could tell."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from cuvee.demo import world
from cuvee.demo.behaviour import EVENTS, Log
from cuvee.demo.catalogue import Catalogue
from cuvee.demo.lexicon import Lexicon
from cuvee.demo.people import People, utility
from cuvee.demo.world import Doubles

__all__ = ["FORMAT", "Parameters", "event_utility", "tell"]

FORMAT = 1
"""Raised whenever the same parameters give other bytes than before."""

_MODALITIES: dict[str, dict[str, Any]] = {
    "image": {
        "table": "items",
        "columns": ["image"],
        "carries": ["colour", "pattern"],
        "note": "also drawn, of no consequence: pose, form, background",
    },
    "text": {"table": "items", "columns": ["title", "description"], "carries": ["use"], "note": "never names a colour"},
    "price": {"table": "items", "columns": ["price"], "carries": ["price_band"]},
    "reviews": {
        "table": "reviews",
        "columns": ["text", "summary", "rating"],
        "carries": ["quality"],
        "note": "only items that were bought have any",
    },
    "social": {
        "table": "social",
        "columns": ["src", "dst"],
        "carries": ["scene"],
        "note": "a circle of friends follows one scene; which items belong to it shows only in what circles do",
    },
    "knowledge_graph": {
        "table": "kg",
        "columns": ["head", "relation", "tail"],
        "carries": ["school"],
        "note": "two steps: designed_by, then trained_at; made_of, made_by and based_in are of no consequence",
    },
    "profile": {
        "table": "users",
        "columns": ["age"],
        "carries": ["kind"],
        "note": "about the user: half the variance of tastes for kinds is the age band's; gender and city say nothing",
    },
    "slogan": {"table": "items", "columns": ["slogan"], "carries": [], "note": "pure noise"},
}

_MEDIA: dict[str, dict[str, Any]] = {
    "audio": {
        "table": "items",
        "columns": ["audio"],
        "carries": ["mood"],
        "note": "also heard, of no consequence: pitch, loudness, tempo",
    },
    "video": {
        "table": "items",
        "columns": ["video"],
        "carries": ["motion"],
        "note": "silent; also shown, of no consequence: colours, speed, where it begins",
    },
}

_FORMULA = (
    "utility(user, item) = sum over attributes of coefficient * taste[user][level of the item] "
    "+ joint coefficient * leaning[user] * (+1 if the colour is warm else -1) * (+1 if the use is outdoor else -1)"
)


@dataclass(frozen=True)
class Parameters:
    """What a shop is made from."""

    lang: str
    seed: int
    scale: float
    media: bool = False

    @property
    def told(self) -> dict[str, Any]:
        """As truth.json says them: a shop without sounds and clips does not speak of them."""
        return {name: value for name, value in asdict(self).items() if name != "media" or value}


def event_utility(
    people: People, catalogue: Catalogue, log: Log, rng: np.random.Generator
) -> dict[str, dict[str, Any]]:
    """Return for each kind of event its count and mean utility, in standard deviations above that of a random pair."""
    pairs = rng.integers(len(people), size=50_000), rng.integers(len(catalogue), size=50_000)
    anything = utility(people, catalogue, *pairs)
    worth = (utility(people, catalogue, log.user, log.item) - anything.mean()) / anything.std()
    return {
        name: {"count": int((log.kind == n).sum()), "expected_utility": _mean(worth[log.kind == n])}
        for n, name in enumerate(EVENTS)
    }


def tell(
    parameters: Parameters, catalogue: Catalogue, people: People, events: dict[str, dict[str, Any]], words: Lexicon
) -> dict[str, Any]:
    """Return everything that truth.json says."""
    attributes = world.attributes(catalogue.levels)
    levels = {a.name: list(a.levels) for a in attributes} | {"school": list(words.places.schools)}
    ranked = [(a.coefficient, a.name) for a in attributes] + [(world.JOINT, "joint_pair")]
    return {
        "cuvee_demo_shop": FORMAT,
        "complete": True,
        "parameters": parameters.told,
        "modalities": _MODALITIES | {name: _MEDIA[name] for name in catalogue.media},
        "noise_modality": "slogan",
        "joint_pair": {
            "attributes": ["colour", "use"],
            "modalities": ["image", "text"],
            "warm": list(world.COLOURS[:4]),
            "outdoor": list(world.USES[:4]),
            "note": "warm outdoors and cool indoors please a positive leaning; neither side alone has any effect",
        },
        "utility": {
            "formula": _FORMULA,
            "coefficients": {name: value for value, name in ranked},
            "expected_effect_order": [name for _, name in sorted(ranked, reverse=True)],
        },
        "events": events,
        "levels": levels,
        "items": {
            "item_id": list(catalogue.ids),
            "arrival": catalogue.arrival.tolist(),
            **{name: [levels[name][n] for n in rows] for name, rows in catalogue.levels.items()},
        },
        "users": {
            "user_id": list(people.ids),
            "circle": people.circle.tolist(),
            "leaning": _rounded(people.leaning),
            "tastes": {name: _rounded(values) for name, values in people.tastes.items()},
        },
    }


def _mean(values: Doubles) -> float | None:
    return round(float(values.mean()), 3) if len(values) else None


def _rounded(values: Doubles) -> Any:
    return np.round(values, 3).tolist()
