"""Items change, go and come back over HTTP, in front of two processes: the very next answer knows, whoever gives it."""

from pathlib import Path

import numpy as np
import pytest

from cuvee.client import Client
from cuvee.errors import ServiceError
from cuvee.serve.following import Changes, followed
from cuvee.serve.snapshot import snapshot_of
from cuvee.sql.catalogue import Item
from tests.serve.conftest import Running
from tests.serve.test_service import asked, everywhere


def test_a_changed_item_of_the_bundle_is_answered_as_it_is_now(service: Running) -> None:
    """Title, price and group: in answers, in filters, and in the scores."""
    before = service.client.get("/v1/items/i10").json()
    assert before["current"]
    asking = {"items": ["i03"], "k": 200, "candidates": ["i10"]}
    (shown,) = service.client.post("/v1/recommendations", json=asking).json()["items"]
    old = shown["score"]
    changed = service.client.patch("/v1/items/i10", json={"title": "Changed", "price": 0.5, "group": "pens"})
    assert changed.status_code == 200, changed.text
    assert changed.json()["attributes"] == {**before["attributes"], "title": "Changed", "price": 0.5, "group": "pens"}
    assert changed.json()["current"]
    scores = []
    for answer in everywhere(service, "/v1/recommendations", {"items": ["i03"], "k": 200}):
        shown = {item["item_id"]: item for item in answer["items"]}
        assert shown["i10"]["title"] == "Changed"
        scores.append(shown["i10"]["score"])
    assert len(set(scores)) == 1
    assert abs(scores[0] - old) > 0.01
    for answer in everywhere(service, "/v1/recommendations", {"k": 200, "filter": "price < 0.6"}):
        assert [item["item_id"] for item in answer["items"]] == ["i10"]
    whole = service.client.put("/v1/items/i10", json={"title": "Alone"})
    assert whole.status_code == 200
    assert {k: v for k, v in whole.json()["attributes"].items() if v is not None} == {"title": "Alone"}
    assert asked(service, filter="price is missing and not group == 'mugs'").count("i10") == 1
    back = service.client.put("/v1/items/i10", json={k: v for k, v in before["attributes"].items() if v is not None})
    assert service.client.get("/v1/items/i10").json() == before
    assert back.json()["attributes"] == before["attributes"]


def test_a_deleted_item_is_gone_and_may_come_back(service: Running) -> None:
    service.client.post("/v1/items", json={"item_id": "gone/1", "title": "Soon gone", "price": 2.0, "group": "hats"})
    for item_id, path in (("gone/1", "/v1/items/gone%2F1"), ("i12", "/v1/items/i12")):
        kept = service.client.get(path).json()["attributes"]
        event = {"event_id": f"{item_id} e", "user_id": "fan", "item_id": item_id, "kind": "buy"}
        service.client.post("/v1/events", json={"events": [event]})
        assert item_id in asked(service)
        assert service.client.delete(path).status_code == 204
        for answer in everywhere(service, "/v1/recommendations", {"k": 200}):
            assert item_id not in [item["item_id"] for item in answer["items"]]
        for lost in (path, f"{path}/similar"):
            assert service.client.get(lost).status_code == 404
        assert service.client.delete(path).status_code == 404
        assert service.client.patch(path, json={"price": 1.0}).status_code == 404
        assert service.client.post(f"{path}:show").status_code == 404
        assert item_id not in [i["item_id"] for i in service.client.get("/v1/items?limit=1000").json()["items"]]
        events = service.client.get("/v1/events", params={"limit": 10_000}).json()["events"]
        assert f"{item_id} e" in [e["event_id"] for e in events]
        again = service.client.post("/v1/items", json={"item_id": item_id, **{**kept, "title": "Back"}})
        assert again.status_code == 201, again.text
        for answer in everywhere(service, "/v1/recommendations", {"k": 200}):
            assert "Back" in [item["title"] for item in answer["items"] if item["item_id"] == item_id]
        service.client.put(path, json=kept)
    service.client.delete("/v1/items/gone%2F1")


def test_pages_of_a_list(service: Running) -> None:
    found, after, pages = [], None, 0
    while True:
        page = service.client.get("/v1/items", params={"limit": 7} | ({} if after is None else {"after": after})).json()
        found += [item["item_id"] for item in page["items"]]
        after, pages = page["next"], pages + 1
        if after is None:
            break
    whole = service.client.get("/v1/items", params={"limit": 1_000}).json()
    assert found == [item["item_id"] for item in whole["items"]]
    assert pages == -(-len(found) // 7)
    assert found[:11] == [f"i{n:02d}" for n in range(11)]
    mugs = service.client.get("/v1/items", params={"filter": 'group == "mugs"', "limit": 1_000}).json()["items"]
    assert {item["attributes"]["group"] for item in mugs} == {"mugs"}
    assert 0 < len(mugs) < len(found)
    assert service.client.get("/v1/items", params={"after": "none"}).status_code == 404


def test_what_cannot_be_written(service: Running) -> None:
    with Client(str(service.client.base_url), service.client.headers["authorization"].split()[1]) as cuvee:
        for method, path, body, told in (
            ("POST", "/v1/items", {"item_id": "i03"}, "PUT replaces it"),
            ("PATCH", "/v1/items/i03", {"price": "cheap"}, "'price'"),
            ("PATCH", "/v1/items/i03", {"image": "/etc/passwd"}, "PUT the bytes to"),
            ("POST", "/v1/items", {"item_id": "spy", "image": "/etc/passwd"}, "PUT the bytes to"),
            ("PUT", "/v1/items/" + "x" * 257, {}, "256 bytes"),
        ):
            with pytest.raises(ServiceError, match=told):
                cuvee.call(method, path, body)
        assert cuvee.call("GET", "/v1/items/i03")["attributes"]["price"] > 0


def test_it_does_not_matter_in_which_steps_items_came(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that followed every change, and one that starts after them, answer alike."""
    monkeypatch.setenv("CUVEE_CACHE", str(tmp_path))
    new = Item("new", {"price": 2.0, "group": "mugs"}, "available")
    old = Item("i04", {"price": 8.0, "group": "pens"}, "available")
    newer = Item("new", {"price": 7.0, "group": "hats"}, "available")
    stepwise = snapshot_of(bundle)
    for item in (new, old, newer):
        stepwise = followed(stepwise, Changes([item]), tmp_path)
    at_once = followed(snapshot_of(bundle), Changes([old, newer]), tmp_path)
    assert stepwise.bundle.data.item_table.equals(at_once.bundle.data.item_table)
    queries = at_once.session(np.array([3], np.int32))
    expected = at_once.bundle.model.score(queries)
    np.testing.assert_array_equal(stepwise.bundle.model.score(queries), expected)
    plain = snapshot_of(bundle)
    assert np.abs(plain.bundle.model.score(plain.session(np.array([3], np.int32))) - expected[:, :23]).max() > 0.01
