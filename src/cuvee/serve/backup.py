"""One file with all that a service needs to go on elsewhere, made while it serves, and back again.

A tar archive: `manifest.json`, the database (`cuvee.db`, or `database.dump` of PostgreSQL), `media/`, and the bundle of
every version (`models/VERSION/`), each file with its SHA-256.
"""

import hashlib
import io
import json
import logging
import os
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, inspect
from sqlalchemy.engine import URL, make_url

from cuvee import __version__
from cuvee.errors import ConfigError, DataError
from cuvee.logs.sql import SqlLog
from cuvee.sql.database import reading, writing
from cuvee.sql.models import known_versions, move_version

__all__ = ["back_up", "database_in", "restore"]

logger = logging.getLogger(__name__)

_MANIFEST, _FORMAT = "manifest.json", 1
_SQLITE, _POSTGRESQL = "cuvee.db", "database.dump"
_CHUNK = 1 << 20


def database_in(data: Path) -> str:
    """Return the URL of the database that a service keeps in its folder."""
    return f"sqlite:///{data.resolve() / _SQLITE}"


def back_up(data: Path, database: str | None, out: Path) -> dict[str, int]:
    """Write everything to `out`, which is there whole or not at all; return the number of files and of bytes.

    The database is taken first, as it is at one moment: every event that was acknowledged before is in it.

    Raises:
        DataError: there is no such service.
        ConfigError: `out` is there already, or a program of PostgreSQL is missing or fails.
    """
    if out.exists():
        raise ConfigError(f"{out} is there already; name another file")
    url = make_url(database or database_in(data))
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).is_file():
        raise DataError(
            f"{data} holds no service: there is no {_SQLITE}; name the folder that `cuvee serve --data` has"
        )
    part = out.with_name(f"{out.name}.part")
    part.unlink(missing_ok=True)
    part.touch(0o600)  # it holds what people did, and digests of keys
    try:
        listed = _written(part, url, data, database)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    return {"files": len(listed), "bytes": sum(file["bytes"] for file in listed.values())}


def restore(backup: Path, data: Path, database: str | None = None) -> dict[str, Any]:
    """Make a service's folder, and its database, out of a backup; return the manifest.

    Everything is checked before anything is put in place.

    Raises:
        DataError: not a backup, or a damaged one; the message names the file in it.
        ConfigError: the folder or the database is not empty, or a program of PostgreSQL is missing or fails.
    """
    if data.exists() and (not data.is_dir() or any(data.iterdir())):
        raise ConfigError(f"{data} is not empty; restore into a new folder, and rename it when all is well")
    data.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=data.resolve().parent) as folder:
        whole = Path(folder, "data")
        told = _unpacked(backup, whole)
        dump = whole / _POSTGRESQL
        if dump.is_file() != (database is not None):
            wanted = "with --database, an empty one" if database is None else "without --database"
            raise ConfigError(
                f"{backup} is of a service in {'PostgreSQL' if dump.is_file() else 'SQLite'}: restore {wanted}"
            )
        if database is not None:
            _loaded(make_url(database), dump)
            dump.unlink()
        log = SqlLog(database or database_in(whole))
        with writing(log.engine) as connection:
            for version in known_versions(connection):
                if (whole / "models" / version.version).is_dir():
                    move_version(connection, version.version, data.resolve() / "models" / version.version)
        log.close()
        if data.exists():
            data.rmdir()
        whole.replace(data)
    return told


def _written(part: Path, url: URL, data: Path, database: str | None) -> dict[str, dict[str, Any]]:
    """Write the archive and return its manifest of files; what is gone by the time it is read is left out."""
    listed: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(dir=part.resolve().parent) as folder, tarfile.open(part, "w") as archive:
        dump = _dumped(url, Path(folder))
        for name, path in [(dump.name, dump), *_files(data, database)]:
            try:
                file = _Digesting(path)
            except FileNotFoundError:
                logger.warning("%s was deleted meanwhile and is not in the backup", path)
                continue
            with file:
                entry = archive.gettarinfo(arcname=name, fileobj=file)
                archive.addfile(entry, file)
            listed[name] = {"sha256": file.digest.hexdigest(), "bytes": entry.size}
        told = {"cuvee_backup": _FORMAT, "cuvee": __version__, "made_at": time.time(), "files": listed}
        text = json.dumps(told, indent=1).encode()
        entry = tarfile.TarInfo(_MANIFEST)
        entry.size = len(text)
        archive.addfile(entry, io.BytesIO(text))
    with part.open("rb") as written:
        os.fsync(written.fileno())
    return listed


