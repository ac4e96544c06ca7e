"""What one process of the service holds: the log, its writer, and the snapshot that answers now."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, TypeVar

from fastapi import Depends, Request
from sqlalchemy import Connection, Engine

from cuvee.errors import BundleError, ConfigError, DataError, UnknownNameError
from cuvee.features import load_encoders
from cuvee.logs.sql import SqlLog
from cuvee.serve.capping import Pending
from cuvee.serve.experiments import MOST_VERSIONS, versions_of
from cuvee.serve.following import followed, read_changes
from cuvee.serve.kept import Kept
from cuvee.serve.rates import Rates
from cuvee.serve.reach import TROUBLE, Away, Reach, brief
from cuvee.serve.snapshot import Snapshot, snapshot_of, version_in, warm_up, with_rules
from cuvee.serve.uploads import sweep
from cuvee.serve.writer import Writer
from cuvee.sql.database import reading, writing
from cuvee.sql.experiments import Experiment, all_experiments, experiments_changed
from cuvee.sql.keys import Key
from cuvee.sql.media import digests
from cuvee.sql.models import Version, activate, active_version, add_version, last_activation, version_of
from cuvee.sql.rules import all_rules, rules_changed
from cuvee.sql.shown import last_change

__all__ = ["Here", "Service", "Settings"]

logger = logging.getLogger(__name__)

_TRENDING_SECONDS, _TRENDING_WINDOWS = 5.0, 64
"""How long what trends is kept, and for how many windows: to count it goes through all events of the window."""

_PAUSE = 1.0
"""Seconds before a version that could not be loaded for want of the database is tried again."""

T = TypeVar("T")


@dataclass(frozen=True)
class Settings:
    """How the service runs."""

    bundle: Path
    """A bundle, or the folder of a run."""
    data: Path
    """Folder of the service's own files; made where it is missing."""
    url: str | None = None
    """Database; None: SQLite in `data`."""
    demo: bool = False
    """Whether requests need no key: for a service that only this machine can reach."""
    largest_body: int = 8 << 20
    """Bytes of a request, at most."""
    rate: float = 1_000.0
    """Requests a second of one key to one process; twice as many at once."""
    origins: tuple[str, ...] = ()
    """Origins whose pages may ask from a browser."""
    at_once: int = 512
    """Requests that one process answers at a time; others are told to come again."""
    patience: float = 10.0
    """Seconds in which a body must arrive, and one more for every 64 KiB of it."""

    @property
    def media(self) -> Path:
        """Folder of uploaded files, each named by its digest."""
        return self.data.resolve() / "media"

    @property
    def database(self) -> str:
        return self.url or f"sqlite:///{self.data.resolve() / 'cuvee.db'}"


