"""Talk with a bundle: say what you want, get items with reasons, say more.

English and Chinese. Say what you want or do not want ("a comedy from the 90s, no horror"), what it should be like
("like the second one, but darker"), and `why the first one?`, `undo`, `start over`. No language model is needed.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click
import yaml

from cuvee import plain_yaml, registry
from cuvee.bundle import load_bundle
from cuvee.dialogue.conversation import Turn, open_conversation
from cuvee.dialogue.replies import asked
from cuvee.dialogue.state import State, from_json, remembered, to_json
from cuvee.errors import ConfigError, DataError, UnknownNameError, unknown
from cuvee.protocols import LanguageModel

__all__ = ["command"]

_LEAVING = {"quit", "exit", "bye", "再见", "退出"}


@click.command(help=__doc__)
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--user", help="Id of a user the bundle knows.")
@click.option("-k", default=5, show_default=True, type=click.IntRange(1, 50), help="Items a turn.")
@click.option("--json", "as_json", is_flag=True, help="One message a line from standard input, one JSON object a turn.")
@click.option("--model", help="A language model that reads and words: local, {openai_compatible: {model: m}}.")
@click.option("--state", type=click.Path(path_type=Path, dir_okay=False), help="Go on from a state in this JSON file.")
@click.option(
    "--remember",
    type=click.Path(path_type=Path, dir_okay=False),
    help="You agree that likes, dislikes and what you never want are kept in this file for the next conversation.",
)
def command(
    bundle: Path,
    user: str | None,
    k: int,
    model: str | None,
    state: Path | None,
    remember: Path | None,
    *,
    as_json: bool,
) -> None:
    loaded = load_bundle(bundle)
    if user is not None and user not in loaded.data.user_rows:
        raise UnknownNameError(
            unknown("user", user, loaded.data.users[:10_000]) + "; leave --user out for somebody unknown"
        )
    conversation = open_conversation(loaded, k=k, model=_language_model(model))
    now = _begun(state, remember, user)
    for message in sys.stdin if as_json else _typed():
        if not message.strip():
            continue
        turn = conversation.turn(now, message.rstrip("\n"))
        now = turn.state
        if as_json:
            click.echo(json.dumps(turn.tree(), ensure_ascii=False))
        else:
            _show(turn)
    if remember is not None:
        remember.write_text(json.dumps(to_json(remembered(now)), ensure_ascii=False) + "\n", encoding="utf-8")


def _language_model(spec: str | None) -> LanguageModel | None:
    if spec is None:
        return None
    try:
        model: LanguageModel = registry.build("llms", plain_yaml.load(spec))
    except yaml.YAMLError as error:
        raise ConfigError(f"--model takes a language model such as local, got {spec!r}") from error
    return model


def _begun(state: Path | None, remember: Path | None, user: str | None) -> State:
    """Return the state to go on from: a saved one, what was remembered, or a new one."""
    path = state or (remember if remember is not None and remember.is_file() else None)
    if path is None:
        return State(user=user)
    try:
        found = from_json(json.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error
    return replace(found, user=user or found.user)


def _typed() -> Iterator[str]:
    """Yield what is typed, until the end of the input or an empty `quit`."""
    while True:
        try:
            message = click.prompt("", prompt_suffix="> ", default="", show_default=False)
        except click.Abort:
            click.echo()
            return
        if message.strip().lower() in _LEAVING:
            return
        yield message


def _show(turn: Turn) -> None:
    """Print a turn for people."""
    told, question = turn.reply, ""
    if turn.question is not None and turn.items:
        question = asked(turn.question, turn.state.language)
        told = told.removesuffix(question).rstrip()
    click.echo(told)
    for place, item in enumerate(turn.items, 1):
        why = "; ".join(reason.text for reason in item.reasons)
        click.echo(f"{place:3}. {item.title}  [{item.item_id}]" + (f"\n     {why}" if why else ""))
    if question:
        click.echo(question)
