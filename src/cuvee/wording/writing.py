"""Reasons in the words of a language model, or of a template where the model says anything but its facts.

The model is shown the template's sentence and examples of the same make with other numbers. Names do not pass through
it: it reads and writes [A] and [B], so it can neither garble a title nor add what it knows of one, and a title cannot
tell it what to do. What it writes is read by `guard.refusal` with the names in place.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from cuvee.errors import LanguageModelError
from cuvee.generation.completions import Completion
from cuvee.protocols import LanguageModel
from cuvee.types import Message, Usage
from cuvee.wording.facts import Facts, listed, plain_sentence
from cuvee.wording.guard import refusal

__all__ = ["Wording", "conversation", "named", "word"]

_ITEM, _PAST = "[A]", "[B]"
_TASK = f"Say it in other words. Keep {_ITEM}, {_PAST} and the numbers."
_STOP = ("\n",)
_ATTEMPTS = 2
"""Each shows the examples in another order; the model leans on the last."""

_OPENINGS = (
    (f"Since you chose {_PAST}, we suggest {_ITEM}", f"We suggest {_ITEM} to you"),
    (f"You may enjoy {_ITEM} because you chose {_PAST}", f"You may enjoy {_ITEM}"),
    (f"With {_PAST} among your choices, we thought of {_ITEM}", f"For you we thought of {_ITEM}"),
    (f"You chose {_PAST}, so have a look at {_ITEM}", f"Have a look at {_ITEM}"),
)
"""Of an example, with and without past items."""
_ENDINGS = (
    ("; {0} % is down to {1}", " and {2} % to {3}"),
    ("; {0} % is thanks to {1}", " and {2} % to {3}"),
    (", where {0} % comes from {1}", " and {2} % from {3}"),
    (", as {0} % comes from {1}", " and {2} % from {3}"),
)
"""Of an example, for the first share and the second."""
_SHOWN = 3
"""Examples in one conversation."""
_NUMBERS = ((64, 29), (81, 12), (57, 38), (73, 16))


@dataclass(frozen=True)
class Wording:
    """One explanation."""

    text: str
    by_model: bool
    """False: the template's words."""
    refused: tuple[str, ...] = ()
    """Why what the model wrote was not shown, attempt by attempt."""
    usage: tuple[Usage, ...] = ()
    """What each attempt took."""


def word(facts: Sequence[Facts], model: LanguageModel | None) -> list[Wording]:
    """Return an explanation for each; of an attempt those are asked for together whose examples are the same.

    What the guard refuses is asked for once more; then, or where no answer comes, the template speaks. It also does
    where there is no model, and where there is nothing to word. Reasons that are told as they are follow the sentence.
    """
    done = [Wording(_with_rest(plain_sentence(f), f), by_model=False) for f in facts]
    for attempt in range(_ATTEMPTS if model is not None else 0):
        assert model is not None
        todo = [n for n, f in enumerate(facts) if not done[n].by_model and (f.past or f.shares)]
        if not todo:
            break
        for group in _alike([conversation(facts[n], attempt) for n in todo]):
            answers = model.complete_many([asked for _, asked in group], stop=_STOP)
            for (at, _), answer in zip(group, answers, strict=True):
                done[todo[at]] = _read(answer, facts[todo[at]], done[todo[at]])
    return done


def conversation(facts: Facts, attempt: int = 0) -> list[Message]:
    """Return what the model is asked: the task, three examples, and the template's sentence.

    Their order follows from the facts, so that not all explanations begin alike; those of one make and order begin with
    the same tokens, which a model may keep.
    """
    marked = replace(facts, item=_ITEM, past=(_PAST,) if facts.past else ())
    first = hashlib.sha256(repr(facts).encode()).digest()[0] + attempt
    messages = [Message("system", _TASK)]
    for turn in range(_SHOWN):
        at = (first + turn) % len(_OPENINGS)
        shares = tuple((noun, _NUMBERS[at][n]) for n, (noun, _) in enumerate(facts.shares))
        messages.append(Message("user", plain_sentence(replace(marked, shares=shares))))
        messages.append(Message("assistant", _example(replace(marked, shares=shares), at)))
    return [*messages, Message("user", plain_sentence(marked))]


def named(text: str, facts: Facts) -> str:
    """Return what a model wrote, with the names in place."""
    text = re.sub(r"\s+", " ", text).strip()
    return text.replace(_ITEM, facts.item).replace(_PAST, listed(facts.past) or _PAST)


def _alike(conversations: Sequence[list[Message]]) -> list[list[tuple[int, list[Message]]]]:
    """Return the conversations with their places, those together that differ in the last message only.

    What a batch begins with is computed once: three quarters of the work are saved.
    """
    groups: dict[tuple[str, ...], list[tuple[int, list[Message]]]] = {}
    for at, asked in enumerate(conversations):
        groups.setdefault(tuple(m.text for m in asked[:-1]), []).append((at, asked))
    return list(groups.values())


def _read(answer: Completion, facts: Facts, before: Wording) -> Wording:
    """Return the model's wording if the guard lets it pass, and else the one before with why it does not."""
    try:
        text, usage = named(answer.text, facts), answer.usage
    except LanguageModelError as error:
        return replace(before, refused=(*before.refused, f"no answer: {error}"))
    why, took = refusal(text, facts), (*before.usage, usage)
    if why:
        return replace(before, refused=(*before.refused, why), usage=took)
    return replace(before, text=_with_rest(text, facts), by_model=True, usage=took)


def _example(facts: Facts, at: int) -> str:
    told = [value for noun, share in facts.shares for value in (share, noun)]
    ending = "".join(_ENDINGS[at][: len(facts.shares)]).format(*told)
    return _OPENINGS[at][0 if facts.past else 1] + ending + "."


def _with_rest(text: str, facts: Facts) -> str:
    return " ".join((text, *facts.rest))
