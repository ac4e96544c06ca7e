"""The scenarios of the service on PostgreSQL: two processes that share it."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serve.conftest import Running, running
from tests.serve.test_audit import test_pages_hold_every_entry_once
from tests.serve.test_service import (
    test_a_hidden_item_vanishes_from_the_very_next_answer,
    test_a_new_item_is_ranked_by_its_content_within_a_second,
    test_an_answer_can_be_looked_at_again,
    test_an_event_can_be_taken_back,
    test_an_event_counts_in_every_processes_next_answer,
    test_bad_events_are_refused_by_field,
    test_keys,
    test_what_keys_did_is_audited,
    test_who_refuses_personalisation_is_a_stranger,
)
from tests.servers import Server, fresh_database

__all__ = [
    "test_a_hidden_item_vanishes_from_the_very_next_answer",
    "test_a_new_item_is_ranked_by_its_content_within_a_second",
    "test_an_answer_can_be_looked_at_again",
    "test_an_event_can_be_taken_back",
    "test_an_event_counts_in_every_processes_next_answer",
    "test_bad_events_are_refused_by_field",
    "test_keys",
    "test_pages_hold_every_entry_once",
    "test_what_keys_did_is_audited",
    "test_who_refuses_personalisation_is_a_stranger",
]


@pytest.fixture(scope="module")
def service(bundle: Path, postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(bundle, tmp_path_factory.mktemp("service"), 2, database=fresh_database(postgres)) as started:
        yield started


def test_retraining_reads_its_events(service: Running) -> None:
    """The process that fits again is told which database it is."""
    event = {"event_id": "again-1", "user_id": "again", "item_id": "i04", "kind": "buy"}
    assert service.client.post("/v1/events", json={"events": [event]}).status_code == 201
    path = f"/v1/jobs/{service.client.post('/v1/models:retrain').json()['job_id']}"
    end = time.monotonic() + 60
    while (job := service.client.get(path).json())["state"] in ("queued", "running") and time.monotonic() < end:
        time.sleep(0.1)
    assert job["state"] == "done", str(job)
    assert job["result"]["events"] >= 1
