"""A bucket of tokens by hand."""

import pytest

from cuvee.serve.rates import Rates


def test_by_hand() -> None:
    """Four at once, two a second: the fifth waits half a second, and after 1.75 s there are three and a half."""
    now = 100.0
    rates = Rates(2.0, 4, clock=lambda: now)
    assert [rates.ask("a").remaining for _ in range(4)] == [3, 2, 1, 0]
    refused = rates.ask("a")
    assert not refused.granted
    assert refused.seconds == pytest.approx(0.5)
    assert rates.ask("b").granted  # another key has a bucket of its own
    now += 1.75
    granted = rates.ask("a")
    assert granted.granted
    assert granted.remaining == 2  # 2.5 left of 4
    assert granted.seconds == pytest.approx(0.75)
    now += 3600
    assert rates.ask("a").remaining == 3


def test_keys_that_were_quiet_longest_are_forgotten() -> None:
    rates = Rates(1.0, 5, clock=lambda: 0.0)
    for number in range(10_050):
        rates.ask(f"k{number}")
    assert len(rates._left) == 10_000
    assert "k10049" in rates._left
    assert "k0" not in rates._left
