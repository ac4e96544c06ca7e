import os
import signal
import socket
import string
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import numpy as np
import pytest

from cuvee.errors import ConfigError, DataError, LanguageModelError
from cuvee.generation.completions import METER
from cuvee.llms.local import Local
from cuvee.llms.openai_compatible import OpenaiCompatible
from cuvee.testing import check_language_model
from cuvee.types import Message
from tests.llms.chat_server import ChatServer, serving

QUESTION = [Message("system", "be brief"), Message("user", "wine and cheese?")]


@pytest.fixture(scope="module")
def here(llama: Path) -> Local:
    return Local(str(llama), precision="float32", max_tokens=24)


@pytest.fixture(scope="module")
def running(here: Local) -> Iterator[ChatServer]:
    with serving(here) as state:
        yield state


@pytest.fixture
def server(running: ChatServer) -> ChatServer:
    running.plan.clear()
    running.requests.clear()
    running.keys.clear()
    return running


def there(server: ChatServer, **more: Any) -> OpenaiCompatible:
    return OpenaiCompatible("m", server.url, **more)


def test_keeps_the_contract(server: ChatServer) -> None:
    check_language_model(there(server))


def test_says_what_the_model_behind_it_says(server: ChatServer, here: Local) -> None:
    completion = there(server).complete(QUESTION)
    pieces = list(completion)
    assert "".join(pieces) == here.complete(QUESTION).text
    assert len(pieces) > 3
    usage, expected = completion.usage, here.complete(QUESTION).usage
    assert (usage.prompt_tokens, usage.completion_tokens) == (expected.prompt_tokens, expected.completion_tokens)
    assert (usage.finish, usage.retries) == ("length", 0)
    assert 0 < usage.first_token_seconds < usage.seconds


