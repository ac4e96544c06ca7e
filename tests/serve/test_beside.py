"""What is loaded beside the answers waits for a database that is away, and is given up for nothing else."""

import logging
import threading

import pytest
from sqlalchemy.exc import OperationalError

from cuvee.serve.service import _beside


def test_it_is_tried_again_until_the_database_is_back(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("cuvee.serve.service._PAUSE", 0.01)
    tries, done = list[int](), threading.Event()

    def work() -> None:
        tries.append(0)
        if len(tries) < 3:
            raise OperationalError("SELECT 'anna'", {}, Exception("the server is gone"))
        done.set()

    with caplog.at_level(logging.ERROR):
        _beside(work)
        assert done.wait(5)
    assert len(tries) == 3
    assert caplog.text.count("waits for the database") == 2
    assert "anna" not in caplog.text
