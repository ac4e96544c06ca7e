"""Profiles and reviews over HTTP; what reviews praise becomes a reason."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from cuvee.bundle import load_bundle, save_bundle
from cuvee.cache import VectorCache
from cuvee.encoders.tabular import Tabular
from cuvee.features import fit_channels
from cuvee.logs.sql import SqlLog
from cuvee.projection import Projection
from cuvee.serve.following import Changes, followed
from cuvee.serve.praise import Praise
from cuvee.serve.profiles import query_of
from cuvee.serve.retrain import _with_reviews
from cuvee.serve.snapshot import snapshot_of
from cuvee.sql.database import writing
from cuvee.sql.profiles import store_review
from cuvee.sql.shown import Past
from cuvee.types import Queries, Reason
from tests.serve.conftest import Running

PRAISED = pl.DataFrame(
    {
        "user_id": ["u01", "u02", "u03", "u04"],
        "item_id": ["i05", "i05", "i05", "i06"],
        "text": ["The battery is great.", "I love the battery, it is excellent!", "Great battery.", "A mug."],
        "rating": [5.0, 5.0, 5.0, 3.0],
    }
)


def test_profiles_come_together_or_not_at_all(service: Running) -> None:
    users = [{"user_id": f"many/{n}", "age": 20 + n} for n in range(3)]
    answer = service.client.post("/v1/users:batch", json={"users": users})
    assert answer.status_code == 200, answer.text
    assert [u["profile"] for u in answer.json()["users"]] == [{"age": 20}, {"age": 21}, {"age": 22}]
    assert service.client.get("/v1/users/many%2F2").json()["profile"] == {"age": 22}
    bad = service.client.post("/v1/users:batch", json={"users": [{"user_id": "many/9", "age": 1}, {"user_id": ""}]})
    assert bad.status_code == 422
    assert "users.1.user_id" in bad.json()["errors"][0]["field"]
    assert service.client.get("/v1/users/many%2F9").status_code == 404


def test_a_profile_comes_changes_and_goes(service: Running) -> None:
    path = "/v1/users/pat%2F1"
    assert service.client.get(path).status_code == 404
    assert service.client.put(path, json={"age": 30, "city": "Brno"}).json()["profile"] == {"age": 30, "city": "Brno"}
    changed = service.client.patch(path, json={"age": 31, "likes": ["mugs"]})
    expected = {"age": 31, "city": "Brno", "likes": ["mugs"]}
    assert changed.json() == {"user_id": "pat/1", "profile": expected}
    assert service.client.get(path).json()["profile"] == expected
    assert service.client.put(path, json={"age": 5}).json()["profile"] == {"age": 5}
    service.client.put("/v1/users/another", json={})
    people = [user["user_id"] for user in service.client.get("/v1/users", params={"limit": 1_000}).json()["users"]]
    assert "pat/1" in people
    first = service.client.get("/v1/users", params={"limit": 1}).json()
    assert first["next"] == first["users"][0]["user_id"] == people[0]
    rest = service.client.get("/v1/users", params={"limit": 1_000, "after": first["next"]}).json()
    assert [user["user_id"] for user in rest["users"]] == people[1:]
    assert service.client.delete(path).status_code == 204
    assert service.client.get(path).json()["profile"] == {}
    assert service.client.delete("/v1/users/nobody-at-all").status_code == 404
    assert service.client.get("/v1/users/u03").json()["user_id"] == "u03"  # the bundle knows them
    assert service.client.put(path, json={"deep": {"er": 1}}).status_code == 422


def test_reviews_are_kept_once_handed_out_and_erased(service: Running) -> None:
    path = "/v1/items/i07/reviews"
    first = {"review_id": "r/1", "user_id": "critic", "text": "A fine mug.", "rating": 5.0, "time": 10}
    second = {**first, "review_id": "r/2", "text": "Still fine.", "time": 20}
    for review in (first, second, {**first, "text": "Another text"}):
        assert service.client.post(path, json=review).status_code == 201
    found = service.client.get(path).json()["reviews"]
    assert [(r["review_id"], r["text"]) for r in found] == [("r/2", "Still fine."), ("r/1", "A fine mug.")]
    assert "user_id" not in found[0]
    held = service.client.get("/v1/users/critic:export").json()
    assert {r["text"] for r in held["reviews"]} == {"A fine mug.", "Still fine."}
    assert service.client.post("/v1/users/critic:erase").json()["removed"]["reviews"] == 2
    assert service.client.get(path).json()["reviews"] == []
    assert service.client.post("/v1/items/none/reviews", json=first).status_code == 404
    assert service.client.post(path, json={**first, "text": ""}).status_code == 422


def told(praise: Praise, item_id: str) -> tuple[Reason, ...]:
    end = time.monotonic() + 20
    while not (found := praise.of([item_id])[0]) and time.monotonic() < end:
        time.sleep(0.01)
    return found


def test_what_reviews_praise_is_a_reason_that_no_answer_waits_for(bundle: Path, tmp_path: Path) -> None:
    loaded = load_bundle(bundle)
    save_bundle(replace(loaded, data=replace(loaded.data, reviews=PRAISED)), tmp_path / "b")
    snapshot = snapshot_of(tmp_path / "b")
    assert snapshot.praise is not None
    (reason,) = told(snapshot.praise, "i05")
    assert reason.kind == "reviews"
    assert "battery" in reason.text
    assert "user_id" not in reason.evidence
    queries = snapshot.user("u00", Past(personal=True))
    slate = snapshot.bundle.recommend(queries, 23)
    why = snapshot.reasons(queries, slate)
    assert reason in why[slate.items[0].tolist().index(5)]
    erased = [(snapshot.version, row) for row in (1, 2, 3)]
    later = followed(snapshot, Changes(erased=erased), tmp_path)
    assert later.praise is not None
    later.praise.of(["i05"])
    later.praise._reader.submit(int).result()  # what was asked before it has been read
    assert later.praise.of(["i05"]) == [()]


def test_a_fit_reads_what_was_posted_once(bundle: Path, tmp_path: Path) -> None:
    log = SqlLog(f"sqlite:///{tmp_path}/cuvee.db")
    review = {"review_id": "r", "user_id": "u09", "text": "Soft.", "rating": None, "time": 5}
    with writing(log.engine) as connection:
        store_review(connection, "i01", review)
    grown = _with_reviews(load_bundle(bundle), log)
    again = _with_reviews(grown, log)
    assert grown.data.reviews is not None
    assert grown.data.reviews.rows(named=True) == [
        {"user_id": "u09", "item_id": "i01", "text": "Soft.", "rating": None, "timestamp": 5}
    ]
    assert again.data.reviews is not None
    assert again.data.reviews.equals(grown.data.reviews)


def test_a_stored_profile_is_read_as_those_of_the_fit_are(bundle: Path, tmp_path: Path) -> None:
    """A stranger with the profile of u05 is to models what u05 is; u06 with it stored over theirs, too."""
    loaded = load_bundle(bundle)
    people = range(len(loaded.data.users))
    ages = loaded.data.user_table.with_columns(
        age=pl.Series([20.0 + n for n in people]), city=pl.Series([("Brno", "Wien", "Graz")[n % 3] for n in people])
    )
    encoders = {"who": Tabular(columns=("age", "city"), role="user")}
    data = replace(loaded.data, user_table=ages)
    channels, data = fit_channels(data, encoders, Projection(), VectorCache(tmp_path / "vectors"))
    save_bundle(replace(loaded, data=data, channels=(*loaded.channels, *channels)), tmp_path / "b")
    snapshot = snapshot_of(tmp_path / "b")
    wanted = data.feature("user", "who").vectors[5]

    def read(user_id: str, profile: dict[str, object]) -> Queries:
        return asyncio.run(query_of(snapshot, user_id, Past(personal=True, profile=profile)))

    stranger: dict[str, object] = {"age": 25, "city": "Graz", "shoes": 43}
    other: dict[str, object] = {"age": 25, "city": "Graz"}
    for user_id, profile in (("nobody", stranger), ("u06", other)):
        found = read(user_id, profile).features["who"]
        np.testing.assert_allclose(found.vectors[0], wanted, atol=1e-6)
        assert found.present[0]
    assert read("u06", {"age": 25}).seen.nnz > 0
    assert not np.allclose(read("u06", {}).features["who"].vectors[0], wanted)
    assert read("nobody", {"shoes": 43}).features == {}
    assert read("nobody", {"age": "old"}).features == {}  # cannot be read, and keeps nobody from an answer
