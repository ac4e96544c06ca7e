"""Who may ask: keys with scopes, looked up for every request, so that one that is revoked stops at once."""

import time
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from cuvee.serve.problems import Problem
from cuvee.serve.service import Here
from cuvee.sql.database import reading
from cuvee.sql.keys import Scope, find_key

__all__ = ["needs"]

_bearer = HTTPBearer(auto_error=False, description="A key made by `cuvee keys make`")


def needs(scope: Scope) -> Any:
    """Return the dependency of a route that needs a key with this scope."""

    async def check(
        service: Here, presented: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]
    ) -> None:
        if service.settings.demo:
            return
        if presented is None:
            told = f"a key with the scope {scope!r} is needed: Authorization: Bearer KEY; `cuvee keys make` makes one"
            raise Problem(HTTPStatus.UNAUTHORIZED, told, {"WWW-Authenticate": "Bearer"})
        with reading(service.engine) as connection:
            key = find_key(connection, presented.credentials)
        if key is None or not key.usable(time.time()):
            told = "this key is not known here, has expired or was revoked"
            raise Problem(HTTPStatus.UNAUTHORIZED, told, {"WWW-Authenticate": "Bearer"})
        if not key.may(scope):
            raise Problem(HTTPStatus.FORBIDDEN, f"this key may {', '.join(key.scopes)}; {scope!r} is needed")

    return Depends(check)
