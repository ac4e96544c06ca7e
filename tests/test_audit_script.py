"""`make audit`: a weakness fails, a network that is not there warns, anything else fails."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "scripts" / "audit.py"
CLEAN = {"name": "numpy", "version": "2.0", "vulns": []}
WEAK = {"name": "pillow", "version": "1.0", "vulns": [{"id": "CVE-1", "fix_versions": ["1.1"]}]}
SKIPPED = {"name": "torch", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("stdout", "stderr", "status", "told"),
    [
        (
            json.dumps({"dependencies": [CLEAN, SKIPPED]}),
            "",
            0,
            "warning: not checked, for the database does not know them: torch",
        ),
        (json.dumps({"dependencies": [SKIPPED, SKIPPED]}), "", 0, "warning: NOTHING WAS CHECKED, the database asked"),
        (json.dumps({"dependencies": [CLEAN]}), "", 0, "1 packages checked, 0 known weaknesses"),
        (json.dumps({"dependencies": [CLEAN, WEAK]}), "Found 1", 1, "pillow 1.0: CVE-1, mended in 1.1"),
        ("", "ERROR: Could not connect to the vulnerability feed", 0, "warning: NOTHING WAS CHECKED"),
        ("", "ERROR: invalid requirements input", 1, "pip-audit failed"),
    ],
)
def test_what_is_told(tmp_path: Path, stdout: str, stderr: str, status: int, told: str) -> None:
    stand_in = tmp_path / "pip_audit.py"
    code = f"import sys; sys.stdout.write({stdout!r}); sys.stderr.write({stderr!r}); sys.exit(1)"
    stand_in.write_text(code, encoding="utf-8")
    words = [sys.executable, str(SCRIPT), "requirements.lock", "--command", sys.executable, str(stand_in)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    assert told in done.stdout + done.stderr
