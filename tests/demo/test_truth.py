"""truth.json tells the truth: each modality carries its attribute, and no other does."""

import colorsys
import re
from itertools import pairwise, product
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import cross_val_score
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline

from cuvee.demo import tables, words, world
from cuvee.demo.drawing import draw
from cuvee.demo.people import utility
from cuvee.demo.world import Doubles, Rows
from tests.demo.conftest import Shop, World

ENGLISH_COLOURS = frozenset(
    re.findall(
        "[a-z]+",
        """red orange yellow pink green teal blue violet purple black white grey gray brown beige gold golden silver
        navy turquoise cyan magenta crimson scarlet coral amber olive lime mint emerald indigo lavender rose ruby cream
        ivory tan maroon rust warm cool bright pastel colour colours coloured color colors colored hue tint
        striped stripes dotted dots check checked""",
    )
)
CHINESE_COLOURS = frozenset("红橙黄绿青蓝紫粉棕褐黑白灰金银色彩翠碧朱墨")


def spoken(shop: Shop) -> list[str]:
    items, reviews = shop.table("items"), shop.table("reviews")
    columns = [items[c] for c in ("title", "description", "category", "brand", "slogan")]
    columns += [reviews["text"], reviews["summary"], shop.table("kg")["head"], shop.table("kg")["tail"]]
    return pl.concat([c.alias("text") for c in columns]).drop_nulls().to_list()


def test_no_text_names_a_colour(shop: Shop) -> None:
    for text in spoken(shop):
        assert not ENGLISH_COLOURS & set(re.findall(r"[a-z]+", text.lower())), text
        assert not CHINESE_COLOURS & set(text), text


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_no_word_of_the_lexicon_names_a_colour(lang: str) -> None:
    """Every word, drawn or not: walk the whole lexicon."""
    text = repr(words.LANGUAGES[lang])
    assert not ENGLISH_COLOURS & set(re.findall(r"[a-z]+", text.lower()))
    assert not CHINESE_COLOURS & set(text)


def accuracy(texts: list[str], labels: Rows) -> float:
    """Cross-validated accuracy of a bag of words, letters in Chinese."""
    bag = CountVectorizer(analyzer="char", ngram_range=(1, 2)) if ord(texts[0][0]) > 255 else CountVectorizer()
    model = make_pipeline(bag, MultinomialNB())
    return float(cross_val_score(model, texts, labels, cv=3).mean())


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_text_tells_the_use_and_nothing_else(world_at_large: World, lang: str) -> None:
    catalogue, rng = world_at_large.catalogue, np.random.default_rng(0)
    title = words.titles(catalogue, words.LANGUAGES[lang], rng)
    description = words.descriptions(catalogue, words.LANGUAGES[lang], rng)
    rows = np.flatnonzero(catalogue.has_text)[:250]
    texts = [f"{title[n]} {description[n]}" for n in rows]
    assert accuracy(texts, catalogue.levels["use"][rows]) > 0.9
    chance = 1 / 8
    assert accuracy(texts, catalogue.levels["colour"][rows]) < chance + 3 * np.sqrt(chance / len(rows))
    assert accuracy(texts, catalogue.levels["price_band"][rows]) < 0.25 + 3 * np.sqrt(0.19 / len(rows))


def test_the_picture_tells_the_colour() -> None:
    """The hue lies nearest to that of other pictures of the same colour, whatever the kind and pattern."""
    looks = [(k, p, n) for n, (k, p) in enumerate(product(("lamp", "watch"), ("plain", "check", "dots")))]
    hues = np.array([[hue(draw(kind, c, pattern, n)) for kind, pattern, n in looks] for c in world.COLOURS])
    centres = hues[:, ::3].mean(axis=1)
    others = np.delete(hues, np.s_[::3], axis=1)
    nearest = np.abs(others[:, :, None] - centres).argmin(axis=2)
    assert (nearest == np.arange(len(world.COLOURS))[:, None]).mean() > 0.9


def hue(picture: Image.Image) -> complex:
    """Return where on the colour circle the mean of the most saturated tenth of the pixels lies."""
    pixels = np.asarray(picture, np.float64).reshape(-1, 3)
    spread = pixels.max(axis=1) - pixels.min(axis=1)
    red, green, blue = pixels[spread >= np.quantile(spread, 0.9)].mean(axis=0) / 255
    return complex(np.exp(2j * np.pi * colorsys.rgb_to_hsv(red, green, blue)[0]))


def test_the_price_tells_the_band_and_the_kind_does_not(world_at_large: World) -> None:
    catalogue = world_at_large.catalogue
    band = catalogue.levels["price_band"]
    edges = [catalogue.price[band == n] for n in range(4)]
    assert all(low.max() < high.min() for low, high in pairwise(edges))
    assert correlation_ratio(catalogue.levels["kind"], np.log(catalogue.price)) < 0.05


def correlation_ratio(groups: Rows, values: Doubles) -> float:
    """Share of the variance of `values` that group means explain."""
    means = np.array([values[groups == g].mean() for g in range(groups.max() + 1)])[groups]
    return float(means.var() / values.var())


def test_attributes_are_independent(world_at_large: World) -> None:
    """Each pair of attributes: the chi-square statistic stays near its degrees of freedom."""
    levels = list(world_at_large.catalogue.levels.values())
    assert all(chi_square(a, b) < 4 for n, a in enumerate(levels) for b in levels[n + 1 :])


