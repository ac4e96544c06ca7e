"""A service that is told to stop finishes what it has taken up, keeps what it has acknowledged, and leaves nothing."""

import signal
import socket
import threading
import time
from pathlib import Path

import httpx

from tests.serve.conftest import Running, running


class Burst:
    """Threads that send single events, each on a connection of its own that is kept, until the service has gone."""

    def __init__(self, service: Running, threads: int) -> None:
        self.service = service
        self.acknowledged: list[str] = []
        self.odd: list[str] = []
        """Answers that are neither a whole acknowledgement nor a whole refusal to be asked again."""
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(n,)) for n in range(threads)]

    def __enter__(self) -> "Burst":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(30)

    def _send(self, thread: int) -> None:
        with httpx.Client(
            base_url=self.service.client.base_url, headers=self.service.client.headers, timeout=20
        ) as client:
            for n in range(100_000):
                if self._over.is_set():
                    return
                name = f"t{thread}-{n}"
                event = {"event_id": name, "user_id": f"t{thread}", "item_id": "i03", "kind": "view"}
                try:
                    answer = client.post("/v1/events", json={"events": [event]})
                except httpx.TransportError as error:
                    if isinstance(error, httpx.TimeoutException):
                        self.odd.append(repr(error))
                    continue
                if answer.status_code == 201 and answer.json():
                    self.acknowledged.append(name)
                elif answer.status_code != 503:
                    self.odd.append(f"{answer.status_code} {answer.text}")


def test_stopped_in_a_burst_of_events(bundle: Path, tmp_path: Path) -> None:
    """Six connections send; a seventh has sent half of a request and is not waited for."""
    with running(bundle, tmp_path, 2, "--rate", "100000") as service:
        url = service.client.base_url
        with socket.create_connection((url.host, url.port or 80)) as half, Burst(service, 6) as burst:
            half.sendall(b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
            end = time.monotonic() + 20
            while len(burst.acknowledged) < 200 and time.monotonic() < end:
                time.sleep(0.05)
            service.process.send_signal(signal.SIGTERM)
            status = service.process.wait(18)
        told = service.told()
        log = service.log
        stored = set(log.read(0, 100_000)["event_id"])
        log.close()
    assert len(burst.acknowledged) >= 200
    assert not set(burst.acknowledged) - stored, "acknowledged and lost"
    assert len(set(burst.acknowledged)) == len(burst.acknowledged)
    assert not burst.odd
    assert status == 0, "as when it ends by itself"
    assert "leaked" not in told
