"""A request's id, its line in the log, and the figures that Prometheus reads; none of them names a person.

Several processes add up their figures through files in the folder that PROMETHEUS_MULTIPROC_DIR names; `cuvee serve`
names one in its own folder.
"""

import json
import logging
import re
import time
import uuid

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["DEGRADED", "EVENTS", "NOT_NOTED", "SHOWN", "Observed", "figures"]

logger = logging.getLogger("cuvee.requests")

_ID = re.compile(rb"[\w.:-]{1,128}")
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

REQUESTS = Counter("cuvee_requests", "Requests answered", ("method", "route", "status"))
SECONDS = Histogram("cuvee_request_seconds", "Time to answer", ("method", "route"), buckets=_BUCKETS)
EVENTS = Counter("cuvee_events", "Events received, repeated ones too")
SHOWN = Counter("cuvee_items_shown", "Items recommended")
DEGRADED = Counter("cuvee_degraded_answers", "Recommendations without something that should have been used")
NOT_NOTED = Counter("cuvee_answers_not_noted", "Recommendations given that could not be written down")


def figures() -> bytes:
    """Return the figures of all processes as Prometheus reads them."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


class Observed:
    """Gives each request an id, or keeps the one it brings, counts it, and writes one line of JSON about it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(b"x-request-id", b"")
        request_id = given if _ID.fullmatch(given) else uuid.uuid4().hex.encode()
        status, start = 500, time.perf_counter()

        async def marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message["headers"], (b"x-request-id", request_id)]}
            await send(message)

        try:
            await self.app(scope, receive, marked)
        finally:
            seconds = time.perf_counter() - start
            route = getattr(scope.get("route"), "path", "none")  # its pattern: the path itself holds ids
            method = scope["method"] if scope["method"] in _METHODS else "other"
            REQUESTS.labels(method, route, status).inc()
            SECONDS.labels(method, route).observe(seconds)
            line = {"request_id": request_id.decode(), "method": method, "route": route, "status": status}
            logger.info("%s", json.dumps({**line, "milliseconds": round(1000 * seconds, 2)}))


_METHODS = {"GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"}
