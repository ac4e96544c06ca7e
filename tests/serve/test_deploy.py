"""What stands in deploy/: nginx in front of two processes loses nothing when one is killed; the other files fit us."""

import re
import shlex
import signal
import threading
from collections import Counter
from pathlib import Path

import httpx
import yaml

from cuvee.cli.main import cuvee
from tests.serve.conftest import running
from tests.servers import free_port, nginx

DEPLOY = Path(__file__).parents[2] / "deploy"
_REQUESTS, _AT_ONCE = 1_200, 4


def configured(listen: int, ports: tuple[int, int]) -> str:
    """Return the nginx.conf that we ship, with other ports, and logs where nginx runs."""
    text = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    for before, after in (
        ("8080", listen),
        ("127.0.0.1:8001", f"127.0.0.1:{ports[0]}"),
        ("127.0.0.1:8002", f"127.0.0.1:{ports[1]}"),
    ):
        assert text.count(before) == 1
        text = text.replace(before, str(after))
    text = text.replace(f"listen {listen};", f"listen 127.0.0.1:{listen};")
    return "error_log stderr;\n" + text.replace("http {", "http {\n    access_log off;", 1)


def test_a_killed_process_is_not_noticed_behind_nginx(bundle: Path, tmp_path: Path) -> None:
    """One of two is killed by SIGKILL under load: at most .1 % of what is asked meanwhile fails, no event is lost."""
    listen, acknowledged, outcomes = free_port(), list[str](), Counter[str]()
    with running(bundle, tmp_path, 1) as first, running(bundle, tmp_path, 1) as second:
        ports = (first.client.base_url.port, second.client.base_url.port)
        assert ports[0] is not None
        assert ports[1] is not None
        with nginx(configured(listen, (ports[0], ports[1])), listen) as front:
            half = threading.Event()

            def load(worker: int) -> None:
                with httpx.Client(base_url=front.url, headers=first.client.headers, timeout=30) as client:
                    for n in range(_REQUESTS // _AT_ONCE):
                        if n % 2:
                            event = {
                                "event_id": f"{worker}-{n}",
                                "user_id": f"p{worker}",
                                "item_id": "i01",
                                "kind": "view",
                            }
                            status = client.post("/v1/events", json={"events": [event]}).status_code
                            if status == 201:
                                acknowledged.append(event["event_id"])
                        else:
                            body = {"user_id": f"p{worker}", "k": 3, "reasons": False}
                            status = client.post("/v1/recommendations", json=body).status_code
                        outcomes["good" if status in (200, 201) else "failed"] += 1
                        if outcomes.total() > _REQUESTS / 3:
                            half.set()

            threads = [threading.Thread(target=load, args=(worker,)) for worker in range(_AT_ONCE)]
            for thread in threads:
                thread.start()
            assert half.wait(120)
            first.process.send_signal(signal.SIGKILL)
            for thread in threads:
                thread.join()
            assert outcomes.total() == _REQUESTS
            assert outcomes["failed"] <= _REQUESTS / 1_000
            with httpx.Client(base_url=front.url, headers=first.client.headers, timeout=30) as client:
                found = client.get("/v1/events", params={"limit": 10_000}).json()["events"]
            stored = [event["event_id"] for event in found]
            assert set(acknowledged) <= set(stored)
            assert len(stored) == len(set(stored))


def command_of(words: list[str]) -> None:
    """Check that a command line is one of ours, with options that it has."""
    context = cuvee.make_context("cuvee", [words[0], "--help"], resilient_parsing=True)
    program = cuvee.get_command(context, words[0])
    assert program is not None, words
    options = {name for parameter in program.params for name in parameter.opts}
    assert {word for word in words[1:] if word.startswith("--")} <= options


def test_compose_starts_commands_that_there_are() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]
    assert set(services) == {"cuvee", "ingest", "postgres", "redis"}
    for name in ("cuvee", "ingest"):
        command_of(services[name]["command"])
    for service in services.values():
        for other in service.get("depends_on", {}):
            assert other in services
        assert "password" not in str(service.get("command")).lower()


def test_the_image_is_made_of_what_there_is() -> None:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    for line in re.findall(r"^COPY (.+)$", text, re.MULTILINE):
        for source in shlex.split(line)[:-1]:
            assert (DEPLOY.parent / source).exists(), source
    lock = (DEPLOY.parent / "requirements-dev.lock").read_text(encoding="utf-8")
    for name, version in re.findall(r'"(psycopg|redis|faiss-cpu)(?:\[binary\])?==([\d.]+)"', text):
        assert f"{name}=={version}" in lock
    assert "USER cuvee" in text
    start = yaml.safe_load(re.findall(r"^CMD (\[\"serve.+\])$", text, re.MULTILINE)[0])
    command_of(start)


def test_the_unit_starts_a_command_that_there_is() -> None:
    text = (DEPLOY / "cuvee.service").read_text(encoding="utf-8")
    words = shlex.split(re.findall(r"^ExecStart=(.+)$", text, re.MULTILINE)[0])
    command_of(words[1:])
