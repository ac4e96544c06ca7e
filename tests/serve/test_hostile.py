"""Requests that mean ill: no answer is a server error, nothing is written elsewhere, and the service goes on.

`make test-all` sends ten thousand of each sort; the suite some hundred.
"""

import random
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.serve.conftest import Running, running

_CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,"
    "response_headers_conformance,allow_header_conformance,ignored_auth"
)
"""Not that what the schema allows is accepted: a filter may be no condition, an id may have come before."""

_DEEP = b"[" * 50_000
_BODIES = [
    b"{", b"nul", b'{"user_id": NaN, "k": 3}', b'{"user_id": "a", "k": 1e400}', b'{"k": 99999999999999999999999999}',
    b'{"k": -1}', b'{"user_id": "\\ud800"}', b'{"user_id": "a\\u0000b"}', b'{"user_id": "a", "user_id": "b"}', _DEEP,
    b'{"a":' * 20_000, b"\xff\xfe\x00", b'{"user_id": {"$ne": null}}', b'{"user_id": "' + b"x" * 300 + b'"}',
    b'{"filter": "' + b"(" * 5_000 + b'"}', b'{"filter": "price < 5 or price < 5' + b" or price < 5" * 4_000 + b'"}',
    b'{"filter": "__import__(\'os\').system(\'touch owned\')"}', b'{"exclude": ["../../etc/passwd"]}',
    b'{"items": [' + b'"i01",' * 600 + b'"i01"]}', b'{"k": true}', b'{"k": "5"}', b'{"reasons": null}',
    b"{\"user_id\": \"'; DROP TABLE events; --\"}",
]  # fmt: skip
_PATHS = [
    b"/v1/recommendations", b"/v1/events", b"/v1/items", b"/v1/rank", b"/v1/items/..%2f..%2f..%2fetc%2fpasswd",
    b"/v1/items/../../../etc/passwd", b"/v1/items/%00", b"/v1/items/%ff%fe", b"/v1/items/" + b"a" * 9_000,
    b"//v1//items", b"/v1/items/a%0d%0aSet-Cookie:%20x=1:hide", b"/v1/users/%e2%80%ae/consent", b"/v1/users/a:export",
    b"/docs/../../x", b"/v1/recommendations/%2e%2e", b"*", b"http://elsewhere/v1/items", b"/v1/events?after=-1",
    b"/v1/events?limit=1e9", b"/v1/popular?k=\x00", b"/v1/jobs/../models", b"/v1/models/..%2f..:activate",
]  # fmt: skip
_HEADS = [
    b"Content-Length: -5", b"Content-Length: 99999999999", b"Content-Length: abc", b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: gzip, chunked", b"Content-Length: 3\r\nContent-Length: 4", b"Expect: 100-continue",
    b"X-Request-ID: " + b"r" * 5_000, b"X-Request-ID: a\x00b", b"Host: ", b"Cookie: " + b"c" * 40_000, b": nothing",
    b"Authorization: Bearer " + b"k" * 9_000, b"Authorization: Basic \xff\xff", b"Upgrade: h2c\r\nConnection: Upgrade",
    b"Content-Encoding: gzip", b"Content-Type: text/xml", b"X-Forwarded-For: ::1", b"Range: bytes=0-99999999999",
]  # fmt: skip
_METHODS = [b"GET", b"POST", b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"TRACE", b"CONNECT", b"BREW", b"\x16\x03\x01"]


