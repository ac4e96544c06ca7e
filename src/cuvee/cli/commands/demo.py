"""Write a made-up shop with drawn products, to try everything on.

The folder has the canonical layout; truth.json beside the data says how it came about.
"""

from pathlib import Path

import click

from cuvee.demo import write_shop

__all__ = ["command"]


@click.command(name="demo", help=__doc__)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--lang", type=click.Choice(["en", "zh"]), default="en", show_default=True, help="Language of all texts.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Same seed, same bytes.")
@click.option("--scale", type=float, default=1.0, show_default=True, help="1 gives 1,000 products and 2,000 users.")
@click.option("--media", is_flag=True, help="A sound and a clip for every product, too (needs the extra media).")
@click.option("--force", is_flag=True, help="Write again, even into a folder that holds something else.")
def command(folder: Path, lang: str, seed: int, scale: float, *, media: bool, force: bool) -> None:
    written = write_shop(folder, lang=lang, seed=seed, scale=scale, media=media, force=force)
    click.echo(f"wrote a demo shop into {folder}" if written else f"{folder} already holds this demo shop")
    click.echo(f"next: cuvee init {folder}")
