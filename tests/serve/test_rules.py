"""Rules over HTTP, with two processes: stored by one, they act in the very next answer of both."""

import time
from typing import Any

import httpx
import pytest

from tests.serve.conftest import Running
from tests.serve.test_service import everywhere


def put(service: Running, rule: str, **body: Any) -> dict[str, Any]:
    answer = service.client.put(f"/v1/rules/{rule}", json={"scenario": "shop", **body})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def drop(service: Running, *rules: str) -> None:
    for rule in rules:
        assert service.client.delete(f"/v1/rules/{rule}").status_code == 204


def items(service: Running, scenario: str = "shop", **body: Any) -> list[dict[str, Any]]:
    asked = {"k": 200, "reasons": False, "scenario": scenario, **body}
    answer = service.client.post("/v1/recommendations", json=asked)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


def ids(service: Running, scenario: str = "shop", **body: Any) -> list[str]:
    return [item["item_id"] for item in items(service, scenario, **body)]


def test_a_pin_acts_in_every_processes_next_answer(service: Running) -> None:
    before = ids(service)
    worst = before[-1]
    put(service, "summer", kind="pin", item=worst, position=1, title="Summer sale")
    body = {"k": 3, "scenario": "shop"}
    for answer in everywhere(service, "/v1/recommendations", body):
        assert [i["item_id"] for i in answer["items"]] == [before[0], worst, before[1]]
        assert [i["rules"] for i in answer["items"]] == [[], ["summer"], []]
        (reason,) = answer["items"][1]["reasons"]
        assert reason["kind"] == "rule"
        assert reason["text"] == "Placed here by the shop: Summer sale"
        assert reason["evidence"] == {"rule": "summer", "position": 1.0}
        assert answer["items"][1]["propensity"] == 1
        assert "rule" not in [r["kind"] for r in answer["items"][0]["reasons"]]
    assert ids(service, "elsewhere") == before  # another scenario
    assert worst not in ids(service, exclude=[worst])
    assert worst not in ids(service, filter=f'item_id != "{worst}"')
    assert worst not in ids(service, candidates=before[:3])
    service.client.post(f"/v1/items/{worst}:hide")
    for answer in everywhere(service, "/v1/recommendations", body):
        assert worst not in [i["item_id"] for i in answer["items"]]
    told = service.client.post(
        "/v1/rules:validate", json={"rules": [{"rule": "x", "kind": "pin", "item": worst, "position": 1}]}
    ).json()["rules"][0]
    assert "hidden" in told["warnings"][0]
    assert "'summer' pins the same item" in told["warnings"][1]
    service.client.post(f"/v1/items/{worst}:show")
    drop(service, "summer")
    for answer in everywhere(service, "/v1/recommendations", body):
        assert [i["item_id"] for i in answer["items"]] == before[:3]


def test_what_somebody_bought_is_not_pinned_for_them(service: Running) -> None:
    event = {"event_id": "pinned-1", "user_id": "pinned", "item_id": "i03", "kind": "buy"}
    service.client.post("/v1/events", json={"events": [event]})
    put(service, "again", kind="pin", item="i03", position=0)
    assert ids(service)[0] == "i03"
    assert "i03" not in ids(service, user_id="pinned")
    drop(service, "again")


def test_filter_boost_and_bury(service: Running) -> None:
    before = items(service)
    group = {i["item_id"]: _attributes(service, i["item_id"])["group"] for i in before}
    put(service, "only", kind="filter", items='group != "pens"')
    put(service, "hats", kind="boost", items='group == "hats"', factor=100)
    put(service, "down", kind="bury", items='group == "hats" and price > 5')
    lowest = min(i["score"] for i in before)
    for answer in everywhere(service, "/v1/recommendations", {"k": 200, "scenario": "shop"}):
        found = answer["items"]
        kinds = [group[i["item_id"]] for i in found]
        assert set(kinds) == {"hats", "mugs"}
        buried = [i["rules"] == ["down", "hats"] for i in found]
        assert buried == sorted(buried)
        assert 0 < sum(buried) < sum(kind == "hats" for kind in kinds)
        known = {i["item_id"]: i["score"] for i in before}
        for item in found:
            factor = 100 if "hats" in item["rules"] else 1
            moved = lowest + factor * (known[item["item_id"]] - lowest)
            assert item["score"] == pytest.approx(moved, rel=1e-4, abs=1e-4)
    drop(service, "only", "hats", "down")
    assert ids(service) == [i["item_id"] for i in before]


def _attributes(service: Running, item_id: str) -> dict[str, Any]:
    return dict(service.client.get(f"/v1/items/{item_id}").json()["attributes"])


