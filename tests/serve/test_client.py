"""Both clients against the real service, and against one that fails first."""

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from cuvee.client import AsyncClient, Client
from cuvee.errors import ServiceError
from tests.serve.conftest import Running


def key_of(service: Running) -> str:
    return service.client.headers["authorization"].removeprefix("Bearer ")


def test_every_method_waiting(service: Running) -> None:
    with Client(str(service.client.base_url), key_of(service)) as cuvee:
        first = cuvee.recommend(user_id="cli/1", k=200)
        assert cuvee.send([{"user_id": "cli/1", "item_id": "i01", "kind": "buy"}]) > 0
        second = cuvee.recommend(user_id="cli/1", k=200, reasons=False)
        assert {i["item_id"] for i in first["items"]} - {i["item_id"] for i in second["items"]} == {"i01"}
        assert cuvee.add_items([{"item_id": "cli mug", "price": 2.0, "group": "mugs"}])[0]["served"]
        cuvee.set_state("cli mug", "hide")
        shown = cuvee.recommend(items=["i02"], filter='group == "mugs"', exclude=["i05"], k=200)["items"]
        assert shown
        assert not {"cli mug", "i05"} & {item["item_id"] for item in shown}
        assert len(cuvee.similar("i03", k=2)) == 2
        assert [i["item_id"] for i in cuvee.recommend(candidates=["i04"])["items"]] == ["i04"]
        with pytest.raises(ServiceError, match="no item 'none' is in the catalogue") as refused:
            cuvee.similar("none")
        assert refused.value.status == 404


def test_every_method_awaited(service: Running) -> None:
    async def run() -> None:
        async with AsyncClient(str(service.client.base_url), key_of(service)) as cuvee:
            before = await cuvee.recommend(user_id="cli/2", k=200)
            await cuvee.send([{"user_id": "cli/2", "item_id": "i01", "kind": "buy"}])
            after = await cuvee.recommend(user_id="cli/2", k=200)
            assert {i["item_id"] for i in before["items"]} - {i["item_id"] for i in after["items"]} == {"i01"}
            await cuvee.add_items([{"item_id": "cli hat", "price": 2.0, "group": "hats"}])
            await cuvee.set_state("cli hat", "unavailable")
            assert len(await cuvee.similar("i03", k=2)) == 2
            with pytest.raises(ServiceError, match="'none'"):
                await cuvee.set_state("none", "hide")

    asyncio.run(run())


@pytest.fixture
def shaky() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server that is unavailable twice, and keeps what it was sent."""
    got: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            status = 503 if len(got) < 3 else 201
            body = json.dumps({"detail": "later"} if status == 503 else {"received": 1, "offset": 7}).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Write nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", got
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_was_refused_for_the_moment_is_sent_again_as_it_was(shaky: tuple[str, list[dict[str, Any]]]) -> None:
    url, got = shaky
    with Client(url) as cuvee:
        assert cuvee.send([{"user_id": "a", "item_id": "b", "kind": "buy"}]) == 7
    assert len(got) == 3
    assert got[0] == got[1] == got[2]
    assert len(got[0]["events"][0]["event_id"]) == 32


def test_how_often(shaky: tuple[str, list[dict[str, Any]]]) -> None:
    url, got = shaky
    with Client(url, retries=1) as cuvee, pytest.raises(ServiceError, match="later") as refused:
        cuvee.send([{"user_id": "a", "item_id": "b", "kind": "buy"}])
    assert refused.value.status == 503
    assert len(got) == 2


def test_nobody_there() -> None:
    with (
        Client("http://127.0.0.1:9", retries=1) as cuvee,
        pytest.raises(ServiceError, match="cannot be reached") as lost,
    ):
        cuvee.recommend()
    assert lost.value.status == 0
