"""What a browser is told about every answer: it runs nothing, frames nothing, guesses and keeps nothing."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["SAFE", "Safe", "only"]


def only(*sources: str) -> str:
    """Return the content security policy of a page that may use these sources and nothing else."""
    shut = ("default-src 'none'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'")
    return "; ".join((*shut, *sources))


SAFE = {
    "content-security-policy": only(),
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
}
"""Headers of an answer that does not set them itself."""


class Safe:
    """Gives every answer the headers of `SAFE` that it does not bring."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._headers = tuple((name.encode(), value.encode()) for name, value in SAFE.items())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message["headers"]}
                missing = (header for header in self._headers if header[0] not in given)
                message = {**message, "headers": [*message["headers"], *missing]}
            await send(message)

        await self.app(scope, receive, marked if scope["type"] == "http" else send)
