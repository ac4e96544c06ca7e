"""What an explanation claims and its evidence does not hold: entities, numbers, quotes, relations, words that describe.

Written from the shape of `Reason.evidence` alone, apart from the guard that decides what is shown, and by another
method: titles are looked up in an index of the whole catalogue, numbers are tied to what stands in their clause, roles
of titles are read off the nearest cue, and a content word must be licensed by the evidence or be a word of offering.

The evidence: reasons of kind `history` name a past item (`title`), those of kind `views` a part of the score (`part`)
whose share is the weight; any text in the evidence may be quoted.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from cuvee.types import Reason

__all__ = ["Index", "index", "unsupported"]

_TOKEN = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*|\d+(?:[.,]\d+)*|\S")
_QUOTED = re.compile(r"“([^”]*)”|\"([^\"]*)\"|«([^»]*)»|(?<!\w)[‘']([^‘’']{2,})[’'](?!\w)")

_CLOSED_LIST = """
a about above an and any are as at be because been being by can could did do does for from had has have he here her
his how i if in into is it its just may might of off on one or our over she should since so some such that the their
them then there these they this those through to too under up us was we were what when where which while who why will
with would you your
"""
_CLOSED = frozenset(_CLOSED_LIST.split())
"""Words of the closed classes: they join and point, and describe nothing."""

_OFFERING_LIST = """
recommend recommended suggest suggested enjoy thought thanks down due come comes came count counts account accounts
make makes made speak speaks share score look choose chose chosen choice choices among pick picked like likeness alike
offer offered try consider given based part rest reason reasons shown show item film films percent
"""
_OFFERING = frozenset(_OFFERING_LIST.split())

_TURNING_LIST = """
not no never none nor neither without hardly barely scarcely although though unlike despite instead however but except
unless cannot don't doesn't didn't isn't wasn't won't rather nothing nobody less fewer least more most than only
better best worse worst all every always everyone everybody first last same different entirely
"""
_TURNING = frozenset(_TURNING_LIST.split())
"""Negations, concessions, comparisons and quantities: each changes what is said."""

_COUNTING_LIST = """
zero two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million half third quarter fifth tenth
twice double triple both dozen majority minority most many few several once
"""
_COUNTING = frozenset(_COUNTING_LIST.split())

_PAST = frozenset(("because", "since", "chose", "choose", "chosen", "with", "thanks", "given", "based", "due", "like"))
_OFFER_LIST = (
    "recommend recommended suggest suggested enjoy thought try look consider offer offered pick picked show shown"
)
_OFFER = frozenset(_OFFER_LIST.split())
_PARTS: Mapping[str, frozenset[str]] = {
    "popular": frozenset(("popular", "popularity")),
    "new": frozenset(("new",)),
    "friends": frozenset(("friends",)),
    "people": frozenset(("people", "taste")),
}


@dataclass(frozen=True)
class Index:
    """Token sequences that name an item -> the titles they may mean."""

    titles: Mapping[tuple[str, ...], frozenset[str]]
    longest: int


@dataclass(frozen=True)
class _Piece:
    """A token, or a title found in the text."""

    text: str
    titles: frozenset[str] = frozenset()


def index(titles: Sequence[str]) -> Index:
    """Return the ways in which every title of a catalogue may be written."""
    found: dict[tuple[str, ...], set[str]] = {}
    for title in titles:
        for written in _ways(title):
            found.setdefault(tuple(_TOKEN.findall(written)), set()).add(title)
    found.pop((), None)
    return Index({key: frozenset(names) for key, names in found.items()}, max(map(len, found), default=1))


def unsupported(text: str, shown: str, reasons: Sequence[Reason], catalogue: Index) -> list[str]:
    """Return every claim of `text` about the item `shown` that its reasons do not hold, [] where all are held.

    Args:
        shown: title in the catalogue; those of past items are in the reasons.
        catalogue: of the titles of all items.
    """
    past = [str(r.evidence["title"]) for r in reasons if r.kind == "history"]
    own = index([shown, *past])
    quotes = _quotes(text, reasons)
    pieces = list(_pieces(text if quotes else _QUOTED.sub(" ", text), catalogue, own))
    return [
        *quotes,
        *_names(pieces, shown, past),
        *_numbers(pieces, reasons),
        *_words(pieces, reasons),
    ]


def _ways(title: str) -> set[str]:
    """Return a title as it is, with its article in front, and both without a year."""
    ways = {title}
    moved = re.fullmatch(r"(.+), (The|A|An|Les?|La|Das|Der|Die|El|Il)((?: \(.+\))*)", title)
    if moved:
        ways.add(f"{moved[2]} {moved[1]}{moved[3]}")
    return ways | {short for way in ways if (short := re.sub(r"\s*\(\d{4}\)\s*$", "", way))}


def _pieces(text: str, catalogue: Index, own: Index) -> Iterator[_Piece]:
    """Yield tokens and titles, the longest title first; single words that begin a sentence are titles of `own` only."""
    tokens = _TOKEN.findall(text)
    place, fresh = 0, True
    while place < len(tokens):
        for length in range(min(max(catalogue.longest, own.longest), len(tokens) - place), 0, -1):
            key = tuple(tokens[place : place + length])
            named = own.titles.get(key) or catalogue.titles.get(key)
            share = key[0].isdigit() and tokens[place + 1 : place + 2] in (["%"], ["percent"])
            word = fresh or key[0].islower() or not key[0].isalnum()
            common = length == 1 and (share or (word and key not in own.titles))
            if named and not common:
                yield _Piece(" ".join(key), named)
                place += length
                break
        else:
            yield _Piece(tokens[place])
            place += 1
        fresh = tokens[place - 1] in ".!?"


def _quotes(text: str, reasons: Sequence[Reason]) -> list[str]:
    held = [str(value) for r in reasons for value in (r.text, *r.evidence.values())]
    quoted = [next(filter(None, groups), "") for groups in _QUOTED.findall(text)]
    return [f"quote {quote!r}" for quote in quoted if not any(quote in value for value in held)]


def _names(pieces: Sequence[_Piece], shown: str, past: Sequence[str]) -> list[str]:
    wrong, seen = list[str](), set[str]()
    for place, piece in enumerate(pieces):
        if not piece.titles:
            continue
        seen |= piece.titles
        if not piece.titles & {shown, *past}:
            wrong.append(f"title {piece.text!r}")
            continue
        role = _role(pieces, place)
        if role != ("offered" if shown in piece.titles else "past"):
            wrong.append(f"role of {piece.text!r}: {role}")
    return wrong + [f"no mention of {title!r}" for title in (shown, *past) if title not in seen]


def _role(pieces: Sequence[_Piece], place: int) -> str:
    """Return whether a title is offered or past, by the nearest cue in its sentence before it, then after it."""
    after = [p.text.lower() for p in pieces[place + 1 : place + 5]]
    for piece in reversed(pieces[max(0, place - 4) : place]):
        word = piece.text.lower()
        if word in ".;:":
            break
        if word in _PAST | _OFFER:
            return "past" if word in _PAST else "offered"
    if after[:2] == ["is", "among"] or after[:1] == ["among"]:
        return "past"
    return "offered" if after[:1] in (["is"], ["could"], ["may"], ["was"], ["comes"]) else "unknown"


def _numbers(pieces: Sequence[_Piece], reasons: Sequence[Reason]) -> list[str]:
    """Return numbers that are no share, and shares told of another part than theirs."""
    parts = [(_marks(str(r.evidence["part"])), round(100 * r.weight)) for r in reasons if r.kind == "views"]
    wrong, known = [], {word for marks, _ in parts for word in marks}
    for clause in _clauses([p for p in pieces if not p.titles], known):
        figures = [n for n, word in enumerate(clause) if word[0].isdigit()]
        told = {word for word in clause if word in known}
        for n in figures:
            unit = clause[n + 1] if n + 1 < len(clause) else ""
            fits = [marks for marks, share in parts if clause[n] == str(share) and marks == told]
            if unit not in ("%", "percent") or not fits or len(figures) > 1:
                wrong.append(f"number {clause[n]} {unit} of {' '.join(sorted(told)) or 'nothing'}")
        if told and not any(marks == told for marks, _ in parts):
            wrong.append(f"part {' '.join(sorted(told))}")
    return wrong


def _marks(part: str) -> frozenset[str]:
    """Return the words by which a part is known: its modalities, or the word that is its own."""
    if part.startswith("alike by "):
        return frozenset(re.findall(r"\w+", part.removeprefix("alike by "))) - {"and"}
    return next((words for mark, words in _PARTS.items() if mark in part.split()), frozenset(part.split()))


def _clauses(pieces: Sequence[_Piece], known: set[str]) -> Iterator[list[str]]:
    """Yield lower-case words between marks and `and`s; an `and` or comma inside a list of modalities parts nothing."""
    words, clause = [p.text.lower() for p in pieces], list[str]()
    for place, word in enumerate(words):
        inside = 0 < place < len(words) - 1 and words[place - 1] in known and words[place + 1] in known
        if word in (".", ",", ";", ":", "and") and not inside:
            yield _whole(clause)
            clause = []
        else:
            clause.append(word)
    yield _whole(clause)


def _whole(clause: list[str]) -> list[str]:
    """Return a clause with the words that belong to one part told as all of them."""
    for marks in _PARTS.values():
        if marks & set(clause):
            clause = [*clause, *sorted(marks)]
    return clause


def _words(pieces: Sequence[_Piece], reasons: Sequence[Reason]) -> list[str]:
    held = {w for r in reasons if r.kind != "history" for w in re.findall(r"\w+", str(r.evidence.get("part", "")))}
    licensed = _CLOSED | _OFFERING | held | {word for h in held for word in _PARTS.get(h, ())}
    wrong, fresh = [], True
    for piece in pieces:
        word = piece.text.lower()
        if not piece.titles and word[0].isalpha():
            if word in _TURNING or word in _COUNTING:
                wrong.append(f"word {word!r} turns or counts")
            elif word not in licensed:
                wrong.append(f"word {word!r} is in no evidence")
            elif piece.text[0].isupper() and not fresh:
                wrong.append(f"name {piece.text!r}")
        elif not piece.titles and word not in ".,;:%()" and not word[0].isdigit():
            wrong.append(f"sign {word!r}")
        fresh = piece.text in ".!?"
    return wrong
