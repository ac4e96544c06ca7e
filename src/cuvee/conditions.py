"""A small typed language for conditions on items: `price < 50 and category in ["mugs"] and not brand == "Acme"`.

    condition  = both { "or" both }
    both       = single { "and" single }
    single     = "not" single | "(" condition ")" | column test
    test       = ("==" | "!=" | "<" | "<=" | ">" | ">=") value
               | ["not"] "in" "[" value { "," value } "]"
               | "contains" value
               | "is" ["not"] "missing"
    value      = number | "text" | 'text' | true | false
    column     = name | `any name`

A column is compared with values of its own type; `contains` asks for an entry of a list, or for a word within a text,
whatever its case. A missing value fulfils no test but `is missing`; `not` turns that round as it does everything.
"""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import NamedTuple

import polars as pl

from cuvee.errors import ConfigError, UnknownNameError, unknown
from cuvee.types import Bools

__all__ = ["condition", "fulfilled"]

Value = str | float | bool
_Kind = str
"""numbers, text, true or false, lists."""

_LONGEST, _DEEPEST, _MOST = 4_000, 40, 1_000
"""Characters of a condition, brackets and `not` within one another, values of a list: what a stranger may ask for."""

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
      | (?P<text>"(?:[^"\\]|\\["\\])*"|'(?:[^'\\]|\\['\\])*')
      | (?P<column>`[^`]+`)
      | (?P<name>[^\W\d]\w*)
      | (?P<sign>==|!=|<=|>=|<|>|\(|\)|\[|\]|,)
    )""",
    re.VERBOSE,
)
_COMPARE: Mapping[str, Callable[[pl.Expr, pl.Expr], pl.Expr]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_WORDS = {"and", "or", "not", "in", "is", "missing", "contains", "true", "false"}


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


@dataclass
class _Parser:
    """Goes through the tokens once, from the left."""

    tokens: list[_Token]
    schema: pl.Schema
    place: int = 0
    depth: int = 0
    number: pl.DataType = field(default_factory=pl.Float64)
    """In which the numbers of the column at hand are compared."""

    def whole(self) -> pl.Expr:
        try:
            found = self.condition()
            if self.next.kind != "end":
                raise _wrong(self.next, "`and`, `or` or the end")
        except (ConfigError, UnknownNameError) as error:
            if error.at is None:  # about what was read last
                error.at = self.tokens[max(self.place - 1, 0)].at
            raise
        return found

    def condition(self) -> pl.Expr:
        return self._joined("or", lambda: self._joined("and", self.single, operator.and_), operator.or_)

    def single(self) -> pl.Expr:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise ConfigError(f"a condition may have {_DEEPEST} brackets and `not` within one another at most")
        if self.took("not"):
            found = ~self.single()
        elif self.took("("):
            found = self.condition()
            self.needs(")")
        else:
            found = self.test()
        self.depth -= 1
        return found

    def test(self) -> pl.Expr:
        token = self.advance()
        if token.kind not in ("name", "column") or token.text in _WORDS:
            raise _wrong(token, "a column, `not` or `(`")
        name = token.text.strip("`")
        if name not in self.schema:
            raise UnknownNameError(unknown("column", name, self.schema))
        column, kind = pl.col(name), _kind(name, self.schema[name])
        if kind == "numbers":  # a float32 of 0.1 is no float64 of 0.1
            self.number = pl.Float32() if self.schema[name] == pl.Float32 else pl.Float64()
            column = column.cast(self.number)
        if self.took("is"):
            negated = self.took("not")
            self.needs("missing")
            return column.is_not_null() if negated else column.is_null()
        found = self._tested(name, column, kind)
        return found.fill_null(value=False)

    def _tested(self, name: str, column: pl.Expr, kind: _Kind) -> pl.Expr:
        token = self.advance()
        if token.text == "contains":
            return _contains(name, column, kind, self._value(name, "text"))
        if kind == "lists":
            raise ConfigError(f'column {name!r} holds lists: write `{name} contains "..."`')
        if token.text in _COMPARE:
            if kind == "true or false" and token.text not in ("==", "!="):
                raise ConfigError(f"column {name!r} holds true or false, which `{token.text}` cannot compare")
            return _COMPARE[token.text](column, self._literal(self._value(name, kind)))
        negated = token.text == "not"
        if not negated and token.text != "in":
            raise _wrong(token, "a comparison, `in`, `contains` or `is missing`")
        if negated:
            self.needs("in")
        inside = column.is_in(self._series(self._values(name, kind)))
        return (~inside) if negated else inside

    def _values(self, name: str, kind: _Kind) -> list[Value]:
        self.needs("[")
        found = [self._value(name, kind)]
        while self.took(","):
            found.append(self._value(name, kind))
            if len(found) > _MOST:
                raise ConfigError(f"a list may have {_MOST} values at most")
        self.needs("]")
        return found

    def _value(self, name: str, kind: _Kind) -> Value:
        token = self.advance()
        value: Value
        if token.kind == "number":
            value, found = float(token.text), "numbers"
        elif token.kind == "text":
            value, found = re.sub(r"\\(.)", r"\1", token.text[1:-1]), "text"
        elif token.text in ("true", "false"):
            value, found = token.text == "true", "true or false"
        else:
            raise _wrong(token, "a number, a text in quotes, true or false")
        if found != kind:
            raise ConfigError(f"column {name!r} holds {kind}, and is compared with {token.text} at {token.at}")
        return value

    def _literal(self, value: Value) -> pl.Expr:
        return pl.lit(value, self.number if isinstance(value, float) else None)

    def _series(self, values: list[Value]) -> pl.Series:
        return pl.Series(values, dtype=self.number if isinstance(values[0], float) else None)

    def _joined(self, word: str, part: Callable[[], pl.Expr], join: Callable[[pl.Expr, pl.Expr], pl.Expr]) -> pl.Expr:
        parts = [part()]
        while self.took(word):
            parts.append(part())
        return reduce(join, parts)

    @property
    def next(self) -> _Token:
        return self.tokens[self.place]

    def advance(self) -> _Token:
        token = self.next
        self.place += token.kind != "end"
        return token

    def took(self, text: str) -> bool:
        """Go on if the next token is this word or sign."""
        if self.next.kind in ("name", "sign") and self.next.text == text:
            self.place += 1
            return True
        return False

    def needs(self, text: str) -> None:
        if not self.took(text):
            raise _wrong(self.next, f"`{text}`")


def condition(text: str, schema: pl.Schema) -> pl.Expr:
    """Return the condition as an expression over a table of this schema; it is never null.

    Raises:
        ConfigError: not a condition, or a value that is not of its column's type; the message says where and what.
        UnknownNameError: a column that the table does not have; the message suggests the nearest. Both have `at`.
    """
    return _Parser(_tokens(text), schema).whole()


def fulfilled(text: str, table: pl.DataFrame) -> Bools:
    """Return (n,) which rows of a table fulfil a condition."""
    return table.select(condition(text, table.schema).alias("fulfilled"))["fulfilled"].to_numpy().astype(bool)


def _tokens(text: str) -> list[_Token]:
    if len(text) > _LONGEST:
        raise ConfigError(f"a condition may have {_LONGEST} characters at most, this one has {len(text)}")
    found, at = [], 0
    end = len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            error = ConfigError(
                f"condition: nothing can be made of {text[at:].strip()[:20]!r} at {at}; texts need quotes"
            )
            error.at = at
            raise error
        found.append(_Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)))
        at = match.end()
    return [*found, _Token("end", "the end", len(text))]


def _contains(name: str, column: pl.Expr, kind: _Kind, value: Value) -> pl.Expr:
    if kind == "lists":
        return column.list.contains(value)
    if kind != "text":
        raise ConfigError(f"column {name!r} holds {kind}; `contains` asks for texts and lists")
    return column.str.to_lowercase().str.contains(str(value).lower(), literal=True)


def _kind(name: str, dtype: pl.DataType) -> _Kind:
    if dtype == pl.Boolean:
        return "true or false"
    if dtype.is_numeric():
        return "numbers"
    if dtype == pl.String:
        return "text"
    if dtype == pl.List(pl.String):
        return "lists"
    raise ConfigError(f"column {name!r} holds {dtype}, which no condition can ask for")


def _wrong(token: _Token, wanted: str) -> ConfigError:
    error = ConfigError(f"condition: {wanted} is needed at {token.at}, not {token.text!r}")
    error.at = token.at
    return error
