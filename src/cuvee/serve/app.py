"""The service as an ASGI app: routes, problems, bounds."""

import gc
import logging
import pkgutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module

from fastapi import FastAPI

from cuvee import __version__
from cuvee.errors import ConfigError, DataError
from cuvee.serve import routes
from cuvee.serve.bounds import Bounded, Uncrowded
from cuvee.serve.described import describe_problems
from cuvee.serve.manual import add_manual
from cuvee.serve.origins import allow_origins
from cuvee.serve.problems import answer_problems
from cuvee.serve.safety import Safe
from cuvee.serve.service import Service, Settings
from cuvee.serve.snapshot import warm_up
from cuvee.serve.telemetry import Observed

__all__ = ["create_app"]

logger = logging.getLogger(__name__)
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
    app.add_middleware(Bounded, largest=settings.largest_body, patience=settings.patience)
    app.add_middleware(Uncrowded, at_once=settings.at_once)
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
