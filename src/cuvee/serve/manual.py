"""The page at /docs: what the OpenAPI description says, for people. It loads nothing, from here or elsewhere."""

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files
from typing import Any

from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from cuvee.serve.explained import explain
from cuvee.serve.safety import only

__all__ = ["add_manual"]


def add_manual(app: FastAPI) -> None:
    """Let the app answer GET /docs; the page is made at the first request and kept."""

    @cache
    def answer() -> HTMLResponse:
        page, style = _page(app.openapi())
        return HTMLResponse(page, headers={"Content-Security-Policy": only(f"style-src '{_digest(style)}'")})

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return answer()


def _page(described: dict[str, Any]) -> tuple[str, str]:
    """Return the page and the style sheet in it."""
    style = files("cuvee.serve").joinpath("templates", "manual.css").read_text(encoding="utf-8")
    environment = Environment(
        loader=PackageLoader("cuvee.serve"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["prose"] = _prose
    page = environment.get_template("manual.html.j2").render(told=explain(described), style=Markup(style))
    return page, style


def _prose(text: str) -> Markup:
    """Return a text with `code` set as such."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _digest(style: str) -> str:
    """Return the source by which a content security policy lets this style sheet in, and no other."""
    return f"sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}"
