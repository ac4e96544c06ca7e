"""Whom the page shows, and what it says of them, against the run's own arrays."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuvee.explainers.views import in_words
from cuvee.models.blend import BlendModel
from cuvee.models.popular import Popular
from cuvee.pipeline import Run
from cuvee.report.showcase import Person, choose_users, showcase
from cuvee.types import PAD
from tests.runs import small_run


def people(done: Run) -> tuple[Person, ...]:
    measured = done.tests["test"]
    quality = measured.results.per_query[done.metric].to_numpy()
    return showcase(done.model, done.split.tests["test"], measured.slate, done.split.train, quality)


def _cut(name: str) -> str:
    return name if len(name) <= 90 else name[:89].rstrip() + "…"


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return small_run(
        tmp_path_factory.mktemp("pictures"),
        titles={4: "A name without end " * 4 + "at least not here, where it is cut"},
    )


def test_choice_by_hand() -> None:
    """Lengths put users 1 3 5 | 0 2 | 6 4 together; of each the middle one, and a good one of those served."""
    lengths = np.array([5, 1, 6, 2, 9, 2, 8], np.int32)
    quality = np.array([0.4, 0.9, 0.2, 0.0, 0.0, 0.3, 0.0], np.float32)
    served = np.array([1, 1, 1, 0, 0, 1, 0], bool)
    chosen = [
        (5, "short history, a typical result"),
        (1, "short history, a good result"),
        (2, "medium history, a typical result"),
        (0, "medium history, a good result"),
        (6, "long history, a typical result"),
    ]
    assert choose_users(lengths, quality, served) == chosen
    served[4] = True
    assert choose_users(lengths, quality, served) == [*chosen, (4, "long history, a good result")]
    served[[4, 6]] = False, True
    assert choose_users(lengths, quality, served) == chosen


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4)), min_size=1, max_size=40))
def test_choice_is_bounded_and_honest(users: list[tuple[int, int]]) -> None:
    """At most six different users; one who was served nothing is never a good result."""
    lengths, quality = np.array(users, np.int32).T
    chosen = choose_users(lengths, quality.astype(np.float32), quality > 2)
    rows = [row for row, _ in chosen]
    assert 1 <= len(rows) == len(set(rows)) <= 6
    assert all(quality[row] > 2 for row, role in chosen if role.endswith("a good result"))
    if len(users) >= 3:
        assert sum(role.endswith("a typical result") for _, role in chosen) == 3


def test_people_against_the_arrays(done: Run) -> None:
    """Names, hits and what was held back are those of the user's row of the slate and of the truth."""
    held, slate, train = done.split.tests["test"], done.tests["test"].slate, done.split.train
    titles = [_cut(t) for t in train.item_table["title"].to_list()]
    found = people(done)
    assert len(found) == 6
    assert any(p.found for p in found)
    for p in found:
        q = train.user_rows[p.user_id]
        shown = [i for i in slate.items[q, :10].tolist() if i != PAD]
        wanted = set(held.truth[[q]].indices.tolist())
        assert [s.thing.name for s in p.shown] == [titles[i] for i in shown]
        assert [s.thing.found for s in p.shown] == [i in wanted for i in shown]
        assert p.found == len(wanted & set(shown)) == sum(t.found for t in p.wanted)
        assert len(p.wanted) + p.unnamed == len(wanted)
        assert [t.found for t in p.wanted] == sorted((t.found for t in p.wanted), reverse=True)
        history = [i for i in held.queries.history[q].tolist() if i != PAD]
        assert [t.name for t in p.past] == [titles[i] for i in history[::-1][:8]]
        assert p.length == len(set(history))


def test_reasons(done: Run) -> None:
    """Shares are the positive parts of that item's score; the loudest past item is the largest of its trace."""
    held, train, model = done.split.tests["test"], done.split.train, done.model
    assert isinstance(model, BlendModel)
    names, told = [_cut(t) for t in train.item_table["title"].to_list()], 0
    for p in people(done):
        one = held.take(np.array([train.user_rows[p.user_id]]))
        items = [names.index(s.thing.name) for s in p.shown]
        parts, trace = model.parts(one.queries), model.trace(one.queries, np.array([items], np.int32))[0].toarray()
        for place, (item, s) in enumerate(zip(items, p.shown, strict=True)):
            positive: dict[str, float] = {}
            for name, values in parts.items():
                positive[in_words(name)] = positive.get(in_words(name), 0.0) + max(float(values[0, item]), 0)
            whole = sum(positive.values()) or 1.0
            assert [t.share for t in s.shares] == sorted((t.share for t in s.shares), reverse=True)
            found = dict.fromkeys(positive, 0.0) | {t.part: t.share for t in s.shares}
            assert found == pytest.approx({name: value / whole for name, value in positive.items()}, abs=0.01)
            loudest = int(trace[place].argmax())
            assert s.because == (names[loudest] if trace[place, loudest] > 0 else "")
            told += bool(s.shares and s.because)
    assert told > 30


def test_pictures(done: Run) -> None:
    """Item 1 has none and that of item 2 is broken; every other is there."""
    things = {s.thing.name: s.thing.picture for p in people(done) for s in p.shown}
    for name, picture in things.items():
        assert (picture is None) == (name in ("Thing 1", "Thing 2"))
    assert "Thing 1" in things or "Thing 2" in things


def test_a_model_without_reasons(tmp_path: Path) -> None:
    for p in people(small_run(tmp_path, model=Popular())):
        assert all(not s.shares and not s.because for s in p.shown)
