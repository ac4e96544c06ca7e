"""The door: `cuvee COMMAND`. A command is a file in commands/; it is imported only when it is called."""

import ast
import pkgutil
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import click

from cuvee import __version__
from cuvee.cli import commands
from cuvee.errors import BundleError, ConfigError, DataError, LanguageModelError, UnknownNameError, unknown

__all__ = ["Commands", "main"]

_OURS = (BundleError, ConfigError, DataError, LanguageModelError, UnknownNameError)


class Commands(click.Group):
    """Finds commands by file name and reads their one-line help without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return sorted(m.name for m in pkgutil.iter_modules(commands.__path__))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = import_module(f"cuvee.cli.commands.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in self.list_commands(ctx):
            raise click.UsageError(unknown("command", args[0], self.list_commands(ctx)))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, _first_line(name)) for name in self.list_commands(ctx)])


def _first_line(name: str) -> str:
    spec = find_spec(f"cuvee.cli.commands.{name}")
    assert spec is not None
    assert spec.origin is not None
    docstring = ast.get_docstring(ast.parse(Path(spec.origin).read_text(encoding="utf-8")))
    return (docstring or "").splitlines()[0]


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="cuvee")
def cuvee() -> None:
    """Blend what people do with what things say, look and sound like."""


def main() -> None:
    """Run the command line; errors that Cuvee raises on purpose end as one line and exit status 1."""
    try:
        cuvee(prog_name="cuvee")
    except (*_OURS, OSError) as error:
        click.echo(f"cuvee: {error}", err=True)
        sys.exit(1)
