"""Which constraint to drop."""

from itertools import permutations

import pytest

from cuvee.dialogue.relaxing import to_drop
from cuvee.dialogue.state import Constraint, Question, State
from tests.dialogue.conftest import talk_of

WOOL = Constraint("any", (("material", "Wool"),))
MEN = Constraint("any", (("section", "Men"),))
LITTLE = Constraint("<=", column="price", bound=20.0)


@pytest.mark.parametrize("order", list(permutations([WOOL, LITTLE, MEN])))
def test_the_one_that_gives_most(order: tuple[Constraint, ...]) -> None:
    """Without the price two things of wool for men are left, without wool one pair of shorts, without men nothing."""
    found = to_drop(State(constraints=order), talk_of("shop").retriever)
    assert found == Question("drop", constraint=LITTLE, count=2)


def test_no_single_one_helps() -> None:
    nothing = (Constraint("<=", column="price", bound=1.0), Constraint("any", (("brand", "Nobody"),)))
    assert to_drop(State(constraints=nothing), talk_of("shop").retriever) is None
