"""Search the items of a bundle."""

import json
from pathlib import Path

import click
import numpy as np

from cuvee.bundle import load_bundle
from cuvee.errors import ConfigError
from cuvee.searching import best_of, channel_for, lexicon, merged, similarity_to_picture, similarity_to_text

__all__ = ["command"]


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.argument("text", required=False)
@click.option("--image", type=click.Path(path_type=Path, dir_okay=False, exists=True), help="A picture to search with.")
@click.option("-k", default=10, show_default=True, type=click.IntRange(1), help="How many items.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def command(bundle: Path, text: str | None, image: Path | None, k: int, as_json: bool) -> None:
    """Search the items of BUNDLE (or the folder of a run) for TEXT, for a picture, or for both."""
    if text is None and image is None:
        raise ConfigError("give a text, or --image FILE, or both")
    loaded = load_bundle(bundle)
    data, rankings = loaded.data, []
    everything = np.ones(len(data.items), bool)
    if text is not None:
        rankings.append(best_of(lexicon(data).score(text), everything))
        channel = channel_for(loaded.channels, "text")
        if channel is not None:
            rankings.append(best_of(similarity_to_text(data, channel, text), everything))
    if image is not None:
        channel = channel_for(loaded.channels, "image")
        if channel is None:
            raise ConfigError("nothing in this bundle reads pictures: its recipe has no encoder `image` of items")
        rankings.append(best_of(similarity_to_picture(data, channel, image), everything))
    found, scores = merged(rankings)
    titles = data.item_table["title" if "title" in data.item_table.columns else "item_id"]
    rows = [
        {"item_id": data.items[row], "title": titles[row] or data.items[row], "score": score}
        for row, score in zip(found[:k].tolist(), scores[:k].tolist(), strict=True)
    ]
    if as_json:
        click.echo(json.dumps({"text": text, "items": rows}, ensure_ascii=False))
        return
    for rank, row in enumerate(rows, 1):
        click.echo(f"{rank:3}. {row['title']}  [{row['item_id']}]  {row['score']:.4f}")
