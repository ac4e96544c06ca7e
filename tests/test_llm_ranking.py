"""With a stand-in whose likelihoods are known, so that every score can be worked out by hand."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from cuvee.errors import ConfigError
from cuvee.llm_ranking import LlmRanker
from cuvee.queries import one_each
from cuvee.types import PAD, Floats, Message, Queries

TITLES = ["Alien", "Heat", "Up  \n", "", "Jaws", "Big"]


@dataclass
class StandIn:
    """Prefers options in alphabetical order, whatever it reads, and names that it was told to like."""

    likes: str
    asked: list[str] = field(default_factory=list)

    def choose(self, conversations: Sequence[Sequence[Message]], options: Sequence[str]) -> Floats:
        out = np.zeros((len(conversations), len(options)), np.float32)
        for n, messages in enumerate(conversations):
            text = messages[-1].text
            self.asked.append(text)
            knows = 0.0 if "Nothing is known" in text else 1.0
            for o, option in enumerate(options):
                liked = f"\n{option}. {self.likes}\n" in text or (option == "Yes" and f'"{self.likes}"' in text)
                out[n, o] = -0.5 * o + 0.7 * knows * liked
        return out


def queries() -> Queries:
    return one_each(6, np.array([[0, 1], [3, 0]], np.int32))


ITEMS = np.array([[5, 4, 2], [2, 4, PAD]], np.int32)


def test_a_list_by_hand() -> None:
    """Bare, places count .5 each and "Jaws" .7; calibrated, only what the history adds is left."""
    model = StandIn("Jaws")
    bare = LlmRanker(model, TITLES, calibrated=False).score(queries(), ITEMS)
    np.testing.assert_allclose(bare, [[0, 0.2, -1], [0, 0.2, -np.inf]], atol=1e-6)
    calibrated = LlmRanker(model, TITLES).score(queries(), ITEMS)
    np.testing.assert_allclose(calibrated, [[0, 0.7, 0], [0, 0.7, -np.inf]], atol=1e-6)
    assert model.asked[0].startswith("Somebody likes: Alien; Heat.\nCandidates:\nA. Big\nB. Jaws\nC. Up\n")
    assert model.asked[1].startswith("Somebody likes: item; Alien.\nCandidates:\nA. Up\nB. Jaws\nWhich")


def test_one_by_one_by_hand() -> None:
    """Yes less No is .5, and .7 more for "Jaws"; each item is calibrated once, whoever is asked about."""
    model = StandIn("Jaws")
    bare = LlmRanker(model, TITLES, form="point", calibrated=False).score(queries(), ITEMS)
    np.testing.assert_allclose(bare, [[0.5, 1.2, 0.5], [0.5, 1.2, -np.inf]], atol=1e-6)
    model.asked.clear()
    calibrated = LlmRanker(model, TITLES, form="point").score(queries(), ITEMS)
    np.testing.assert_allclose(calibrated, [[0, 0.7, 0], [0, 0.7, -np.inf]], atol=1e-6)
    assert sum("Nothing is known" in text for text in model.asked) == 4  # 2, 4, 5 and the padding


def test_the_newest_are_told() -> None:
    model = StandIn("Jaws")
    LlmRanker(model, TITLES, history=1, calibrated=False).score(queries(), ITEMS)
    assert [text.split("\n")[0] for text in model.asked] == ["Somebody likes: Heat.", "Somebody likes: Alien."]


def test_too_many_for_the_letters() -> None:
    with pytest.raises(ConfigError, match="at most 52 candidates, got 53"):
        LlmRanker(StandIn(""), TITLES).score(queries(), np.zeros((2, 53), np.int32))
