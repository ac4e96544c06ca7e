"""Write docs/reference/ from the code: components, commands, settings. `--check` only says whether it is up to date."""

import argparse
import inspect
import re
import sys
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

import click

from cuvee import registry
from cuvee.cli.main import cuvee
from cuvee.recipe import Evaluation, Recipe

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "reference"
HEAD = "<!-- Written by `python scripts/reference.py`; do not edit. -->\n\n"

SETTINGS = {
    "CUVEE_CACHE": "Folder of the vector cache; default `~/.cache/cuvee/vectors`.",
    "CUVEE_DATA": "Folder of the benchmark data sets, for `recipes/bench` and tests; default `../shared/data`.",
    "CUVEE_DEMO": "Set to 1, `cuvee serve` asks for no keys; only on an address that nobody but this machine reaches.",
    "CUVEE_REDIS_PASSWORD": "Password of the Redis that `cuvee ingest` reads; it may not stand in the URL.",
    "CUVEE_REQUIRE_DATA": "Set to 1, a test marked `data` that is skipped is a failure.",
    "CUVEE_SERVED": "Set by `cuvee serve` for its own processes: what they serve.",
    "CUVEE_SET__KEY__KEY": "Changes one value of a recipe, as `--set key.key=value` does; the command line wins.",
    "CUVEE_WEIGHTS": "Folder of materialised weights; default `~/.cache/cuvee/weights`.",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    stale = [name for name, text in pages().items() if not same(FOLDER / name, text)]
    if args.check:
        sys.exit(f"stale: {', '.join(stale)}; run python scripts/reference.py" if stale else 0)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in stale:
        (FOLDER / name).write_text(pages()[name], encoding="utf-8")
        print(f"wrote {FOLDER / name}")


def pages() -> dict[str, str]:
    return {"components.md": components(), "commands.md": commands(), "recipe.md": recipe(), "settings.md": settings()}


def same(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


def components() -> str:
    out = [HEAD + "# Components\n\nEach is written `name` or `{name: {parameter: value}}` in a recipe.\n"]
    for kind in registry.KINDS:
        out.append(f"\n## {kind}\n")
        for name in registry.names(kind):
            component = registry.find(kind, name)
            out.append(f"\n### {name}\n\n{inspect.getdoc(component)}\n")
            out.append(table(component))
    return "".join(out)


def table(component: type[Any]) -> str:
    rows = [
        f"| `{key}` | `{registry.type_name(kind)}` | {default(f)} | {one_line(registry.meaning(component, key))} |"
        for key, (kind, f) in registry.parameters(component).items()
    ]
    head = "\n| parameter | type | default | meaning |\n| --- | --- | --- | --- |\n"
    return head + "\n".join(rows).replace(" | None", " \\| None") + "\n" if rows else ""


def default(f: Field[Any]) -> str:
    if f.default is not MISSING:
        return f"`{f.default!r}`"
    return f"`{f.default_factory()!r}`" if f.default_factory is not MISSING else "required"


def commands() -> str:
    out = [HEAD + "# Commands\n"]
    context = click.Context(cuvee, info_name="cuvee")
    for name in cuvee.list_commands(context):
        command = cuvee.get_command(context, name)
        assert command is not None
        out.append(helped(command, click.Context(command, info_name=f"cuvee {name}", parent=None)))
        if isinstance(command, click.Group):
            for inner, found in sorted(command.commands.items()):
                out.append(helped(found, click.Context(found, info_name=f"cuvee {name} {inner}")))
    return "".join(out)


def helped(command: click.Command, context: click.Context) -> str:
    context.terminal_width = context.max_content_width = 100
    return f"\n## {context.info_name}\n\n```text\n{command.get_help(context)}\n```\n"


def recipe() -> str:
    out = [HEAD + "# Keys of a recipe\n\n| key | type | meaning |\n| --- | --- | --- |\n"]
    for owner, prefix in ((Recipe, ""), (Evaluation, "evaluate.")):
        hints = registry.parameters(owner)
        for f in fields(owner):
            kind = registry.type_name(hints[f.name][0])
            out.append(f"| `{prefix}{f.name}` | `{kind}` | {one_line(registry.meaning(owner, f.name))} |\n")
    return "".join(out)


def settings() -> str:
    rows = "".join(f"| `{name}` | {meaning} |\n" for name, meaning in SETTINGS.items())
    return HEAD + "# Environment variables\n\n| variable | meaning |\n| --- | --- |\n" + rows


def one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text)


if __name__ == "__main__":
    main()