def test_windows_are_half_open_and_switches_count(service: Running) -> None:
    first = ids(service)[-1]
    now = time.time()
    put(service, "later", kind="pin", item=first, valid_from=now + 1_000)
    assert ids(service)[0] != first
    put(service, "later", kind="pin", item=first, valid_until=now + 1_000)
    assert ids(service)[0] == first
    put(service, "later", kind="pin", item=first, enabled=False)
    assert ids(service)[0] != first
    put(service, "later", kind="pin", item=first, valid_from=now - 10, valid_until=now - 1)
    assert ids(service)[0] != first
    drop(service, "later")


def test_rules_are_listed_by_priority_and_audited(service: Running) -> None:
    put(service, "b", kind="boost", factor=2, priority=1)
    put(service, "a", kind="boost", factor=2, items="price < 3", notes="why")
    put(service, "c", kind="bury", priority=5, items="price < 3")
    found = service.client.get("/v1/rules").json()["rules"]
    assert [r["rule"] for r in found if r["scenario"] == "shop"] == ["c", "b", "a"]
    got = service.client.get("/v1/rules/a").json()
    assert got["definition"] == {"items": "price < 3", "factor": 2, "notes": "why"}
    assert got["error"] is None
    drop(service, "a", "b", "c")
    assert service.client.get("/v1/rules/a").status_code == 404
    assert service.client.delete("/v1/rules/a").status_code == 404


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"kind": "pin", "item": "nothing"}, "no item 'nothing'"),
        ({"kind": "pin"}, "item"),
        ({"kind": "boost", "items": "prise < 3", "factor": 2}, "did you mean 'price'"),
        ({"kind": "boost", "items": "price < ", "factor": 2}, "at 8"),
        ({"kind": "boost", "items": "price < 3"}, "factor"),
        ({"kind": "filter", "items": "price < 3", "users": "age > 3"}, "unknown column 'age'"),
        ({"kind": "cap", "times": 3}, "times and hours"),
        ({"kind": "cap"}, "per_answer"),
        ({"kind": "boost", "factor": 2, "valid_from": 5, "valid_until": 5}, "before"),
        ({"kind": "raise"}, "raise"),
    ],
)
def test_bad_rules_are_refused(service: Running, body: dict[str, Any], told: str) -> None:
    answer = service.client.put("/v1/rules/bad", json=body)
    assert answer.status_code == 422
    assert told in answer.text
    assert service.client.get("/v1/rules/bad").status_code == 404


def test_rules_can_be_checked_before(service: Running) -> None:
    rules: list[dict[str, Any]] = [
        {"rule": "one", "kind": "pin", "item": "i01", "position": 2},
        {"rule": "two", "kind": "pin", "item": "i02", "position": 2, "priority": 3},
        {"rule": "three", "kind": "filter", "items": "price > 1000"},
        {"rule": "four", "kind": "filter", "items": "price < 5 and prise > 2"},
        {"rule": "five", "kind": "boost", "factor": 3, "items": 'item_id in ["i01", "i02"]', "valid_until": 5},
    ]
    answer = service.client.post("/v1/rules:validate", json={"rules": rules}).json()
    assert not answer["valid"]
    one, two, three, four, five = answer["rules"]
    assert one["warnings"] == ["'two' pins to the same place: 'two' has it, 'one' the next"]
    assert two["matches"] == 1
    assert three["warnings"] == ["no item fulfils its condition"]
    assert not four["valid"]
    assert four["errors"][0]["field"] == "items"
    assert four["errors"][0]["position"] == 14
    assert four["matches"] is None
    assert "valid_until" in five["warnings"][0]
    assert five["matches"] == 2
    assert service.client.get("/v1/rules").json()["rules"] == []


def test_a_cap_counts_what_somebody_was_shown(service: Running) -> None:
    """Twice each: the same three twice over, then the next three; for somebody else they are new."""
    order = ids(service)
    put(service, "twice", kind="cap", times=2, hours=24)
    for start in (0, 0, 3, 3, 6):
        found = ids(service, user_id="capped", k=3)
        assert found == order[start : start + 3]
    assert ids(service, user_id="capped two", k=3) == order[:3]
    assert ids(service, k=3) == order[:3]  # a session has no counts
    asked = {"user_id": "capped", "candidates": order[:4], "scenario": "shop"}
    ranked = [service.client.post("/v1/rank", json=asked).json() for _ in range(3)]
    assert [[i["item_id"] for i in answer["items"]] for answer in ranked] == [[]] * 3
    drop(service, "twice")
    assert ids(service, user_id="capped", k=3) == order[:3]


