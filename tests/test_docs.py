"""The docs say what the code does: reference pages are up to date, links lead somewhere, examples run."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.py"))


def test_reference_is_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "reference.py"), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target).exists(), f"{page.name}: broken link {target}"


def test_every_environment_variable_is_documented() -> None:
    settings = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    for path in (ROOT / "src").rglob("*.py"):
        for name in re.findall(r'"(CUVEE_[A-Z_]+?)_?"', path.read_text(encoding="utf-8")):
            assert name in settings, f"{path.name} reads {name}, which docs/reference/settings.md does not list"


def test_every_command_of_the_readme_exists() -> None:
    commands = {p.stem for p in (ROOT / "src" / "cuvee" / "cli" / "commands").glob("[a-z]*.py")}
    for page in PAGES:
        if page.parent.name == "reference":
            continue
        for command in re.findall(r"(?:^|`|\$ )cuvee ([a-z]+)\b", page.read_text(encoding="utf-8"), re.MULTILINE):
            assert command in commands, f"{page.name} speaks of `cuvee {command}`"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda p: p.name)
def test_examples_run(example: Path, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, str(example)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
