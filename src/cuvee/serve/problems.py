"""Errors as problem+json: a type, a title, a status, and in `detail` what to do.

Reference: M. Nottingham et al., RFC 9457, "Problem details for HTTP APIs", 2023.
"""

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match

from cuvee.errors import ConfigError, DataError, UnknownNameError
from cuvee.serve.reach import TROUBLE, Away, brief
from cuvee.serve.safety import SAFE

__all__ = ["Problem", "answer_problems", "problem"]

logger = logging.getLogger(__name__)

_RETRY_AFTER = "2"
"""Seconds after which a database that could not be reached is worth another try."""


_TROUBLES = {
    ("SQLITE_BUSY", "SQLITE_LOCKED", "55P03"): "another process keeps the database locked",
    ("SQLITE_FULL", "SQLITE_IOERR", "53100"): "the disk of the database is full or fails",
    ("SQLITE_READONLY", "25006"): "the database is read-only",
}
"""How names of errors of SQLite and codes of PostgreSQL begin -> what is told."""


class Problem(Exception):
    """An answer that is not the one asked for."""

    def __init__(self, status: HTTPStatus, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, headers


def problem(
    status: HTTPStatus, detail: str, headers: dict[str, str] | None = None, errors: list[dict[str, str]] | None = None
) -> JSONResponse:
    """Return the response; `errors` names the fields that are wrong."""
    body: dict[str, Any] = {"type": "about:blank", "title": status.phrase, "status": int(status), "detail": detail}
    if errors is not None:
        body["errors"] = errors
    return JSONResponse(body, int(status), headers, media_type="application/problem+json")


def answer_problems(app: FastAPI) -> None:
    """Make every error of the app a problem."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    for error, status in (
        (DataError, HTTPStatus.UNPROCESSABLE_ENTITY),
        (ConfigError, HTTPStatus.UNPROCESSABLE_ENTITY),
        (UnknownNameError, HTTPStatus.NOT_FOUND),
    ):
        app.add_exception_handler(error, _ours(status))
    for unreachable in (Away, *TROUBLE):
        app.add_exception_handler(unreachable, _unreachable)
    app.add_exception_handler(Exception, _unexpected)


def _ours(status: HTTPStatus) -> Any:
    async def handler(_: Request, error: Exception) -> JSONResponse:
        return problem(status, str(error))

    return handler


async def _problem(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    return problem(error.status, error.detail, error.headers)


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    errors = [{"field": ".".join(map(str, e["loc"])), "message": str(e["msg"])} for e in error.errors()]
    told = "; ".join(f"{e['field']}: {e['message']}" for e in errors[:3])
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, told, errors=errors)


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    headers = None if error.headers is None else dict(error.headers)
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers = {"Allow": ", ".join(_methods(request))}
    return problem(HTTPStatus(error.status_code), str(error.detail), headers)


def _methods(request: Request) -> list[str]:
    """Return what may be asked at a path: its methods have routes of their own, each of which knows only itself."""
    here = [route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE]
    return sorted({method for route in here for method in getattr(route, "methods", None) or ()})


async def _unreachable(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, Away):  # that is said once, not at every request
        logger.error("%s of %s: the database could not be used: %s", request.method, _route(request), brief(error))
    told = f"{_trouble(error)}; nothing was stored, try again"
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, told, {"Retry-After": _RETRY_AFTER})


def _route(request: Request) -> str:
    return str(getattr(request.scope.get("route"), "path", "none"))  # its pattern: the path itself holds ids


def _trouble(error: Exception) -> str:
    origin = getattr(error, "orig", None)
    code = getattr(origin, "sqlite_errorname", None) or getattr(origin, "sqlstate", None) or ""
    found = [told for codes, told in _TROUBLES.items() if code.startswith(codes)]
    return found[0] if found else "the database cannot be reached"


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    logger.error("%s of %s failed", request.method, _route(request), exc_info=error)
    # this answer is given outside of the middleware that adds these headers to every other
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "something went wrong here; it is in the log of the service", SAFE)
