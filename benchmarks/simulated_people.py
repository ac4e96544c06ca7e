"""People who look for one item and talk about it: what dialogues are measured with.

They know the columns of their target and nothing of how messages are read: no word list of the package is imported
here. They never say a title. Asked or not, 20 % of the time they know nothing to say, 10 % of the time they are wrong.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["VOICES", "Person", "Voice", "common_words"]

UNSURE, WRONG = 0.2, 0.1


@dataclass(frozen=True)
class Voice:
    """How people speak of one catalogue."""

    language: str
    openings: tuple[str, ...]
    """First messages of two facts {a} and {b}."""
    later: tuple[str, ...]
    """Later messages of one fact {a}."""
    facts: Mapping[str, tuple[str, ...]]
    """Column -> how one of its values {v} is said."""
    words: Mapping[str, Mapping[str, tuple[str, ...]]]
    """Column -> value -> what people call it."""
    unsure: tuple[str, ...]
    more: tuple[str, ...]
    alike: tuple[str, ...]
    """Feedback on the {n}th item."""
    places: tuple[str, ...]
    below: tuple[str, ...]
    above: tuple[str, ...]
    yes: str
    plot: str
    """How words {v} of the description are said."""
    seldom: Mapping[str, float] = field(default_factory=dict)
    """Column -> probability that somebody would think of it unasked, where it is not 1."""


@dataclass
class Person:
    """Somebody who looks for one item."""

    voice: Voice
    target: Mapping[str, Any]
    """The row of the item."""
    others: Sequence[Mapping[str, Any]]
    """Rows whose values are said by mistake."""
    rng: np.random.Generator
    common: frozenset[str] = frozenset()
    """Words that several descriptions have."""
    told: set[str] = field(default_factory=set)

    def opening(self) -> str:
        """Return the first message: two facts."""
        facts = [self._volunteer(self.target) for _ in range(2)]
        known = [fact for fact in facts if fact]
        if len(known) == 1:
            return self._any(self.voice.later).format(a=known[0])
        return self._any(self.voice.openings).format(a=known[0], b=known[1])

    def answer(self, kind: str, column: str, bound: float, shown: Sequence[Mapping[str, Any]]) -> str:
        """Return the next message, to a question of that kind ("" where none was asked) and the items on the screen."""
        if kind == "drop":
            return self.voice.yes
        mood = self.rng.random()
        if mood < UNSURE:
            return self._any(self.voice.unsure if kind else self.voice.more)
        row = self.others[int(self.rng.integers(len(self.others)))] if mood < UNSURE + WRONG else self.target
        if not kind:
            return self._unasked(row, shown)
        self.told.add(column)
        values = _values(row.get(column))
        if not values:
            return self._any(self.voice.unsure)
        if kind == "number":
            return self._any(self.voice.below if _number(values[0]) <= bound else self.voice.above)
        return self._said(column, self._any(values))

    def _unasked(self, row: Mapping[str, Any], shown: Sequence[Mapping[str, Any]]) -> str:
        """Return one more fact, or which item on the screen is most like what is looked for."""
        likeness = [self._shared(item) for item in shown]
        if likeness and max(likeness) > 1 and self.rng.random() < 0.4:
            place = self.voice.places[int(np.argmax(likeness))]
            return self._any(self.voice.alike).format(n=place)
        fact = self._volunteer(row)
        return self._any(self.voice.later).format(a=fact) if fact else self._any(self.voice.more)

    def _volunteer(self, row: Mapping[str, Any]) -> str:
        """Return a fact not told yet, "" where there is none left."""
        columns = [c for c in (*self.voice.facts, "description") if c not in self.told]
        weights = np.array([self.voice.seldom.get(c, 1.0) if _values(row.get(c)) else 0.0 for c in columns])
        if not weights.sum():
            return ""
        column = str(self.rng.choice(columns, p=weights / weights.sum()))
        if column == "description":
            return self._plot(row)
        self.told.add(column)
        return self._said(column, self._any(_values(row[column])))

    def _said(self, column: str, value: str) -> str:
        named = self.voice.words.get(column, {}).get(value) or (_spoken(column, value, self.voice.language, self.rng),)
        return self._any(self.voice.facts.get(column, ("{v}",))).format(v=self._any(named))

    def _plot(self, row: Mapping[str, Any]) -> str:
        """Return two words of the description that are in others too, no names and none of the title."""
        self.told.add("description")
        title, text = str(row.get("title") or "").lower(), str(row.get("description") or "")
        if self.voice.language == "zh":
            pieces = [p for p in re.split(r"[，。、；！？\s]", text) if 3 <= len(p) <= 14 and p not in title]
            return self.voice.plot.format(v=self._any(pieces)) if pieces else self._volunteer(row)
        words = sorted({w for w in re.findall(r"\b[a-z]{5,}\b", text) if w not in title and w in self.common})
        if len(words) < 2:
            return self._volunteer(row)
        return self.voice.plot.format(v=" and ".join(self.rng.choice(words, 2, replace=False)))

    def _shared(self, item: Mapping[str, Any]) -> int:
        return sum(len(set(_values(item.get(c))) & set(_values(self.target.get(c)))) for c in self.voice.facts)

    def _any(self, options: Sequence[str]) -> str:
        return options[int(self.rng.integers(len(options)))]


def common_words(rows: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """Return the words in small letters that at least five descriptions have."""
    counts = Counter(w for r in rows for w in set(re.findall(r"\b[a-z]{5,}\b", str(r.get("description") or ""))))
    return frozenset(word for word, count in counts.items() if count >= 5)


def _values(cell: Any) -> list[str]:
    if cell is None or cell == "":
        return []
    return [part.strip() for part in re.split(r"[|]", str(cell)) if part.strip()]


def _number(value: str) -> float:
    found = re.search(r"\d+(?:\.\d+)?", value)
    return float(found[0]) if found else 0.0


def _spoken(column: str, value: str, language: str, rng: np.random.Generator) -> str:
    """Return a value that nobody has a word for: decades, round prices, the first of several names."""
    if column == "year":
        year = int(_number(value))
        decade = f"{year // 10 % 10}0s" if year < 2000 else f"{year // 10 * 10}s"
        return decade if rng.random() < 0.7 else f"years {year - 2} to {year + 2}"
    if column == "price":
        top = int(np.ceil(_number(value) / 50) * 50)
        return f"{top} 元以内" if language == "zh" else f"under {top}"
    return re.split(r",\s*", value)[0].lower() if language == "en" else value


_ML = Voice(
    language="en",
    openings=("I'm looking for {a}, {b}.", "Do you have {a}? Ideally {b}.", "Tonight I'd like {a}; {b}.", "{a}, {b}"),
    later=("I think it should be {a}.", "Also, {a}.", "Let me add: {a}.", "{a} would be good."),
    facts={
        "genres": ("{v}", "something in the way of {v}", "{v} preferably"),
        "year": ("from the {v}", "made in the {v}", "out of the {v}"),
        "language": ("in {v}", "spoken in {v}"),
        "director": ("made by {v}", "with {v} as director"),
    },
    words={
        "genres": {
            "Comedy": ("a comedy", "something to laugh about", "a funny one"),
            "Drama": ("a drama", "a serious drama", "something dramatic"),
            "Action": ("an action film", "lots of action", "something with action"),
            "Thriller": ("a thriller", "something thrilling", "a tense thriller"),
            "Horror": ("a horror film", "something really scary", "horror"),
            "Sci-Fi": ("science fiction", "sci-fi", "a science fiction story"),
            "Romance": ("a romance", "a love story", "something romantic"),
            "Adventure": ("an adventure", "an adventurous story"),
            "Fantasy": ("fantasy", "a tale with magic"),
            "Children": ("a film for children", "something for the kids"),
            "Animation": ("an animated film", "a cartoon", "animation"),
            "Crime": ("a crime film", "gangsters and crime"),
            "Mystery": ("a mystery", "a whodunit"),
            "War": ("a war film", "something set in a war"),
            "Musical": ("a musical", "a film with singing"),
            "Western": ("a western", "cowboys"),
            "Documentary": ("a documentary", "a true documentary"),
            "Film-Noir": ("film noir", "a black and white noir"),
            "IMAX": ("something big for IMAX",),
        },
    },
    unsure=("I don't know.", "No idea, honestly.", "Hmm, I couldn't say.", "Not sure about that."),
    more=("Show me some more.", "What else is there?", "Something else, please."),
    alike=("More like the {n} one.", "The {n} one is close.", "Something similar to the {n} one."),
    places=("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"),
    below=("below that", "under that", "less than that"),
    above=("above that", "more than that", "over that"),
    yes="yes",
    plot="it is about {v}",
    seldom={"language": 0.3, "director": 0.3},
)

_HM = Voice(
    language="en",
    openings=("I need {a}, {b}.", "Looking for {a}, {b}.", "Have you got {a}? {b} please.", "{a}, {b}"),
    later=("It should be {a}.", "And {a}, please.", "Rather {a}.", "{a} would be nice."),
    facts={
        "product_type": ("a {v}", "some {v}", "{v}"),
        "colour": ("in {v}", "{v}", "coloured {v}"),
        "index_group": ("{v}",),
        "appearance": ("{v}", "with a {v} look"),
    },
    words={
        "product_type": {
            "Trousers": ("pair of trousers", "pants"),
            "Sweater": ("sweater", "jumper", "pullover"),
            "T-shirt": ("t-shirt", "tee"),
            "Vest top": ("tank top", "vest top"),
            "Underwear bottom": ("underwear", "pair of briefs"),
            "Leggings/Tights": ("pair of leggings", "leggings"),
            "Jacket": ("jacket", "light jacket"),
            "Dress": ("dress", "nice dress"),
            "Swimwear bottom": ("bikini bottom", "swimwear"),
            "Hair/alice band": ("hair band",),
        },
        "index_group": {
            "Ladieswear": ("for women", "for a woman", "for ladies"),
            "Menswear": ("for men", "for my husband", "for a man"),
            "Baby/Children": ("for a child", "for my kid", "for the baby"),
            "Divided": ("for a young woman", "from the young line"),
            "Sport": ("for sport", "for the gym"),
        },
        "appearance": {
            "Solid": ("plain", "in one colour", "solid"),
            "All over pattern": ("patterned", "with a pattern all over"),
            "Stripe": ("striped", "with stripes"),
            "Check": ("checked", "with checks"),
            "Denim": ("denim", "jeans-like"),
            "Melange": ("melange", "mottled"),
        },
    },
    unsure=_ML.unsure,
    more=_ML.more,
    alike=_ML.alike,
    places=_ML.places,
    below=_ML.below,
    above=_ML.above,
    yes="yes",
    plot="the label says {v}",
    seldom={"index_group": 0.5, "appearance": 0.7},
)

_ZH = Voice(
    language="zh",
    openings=("我想找{a}，{b}", "有没有{a}？{b}", "{a}，{b}", "想看看{a}，最好{b}"),
    later=("应该是{a}", "还有，{a}", "补充一下，{a}", "{a}比较好"),
    facts={
        "category": ("{v}", "一个{v}", "{v}一类的"),
        "brand": ("{v}的", "{v}牌子的", "{v}家的"),
        "price": ("{v}",),
    },
    words={
        "category": {
            "台灯": ("台灯", "桌上的灯"),
            "茶壶": ("茶壶", "泡茶的壶"),
            "双肩包": ("双肩包", "背包", "书包"),
            "运动鞋": ("运动鞋", "球鞋", "鞋子"),
            "椅子": ("椅子", "坐的椅子"),
            "夹克": ("夹克", "外套"),
            "耳机": ("耳机", "听歌的耳机"),
            "花盆": ("花盆", "种花的盆"),
            "尤克里里": ("尤克里里", "小吉他"),
            "手表": ("手表", "腕表", "戴的表"),
            "毛毯": ("毛毯", "毯子"),
            "保温杯": ("保温杯", "水杯"),
        },
    },
    unsure=("不知道", "说不上来", "不太清楚", "这个我没想过"),
    more=("还有别的吗", "换一批看看", "再来几个"),
    alike=("第{n}个比较接近", "更像第{n}个那样的", "类似第{n}个的"),
    places=("一", "二", "三", "四", "五", "六", "七", "八", "九", "十"),
    below=("以下", "低于这个", "不到这个数"),
    above=("以上", "高于这个", "比这个高"),
    yes="好的",
    plot="记得写着{v}",
    seldom={"price": 0.7},
)

VOICES = {"ml-latest-small": _ML, "hm-lastweek": _HM, "demo shop, Chinese": _ZH}
