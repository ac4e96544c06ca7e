"""Conversations about the made-up catalogues."""

from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cuvee.bundle import Bundle
from cuvee.dialogue.conversation import Conversation, open_conversation
from cuvee.dialogue.facts import facts_of
from cuvee.dialogue.lexicon import build_lexicon
from cuvee.dialogue.titles import build_titles
from cuvee.dialogue.understanding import Words
from cuvee.models.ease import Ease
from cuvee.readers.folder import Folder
from cuvee.recipe import Recipe
from cuvee.splits.random import Random
from cuvee.types import Dataset, Events
from tests.dialogue.catalogues import CATALOGUES

USERS = 9


def data_of(table: pl.DataFrame) -> Dataset:
    """Return a data set of a catalogue in which nine users touched some items each."""
    rng, items = np.random.default_rng(5), len(table)
    pairs = sorted({(int(u), int(i)) for u in range(USERS) for i in rng.integers(0, items, 1 + u % 4)})
    user, item = np.array(pairs, np.int32).T
    n = len(pairs)
    events = Events(user, item, np.arange(n, dtype=np.int64), np.ones(n, np.float32), np.zeros(n, np.int8))
    users = tuple(f"u{r}" for r in range(USERS))
    return Dataset(users, tuple(table["item_id"]), events, table, pl.DataFrame({"user_id": users}))


def bundle_of(table: pl.DataFrame) -> Bundle:
    """Return a bundle without a text channel."""
    data = data_of(table)
    model = Ease(2.0).fit(data, None, np.random.default_rng(0))
    return Bundle(Recipe(Folder(Path("/gone")), Random(), Ease(2.0)), model, data, ())


@cache
def words_of(name: str) -> Words:
    facts = facts_of(data_of(CATALOGUES[name]))
    return Words(facts, build_lexicon(facts), build_titles(facts.titles))


@cache
def talk_of(name: str) -> Conversation:
    return open_conversation(bundle_of(CATALOGUES[name]), k=3)


@pytest.fixture
def films() -> Words:
    return words_of("films")


@pytest.fixture
def shop() -> Words:
    return words_of("shop")
