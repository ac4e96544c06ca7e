"""Speaks to a service: `Client` waits for each answer, `AsyncClient` is awaited; both have the same methods.

    with Client("http://127.0.0.1:8000", key=KEY) as cuvee:
        cuvee.send([{"user_id": "anna", "item_id": "lamp-7", "kind": "buy"}])
        answer = cuvee.recommend(user_id="anna", k=10)

What was refused for the moment (429, 503) and what the network lost is asked again, after a while that grows; events
get ids of their own, so that sending them twice counts once.
"""

import asyncio
import random
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from cuvee.errors import ServiceError

__all__ = ["AsyncClient", "Client"]

Body = Mapping[str, Any]

_AGAIN = (429, 503)
_LONGEST_WAIT = 30.0


@dataclass(frozen=True)
class _Call:
    """One request."""

    method: str
    path: str
    body: Any = None
    query: Mapping[str, str | int] | None = None
    content: bytes | None = None
    media_type: str = ""

    def options(self) -> dict[str, Any]:
        if self.content is None:
            return {"json": self.body, "params": self.query}
        return {"content": self.content, "params": self.query, "headers": {"Content-Type": self.media_type}}


def _recommend(**asked: Any) -> _Call:
    return _Call("POST", "/v1/recommendations", {name: value for name, value in asked.items() if value is not None})


def _next(recommendation_id: str, k: int | None) -> _Call:
    path = f"/v1/recommendations/{quote(recommendation_id, safe='')}:next"
    return _Call("POST", path, None if k is None else {"k": k})


def _search(**asked: Any) -> _Call:
    return _Call("POST", "/v1/search", {name: value for name, value in asked.items() if value is not None})


def _send(events: Sequence[Body]) -> _Call:
    return _Call("POST", "/v1/events", {"events": [{"event_id": uuid.uuid4().hex, **event} for event in events]})


def _item(item_id: str, word: str = "") -> str:
    return f"/v1/items/{quote(item_id, safe='')}{word}"


@dataclass
class _Settings:
    url: str
    key: str | None
    timeout: float
    retries: int

    def options(self) -> dict[str, Any]:
        headers = {} if self.key is None else {"Authorization": f"Bearer {self.key}"}
        return {"base_url": self.url, "timeout": self.timeout, "headers": headers}

    def wait(self, attempt: int, answer: httpx.Response | None) -> float | None:
        """Return the seconds after which to ask again; None where this was the last time."""
        if attempt >= self.retries or (answer is not None and answer.status_code not in _AGAIN):
            return None
        told = "" if answer is None else str(answer.headers.get("retry-after", ""))
        growing: float = 0.1 * 2.0**attempt * random.uniform(0.5, 1)
        return min(_LONGEST_WAIT, max(growing, float(told) if told.isdigit() else 0.0))


def _read(answer: httpx.Response) -> Any:
    """Return what was answered.

    Raises:
        ServiceError: a problem; it has the status and says what to do.
    """
    if answer.is_success:
        return answer.json() if answer.content else None
    try:
        told = str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        told = answer.text[:200]
    raise ServiceError(answer.status_code, told)


class Client:
    """A connection to a service that waits for each answer."""

    def __init__(self, url: str, key: str | None = None, timeout: float = 10.0, retries: int = 3) -> None:
        self._settings = _Settings(url, key, timeout, retries)
        self._http = httpx.Client(**self._settings.options())

    def recommend(
        self,
        user_id: str | None = None,
        items: Sequence[str] | None = None,
        k: int = 10,
        *,
        filter: str | None = None,
        exclude: Sequence[str] | None = None,
        candidates: Sequence[str] | None = None,
        reasons: bool = True,
    ) -> dict[str, Any]:
        """Return what to show a user, a session of items, or somebody unknown."""
        asked = {"user_id": user_id, "items": items, "k": k, "filter": filter, "exclude": exclude}
        return dict(self._ask(_recommend(**asked, candidates=candidates, reasons=reasons)))

    def next(self, recommendation_id: str, k: int | None = None) -> dict[str, Any]:
        """Return the next page of an answer, without what it and the pages before it showed."""
        return dict(self._ask(_next(recommendation_id, k)))

    def search(
        self,
        text: str | None = None,
        image: str | None = None,
        k: int = 10,
        *,
        filter: str | None = None,
        user_id: str | None = None,
        personalise: float | None = None,
    ) -> list[dict[str, Any]]:
        """Return the items that a text, or a picture in base64, asks for; `personalise` (0..1) weighs the taste."""
        asked = {"text": text, "image": image, "k": k, "filter": filter, "user_id": user_id, "personalise": personalise}
        return list((self._ask(_search(**asked)))["items"])

    def send(self, events: Sequence[Body]) -> int:
        """Store events (user_id, item_id, kind ...), all or none; return the offset after them."""
        return int(self._ask(_send(events))["offset"])

    def add_items(self, items: Sequence[Body]) -> list[dict[str, Any]]:
        """Add items (item_id, and columns of the catalogue), all or none."""
        return list(self._ask(_Call("POST", "/v1/items:batch", {"items": list(items)}))["items"])

    def set_state(self, item_id: str, state: str) -> None:
        """Say `hide`, `unavailable` or `show` of an item."""
        self._ask(_Call("POST", _item(item_id, f":{state}")))

    def similar(self, item_id: str, k: int = 10) -> list[dict[str, Any]]:
        """Return the items closest to one."""
        return list(self._ask(_Call("GET", _item(item_id, "/similar"), query={"k": k}))["items"])

    def call(self, method: str, path: str, body: Any = None, **query: str | int) -> Any:
        """Return what any other request is answered: method, path from /v1 on, body, query."""
        return self._ask(_Call(method, path, body, query or None))

    def upload(self, item_id: str, content: bytes, media_type: str, position: int = 0) -> dict[str, Any]:
        """Store a picture, sound or video of an item: image/jpeg, audio/mpeg, video/mp4 ..."""
        path = _item(item_id, f"/media/{media_type.split('/')[0]}/{position}")
        return dict(self._ask(_Call("PUT", path, content=content, media_type=media_type)))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _ask(self, call: _Call) -> Any:
        for attempt in range(self._settings.retries + 1):
            answer = error = None
            try:
                answer = self._http.request(call.method, call.path, **call.options())
            except httpx.TransportError as lost:
                error = lost
            wait = self._settings.wait(attempt, answer)
            if wait is None:
                break
            time.sleep(wait)
        return _outcome(answer, error)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()


