"""What strangers can make a process hold: so many requests at once, heads and bodies of a size, bodies that arrive."""

import asyncio
import re
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cuvee.serve.problems import problem
from cuvee.serve.uploads import LARGEST

__all__ = ["LARGEST_HEAD", "Bounded", "Uncrowded"]

_UPLOAD = re.compile(r"^/v1/items/.+/media/(image|audio|video)/\d+$")
"""Where a body is a file, which may be larger than others."""
LARGEST_HEAD = 32 << 10
"""Bytes of the address of a request, and of its headers; a filter of 4,000 characters is the longest thing in them."""
_PACE = 64 << 10
"""Bytes of a body for which a second more is given."""
_AGAIN = "1"
"""Seconds after which a process that had too much to do is worth another try."""
_CLOSE = {"Connection": "close"}
"""What is left of a request is not waited for."""


class Uncrowded:
    """Answers so many requests at a time and turns others away at once: waiting longer would help nobody.

    Whether the process lives is answered in any case, or it would be killed for having much to do.
    """

    def __init__(self, app: ASGIApp, at_once: int) -> None:
        self.app, self.at_once = app, at_once
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] == "/livez":
            await self.app(scope, receive, send)
            return
        if self._running >= self.at_once:
            told = f"this process answers {self.at_once} requests already; try again"
            await problem(HTTPStatus.SERVICE_UNAVAILABLE, told, {"Retry-After": _AGAIN})(scope, receive, send)
            return
        self._running += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self._running -= 1


class Bounded:
    """Refuses heads and bodies that are too large, the latter while they arrive, and bodies that do not arrive."""

    def __init__(self, app: ASGIApp, largest: int, patience: float) -> None:
        self.app, self.largest, self.patience = app, largest, patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        largest = self.largest
        if scope["method"] == "PUT" and _UPLOAD.search(scope["path"]) is not None:
            largest = max(LARGEST.values())
        refused = _refused(scope, largest)
        if refused is not None:  # the connection stays: closed while somebody sends, it could swallow the answer
            await problem(*refused)(scope, receive, send)
            return
        await self.app(scope, _counted(receive, largest, self.patience), send)


def _refused(scope: Scope, largest: int) -> tuple[HTTPStatus, str] | None:
    """Return why a request is refused before its body is read."""
    if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > LARGEST_HEAD:
        return HTTPStatus.REQUEST_URI_TOO_LONG, f"an address may have {LARGEST_HEAD} bytes at most"
    if sum(len(name) + len(value) for name, value in scope["headers"]) > LARGEST_HEAD:
        return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"headers may have {LARGEST_HEAD} bytes at most, together"
    announced = dict(scope["headers"]).get(b"content-length", b"0")
    if announced.isdigit() and int(announced) > largest:
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _too_large(largest)
    return None


def _too_large(largest: int) -> str:
    return f"a request may have {largest} bytes at most; send it in parts"


def _counted(receive: Receive, largest: int, patience: float) -> Receive:
    """Return what receives a body of at most `largest` bytes, in `patience` seconds and one more for every 64 KiB."""
    loop = asyncio.get_running_loop()
    start, got, complete = loop.time(), 0, False

    async def counted() -> Message:
        nonlocal got, complete
        if complete:
            return await receive()  # that waits for the client to go away, which may take as long as it likes
        try:
            async with asyncio.timeout_at(start + patience + got / _PACE):
                message = await receive()
        except TimeoutError:
            told = f"the body did not arrive in {patience:g} s and a second for every {_PACE} bytes; send it in parts"
            raise HTTPException(HTTPStatus.REQUEST_TIMEOUT, told, _CLOSE) from None
        got += len(message.get("body", b""))
        if got > largest:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _too_large(largest))
        complete = not message.get("more_body", False)
        return message

    return counted
