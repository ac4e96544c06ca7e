"""Check rules of a file, and store them."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import yaml

from cuvee import plain_yaml
from cuvee.errors import ConfigError
from cuvee.logs.sql import SqlLog
from cuvee.sql.database import reading, writing
from cuvee.sql.models import active_version
from cuvee.sql.rules import Rule, put_rule

if TYPE_CHECKING:
    from cuvee.serve.rule_bodies import Checked

__all__ = ["command"]

_file = click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))


@click.group()
def command() -> None:
    """Rules that shape answers, as a list in YAML."""


@command.command()
@_file
@click.argument("bundle", type=click.Path(path_type=Path, exists=True, file_okay=False))
def check(file: Path, bundle: Path) -> None:
    """Check the rules of FILE against the catalogue of BUNDLE (or the folder of a run), without a service."""
    if not _told(_checked(_rules(file), bundle)):
        raise click.exceptions.Exit(1)


@command.command()
@_file
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Folder of the service's files.")
@click.option("--database", help="URL of its database, where that is not in --data.")
def load(file: Path, data: Path | None, database: str | None) -> None:
    """Store the rules of FILE, all or none, each in the place of that of its name; a service follows at once.

    Conditions are checked against the version that is active.
    """
    if (data is None) == (database is None):
        raise click.UsageError("give --data DIR or --database URL")
    rules = _rules(file)
    log = SqlLog(str(database) if data is None else f"sqlite:///{data.resolve() / 'cuvee.db'}")
    with reading(log.engine) as connection:
        active = active_version(connection)
    if active is not None and not _told(_checked(rules, active.bundle)):
        raise click.exceptions.Exit(1)
    with writing(log.engine) as connection:
        for rule in rules:
            put_rule(connection, rule, "rules load")
    click.echo(f"{len(rules)} rules are stored")


def _rules(file: Path) -> list[Rule]:
    """Return the rules of a file.

    Raises:
        ConfigError: no list of rules; the message names the rule and the field.
    """
    from pydantic import ValidationError

    from cuvee.serve.rule_bodies import named_rule

    try:
        tree: Any = plain_yaml.load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ConfigError(f"{file} is not YAML: {error}") from error
    if not isinstance(tree, list):
        raise ConfigError(f"{file} holds no list of rules; write `- {{rule: NAME, kind: pin, item: ID, position: 0}}`")
    found = []
    for number, one in enumerate(tree, 1):
        try:
            found.append(named_rule(one))
        except ValidationError as error:
            told = "; ".join(f"{'.'.join(map(str, e['loc'][1:]))}: {e['msg']}" for e in error.errors())
            raise ConfigError(f"{file}, rule {number}: {told}") from error
    names = [rule.rule for rule in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"{file} has two rules called {twice!r}")
    return found


def _checked(rules: list[Rule], bundle: Path) -> "list[Checked]":
    from cuvee.serve.checking import checked
    from cuvee.serve.snapshot import snapshot_of

    snapshot = snapshot_of(bundle)
    return [checked(rule, rules, snapshot, time.time()) for rule in rules]


def _told(found: "list[Checked]") -> bool:
    """Print what was found, and return whether every rule can act."""
    for one in found:
        about = "" if one.matches is None else f": {one.matches} item{'' if one.matches == 1 else 's'}"
        click.echo(f"{one.rule}{about}" if one.valid else f"{one.rule} cannot act")
        for error in one.errors:
            click.echo(f"  {error.field}: {error.message}")
        for warning in one.warnings:
            click.echo(f"  note: {warning}")
    return all(one.valid for one in found)
