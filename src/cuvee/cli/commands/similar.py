"""Show the items closest to one item."""

import json
from pathlib import Path

import click

from cuvee.bundle import load_bundle
from cuvee.types import PAD

__all__ = ["command"]


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--item", required=True, help="Id of the item.")
@click.option("-k", default=10, show_default=True, type=click.IntRange(1), help="How many items.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def command(bundle: Path, item: str, k: int, as_json: bool) -> None:
    """Show the items of BUNDLE (or the folder of a run) that are closest to --item."""
    loaded = load_bundle(bundle)
    slate = loaded.similar(item, k)
    table = loaded.data.item_table
    titles = table["title"] if "title" in table.columns else table["item_id"]
    rows = [
        {"item_id": loaded.data.items[i], "title": titles[int(i)] or loaded.data.items[i], "score": float(score)}
        for i, score in zip(slate.items[0], slate.scores[0], strict=True)
        if i != PAD
    ]
    if as_json:
        click.echo(json.dumps({"item_id": item, "items": rows}, ensure_ascii=False))
        return
    for rank, row in enumerate(rows, 1):
        click.echo(f"{rank:3}. {row['title']}  [{row['item_id']}]  {row['score']:.3f}")
