"""What the service shows to browsers and strangers: its manual, headers, other origins, crowds and slow clients."""

import base64
import hashlib
import io
import json
import re
import shlex
import socket
import time
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image

from cuvee.errors import ConfigError
from cuvee.serve.explained import words
from cuvee.serve.origins import checked_origin
from cuvee.serve.problems import answer_problems
from tests.serve.conftest import Running, running

SHOP = "https://shop.example"
_WISHES = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type",
}


@pytest.fixture(scope="module")
def front(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(
        bundle, tmp_path_factory.mktemp("front"), 1, "--allow-origin", SHOP, "--at-once", "2", "--patience", "1"
    ) as started:
        yield started


@pytest.fixture(scope="module")
def page(front: Running) -> httpx.Response:
    return front.client.get("/docs", headers={"Authorization": ""})


def test_the_manual_shows_every_request_with_its_scope(front: Running, page: httpx.Response) -> None:
    """As OpenAPI tells it to programs; the scope is that of the route."""
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    described = front.client.get("/openapi.json").json()
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            scope = operation.get("security", [{"HTTPBearer": ["no key"]}])[0]["HTTPBearer"][0]
            heading = f'{method.upper()}</span><code class="path">{path}</code><span class="scope">{scope}</span>'
            assert heading in page.text
    assert '<span class="scope">events</span>' in page.text
    for name in described["components"]["schemas"]:
        assert f'<details id="{name}">' in page.text


def test_the_manual_asks_nothing_of_the_network_and_runs_nothing(page: httpx.Response) -> None:
    assert "<script" not in page.text
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//|@import|url\(""", page.text)
    found = re.search(r"<style>(.*?)</style>", page.text, re.DOTALL)
    assert found is not None
    digest = base64.b64encode(hashlib.sha256(found[1].encode()).digest()).decode()
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert f"style-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy
    anchors = set(re.findall(r' id="([^"]+)"', page.text))
    assert set(re.findall(r'href="#([^"]+)"', page.text)) <= anchors


def test_every_example_of_the_manual_is_one_that_the_service_takes(front: Running, page: httpx.Response) -> None:
    """It may find nothing there, but never anything wrong with the request."""
    picture = io.BytesIO()
    Image.new("RGB", (20, 10), "red").save(picture, "JPEG")
    examples = [unescape(text) for text in re.findall(r">(curl .*?)</pre>", page.text, re.DOTALL)]
    assert len(examples) > 50
    for example in examples:
        words_ = shlex.split(example)
        method = words_[words_.index("-X") + 1] if "-X" in words_ else "GET"
        path = next(word for word in words_ if word.startswith("$URL")).removeprefix("$URL")
        if path.endswith((":retrain", ":erase")):
            continue  # that takes long, and is about everything
        if path in ("/v1/items", "/v1/items:batch") and method == "POST":
            front.client.delete("/v1/items/lamp-7")  # an example before this one may have added it
        body = words_[words_.index("-d") + 1].encode() if "-d" in words_ else None
        kind = {"Content-Type": "application/json"} if body else {}
        body = picture.getvalue() if "@FILE" in words_ else body
        answer = front.client.request(method, path, content=body, headers=kind)
        assert answer.status_code in (200, 201, 202, 204, 404, 409), (example, answer.text)


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 200}, "whole number, 1 to 200"),
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 1.5}, "number, above 0, at most 1.5"),
        ({"type": "string", "maxLength": 4_000}, "text, at most 4,000 characters"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "text; or null"),
        ({"type": "array", "items": {"$ref": "#/x/A"}, "maxItems": 20}, 'list of <a href="#A">A</a>, at most 20'),
        ({"enum": ["<b>", "c"]}, "&#34;&lt;b&gt;&#34; or &#34;c&#34;"),
    ],
)  # fmt: skip
def test_types_and_bounds_in_words(schema: dict[str, object], told: str) -> None:
    assert words(schema) == told


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/livez", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/nowhere", 404),
        ("PUT", "/livez", 405),
        ("POST", "/v1/recommendations", 422),
        ("GET", "/redoc", 404),
    ],
)
def test_every_answer_tells_a_browser_to_run_and_frame_nothing(
    front: Running, method: str, path: str, status: int
) -> None:
    answer = front.client.request(method, path)
    assert answer.status_code == status
    policy = answer.headers.get_list("content-security-policy")
    assert policy == ["default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"]
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"


def test_a_body_that_is_refused_and_a_failure_tell_it_too(front: Running) -> None:
    answer = front.client.post("/v1/events", content=b" " * ((8 << 20) + 1))
    assert answer.status_code == 413
    assert answer.headers["x-frame-options"] == "DENY"
    app = FastAPI()
    answer_problems(app)

    @app.get("/fails")
    async def fails() -> None:
        raise RuntimeError("as if")

    failed = TestClient(app, raise_server_exceptions=False).get("/fails")
    assert (failed.status_code, failed.headers["x-frame-options"]) == (500, "DENY")
    assert "as if" not in json.dumps(failed.json())