class Service:
    """Shared by the requests of a process; `snapshot` is replaced by `follow`, and when a version is ready."""

    def __init__(self, settings: Settings) -> None:
        settings.data.mkdir(parents=True, exist_ok=True)
        self.settings = settings
        self.log = SqlLog(settings.database)
        self.reach = Reach(lambda: self.log.engine)
        self.writer = Writer(self.reach.engine)
        self.keys: dict[bytes, tuple[Key, float]] = {}
        """Digest of what was presented -> the key found, and when by the monotonic clock."""
        self.pending = Pending()
        self.trending = Kept[list[tuple[str, int]]](_TRENDING_SECONDS, _TRENDING_WINDOWS)
        self.rates = Rates(settings.rate, max(1, int(2 * settings.rate)))
        self._turn = threading.Lock()
        self._tried = 0
        self.experiments: tuple[Experiment, ...] = ()
        self._versions: Mapping[str, Snapshot] = {}
        self._loading: set[str] = set()
        with writing(self.engine) as connection:
            chosen = _first_version(connection, settings.bundle)
        self.snapshot: Snapshot = snapshot_of(chosen.bundle, chosen.event_offset)
        self._followed = 0
        with reading(self.engine) as connection:
            self.follow(connection)
            sweep(settings.media, digests(connection))
        threading.Thread(target=_ready_encoders, args=(self.snapshot,), daemon=True).start()

    @property
    def engine(self) -> Engine:
        return self.log.engine

    async def ask_log(self, ask: Callable[[SqlLog], T]) -> T:
        """Ask the log for what may take a while, and let others be answered meanwhile.

        Raises:
            Away: the database could not be reached a moment ago.
        """
        self.reach.engine()
        return await asyncio.to_thread(ask, self.log)

    def current(self) -> Snapshot:
        """Return the snapshot that answers now, followed where the database can be reached."""
        try:
            return self.fresh()
        except Away:
            return self.snapshot

    def fresh(self) -> Snapshot:
        """Return the snapshot that answers now, followed.

        Raises:
            Away: the database cannot be reached.
        """
        with self.reach.reading() as connection:
            return self.follow(connection)

    def follow(self, connection: Connection) -> Snapshot:
        """Take in what changed in the database since the last look, and return the snapshot that answers now.

        A version that was activated is loaded and tried beside the one that answers, which goes on until then.
        """
        newest = last_change(connection)
        if newest > self._followed:
            with self._turn:
                if newest > self._followed:
                    changes = read_changes(connection, self._followed, newest)
                    self.snapshot = followed(self.snapshot, changes, self.settings.media)
                    if rules_changed(connection, self._followed, newest):
                        self.snapshot = with_rules(self.snapshot, all_rules(connection))
                    self._versions = {
                        version: with_rules(followed(s, changes, self.settings.media), self.snapshot.book.stored)
                        for version, s in self._versions.items()
                    }
                    if experiments_changed(connection, self._followed, newest):
                        found = all_experiments(connection)
                        self.experiments = tuple(e for e in found if e.state == "running")
                    self._followed = newest
                    self._look_for_version(connection)
                    self._look_for_arms(connection)
        return self.snapshot

    def snapshot_of_version(self, version: str) -> Snapshot | None:
        """Return the snapshot of a version, that of the active one or of an arm; None: it is not loaded (yet)."""
        active = self.snapshot
        return active if active.version == version else self._versions.get(version)

    def adopt(self, prepared: Snapshot, of: Snapshot, span: tuple[int, int]) -> None:
        """Let a snapshot answer that knows what was just stored, unless anything else has changed meanwhile.

        Otherwise `follow` takes in what was stored together with the rest.

        Args:
            of: what it was prepared from.
            span: offsets of the changes before what was stored, and after it.
        """
        with self._turn:
            if self.snapshot is of and self._followed == span[0] and not self._versions:
                self.snapshot, self._followed = prepared, span[1]

    def _look_for_version(self, connection: Connection) -> None:
        activation, wanted = last_activation(connection), active_version(connection)
        if wanted is None or self._tried == activation:
            return
        self._tried = activation
        if wanted.version != self.snapshot.version:
            _beside(lambda: self._swap(wanted, activation))

    def _swap(self, wanted: Version, activation: int) -> None:
        loaded = self._loaded(wanted)
        if loaded is None:
            return
        with self._turn, reading(self.engine) as connection:
            if self._tried == activation:  # nobody has asked for another since
                self.snapshot = self._caught_up(connection, *loaded)
                logger.info("version %s answers now", wanted.version)
                self._look_for_arms(connection)

    def _look_for_arms(self, connection: Connection) -> None:
        """Load versions that arms ask for, each once, and let go of those that none asks for any more."""
        wanted = sorted(versions_of(self.experiments) - {self.snapshot.version})[:MOST_VERSIONS]
        self._versions = {version: s for version, s in self._versions.items() if version in wanted}
        for version in wanted:
            found = version_of(connection, version)
            if found is not None and version not in self._loading and version not in self._versions:
                _beside(partial(self._take_in, found))
        self._loading = {version for version in wanted if version not in self._versions}

    def _take_in(self, wanted: Version) -> None:
        loaded = self._loaded(wanted)
        if loaded is None:
            return
        with self._turn, reading(self.engine) as connection:
            if wanted.version in self._loading:
                self._loading.discard(wanted.version)
                self._versions = {**self._versions, wanted.version: self._caught_up(connection, *loaded)}
                logger.info("version %s answers for its arms now", wanted.version)

    def _loaded(self, wanted: Version) -> tuple[Snapshot, int] | None:
        """Return a version that has answered some requests of its own, and the change up to which it knows them.

        One that cannot is logged, and None returned.

        Raises:
            one of `TROUBLE`: the database is away.
        """
        try:
            with reading(self.engine) as connection:
                upto = last_change(connection)
                changes = read_changes(connection, 0, upto)
            snapshot = followed(snapshot_of(wanted.bundle, wanted.event_offset), changes, self.settings.media)
            warm_up(snapshot)
            load_encoders(snapshot.bundle.data, snapshot.bundle.channels)
        except (BundleError, ConfigError, DataError, OSError) as error:
            logger.error("version %s cannot answer, %s goes on: %s", wanted.version, self.snapshot.version, error)
            return None
        return snapshot, upto

    def _caught_up(self, connection: Connection, snapshot: Snapshot, upto: int) -> Snapshot:
        """Return a snapshot with what changed since it was loaded, up to what is followed, and the rules."""
        changes = read_changes(connection, upto, self._followed)
        return with_rules(followed(snapshot, changes, self.settings.media), self.snapshot.book.stored)


def _first_version(connection: Connection, bundle: Path) -> Version:
    """Return the version to start with: the bundle given, where it is new here, or else the one that was active."""
    version = version_in(bundle)
    if add_version(connection, version, bundle.resolve(), 0, {}) or active_version(connection) is None:
        activate(connection, version, "serve")
    found = active_version(connection)
    assert found is not None
    return found


def _beside(work: Callable[[], None]) -> None:
    """Do the work in a thread; where the database goes away meanwhile, do it again once it may be back."""

    def until_done() -> None:
        while True:
            try:
                work()
                return
            except TROUBLE as error:
                logger.error("a version waits for the database: %s", brief(error))
                time.sleep(_PAUSE)

    threading.Thread(target=until_done, daemon=True).start()


def _ready_encoders(snapshot: Snapshot) -> None:
    """Load the networks that encode new items beside the first requests; without them old items are served."""
    try:
        load_encoders(snapshot.bundle.data, snapshot.bundle.channels)
    except (DataError, ConfigError, UnknownNameError, OSError) as error:
        logger.error("new items cannot be encoded here: %s", error)


async def _here(request: Request) -> Service:  # async: others are run in a thread of their own
    service: Service = request.app.state.service
    return service


Here = Annotated[Service, Depends(_here)]
"""The service of the process, for a route."""
