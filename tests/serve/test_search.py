"""Search through HTTP: words, filters, what came a moment ago, taste, and pictures that are refused."""

import base64
import io
import struct
import zlib
from typing import Any

import httpx
import pytest
from PIL import Image

from cuvee.client import Client
from cuvee.serve.problems import Problem
from cuvee.serve.routes.search import checked
from tests.cli.test_commands import printed
from tests.serve.conftest import Running


def search(service: Running, **body: Any) -> list[str]:
    answer = service.client.post("/v1/search", json=body)
    assert answer.status_code == 200, answer.text
    return [item["item_id"] for item in answer.json()["items"]]


def test_words_find_what_may_be_shown(service: Running) -> None:
    assert search(service, text="thing 7")[0] == "i07"
    assert search(service, text="thign 17", k=1) == ["i17"]
    dear = search(service, text="thing", filter="price > 5", k=200)
    every = search(service, text="thing", k=200)
    assert 0 < len(dear) < len(every)
    assert set(dear) < set(every)
    assert service.client.post("/v1/items/i17:hide").status_code == 200
    assert "i17" not in search(service, text="thing 17", k=200)
    assert service.client.post("/v1/items/i17:show").status_code == 200
    assert search(service, text="qqqq") == []
    wrong = service.client.post("/v1/search", json={"text": "thing", "filter": "prise > 5"})
    assert wrong.status_code == 422
    assert wrong.json()["detail"].startswith("filter: ")


def test_what_came_a_moment_ago_is_found_in_every_process(service: Running) -> None:
    item = {"item_id": "a/b:next", "title": "Zanzibar mug", "price": 4.5, "group": "mugs"}
    assert service.client.post("/v1/items", json=item).status_code == 201
    for _ in range(12):
        with httpx.Client(base_url=service.client.base_url, headers=service.client.headers, timeout=20) as client:
            found = client.post("/v1/search", json={"text": "zanzibar"}).json()["items"]
        assert [(item["item_id"], item["by"]) for item in found][:1] == [("a/b:next", ["words"])]
    assert service.client.get("/v1/items/a%2Fb%3Anext").json()["item_id"] == "a/b:next"


def test_taste_moves_what_is_found(service: Running) -> None:
    """Taste alone gives the order of the recommendations, of what they hold of it."""
    plain = search(service, text="thing", k=200)
    assert search(service, text="thing", k=200, user_id="u05") == plain
    moved = search(service, text="thing", k=200, user_id="u05", personalise=1)
    body = {"user_id": "u05", "k": 200, "reasons": False}
    best = [i["item_id"] for i in service.client.post("/v1/recommendations", json=body).json()["items"]]
    assert sorted(moved) == sorted(plain)
    assert moved != plain
    both = set(moved) & set(best)
    assert [i for i in moved if i in both] == [i for i in best if i in both]


def picture(width: int, height: int) -> str:
    """Return the header of a picture that claims to have so many pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IDAT").decode()


def test_pictures_need_an_encoder(service: Running) -> None:
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "PNG")
    answer = service.client.post("/v1/search", json={"image": base64.b64encode(out.getvalue()).decode()})
    assert answer.status_code == 422
    assert "no encoder `image`" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "told"),
    [({}, "give text, or image"), ({"text": "x" * 1_001}, "body.text"), ({"text": ""}, "body.text"),
     ({"text": "x", "personalise": 2}, "body.personalise")],
)  # fmt: skip
def test_what_cannot_be_searched_for_is_refused(service: Running, body: dict[str, Any], told: str) -> None:
    answer = service.client.post("/v1/search", json=body)
    assert answer.status_code == 422
    assert told in answer.json()["detail"]


def test_bombs_and_rubbish_are_refused_by_their_header() -> None:
    for width, height in ((6_000, 5_000), (30_000, 5_000), (60_000, 60_000)):
        with pytest.raises(Problem, match="send a smaller one") as large:
            checked(picture(width, height))
        assert large.value.status == 413
    for rubbish in ("no base64!", base64.b64encode(b"no picture").decode()):
        with pytest.raises(Problem, match="not a picture in base64") as wrong:
            checked(rubbish)
        assert wrong.value.status == 422


def test_the_client_and_the_command_search_too(service: Running, bundle: Any) -> None:
    key = service.client.headers["authorization"].removeprefix("Bearer ")
    with Client(str(service.client.base_url), key=key) as cuvee:
        assert cuvee.search("thing 7", k=1)[0]["item_id"] == "i07"
        first = cuvee.recommend(items=["i03"], k=3)
        second = cuvee.next(first["recommendation_id"], k=2)
    assert len({item["item_id"] for item in [*first["items"], *second["items"]]}) == 5
    assert "[i07]" in printed("search", str(bundle), "thing 7", "-k", "1")
