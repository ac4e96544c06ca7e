"""What a turn says, in English and Chinese: templates filled with what is known."""

from collections.abc import Sequence

from cuvee.dialogue.facts import Facts
from cuvee.dialogue.state import Constraint, Lean, Question, State

__all__ = ["asked", "constraints_of", "label", "lean_of", "number", "phrase_of", "say", "summary", "titles_of"]

_TEXT = {
    "found": ("{summary}{n} fit; the first {k}:", "{summary}符合的有 {n} 件，先看这 {k} 件："),
    "found_few": ("{summary}{n} fit:", "{summary}符合的有 {n} 件："),
    "again": ("Nothing new is left. Once more:", "没有新的了，再看一遍："),
    "unheard": ("I made nothing of that.", "没有听懂。"),
    "undone": ("Back to where we were.", "已退回上一步。"),
    "nothing_to_undo": ("There is nothing to undo.", "没有可以撤销的。"),
    "restarted": ("A fresh start.", "重新开始。"),
    "chosen": ("Noted: you take {titles}.", "记下了：您选 {titles}。"),
    "liked": ("More like {titles}.", "找更多类似 {titles} 的。"),
    "disliked": ("Not {titles}, then.", "好的，不要 {titles}。"),
    "none": ("Nothing fits: {summary}", "没有符合的：{summary}"),
    "drop": ("Without “{what}” {n} would fit. Shall I drop it?", "去掉“{what}”就有 {n} 件符合。要去掉吗？"),
    "no_single": (
        "No single constraint is in the way: several are together. Say `undo` or `start over`.",
        "不是哪一个条件的问题，是几个条件合起来没有。可以说“撤销”或“重新开始”。",
    ),
    "values": ("Which {column}: {options}, or another?", "想要哪种{column}：{options}，还是别的？"),
    "number": ("{column}: up to {bound}, or above?", "{column}：{bound} 以下，还是以上？"),
    "why": ("{title}: {reasons}.", "{title}：{reasons}。"),
    "why_nothing": ("nothing speaks for it but that it fits", "只是符合条件，没有别的理由"),
    "no_constraint": ("Nothing asked for yet. ", "还没有条件。"),
    "wanted": ("{what}. ", "{what}。"),
    "not": ("not {what}", "不要{what}"),
    "between": ("{column} {low} to {high}", "{column} {low} 到 {high}"),
    "most": ("{column} up to {bound}", "{column}不超过 {bound}"),
    "least": ("{column} from {bound}", "{column}至少 {bound}"),
    "more": ("rather more {what}", "更{what}"),
    "less": ("rather less {what}", "少一点{what}"),
    "or": (" or ", "或"),
    "and": (", ", "、"),
    "reason_asked": ("{what}, as asked", "符合：{what}"),
    "reason_alike": ("like {title}", "和 {title} 相似"),
    "reason_words": ("mentions {words}", "提到了{words}"),
    "reason_meaning": ("close in meaning to “{text}”", "意思接近“{text}”"),
    "reason_leans": ("{what}", "{what}"),
    "reason_taste": ("chosen by people with your taste", "口味相近的人选过"),
    "reason_popular": ("liked by many", "很多人喜欢"),
}

_SHIFTS = {
    "price": (("cheaper", "pricier"), ("便宜些", "贵些")),
    "year": (("older", "newer"), ("老些", "新些")),
    "runtime": (("shorter", "longer"), ("短些", "长些")),
    "duration": (("shorter", "longer"), ("短些", "长些")),
}
"""Column -> what less and more of it are called."""

_LABELS = {
    "genres": ("genre", "类型"),
    "genre": ("genre", "类型"),
    "category": ("category", "类别"),
    "brand": ("brand", "品牌"),
    "colour": ("colour", "颜色"),
    "color": ("colour", "颜色"),
    "price": ("price", "价格"),
    "year": ("year", "年份"),
    "runtime": ("running time in minutes", "片长（分钟）"),
    "duration": ("length in minutes", "时长（分钟）"),
    "director": ("director", "导演"),
    "actors": ("actor", "演员"),
    "language": ("language", "语言"),
    "country": ("country", "国家或地区"),
    "material": ("material", "材质"),
    "pattern": ("pattern", "图案"),
    "section": ("section", "人群"),
    "slogan": ("slogan", "口号"),
    "rating": ("rating", "评分"),
    "stock": ("stock", "库存"),
}


def say(key: str, language: str, **values: object) -> str:
    """Return a text in the language, filled."""
    return _TEXT[key][language == "zh"].format(**values)


def label(column: str, language: str) -> str:
    """Return what a column is called: as it is in the table where no better name is known."""
    known = _LABELS.get(column.lower())
    return known[language == "zh"] if known else column.replace("_", " ")


def phrase_of(constraint: Constraint, language: str) -> str:
    """Return a constraint in words."""
    if constraint.pairs:
        named = {value.casefold(): value for _, value in reversed(constraint.pairs)}
        values = say("or", language).join(list(reversed(named.values()))[:4])
        return values if constraint.test == "any" else say("not", language, what=values)
    key = "most" if constraint.test == "<=" else "least"
    return say(key, language, column=label(constraint.column, language), bound=number(constraint.bound))


def constraints_of(constraints: Sequence[Constraint], language: str) -> list[str]:
    """Return constraints in words, both ends of a range together."""
    lows = {c.column: c.bound for c in constraints if c.test == ">="}
    highs = {c.column: c.bound for c in constraints if c.test == "<="}
    found = []
    for one in constraints:
        if one.test == ">=" and one.column in highs:
            low, high = number(lows[one.column]), number(highs[one.column])
            found.append(say("between", language, column=label(one.column, language), low=low, high=high))
        elif not (one.test == "<=" and one.column in lows):
            found.append(phrase_of(one, language))
    return found


def lean_of(lean: Lean, language: str) -> str:
    """Return a preference in words."""
    if lean.column.lower() in _SHIFTS:
        return _SHIFTS[lean.column.lower()][language == "zh"][lean.sign > 0]
    what = label(lean.column, language) if lean.column else lean.word
    return say("more" if lean.sign > 0 else "less", language, what=what)


def summary(state: State, language: str) -> str:
    """Return everything that is wanted, in words."""
    parts = constraints_of(state.constraints, language)
    parts += [lean_of(lean, language) for lean in state.leans if not _bounded(lean, state)]
    parts += [f"“{wish}”" for wish in state.wishes]
    if not parts:
        return ""
    what = say("and", language).join(parts)
    return say("wanted", language, what=what[:1].upper() + what[1:])


def asked(question: Question, language: str) -> str:
    """Return a question in words."""
    if question.kind == "drop":
        assert question.constraint is not None
        return say("drop", language, what=phrase_of(question.constraint, language), n=question.count)
    column = label(question.column, language)
    if question.kind == "number":
        return say("number", language, column=column[:1].upper() + column[1:], bound=number(question.bound))
    return say("values", language, column=column, options=say("and", language).join(question.options))


def titles_of(items: Sequence[str], facts: Facts, language: str) -> str:
    """Return the titles of some items; an id that the catalogue does not have is left out."""
    return say("and", language).join(facts.titles[facts.rows[item]] for item in items if item in facts.rows)


def number(value: float) -> str:
    """Return a number as people write it."""
    return f"{value:.6g}"


def _bounded(lean: Lean, state: State) -> bool:
    """Return whether a constraint says the same already."""
    return bool(lean.column) and any(lean.column in c.columns for c in state.constraints)