def chi_square(a: Rows, b: Rows) -> float:
    """Return the statistic of independence in standard deviations above its mean."""
    counts = np.zeros((a.max() + 1, b.max() + 1))
    np.add.at(counts, (a, b), 1)
    expected = counts.sum(1, keepdims=True) * counts.sum(0) / counts.sum()
    freedom = (counts.shape[0] - 1) * (counts.shape[1] - 1)
    return float((((counts - expected) ** 2 / expected).sum() - freedom) / np.sqrt(2 * freedom))


def test_the_graph_leads_to_the_school(shop: Shop) -> None:
    graph, told = shop.table("kg"), shop.truth["items"]
    steps = {
        name: dict(graph.filter(relation=name).select("head", "tail").rows()) for name in ("designed_by", "trained_at")
    }
    entity = dict(shop.table("kg_item_link").rows())
    assert told["school"] == [steps["trained_at"][steps["designed_by"][entity[n]]] for n in told["item_id"]]


def test_the_slogan_is_noise(world_at_large: World) -> None:
    catalogue = world_at_large.catalogue
    slogans = words.slogans(len(catalogue), words.LANGUAGES["en"], np.random.default_rng(1))
    thirds = [np.unique([s.split()[n] for s in slogans], return_inverse=True)[1] for n in range(3)]
    for third in thirds:
        assert all(chi_square(third, levels) < 4 for levels in catalogue.levels.values())
    mean_utility = utility(
        world_at_large.people, catalogue, np.arange(len(world_at_large.people))[:, None], np.arange(len(catalogue))
    ).mean(axis=0)
    assert all(correlation_ratio(third, mean_utility) < 0.06 for third in thirds)


def test_utility_by_the_formula(shop: Shop) -> None:
    """truth.json alone, in plain Python, gives the expected utility of likes that it states to be the largest."""
    told = shop.truth
    value = plain_utility(told)
    users, items = (told[t][k] for t, k in (("users", "user_id"), ("items", "item_id")))
    everything = np.array([[value(u, i) for i in range(len(items))] for u in range(len(users))])
    log = shop.table("interactions")
    for name, stated in told["events"].items():
        rows = log.filter(event=name)
        worth = np.mean([value(users.index(u), items.index(i)) for u, i in rows.select("user_id", "item_id").rows()])
        assert rows.height == stated["count"]
        assert (worth - everything.mean()) / everything.std() == pytest.approx(stated["expected_utility"], abs=0.03)


def plain_utility(told: dict[str, Any]) -> Any:
    coefficients, users, items = told["utility"]["coefficients"], told["users"], told["items"]
    pair = told["joint_pair"]

    def value(user: int, item: int) -> float:
        total = 0.0
        for name, levels in told["levels"].items():
            total += coefficients[name] * users["tastes"][name][user][levels.index(items[name][item])]
        warm = 1 if items["colour"][item] in pair["warm"] else -1
        outdoor = 1 if items["use"][item] in pair["outdoor"] else -1
        return float(total + coefficients["joint_pair"] * users["leaning"][user] * warm * outdoor)

    return value


def test_events_rank_as_they_should(world_at_large: World) -> None:
    log = world_at_large.log
    worth = utility(world_at_large.people, world_at_large.catalogue, log.user, log.item)
    view, cart, buy, like, dislike = (worth[log.kind == n].mean() for n in range(5))
    assert dislike < 0 < view < cart < buy < like


def test_the_joint_pair_has_no_main_effect(world_at_large: World) -> None:
    """For every single user, warm and cool are worth the same on average over uses, outdoor and indoor over colours."""
    tastes, leaning = world_at_large.people.tastes, world_at_large.people.leaning
    assert np.allclose(tastes["colour"][:, :4].sum(axis=1), 0)
    assert np.allclose(tastes["colour"][:, 4:].sum(axis=1), 0)
    assert np.allclose(tastes["use"].reshape(-1, 2, 4).sum(axis=2), 0)
    sides = world.side(np.arange(8))
    worth = (  # (u, colours, uses)
        tastes["colour"][:, :, None] + tastes["use"][:, None, :] + leaning[:, None, None] * np.outer(sides, sides)
    )
    halves = worth.reshape(-1, 2, 4, 2, 4).mean(axis=(2, 4))  # (u, warm or cool, outdoor or indoor)
    assert np.allclose(halves.mean(axis=2), 0)
    assert np.allclose(halves.mean(axis=1), 0)
    assert np.allclose(halves[:, 0, 0], leaning)


def test_looks_that_agree_share_a_file(world_at_large: World) -> None:
    catalogue = world_at_large.catalogue
    images, wanted = tables.drawings(catalogue)
    level, extras = catalogue.levels, catalogue.extras
    for n, image in enumerate(images):
        assert (image is not None) == catalogue.has_image[n]
        if image is not None:
            kind, colour, pattern, variant = wanted[image]
            assert kind == world.KINDS[level["kind"][n]]
            assert colour == world.COLOURS[level["colour"][n]]
            assert (pattern, variant) == (world.PATTERNS[level["pattern"][n]], extras.variant[n])
    assert len(set(wanted.values())) == len(wanted)
