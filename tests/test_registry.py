"""From a name to a component and back, for every component there is."""

from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cuvee import registry
from cuvee.errors import ConfigError, UnknownNameError
from cuvee.models.blend import Blend
from cuvee.models.content_ease import ContentEase
from cuvee.models.ease import Ease
from cuvee.models.popular import Popular
from cuvee.models.tuned import Tuned
from cuvee.protocols import Estimator
from cuvee.readers.folder import Folder
from cuvee.splits.given import Given
from tests.test_conformance import SAMPLES

EVERY = [(kind, name) for kind in registry.KINDS for name in registry.names(kind)]


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_described_and_built_again(kind: str, name: str) -> None:
    """What a component is described as is plain YAML and builds an equal one."""
    found = registry.find(kind, name)
    required = {
        "path": "data.npy" if name == "precomputed" else "data",
        "column": "c",
        "url": "sqlite://",
        "project": "p",
        "folder": "f",
    }
    missing = {
        k: required[k] for k, (_, f) in registry.parameters(found).items() if registry._required(f) and k in required
    }
    component = registry.build(kind, {name: {**missing, **SAMPLES.get((kind, name), {})}})
    described = registry.describe(component)
    assert registry.build(kind, yaml.safe_load(yaml.safe_dump(described))) == component
    assert registry.build(kind, component) is component
    inside = described if isinstance(described, str) else next(iter(described))
    assert inside == name


VIEW = st.one_of(
    st.builds(Ease, st.floats(0.1, 1e4)),
    st.builds(Popular),
    st.builds(
        ContentEase,
        st.dictionaries(st.sampled_from(["on", "yes", "text", "1"]), st.floats(0, 2), min_size=1),
        share=st.floats(0, 1),
    ),
    st.builds(Tuned, st.builds(Ease), st.just({"l2": (1.0, 2.5)}), st.integers(1, 3)),
)


@settings(deadline=None)  # components are imported on first use
@given(st.lists(VIEW, min_size=1, max_size=4), st.booleans())
def test_nested_components_come_back(views: list[Estimator], weighted: bool) -> None:
    """Protocols inside protocols, mappings and None."""
    blend = Blend(tuple(views), weights=tuple(0.5 + v for v in range(len(views))) if weighted else None)
    nested = Blend((blend, Tuned(blend, {"k": (5, 10)})))
    assert registry.build("models", registry.describe(nested)) == nested


def test_names_are_files_and_need_no_import() -> None:
    assert {"ease", "blend", "content_ease"} <= set(registry.names("models"))
    assert "__init__" not in registry.names("models")
    assert registry.find("models", "ease") is Ease
    with pytest.raises(UnknownNameError, match=r"unknown kind of component 'modles'; did you mean 'models'"):
        registry.names("modles")
    with pytest.raises(UnknownNameError, match=r"unknown component of models 'eas'; did you mean 'ease'"):
        registry.build("models", "eas")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"ease": {True: 1}}, r"unknown parameter of models 'ease': True"),
        ({"ease": {"l3": 1}}, r"parameter of models 'ease': 'l3'; did you mean 'l2'"),
        ({"ease": {"l2": "much"}}, r"ease\.l2: .*number.*'much'"),
        ({"item_knn": {"neighbours": 2.5}}, r"item_knn\.neighbours: .*integer.*2\.5"),
        ({"content": {"on": ["text"]}}, r"content\.on: .*\['text'\]"),
        ({"content": {"on": {"text": "x"}}}, r"content\.on\.text: .*'x'"),
        ({"blend": {}}, "models 'blend' needs a value for views"),
        ({"blend": {"views": "ease"}}, r"blend\.views must be a list, got 'ease'"),
        ({"blend": {"views": [{"ease": {"l2": []}}]}}, r"ease\.l2"),
        ({"blend": {"views": [3]}}, "one of models is written .* got 3"),
        ({"blend": {"views": []}}, "at least one view"),
        ({"tuned": {"model": None, "grid": {}}}, "one of models is written"),
        ({"ease": 5}, "parameters of models 'ease' must be a mapping, got 5"),
        ({"ease": {}, "popular": {}}, "one of models is written"),
        (None, "one of models is written"),
        ({"content_ease": {"share": 2}}, "share"),
    ],
)
def test_what_cannot_be_built(spec: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        registry.build("models", spec)


def test_an_unknown_name_inside_suggests() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'content_ease'"):
        registry.build("models", {"blend": {"views": ["ease", {"content_eas": {}}]}})


def test_paths_are_taken_from_the_recipe() -> None:
    folder = registry.build("readers", {"folder": {"path": "shop"}}, Path("/recipes"))
    assert folder == Folder(Path("/recipes/shop"))
    assert registry.build("splits", {"given": {"path": "/s.csv"}}, Path("/recipes")) == Given(Path("/s.csv"))
    assert registry.build("readers", {"folder": {"path": "shop"}}) == Folder(Path("shop"))


def test_meaning_and_type_of_a_parameter() -> None:
    assert registry.meaning(Ease, "l2") == "Ridge penalty, in units of co-occurrence counts."
    assert registry.meaning(Ease, "fit") == ""
    types = {key: registry.type_name(t) for key, (t, _) in registry.parameters(Blend).items()}
    assert types == {
        "views": "tuple[Estimator, ...]",
        "weights": "tuple[float, ...] | None",
        "newcomers": "tuple[float, ...] | None",
        "arrivals": "tuple[float, ...] | None",
        "lift": "float | None",
        "room": "float",
        "shares": "tuple[float, ...] | None",
        "k": "int",
    }


@dataclass(frozen=True)
class Foreign:
    """A model of another package."""

    inner: Estimator | None = None
    """Something inside."""
    parts: dict[str, int] = field(default_factory=dict)
    """Sizes."""


def test_other_packages_add_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    """By an entry point: found, listed, built with a component inside, and described by its name."""
    entry = EntryPoint("foreign", f"{__name__}:Foreign", "cuvee.models")
    monkeypatch.setattr(registry, "entry_points", lambda group: [entry] if group == "cuvee.models" else [])
    assert "foreign" in registry.names("models")
    for inner in (None, "ease", {"ease": {"l2": 3.0}}):
        built = registry.build("models", {"foreign": {"inner": inner}})
        assert built == Foreign(None if inner is None else registry.build("models", inner))
        assert registry.build("models", registry.describe(built)) == built
    registry.find.cache_clear()
