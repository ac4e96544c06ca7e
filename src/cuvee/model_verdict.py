"""What each modality is worth to the recipe's own model: left out, alone, and with its vectors at the wrong rows.

A model that reads friends gets a verdict of the social graph as well: without any link, with the links of others, and
with the links alone.
Every variant is fitted and chosen anew, on several seeds; users are compared with themselves. A modality whose shuffled
vectors do as well tells nothing, whatever leaving it out costs: that is the control for noise.
Reference: L. Breiman, "Random forests", Machine Learning 2001, section 10 (importance by permutation), here with a new
fit as in G. Hooker, L. Mentch, S. Zhou, "Unrestricted permutation forces extrapolation", Statistics and Computing 2021.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray
from tqdm import tqdm

from cuvee.evaluate import list_length, measure, parse_metrics
from cuvee.features import FUSED
from cuvee.new_items import holm
from cuvee.pipeline import encode, fit, fuse, told_in, weighed
from cuvee.queries import asking, with_features
from cuvee.rank import recommend
from cuvee.recipe import Recipe
from cuvee.registry import describe
from cuvee.statistics import Paired, paired
from cuvee.types import Context, Dataset, Embeddings, Holdout, Split
from cuvee.used_modalities import SOCIAL, reads_friends
from cuvee.verdict import modality_weights, unfused

__all__ = ["SHORT", "Worth", "examine"]

SHORT = 5
"""Histories of fewer different items are short."""
_LEVEL = 0.05

Key = tuple[str, str]
"""(role, modality)."""
_LINKS: Key = ("links", SOCIAL)
Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Worth:
    """One modality's worth on one test set, to everybody or to users of short histories."""

    modality: str
    test: str
    group: str
    """"everybody" or "short histories"."""
    weight: float
    """Share of the chosen model's weight, mean over the seeds."""
    quality: float
    """Of the whole model, in units of the metric, mean over the users."""
    left_out: Paired
    """The whole model minus the one without this modality: what is lost."""
    shuffled: Paired
    """The whole model minus the one with this modality's vectors at wrong rows."""
    alone: Paired
    """The model with this modality as the only one, minus that without any."""
    p_value: float
    """Of what is lost, corrected by Holm for the number of modalities."""
    seeds: tuple[float, ...]
    """What is lost, in each seed."""

    @property
    def helps(self) -> bool:
        """Whether leaving it out costs for sure, in every seed, and so do wrong vectors."""
        return _above(self.left_out) and _above(self.shuffled) and self.p_value < _LEVEL and min(self.seeds) > 0

    @property
    def hurts(self) -> bool:
        """Whether the model does better without it for sure, in every seed."""
        high = self.left_out.high
        return high is not None and high < 0 and self.p_value < _LEVEL and max(self.seeds) < 0


def examine(recipe: Recipe, data: Dataset, seeds: int, wanted: Sequence[str] = ()) -> tuple[Worth, ...]:
    """Return the worth of every modality, or of those wanted, on every test set and group.

    Where the model reads friends, the social graph counts as a modality.

    Cost: two fits and three a modality, for each seed.
    """
    metric = told_in(recipe)
    tables: list[_Table] = []
    weights: list[dict[str, float]] = []
    for n in range(seeds):
        again = replace(recipe, seed=recipe.seed + n)
        rng = np.random.default_rng(again.seed)
        with asking(again.evaluate.users, again.seed):
            split = again.split.split(data, rng)
        again, split, _ = weighed(again, split)
        _, split = encode(again, split)
        links = [_LINKS] if reads_friends(describe(again.model)) else []
        keys = [k for k in (*split.train.features, *links) if not wanted or k[1] in wanted]
        table: _Table = {}
        for name, changed in tqdm(list(_variants(split, keys, rng)), desc=f"seed {again.seed}", leave=False):
            model, told = _measured(again, changed(), metric)
            table |= {(name, *at): values for at, values in told.items()}
            if name == "whole":
                weights.append(model)
        tables.append(table)
    rng = np.random.default_rng(recipe.seed)
    whole = [at for at in tables[0] if at[0] == "whole"]
    return tuple(w for _, test, group in whole for w in _worths(keys, test, group, tables, weights, rng))


_Table = dict[tuple[str, str, str], Doubles]
"""(variant, test set, group) -> (u,) quality of each user's list, NaN for users who are not asked."""


