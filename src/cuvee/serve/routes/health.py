"""Whether the service lives, is ready, and which versions it runs."""

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST

from cuvee import __version__
from cuvee.serve.access import needs
from cuvee.serve.service import Here
from cuvee.serve.telemetry import figures

__all__ = ["router"]

router = APIRouter(tags=["health"])


@router.get("/livez")
async def livez() -> dict[str, str]:
    """The process answers."""
    return {"status": "alive"}


@router.get("/readyz")
async def readyz(service: Here) -> dict[str, str | int]:
    """The model is loaded and the database can be read; 503 otherwise."""
    snapshot = service.fresh()
    return {"status": "ready", "model_version": snapshot.version, "items": len(snapshot.bundle.data.items)}


@router.get("/metrics", dependencies=[needs("read")], response_class=PlainTextResponse)
async def metrics() -> Response:
    """The figures of all processes, for Prometheus."""
    return Response(figures(), media_type=CONTENT_TYPE_LATEST)


@router.get("/version")
async def version(service: Here) -> dict[str, str]:
    """The versions of the program and of the model."""
    return {"cuvee": __version__, "model_version": service.snapshot.version}
