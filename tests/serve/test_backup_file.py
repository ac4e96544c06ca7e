"""The file of a backup: its owner's alone, and without uploads that are under way."""

import json
import tarfile
from pathlib import Path

import pytest

from cuvee.errors import ConfigError, DataError
from cuvee.logs.sql import SqlLog
from cuvee.serve.backup import back_up, database_in, restore
from tests.logs.conftest import batch


def test_it_is_private_and_leaves_out_uploads_under_way(tmp_path: Path) -> None:
    media = tmp_path / "service" / "media"
    media.mkdir(parents=True)
    log = SqlLog(database_in(tmp_path / "service"))
    log.append(batch(3))
    log.close()
    (media / ("ab" * 32)).write_bytes(b"whole")
    (media / "tmp1.part").write_bytes(b"half")
    out = tmp_path / "backup.tar"
    back_up(tmp_path / "service", None, out)
    assert out.stat().st_mode & 0o077 == 0
    with tarfile.open(out) as archive:
        assert set(archive.getnames()) == {"cuvee.db", "manifest.json", "media/" + "ab" * 32}


def test_a_file_that_is_deleted_meanwhile_ends_no_backup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told and left out; the backup is whole without it."""
    media = tmp_path / "service" / "media"
    media.mkdir(parents=True)
    SqlLog(database_in(tmp_path / "service")).read(0, 1)
    for name in ("aa", "bb"):
        (media / name).write_bytes(name.encode() * 100_000)
    there = Path.is_file

    def deleted(path: Path) -> bool:
        found = there(path)
        if path.name == "bb" and found:
            path.unlink()
        return found

    monkeypatch.setattr(Path, "is_file", deleted)
    back_up(tmp_path / "service", None, tmp_path / "b.tar")
    monkeypatch.undo()
    assert "bb was deleted meanwhile" in caplog.text
    restore(tmp_path / "b.tar", tmp_path / "new")
    assert [path.name for path in (tmp_path / "new" / "media").iterdir()] == ["aa"]


def test_a_backup_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "service").mkdir()
    SqlLog(database_in(tmp_path / "service")).read(0, 1)

    def full(*_: object, **__: object) -> None:
        raise ConfigError("the disk is full")

    monkeypatch.setattr(json, "dumps", full)
    with pytest.raises(ConfigError, match="full"):
        back_up(tmp_path / "service", None, tmp_path / "b.tar")
    assert [path.name for path in tmp_path.iterdir()] == ["service"]


def test_a_link_in_a_backup_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "b.tar", "w") as archive:
        link = tarfile.TarInfo("media/x")
        link.type, link.linkname = tarfile.SYMTYPE, "y"
        archive.addfile(link)
    with pytest.raises(DataError, match="media/x is no plain file inside it"):
        restore(tmp_path / "b.tar", tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["b.tar"]
