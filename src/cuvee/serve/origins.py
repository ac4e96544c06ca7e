"""Which web pages of other origins may ask from a browser: none, but those that are named.

Reference: WHATWG, Fetch Standard, section 3.2, "CORS protocol".
"""

import re
from urllib.parse import urlsplit

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from cuvee.errors import ConfigError

__all__ = ["allow_origins", "checked_origin"]

_ORIGIN = re.compile(r"https?://([a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\])(:[1-9][0-9]{0,4})?")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_SHOWN = ("X-Request-ID", "Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
"""Headers of answers that a page may read."""
_REMEMBERED = 600
"""Seconds for which a browser need not ask again whether it may."""


def checked_origin(text: str) -> str:
    """Return an origin as browsers write it.

    Raises:
        ConfigError: it is none, or one that no browser would send.
    """
    if text == "*":
        raise ConfigError("--allow-origin * would let every page in the web ask with a key it has found; name origins")
    try:
        port = urlsplit(text).port
    except ValueError:
        port = 0
    if not _ORIGIN.fullmatch(text) or port == 0:
        raise ConfigError(
            f"--allow-origin {text!r} is no origin: give scheme, host in lower case (punycode) and port, nothing after "
            "them, as in https://shop.example or http://localhost:3000"
        )
    if port == _DEFAULT_PORTS[text.split(":", 1)[0]]:
        raise ConfigError(f"--allow-origin {text!r}: browsers leave out the port {port}; leave it out, too")
    return text


def allow_origins(app: FastAPI, origins: tuple[str, ...]) -> None:
    """Let pages of these origins ask, with a key in `Authorization` and never with cookies; without any do nothing."""
    if not origins:
        return
    app.add_middleware(
        CORSMiddleware,
        allow_origins=[checked_origin(origin) for origin in origins],
        allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=["Authorization", "Content-Type", "X-Request-ID"],
        allow_credentials=False,
        expose_headers=_SHOWN,
        max_age=_REMEMBERED,
    )
