"""Who may ask, and how often: keys with scopes, looked up for every request, so that a revoked one stops at once."""

import hashlib
import math
import time
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Request, Response, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from cuvee.serve.problems import Problem
from cuvee.serve.reach import Away
from cuvee.serve.service import Here, Service
from cuvee.sql.keys import Key, Scope, find_key

__all__ = ["Actor", "needs"]

_REMEMBERED = 300.0
"""Seconds for which a key that was found is good while the database is away: it cannot be revoked there meanwhile."""
_MOST = 10_000
"""Keys that are remembered."""

_bearer = HTTPBearer(auto_error=False, description="A key made by `cuvee keys make`")


def needs(scope: Scope) -> Any:
    """Return the dependency of a route that needs a key with this scope."""

    async def check(
        service: Here,
        request: Request,
        response: Response,
        presented: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
    ) -> None:
        if service.settings.demo:
            request.state.actor = "demo"
        else:
            request.state.actor = _known(service, presented, scope).key_id
        told = service.rates.ask(request.state.actor)
        headers = {
            "RateLimit-Limit": str(service.rates.burst),
            "RateLimit-Remaining": str(told.remaining),
            "RateLimit-Reset": str(math.ceil(told.seconds)),
        }
        if not told.granted:
            headers["Retry-After"] = headers["RateLimit-Reset"]
            rate = f"{service.rates.rate:g} requests a second"
            raise Problem(HTTPStatus.TOO_MANY_REQUESTS, f"this key may make {rate}; slow down", headers)
        response.headers.update(headers)

    return Security(check, scopes=[scope])  # so that the OpenAPI description names it


def _known(service: Service, presented: HTTPAuthorizationCredentials | None, scope: Scope) -> Key:
    if presented is None:
        told = f"a key with the scope {scope!r} is needed: Authorization: Bearer KEY; `cuvee keys make` makes one"
        raise Problem(HTTPStatus.UNAUTHORIZED, told, {"WWW-Authenticate": "Bearer"})
    key = _found(service, presented.credentials)
    if key is None or not key.usable(time.time()):
        told = "this key is not known here, has expired or was revoked"
        raise Problem(HTTPStatus.UNAUTHORIZED, told, {"WWW-Authenticate": "Bearer"})
    if not key.may(scope):
        raise Problem(HTTPStatus.FORBIDDEN, f"this key may {', '.join(key.scopes)}; {scope!r} is needed")
    return key


def _found(service: Service, presented: str) -> Key | None:
    """Return the key presented; where the database is away, one that was found a while ago.

    Raises:
        Away: nobody can say whether there is such a key.
    """
    digest, now = hashlib.sha256(presented.encode()).digest(), time.monotonic()
    try:
        with service.reach.reading() as connection:
            key = find_key(connection, presented)
    except Away:
        key, then = service.keys.get(digest, (None, 0.0))
        if key is None or now - then > _REMEMBERED:
            raise
        return key
    service.keys.pop(digest, None)
    if key is not None:
        if len(service.keys) >= _MOST:
            del service.keys[next(iter(service.keys))]  # the one that was found longest ago
        service.keys[digest] = (key, now)
    return key


async def _actor(request: Request) -> str:
    actor: str = request.state.actor
    return actor


Actor = Annotated[str, Depends(_actor)]
"""The id of the key that asked, for the audit."""
