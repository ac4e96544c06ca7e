"""The tables: every one documented, every personal one known as such."""

from pathlib import Path

from cuvee.sql.database import open_database, reading
from cuvee.sql.schema import metadata, personal

DOCS = Path(__file__).parents[2] / "docs" / "event-log.md"

NOT_PERSONAL = {
    *("erasures", "privacy_releases", "audit", "api_keys"),
    *("items", "item_vectors", "media", "counters", "changes", "consumers"),
    *("experiments", "arms", "models", "activations", "jobs", "rules", "policies", "switches"),
}
"""Whoever adds a table decides: point at `users`, or stand here."""


def test_every_table_is_in_the_docs_as_it_is() -> None:
    rows = [line for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    tables = [f"| `{t.name}` | {t.comment} | {'yes' if personal(t) else ''} |" for t in metadata.tables.values()]
    assert rows[-len(tables) :] == tables


def test_personal_tables_are_known() -> None:
    assert {t.name for t in metadata.tables.values() if not personal(t)} == NOT_PERSONAL


def test_only_one_table_holds_user_ids() -> None:
    holders = [t.name for t in metadata.tables.values() if "user_id" in t.columns]
    assert holders == ["users"]


def test_references_to_people_are_indexed_so_that_erasure_is_quick() -> None:
    for table in metadata.tables.values():
        leading = {next(iter(index.columns)).name for index in table.indexes}
        keys = [c.name for c in table.primary_key.columns]
        for column in personal(table):
            assert column.name in leading | set(keys[:1]), f"{table.name}.{column.name}"


def test_sqlite_is_set_to_lose_nothing_and_to_leave_nothing(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path}/x.db", 3.5)
    expected = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1, "busy_timeout": 3500}
    with reading(engine) as connection:
        found = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in expected}
    assert found == expected
    engine.dispose()
