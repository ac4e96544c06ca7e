"""English for a conversation. Apostrophes are left out of cleaned text: don't is dont."""

import re

from cuvee.dialogue.phrases import Phrases, listed

__all__ = ["ENGLISH"]

_PLACES = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"]
_SHORT = ["1st", "2nd", "3rd", "4th", "5th", "6th", "7th", "8th", "9th", "10th"]
_CARDINALS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
_ITEM = "(?:ones?|items?|films?|movies?|options?|results?|suggestions?|products?)"

_ADJECTIVES = listed("""
dark light bright bold soft warm cold cool big small large long short wide narrow thick thin heavy simple plain
fancy funny scary sad happy silly dumb smart clever deep quiet loud slow fast calm wild weird strange dirty
clean cute pretty ugly rough smooth sharp gentle kind cosy cozy classy elegant sporty sexy trendy grim gritty
bloody gory violent tense light-hearted creepy spooky easy hard tough strong weak rich young modern casual
formal loose tight tall low high
""")

_EMPTY = listed("""
a about ah all also am an and another any anything are as at available be been bit but buy by can could did
dislike do does dont else especially ever few film films find for from get give go got great had has hate have
having hello hey hi how i id if ill im in instead into is isnt it item items its ive just kind kinda known least
lets like liked little look looking looks lot love loved made make many maybe me mind mine more most movie
movies much my need new nice no not now of ok okay old on one ones only option or other our out over perhaps
please possible prefer preferably prefers pretty price priced product products quite rather really recommend
released same see set should show shows similar so some someone something sort still stories story stuff such
suggest take tell than thank thanks that thats the their them then there these they thing things think this
those to today together too tonight try under up us use very want wanted wants was watch we well were what whats
whichever while will wish with without would yes you your matter come comes here longer directed starring
director actor colour color brand preference budget never good best better favourite favorite either neither nor
both nothing search long below above less shown why explain last first
""")


def _comparatives() -> dict[str, str]:
    """Return comparative -> adjective, as English forms them."""
    found = {"better": "good", "worse": "bad"}
    for word in _ADJECTIVES:
        if word.endswith("y"):
            found[word[:-1] + "ier"] = word
        elif word.endswith("e"):
            found[word + "r"] = word
        else:
            found[word + "er"] = word
            if re.fullmatch(r"[^aeiou]*[aeiou][^aeiouwx]", word):
                found[word + word[-1] + "er"] = word
    return found


