"""A made-up world of ratings for rankers: two tastes, words that tell them, and reviews."""

import numpy as np
import polars as pl

from cuvee.types import Dataset, Embeddings, Events

USERS, ITEMS = 40, 24


def rated(seed: int = 0) -> Dataset:
    """Return 40 users who rate about 14 of 24 items, 1 to 5, each at a time of its own, with a review of some.

    A user gives more to items of their group, as title and bio say, and some items are better than others. The last
    item is rated by nobody, the last user rates nothing; users 0 and 1 each judge two things at one moment.
    """
    rng = np.random.default_rng(seed)
    taste, group, good = rng.integers(0, 2, USERS), rng.integers(0, 2, ITEMS), rng.normal(0, 0.6, ITEMS)
    user, item = np.nonzero(rng.random((USERS, ITEMS)) < 0.6)
    kept = (user < USERS - 1) & (item < ITEMS - 1)
    order = rng.permutation(int(kept.sum()))
    user, item = user[kept][order], item[kept][order]
    time = 1_000 + 10 * np.arange(len(user))
    for somebody in (0, 1):
        theirs = np.flatnonzero(user == somebody)
        time[theirs[2]] = time[theirs[3]]
    rating = np.clip(np.rint(3.2 + np.where(taste[user] == group[item], 1.1, -1.1) + good[item]
                             + rng.normal(0, 0.6, len(user))), 1, 5)  # fmt: skip
    by_time = np.argsort(time, kind="stable")
    user, item, time, rating = user[by_time], item[by_time], time[by_time], rating[by_time]
    ids, names = tuple(f"u{r:02}" for r in range(USERS)), tuple(f"i{r:02}" for r in range(ITEMS))
    spoken = rng.random(len(user)) < 0.5
    words = np.array(["red soft shirt", "blue warm dress"])
    reviews = {
        "user_id": np.array(ids)[user[spoken]],
        "item_id": np.array(names)[item[spoken]],
        "text": words[group[item[spoken]]],
        "timestamp": time[spoken],
    }
    vectors = rng.normal(size=(ITEMS, 5)) + 2.0 * group[:, None]
    return Dataset(
        ids,
        names,
        Events(
            user.astype(np.int32), item.astype(np.int32), time.astype(np.int64), (rating >= 4).astype(np.float32),
            np.zeros(len(user), np.int8), ("rate",), rating.astype(np.float32),
        ),
        pl.DataFrame({"item_id": names, "title": [None if r == 5 else str(words[g]) for r, g in enumerate(group)],
                      "year": [str(1990 + r) for r in range(ITEMS)]}),
        pl.DataFrame({"user_id": ids, "bio": [str(words[t]) for t in taste], "age": list(range(USERS))}),
        reviews=pl.DataFrame(reviews),
        features={("item", "image"): Embeddings(vectors.astype(np.float32), np.arange(ITEMS) != 3)},
    )  # fmt: skip
