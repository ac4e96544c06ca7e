"""Add new items and events to a bundle, and fit it again where asked."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from cuvee.bundle import Bundle, load_bundle, save_bundle
from cuvee.errors import ConfigError, DataError
from cuvee.media import absolute_media
from cuvee.tables import read_table

__all__ = ["command"]

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder of the new bundle."
)
@click.option("--items", type=_FILE, help="New items: parquet, csv or jsonl with item_id and columns of the catalogue.")
@click.option("--events", type=_FILE, help="New interactions: user_id, item_id, and where known event, timestamp ...")
@click.option("--refit", is_flag=True, help="Fit the model from scratch on all items and events.")
def command(bundle: Path, out: Path, items: Path | None, events: Path | None, refit: bool) -> None:
    """Write BUNDLE (or the bundle of a run) with new --items and --events to --out; BUNDLE itself stays as it is.

    New items are scored by their content, as if they had been there at the fit; new events count in histories, in what
    is hidden as seen, and in popularity. What else is learned from events takes --refit.
    """
    if items is None and events is None and not refit:
        raise ConfigError("nothing to do: give --items FILE, --events FILE or --refit")
    source = bundle / "bundle" if (bundle / "bundle").is_dir() else bundle
    if out.resolve() in (source.resolve(), bundle.resolve()):
        raise ConfigError(f"--out {out} is the bundle that is read; write to another folder, then put it in its place")
    old = new = load_bundle(bundle)
    new = _with_items(new, items) if items is not None else new
    new = _with_events(new, events) if events is not None else new
    new = new.refit() if refit else new
    save_bundle(new, out)
    data, more = new.data, len(new.data.events) - len(old.data.events)
    click.echo(
        f"{len(data.items) - len(old.data.items)} new items, {len(data.users) - len(old.data.users)} new users and "
        f"{more} new events{', fitted again' if refit else ''}: {out} has {len(data.items)} items, {len(data.users)} "
        f"users, {len(data.events)} events"
    )


def _with_items(bundle: Bundle, path: Path) -> Bundle:
    table = absolute_media(read_table(path), path.parent)
    with _named(path):
        return bundle.with_items(table)


def _with_events(bundle: Bundle, path: Path) -> Bundle:
    table = read_table(path)
    with _named(path):
        return bundle.update(table)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Put the file's name before what is wrong with its rows."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
