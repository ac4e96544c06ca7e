"""Write a made-up shop with drawn products, to try everything on.

The folder has the canonical layout; truth.json beside the data says how it came about. With --events it is a log of
that many events instead, with ready vectors and neither pictures nor texts: to see how things grow.
"""

from pathlib import Path

import click

from cuvee.demo import write_log, write_shop
from cuvee.errors import ConfigError

__all__ = ["command"]


@click.command(name="demo", help=__doc__)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--lang", type=click.Choice(["en", "zh"]), default="en", show_default=True, help="Language of all texts.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Same seed, same bytes.")
@click.option("--scale", type=float, default=1.0, show_default=True, help="1 gives 1,000 products and 2,000 users.")
@click.option("--events", type=int, help="A log of so many events, in numbers only; a tenth as many users.")
@click.option("--media", is_flag=True, help="A sound and a clip for every product, too (needs the extra media).")
@click.option("--force", is_flag=True, help="Write again, even into a folder that holds something else.")
@click.pass_context
def command(
    context: click.Context,
    folder: Path,
    lang: str,
    seed: int,
    scale: float,
    events: int | None,
    *,
    media: bool,
    force: bool,
) -> None:
    what = "shop" if events is None else "log"
    if events is None:
        written = write_shop(folder, lang=lang, seed=seed, scale=scale, media=media, force=force)
    else:
        given = [n for n in ("lang", "scale", "media") if context.get_parameter_source(n) is _TYPED]
        if given:
            raise ConfigError(f"--{given[0]} is for a shop, and --events makes a log; leave one of them out")
        written = write_log(folder, events=events, seed=seed, force=force)
    click.echo(f"wrote a demo {what} into {folder}" if written else f"{folder} already holds this demo {what}")
    click.echo(f"next: cuvee init {folder}")


_TYPED = click.core.ParameterSource.COMMANDLINE