class _Digesting(io.FileIO):
    """A file whose bytes are digested as they are read, so that what is told of them is true of what was written."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "rb")
        self.digest = hashlib.sha256()

    def read(self, size: int | None = -1, /) -> bytes:
        found = super().read(-1 if size is None else size) or b""
        self.digest.update(found)
        return found


def _files(data: Path, database: str | None) -> Iterator[tuple[str, Path]]:
    """Yield name in the archive and file of what stands beside the database."""
    for path in sorted((data / "media").glob("*")):
        if path.is_file() and path.suffix != ".part":  # an upload under way changes while it is read
            yield f"media/{path.name}", path
    log = SqlLog(database or database_in(data))
    with reading(log.engine) as connection:
        versions = known_versions(connection)
    log.close()
    for version in versions:
        bundle = version.bundle / "bundle" if (version.bundle / "bundle").is_dir() else version.bundle
        for path in sorted(bundle.rglob("*")):
            if path.is_file():
                yield f"models/{version.version}/{path.relative_to(bundle)}", path


def _dumped(url: URL, folder: Path) -> Path:
    if url.get_backend_name() == "sqlite":
        target = folder / _SQLITE
        with closing(sqlite3.connect(str(url.database))) as source, closing(sqlite3.connect(target)) as copy:
            source.backup(copy)
        return target
    target = folder / _POSTGRESQL
    _program("pg_dump", url, "--format=custom", "--no-owner", f"--file={target}")
    return target


def _loaded(url: URL, dump: Path) -> None:
    """Fill an empty PostgreSQL database."""
    engine = create_engine(url)
    with engine.connect() as connection:
        tables = inspect(connection).get_table_names()
    engine.dispose()
    if tables:
        raise ConfigError(f"the database {url.database!r} has tables already; make an empty one and name it")
    _program("pg_restore", url, "--no-owner", "--exit-on-error", "--single-transaction", str(dump))


def _program(name: str, url: URL, *words: str) -> None:
    program = shutil.which(name)
    if program is None:
        raise ConfigError(f"{name} is not installed; it comes with the client programs of PostgreSQL")
    address = ["--host", url.host or "", "--port", str(url.port or 5432), "--username", url.username or ""]
    named = [part for flag, value in zip(address[::2], address[1::2], strict=True) if value for part in (flag, value)]
    done = subprocess.run(
        [program, *named, f"--dbname={url.database}", "--no-password", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ConfigError(f"{name} failed: {done.stderr.strip()}")


def _unpacked(backup: Path, folder: Path) -> dict[str, Any]:
    """Unpack a backup whose every file is what the manifest says."""
    folder.mkdir()
    try:
        with tarfile.open(backup, "r:") as archive:
            for entry in archive:
                if not entry.isfile() or entry.name.startswith("/") or ".." in Path(entry.name).parts:
                    raise DataError(f"{backup}: {entry.name} is no plain file inside it, as everything in a backup is")
                archive.extract(entry, folder, filter="data")
        told = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
        listed: dict[str, dict[str, Any]] = told["files"]
        form = told["cuvee_backup"]
    except (tarfile.TarError, OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{backup} is not a backup of cuvee, or a damaged one: {error}") from error
    if form != _FORMAT:
        raise DataError(f"{backup} has format {form!r}; this cuvee reads {_FORMAT}")
    (folder / _MANIFEST).unlink()
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    for name in sorted(there ^ set(listed)):
        raise DataError(f"{backup}: {name} is {'not in the manifest' if name in there else 'missing'}")
    for name, file in listed.items():
        if _digest(folder / name) != file["sha256"]:
            raise DataError(f"{backup}: {name} is damaged")
    return dict(told)


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
