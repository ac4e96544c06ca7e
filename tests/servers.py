"""Real servers for tests, on free ports of 127.0.0.1, stopped by their own process ids; skipped where not installed."""

import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import redis

_SECONDS = 30
_numbers = itertools.count()


@dataclass
class Server:
    """A server that runs; `stop` and `start` are for tests of what happens in between."""

    url: str
    port: int
    folder: Path
    _command: list[str]
    _answers: Callable[[], bool]
    _user: str | None = None
    _process: "subprocess.Popen[bytes] | None" = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, user=self._user, cwd=self.folder)
        end = time.monotonic() + _SECONDS
        while not self._answers():
            running = self._process.poll() is None and time.monotonic() < end
            assert running, (self.folder / "log").read_text()
            time.sleep(0.02)

    def stop(self, how: int = signal.SIGINT) -> None:
        """Stop it, gently or by SIGKILL, and wait until it has gone."""
        assert self._process is not None
        self._process.send_signal(how)
        self._process.wait(_SECONDS)


@contextmanager
def postgresql() -> Iterator[Server]:
    """A PostgreSQL with an empty database `cuvee`; root runs it as the user postgres, as it insists on."""
    programs = Path(shutil.which("initdb") or _debians_initdb()).resolve().parent
    user = "postgres" if os.getuid() == 0 else None
    with _folder(user) as folder:
        data = folder / "data"
        words = [str(programs / "initdb"), "-D", str(data), "-U", "cuvee", "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run(words, check=True, capture_output=True, user=user, cwd=folder)
        port = free_port()
        command = [str(programs / "postgres"), "-D", str(data), "-p", str(port), "-k", str(folder)]
        address = f"postgresql://cuvee@127.0.0.1:{port}/"

        def answers() -> bool:
            try:
                psycopg.connect(address + "postgres", connect_timeout=2).close()
            except psycopg.OperationalError:
                return False
            return True

        url = f"postgresql+psycopg://cuvee@127.0.0.1:{port}/cuvee"
        server = Server(url, port, folder, [*command, "-h", "127.0.0.1"], answers, user)
        with _started(server):
            with psycopg.connect(address + "postgres", autocommit=True) as connection:
                connection.execute("CREATE DATABASE cuvee")
            yield server


def fresh_database(server: Server) -> str:
    """Return the URL of a new, empty database."""
    name = f"cuvee_{next(_numbers)}"
    with psycopg.connect(server.url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{server.url.rpartition('/')[0]}/{name}"


@contextmanager
def redis_server(*options: str) -> Iterator[Server]:
    """A Redis that keeps an append-only file, so that it forgets nothing while it is stopped."""
    program = _program("redis-server")
    with _folder(None) as folder:
        port = free_port()
        command = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--appendonly", "yes"]

        def answers() -> bool:
            try:
                with redis.Redis(port=port) as client:
                    return bool(client.ping())
            except redis.ConnectionError:
                return False

        server = Server(f"redis://127.0.0.1:{port}/0", port, folder, [*command, *options], answers)
        with _started(server):
            yield server


@contextmanager
def nginx(configuration: str, port: int) -> Iterator[Server]:
    """An nginx that runs `configuration`, a whole nginx.conf, which listens on `port`."""
    program = _program("nginx")
    with _folder(None) as folder:
        (folder / "nginx.conf").write_text(configuration)
        command = [program, "-p", str(folder), "-c", "nginx.conf", "-g", f"daemon off; pid {folder}/nginx.pid;"]

        def answers() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        with _started(Server(f"http://127.0.0.1:{port}", port, folder, command, answers)) as server:
            yield server


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _started(server: Server) -> Iterator[Server]:
    server.start()
    try:
        yield server
    finally:
        if server._process is not None and server._process.poll() is None:
            server.stop()


@contextmanager
def _folder(user: str | None) -> Iterator[Path]:
    """A folder that the user may enter, which those of pytest are not."""
    folder = Path(tempfile.mkdtemp(prefix="cuvee-"))
    try:
        if user is not None:
            shutil.chown(folder, user)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _program(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def _debians_initdb() -> str:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("PostgreSQL is not installed")
    return str(found[-1])
