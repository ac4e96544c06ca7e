"""What a message says: text to acts, without a language model. Each step takes the characters it has understood."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cuvee.dialogue.acts import Act, Constrain, Explain, Prefer, Shift, Tell, Wish
from cuvee.dialogue.chinese import CHINESE
from cuvee.dialogue.english import ENGLISH
from cuvee.dialogue.facts import Facts
from cuvee.dialogue.lexicon import Found, Lexicon
from cuvee.dialogue.mentions import Mention, feelings, mentions
from cuvee.dialogue.phrases import Phrases
from cuvee.dialogue.quantities import bounds
from cuvee.dialogue.state import Constraint, Language, Lean, Pair, State
from cuvee.dialogue.titles import Titles
from cuvee.dialogue.tokens import clean, is_chinese, lower, tokens

__all__ = ["Words", "language_of", "understand"]

_LANGUAGES: dict[str, Phrases] = {"en": ENGLISH, "zh": CHINESE}
_AROUND = re.compile(r"(?:please|thanks|thank you|then|well|pls|吧|啊|呀|呢|了|谢谢|请|[\s,.!?，。！？~])+")

_BELOW = re.compile(
    r"\b(?:under|below|less|lower|cheaper|before|shorter|older|earlier|at most|up to)\b"
    r"|以下|以内|之前|以前|便宜|低于|更?短|更?早|更?老"
)
_ABOVE = re.compile(
    r"\b(?:over|above|more|higher|pricier|after|longer|newer|later|at least)\b|以上|之后|以后|高于|更?贵|更?长|"
    r"更?新|更?晚"
)


@dataclass(frozen=True)
class Words:
    """All that messages are read with."""

    facts: Facts
    lexicon: Lexicon
    titles: Titles


class _Message:
    """A cleaned message of which ever less is free."""

    def __init__(self, text: str) -> None:
        self.text, self.small = text, lower(text)
        self.free = [True] * len(text)

    def take(self, start: int, end: int) -> None:
        self.free[start:end] = [False] * (end - start)

    def is_free(self, start: int, end: int) -> bool:
        return end > start and all(self.free[start:end])


def language_of(message: str, before: Language = "en") -> Language:
    """Return the language of a message: Chinese where it has a Chinese character, as before where it has no letter."""
    if is_chinese(message):
        return "zh"
    return "en" if re.search(r"[A-Za-z]{2}", message) else before


def understand(message: str, state: State, words: Words) -> tuple[Act, ...]:
    """Return what a message says, in the conversation as it stands; any text says something, if only a wish."""
    text = clean(message).strip()
    language = _LANGUAGES[language_of(text, state.language)]
    said = _Message(text)
    plain = _AROUND.sub(" ", said.small).strip()
    for command in ("more", "yes", "no", "neither"):
        if language.commands[command].fullmatch(plain):
            return (Tell(command),)
    if undo := language.commands["undo"].search(said.small):
        said.take(*undo.span())
        return (Tell("undo"),)
    acts: list[Act] = []
    for restart in language.commands["restart"].finditer(said.small):
        said.take(*restart.span())
        acts.append(Tell("restart"))
    named = mentions(text, state.shown, words.facts, words.titles, words.lexicon, language)
    acts += feelings(text, named, language)
    for mention in named:
        said.take(mention.start, mention.end)
    acts += _answer_to_number(said, state)
    acts += _numbers(said, words)
    acts += _shifts(said, state, words, language, named)
    skip = language.commands["skip"].search(said.small)
    if skip:
        said.take(*skip.span())
    acts += _values_and_wishes(said, state, words, language)
    if language.why.search(said.small) and state.shown and not any(isinstance(a, Explain) for a in acts):
        return (Explain(state.shown[0]),)
    if skip and not acts:
        return (Tell("skip"),)
    return tuple(dict.fromkeys(acts))


def _answer_to_number(said: _Message, state: State) -> list[Act]:
    """Read `below` and `above` as an answer where a bound was asked for."""
    question = state.question
    if question is None or question.kind != "number" or any(c.isdigit() for c in said.small):
        return []
    low, high = _BELOW.search(said.small), _ABOVE.search(said.small)
    found = low or high
    if found is None or not said.is_free(*found.span()):
        return []
    said.take(*found.span())
    return [Constrain(Constraint("<=" if low else ">=", column=question.column, bound=question.bound))]


def _numbers(said: _Message, words: Words) -> list[Act]:
    acts: list[Act] = []
    for one in bounds(said.text, words.facts):
        if said.is_free(one.start, one.end):
            said.take(one.start, one.end)
            acts += [Constrain(constraint) for constraint in one.constraints]
    return acts


def _shifts(said: _Message, state: State, words: Words, language: Phrases, named: Sequence[Mention]) -> list[Act]:
    """Read cheaper, newer, longer: beyond the item that was named, or the middle of what is on the screen."""
    acts: list[Act] = []
    for pattern, measure, sign in language.shifts:
        column = words.facts.measured(measure)
        for match in pattern.finditer(said.small) if column else ():
            if said.is_free(*match.span()):
                said.take(*match.span())
                soft = match.groupdict().get("soft") is not None
                assert column is not None
                acts.append(Shift(column, sign, None if soft else _beyond(column, sign, state, words.facts, named)))
    return acts


def _beyond(column: str, sign: int, state: State, facts: Facts, named: Sequence[Mention]) -> float | None:
    """Return the bound that `cheaper` sets: strictly beyond the middle of what it is compared with."""
    items = [m.item for m in named] or list(state.shown)
    rows = [facts.rows[item] for item in items if item in facts.rows]
    numbers = facts.numbers[column].numbers
    known = numbers[rows][~np.isnan(numbers[rows])] if rows else np.zeros(0)
    if not len(known):
        return None
    middle = float(np.median(known))
    beyond = numbers[numbers < middle] if sign < 0 else numbers[numbers > middle]
    if not len(beyond):
        return None
    return float(beyond.max() if sign < 0 else beyond.min())


def _values_and_wishes(said: _Message, state: State, words: Words, language: Phrases) -> list[Act]:
    """Read values of the catalogue, what rather, and at last the free words, each with its negation."""
    leans = _directions(said, language)
    found = words.lexicon.find(said.text, tokens(said.text), said.free)
    refused = _refused(said, found, language)
    for one in found:
        said.take(one.start, one.end)
    asked = state.question.column if state.question else ""
    chosen = [(one, _preferred(one, asked)) for one in found]
    acts: list[Act] = list(leans)
    acts += _excluded([one for one in found if _within(one, refused)])
    acts += _included(said, [(f, pairs) for f, pairs in chosen if not _within(f, refused)], words, language)
    for start, end in _free_words(said, language):
        text = said.text[start:end]
        negated = any(low <= start < high for low, high in refused)
        if words.lexicon.leans(text):
            acts.append(Prefer(Lean(lower(text), -1 if negated else 1)))
        elif negated:
            acts.append(Prefer(Lean(lower(text), -1)))
        else:
            acts.append(Wish(text))
    return _joined_wishes(acts)


def _directions(said: _Message, language: Phrases) -> list[Act]:
    """Read funnier, more exciting, not so dark."""
    acts: list[Act] = []
    for match in re.finditer(r"[a-z-]+er\b", said.small):
        word = language.comparatives.get(match[0])
        if word and said.is_free(*match.span()):
            back = re.search(r"\b(?:not|less)\s+$", said.small[: match.start()])
            said.take(*match.span())
            acts.append(Prefer(Lean(word, -1 if back else 1)))
    for patterns, sign in ((language.less, -1), (language.more, 1)):
        for match in (m for pattern in patterns for m in pattern.finditer(said.small)):
            if said.is_free(*match.span("word")) and match["word"] not in language.empty:
                said.take(*match.span())
                acts.append(Prefer(Lean(match["word"], sign)))
    return acts


def _refused(said: _Message, found: Sequence[Found], language: Phrases) -> list[tuple[int, int]]:
    """Return the spans that are not wanted: from a negator to the end of its clause, or of its list of values."""
    spans = []
    for match in language.negators.finditer(said.small):
        if not said.is_free(*match.span()):
            continue
        stop = language.ends.search(said.small, match.end())
        limit = stop.start() if stop else len(said.small)
        comma = re.compile(r"[,，]").search(said.small, match.end(), limit)
        if comma and not _goes_on(said, found, comma.start(), limit, language):
            limit = comma.start()
        spans.append((match.end(), limit))
    return spans


def _goes_on(said: _Message, found: Sequence[Found], start: int, end: int, language: Phrases) -> bool:
    """Return whether what follows a comma goes on with a list of values: `war, crime or horror`."""
    rest = said.small[start:end]
    for one in sorted(found, key=lambda f: -f.start):
        if start <= one.start and one.end <= end:
            rest = rest[: one.start - start] + " " + rest[one.end - start :]
    joined = re.search(r"\b(?:or|and|nor)\b|或|和|与|、", rest) is not None
    return joined and language.listed.fullmatch(rest) is not None


def _within(one: Found, spans: Sequence[tuple[int, int]]) -> bool:
    return any(low <= one.start < high for low, high in spans)


def _preferred(one: Found, asked: str) -> tuple[Pair, ...]:
    """Return the pairs of a phrase, those of the column that was just asked for where there are any."""
    return tuple(p for p in one.exact if p[0] == asked) or tuple(p for p in one.every if p[0] == asked) or one.exact


def _excluded(found: Sequence[Found]) -> list[Act]:
    return [Constrain(Constraint("none", one.every), single=False) for one in found]


def _included(
    said: _Message, chosen: Sequence[tuple[Found, tuple[Pair, ...]]], words: Words, language: Phrases
) -> list[Act]:
    """Return one constraint a phrase; phrases joined by `or`, and several values of one single column, make one."""
    groups: list[list[tuple[Found, tuple[Pair, ...]]]] = []
    for one in chosen:
        home = next((g for g in groups if _belongs(said, g, one, words, language)), None)
        if home is None:
            groups.append([one])
        else:
            home.append(one)
    acts: list[Act] = []
    for group in groups:
        pairs = tuple(dict.fromkeys(pair for _, pairs in group for pair in pairs))
        single = all(words.facts.tags[column].single for column, _ in pairs)
        acts.append(Constrain(Constraint("any", pairs), single))
    return acts


def _belongs(
    said: _Message,
    group: Sequence[tuple[Found, tuple[Pair, ...]]],
    one: tuple[Found, tuple[Pair, ...]],
    words: Words,
    language: Phrases,
) -> bool:
    columns = {column for _, pairs in group for column, _ in pairs} & {column for column, _ in one[1]}
    if not columns:
        return False
    if any(words.facts.tags[column].single for column in columns):
        return True
    return language.either.fullmatch(said.small[group[-1][0].end : one[0].start]) is not None


def _free_words(said: _Message, language: Phrases) -> list[tuple[int, int]]:
    """Return the runs of characters that say something and that nothing was made of."""
    if language is CHINESE:
        return _free_runs(said, language)
    spans = [
        (t.start, t.end)
        for t in tokens(said.text)
        if said.is_free(t.start, t.end) and not {said.small[t.start : t.end], t.text} & language.empty
    ]
    return [span for span in spans if re.search(r"[^\W\d]{2}", said.text[slice(*span)])]


def _free_runs(said: _Message, language: Phrases) -> list[tuple[int, int]]:
    """Return runs of Chinese, or of letters, without the empty words at their ends."""
    found = []
    for match in re.finditer(
        r"[^\W_]+", "".join(c if ok else " " for c, ok in zip(said.small, said.free, strict=True))
    ):
        start, end = match.span()
        while cut := _edge(said.small[start:end], language.empty):
            start, end = start + cut[0], end - cut[1]
        if end - start > 1 and not said.small[start:end].isdigit():
            found.append((start, end))
    return found


def _edge(run: str, empty: frozenset[str]) -> tuple[int, int] | None:
    """Return how much to cut from the left and the right of a run, None where no empty word is at its ends."""
    for length in range(min(5, len(run)), 0, -1):
        if run[:length] in empty:
            return length, 0
        if run[-length:] in empty:
            return 0, length
    return None


def _joined_wishes(acts: Sequence[Act]) -> list[Act]:
    """Return the acts with all free words as one wish at the end."""
    wish = " ".join(act.text for act in acts if isinstance(act, Wish))
    return [act for act in acts if not isinstance(act, Wish)] + ([Wish(wish)] if wish else [])
