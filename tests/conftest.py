"""One small world for many tests: uneven on purpose, with a taste that content can tell."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from cuvee.queries import queries_of
from cuvee.types import Dataset, Embeddings, Events, Queries
from tests.tiny_networks import TEXT_NETWORKS, save_text_network

if TYPE_CHECKING:
    from tests.servers import Server

USERS, ITEMS, COLD = 37, 23, (21, 22)
"""Users 35 and 36 have no events, the items of COLD none either; item 20 is only disliked."""


def make_world(seed: int = 0) -> Dataset:
    """Three groups of users who view and mostly buy the items of their group and dislike some of the others.

    `text` follows the group, `image` half of it, `noise` nothing; each is missing for some items, and cold items have
    text. Pairs repeat, with other kinds and at other times.
    """
    rng = np.random.default_rng(seed)
    group = np.array([0, 0, 1, 0, 2, 1] * 7)
    events: list[tuple[int, int, int, int]] = []  # user, item, time, kind
    for user in range(USERS - 2):
        own = np.flatnonzero(group[:20] == group[user])
        for item in rng.permutation(own)[: rng.integers(2, len(own))]:
            kinds = (2, 0, 2) if rng.random() < 0.7 else (2, 2, 2)
            events += [(user, item, int(t), kind) for t, kind in zip(rng.integers(1, 900, 3), kinds, strict=True)]
        events.append((user, int(rng.choice(np.flatnonzero(group[:21] != group[user]))), int(rng.integers(900)), 1))
    user, item, time, kind = np.array(sorted(events, key=lambda e: e[2])).T
    return Dataset(
        users=tuple(f"u{r:02}" for r in range(USERS)),
        items=tuple(f"i{r:02}" for r in range(ITEMS)),
        events=Events(
            user=user.astype(np.int32),
            item=item.astype(np.int32),
            time=time.astype(np.int64),
            weight=np.array([1, -1, 0.2], np.float32)[kind],
            kind=kind.astype(np.int8),
            kinds=("buy", "dislike", "view"),
        ),
        item_table=pl.DataFrame(
            {
                "item_id": [f"i{r:02}" for r in range(ITEMS)],
                "title": [None if r == 3 else f"Thing {r}" for r in range(ITEMS)],
                "stock": [None if r == 5 else r % 4 for r in range(ITEMS)],
            }
        ),
        user_table=pl.DataFrame({"user_id": [f"u{r:02}" for r in range(USERS)]}),
        features={
            ("item", "text"): embed(np.eye(3)[group[:ITEMS]] @ rng.normal(size=(3, 8)), rng, missing=(4, 13)),
            ("item", "image"): embed(np.eye(2)[group[:ITEMS] % 2] @ rng.normal(size=(2, 5)), rng, missing=(0, 7, 21)),
            ("item", "noise"): embed(np.zeros((ITEMS, 6)), rng, missing=(9,)),
            ("user", "profile"): embed(np.eye(3)[group[:USERS]], rng, missing=(1, 36)),
        },
    )


def embed(
    centre: "np.ndarray[tuple[int, int], np.dtype[np.float64]]", rng: np.random.Generator, *, missing: tuple[int, ...]
) -> Embeddings:
    """Return the centres with some noise and of uneven lengths; rows of `missing` are zero and not present."""
    vectors = (centre + 0.4 * rng.normal(size=centre.shape)) * rng.uniform(0.5, 2, (len(centre), 1))
    present = ~np.isin(np.arange(len(centre)), missing)
    return Embeddings((vectors * present[:, None]).astype(np.float32), present)


@pytest.fixture(scope="session")
def postgres() -> "Iterator[Server]":
    """A PostgreSQL for tests that leave it running, each in a database of its own (`fresh_database`)."""
    from tests.servers import postgresql

    with postgresql() as server:
        yield server


@pytest.fixture(scope="session")
def world() -> Dataset:
    return make_world()


@pytest.fixture(scope="session")
def everybody(world: Dataset) -> Queries:
    """A query of every user of the world."""
    return queries_of(world, np.arange(USERS, dtype=np.int32))


@pytest.fixture(scope="session")
def text_folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with tiny random networks: bert, roberta, gpt2, llama, t5."""
    home = tmp_path_factory.mktemp("text")
    for name in TEXT_NETWORKS:
        (home / name).mkdir()
        save_text_network(name, home / name)
    return home
