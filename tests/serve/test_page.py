"""Every curl command of the pages about serving does what it says."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from tests.serve.conftest import Running

PAGES = [Path(__file__).parents[2] / "docs" / f"{name}.md" for name in ("serving", "rules", "experiments")]
COMMANDS = [
    command.replace("\\\n", " ")
    for page in PAGES
    for block in re.findall(r"```bash\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    for command in re.findall(r"^curl (?:.*\\\n)*.*", block, re.MULTILINE)
]


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
@pytest.mark.parametrize("command", COMMANDS)
def test_curl(service: Running, command: str, tmp_path: Path) -> None:
    Image.new("RGB", (20, 10), "red").save(tmp_path / "lamp.jpg")
    words = shlex.split(command)
    key = service.client.headers["authorization"]
    words = [word.replace("Authorization: Bearer $KEY", f"Authorization: {key}") for word in words]
    words = [word.replace("localhost:8000", f"127.0.0.1:{service.client.base_url.port}") for word in words]
    done = subprocess.run(
        [*words, "--fail-with-body"], capture_output=True, text=True, check=False, timeout=30, cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout


def test_there_are_some() -> None:
    assert len(COMMANDS) >= 5
