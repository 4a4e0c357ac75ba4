"""Every call of a run and its reply, in one SQLite file: no call is ever paid twice."""

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from wsal.errors import DiskError, LLMError

BUSY_SECONDS = 5.0  # how long SQLite itself waits for a lock, where it waits at all
RETRY_SECONDS = 0.02
TABLE = """CREATE TABLE IF NOT EXISTS calls (
number INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT UNIQUE, purpose TEXT, model TEXT, request TEXT,
reply TEXT, input_tokens INTEGER, output_tokens INTEGER, estimated INTEGER, cost REAL,
seconds REAL, at TEXT DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')))"""
COLUMNS = (
    "key", "purpose", "model", "request", "reply", "input_tokens", "output_tokens", "estimated",
    "cost", "seconds", "at",
)  # fmt: skip
T = TypeVar("T")


@dataclass(frozen=True)
class Call:
    """A call and its reply."""

    key: str
    purpose: str  # what the first to make the call needed it for
    model: str
    request: dict[str, Any]  # the body as sent; the key of the server is no part of it
    reply: dict[str, Any]  # the body as received
    input_tokens: int
    output_tokens: int
    estimated: bool  # tokens are estimated from characters: the server does not count them
    cost: float
    seconds: float  # until the reply came, without the attempts that failed
    at: str = ""  # UTC


class Cache:
    """The calls of a run, in an open file. Several threads and processes may use it at once."""

    def __init__(self, file: sqlite3.Connection, path: Path, patience: float) -> None:
        self.file, self.path, self.patience = file, path, patience
        self.lock = threading.Lock()

    def get(self, key: str) -> Call | None:
        """The call with this key, if it was made before."""
        sql = f"SELECT {', '.join(COLUMNS)} FROM calls WHERE key = ?"  # noqa: S608
        with self.lock:
            row = _patiently(lambda: self.file.execute(sql, (key,)).fetchone(), self)
        return _call(row) if row else None

    def put(self, call: Call) -> Call:
        """Write a call to the disk; returns the one that counts if another process was first.

        Raises:
            LLMError: another program keeps the file locked.
        """
        names = COLUMNS[:-1]
        marks = ", ".join("?" for _ in names)
        sql = f"INSERT OR IGNORE INTO calls ({', '.join(names)}) VALUES ({marks})"  # noqa: S608
        row = [getattr(call, name) for name in names]
        row[3:5] = [json.dumps(value, ensure_ascii=False) for value in (call.request, call.reply)]

        def insert() -> None:
            with self.file:
                self.file.execute(sql, row)

        with self.lock:
            _patiently(insert, self)
        return self.get(call.key) or call

    def calls(self) -> Iterator[Call]:
        """All calls, in the order in which their replies came."""
        sql = f"SELECT {', '.join(COLUMNS)} FROM calls ORDER BY number"  # noqa: S608
        with self.lock:
            rows = _patiently(lambda: self.file.execute(sql).fetchall(), self)
        yield from map(_call, rows)

    def costs(self) -> list[float]:
        """The cost of each call."""
        with self.lock:
            rows = _patiently(lambda: self.file.execute("SELECT cost FROM calls").fetchall(), self)
        return [cost for (cost,) in rows]


@contextmanager
def open_cache(path: Path, patience: float = 60.0) -> Iterator[Cache]:
    """The cache in a file, which is created if it is not there.

    Args:
        path: the file.
        patience: seconds to go on trying while other programs hold the file.

    Raises:
        LLMError: another program keeps the file locked, or it is damaged.
        DiskError: the file cannot be opened or written to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        file = sqlite3.connect(path, timeout=BUSY_SECONDS, check_same_thread=False)
    except sqlite3.OperationalError as error:
        raise DiskError(f"{path} cannot be opened ({error})") from error
    cache = Cache(file, path, patience)
    try:
        _patiently(lambda: _prepare(file), cache)
        yield cache
    finally:
        file.close()


def _prepare(file: sqlite3.Connection) -> None:
    if file.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        file.execute("PRAGMA journal_mode = WAL")  # readers never wait for a writer
    file.execute("PRAGMA synchronous = FULL")  # what was paid for survives a power cut
    with file:
        file.execute(TABLE)


def _patiently(work: Callable[[], T], cache: Cache) -> T:
    """Do some work on the file, again if it was locked: see `annotation.journal`.

    To repeat it is safe: a refused transaction wrote nothing, and calls are told apart by keys.
    """
    end = time.monotonic() + cache.patience
    while True:
        try:
            return work()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:  # extended codes, too
                raise DiskError(f"{cache.path} cannot be used ({error})") from error
            if time.monotonic() > end:
                raise LLMError(
                    f"{cache.path} was locked by another program for {cache.patience:g} seconds; "
                    "close that program and run the same command again"
                ) from error
        except sqlite3.DatabaseError as error:
            raise LLMError(
                f"{cache.path} is damaged ({error}); move it away and run the same command again: "
                "texts whose answers were only there are asked again"
            ) from error
        time.sleep(RETRY_SECONDS)


def _call(row: tuple[Any, ...]) -> Call:
    values: dict[str, Any] = dict(zip(COLUMNS, row, strict=True))
    values |= {name: json.loads(values[name]) for name in ("request", "reply")}
    return Call(**{**values, "estimated": bool(values["estimated"])})
