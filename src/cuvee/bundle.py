"""A bundle: a folder that holds everything needed to recommend, and nothing that runs.

`recipe.yaml`, and by `store` the model, the data set with its features, and the channels and the fusion that encode
what arrives later. Loading needs neither the files it was made from nor the weights of the encoders.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import yaml

from cuvee import plain_yaml, store
from cuvee.cache import VectorCache, default_cache
from cuvee.errors import BundleError, ConfigError, UnknownNameError, unknown
from cuvee.features import Channel
from cuvee.frames import ArrowTable
from cuvee.growing import with_changes, with_events, with_items
from cuvee.inductive import extended, revised, updated
from cuvee.protocols import BuiltIndex, Explainer, Factorized, FittedFusion, Ranker, Recommender, Settled
from cuvee.queries import queries_of, session
from cuvee.rank import DEPTH, recommend, similar
from cuvee.recipe import Recipe, dump_recipe, read_recipe
from cuvee.retrieval import built_for, check_factorized
from cuvee.types import Context, Dataset, Ints, Queries, Reason, Slate

__all__ = ["Bundle", "load_bundle", "save_bundle"]

_SHOWN = 50
"""Length of the lists that an index is measured at, where no stage asks for more."""


@dataclass(frozen=True)
class Bundle:
    """A trained model with what it needs to answer."""

    recipe: Recipe
    model: Recommender
    data: Dataset
    channels: tuple[Channel, ...]
    fusion: FittedFusion | None = None
    """What makes the modality `fused`, where the recipe has a fusion."""
    ranker: Ranker | None = None
    """What the stage `rerank` asks, where the recipe has a ranker. It reads new events at once; an item that is newer
    than its fit has no contents to it."""
    index: BuiltIndex | None = None
    """What finds the best items of the model without scoring all; None: all are scored."""

    def user(self, user_id: str) -> Queries:
        """Return the query of one user; somebody unknown has no history.

        Raises:
            UnknownNameError: the id is not among the users of the bundle.
        """
        if user_id not in self.data.user_rows:
            hint = "; leave the user out to see what somebody unknown is shown"
            raise UnknownNameError(unknown("user", user_id, self.data.users[:10_000]) + hint)
        return queries_of(self.data, np.array([self.data.user_rows[user_id]], np.int32))

    def items(self, item_ids: Sequence[str], friends: Sequence[str] = ()) -> Queries:
        """Return the query of somebody unknown who touched these items, oldest first; none gives an empty history.

        `friends` are users of the bundle whom they know.
        """
        return session(self.data, item_ids, friends)

    def recommend(self, queries: Queries, k: int) -> Slate:
        """Return slates of k through the recipe's filters and stages."""
        filters = [f.prepare(self.data) for f in self.recipe.filters]
        stages = [s.prepare(self.data) for s in self.recipe.stages]
        context = Context(self.data, np.random.default_rng(self.recipe.seed), ranker=self.ranker)
        return recommend(self.model, queries, k, filters=filters, stages=stages, context=context,
                         index=self.index)  # fmt: skip

    def similar(self, item_id: str, k: int) -> Slate:
        """Return the k items closest to one item, through the recipe's filters; PAD where nothing is known of it."""
        filters = [f.prepare(self.data) for f in self.recipe.filters]
        return similar(self.model, session(self.data, [item_id]), k, filters=filters, index=self.index)

    def reasons(self, queries: Queries, slate: Slate, explainers: Sequence[Explainer]) -> list[list[list[Reason]]]:
        """Return the reasons of every explainer by query and position."""
        found = [e.explain(self.model, queries, slate, self.data) for e in explainers]
        return [
            [[reason for one in found for reason in one[q][place]] for place in range(slate.items.shape[1])]
            for q in range(len(slate))
        ]

    def with_items(self, table: ArrowTable, cache: VectorCache | None = None) -> "Bundle":
        """Return the bundle with new items, encoded as the others were and scored as if they had been there at the fit.

        Args:
            table: item_id, and whatever columns of the catalogue there are; paths of files must be absolute.
            cache: of vectors; None: the default one.

        Raises:
            DataError: an id that is empty, repeated or known, or a cell that is not of its column's type.
            ConfigError: the model cannot take in new items.
        """
        cache = default_cache() if cache is None else cache
        data = with_items(self.data, table, self.channels, self.fusion, self.recipe.impute, cache)
        return self._with(extended(self.model, data), data)

    def with_changes(self, table: ArrowTable, cache: VectorCache | None = None) -> "tuple[Bundle, tuple[str, ...]]":
        """Return the bundle with other columns of items it has, encoded where their content is another one.

        What the fit learned of interactions stays. The second part names the items whose new content the model, or a
        part of it that reads content, reads at the next fit only: they are ranked by the old one until then.

        Args:
            table: item_id, and every column of the catalogue: what is missing is missing from now on.
            cache: of vectors; None: the default one.

        Raises:
            DataError: an id that is unknown or repeated, or a cell that is not of its column's type.
        """
        cache = default_cache() if cache is None else cache
        data, moved = with_changes(self.data, table, self.channels, self.fusion, self.recipe.impute, cache)
        if not len(moved):
            return replace(self, data=data), ()
        model, whole = revised(self.model, self.data, data, moved)
        return self._with(model, data, moved), () if whole else tuple(data.items[row] for row in moved)

    def update(self, events: ArrowTable) -> "Bundle":
        """Return the bundle that knows new events at once: histories, `unseen` and popularity; the model is not fitted.

        Raises:
            DataError: an item that the bundle does not have, or a table that cannot be used.
        """
        weights = None if self.recipe.events == "learn" else self.recipe.events
        data = with_events(self.data, events, self.recipe.reader, weights)
        return self._with(updated(self.model, data), data)

    def refit(self) -> "Bundle":
        """Return the bundle with its model fitted from scratch on all its items and events, with the vectors it has."""
        model = self.recipe.model.fit(self.data, None, np.random.default_rng(self.recipe.seed))
        return replace(self, model=model.plain if isinstance(model, Settled) else model, index=None).indexed()

    def indexed(self) -> "Bundle":
        """Return the bundle with the index of its recipe built, as it is where the recipe has none.

        Raises:
            ConfigError: the model has no factors, or the index finds too little.
        """
        index = self.recipe.index
        if index is None:
            return self
        depth = DEPTH if self.recipe.stages else _SHOWN
        return replace(self, index=built_for(index, self.model, self.data, depth, self.recipe.seed))

    def _with(self, model: Recommender, data: Dataset, moved: Ints | None = None) -> "Bundle":
        """Return it with a model that has grown, and whose `moved` items have other contents."""
        grown = self.index
        if grown is not None and isinstance(model, Factorized):
            grown = grown.grown(model.item_factors(), moved)
        return replace(self, data=data, model=model, index=grown)


