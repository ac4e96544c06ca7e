"""What is the same for everybody and dear to find is found once for all who ask, and kept for some seconds."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

__all__ = ["Kept"]

T = TypeVar("T")


class Kept(Generic[T]):
    """Key -> value; what was asked for longest ago goes first. Nothing about one person may stand in it."""

    def __init__(self, seconds: float, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds, self.most = seconds, most
        self._clock = clock
        self._found: OrderedDict[Hashable, tuple[float, asyncio.Task[T]]] = OrderedDict()

    async def get(self, key: Hashable, find: Callable[[], T]) -> T:
        """Return what was found under the key; `find` runs in a thread, once for all who wait for it.

        Raises:
            whatever `find` raises, to all of them; it is not kept.
        """
        since, task = self._found.get(key, (0.0, None))
        if task is None or self._clock() - since >= self.seconds or _failed(task):
            task = asyncio.create_task(asyncio.to_thread(find))
            self._found[key] = (self._clock(), task)
        self._found.move_to_end(key)
        while len(self._found) > self.most:
            self._found.popitem(last=False)
        return await asyncio.shield(task)  # whoever goes away takes it from nobody else


def _failed(task: "asyncio.Task[Any]") -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
