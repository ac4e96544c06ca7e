"""Say what reviews praise and blame, by item and by user, and which of them are copies or spam."""

import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import polars as pl

from cuvee.errors import ConfigError, DataError, UnknownNameError, unknown
from cuvee.readers.folder import Folder
from cuvee.recipe import load_recipe
from cuvee.reviewing.flags import RULES
from cuvee.reviewing.profiles import Profiles, Readings, profile, read_reviews, written_before
from cuvee.roles import key_of
from cuvee.types import Dataset

__all__ = ["command"]

_SHOWN = 6
"""Aspects of each kind that are printed."""


def _moment(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """Return a day, a time or unix seconds as unix seconds."""
    if value is None or value.lstrip("-").isdigit():
        return None if value is None else int(value)
    try:
        found = datetime.fromisoformat(value)
    except ValueError as error:
        told = f"{value!r} is no time; write 2014-01-31, 2014-01-31T12:00 or unix seconds (UTC)"
        raise click.BadParameter(told, ctx, param) from error
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option(
    "--before", callback=_moment, help="Only reviews written strictly before: a day, a time, or unix seconds."
)
@click.option("--item", help="Print what was said of this item.")
@click.option("--user", help="Print what this user said.")
@click.option(
    "--sentiment",
    default="auto",
    show_default=True,
    help="auto, vader, products, snownlp, stars, or a classifier: weights name, folder or hub id.",
)
@click.option("--least", default=2, show_default=True, type=click.IntRange(1), help="Reviews that name an aspect.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for the tables and JSON.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def command(
    source: Path,
    before: int | None,
    item: str | None,
    user: str | None,
    sentiment: str,
    least: int,
    out: Path | None,
    as_json: bool,
) -> None:
    """Read the reviews of SOURCE, a folder of data or a recipe; tell of one item, one user, or all together."""
    logging.basicConfig(format="%(levelname)s: %(message)s")
    if item is not None and user is not None:
        raise ConfigError("choose one of --item and --user")
    data = _read(source)
    reviews = _chosen(data, source, before)
    read = read_reviews(reviews, sentiment)
    profiles = {role: profile(read, role, least) for role in ("item", "user")}
    if out is not None:
        _write(read, profiles, out)
    if item is None and user is None:
        told = _summary(read, profiles["item"], _titles(data))
        click.echo(json.dumps(told, ensure_ascii=False) if as_json else "\n".join(_overview(told)))
    else:
        role, name = ("item", item) if item is not None else ("user", str(user))
        told = _told(profiles[role], role, str(name), read, _titles(data))
        click.echo(json.dumps(told, ensure_ascii=False) if as_json else "\n".join(_card(told)))
    if out is not None:
        click.echo(f"written to {out}", err=as_json)


def _read(source: Path) -> Dataset:
    if source.is_dir():
        return Folder(source).read()
    if not source.is_file():
        raise ConfigError(f"{source}: no such folder of data, and no recipe either")
    return load_recipe(source).reader.read()


def _chosen(data: Dataset, source: Path, before: int | None) -> pl.DataFrame:
    if data.reviews is None or not len(data.reviews):
        raise DataError(f"{source} has no reviews; a folder needs a table `reviews` with user_id, item_id and text")
    if before is None:
        return data.reviews
    found = written_before(data.reviews, before)
    if not len(found):
        raise DataError(f"no review was written before {_date(before)}; choose a later moment")
    return found


def _titles(data: Dataset) -> dict[str, str]:
    """Return item id -> title, of those that have one."""
    if "title" not in data.item_table.columns:
        return {}
    pairs = zip(data.items, data.item_table["title"].to_list(), strict=True)
    return {name: str(title) for name, title in pairs if title}


def _summary(read: Readings, items: Profiles, titles: dict[str, str]) -> dict[str, Any]:
    reviews = read.reviews
    whole = reviews.with_columns(pl.lit("all").alias("item_id"))
    everything = profile(Readings(whole, read.sentences, read.mentions, read.tool), "item", least=3)
    flagged = {name: int(reviews["flags"].list.contains(name).sum()) for name in RULES}
    busiest = items.figures.sort(["read", "id"], descending=[True, False]).head(5)
    return {
        "reviews": len(reviews),
        "items": reviews["item_id"].n_unique(),
        "users": reviews["user_id"].n_unique(),
        "first": _date(reviews["timestamp"].min()),
        "last": _date(reviews["timestamp"].max()),
        "mood_by": read.tool,
        "mood": everything.figures["mood"].item(),
        "stars": everything.figures["stars"].item(),
        "read": int((reviews["weight"] > 0).sum()),
        "flagged": flagged,
        **_aspects(everything.aspects),
        "most_read": [row | {"title": titles.get(row["id"])} for row in busiest.iter_rows(named=True)],
    }


def _told(found: Profiles, role: str, name: str, read: Readings, titles: dict[str, str]) -> dict[str, Any]:
    own = found.figures.filter(pl.col("id") == name)
    if not len(own):
        raise UnknownNameError(unknown(f"{role} with reviews", name, found.figures["id"].to_list()[:10_000]))
    figures = own.row(0, named=True)
    quotes = found.quotes.filter(pl.col("id") == name).join(read.reviews, on="review", how="left")
    others = {"item": "user_id", "user": "item_id"}[role]
    flags = read.reviews.filter(pl.col(key_of(role)) == name)["flags"].explode().drop_nulls().value_counts(sort=True)
    return {
        key_of(role): name,
        "title": titles.get(name) if role == "item" else None,
        **{key: figures[key] for key in ("reviews", "read", "stars", "mood")},
        "mood_by": read.tool,
        "flagged": dict(flags.iter_rows()),
        **_aspects(found.aspects.filter(pl.col("id") == name)),
        "quotes": [
            {"kind": row["kind"], "quote": row["quote"], others: row[others], "rating": row["rating"]}
            for row in quotes.iter_rows(named=True)
        ],
    }


def _aspects(table: pl.DataFrame) -> dict[str, list[dict[str, Any]]]:
    """Return what is praised and what is blamed, each with a sentence that shows it."""
    praised = table.filter(pl.col("praised") > pl.col("blamed")).sort("score", descending=True, maintain_order=True)
    blamed = table.filter(pl.col("blamed") > pl.col("praised")).sort("score", descending=True, maintain_order=True)
    columns = ["aspect", "mentions", "praised", "blamed"]
    return {
        name: [row | {"quote": row.pop(kind)} for row in found.head(_SHOWN).select(*columns, kind).to_dicts()]
        for name, kind, found in (("praised", "praise", praised), ("blamed", "blame", blamed))
    }


def _overview(told: dict[str, Any]) -> list[str]:
    lines = [
        f"{told['reviews']:,} reviews of {told['items']:,} items by {told['users']:,} users, "
        f"{told['first']} to {told['last']}",
        _mean(told),
        f"read {told['read']:,}; the others are flagged and weigh nothing:",
        *(f"  {name:9} {n:7,}  {RULES[name]}" for name, n in told["flagged"].items() if n),
        *_listed(told),
        "items with most to read:",
    ]
    return lines + [
        f"  {row['id']}  {row['title'] or ''}  {row['read']:,} read{_stars(row['stars'])}" for row in told["most_read"]
    ]


def _card(told: dict[str, Any]) -> list[str]:
    name = told.get("item_id") or told.get("user_id")
    flagged = ", ".join(f"{n} {flag}" for flag, n in told["flagged"].items())
    left = f" ({flagged} left out)" if flagged else ""
    quotes = [
        f'  {"+" if q["kind"] == "praise" else "-"} "{q["quote"]}"  [{q.get("user_id") or q.get("item_id")}]'
        f"{_stars(q['rating'])}"
        for q in told["quotes"]
    ]
    return [
        f"{told['title'] or ''} [{name}]".strip(),
        f"{told['reviews']:,} reviews, {told['read']:,} read{left}",
        _mean(told),
        *_listed(told),
        *(["quotes:", *quotes] if quotes else []),
    ]


def _listed(told: dict[str, Any]) -> list[str]:
    lines = []
    for name in ("praised", "blamed"):
        if told[name]:
            lines.append(f"{name} for:")
        for row in told[name]:
            quote = f'  "{row["quote"]}"' if row["quote"] else ""
            lines.append(f"  {row['aspect']}: {row[name]} of {row['mentions']} who mention it{quote}")
    return lines


def _mean(told: dict[str, Any]) -> str:
    mood = "unknown" if told["mood"] is None else f"{told['mood']:+.2f}"
    return f"mood {mood} from -1 to 1 by {told['mood_by']}{_stars(told['stars'])}"


def _stars(value: float | None) -> str:
    return "" if value is None else f", {value:.3g} stars"


def _date(seconds: Any) -> str:
    return "an unknown time" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


def _write(read: Readings, profiles: dict[str, Profiles], out: Path) -> None:
    """Write reviews.parquet, and for items and users figures, aspects and quotes; profiles.json holds them by id."""
    out.mkdir(parents=True, exist_ok=True)
    tables = {"reviews": read.reviews}
    for role, found in profiles.items():
        tables |= {f"{role}s": found.figures, f"{role}_aspects": found.aspects, f"{role}_quotes": found.quotes}
    for name, table in tables.items():
        part = out / f"{name}.parquet.part"
        table.write_parquet(part)
        part.replace(out / f"{name}.parquet")
    told = {f"{role}s": _by_id(found) for role, found in profiles.items()}
    part = out / "profiles.json.part"
    part.write_text(json.dumps({"mood_by": read.tool, "rules": dict(RULES), **told}, ensure_ascii=False), "utf-8")
    part.replace(out / "profiles.json")


def _by_id(found: Profiles) -> dict[str, dict[str, Any]]:
    told: dict[str, dict[str, Any]] = {
        row.pop("id"): row | {"aspects": [], "quotes": []} for row in found.figures.to_dicts()
    }
    for name, table in (("aspects", found.aspects), ("quotes", found.quotes)):
        for row in table.to_dicts():
            told[row.pop("id")][name].append(row)
    return told
