import logging
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cuvee import registry, testing
from cuvee.errors import ConfigError, UnknownNameError
from cuvee.llm_ranking import LlmRanker
from cuvee.llms.local import Local
from cuvee.queries import queries_of
from cuvee.types import PAD, Context, Slate
from tests.llms.chat_server import ChatServer, serving
from tests.tiny_language_models import TEMPLATE, save_tiny

DATA = testing.toy()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatServer]:
    folder = save_tiny(tmp_path_factory.mktemp("llama"), "llama", template=TEMPLATE, room=2048)
    with serving(Local(str(folder), precision="float32")) as state:
        state.words = string.ascii_uppercase[:20]
        yield state


def stage(server: ChatServer, **more: Any) -> Any:
    llm = {"openai_compatible": {"model": "m", "url": server.url, "retries": 0}}
    return registry.build("stages", {"llm_rerank": {"llm": llm, **more}}).prepare(DATA)


def slate() -> Slate:
    items = np.array([[3, 7, 1, 9, 12, 20], [8, 2, 5, 6, PAD, PAD]], np.int32)
    scores = np.where(items == PAD, -np.inf, np.linspace(2, 1, 6)).astype(np.float32)
    return Slate(items, scores, (items != PAD).astype(np.float32))


def test_the_top_is_in_the_order_of_the_model_and_the_rest_stays(server: ChatServer) -> None:
    queries, before = queries_of(DATA, np.arange(2, dtype=np.int32)), slate()
    after = stage(server, depth=4).apply(before, queries, Context(DATA, np.random.default_rng(0)))
    titles = DATA.item_table["title"].to_list()
    assert isinstance(server.model, Local)
    scores = LlmRanker(server.model, titles).score(queries, before.items[:, :4])
    for q in range(2):
        assert after.items[q, :4].tolist() == before.items[q, :4][np.argsort(-scores[q])].tolist()
        assert after.items[q, 4:].tolist() == before.items[q, 4:].tolist()
    assert after.items[:, :4].tolist() != before.items[:, :4].tolist()
    assert after.degraded is not None
    assert not after.degraded.any()
    np.testing.assert_array_equal(after.scores, before.scores)


def test_keeps_the_contract(server: ChatServer) -> None:
    llm = {"openai_compatible": {"model": "m", "url": server.url}}
    testing.check_stage(registry.build("stages", {"llm_rerank": {"llm": llm, "form": "point", "depth": 5}}), DATA)


def test_a_server_that_fails_leaves_the_order(server: ChatServer, caplog: pytest.LogCaptureFixture) -> None:
    queries = queries_of(DATA, np.arange(2, dtype=np.int32))
    server.plan += ["500"] * 2
    with caplog.at_level(logging.WARNING):
        after = stage(server).apply(slate(), queries, Context(DATA, np.random.default_rng(0)))
    server.plan.clear()
    assert after.items.tolist() == slate().items.tolist()
    assert "leaves the order as it was" in caplog.text
    assert after.degraded is not None
    assert after.degraded.tolist() == [True, True]


def test_a_model_run_here_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="too slow for requests; use openai_compatible"):
        registry.build("stages", {"llm_rerank": {"llm": {"local": {"weights": str(tmp_path)}}}})
    with pytest.raises(ConfigError, match="too slow for requests"):
        registry.build("stages", {"llm_rerank": {"llm": "local"}})


def test_bad_parameters(server: ChatServer) -> None:
    with pytest.raises(ConfigError, match="at most 52 places"):
        stage(server, depth=60)
    with pytest.raises(ConfigError, match="at least 1"):
        stage(server, depth=0)
    with pytest.raises(UnknownNameError, match="naem"):
        stage(server, column="naem")
