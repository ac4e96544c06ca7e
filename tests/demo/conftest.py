"""One small shop a language, and the parts of a full-sized one without its pictures."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from PIL import Image

from cuvee.demo import world, write, write_shop
from cuvee.demo.behaviour import Log, Visits, happen, simulate
from cuvee.demo.catalogue import Catalogue, make_catalogue
from cuvee.demo.people import People, make_people


@dataclass(frozen=True)
class Shop:
    """A written shop."""

    folder: Path

    def table(self, name: str) -> pl.DataFrame:
        return pl.read_parquet(self.folder / f"{name}.parquet")

    @property
    def truth(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads((self.folder / "truth.json").read_text(encoding="utf-8"))
        return told


@dataclass(frozen=True)
class World:
    """A shop of 600 products and 700 people that is not written anywhere."""

    catalogue: Catalogue
    people: People
    visits: Visits
    log: Log


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare the drawing where the pictures do not matter."""
    monkeypatch.setattr(write, "draw", lambda *_: Image.new("RGB", (8, 8)))


@pytest.fixture(scope="session", params=["en", "zh"])
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    folder = tmp_path_factory.mktemp(f"shop-{request.param}")
    write_shop(folder, lang=request.param, seed=3, scale=0.05)
    return Shop(folder)


@pytest.fixture(scope="session")
def world_at_large() -> World:
    catalogue = make_catalogue(600, world.generator(5, 1))
    people = make_people(700, world.generator(5, 2))
    visits = simulate(people, catalogue, world.generator(5, 3))
    return World(catalogue, people, visits, happen(visits, world.generator(5, 4)))