def test_a_cap_on_items_together_and_in_one_answer(service: Running) -> None:
    """Five hats in a day and two an answer: two, two, one, none."""
    hats = {i for i in ids(service) if _attributes(service, i)["group"] == "hats"}
    put(service, "hats", kind="cap", items='group == "hats"', times=5, hours=1, together=True, per_answer=2)
    for want in (2, 2, 1, 0):
        found = ids(service, user_id="hatted")
        assert len(hats & set(found)) == want
        assert len(set(found) - hats) > 3
    assert len(hats & set(ids(service))) == 2
    put(service, "hats", kind="cap", items='group == "hats"', per_answer=1)
    put(service, "hat", kind="pin", item=sorted(hats)[-1])
    assert [i for i in ids(service, user_id="hatted") if i in hats] == [sorted(hats)[-1]]
    drop(service, "hats", "hat")


def test_who_refuses_is_not_counted(service: Running) -> None:
    service.client.put("/v1/users/refuser/consent", json={"personalisation": False})
    put(service, "once", kind="cap", times=1, hours=24)
    first = ids(service, user_id="refuser", k=2)
    assert ids(service, user_id="refuser", k=2) == first
    assert "user_counters" not in service.client.get("/v1/users/refuser:export").json()
    drop(service, "once")


def test_both_processes_count(service: Running) -> None:
    """Twelve connections ask for one item each, each after the last: nobody sees an item twice."""
    put(service, "once", kind="cap", times=1, hours=24)
    shown = []
    for _ in range(12):
        with httpx.Client(base_url=service.client.base_url, headers=service.client.headers, timeout=20) as client:
            asked = {"k": 1, "user_id": "spread", "scenario": "shop", "reasons": False}
            answer = client.post("/v1/recommendations", json=asked).json()
        shown.append(answer["items"][0]["item_id"])
        _written_down(service, answer["recommendation_id"])
    drop(service, "once")
    assert len(set(shown)) == 12


def _written_down(service: Running, recommendation: str) -> None:
    end = time.monotonic() + 10
    while service.client.get(f"/v1/recommendations/{recommendation}").status_code == 404 and time.monotonic() < end:
        time.sleep(0.02)


def test_rules_can_be_tried_out(service: Running) -> None:
    """Nothing is stored; every item that moved says which rule did it, those that made room none."""
    body = {"user_id": "trier", "k": 4, "scenario": "shop"}
    order = ids(service, user_id="trier")
    put(service, "stored", kind="pin", item=order[3], position=0)
    rules: list[dict[str, Any]] = [
        {"rule": "drop", "kind": "filter", "items": f'item_id != "{order[1]}"'},
        {"rule": "place", "kind": "pin", "item": order[9], "position": 1},
        {"rule": "tomorrow", "kind": "pin", "item": order[8], "position": 0, "priority": 9,
         "valid_from": time.time() + 86_400},
    ]  # fmt: skip
    found = service.client.post("/v1/rules:simulate", json={"rules": rules, "request": body}).json()
    assert [i["item_id"] for i in found["before"]] == [order[3], order[0], order[1], order[2]]
    assert [i["item_id"] for i in found["after"]] == [order[3], order[9], order[0], order[2]]
    moved = [(m["item_id"], m["before"], m["after"], m["rules"]) for m in found["moved"]]
    assert moved == [(order[0], 1, 2, []), (order[1], 2, None, ["drop"]), (order[9], None, 1, ["place"])]
    later = {"rules": rules, "request": body, "at": time.time() + 2 * 86_400}
    found = service.client.post("/v1/rules:simulate", json=later).json()
    assert [i["item_id"] for i in found["after"]] == [order[8], order[9], order[3], order[0]]
    none = {"rules": [{"rule": "stored", "kind": "pin", "item": order[3], "enabled": False}], "request": body}
    found = service.client.post("/v1/rules:simulate", json=none).json()
    assert [i["item_id"] for i in found["after"]] == order[:4]
    assert [m["rules"] for m in found["moved"] if m["item_id"] == order[3]] == [["stored"]]
    wrong = {"rules": [{"rule": "x", "kind": "filter", "items": "prise < 3"}], "request": body}
    answer = service.client.post("/v1/rules:simulate", json=wrong)
    assert answer.status_code == 422
    assert "x: unknown column 'prise'" in answer.json()["detail"]
    assert [r["rule"] for r in service.client.get("/v1/rules").json()["rules"]] == ["stored"]
    drop(service, "stored")


def test_rules_for_some_people(service: Running) -> None:
    """The bundle has no columns of profiles, so that a condition on them is refused and says so."""
    answer = service.client.put("/v1/rules/x", json={"kind": "boost", "factor": 2, "users": "country is missing"})
    assert answer.status_code == 422
    assert "users: unknown column 'country'" in answer.json()["detail"]
