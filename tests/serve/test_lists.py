"""Batches, given candidates, and lists that are the same for everybody."""

import time
from typing import Any

from tests.serve.conftest import Running


def ids(answer: dict[str, Any]) -> list[str]:
    return [item["item_id"] for item in answer["items"]]


def test_a_batch_is_its_questions_one_by_one(service: Running) -> None:
    bodies = [{"user_id": "u04", "k": 3}, {"items": ["i02"], "k": 4}, {"k": 2, "filter": "price < 5"}]
    answers = service.client.post("/v1/recommendations:batch", json={"requests": bodies}).json()["answers"]
    apart = [service.client.post("/v1/recommendations", json=body).json() for body in bodies]
    assert [a["items"] for a in answers] == [a["items"] for a in apart]
    assert len({a["recommendation_id"] for a in [*answers, *apart]}) == 6
    bad = service.client.post("/v1/recommendations:batch", json={"requests": [{"k": 0}]})
    assert bad.status_code == 422
    assert "requests.0.k" in bad.json()["errors"][0]["field"]


def test_all_candidates_are_ranked_seen_or_not(service: Running) -> None:
    event = {"event_id": "rank-1", "user_id": "ranker", "item_id": "i02", "kind": "buy"}
    service.client.post("/v1/events", json={"events": [event]})
    given = ["i09", "i02", "i05", "gone", "i12"]
    answer = service.client.post("/v1/rank", json={"user_id": "ranker", "candidates": given}).json()
    assert sorted(ids(answer)) == sorted(set(given) - {"gone"})
    assert answer["unknown_items"] == ["gone"]
    scores = [item["score"] for item in answer["items"]]
    assert scores == sorted(scores, reverse=True)
    assert "i02" not in ids(service.client.post("/v1/recommendations", json={"user_id": "ranker", "k": 200}).json())


def test_what_trends_is_counted_by_people_and_window(service: Running) -> None:
    """i13 by three people now, i11 by two, one of them thrice; i10 by four, ten days ago; nobody counts who refuses."""
    now = int(time.time())
    rows = [(f"t{u}", "i13", now) for u in range(3)] + [(f"t{u}", "i11", now - 5) for u in (0, 0, 0, 1)]
    rows += [(f"t{u}", "i10", now - 10 * 86_400) for u in range(4)] + [("t9", "i11", now), ("t8", "i11", now)]
    for user in ("t8", "t9"):
        service.client.put(f"/v1/users/{user}/consent", json={"personalisation": False})
    events = [
        {"event_id": f"tr{n}", "user_id": u, "item_id": i, "kind": "view", "time": t}
        for n, (u, i, t) in enumerate(rows)
    ]
    assert service.client.post("/v1/events", json={"events": events}).status_code == 201

    def counted(days: float) -> dict[str, float]:
        answer = service.client.get("/v1/trending", params={"k": 200, "days": days}).json()
        found = {item["item_id"]: item["score"] for item in answer["items"]}
        assert list(found.values()) == sorted(found.values(), reverse=True)
        return {item: found.get(item, 0) for item in ("i10", "i11", "i13")}

    assert counted(1) == {"i10": 0, "i11": 2, "i13": 3}
    assert counted(30) == {"i10": 4, "i11": 2, "i13": 3}


def test_the_latest_item_comes_first(service: Running) -> None:
    service.client.post("/v1/items", json={"item_id": "late-1", "price": 1.0, "group": "pens"})
    service.client.post("/v1/items", json={"item_id": "late-2", "price": 1.0, "group": "pens"})
    assert ids(service.client.get("/v1/latest", params={"k": 2}).json()) == ["late-2", "late-1"]
    service.client.post("/v1/items/late-2:hide")
    assert ids(service.client.get("/v1/latest", params={"k": 1}).json()) == ["late-1"]
