"""The servers of the tests come, go, and keep what they were told."""

import signal

import psycopg
import pytest
import redis

from tests.servers import Server, nginx, postgresql, redis_server
from tests.servers import free_port as port


def test_postgresql_keeps_what_was_committed() -> None:
    with postgresql() as server:
        address = server.url.replace("+psycopg", "")
        with psycopg.connect(address) as connection:
            connection.execute("CREATE TABLE kept (n int)")
            connection.execute("INSERT INTO kept VALUES (7)")
        server.stop(signal.SIGQUIT)
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(address)
        server.start()
        with psycopg.connect(address) as connection:
            assert connection.execute("SELECT n FROM kept").fetchone() == (7,)


def test_redis_keeps_what_was_written() -> None:
    with redis_server() as server, redis.Redis.from_url(server.url) as client:
        client.set("a", "b")
        server.stop(signal.SIGTERM)
        server.start()
        assert client.get("a") == b"b"


def test_nginx_listens() -> None:
    listening = port()
    text = f"error_log stderr; events {{}} http {{ access_log off; server {{ listen 127.0.0.1:{listening}; }} }}"
    with nginx(text, listening) as server:
        assert isinstance(server, Server)
        assert server.port == listening
