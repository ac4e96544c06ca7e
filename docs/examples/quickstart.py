"""From a folder of raw files to recommendations with reasons, in Python."""

from pathlib import Path

from cuvee import registry
from cuvee.bundle import load_bundle
from cuvee.demo import write_shop
from cuvee.pipeline import run
from cuvee.recipe import read_recipe

shop = Path("shop")
write_shop(shop, scale=0.1)

recipe = read_recipe(
    {
        "reader": {"folder": {"path": str(shop)}},
        "split": {"random": {"targets": ["buy", "like"]}},
        "model": {"blend": {"views": [{"ease": {"l2": 20.0}}, "item_knn", "popular"]}},
    },
    base=Path(),
)
done = run(recipe, Path("run"))
print("NDCG@20:", done.tests["test"].summary["ndcg@20"])

bundle = load_bundle(Path("run"))
queries = bundle.items(list(bundle.data.items[:2]))  # somebody unknown who touched two items
slate = bundle.recommend(queries, k=5)
explainers = [registry.build("explainers", name) for name in ("views", "history")]
for item, why in zip(slate.items[0], bundle.reasons(queries, slate, explainers)[0], strict=True):
    print(bundle.data.item_table["title"][int(item)], "|", "; ".join(reason.text for reason in why))
