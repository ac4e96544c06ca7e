"""Being told to stop is a way to end like any other: what Python does at the end of a process is done then too."""

import asyncio
import signal
import sys
from collections.abc import Callable
from types import FrameType

import uvicorn

__all__ = ["GRACE", "Ending"]

GRACE = 5
"""Seconds that requests under way have left when the service is told to stop; containers are killed after ten."""


class Ending(uvicorn.Config):
    """A configuration whose processes end with status 0 when they are told to stop.

    Uvicorn finishes what is under way and then sends itself the signal again, of which a process dies as it stands:
    semaphores of libraries (a progress bar has one) stay behind, and Python warns of them.
    """

    def get_loop_factory(self) -> Callable[[], asyncio.AbstractEventLoop] | None:
        """Return what Uvicorn's own does; it is asked for in each process, before anything is served."""
        signal.signal(signal.SIGTERM, _leave)
        return super().get_loop_factory()


def _leave(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)