ENGLISH = Phrases(
    commands={
        "undo": re.compile(
            r"^\W*(?:undo|go back|take (?:that|it) back|step back|revert|scratch that|i didnt mean that|oops|"
            r"back to (?:the )?(?:previous|before))\b"
        ),
        "restart": re.compile(
            r"\b(?:(?:lets )?start(?:ing)? (?:over|again|afresh|fresh)|(?:lets )?begin(?:ning)? again|from scratch|"
            r"new search|reset|forget (?:all (?:that|this|of (?:that|this))|everything|it all)|clear (?:all|"
            r"everything))\b"
        ),
        "more": re.compile(
            r"(?:(?:can you |could you )?(?:show|give) (?:me )?|see |i want )?(?:some |any |a few )?"
            r"(?:more|others|other ones|something else|anything else|different ones|the next(?: ones| page)?|"
            r"next(?: page)?)"
            r"(?: (?:options|ones|results|items|of them|of these))?|(?:what|who) else(?: (?:do you have|"
            r"is there|have you got))?|"
            r"keep going|not (?:that|this|these|those)(?: ones?)?|none of (?:them|these|those)"
        ),
        "skip": re.compile(
            r"\b(?:(?:i |really )*(?:dont|do not|wouldnt) (?:really )?(?:know|care|mind)(?: either way| about that)?|"
            r"(?:i have )?no (?:strong |particular )?(?:preferences?|idea|opinion|clue)|"
            r"(?:(?:it|that|price|the price|either) )?(?:doesnt|does not|dont) (?:really )?matter|"
            r"(?:im )?not (?:really )?sure|"
            r"whatever|(?:either|any(?:thing)?)(?: one)? (?:is fine|works|goes|will do|is ok(?:ay)?)|anything|"
            r"hard to say|(?:its )?up to you|you choose|surprise me|not important|no matter|all the same to me|"
            r"cant say)\b"
        ),
        "yes": re.compile(r"(?:yes|yeah|yep|yup|sure|ok(?:ay)?|please do|go ahead|of course|do (?:it|that)|"
            r"sounds good|fine)"),
        "no": re.compile(r"(?:no|nope|nah|rather not|no way|dont|not really)"),
        "neither": re.compile(r"(?:neither|none)(?: of (?:them|these|those|the above))?|"
                              r"not (?:any|one) of (?:them|these|those)"),
    },
    why=re.compile(r"\b(?:why|how come|explain|what makes you|what is the reason|reasons? for)\b"),
    choose=re.compile(r"\b(?:ill (?:take|buy|watch|have|go (?:with|for)|pick)|i(?:ll)? (?:choose|pick|take)|"
                      r"(?:let me|lets) (?:take|buy|watch|have)|is perfect|add (?:it )?to (?:my )?(?:cart|"
                      r"basket)|i want to buy)\b"),
    love=re.compile(r"\b(?:love[ds]?|like[ds]?|enjoy(?:ed)?|adore[ds]?|favou?rite|seen|watched|why|about|of|"
        r"take|hated?|dislike[ds]?)\b"),
    hate=re.compile(
        r"\b(?:hate[ds]?|dislike[ds]?|cant stand|(?:didnt|dont|do not|did not|never) (?:really )?(?:like|liked|"
        r"enjoy|want|show|care for)|"
        r"not|no|never|hide|remove|without|except|skip|ignore|boring|less like|anything but|rather than)\b"
    ),
    hate_after=re.compile(
        r"^\W*(?:is|was|looks?|are)?\s*(?:just |really )?(?:(?:too|so) \w+|bad|boring|awful|ugly|terrible|horrible|"
        r"not (?:for me|good|my)|out|sucks)\b"
    ),
    alike=re.compile(
        r"(?<!would )(?<!id )(?<!i )(?<!dont )(?<!looks )\b(?:similar to|like|along the lines of|"
        r"in the (?:style|vein|spirit) of|"
        r"reminiscent of|such as|in the same vein as)\s+(?P<what>[^,.;!?]+?)"
        r"(?=$|[,.;!?]|\s+(?:but|only|except|and also|with|from|in an?|in the|under|that|which|though|just|for)\b)"
    ),
    ordinals=re.compile(
        r"\b(?:the |that )?(?:(?P<word>" + "|".join(_PLACES + _SHORT) + r")(?: " + _ITEM + r"\b|"
        r"(?=\W*$|[,.;!?]| (?:but|and|or|is|was|looks)\b))"
        r"|(?P<last>last) " + _ITEM + r"\b|(?:number|no|nr|option|item) (?P<number>\d{1,2})\b"
        r"|(?:number|option) (?P<cardinal>" + "|".join(_CARDINALS) + r")\b)|#\s?(?P<hash>\d{1,2})\b"
    ),
    places={w: n % 10 + 1 for n, w in enumerate([*_PLACES, *_SHORT, *_CARDINALS])},
    negators=re.compile(
        r"\b(?:anything (?:but|except)|other than|rather than|instead of|apart from|not|no|never|without|"
        r"except(?: for)?|excluding|"
        r"exclude|nothing|neither|nor|dont|do not|doesnt|isnt|arent|hate|avoid|dislike|minus|than|hide|non|"
        r"cant stand|no more)\b"
    ),
    ends=re.compile(r"[.;:!?]|\bbut\b|\binstead\b|\bhowever\b|\bonly\b|\bjust\b|\bplease\b|\bid like\b|"
        r"\bi (?:want|like|need)\b"),
    listed=re.compile(r"(?:[\s,]|\b(?:and|or|nor|any|the|a|films?|movies?|ones?|stories|either)\b)*"),
    either=re.compile(r"[\s,]*(?:\b(?:or|nor|and/or)\b|/)(?:[\s,]|\b(?:an?|the|some|maybe|else|perhaps)\b)*"),
    shifts=(
        (re.compile(r"\b(?P<soft>not (?:so|that|as|too|very) (?:expensive|pricey|costly)|"
                    r"cheap|inexpensive|affordable)\b"), "price", -1),
        (re.compile(r"\b(?:cheaper|cheapest|less (?:expensive|pricey|costly)|too (?:expensive|pricey|costly|"
            r"dear)|more affordable|"
                    r"lower[- ]priced?|lower (?:in )?price)\b"), "price", -1),
        (re.compile(r"\b(?:more (?:expensive|luxurious|upmarket)|pricier|higher[- ]priced?|too cheap)\b"), "price", 1),
        (re.compile(r"\b(?P<soft>not (?:so|that|as|too|very) old|recent|latest|recently released)\b"), "year", 1),
        (re.compile(r"\b(?:newer|newest|more (?:recent|modern)|too old|less old)\b"), "year", 1),
        (re.compile(r"\b(?P<soft>not (?:so|that|as|too|very) (?:new|recent|modern)|"
                    r"old|classic|vintage)\b"), "year", -1),
        (re.compile(r"\b(?:older|oldest|more (?:classic|vintage)|less (?:recent|modern)|"
                    r"too (?:new|recent|modern))\b"), "year", -1),
        (re.compile(r"\b(?P<soft>not (?:so|that|as|too|very) long|short)\b"), "duration", -1),
        (re.compile(r"\b(?:shorter|shortest|too long|less long)\b"), "duration", -1),
        (re.compile(r"\b(?:longer|longest|too short)\b"), "duration", 1),
    ),
    comparatives=_comparatives(),
    more=(re.compile(r"\b(?:more|extra) (?!like\b|than\b|of\b|from\b|please\b|options\b|and\b|or\b|ones?\b|"
        r"with\b|about\b|"
                     r"films?\b|movies?\b|for\b|in\b|by\b|to\b|results\b|items\b)(?P<word>[a-z][a-z-]+)\b"),),
    less=(re.compile(r"\b(?:less|(?:not|nothing) (?:so|that|as|too|very|quite)|too) (?!than\b|like\b|much\b|"
        r"many\b|the\b|one\b)"
                     r"(?P<word>[a-z][a-z-]+)\b"),),
    empty=frozenset([*_EMPTY, *_PLACES, *_SHORT]),
)  # fmt: skip
