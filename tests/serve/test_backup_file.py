"""The file of a backup: its owner's alone, and without uploads that are under way."""

import tarfile
from pathlib import Path

from cuvee.logs.sql import SqlLog
from cuvee.serve.backup import back_up, database_in
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
