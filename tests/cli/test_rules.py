"""Rules of a file are checked without a service, and stored, all or none."""

from pathlib import Path

import pytest

from cuvee.errors import ConfigError
from cuvee.logs.sql import SqlLog
from cuvee.sql.database import reading
from cuvee.sql.rules import Rule, all_rules
from tests.cli.test_commands import call, printed
from tests.serve.conftest import bundle as bundle

FINE = """
- {rule: summer, kind: pin, item: i03, position: 1, scenario: home, title: Summer}
- {rule: cheap, kind: boost, items: price < 0, factor: 1.5, priority: 2}
"""


def test_check_and_load(bundle: Path, tmp_path: Path) -> None:
    file, data = tmp_path / "rules.yaml", tmp_path / "service"
    data.mkdir()
    file.write_text(FINE, encoding="utf-8")
    assert printed("rules", "check", str(file), str(bundle)).splitlines() == [
        "summer: 1 item",
        "cheap: 0 items",
        "  note: no item fulfils its condition",
    ]
    assert printed("rules", "load", str(file), "--data", str(data)).strip() == "2 rules are stored"
    log = SqlLog(f"sqlite:///{data / 'cuvee.db'}")
    with reading(log.engine) as connection:
        found = all_rules(connection)
    log.close()
    assert found == (
        Rule("cheap", "boost", priority=2, items="price < 0", factor=1.5),
        Rule("summer", "pin", scenario="home", item="i03", position=1, title="Summer"),
    )


def test_what_cannot_act_is_told(bundle: Path, tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("- {rule: a, kind: filter, items: prise < 3}", encoding="utf-8")
    done = call("rules", "check", str(file), str(bundle))
    assert done.exit_code == 1
    assert "a cannot act" in done.output
    assert "did you mean 'price'" in done.output
    for text, told in (
        ("a: b", "no list of rules"),
        ("- {rule: a, kind: pin}", "rule 1: item: Field required"),
        ("- {rule: a, kind: boost, factor: 2}\n- {rule: a, kind: boost, factor: 3}", "two rules called 'a'"),
        ("- [", "is not YAML"),
    ):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError, match=told):
            call("rules", "check", str(file), str(bundle))
