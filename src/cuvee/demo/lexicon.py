"""The shape of the demo shop's words: one `Lexicon` a language. Words name neither a colour nor anything that another
modality carries.
"""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Lexicon", "Places", "Product", "Slogans", "Use", "Voices"]

Words = tuple[str, ...]


@dataclass(frozen=True)
class Product:
    """How one kind of product is spoken of."""

    category: str
    """What the category column says."""
    nouns: Words
    """What titles call it."""
    details: Words
    """Sentences about such a product, true of all of its kind."""


@dataclass(frozen=True)
class Use:
    """How one use is spoken of, without its plain name wherever people would paraphrase it."""

    titles: Words
    sentences: Words


@dataclass(frozen=True)
class Voices:
    """What reviewers write."""

    summaries: tuple[Words, ...]
    """By stars, 1 star first."""
    verdicts: tuple[Words, ...]
    """By stars, 1 star first: how the buyer feels."""
    quality: tuple[Words, ...]
    """By level of quality, worst first: what the thing is like in use."""


@dataclass(frozen=True)
class Slogans:
    """Three word lists; a slogan draws one of each and means nothing."""

    first: Words
    second: Words
    third: Words
    form: str
    """A format string of three fields."""


@dataclass(frozen=True)
class Places:
    """Names of people, places and materials, and the genders of profiles."""

    cities: Words
    genders: Words
    """Female, male, other."""
    designers: Words
    schools: Words
    materials: Words
    countries: Words


@dataclass(frozen=True)
class Lexicon:
    """All words of one language."""

    products: Mapping[str, Product]
    uses: Mapping[str, Use]
    brands: Words
    names: Words
    """Model names."""
    title: str
    """Format string of brand, name, noun and use."""
    between: str
    """What stands between two sentences."""
    slogans: Slogans
    voices: Voices
    places: Places
