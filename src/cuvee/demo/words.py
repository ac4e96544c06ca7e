"""The languages of the demo shop, and how its sentences are put together."""

from collections.abc import Sequence

import numpy as np

from cuvee.demo import world
from cuvee.demo.catalogue import Catalogue
from cuvee.demo.lexicon import Lexicon
from cuvee.demo.words_en import ENGLISH
from cuvee.demo.words_zh import CHINESE
from cuvee.demo.world import Rows

__all__ = ["LANGUAGES", "descriptions", "reviews", "slogans", "titles"]

LANGUAGES = {"en": ENGLISH, "zh": CHINESE}


def titles(catalogue: Catalogue, words: Lexicon, rng: np.random.Generator) -> list[str | None]:
    """Return a title an item: brand, model, kind and use; None where the text is missing."""
    level, extras = catalogue.levels, catalogue.extras
    made: list[str | None] = []
    for n in range(len(catalogue)):
        nouns = words.products[world.KINDS[level["kind"][n]]].nouns
        uses = words.uses[world.USES[level["use"][n]]].titles
        title = words.title.format(
            brand=words.brands[extras.brand[n]],
            name=words.names[extras.model[n]],
            noun=_one(nouns, rng),
            use=_one(uses, rng),
        )
        made.append(title if catalogue.has_text[n] else None)
    return made


def descriptions(catalogue: Catalogue, words: Lexicon, rng: np.random.Generator) -> list[str | None]:
    """Return two or three sentences about the use around one about the kind; None where the text is missing."""
    level = catalogue.levels
    made: list[str | None] = []
    for n in range(len(catalogue)):
        sentences = words.uses[world.USES[level["use"][n]]].sentences
        picked = [sentences[j] for j in rng.permutation(len(sentences))[: rng.integers(2, 4)]]
        picked.insert(1, _one(words.products[world.KINDS[level["kind"][n]]].details, rng))
        made.append(words.between.join(picked) if catalogue.has_text[n] else None)
    return made


def slogans(count: int, words: Lexicon, rng: np.random.Generator) -> list[str]:
    """Return `count` slogans that mean nothing: the noise modality."""
    s = words.slogans
    return [s.form.format(_one(s.first, rng), _one(s.second, rng), _one(s.third, rng)) for _ in range(count)]


def reviews(stars: Rows, quality: Rows, words: Lexicon, rng: np.random.Generator) -> tuple[list[str], list[str]]:
    """Return texts and summaries: the verdict follows the stars, the rest says what quality the buyer found."""
    voices = words.voices
    texts, summaries = [], []
    for star, level in zip((stars - 1).tolist(), quality.tolist(), strict=True):
        parts = [_one(voices.verdicts[star], rng), _one(voices.quality[level], rng)]
        texts.append(words.between.join(parts if rng.random() < 0.5 else parts[::-1]))
        summaries.append(_one(voices.summaries[star], rng))
    return texts, summaries


def _one(choices: Sequence[str], rng: np.random.Generator) -> str:
    return choices[int(rng.random() * len(choices))]
