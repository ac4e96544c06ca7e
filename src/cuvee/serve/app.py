"""The service as an ASGI app: routes, problems, bounds."""

import gc
import logging
import pkgutil
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from importlib import import_module

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cuvee import __version__
from cuvee.errors import ConfigError, DataError
from cuvee.serve import routes
from cuvee.serve.described import describe_problems
from cuvee.serve.manual import add_manual
from cuvee.serve.origins import allow_origins
from cuvee.serve.problems import answer_problems, problem
from cuvee.serve.safety import Safe
from cuvee.serve.service import Service, Settings
from cuvee.serve.snapshot import warm_up
from cuvee.serve.telemetry import Observed
from cuvee.serve.uploads import LARGEST

__all__ = ["create_app"]

logger = logging.getLogger(__name__)
_UPLOAD = re.compile(r"^/v1/items/.+/media/(image|audio|video)/\d+$")
"""Where a body is a file, which may be larger than others."""

_OFTEN = ("recommendations", "events")
"""Routes are tried one after the other: these come first."""


def create_app(settings: Settings) -> FastAPI:
    """Return the app; the bundle is loaded when it starts.

    Raises, at the start:
        BundleError: not a bundle, or a damaged one.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service = app.state.service = Service(settings)
        _ready(service)
        yield
        gc.unfreeze()
        await service.writer.close()
        service.log.close()

    app = FastAPI(
        title="Cuvee",
        version=__version__,
        lifespan=lifespan,
        description="Recommendations, fresh.",
        docs_url=None,  # the framework's own pages load scripts from elsewhere
        redoc_url=None,
    )
    answer_problems(app)
    found = [m.name for m in pkgutil.iter_modules(routes.__path__)]
    for module in sorted(found, key=lambda name: (name not in _OFTEN, name)):
        app.include_router(import_module(f"{routes.__name__}.{module}").router)
    describe_problems(app)
    add_manual(app)
    app.add_middleware(_Bounded, largest=settings.largest_body)
    allow_origins(app, settings.origins)
    app.add_middleware(Safe)
    app.add_middleware(Observed)
    return app


def _ready(service: Service) -> None:
    """Answer some questions, then let the garbage collector pass over all there is: it stays until the end.

    Going through the objects of a large catalogue again and again makes some answers wait for tens of milliseconds.
    """
    try:
        warm_up(service.snapshot)
    except (DataError, ConfigError) as error:
        logger.error("version %s did not answer when it was tried: %s", service.snapshot.version, error)
    gc.collect()
    gc.freeze()


class _Bounded:
    """Refuses bodies that are too large, while they arrive."""

    def __init__(self, app: ASGIApp, largest: int) -> None:
        self.app, self.largest = app, largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        upload = scope["method"] == "PUT" and _UPLOAD.search(scope["path"]) is not None
        largest = max(LARGEST.values()) if upload else self.largest
        told = f"a request may have {largest} bytes at most; send it in parts"
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > largest:
            await problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, told)(scope, receive, send)
            return
        got = 0

        async def counted() -> Message:
            nonlocal got
            message = await receive()
            got += len(message.get("body", b""))
            if got > largest:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, told)
            return message

        await self.app(scope, counted, send)
