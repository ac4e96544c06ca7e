"""Pages without repeats, whichever process answers, as soon as the first page is there."""

import time

import httpx

from tests.serve.conftest import Running


def ids(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [item["item_id"] for item in answer.json()["items"]]


def page_after(service: Running, answer: httpx.Response, k: int | None = None) -> httpx.Response:
    """Ask over a connection of its own, which either process may take."""
    path = f"/v1/recommendations/{answer.json()['recommendation_id']}:next"
    with httpx.Client(base_url=service.client.base_url, headers=service.client.headers, timeout=20) as client:
        return client.post(path) if k is None else client.post(path, json={"k": k})


def test_pages_cut_one_long_list(service: Running) -> None:
    """Six at a time, then what is left, then nothing: with exclusions, a filter and boosts as the first page had."""
    body = {
        "user_id": "u04",
        "exclude": ["i05", "zz"],
        "filter": "price < 8",
        "boosts": [{"when": 'group == "mugs"', "factor": 2}],
        "reasons": False,
    }
    wanted = ids(service.client.post("/v1/recommendations", json={**body, "k": 200}))
    assert len(wanted) > 6
    page = service.client.post("/v1/recommendations", json={**body, "k": 3})
    found = [ids(page)]
    while found[-1] and len(found) < 20:
        page = page_after(service, page)
        found.append(ids(page))
    assert [item for page in found for item in page] == wanted
    assert {len(page) for page in found[:-2]} == {3}


def test_the_next_page_is_there_at_once_in_every_process(service: Running) -> None:
    for number in range(12):
        first = service.client.post("/v1/recommendations", json={"items": ["i03"], "k": 2 + number % 3})
        second = page_after(service, first, k=4)
        assert len(ids(second)) == 4
        assert not set(ids(first)) & set(ids(second))


def test_new_events_bring_nothing_back(service: Running) -> None:
    first = service.client.post("/v1/recommendations", json={"user_id": "pages", "k": 4})
    second = page_after(service, first)
    event = {"event_id": "pages-1", "user_id": "pages", "item_id": "i03", "kind": "buy"}
    assert service.client.post("/v1/events", json={"events": [event]}).status_code == 201
    third = page_after(service, second)
    assert len({*ids(first), *ids(second), *ids(third)}) == 12
    again = page_after(service, second)  # a page may be asked for twice
    assert ids(again) == ids(third)


def test_no_page_follows_what_was_never_answered(service: Running) -> None:
    start = time.monotonic()
    answer = service.client.post("/v1/recommendations/none:next:next")
    assert answer.status_code == 404
    assert "'none:next'" in answer.json()["detail"]
    assert time.monotonic() - start < 5
    first = service.client.post("/v1/recommendations", json={"k": 2})
    wrong = page_after(service, first, k=201)
    assert wrong.status_code == 422
    assert wrong.json()["errors"][0]["field"] == "body.k"