class AsyncClient:
    """A connection to a service that is awaited."""

    def __init__(self, url: str, key: str | None = None, timeout: float = 10.0, retries: int = 3) -> None:
        self._settings = _Settings(url, key, timeout, retries)
        self._http = httpx.AsyncClient(**self._settings.options())

    async def recommend(
        self,
        user_id: str | None = None,
        items: Sequence[str] | None = None,
        k: int = 10,
        *,
        filter: str | None = None,
        exclude: Sequence[str] | None = None,
        candidates: Sequence[str] | None = None,
        reasons: bool = True,
    ) -> dict[str, Any]:
        """As `Client.recommend`."""
        asked = {"user_id": user_id, "items": items, "k": k, "filter": filter, "exclude": exclude}
        return dict(await self._ask(_recommend(**asked, candidates=candidates, reasons=reasons)))

    async def next(self, recommendation_id: str, k: int | None = None) -> dict[str, Any]:
        """As `Client.next`."""
        return dict(await self._ask(_next(recommendation_id, k)))

    async def search(
        self,
        text: str | None = None,
        image: str | None = None,
        k: int = 10,
        *,
        filter: str | None = None,
        user_id: str | None = None,
        personalise: float | None = None,
    ) -> list[dict[str, Any]]:
        """As `Client.search`."""
        asked = {"text": text, "image": image, "k": k, "filter": filter, "user_id": user_id, "personalise": personalise}
        return list((await self._ask(_search(**asked)))["items"])

    async def send(self, events: Sequence[Body]) -> int:
        """As `Client.send`."""
        return int((await self._ask(_send(events)))["offset"])

    async def add_items(self, items: Sequence[Body]) -> list[dict[str, Any]]:
        """As `Client.add_items`."""
        return list((await self._ask(_Call("POST", "/v1/items:batch", {"items": list(items)})))["items"])

    async def set_state(self, item_id: str, state: str) -> None:
        """As `Client.set_state`."""
        await self._ask(_Call("POST", _item(item_id, f":{state}")))

    async def similar(self, item_id: str, k: int = 10) -> list[dict[str, Any]]:
        """As `Client.similar`."""
        return list((await self._ask(_Call("GET", _item(item_id, "/similar"), query={"k": k})))["items"])

    async def call(self, method: str, path: str, body: Any = None, **query: str | int) -> Any:
        """As `Client.call`."""
        return await self._ask(_Call(method, path, body, query or None))

    async def upload(self, item_id: str, content: bytes, media_type: str, position: int = 0) -> dict[str, Any]:
        """As `Client.upload`."""
        path = _item(item_id, f"/media/{media_type.split('/')[0]}/{position}")
        return dict(await self._ask(_Call("PUT", path, content=content, media_type=media_type)))

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _ask(self, call: _Call) -> Any:
        for attempt in range(self._settings.retries + 1):
            answer = error = None
            try:
                answer = await self._http.request(call.method, call.path, **call.options())
            except httpx.TransportError as lost:
                error = lost
            wait = self._settings.wait(attempt, answer)
            if wait is None:
                break
            await asyncio.sleep(wait)
        return _outcome(answer, error)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        await self.close()


def _outcome(answer: httpx.Response | None, error: httpx.TransportError | None) -> Any:
    if answer is None:
        raise ServiceError(0, f"the service cannot be reached: {error}") from error
    return _read(answer)
