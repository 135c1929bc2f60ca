"""SQLite through Python's sqlite3.

The driver's own transaction handling is off (``isolation_level=None``): reads before the first write run without a
transaction, the first write opens ``BEGIN IMMEDIATE``, so that no transaction is ever upgraded, which SQLite may refuse
at once whatever the busy time-out. Files are in WAL mode, foreign keys are enforced, and any thread may use a
connection (one at a time). ``sqlite://`` is one database in memory for all connections of the engine
(https://www.sqlite.org/src/file/src/memdb.c), kept alive by a connection that the dialect holds.
"""

from __future__ import annotations

import itertools
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast
from urllib.parse import quote, unquote, urlencode

from flask_uow.engine.dialects.base import Dialect
from flask_uow.engine.dialects.reserved import SQLITE_RESERVED
from flask_uow.engine.dialects.sqlite_batch import SQLiteBatchWriter
from flask_uow.engine.dialects.sqlite_compiler import SQLiteCompiler
from flask_uow.engine.dialects.sqlite_decimal import register_decimal
from flask_uow.engine.dialects.sqlite_documents import register_documents
from flask_uow.engine.dialects.sqlite_moments import register_moments
from flask_uow.engine.dialects.sqlite_session import find_marks
from flask_uow.engine.dialects.sqlite_time_limit import SQLiteCursor, TimedCursor
from flask_uow.engine.dialects.sqlite_types import RECORDS
from flask_uow.engine.reflection.catalog import Catalog
from flask_uow.engine.reflection.sqlite import SQLiteCatalog
from flask_uow.engine.url import URL, shown_option, single_options
from flask_uow.exc import ArgumentError, CompileError, NotSupportedError, did_you_mean
from flask_uow.sql.types import ARRAY, LargeBinary, TypeEngine

__all__ = ["SQLiteDialect"]

_OLDEST = (3, 35, 0)  # UPDATE ... FROM, RETURNING
_OLDEST_IN_MEMORY = (3, 36, 0)  # a database in memory that several connections share
_URI_OPTIONS = ("cache", "immutable", "mode", "modeof", "nolock", "psow", "vfs")
# others who begin to use a file switch it as well, which takes them a moment
_SWITCH_SECONDS = 1.0
_NOT_WRITABLE = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
_OWN_OPTIONS = ("timeout", "uri", "check_same_thread")
_numbers = itertools.count(1)
# keepers of the parent process, which a forked one must not close (see flask_uow.engine.pool)
_inherited: list[sqlite3.Connection] = []


