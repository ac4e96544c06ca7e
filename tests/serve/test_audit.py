"""What was done is listed page by page, and commands and requests write to one chain."""

from typing import Any

from cuvee.sql.audit import verify
from cuvee.sql.database import reading
from tests.cli.test_commands import printed
from tests.serve.conftest import Running


def test_pages_hold_every_entry_once(service: Running) -> None:
    for word in ("hide", "show") * 2:
        service.client.post(f"/v1/items/i04:{word}").raise_for_status()
    with reading(service.log.engine) as connection:
        chain = verify(connection)
    found: list[dict[str, Any]] = []
    after: int | None = 0
    while after is not None:
        page = service.client.get("/v1/audit", params={"after": after, "limit": 3}).raise_for_status().json()
        assert len(page["entries"]) <= 3
        found += page["entries"]
        after = page["next"]
    assert [e["entry"] for e in found] == list(range(1, chain.entries + 1))
    assert found[-1]["hash"] == chain.last
    assert [e["action"] for e in found if e["subject"] == "item i04"][-4:] == ["hidden", "available"] * 2
    assert all(e["actor"] and isinstance(e["details"], dict) for e in found)
    assert f"{chain.entries} entries" in printed("audit", "verify", *service.where, "--last", found[1]["hash"])


def test_only_admins_read_it(service: Running) -> None:
    key = printed("keys", "make", *service.where, "--scope", "read", "--scope", "events", "curious").strip()
    refused = service.client.get("/v1/audit", headers={"Authorization": f"Bearer {key}"})
    assert refused.status_code == 403
    for wrong in ({"after": -1}, {"limit": 0}, {"limit": 1_001}, {"after": 2**63}):
        assert service.client.get("/v1/audit", params=wrong).status_code == 422
