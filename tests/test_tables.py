"""Lines of text files, packed or not, and what keeps them from being read."""

import gzip
from pathlib import Path

import pytest

from cuvee import tables
from cuvee.errors import DataError
from cuvee.tables import numbered_lines


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz"])
def test_lines_are_numbered(name: str, tmp_path: Path) -> None:
    """Without a byte order mark and ends of lines, whatever they are; an empty line counts."""
    content = "\ufeffone\r\n\nTüte \ufeff\n".encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    assert list(numbered_lines(tmp_path / name)) == [(1, "one"), (2, ""), (3, "Tüte \ufeff")]


def test_what_keeps_it_from_being_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A packed file that stops short, one that unpacks into an endless line, another encoding, nothing at all."""
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"one\ntwo\n" * 5_000)[:-20])
    with pytest.raises(DataError, match=r"a\.gz: cannot be read after line \d+"):
        list(numbered_lines(path))
    path.write_bytes(gzip.compress(b"one\n" + b"0" * 5_000))
    monkeypatch.setattr(tables, "LONGEST_LINE", 1_000)
    with pytest.raises(DataError, match=r"a\.gz: line 2 is longer than 1000 bytes"):
        list(numbered_lines(path))
    (tmp_path / "b").write_bytes("eins\nTüte\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"line 2 is not utf-8: .*; save the file as UTF-8"):
        list(numbered_lines(tmp_path / "b"))
    with pytest.raises(DataError, match=r"line 2 is not ascii: .*; name the encoding it has"):
        list(numbered_lines(tmp_path / "b", "ascii"))
    assert list(numbered_lines(tmp_path / "b", "latin-1"))[1] == (2, "Tüte")
    with pytest.raises(DataError, match="gone: cannot be read after line 0"):
        list(numbered_lines(tmp_path / "gone"))
