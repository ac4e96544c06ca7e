"""Numbers in messages: prices, years, durations and bounds of other number columns, in English and Chinese."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from cuvee.dialogue.facts import Facts
from cuvee.dialogue.state import Constraint
from cuvee.dialogue.tokens import lower

__all__ = ["Bounds", "bounds"]

_ONES = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_VALUE = {w: n for n, w in enumerate(_ONES)} | {w: 10 * n for n, w in enumerate(_TENS, 2)} | {"a": 1, "an": 1}
_HAN = {"零": 0, "〇": 0, "一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9}
_POWERS = {"十": 10, "百": 100, "千": 1000, "万": 10000}
_WORD = "|".join(sorted([*_ONES, *_TENS], key=len, reverse=True))
_NUMBER = (
    r"(?:(?<![a-z0-9.#第_])(?:\d+(?:,\d{3})+|\d+(?:\.\d+)?)"
    rf"|(?<![a-z])(?:(?:{_WORD}|an?)[ -])?(?:hundred|thousand)(?:(?: and)?[ -](?:{_WORD}))*(?![a-z])"
    rf"|(?<![a-z])(?:{_WORD})(?:[ -](?:{_WORD}))?(?![a-z])"
    r"|(?<!第)[一二两三四五六七八九十百千万零〇]{1,9}(?![些点下起样批]|[件部款条双本张项种把只]|个(?!小时|半小时)))"
)
_UNIT = (
    r"(?P<unit>\s*(?:dollars?|bucks|euros?|eur|usd|pounds?|gbp|quid|yuan|rmb|元|块钱?|欧元?|美元|[€£$]"
    r"|minutes?\b|mins?\b|hours?\b|hrs?\b|h\b|个?小时|分钟|年)|)"
)
_QUANTITY = re.compile(
    rf"(?P<sign>[$€£¥]\s?)?(?P<number>{_NUMBER}|(?<![a-z])an?(?=\s+hour\b))"
    rf"(?P<half>个?半(?=小时)|){_UNIT}(?P<more>\s+and a half\b|)"
)
_HOURS = re.compile(r"小时|h(?:ou)?rs?|h$")
_MONEY = re.compile(r"dollar|buck|euro|eur|usd|pound|gbp|quid|yuan|rmb|元|块|欧|[€£$]")
_MOST = re.compile(
    r"(?:\b(?:under|below|less than|cheaper than|lower than|smaller than|fewer than|up to|at most|"
    r"max(?:imum)?(?: of)?|"
    r"no (?:more|longer|later|older|higher) than|not (?:more|longer) than|not (?:over|above)|within|"
    r"shorter than|before|"
    r"older than|earlier than|until|till|prior to|budget (?:of|is)|pre|spend|not exceed(?:ing)?)|<=?|≤"
    r"|不超过|不高于|低于|少于|不到|小于|最多|至多|便宜于|早于|预算(?:是|在)?|别超过|不要超过)[\s:]*(?:about |"
    r"around |than )?$"
)
_LEAST = re.compile(
    r"(?:\b(?:over|above|more than|at least|min(?:imum)?(?: of)?|starting (?:at|from)|since|after|newer than|"
    r"later than|"
    r"longer than|not (?:under|below|before)|no (?:less|earlier) than|from|higher than|greater than|post|"
    r"exceeding)|>=?|≥"
    r"|超过|高于|大于|至少|最少|不低于|不少于|多于|晚于|起码)[\s:]*$"
)
_NEAR = re.compile(r"(?:\b(?:around|about|roughly|approximately|circa|some)|~|≈|大概|大约|差不多|(?<!简)约)\s*$")
_EXACT = re.compile(r"(?:\b(?:in|from|of|year|made in|released in)|是|在)\s*$")
_MOST_AFTER = re.compile(
    r"^\s*(?:以下|以内|之内|以里|内(?!容)|封顶|以前|之前|前|or (?:less|under|below|cheaper|earlier|older|"
    r"shorter)|(?:at )?max(?:imum)?\b|tops\b)"
)
_LEAST_AFTER = re.compile(
    r"^\s*(?:以上|以后|之后|后|起|往上|or (?:more|later|above|newer|longer)|and (?:up|above|later)|\+|"
    r"onwards?\b|minimum\b)"
)
_NEAR_AFTER = re.compile(r"^\s*(?:左右|上下|or so\b|ish\b)")
_BETWEEN = re.compile(r"^\s*(?:-|–|—|~|to|and|until|till|到|至|和)\s*$")
_TIMED = re.compile(
    r"\b(?:before|after|since|newer|older|earlier|later|until|prior|released|made|from the)\b|早于|晚于|以前|"
    r"以后|之前|之后"
)
_LONG = re.compile(r"\b(?:longer|shorter)\b|时长|片长")
_YEARS = (1850, 2040)
_STRICT = re.compile(
    r"\b(?:before|after|older than|newer than|later than|earlier than|prior to|pre|post)[\s:]*$|早于\s*$|晚于\s*$"
)
_TOLERANCE = 0.2
"""Around a number: so much of it up and down."""

_DECADE = re.compile(
    r"(?P<part>early |late |mid[- ]?)?(?:the )?(?:\b(?P<century>19|20)?(?P<digit>\d)0s\b"
    r"|(?:nineteen[- ])?\b(?P<word>twenties|thirties|forties|fifties|sixties|seventies|eighties|nineties|noughties)\b"
    r"|(?P<han_century>19|20)?(?P<han_digit>\d)0\s*年代|(?P<han>[二三四五六七八九])十年代)"
)
_DECADES = [
    "noughties",
    "teens",
    "twenties",
    "thirties",
    "forties",
    "fifties",
    "sixties",
    "seventies",
    "eighties",
    "nineties",
]
_OLDEST = 30
"""`20s` are 2020s, `30s` to `90s` of the last century."""


@dataclass(frozen=True)
class Bounds:
    """Bounds said in a message, and where."""

    start: int
    end: int
    constraints: tuple[Constraint, ...]


@dataclass(frozen=True)
class _Quantity:
    start: int
    end: int
    value: float
    kind: str
    """price, duration, year, or "" for a bare number."""


def bounds(text: str, facts: Facts) -> list[Bounds]:
    """Return what a cleaned message says of number columns, from the left."""
    text = lower(text)
    found = list(_decades(text, facts))
    taken = [range(b.start, b.end) for b in found]
    quantities = [q for q in _quantities(text) if not any(q.start in r for r in taken)]
    at = 0
    while at < len(quantities):
        pair = quantities[at : at + 2]
        if (
            len(pair) == 2
            and _BETWEEN.match(text[pair[0].end : pair[1].start])
            and (both := _between(text, pair, facts))
        ):
            found.append(both)
            at += 2
            continue
        if one := _single(text, quantities[at], facts):
            found.append(one)
        at += 1
    return sorted(found, key=lambda b: b.start)


def _quantities(text: str) -> list[_Quantity]:
    found = []
    for match in _QUANTITY.finditer(text):
        value = _value(match["number"])
        if value is None:
            continue
        unit, kind = match["unit"].strip(), ""
        if match["sign"] or _MONEY.search(unit):
            kind = "price"
        elif unit == "年":
            kind = "year"
        elif unit:
            kind = "duration"
            value = (value + (0.5 if match["half"] or match["more"] else 0.0)) * 60 if _HOURS.search(unit) else value
        found.append(_Quantity(match.start(), match.end(), value, kind))
    return found


def _value(number: str) -> float | None:
    """Return the value of a number in digits, English or Chinese words; None where it is none."""
    if re.search(r"\d", number):
        return float(number.replace(",", ""))
    return _han(number) if number[0] in _HAN or number[0] in _POWERS else _words(number)


def _words(number: str) -> float:
    total = part = 0
    for word in re.findall(r"[a-z]+", number):
        if word in ("hundred", "thousand"):
            part = max(part, 1) * (100 if word == "hundred" else 1000)
            total, part = (total + part, 0) if word == "thousand" else (total, part)
        else:
            part += _VALUE.get(word, 0)
    return float(total + part)


def _han(number: str) -> float | None:
    total, digit, power = 0, 0, 1
    for sign in number:
        if sign in _HAN:
            digit = _HAN[sign]
            power = 10 if sign in "零〇" else power  # a zero says that a place is skipped
        else:
            total, power = total + max(digit, 1) * _POWERS[sign], _POWERS[sign]
            digit = 0
    return float(total + digit * (power // 10 if power > 10 and digit else 1)) if total or digit else None


def _single(text: str, quantity: _Quantity, facts: Facts) -> Bounds | None:
    """Return what one number says together with the words around it; None where it says nothing."""
    before, after = text[: quantity.start], text[quantity.end :]
    most, least = _MOST.search(before), _LEAST.search(before)
    strict = bool(_STRICT.search(before))
    ahead = most or least or _NEAR.search(before)
    behind = (
        None if most or least else _MOST_AFTER.match(after) or _LEAST_AFTER.match(after) or _NEAR_AFTER.match(after)
    )
    column = _column(text, quantity, facts, said=bool(ahead or behind))
    if column is None:
        return None
    start = ahead.start() if ahead else quantity.start
    end = quantity.end + (behind.end() if behind else 0)
    step = float(strict and facts.numbers[column].measure == "year")
    value = quantity.value
    if most or (not least and _MOST_AFTER.match(after)):
        return Bounds(start, end, (Constraint("<=", column=column, bound=value - step),))
    if least or _LEAST_AFTER.match(after):
        return Bounds(start, end, (Constraint(">=", column=column, bound=value + step),))
    if facts.numbers[column].measure == "year" and not _NEAR.search(before) and not _NEAR_AFTER.match(after):
        return Bounds(start, end, _range(column, value, value))
    width = 5.0 if facts.numbers[column].measure == "year" else _TOLERANCE * abs(value)
    return Bounds(start, end, _range(column, value - width, value + width))


def _between(text: str, pair: Sequence[_Quantity], facts: Facts) -> Bounds | None:
    """Return what two numbers with `to` or `and` between them say."""
    first, second = pair
    ahead = re.search(r"(?:\bbetween|\bfrom|在|从)\s*$", text[: first.start])
    behind = re.match(r"\s*(?:之间|间)", text[second.end :])
    joined = text[first.end : second.start].strip()
    if joined in ("and", "和") and not (ahead or behind):
        return None
    whole = _Quantity(first.start, second.end, second.value, first.kind or second.kind)
    column = _column(text, whole, facts, said=True)
    if column is None:
        return None
    low, high = sorted((first.value, second.value))
    start = ahead.start() if ahead else first.start
    return Bounds(start, second.end + (behind.end() if behind else 0), _range(column, low, high))


def _column(text: str, quantity: _Quantity, facts: Facts, *, said: bool) -> str | None:
    """Return the column that a number speaks of; `said` where a bound stands with it."""
    if quantity.kind:
        return facts.measured(quantity.kind)
    around = text[max(0, quantity.start - 25) : quantity.start]
    for name, column in facts.numbers.items():
        if not column.measure and name.lower().replace("_", " ") in around:
            return name
    year = facts.measured("year")
    if year and _YEARS[0] <= quantity.value <= _YEARS[1] and quantity.value.is_integer():
        return year
    if not said:
        return None
    if _TIMED.search(around) and year:
        return None
    return facts.measured("duration") if _LONG.search(around) else facts.measured("price")


def _range(column: str, low: float, high: float) -> tuple[Constraint, ...]:
    return Constraint(">=", column=column, bound=low), Constraint("<=", column=column, bound=high)


def _decades(text: str, facts: Facts) -> list[Bounds]:
    column = facts.measured("year")
    if column is None:
        return []
    found = []
    for match in _DECADE.finditer(text):
        if match["word"]:
            number, century = _DECADES.index(match["word"]), "20" if match["word"] == "noughties" else None
        else:
            digit = match["digit"] or match["han_digit"]
            number, century = int(digit) if digit else _HAN[match["han"]], match["century"] or match["han_century"]
        first = float(century or (19 if 10 * number >= _OLDEST else 20)) * 100 + 10 * number
        part = (match["part"] or "").strip(" -")
        low, high = {"early": (0, 3), "mid": (4, 6), "late": (7, 9)}.get(part, (0, 9))
        found.append(Bounds(match.start(), match.end(), _range(column, first + low, first + high)))
    return found