@pytest.fixture(scope="module")
def alone(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service of its own, in a folder of its own, of which it may write to `data` only."""
    folder = tmp_path_factory.mktemp("alone")
    with running(bundle, folder / "data", 1, "--rate", "100000", cwd=folder) as started:
        yield started


@pytest.fixture
def many(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--hypothesis-profile") == "thorough")


def elsewhere(service: Running, bundle: Path) -> dict[str, int]:
    """Return every file that the service has no business with, and its size."""
    folders = (service.data.parent, bundle)
    files = (path for folder in folders for path in folder.rglob("*") if path.is_file())
    return {str(path): path.stat().st_size for path in files if service.data not in path.parents}


def as_sound_as_before(service: Running) -> None:
    assert service.client.get("/readyz").status_code == 200
    answer = service.client.post("/v1/recommendations", json={"user_id": "somebody", "k": 3})
    assert answer.status_code == 200
    assert len(answer.json()["items"]) == 3


def test_whatever_the_description_allows_or_forbids(alone: Running, bundle: Path, tmp_path: Path, many: bool) -> None:
    """Every answer is one that /openapi.json describes, and no key, or a wrong one, opens nothing."""
    before = elsewhere(alone, bundle)
    words = [sys.executable, "-m", "schemathesis.cli", "run", f"{alone.client.base_url}/openapi.json", "--seed", "1"]
    words += ["-H", f"Authorization: {alone.client.headers['Authorization']}", "--checks", _CHECKS, "--no-color"]
    words += ["--exclude-path-regex", ":retrain", "--phases", "coverage,fuzzing", "--continue-on-failure"]
    done = subprocess.run(
        [*words, "--max-examples", "400" if many else "3"], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout[-5_000:] + done.stderr[-2_000:]
    sent = re.search(r"(\d+) generated", done.stdout)
    assert sent is not None
    assert int(sent[1]) > (10_000 if many else 300)
    assert elsewhere(alone, bundle) == before
    as_sound_as_before(alone)


def test_whatever_bytes_come(alone: Running, bundle: Path, many: bool) -> None:
    """Requests put together at random from what has broken servers before, some of them cut or with bytes turned."""
    before, process = elsewhere(alone, bundle), psutil.Process(alone.process.pid)
    rng = random.Random(0)
    answered = 0
    for n in range(10_000 if many else 400):
        if n == 200:
            memory = process.memory_info().rss
        status = sent(alone, hostile(rng, alone.client.headers["Authorization"].encode()))
        answered += status is not None
        assert status is None or status < 500
    assert answered > 100
    assert process.memory_info().rss < 1.2 * memory
    assert elsewhere(alone, bundle) == before
    as_sound_as_before(alone)


def test_a_body_of_ten_megabytes_is_refused_at_once(alone: Running) -> None:
    """By its announced length before it is sent, and where none is announced, before all of it has come."""
    key = alone.client.headers["Authorization"].encode()
    head = b"POST /v1/events HTTP/1.1\r\nHost: here\r\nAuthorization: " + key + b"\r\n"
    assert sent(alone, head + b"Content-Length: 10485760\r\n\r\n") == 413

    def chunks() -> Iterator[bytes]:
        yield from (b" " * 65_536 for _ in range(160))

    answer = alone.client.post("/v1/events", content=chunks(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
    as_sound_as_before(alone)


def hostile(rng: random.Random, key: bytes) -> bytes:
    """Return the bytes of a request."""
    method, path, body = rng.choice(_METHODS[:3] if rng.random() < 0.7 else _METHODS), rng.choice(_PATHS), b""
    heads = [b"Host: here", b"Authorization: " + key, b"Content-Type: application/json"]
    if rng.random() < 0.7:
        body = rng.choice(_BODIES)
        heads.append(b"Content-Length: %d" % len(body))
    heads += rng.sample(_HEADS, rng.choice((0, 0, 1, 3)))
    whole = method + b" " + path + b" HTTP/1.1\r\n" + b"\r\n".join(heads) + b"\r\n\r\n" + body
    if rng.random() < 0.15:
        whole = whole[: rng.randrange(len(whole))]
    if rng.random() < 0.15:
        place = rng.randrange(len(whole) or 1)
        whole = whole[:place] + bytes([rng.randrange(256)]) + whole[place + 1 :]
    return whole


def sent(service: Running, request: bytes) -> int | None:
    """Send bytes, say that there are no more, and return the status of the answer; None where none came."""
    address = (service.client.base_url.host, service.client.base_url.port or 80)
    with socket.create_connection(address, timeout=10) as connection:
        try:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(65_536)
        except (BrokenPipeError, ConnectionResetError):
            return None
    found = re.match(rb"HTTP/1\.1 (\d{3})", answer)
    return None if found is None else int(found[1])
