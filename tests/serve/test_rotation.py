"""A key is followed by another, in every process at once; what is remembered keeps none alive that has ended."""

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from cuvee.errors import ConfigError, UnknownNameError
from cuvee.logs.sql import SqlLog
from cuvee.serve.access import _found
from cuvee.serve.reach import Reach
from cuvee.sql.audit import newest_entries
from cuvee.sql.database import reading, writing
from cuvee.sql.keys import Key, find_key, list_keys, make_key, revoke_key, rotate_key
from tests.cli.test_commands import printed
from tests.serve.conftest import Running


def codes(service: Running, key: str) -> set[int]:
    """Return what either process answers: each connection goes to one of them."""
    headers = {"Authorization": f"Bearer {key}", "Connection": "close"}
    return {httpx.get(service.client.base_url.join("/v1/popular"), headers=headers).status_code for _ in range(12)}


def test_every_process_knows_at_once(service: Running) -> None:
    old = printed("keys", "make", *service.where, "shop").strip()
    assert codes(service, old) == {200}
    new = printed("keys", "rotate", *service.where, old.split("_")[1]).strip()
    assert codes(service, old) == codes(service, new) == {200}, "both work while they overlap"
    assert service.client.get("/v1/audit", headers={"Authorization": f"Bearer {new}"}).status_code == 403
    newest = printed("keys", "rotate", *service.where, new.split("_")[1], "--overlap", "0").strip()
    assert codes(service, new) == {401}
    assert codes(service, newest) == {200}
    printed("keys", "revoke", *service.where, newest.split("_")[1])
    assert codes(service, newest) == {401}


@pytest.fixture
def log(tmp_path: Path) -> SqlLog:
    return SqlLog(f"sqlite:///{tmp_path}/cuvee.db")


def named(log: SqlLog, key: str) -> Key:
    with reading(log.engine) as connection:
        return next(k for k in list_keys(connection) if k.key_id == key.split("_")[1])


@pytest.mark.parametrize("days", [None, 0.5, 90.0])
def test_what_the_successor_is(log: SqlLog, days: float | None) -> None:
    with writing(log.engine) as connection:
        old = make_key(connection, "shop", ("events", "read"), days)
    before = named(log, old)
    with writing(log.engine) as connection:
        new = rotate_key(connection, before.key_id, 24)
        [entry] = newest_entries(connection, 1)
    then, after = named(log, old), named(log, new)
    assert (after.name, after.scopes) == ("shop", ("events", "read"))
    assert then.expires_at is not None
    hours = 12 if days == 0.5 else 24
    assert then.expires_at == pytest.approx(time.time() + hours * 3_600, abs=5), "never later than before"
    assert then.usable(then.expires_at - 1)
    assert not then.usable(then.expires_at)
    if days is None:
        assert after.expires_at is None
    else:
        assert after.expires_at == pytest.approx(after.created_at + days * 86_400)
    assert (entry.actor, entry.action, entry.subject) == ("keys", "rotate", before.key_id)
    assert after.key_id in entry.details
    assert new.split("_", 2)[2] not in str(entry)
    assert old.split("_", 2)[2] not in str(entry)


def test_what_cannot_be_rotated(log: SqlLog) -> None:
    with writing(log.engine) as connection:
        one, other = (make_key(connection, name, ("read",)).split("_")[1] for name in ("one", "other"))
        revoke_key(connection, other)
        successor = rotate_key(connection, one, 1).split("_")[1]
        with pytest.raises(ConfigError, match=f"'{one}' was rotated before; '{successor}'"):
            rotate_key(connection, one, 1)
        with pytest.raises(ConfigError, match=f"'{other}' no longer works"):
            rotate_key(connection, other, 1)
        with pytest.raises(UnknownNameError, match="zzz"):
            rotate_key(connection, "zzz", 1)
        with pytest.raises(UnknownNameError, match="zzz"):
            revoke_key(connection, "zzz")


@pytest.mark.parametrize("ended", ["revoked", "expired"])
def test_what_is_remembered_for_outages_keeps_no_key_alive(log: SqlLog, ended: str) -> None:
    """While the database can be reached it is what counts; what it said last holds while it is away."""
    reach = Reach(lambda: log.engine)
    service: Any = SimpleNamespace(reach=reach, keys={})
    with writing(log.engine) as connection:
        old = make_key(connection, "shop", ("read",))
        assert find_key(connection, old)
    key_id = old.split("_")[1]
    found = _found(service, old)
    assert found is not None
    assert found.usable(time.time())
    with writing(log.engine) as connection:
        if ended == "revoked":
            revoke_key(connection, key_id)
        else:
            rotate_key(connection, key_id, 0)
    for away in (False, True):
        if away:
            assert reach._trying.acquire(blocking=False)
        found = _found(service, old)
        assert found is not None
        assert not found.usable(time.time())