def save_bundle(bundle: Bundle, folder: Path) -> None:
    """Write a bundle; each part is put in place in one step."""
    folder.mkdir(parents=True, exist_ok=True)
    store.save(bundle.data, folder, "data")
    store.save(bundle.channels, folder, "channels")
    store.save(bundle.fusion, folder, "fusion")
    store.save(bundle.model, folder, "model")
    store.save(bundle.ranker, folder, "ranker")
    store.save(None if bundle.index is None else (bundle.index.made, bundle.index.moved), folder, "index")
    part = folder / "recipe.yaml.part"
    part.write_text(dump_recipe(bundle.recipe), encoding="utf-8")
    part.replace(folder / "recipe.yaml")


def load_bundle(folder: Path) -> Bundle:
    """Read a bundle; the folder of a run stands for the bundle in it.

    Raises:
        BundleError: not a bundle, a damaged one, or one of a newer version.
    """
    if (folder / "bundle").is_dir():
        folder = folder / "bundle"
    if not (folder / "recipe.yaml").is_file():
        raise BundleError(
            f"{folder}: not a bundle, it has no recipe.yaml; `cuvee run RECIPE --out DIR` makes DIR/bundle"
        )
    recipe, model = _recipe(folder / "recipe.yaml"), store.load(folder, "model")
    return Bundle(
        recipe,
        model,
        store.load(folder, "data"),
        store.load(folder, "channels"),
        store.load(folder, "fusion") if (folder / "fusion.json").is_file() else None,
        store.load(folder, "ranker") if (folder / "ranker.json").is_file() else None,
        _index(folder, recipe, model),
    )


def _index(folder: Path, recipe: Recipe, model: Recommender) -> BuiltIndex | None:
    kept = store.load(folder, "index") if (folder / "index.json").is_file() else None
    if kept is None or recipe.index is None:
        return None
    made, moved = kept
    factors = check_factorized(recipe.index, model).item_factors()
    return recipe.index.restore(factors, made).grown(factors, moved)


def _recipe(path: Path) -> Recipe:
    """Read the recipe as it was written: a bundle listens neither to the environment nor to changes."""
    try:
        return read_recipe(plain_yaml.load(path.read_text(encoding="utf-8")), path.resolve().parent)
    except (yaml.YAMLError, UnicodeDecodeError, ConfigError, UnknownNameError) as error:
        raise BundleError(f"{path} is damaged or of another version: {error}; copy or make the bundle again") from error