def test_no_other_origin_may_ask_unless_it_is_named(service: Running) -> None:
    """Without --allow-origin no answer says anything of origins."""
    for answer in (
        service.client.get("/v1/popular", headers={"Origin": SHOP}),
        service.client.options("/v1/recommendations", headers={"Origin": SHOP} | _WISHES),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control")]
    assert answer.status_code == 405


def test_a_page_of_a_named_origin_may_ask(front: Running) -> None:
    """Before it asks, when it asks, and when what it asked is refused; never with cookies."""
    asked = {"Origin": SHOP} | _WISHES
    before = front.client.options("/v1/recommendations", headers=asked | {"Authorization": ""})
    assert before.status_code == 200
    assert before.headers["access-control-allow-origin"] == SHOP
    assert "POST" in before.headers["access-control-allow-methods"]
    assert "Authorization" in before.headers["access-control-allow-headers"]
    assert before.headers["x-frame-options"] == "DENY"
    for answer in (
        front.client.post("/v1/recommendations", json={"user_id": "anna"}, headers={"Origin": SHOP}),
        front.client.post("/v1/recommendations", json={"k": -1}, headers={"Origin": SHOP}),
        front.client.post("/v1/events", content=b" " * ((8 << 20) + 1), headers={"Origin": SHOP}),
    ):
        assert answer.headers["access-control-allow-origin"] == SHOP
        assert "Origin" in answer.headers["vary"]
        assert "access-control-allow-credentials" not in answer.headers
        assert "Retry-After" in answer.headers["access-control-expose-headers"]


@pytest.mark.parametrize("origin", ["https://shop.example.evil.example", "http://shop.example", "null", f"{SHOP}:8443"])
def test_a_page_of_another_origin_may_not(front: Running, origin: str) -> None:
    before = front.client.options("/v1/recommendations", headers={"Origin": origin} | _WISHES)
    assert before.status_code == 400
    assert "access-control-allow-origin" not in before.headers
    answer = front.client.post("/v1/recommendations", json={"user_id": "anna"}, headers={"Origin": origin})
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    "text",
    ["*", "null", "shop.example", f"{SHOP}/", "https://Shop.example", "https://", "ftp://shop.example", f"{SHOP}:443",
     f"{SHOP}:0", f"{SHOP}:99999", "https://a@shop.example", "https://bücher.example", "https://*.shop.example", ""],
)  # fmt: skip
def test_what_is_no_origin_is_told_before_anything_starts(text: str) -> None:
    with pytest.raises(ConfigError, match="--allow-origin"):
        checked_origin(text)


@pytest.mark.parametrize("text", [SHOP, "http://localhost:3000", "http://[::1]:8080", "https://xn--bcher-kva.example"])
def test_origins(text: str) -> None:
    assert checked_origin(text) == text


def half_sent(front: Running, body: bytes = b'{"events"') -> socket.socket:
    """Return a connection on which a request has begun, and not ended."""
    connection = socket.create_connection((front.client.base_url.host, front.client.base_url.port or 80), timeout=10)
    head = f"POST /v1/events HTTP/1.1\r\nHost: here\r\nAuthorization: {front.client.headers['Authorization']}\r\n"
    connection.sendall(head.encode() + b"Content-Type: application/json\r\nContent-Length: 500000\r\n\r\n" + body)
    return connection


def everything(connection: socket.socket) -> tuple[int, str]:
    """Return the status and the text of an answer, after which the connection is closed."""
    whole = b"".join(iter(lambda: connection.recv(65_536), b"")).decode()
    return int(whole.split()[1]), whole


def test_a_body_that_does_not_arrive_is_not_waited_for(front: Running) -> None:
    start = time.monotonic()
    with half_sent(front) as connection:
        status, told = everything(connection)
    assert 0.9 < time.monotonic() - start < 5
    assert status == 408
    assert "application/problem+json" in told
    assert "did not arrive in 1 s" in told
    assert "x-frame-options: DENY" in told


def test_a_body_that_trickles_is_not_waited_for_and_one_that_comes_slowly_is(front: Running) -> None:
    """A second more for every 64 KiB: 400,000 bytes in three seconds are in time, a byte now and then is not."""
    start = time.monotonic()
    with half_sent(front) as trickling:
        for _ in range(4):
            time.sleep(0.2)
            trickling.sendall(b" ")
        status, _ = everything(trickling)
    assert status == 408
    assert time.monotonic() - start < 5
    with half_sent(front, b" " * 200_000) as slow:
        time.sleep(1.5)
        slow.sendall(b" " * 200_000)
        time.sleep(1.5)
        slow.sendall(b" " * 100_000)
        assert slow.recv(65_536).startswith(b"HTTP/1.1 422")  # it has come, and is no JSON


def test_who_comes_when_enough_is_going_on_is_told_to_come_again(front: Running) -> None:
    with half_sent(front), half_sent(front):
        deadline = time.monotonic() + 0.8
        answer = front.client.get("/v1/popular", headers={"Origin": SHOP})
        while answer.status_code == 200 and time.monotonic() < deadline:  # they may not have been read yet
            answer = front.client.get("/v1/popular", headers={"Origin": SHOP})
        assert answer.status_code == 503
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["retry-after"] == "1"
        assert answer.headers["access-control-allow-origin"] == SHOP
        assert answer.json()["detail"] == "this process answers 2 requests already; try again"
        assert front.client.get("/livez").status_code == 200
    time.sleep(0.1)  # they have gone away
    assert front.client.get("/v1/popular").status_code == 200


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/v1/popular?k=" + "9" * 40_000, {}, 414),
        ("/v1/popular", {f"X-{n}": "x" * 4_000 for n in range(10)}, 431),
    ],
)
def test_heads_are_bounded(front: Running, path: str, headers: dict[str, str], status: int) -> None:
    answer = front.client.get(path, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