def _variants(split: Split, keys: Sequence[Key], rng: np.random.Generator) -> Iterator[tuple[str, Callable[[], Split]]]:
    """Yield the name of each variant and what makes its split."""
    features, social = split.train.features, split.train.social
    nothing = {k: f.hidden() for k, f in features.items()}
    nobody = None if social is None else social.clear()

    def with_(new: Mapping[Key, Embeddings], links: pl.DataFrame | None = social) -> Callable[[], Split]:
        return lambda: _changed(split, {**features, **new}, links)

    yield "whole", with_({})
    yield "none", with_(nothing, nobody)
    if _LINKS in keys:
        yield f"without {_LINKS}", with_({}, nobody)
        yield f"shuffled {_LINKS}", with_({}, _at_others(split.train, rng))
        yield f"alone {_LINKS}", with_(nothing)
    for key in (k for k in keys if k != _LINKS):
        yield f"without {key}", with_({key: nothing[key]})
        yield f"shuffled {key}", with_({key: features[key].take(rng.permutation(len(features[key])))})
        yield f"alone {key}", with_({k: f for k, f in nothing.items() if k != key}, nobody)


def _changed(split: Split, features: Mapping[Key, Embeddings], social: pl.DataFrame | None) -> Split:
    """Return the split with other features and links, in the questions too."""
    train = replace(split.train, features=features, social=social)

    def asked(held: Holdout) -> Holdout:
        friends = None if social is None else train.friends[held.users]
        held = with_features(held, train)
        return replace(held, queries=replace(held.queries, friends=friends))

    tests = {name: asked(held) for name, held in split.tests.items()}
    return replace(split, train=train, valid=asked(split.valid), tests=tests)


def _at_others(train: Dataset, rng: np.random.Generator) -> pl.DataFrame | None:
    """Return the links with every user in the place of another: as many, and as closely knit, but at wrong people."""
    users = np.array(train.users)
    places = dict(zip(train.users, users[rng.permutation(len(users))].tolist(), strict=True))
    return None if train.social is None else train.social.with_columns(pl.col("src", "dst").replace(places))


def _measured(recipe: Recipe, split: Split, metric: str) -> tuple[dict[str, float], dict[tuple[str, str], Doubles]]:
    """Fit and return the modalities' weights, and (test set, group) -> quality of each user's list."""
    fusion, split = fuse(recipe.fusion, split, recipe.seed)
    settled, model = fit(recipe.model, split, recipe.seed)
    metrics, found = parse_metrics([metric]), {}
    for name, held in split.tests.items():
        slate = recommend(
            model,
            held.queries,
            list_length(metrics),
            filters=[f.prepare(split.train) for f in recipe.filters],
            stages=[s.prepare(split.train) for s in recipe.stages],
            candidates=held.candidates,
            context=Context(split.train, np.random.default_rng(recipe.seed)),
        )
        values = measure(slate, held, split.train, metrics).per_query[metric].to_numpy()
        for group, rows in _groups(held).items():
            every = np.full(len(split.train.users), np.nan)
            every[held.users[rows]] = values[rows]
            found[name, group] = every
    return unfused(modality_weights(describe(settled)), split, fusion), found


def _groups(held: Holdout) -> dict[str, NDArray[np.bool_]]:
    short = held.queries.lengths < SHORT
    everybody = {"everybody": np.ones(len(short), bool)}
    return everybody | ({"short histories": short} if 0 < short.sum() < len(short) else {})


def _worths(
    keys: Sequence[Key],
    test: str,
    group: str,
    tables: Sequence[_Table],
    weights: Sequence[Mapping[str, float]],
    rng: np.random.Generator,
) -> list[Worth]:
    def means(variant: str) -> Doubles:
        """Return (u,) each user's mean over the seeds that ask them."""
        stacked = np.stack([t[variant, test, group] for t in tables if (variant, test, group) in t])
        known = ~np.isnan(stacked)
        return np.where(known.any(axis=0), np.nansum(stacked, axis=0) / np.maximum(known.sum(axis=0), 1), np.nan)

    whole, none = means("whole"), means("none")
    asked = [t for t in tables if ("whole", test, group) in t]
    lost = {k: paired(whole, means(f"without {k}"), rng) for k in keys if k[1] != FUSED}
    corrected = holm({k: p.p_value for k, p in lost.items()})
    return [
        Worth(
            modality=key[1],
            test=test,
            group=group,
            weight=float(np.mean([w.get(key[1], 0.0) for w in weights])),
            quality=float(np.nanmean(whole)),
            left_out=left_out,
            shuffled=paired(whole, means(f"shuffled {key}"), rng),
            alone=paired(means(f"alone {key}"), none, rng),
            p_value=corrected[key],
            seeds=tuple(float(np.nanmean(t["whole", test, group] - t[f"without {key}", test, group])) for t in asked),
        )
        for key, left_out in lost.items()
    ]


def _above(gain: Paired) -> bool:
    return gain.low is not None and gain.low > 0