class SQLiteDialect(Dialect[sqlite3.Connection, SQLiteCursor]):
    """SQLite, with the standard library's driver."""

    name = "sqlite"
    is_server = False
    placeholder = "?"
    escapes_percent = False
    exact_decimal_text = True
    supports_for_update = False
    triggers_follow_returning = True
    tells_rowid = True
    supports_alter = False
    supports_comments = False
    max_parameters = 32_766  # SQLITE_MAX_VARIABLE_NUMBER since 3.32
    begins_with_statement = False
    drop_closes = True
    reserved_words = SQLITE_RESERVED
    compiler_class = SQLiteCompiler
    records = RECORDS
    errors = (sqlite3.Error, OverflowError, ValueError, TypeError)

    def __init__(self, url: URL, connect_args: Mapping[str, Any]) -> None:
        super().__init__(url, connect_args)
        if url.driver not in (None, "pysqlite", "sqlite3"):
            raise ArgumentError(
                f"the driver {url.driver!r} is not supported for SQLite. Write the URL as sqlite:///file."
            )
        options = single_options(url)
        for option in options:
            if option not in _URI_OPTIONS + _OWN_OPTIONS:
                raise ArgumentError(
                    f"the SQLite URL has an unknown option {shown_option(option)}; known are "
                    f"{', '.join(_OWN_OPTIONS + _URI_OPTIONS)}.{did_you_mean(option, _OWN_OPTIONS + _URI_OPTIONS)}"
                )
        self._timeout = _seconds(options.pop("timeout", self.connect_args.get("timeout", 5.0)))
        options.pop("uri", None)
        # asked for or not, the pool hands connections from thread to thread
        options.pop("check_same_thread", None)
        self.is_memory = url.database in (None, "", ":memory:")
        self._makes_no_file = options.get("mode") in ("ro", "rw") or "immutable" in options
        self._read_only = options.get("mode") == "ro" or "immutable" in options
        self._target, self._is_uri = self._resolve(url.database or "", options)
        # True while the file is read as one that nobody changes
        self._is_frozen = False
        self._keeper: sqlite3.Connection | None = None
        self._keeper_lock = threading.Lock()
        self.batch = SQLiteBatchWriter(self)

    def _resolve(self, database: str, options: dict[str, str]) -> tuple[str, bool]:
        """Return the name that ``sqlite3.connect`` opens, and whether it is a URI."""
        if self.is_memory:
            # memdb, since a shared cache has locks of its own that know no busy time-out; the name is one that no
            # other engine or process makes
            return f"file:/uow-{os.getpid()}-{next(_numbers)}-{os.urandom(4).hex()}?vfs=memdb", True
        if database.startswith("file:"):
            return database + ("?" + urlencode(options) if options else ""), True
        if options:
            return f"file:{quote(database)}?{urlencode(options)}", True
        return database, False

    # -- connections

    def connect(self) -> sqlite3.Connection:
        oldest = _OLDEST_IN_MEMORY if self.is_memory else _OLDEST
        if sqlite3.sqlite_version_info < oldest:
            needed = ".".join(map(str, oldest))
            raise NotSupportedError(
                f"SQLite {sqlite3.sqlite_version} is too old: {needed} or newer is needed. Use a Python that was built "
                "with a newer SQLite" + (", or a database in a file." if self.is_memory else ".")
            )
        if self.is_memory and self.creator is None:
            # a database in memory is gone with its last connection, so one stays open as long as the engine
            with self._keeper_lock:
                if self._keeper is None:
                    self._keeper = self._open()
        raw = self._open()
        try:
            # off by default, for the sake of files from before 2009, and only outside of transactions: hence here, on
            # each connection
            raw.execute("PRAGMA foreign_keys = ON")
            if not self.is_memory and not self._read_only:
                self._switch_to_wal(raw)
            if not self.is_memory:
                raw = self._readable(raw)
            register_decimal(raw)
            register_moments(raw)
            register_documents(raw)
        except BaseException as error:
            raw.close()
            if getattr(error, "sqlite_errorcode", 0) != sqlite3.SQLITE_NOTADB:
                raise
            raise sqlite3.DatabaseError(
                f"{error}: {self._path()!r} is something else, or encrypted. Name another file in the URL, or move this one away: then a new"
                " one is made."
            ) from error
        return raw

    def _readable(self, raw: sqlite3.Connection) -> sqlite3.Connection:
        """Return a connection that can read the file, also where it is in WAL mode in a folder that cannot be written.

        SQLite reads such a file only as one that nobody changes. That is so while there is no WAL file, since whoever writes has one.
        """
        path = self._path()
        self._is_frozen = False
        if os.access(os.path.dirname(path) or ".", os.W_OK) or not os.path.isfile(path):
            return raw
        try:
            raw.execute("PRAGMA schema_version")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in _NOT_WRITABLE or os.path.exists(f"{path}-wal"):
                return raw
            raw.close()
            self._is_frozen = True
            return self._open(f"file:{quote(path)}?immutable=1")
        return raw

    def _open(self, uri: str | None = None) -> sqlite3.Connection:
        if self.creator is not None:
            made: sqlite3.Connection = self.creator()
            # transactions are begun by statements of ours
            made.isolation_level = None
            return made
        arguments: dict[str, Any] = {
            "cached_statements": 256,
            **self.connect_args,
            "timeout": self._timeout,
            "isolation_level": None,
            # the pool hands a connection from thread to thread, never to two at a time
            "check_same_thread": False,
            "uri": self._is_uri or uri is not None,
        }
        try:
            raw: sqlite3.Connection = self.open_by(sqlite3.connect, uri or self._target, **arguments)
        except sqlite3.OperationalError as error:
            cure = "" if self.is_memory else self._cure_of_opening()
            if not cure:
                raise
            raise sqlite3.OperationalError(f"{error}: {cure}") from error
        return raw

    def _cure_of_opening(self) -> str:
        """Return why a file cannot be opened, and what to do; empty where that is not known."""
        # (these functions say no, where a Path raises an error, to a name that the system does not take)
        path = os.path.normpath(self._path())
        folder = os.path.dirname(path) or "."
        if os.path.isdir(path):
            return f"{path!r} is a folder. Name a file in the URL."
        if not os.path.isdir(folder):
            return f"its folder {folder!r} does not exist. Create the folder, or correct the path in the URL."
        if not os.path.exists(path) and self._makes_no_file:
            return "there is no such file, and the URL's mode makes none. Correct the path, or leave out mode=."
        return ""

    def _switch_to_wal(self, raw: sqlite3.Connection) -> None:
        """Put the file into WAL mode, which lasts; the switch ignores the busy time-out, so the waiting is ours.

        A file, or a folder, that cannot be written stays as it is: what is in it can be read. So does one that others keep locked: a later
        connection switches it.
        """
        deadline = time.monotonic() + min(self._timeout, _SWITCH_SECONDS)
        while True:
            try:
                if raw.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                    raw.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                # a file that cannot be written stays in the mode that it is in
                if error.sqlite_errorcode & 0xFF in _NOT_WRITABLE and self._is_a_file():
                    return
                if "locked" not in str(error):
                    raise
                if time.monotonic() > deadline:
                    return
                time.sleep(0.005)

    def _path(self) -> str:
        database = self.url.database or ""
        return unquote(database.removeprefix("file:").partition("?")[0]) if database.startswith("file:") else database

    def _is_a_file(self) -> bool:
        return os.path.isfile(self._path())

    def dispose(self) -> None:
        with self._keeper_lock:
            keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.close()

    def reset(self, raw: sqlite3.Connection) -> bool:
        try:
            if raw.in_transaction:
                raw.execute("ROLLBACK")
            if raw.isolation_level is not None:
                # the driver has begun transactions by itself
                raw.isolation_level = None
        except sqlite3.Error:
            return False
        # the next one looks anew whether somebody has begun to write
        return not self._is_frozen

    def clean(self, raw: sqlite3.Connection) -> bool:
        # opening another one costs less than setting this one back would
        return False

    def find_marks(self, sql: str) -> int:
        return find_marks(sql)

    def begin_by_driver(self, raw: sqlite3.Connection) -> None:
        # before its first write, so that no transaction is upgraded
        raw.isolation_level = "IMMEDIATE"

    def ping(self, raw: sqlite3.Connection) -> bool:
        return True

    def is_quiet(self, raw: sqlite3.Connection) -> bool:
        return True

    def after_fork(self) -> None:
        self._keeper_lock = threading.Lock()
        # to close a connection of the parent's in a fork would take away its locks on the file
        if self._keeper is not None:
            _inherited.append(self._keeper)
            self._keeper = None

    def close(self, raw: sqlite3.Connection) -> None:
        raw.close()

    def is_lost(self, error: BaseException, raw: sqlite3.Connection) -> bool:
        # a file in the same process does not go away; a connection closed behind our back does
        return isinstance(error, sqlite3.ProgrammingError) and "closed database" in str(error)

    def cure(self, error: BaseException, how_to_create_tables: str) -> str:
        if self.is_busy(error):
            return (
                f"Another connection kept the write lock for longer than the time-out of {self._timeout:g} seconds. End"
                " transactions that write sooner, or give the URL a longer one, as in '?timeout=30'. A unit of work inside of one that"
                " has written waits for itself: open it before, or do all in one."
            )
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_CANTOPEN and self._is_a_file():
            return (
                "The file is there. Either its rights forbid to read it, or it is in WAL mode, in a folder that cannot be written, with a WAL"
                " file that others have left: make the folder writable."
            )
        return super().cure(error, how_to_create_tables)

    def is_busy(self, error: BaseException) -> bool:
        return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY

    def lacks_table(self, error: BaseException) -> bool:
        return isinstance(error, sqlite3.OperationalError) and str(error).startswith("no such table")

    def lacks_column(self, error: BaseException) -> bool:
        told = str(error) if isinstance(error, sqlite3.OperationalError) else ""
        return told.startswith("no such column") or " has no column named " in told

    def missing_table(self, error: BaseException) -> str | None:
        return str(error).partition(": ")[2].removeprefix("main.") if self.lacks_table(error) else None

    # -- transactions

    def in_transaction(self, raw: sqlite3.Connection) -> bool:
        return bool(raw.in_transaction)

    def has_failed(self, raw: sqlite3.Connection) -> bool:
        # a full disk, say, or ON CONFLICT ROLLBACK ends the transaction together with the statement
        return not raw.in_transaction

    def begin_sql(self, isolation_level: str | None, read_only: bool) -> str:
        # With the write lock from the start: a transaction that has read first and asks for it later is refused at once
        # where another one has written since, and no time-out helps
        # (https://www.sqlite.org/rescode.html#busy_snapshot).
        return "BEGIN DEFERRED" if read_only else "BEGIN IMMEDIATE"

    def begins_for_reads(self, isolation_level: str | None) -> bool:
        # all reads of one state need a transaction around them; without one each SELECT sees the newest
        return isolation_level in ("REPEATABLE READ", "SERIALIZABLE")

    def timed(self, cursor: SQLiteCursor, seconds: float) -> SQLiteCursor:
        # what it does not define is the driver's, by __getattr__
        return cast(SQLiteCursor, TimedCursor(cursor, seconds))

    def untimed(self, cursor: SQLiteCursor) -> SQLiteCursor:
        return cursor.cursor if isinstance(cursor, TimedCursor) else cursor

    def commit(self, cursor: SQLiteCursor) -> None:
        cursor.execute("COMMIT")

    def execute_many(self, cursor: SQLiteCursor, sql: str, list_of_params: Sequence[Sequence[Any]]) -> int:
        cursor.executemany(sql, list_of_params)
        return int(cursor.rowcount)

    def unknown_rowcount(self, cursor: SQLiteCursor, sql: str) -> int:
        # sqlite3 counts for statements that begin with INSERT, UPDATE, DELETE or REPLACE only
        if cursor.description is not None or sql.lstrip()[:4].upper() != "WITH":
            return -1
        return int(cursor.connection.execute("SELECT changes()").fetchone()[0])

    # -- schema

    def catalog(self, fetch_all: Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]) -> Catalog:
        return SQLiteCatalog(fetch_all, self.quote)

    # -- types

    def type_ddl(self, type_: TypeEngine[Any]) -> str:
        stored = self.stored_as(type_)
        if isinstance(stored, ARRAY) and isinstance(self.stored_as(stored.item_type), LargeBinary):
            raise CompileError(
                f"{type_!r} cannot be stored on SQLite: arrays are kept as JSON there, which holds no bytes. "
                "Use PickleType, or a table of its own for the items."
            )
        return super().type_ddl(stored)


def _seconds(value: Any) -> float:
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = -1.0
    if not 0 <= seconds < 86_400:
        raise ArgumentError(f"the SQLite option timeout={value!r}: expected seconds to wait for a lock, such as 5.0.")
    return seconds
