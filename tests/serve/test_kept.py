"""What is kept is found once for all who ask at once, is found anew after its time, and never after a failure."""

import asyncio
import threading
import time

import pytest

from cuvee.serve.kept import Kept


def test_all_who_ask_at_once_wait_for_one_search() -> None:
    found: list[str] = []

    def find(key: str) -> str:
        time.sleep(0.05)
        found.append(key)
        return key.upper()

    async def ask() -> list[str]:
        kept = Kept[str](60, 8)
        both = [kept.get(key, lambda key=key: find(key)) for key in ["a"] * 20 + ["b"] * 20]  # type: ignore[misc]
        return await asyncio.gather(*both)

    assert asyncio.run(ask()) == ["A"] * 20 + ["B"] * 20
    assert sorted(found) == ["a", "b"]


def test_after_its_time_it_is_found_anew() -> None:
    now, found = [0.0], list[int]()

    async def ask() -> list[int]:
        kept = Kept[int](5, 8, clock=lambda: now[0])
        answers = []
        for moment in (0.0, 4.9, 5.0, 9.9):
            now[0] = moment
            answers.append(await kept.get("x", lambda: found.append(0) or len(found)))  # type: ignore[func-returns-value]
        return answers

    assert asyncio.run(ask()) == [1, 1, 2, 2]


def test_a_failure_reaches_everybody_and_is_not_kept() -> None:
    tries: list[int] = []

    def find() -> str:
        tries.append(0)
        if len(tries) == 1:
            raise OSError("away")
        return "there"

    async def ask() -> str:
        kept = Kept[str](60, 8)
        first = await asyncio.gather(kept.get("x", find), kept.get("x", find), return_exceptions=True)
        assert [str(error) for error in first] == ["away", "away"]
        return await kept.get("x", find)

    assert asyncio.run(ask()) == "there"
    assert len(tries) == 2


def test_whoever_goes_away_takes_it_from_nobody() -> None:
    go = threading.Event()

    async def ask() -> bool:
        kept = Kept[bool](60, 8)
        gone = asyncio.create_task(kept.get("x", lambda: go.wait(5)))
        stays = asyncio.create_task(kept.get("x", lambda: False))
        await asyncio.sleep(0.01)
        gone.cancel()
        go.set()
        with pytest.raises(asyncio.CancelledError):
            await gone
        return await stays

    assert asyncio.run(ask())


def test_few_are_kept() -> None:
    found: list[int] = []

    async def ask() -> None:
        kept = Kept[None](60, 2)
        for key in (1, 2, 1, 3, 1, 2):
            await kept.get(key, lambda key=key: found.append(key))  # type: ignore[misc]

    asyncio.run(ask())
    assert found == [1, 2, 3, 2]
