"""`cuvee chat`: one JSON object a message, and a conversation for people."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cuvee.bundle import save_bundle
from cuvee.cli.main import cuvee
from cuvee.errors import DataError, UnknownNameError
from tests.dialogue.catalogues import CATALOGUES
from tests.dialogue.conftest import bundle_of


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("chat")
    save_bundle(bundle_of(CATALOGUES["shop"]), folder)
    return str(folder)


def call(said: str, *arguments: str) -> Result:
    done = CliRunner().invoke(cuvee, ["chat", *arguments], input=said, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done


def test_json(bundle: str) -> None:
    done = call("a red dress\n\n不要北欧的，便宜一点\nundo\n", bundle, "--json", "-k", "2", "--user", "u1")
    turns = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(turns) == 3
    assert all(set(turn) == {"reply", "items", "state"} for turn in turns)
    (dress,) = turns[0]["items"]
    assert (dress["item_id"], dress["title"]) == ("s02", "Garden dress")
    assert dress["reasons"][0] == {"kind": "asked", "weight": 1.0, "text": "Red, Dress, as asked"}
    assert turns[0]["state"]["user"] == "u1"
    assert turns[2]["state"]["constraints"] == turns[0]["state"]["constraints"]


def test_for_people(bundle: str) -> None:
    out = call("wool\nwhy the first one?\nquit\nred\n", bundle).stdout
    assert "1. " in out
    assert "Wool, as asked" in out
    assert "Red" not in out  # said after leaving


def test_remembers_only_where_it_may(bundle: str, tmp_path: Path) -> None:
    memory = tmp_path / "memory.json"
    call("no wool\nI like the first one\n", bundle, "--json")
    assert not memory.exists()
    first = call("no wool\nI like the first one\n", bundle, "--json", "--remember", str(memory))
    liked = json.loads(first.stdout.splitlines()[-1])["state"]["liked"]
    again = json.loads(call("hats or coats\n", bundle, "--json", "--remember", str(memory)).stdout)
    assert again["state"]["liked"] == liked
    assert again["items"] == []  # hats and coats are of wool
    assert "Wool" in again["reply"]


def test_goes_on_from_a_state(bundle: str, tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text(json.dumps(json.loads(call("wool\n", bundle, "--json").stdout)["state"]))
    found = json.loads(call("under 30\n", bundle, "--json", "--state", str(path)).stdout)
    assert [item["item_id"] for item in found["items"]] == ["s12"]


@pytest.mark.parametrize("text", ["{", '{"language": "fr"}', "[]"])
def test_a_damaged_state(bundle: str, tmp_path: Path, text: str) -> None:
    path = tmp_path / "state.json"
    path.write_text(text)
    with pytest.raises(DataError, match=r"state\.json"):
        CliRunner().invoke(cuvee, ["chat", bundle, "--json", "--state", str(path)], input="a\n", catch_exceptions=False)


def test_an_unknown_user(bundle: str) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'u1'"):
        CliRunner().invoke(cuvee, ["chat", bundle, "--user", "u11"], input="a\n", catch_exceptions=False)
