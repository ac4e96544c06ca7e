"""Reviews cut into words, clauses and sentences, in English and Chinese, and the words that name nothing.

A clause is the unit of an opinion: what stands between marks of punctuation or words of contrast, so that praise of one
thing does not rub off on another in the same sentence ("great tone, but the case is flimsy").
"""

import re
from collections.abc import Sequence

__all__ = ["DETERMINERS", "OPINIONS", "STOP", "chinese", "clauses", "fold", "sentences", "tokens"]

_HAN = re.compile(r"[\u3400-\u9fff]")
_TOKEN = re.compile(r"[\u3400-\u9fff]|[^\W_]+(?:['’\-/&.][^\W_]+)*")
_END = re.compile(r"(?<=[.!?])[\"'”’)\]]*\s+|(?<=[a-z)][.!?])(?=[A-Z])|(?<=[。！？…])|\s*\n\s*")
"""Where a sentence ends; also where the space after it was lost, as in many exports of reviews."""
_MARKS = re.compile(r"[,;:()\[\]\"“”\n。！？；，、：（）…]+|[.!?]+(?=\s|$)|\s[-–—]+\s|--+|—+")
_CONTRAST = re.compile(r"\b(?:but|however|although|though|except|whereas|yet|despite|unfortunately)\b", re.IGNORECASE)
_BUT = re.compile("但是|不过|可是|然而|只是|就是|虽然|但")
_CHINESE_SHARE = 0.3
"""Of the letters of a text that is Chinese; product names in it are often Latin."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


DETERMINERS = _words("a an the this that these those my your his her its it's our their no any some every each another")
"""Words that a noun follows, with or without an adjective between."""

OPINIONS = _words(
    """
    good great nice excellent perfect fantastic awesome amazing wonderful best better superb solid decent fine
    lovely beautiful gorgeous impressive outstanding incredible bad worse worst poor terrible horrible awful cheap
    flimsy useless disappointing mediocre weak crappy crap junk garbage ugly happy pleased satisfied disappointed
    unhappy glad sorry easy hard difficult simple comfortable uncomfortable sturdy durable reliable unreliable
    smooth rough clear clean bright dark warm rich full thin thick loud quiet soft stiff heavy light small large big
    huge tiny little long short old new high low fast slow quick cool neat handy useful helpful right wrong true
    real main same different similar certain special regular normal average own worth worthy able expensive
    inexpensive affordable reasonable pretty strong tight loose accurate versatile compact flexible adjustable
    professional quality-made well-made love loved loves like liked likes hate hated enjoy enjoyed recommend
    recommended highly whole entire bigger smaller longer shorter cheaper nicer easier louder heavier lighter larger
    stronger several many much more most less few extra overall various additional favorite favourite acceptable
    plain comfy bulky noisy delicate broken
    """
)
"""Words that judge or measure: they break a phrase, and what they precede is likely named."""

STOP = _words(
    """
    i me myself we us you he him she they them it itself who whom whose which what where when why how there here am
    is are was were be been being isn't aren't wasn't weren't do does did doing don't doesn't didn't done have has
    had having haven't hasn't hadn't will would won't wouldn't can could can't cannot couldn't shall should
    shouldn't may might must mustn't ain't i'm i've i'd i'll you're you've you'll he's she's it'll we're we've
    they're they've they'll that's there's what's let's of in on at to for from by with without within into onto
    upon over under above below about against between through during before after behind beside near off out up down
    around across along per via and or nor so if because as until while since unless than then once whether but
    however although though except not never none nothing something anything everything someone anyone everyone
    everybody nobody one ones two three four five six seven eight nine ten first second third last next other others
    both either neither all half such very really quite rather too also just only even still again ever always often
    sometimes usually maybe perhaps almost enough far away back now today yesterday already soon later ago well way
    lot lots bit kind sort thing things stuff etc get gets getting got gotten go goes going gone went come comes
    coming came make makes making made take takes taking took taken give gives giving gave given keep keeps kept put
    puts putting let say says said saying see sees seen saw look looks looking looked seem seems seemed feel feels
    felt know knows knew known think thinks thought want wants wanted need needs needed use uses used using try
    tries tried trying buy buys buying bought purchase purchased purchasing order ordered receive received return
    returned find finds found work works worked working play plays played playing sound sounds sounded sounding hold
    holds held holding fit fits fitted fitting stay stays stayed lasts lasted expect expected start started stop
    stopped help helps helped hear heard read mean means turn turns turned run runs running ran set sets setting
    cost costs paid pay pays spend spent become wish hope hoping believe guess suppose decide decided add added adds
    change changed plug plugged move moved break broke breaks tell told ask asked call called bring brings brought
    leave leaves left happen happened like unlike plus instead else couple type deal job place hit miss top end side
    line choice problem problems issue issues built player players year years month months week weeks day days time
    times hour hours minute minutes person people guy guys man wife husband son daughter friend friends amazon
    review reviews reviewer reviewers star stars product products item items brand reason case-by-case point fact
    example course sure ok okay yes oh wow ve ll re don didn doesn isn wasn couldn wouldn www com http https quot
    amp
    """
)
"""Words that name no property of a thing: pronouns, auxiliaries, prepositions, common verbs, time, the shop itself."""


def chinese(text: str) -> bool:
    """Return whether a text is Chinese, by its script."""
    if text.isascii():
        return False
    letters = sum(c.isalpha() for c in text)
    return letters > 0 and len(_HAN.findall(text)) > _CHINESE_SHARE * letters


def tokens(text: str) -> list[str]:
    """Return the words in lower case; every Chinese character is one."""
    return _TOKEN.findall(text.lower().replace("’", "'"))


def sentences(text: str) -> list[str]:
    """Return the sentences, each as it stands in the text, without the space around it."""
    return [found for part in _END.split(text) if (found := part.strip()) and _TOKEN.search(found)]


def clauses(sentence: str) -> list[str]:
    """Return the parts between marks and words of contrast; the latter are left out, for they hold no opinion."""
    contrast = _BUT if chinese(sentence) else _CONTRAST
    parts = (part for piece in _MARKS.split(sentence) for part in contrast.split(piece))
    return [found for part in parts if (found := part.strip()) and _TOKEN.search(found)]


def fold(words: Sequence[str]) -> tuple[str, ...]:
    """Return a key that singular and plural of the last word share."""
    last = words[-1].removesuffix("'s")
    if len(last) > 4 and last.endswith("ies"):
        last = last[:-3] + "y"
    elif len(last) > 3 and last.endswith("s") and not last.endswith(("ss", "us", "is")):
        last = last[:-1]
    return (*words[:-1], last)
