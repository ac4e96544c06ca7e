"""Whatever text a file of each format holds comes back as it was."""

import json
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from cuvee.foreign import PART, Form, read_foreign

PLAIN = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters=":|\ufeff"), min_size=1)
ROWS = st.lists(st.tuples(PLAIN, PLAIN, PLAIN), min_size=1, max_size=6)


@given(rows=ROWS, separator=st.sampled_from(["\t", "|", "::"]))
@settings(deadline=None, max_examples=40)
def test_separated_text_survives(rows: list[tuple[str, str, str]], separator: str) -> None:
    """Quotes are letters like any other, one quote alone included."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.dat"
        path.write_bytes("".join(separator.join(row) + "\n" for row in rows).encode())
        form = Form("separated", separator, columns=("a", "b", "c"))
        assert read_foreign([path], form, ()).rows() == rows


LEAF = st.one_of(st.none(), st.text(st.characters(codec="utf-8")), st.integers(-9, 9), st.booleans())


@given(records=st.lists(st.fixed_dictionaries({"a": LEAF, "b": st.fixed_dictionaries({"c": LEAF})}), min_size=1))
@settings(deadline=None, max_examples=40)
def test_records_survive_in_both_forms(records: list[dict[str, object]]) -> None:
    """JSON and Python literals of the same records give the same text, nested keys too."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a"
        path.write_bytes("".join(json.dumps(r) + "\n" for r in records).encode())
        found = read_foreign([path], Form("jsonl"), ["a", "b.c"])
        path.write_bytes("".join(ascii(r) + "\n" for r in records).encode())
        assert read_foreign([path], Form("python"), ["b.c", "a"]).equals(found)

    def text(value: object) -> str | None:
        return None if value is None else str(value)

    assert found["a"].to_list() == [text(r["a"]) for r in records]
    assert found["b.c"].to_list() == [text(r["b"]["c"]) for r in records if isinstance(r["b"], dict)]


def test_lists_keep_their_parts(tmp_path: Path) -> None:
    """Nested lists are one list; what is empty in them is left out; a number goes into a list."""
    record = {"a": [["x", "y"], [], ["z", None, ""]], "b": [{"c": 1}, {"c": 2}], "d": {"e": "f"}}
    (tmp_path / "a").write_text(json.dumps(record) + "\n\n")
    found = read_foreign([tmp_path / "a"], Form("jsonl"), ["a", "b.1.c", "b.7.c", "d", "a.0"])
    assert found.to_dicts() == [
        {"a": f"x{PART}y{PART}z", "a.0": f"x{PART}y", "b.1.c": "2", "b.7.c": None, "d": '{"e": "f"}'}
    ]