def test_sends_what_it_was_given(server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    model = there(server, temperature=0.5, seed=4, max_tokens=9)
    assert model.complete(QUESTION, stop=["zzz"]).text
    sent = server.requests[0]
    assert sent["messages"] == [{"role": m.role, "content": m.text} for m in QUESTION]
    assert {k: sent[k] for k in ("model", "temperature", "seed", "max_tokens", "stop")} == {
        "model": "m",
        "temperature": 0.5,
        "seed": 4,
        "max_tokens": 9,
        "stop": ["zzz"],
    }
    assert server.keys == ["Bearer secret"]


def test_json_by_schema(server: ChatServer) -> None:
    pytest.importorskip("llguidance", reason="pip install 'cuvee[llm]'")
    schema = {"type": "object", "properties": {"dry": {"type": "boolean"}}, "required": ["dry"]}
    assert there(server).complete(QUESTION, schema=schema).text in ('{"dry": true}', '{"dry": false}')
    long = {"type": "array", "items": {"type": "integer"}, "minItems": 90}
    with pytest.raises(LanguageModelError, match=r"answered|broke off|cut the answer"):
        there(server).complete(QUESTION, schema=long).text  # noqa: B018


@pytest.mark.parametrize("status", ["429", "500", "503"])
def test_a_busy_server_is_asked_again(server: ChatServer, here: Local, status: str) -> None:
    server.plan += [status, status]
    before = METER.totals["m"].retries if "m" in METER.totals else 0
    completion = there(server).complete(QUESTION)
    assert completion.text == here.complete(QUESTION).text
    assert completion.usage.retries == 2 == METER.totals["m"].retries - before
    assert len(server.requests) == 3


def test_gives_up_in_the_end(server: ChatServer) -> None:
    server.plan += ["500"] * 5
    with pytest.raises(LanguageModelError, match="answered 500 after 2 retries"):
        there(server, retries=2).complete(QUESTION).text  # noqa: B018
    assert len(server.requests) == 3


def test_what_no_repetition_can_help_is_not_repeated(server: ChatServer) -> None:
    server.plan += ["401"]
    with pytest.raises(LanguageModelError, match="answered 401: "):
        there(server).complete(QUESTION).text  # noqa: B018
    assert len(server.requests) == 1


def test_a_stream_that_stalls(server: ChatServer) -> None:
    server.plan += ["stall", "stall"]
    completion = there(server, timeout=0.2).complete(QUESTION)
    start = time.monotonic()
    with pytest.raises(LanguageModelError, match=r"was silent for 0\.2 s"):
        completion.text  # noqa: B018
    assert time.monotonic() - start < 0.9
    with pytest.raises(LanguageModelError, match="was silent"):  # it stays failed
        completion.usage  # noqa: B018
    late = there(server, timeout=5, deadline=0.3).complete(QUESTION)
    assert late.usage.finish == "deadline"
    assert len(late.text) > 0


@pytest.mark.parametrize(("fault", "said"), [("cut", "out of memory"), ("garbage", "broke off")])
def test_a_stream_that_breaks(server: ChatServer, fault: str, said: str) -> None:
    server.plan += [fault]
    with pytest.raises(LanguageModelError, match=said):
        there(server).complete(QUESTION).text  # noqa: B018


def test_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cuvee.llms.openai_compatible._PAUSE", 0.01)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    with pytest.raises(LanguageModelError, match=r"cannot be reached, or broke off after 3 retries: .*refused"):
        OpenaiCompatible("m", url).complete(QUESTION).text  # noqa: B018


def test_how_likely_each_option_is(server: ChatServer, here: Local) -> None:
    """Of the likeliest 20 as the model behind it says; of others what the last of those has."""
    conversations = [QUESTION, [Message("user", "a book?")]]
    told = there(server).choose(conversations, string.ascii_letters)
    exact = here.choose(conversations, string.ascii_letters)
    floor = told.min(1, keepdims=True)
    assert ((told > floor).sum(1) >= 15).all()
    np.testing.assert_allclose(told[told > floor], exact[told > floor], rtol=1e-5)
    assert (exact[told == floor] <= floor.max() + 1e-4).all()
    assert server.requests[0]["max_tokens"] == 1
    server.plan += ["silent"]
    with pytest.raises(LanguageModelError, match="tells no log-probabilities"):
        there(server).choose([QUESTION], ["A", "B"])
    server.plan += ["401"]
    with pytest.raises(LanguageModelError, match="answered 401"):
        there(server).choose([QUESTION], ["A", "B"])


def test_one_of_many_that_fails_leaves_the_others(server: ChatServer) -> None:
    server.plan += ["401"]
    answers = there(server).complete_many([QUESTION] * 3)
    failed = 0
    for answer in answers:
        try:
            assert answer.text
        except LanguageModelError:
            failed += 1
    assert failed == 1


def test_pauses_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("cuvee.llms.openai_compatible.time.sleep", pauses.append)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    with pytest.raises(LanguageModelError):
        OpenaiCompatible("m", url, retries=5).complete(QUESTION).text  # noqa: B018
    for pause, expected in zip(pauses, [0.5, 1, 2, 4, 8], strict=True):
        assert 0.75 * expected <= pause <= 1.25 * expected


def test_bad_parameters() -> None:
    with pytest.raises(ConfigError, match="no secrets in the url"):
        OpenaiCompatible("m", "http://me:secret@127.0.0.1/v1")
    with pytest.raises(ConfigError, match="must begin with http"):
        OpenaiCompatible("m", "127.0.0.1:8000")
    with pytest.raises(ConfigError, match="retries cannot be -1"):
        OpenaiCompatible("m", retries=-1)
    with pytest.raises(DataError, match="at least one message"):
        OpenaiCompatible("m").complete([])


@pytest.fixture(scope="module")
def transformers_server(llama: Path) -> Iterator[str]:
    """`transformers serve` on the loopback, in a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).with_name("transformers")), "serve", str(llama), "--host", "127.0.0.1"]
    process = subprocess.Popen(
        [*command, "--port", str(port), "--device", "cpu"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(600):
            try:
                with urlopen(f"http://127.0.0.1:{port}/health", timeout=1):
                    break
            except (URLError, OSError):
                assert process.poll() is None, "transformers serve ended"
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        os.kill(process.pid, signal.SIGTERM)
        process.wait(30)


@pytest.mark.slow
def test_a_server_of_somebody_else(transformers_server: str, llama: Path, here: Local) -> None:
    """What `transformers serve` generates is what our loop writes; it knows no schema, which is noticed."""
    model = OpenaiCompatible(str(llama), transformers_server, max_tokens=24)
    completion = model.complete(QUESTION)
    pieces = list(completion)
    assert "".join(pieces) == here.complete(QUESTION).text
    assert len(pieces) > 3
    assert completion.usage.completion_tokens == 24
    with pytest.raises(LanguageModelError, match=r"does not keep to the schema|cut the answer"):
        model.complete(QUESTION, schema={"type": "integer"}).text  # noqa: B018
