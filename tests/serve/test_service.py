"""End to end over HTTP, with two processes: what happened a moment ago counts in every answer, whoever gives it."""

import socket
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import uvicorn
from sqlalchemy import select

from cuvee.bundle import load_bundle
from cuvee.cli.commands.serve import listening
from cuvee.errors import ConfigError
from cuvee.sql.database import reading
from cuvee.sql.keys import list_keys
from cuvee.sql.schema import metadata
from tests.cli.test_commands import call, printed
from tests.serve.conftest import Running, running

_ASKED = 12
"""Requests after which both processes have answered, but for one time in some thousand: each has its own connection."""


def everywhere(service: Running, path: str, body: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """Return the answers of several connections, which the processes share out among them."""
    answers = []
    for _ in range(_ASKED):
        with httpx.Client(base_url=service.client.base_url, headers=service.client.headers, timeout=20) as client:
            answer = client.get(path) if body is None else client.post(path, json=body)
        assert answer.status_code == 200, answer.text
        answers.append(answer.json())
    return answers


def asked(service: Running, **body: Any) -> list[str]:
    answer = service.client.post("/v1/recommendations", json={"k": 200, **body})
    assert answer.status_code == 200, answer.text
    return [item["item_id"] for item in answer.json()["items"]]


def test_an_event_counts_in_every_processes_next_answer(service: Running) -> None:
    """Somebody nobody knew buys i01: it is never shown again, and what they are shown is another order."""
    before = asked(service, user_id="fresh")
    assert before == asked(service)  # nobody in particular
    assert "i01" in before
    event = {"event_id": "fresh-1", "user_id": "fresh", "item_id": "i01", "kind": "buy"}
    for _ in range(2):  # sent again it changes nothing
        stored = service.client.post("/v1/events", json={"events": [event]})
        assert stored.status_code == 201, stored.text
    answers = everywhere(service, "/v1/recommendations", {"user_id": "fresh", "k": 200})
    found = [[item["item_id"] for item in answer["items"]] for answer in answers]
    assert all("i01" not in items for items in found)
    assert all(items == found[0] for items in found)
    assert found[0] != [item for item in before if item != "i01"]
    assert found[0] == asked(service, items=["i01"])  # as a session with the same item is
    events = service.client.get("/v1/events", params={"limit": 10_000}).json()["events"]
    assert [e["event_id"] for e in events].count("fresh-1") == 1


def test_a_new_item_is_ranked_by_its_content_within_a_second(service: Running) -> None:
    lover = [i for i in ("i02", "i05", "i08", "i14") if i in asked(service)][:2]  # mugs
    start = time.monotonic()
    added = service.client.post(
        "/v1/items", json={"item_id": "mug/7 ü", "title": "A mug", "price": 4.5, "group": "mugs"}
    )
    assert added.status_code == 201, added.text
    assert added.json()["served"]
    assert "mug/7 ü" in asked(service, items=lover)
    assert time.monotonic() - start < 1
    answers = everywhere(service, "/v1/recommendations", {"items": lover, "k": 200})
    for answer in answers:
        shown = {item["item_id"]: item for item in answer["items"]}
        assert shown["mug/7 ü"]["title"] == "A mug"
    other = service.client.post("/v1/items", json={"item_id": "hat-9", "title": "A hat", "price": 4.5, "group": "hats"})
    assert other.status_code == 201
    found = asked(service, items=lover)
    assert found.index("mug/7 ü") < found.index("hat-9")
    got = service.client.get("/v1/items/mug%2F7%20%C3%BC").json()
    assert got["attributes"]["price"] == 4.5
    assert got["served"]
    again = service.client.post("/v1/items", json={"item_id": "hat-9", "price": 1.0})
    assert again.status_code == 422
    assert "hat-9" in again.json()["detail"]


def test_a_hidden_item_vanishes_from_the_very_next_answer(service: Running) -> None:
    assert "i06" in asked(service)
    for word, there in (("hide", False), ("show", True), ("unavailable", False), ("show", True)):
        changed = service.client.post(f"/v1/items/i06:{word}")
        assert changed.status_code == 200, changed.text
        answers = everywhere(service, "/v1/recommendations", {"k": 200})
        assert {"i06" in [item["item_id"] for item in answer["items"]] for answer in answers} == {there}
        popular = service.client.get("/v1/popular", params={"k": 200}).json()["items"]
        assert ("i06" in [item["item_id"] for item in popular]) == there
        close = service.client.get("/v1/items/i03/similar", params={"k": 200}).json()["items"]
        assert ("i06" in [item["item_id"] for item in close]) == there
    assert service.client.post("/v1/items/nothing:hide").status_code == 404


def test_an_answer_can_be_looked_at_again(service: Running) -> None:
    body = {"user_id": "u07", "k": 3, "exclude": ["i02"], "scenario": "home"}
    answer = service.client.post("/v1/recommendations", json=body).json()
    end = time.monotonic() + 10
    path = f"/v1/recommendations/{answer['recommendation_id']}"
    while (kept := service.client.get(path)).status_code == 404 and time.monotonic() < end:
        time.sleep(0.02)
    found = kept.json()
    assert found["user_id"] == "u07"
    assert found["slate"] == answer["items"]
    assert found["model_version"] == answer["model_version"]
    assert found["request"] == {"k": 3, "exclude": ["i02"], "scenario": "home"}
    assert service.client.get("/v1/recommendations/none").status_code == 404


def test_what_is_asked_for_is_obeyed(service: Running) -> None:
    assert asked(service, candidates=["i04", "i03", "zz"]) in (["i04", "i03"], ["i03", "i04"])
    assert "i03" not in asked(service, exclude=["i03"])
    cheap = asked(service, filter='price < 5 and group in ["hats", "mugs"]')
    assert 0 < len(cheap) < 23
    for item in cheap:
        attributes = service.client.get(f"/v1/items/{quote(item, safe='')}").json()["attributes"]
        assert attributes["price"] < 5
        assert attributes["group"] != "pens"
    wrong = service.client.post("/v1/recommendations", json={"filter": "prise < 5"})
    assert wrong.status_code == 422
    assert wrong.json()["detail"].startswith("filter: ")
    assert "did you mean 'price'" in wrong.json()["detail"]
    answer = service.client.post("/v1/recommendations", json={"items": ["i03", "zz"], "reasons": False, "k": 2}).json()
    assert answer["unknown_items"] == ["zz"]
    assert [item["reasons"] for item in answer["items"]] == [[], []]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"events": []}, "events"),
        ({"events": [{"event_id": "x", "user_id": "u", "item_id": "i"}]}, "kind"),
        ({"events": [{"event_id": "x\n", "user_id": "u", "item_id": "i", "kind": "buy"}]}, "event_id"),
        ({"events": [{"event_id": "x", "user_id": "ü" * 129, "item_id": "i", "kind": "buy"}]}, "user_id"),
        ({"events": [{"event_id": "x", "user_id": "u", "item_id": "i", "kind": "buy", "tiem": 3}]}, "tiem"),
        ({"events": [{"event_id": "x", "user_id": "u", "item_id": "i", "kind": "buy", "time": -1}]}, "time"),
    ],
)
def test_bad_events_are_refused_by_field(service: Running, body: dict[str, Any], field: str) -> None:
    answer = service.client.post("/v1/events", json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert any(field in error["field"] for error in answer.json()["errors"])


def test_other_problems(service: Running) -> None:
    both = service.client.post("/v1/recommendations", json={"user_id": "a", "items": ["i03"]})
    assert both.status_code == 422
    assert "not both" in both.json()["detail"]
    broken = service.client.post("/v1/events", content=b"{", headers={"content-type": "application/json"})
    assert broken.status_code == 422
    assert service.client.get("/v1/nothing").json()["status"] == 404
    assert service.client.get("/v1/items/none/similar").status_code == 404
    large = service.client.post("/v1/events", content=b" " * (9 << 20))
    assert large.status_code == 413
    unmeasured = service.client.post("/v1/events", content=iter([b" " * (1 << 20)] * 9))
    assert unmeasured.status_code == 413
    items = [{"item_id": "a", "price": 1}, {"item_id": "b", "price": "x"}]
    mixed = service.client.post("/v1/items:batch", json={"items": items})
    assert mixed.status_code == 422
    assert "price" in mixed.json()["detail"]
    assert service.client.get("/v1/items/a").status_code == 404  # all or none


def test_keys(service: Running) -> None:
    port = service.client.base_url
    recommend, event = (
        "/v1/recommendations",
        {"events": [{"event_id": "k", "user_id": "k", "item_id": "i", "kind": "buy"}]},
    )
    with httpx.Client(base_url=port, timeout=20) as stranger:
        refused = stranger.post(recommend, json={})
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"] == "Bearer"
        assert stranger.get("/livez").status_code == 200
        assert stranger.get("/version").json()["cuvee"]
        key = printed("keys", "make", *service.where, "--scope", "read", "reader").strip()
        reader = {"Authorization": f"Bearer {key}"}
        assert stranger.post(recommend, json={}, headers=reader).status_code == 200
        forbidden = stranger.post("/v1/events", json=event, headers=reader)
        assert forbidden.status_code == 403
        assert "'events' is needed" in forbidden.json()["detail"]
        wrong = {"Authorization": f"Bearer {key[:-1]}{'a' if key[-1] != 'a' else 'b'}"}
        assert stranger.post(recommend, json={}, headers=wrong).status_code == 401
        key_id = key.split("_")[1]
        assert f"{key_id}  works" in printed("keys", "list", *service.where)
        with reading(service.log.engine) as connection:
            assert key.split("_", 2)[2] not in str(connection.execute(select(metadata.tables["api_keys"])).all())
        printed("keys", "revoke", *service.where, key_id)
        assert stranger.post(recommend, json={}, headers=reader).status_code == 401
        short = printed("keys", "make", *service.where, "--scope", "read", "--days", "1e-9", "short").strip()
        assert stranger.post(recommend, json={}, headers={"Authorization": f"Bearer {short}"}).status_code == 401
        assert "expired" in printed("keys", "list", *service.where)


def test_small_answers_do_not_wait_for_an_acknowledgement() -> None:
    """What is accepted from the socket of all processes has TCP_NODELAY."""
    with listening(uvicorn.Config("none:app", host="127.0.0.1", port=0)) as shared:
        shared.listen()
        with socket.create_connection(shared.getsockname()), shared.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_demo_mode_is_for_this_machine_alone(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUVEE_DEMO", "1")
    with pytest.raises(ConfigError, match="for this machine alone"):
        call("serve", str(bundle), "--data", str(tmp_path), "--host", "0.0.0.0")


def answers_as_the_bundle_does(service: Running, bundle: Path) -> None:
    loaded = load_bundle(bundle)
    slate = loaded.recommend(loaded.user("u04"), 5)
    answer = service.client.post("/v1/recommendations", json={"user_id": "u04", "k": 5}).json()
    assert [item["item_id"] for item in answer["items"]] == [loaded.data.items[row] for row in slate.items[0]]
    assert [item["score"] for item in answer["items"]] == pytest.approx(slate.scores[0].tolist(), abs=1e-5)
    assert answer["items"][0]["reasons"]
    assert answer["personal"]
    assert not answer["degraded"]
    assert not {item["item_id"] for item in answer["items"]} & {
        loaded.data.items[i] for i in loaded.data.matrix[4].indices
    }


def test_what_was_stored_survives_a_restart(bundle: Path, tmp_path: Path) -> None:
    """Items, hidden ones, and events are in the database; a new process starts from it, here without keys."""
    with running(bundle, tmp_path, workers=1, demo=True) as first:
        answers_as_the_bundle_does(first, bundle)
        first.client.post("/v1/items", json={"item_id": "mug-1", "price": 3.0, "group": "mugs"})
        first.client.post("/v1/items/i06:hide")
        event = {"event_id": "e", "user_id": "ann", "item_id": "i02", "kind": "buy"}
        assert first.client.post("/v1/events", json={"events": [event]}).status_code == 201
        before = asked(first, user_id="ann")
        first.process.kill()
    with running(bundle, tmp_path, workers=1, demo=True) as second:
        after = asked(second, user_id="ann")
    assert after == before
    assert "mug-1" in after
    assert not {"i06", "i02"} & set(after)


def test_who_refuses_personalisation_is_a_stranger(service: Running) -> None:
    event = {"event_id": "c1", "user_id": "shy/1", "item_id": "i01", "kind": "buy"}
    service.client.post("/v1/events", json={"events": [event]})
    assert "i01" not in asked(service, user_id="shy/1")
    path = "/v1/users/shy%2F1/consent"
    assert service.client.get(path).json()["personalisation"]
    changed = service.client.put(path, json={"personalisation": False})
    assert changed.status_code == 200, changed.text
    for answer in everywhere(service, "/v1/recommendations", {"user_id": "shy/1", "k": 200}):
        assert not answer["personal"]
        assert "i01" in [item["item_id"] for item in answer["items"]]
    known = service.client.post("/v1/recommendations", json={"user_id": "u04", "k": 3}).json()["items"]
    service.client.put("/v1/users/u04/consent", json={"personalisation": False})
    refused = service.client.post("/v1/recommendations", json={"user_id": "u04", "k": 3}).json()["items"]
    service.client.put("/v1/users/u04/consent", json={"personalisation": True})
    assert known != refused
    held = service.client.get("/v1/users/shy%2F1:export").json()
    assert [e["event_id"] for e in held["events"]] == ["c1"]
    assert service.client.get("/v1/users/nobody:export").json() == {}


def test_an_event_can_be_taken_back(service: Running) -> None:
    event = {"event_id": "back/1", "user_id": "sorry", "item_id": "i01", "kind": "buy"}
    service.client.post("/v1/events", json={"events": [event]})
    assert "i01" not in asked(service, user_id="sorry")
    assert service.client.delete("/v1/events/back%2F1").status_code == 204
    assert "i01" in asked(service, user_id="sorry")
    assert service.client.delete("/v1/events/back%2F1").status_code == 404


def test_figures_of_both_processes_and_requests_have_ids(service: Running) -> None:
    def counted() -> float:
        text = service.client.get("/metrics").text
        lines = [line for line in text.splitlines() if line.startswith("cuvee_requests_total{")]
        mine = [line for line in lines if 'route="/v1/popular"' in line and 'status="200"' in line]
        assert not any("i03" in line for line in lines)
        return sum(float(line.rpartition(" ")[2]) for line in mine)

    before = counted()
    everywhere(service, "/v1/popular")
    assert counted() == before + _ASKED
    own = service.client.get("/livez", headers={"X-Request-ID": "mine-1"})
    assert own.headers["x-request-id"] == "mine-1"
    assert len(service.client.get("/livez", headers={"X-Request-ID": "no good"}).headers["x-request-id"]) == 32
    assert service.client.get("/v1/popular").headers["ratelimit-limit"] == "2000"


def test_a_key_that_asks_too_often_is_slowed_down(bundle: Path, tmp_path: Path) -> None:
    with running(bundle, tmp_path, 1, "--rate", "2", demo=True) as slow:
        answers = [slow.client.get("/v1/popular") for _ in range(8)]
    granted = [a.status_code for a in answers].count(200)
    assert 4 <= granted < 8
    refused = next(a for a in answers if a.status_code == 429)
    assert int(refused.headers["retry-after"]) >= 1
    assert "2 requests a second" in refused.json()["detail"]


def test_what_keys_did_is_audited(service: Running) -> None:
    service.client.post("/v1/items/i08:unavailable")
    service.client.post("/v1/items/i08:show")
    with reading(service.log.engine) as connection:
        audit = metadata.tables["audit"]
        rows = connection.execute(select(audit).where(audit.c.subject == "item i08").order_by(audit.c.entry)).all()
        keys = [key.key_id for key in list_keys(connection) if "admin" in key.scopes]
    assert [row.action for row in rows] == ["unavailable", "available"]
    assert {row.actor for row in rows} == set(keys)
