"""Records by key in one SQLite file that several processes share.

Every record has a digest of its own: one that is not what it was when it was written is dropped,
and said by :func:`.kinds.losses`, as is a file that is no database. A process that is going to
compute a record *claims* its key, so that others wait for it instead of computing it, too. A claim
counts as long as its process lives: it holds a lock on a file of its own, which the system frees
however the process ends.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import sqlite3
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from . import kinds

__all__ = ["Records", "drop_damaged", "entry_of", "state_of"]

_TABLES = """
CREATE TABLE IF NOT EXISTS records (key TEXT PRIMARY KEY, body TEXT, digest TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS claims (key TEXT PRIMARY KEY, owner TEXT) WITHOUT ROWID;
"""
_WAIT_S = 60.0
_MANY = 500
_OWNER = "owner-"
# A younger file may belong to a process that has not locked it yet.
_LEFT_BEHIND_S = 3600.0


class Records:
    """The records of one file; a context manager, for one thread.

    Where the folder cannot be written, or the disk is full, nothing is kept, and that is said by
    :func:`.kinds.losses`; no method raises for that.

    Parameters
    ----------
    path : Path
        The file; its folder is made.
    """

    def __init__(self, path: Path):
        self._path = path
        self._base: sqlite3.Connection | None = None
        self._lock: int | None = None
        self._owner = ""

    def __enter__(self) -> "Records":
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._lock, owner = tempfile.mkstemp(prefix=_OWNER, dir=self._path.parent)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            self._owner = Path(owner).name
            self._sweep()
            self._base = _connected(self._path)
        except (OSError, sqlite3.Error) as error:
            self._lose(error)
        return self

    def __exit__(self, *_: Any) -> None:
        with contextlib.suppress(OSError, sqlite3.Error):
            if self._base is not None:
                with self._changing() as base:
                    base.execute("DELETE FROM claims WHERE owner = ?", (self._owner,))
        self._close()
        if self._lock is not None:
            self._place(self._owner).unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None

    def get(self, keys: Iterable[str]) -> dict[str, Any]:
        """The records of those keys that are there, as they were put; damaged ones are dropped."""
        wanted = [*keys]
        found: dict[str, Any] = {}
        wrong: list[str] = []
        for key, body, digest in self._asked("key, body, digest FROM records", wanted):
            if digest == _digest(key, body):
                found[key] = json.loads(body)
            else:
                wrong.append(key)
        if wrong:
            kinds.lose(f"{_count(wrong)} dropped, not as written: {self._path}")
            self._write([("DELETE FROM records WHERE key = ?", [(key,) for key in wrong])])
        return found

    def put(self, records: Mapping[str, Any]) -> None:
        """Keep records, and give up the claims on their keys."""
        rows = []
        for key, value in records.items():
            body = json.dumps(value, separators=(",", ":"))
            rows.append((key, body, _digest(key, body)))
        self._write(
            [
                ("INSERT OR REPLACE INTO records VALUES (?, ?, ?)", rows),
                ("DELETE FROM claims WHERE key = ?", [(key,) for key in records]),
            ]
        )

    def release(self, keys: Iterable[str]) -> None:
        """Give up claims without a record."""
        self._write([("DELETE FROM claims WHERE key = ?", [(key,) for key in keys])])

    def claim(self, keys: Iterable[str]) -> set[str]:
        """Those of the keys that this process is to compute: that have no record and no owner."""
        wanted = [*keys]
        if self._base is None:
            return {*wanted}
        try:
            with self._changing() as base:
                known = {key for (key,) in _asked(base, "key FROM records", wanted)}
                held = dict(_asked(base, "key, owner FROM claims", wanted))
                dead = {owner for owner in {*held.values()} if not self._lives(owner)}
                free = (None, self._owner, *dead)
                mine = [key for key in wanted if key not in known and held.get(key) in free]
                rows = [(key, self._owner) for key in mine]
                base.executemany("INSERT OR REPLACE INTO claims VALUES (?, ?)", rows)
                return {*mine}
        except (OSError, sqlite3.Error) as error:
            self._lose(error)
            return {*wanted}

    def _lives(self, owner: str) -> bool:
        if owner == self._owner:
            return True
        try:
            handle = os.open(self._place(owner), os.O_RDWR)
        except OSError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(handle)
        self._place(owner).unlink(missing_ok=True)
        return False

    def _sweep(self) -> None:
        """Remove what processes left behind that were killed long ago."""
        for path in self._path.parent.glob(f"{_OWNER}*"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > _LEFT_BEHIND_S:
                    self._lives(path.name)

    def _place(self, owner: str) -> Path:
        return self._path.parent / owner

    def _close(self) -> None:
        if self._base is not None:
            with contextlib.suppress(sqlite3.Error):
                self._base.close()
        self._base = None

    @contextlib.contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that no other process can come between; raises sqlite3.Error."""
        if self._base is None:
            raise sqlite3.OperationalError("it is not open")
        self._base.execute("BEGIN IMMEDIATE")
        try:
            yield self._base
        except BaseException:
            self._base.execute("ROLLBACK")
            raise
        self._base.execute("COMMIT")

    def _asked(self, what: str, keys: list[str]) -> list[tuple[Any, ...]]:
        try:
            return [] if self._base is None else [*_asked(self._base, what, keys)]
        except sqlite3.Error as error:
            self._lose(error)
            return []

    def _write(self, changes: list[tuple[str, list[tuple[Any, ...]]]]) -> None:
        if self._base is None:
            return
        try:
            with self._changing() as base:
                for statement, rows in changes:
                    base.executemany(statement, rows)
        except (OSError, sqlite3.Error) as error:
            self._lose(error)

    def _lose(self, error: Exception) -> None:
        """Begin a new file where this one is damaged; go on without one where that is no use."""
        self._close()
        if _is_damage(error):
            kinds.lose(f"{self._path} is dropped, for it is damaged ({error})")
            try:
                _remove(self._path)
                self._base = _connected(self._path)
                return
            except (OSError, sqlite3.Error) as another:
                error = another
        reason = getattr(error, "strerror", None) or str(error)
        kinds.lose(f"the result is not kept for later: {self._path} ({reason})")


def drop_damaged(path: Path) -> None:
    """Remove the damaged records of a file, or all of it if it is no database; raises OSError."""
    try:
        _, wrong = _wrong(path)
    except ValueError:
        _remove(path)
        return
    with contextlib.closing(_connected(path)) as base:
        base.executemany("DELETE FROM records WHERE key = ?", [(key,) for key in wrong])


def state_of(path: Path) -> tuple[int, int]:
    """How many records of a file are good, how many damaged; ValueError if it is no database."""
    good, wrong = _wrong(path)
    return good, len(wrong)


def entry_of(path: Path, what: str) -> kinds.Entry:
    """What `holigrail cache` tells of a file; ValueError if any of it is damaged."""
    good, wrong = state_of(path)
    if wrong:
        raise ValueError(f"{wrong} of its {good + wrong} records are not as written")
    return kinds.Entry(f"{what}: {good}", "", False, None, 0.0)


def _wrong(path: Path) -> tuple[int, list[str]]:
    try:
        with contextlib.closing(_connected(path)) as base:
            rows = [*base.execute("SELECT key, body, digest FROM records")]
    except sqlite3.Error as error:
        raise ValueError(f"it is no database ({error})") from None
    wrong = [key for key, body, digest in rows if digest != _digest(key, body)]
    return len(rows) - len(wrong), wrong


def _connected(path: Path) -> sqlite3.Connection:
    base = sqlite3.connect(path, timeout=_WAIT_S, isolation_level=None, check_same_thread=False)
    try:
        base.execute("PRAGMA journal_mode = WAL")
        base.execute("PRAGMA synchronous = NORMAL")
        base.executescript(_TABLES)
    except BaseException:
        base.close()
        raise
    return base


def _is_damage(error: Exception) -> bool:
    if isinstance(error, sqlite3.OperationalError):
        # Other tables, or other columns, than those that are written here.
        return "no such column" in str(error) or "values were supplied" in str(error)
    return isinstance(error, sqlite3.DatabaseError)


def _asked(base: sqlite3.Connection, what: str, keys: list[str]) -> Iterator[tuple[Any, ...]]:
    for begin in range(0, len(keys), _MANY):
        some = keys[begin : begin + _MANY]
        marks = ",".join("?" * len(some))
        yield from base.execute(f"SELECT {what} WHERE key IN ({marks})", some)


def _remove(path: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)


def _digest(key: str, body: Any) -> str:
    return hashlib.sha256(f"{key}\n{body}".encode()).hexdigest()


def _count(keys: list[str]) -> str:
    return f"{len(keys)} {'record' if len(keys) == 1 else 'records'}"
