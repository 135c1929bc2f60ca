"""The record of decisions: two small tables in each database that may decide about a transaction over several.

``uow_database`` holds one row, the name under which the database is known in the identifiers of prepared transactions. ``uow_decision``
holds a row for each unit of work whose outcome is decided and not yet known everywhere. Its primary key is what makes recovery safe: of
'commit', which the unit of work inserts, and 'abort', which recovery inserts, only one can be there, and the second one to come waits for
the first (presumed abort; J. Gray, A. Reuter, *Transaction Processing*, chapter 12). Statements are plain SQL, since they must not depend
on what an application has configured. Used by :mod:`~flask_uow.engine.atomic.commit` and :mod:`~flask_uow.engine.atomic.recovery`.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask_uow.engine.atomic.identifiers import new_database_id
from flask_uow.exc import FlaskUowError, InvalidRequestError

if TYPE_CHECKING:
    from flask_uow.engine.connection import Connection
    from flask_uow.engine.engine import Engine
    from flask_uow.engine.pool import Pool
    from flask_uow.engine.transaction import Transaction

__all__ = [
    "ABORT",
    "COMMIT",
    "DATABASE_TABLE",
    "DECISION_TABLE",
    "DecisionRecord",
    "forget_record",
    "identify_early",
    "prepare_database",
    "read_record",
    "record_of",
]

COMMIT = "commit"
ABORT = "abort"
DATABASE_TABLE = "uow_database"
DECISION_TABLE = "uow_decision"

_COLUMNS = {"gtrid", "outcome", "decided_at", "participants"}
# how long a recovery waits for a unit of work that is about to decide
_PATIENCE_SECONDS = 5
# any number will do that no other program takes for its own locks: "uow" and a counter
_CREATION_LOCK = 0x756F77_01


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """Where a database keeps its decisions.

    :ivar database_id: the name of the database in identifiers.
    :ivar schema: the schema of the tables, None on SQLite: a transaction may have another search path by the time it decides.
    :ivar mark: the driver's placeholder.
    """

    database_id: str
    schema: str | None
    mark: str

    @property
    def _decisions(self) -> str:
        return _qualified(self.schema, DECISION_TABLE)

    def insert_commit(self, connection: Connection, gtrid: str, participants: Iterable[str]) -> None:
        """Insert the decision to commit, in the open transaction, whose commit is then the decision.

        :param participants: the names of the databases that have prepared.
        :raises IntegrityError: when recovery has decided otherwise.
        :raises InvalidRequestError: when the database is no longer the one of that name.
        """
        mark = self.mark
        values = (gtrid, " ".join(sorted(participants)))
        has_settings = connection.dialect.is_server and "set_local" not in connection.dialect.lacks
        # whatever the server's default is: a decision that is answered with COMMIT must be on the disk
        durably = "SET LOCAL synchronous_commit = on; " if has_settings else ""
        insert = f"{durably}INSERT INTO {self._decisions} (gtrid, outcome, participants)"
        identified = f" FROM {_qualified(self.schema, DATABASE_TABLE)} WHERE id = {mark}"
        # only into the record after which the prepared transactions are named: the database may have been replaced
        # meanwhile
        inserted = connection.run(
            f"{insert} SELECT {mark}, '{COMMIT}', {mark}{identified}", (*values, self.database_id)
        )
        if inserted == 1:
            return
        # a transaction with a snapshot from before the record was made does not see it
        if not self._is_still_of(connection.engine):
            raise InvalidRequestError(
                f"the database {connection.engine.url} has another identity than at the transaction's begin: {DATABASE_TABLE} was altered or the"
                " database replaced. Nothing was saved; try again."
            )
        connection.run(f"{insert} VALUES ({mark}, '{COMMIT}', {mark})", values)

    def _is_still_of(self, engine: Engine) -> bool:
        if not engine.dialect.is_server:
            # the transaction holds the only write lock, and sees everything
            return False
        with engine.connect_apart() as connection:
            found = read_record(connection)
        return found is not None and found.database_id == self.database_id

    def settle(self, connection: Connection, gtrid: str) -> str:
        """Return the decision about a unit of work; where nothing was yet, that is now the decision to abort.

        Waits for a unit of work that is deciding at this moment. Commits; the connection must be in no transaction.

        :raises DBAPIError: when that takes more than a few seconds, or the database cannot be reached.
        """
        with self._transaction(connection, f"SET LOCAL lock_timeout = '{_PATIENCE_SECONDS}s'"):
            found = None
            while found is None:
                # the primary key lets one decision win: who comes second waits for the other one to end, and takes what
                # it finds
                connection.run(
                    f"INSERT INTO {self._decisions} (gtrid, outcome, participants) VALUES ({self.mark}, '{ABORT}', '')"
                    " ON CONFLICT (gtrid) DO NOTHING",
                    (gtrid,),
                )
                # a decision that was in the way may be deleted by now: everybody has carried it out
                found = self.find(connection, gtrid)
        return found

    def find(self, connection: Connection, gtrid: str) -> str | None:
        """Return the decision about a unit of work, None when there is none."""
        rows = connection.fetch_all(f"SELECT outcome FROM {self._decisions} WHERE gtrid = {self.mark}", (gtrid,))
        return str(rows[0][0]) if rows else None

    def forget(self, connection: Connection, gtrid: str) -> None:
        """Delete a decision that every participant has carried out. The connection must be in no transaction."""
        # it would do no harm if this were lost in a crash, so nobody waits for the disk
        with self._transaction(connection, "SET LOCAL synchronous_commit = off"):
            connection.run(f"DELETE FROM {self._decisions} WHERE gtrid = {self.mark}", (gtrid,))

    def older_than(self, connection: Connection, seconds: float) -> list[tuple[str, str, list[str]]]:
        """Return the decisions made so long ago: gtrid, outcome, and the names of the databases that had prepared."""
        age = (
            f"decided_at < now() - make_interval(secs => {self.mark})"
            if connection.dialect.is_server
            else f"decided_at < datetime('now', '-' || {self.mark} || ' seconds')"
        )
        rows = connection.fetch_all(
            f"SELECT gtrid, outcome, participants FROM {self._decisions} WHERE {age}", (seconds,)
        )
        return [(str(gtrid), str(outcome), str(participants).split()) for gtrid, outcome, participants in rows]

    @staticmethod
    def _transaction(connection: Connection, setup: str) -> Transaction:
        has_settings = "set_local" not in connection.dialect.lacks
        return connection.begin(isolation_level="READ COMMITTED", setup=(setup,) if has_settings else ())


def prepare_database(connection: Connection) -> DecisionRecord:
    """Make the tables where they are missing, and return the record. The connection must be in no transaction.

    :raises InvalidRequestError: when the tables were altered.
    :raises DBAPIError: when the database refuses, as it does where the role may not create tables.
    """
    found = read_record(connection)
    if found is None:
        with connection.begin(isolation_level="READ COMMITTED"):
            if connection.dialect.is_server and "advisory_locks" not in connection.dialect.lacks:
                # CREATE TABLE IF NOT EXISTS fails when two sessions do it at the same moment
                connection.fetch_all("SELECT pg_advisory_xact_lock(%s)", (_CREATION_LOCK,))
            _create_tables(connection)
        found = read_record(connection)
        assert found is not None
    return found


def _create_tables(connection: Connection) -> None:
    on_server = connection.dialect.is_server
    moment = (
        "TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now()"
        if on_server
        else "TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP"
    )
    connection.run(f"CREATE TABLE IF NOT EXISTS {DATABASE_TABLE} (id VARCHAR(16) PRIMARY KEY NOT NULL)")
    connection.run(
        f"CREATE TABLE IF NOT EXISTS {DECISION_TABLE} (gtrid VARCHAR(64) PRIMARY KEY NOT NULL, outcome VARCHAR(6) NOT NULL"
        f" CHECK (outcome IN ('{COMMIT}', '{ABORT}')), decided_at {moment}, participants TEXT NOT NULL)"
    )
    connection.run(
        f"INSERT INTO {DATABASE_TABLE} (id) SELECT {connection.dialect.placeholder}"
        f" WHERE NOT EXISTS (SELECT 1 FROM {DATABASE_TABLE})",
        (new_database_id(),),
    )


def read_record(connection: Connection) -> DecisionRecord | None:
    """Return where a database keeps its decisions; None where it does not yet.

    :raises InvalidRequestError: when the tables were altered.
    """
    catalog = connection.dialect.catalog(connection.fetch_all)
    schema = None
    if connection.dialect.is_server:
        schema = connection.fetch_all("SELECT current_schema()")[0][0]
    present = {DATABASE_TABLE, DECISION_TABLE} & set(catalog.tables(schema))
    if not present:
        return None
    if len(present) == 1:
        raise _altered(connection, f"{present.pop()} is there without the other one")
    columns = {column["name"] for column in catalog.columns(DECISION_TABLE, schema)}
    if columns != _COLUMNS:
        raise _altered(connection, f"{DECISION_TABLE} has the columns {', '.join(sorted(columns))}")
    if catalog.primary_key(DECISION_TABLE, schema)["column_names"] != ["gtrid"]:
        raise _altered(connection, f"the primary key of {DECISION_TABLE} is not gtrid")
    ids = [row[0] for row in connection.fetch_all(f"SELECT id FROM {_qualified(schema, DATABASE_TABLE)}")]
    if len(ids) != 1 or not isinstance(ids[0], str) or len(ids[0]) != 16:
        raise _altered(connection, f"{DATABASE_TABLE} holds {len(ids)} rows or no name of ours")
    return DecisionRecord(ids[0], schema, connection.dialect.placeholder)


def _altered(connection: Connection, what: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"the record of two-phase transactions in {connection.engine.url} was altered: {what}. Expected are {DATABASE_TABLE} (id) with one row and"
        f" {DECISION_TABLE} ({', '.join(sorted(_COLUMNS))}) with the primary key gtrid. When nothing is in doubt (`flask uow indoubt`), drop"
        " both; they are made anew."
    )


def _qualified(schema: str | None, table: str) -> str:
    if schema is None:
        return table
    quoted = schema.replace('"', '""').replace("%", "%%")
    return f'"{quoted}".{table}'


# -- what is known of each database, by the pool that its engines share

_lock = threading.Lock()
_records: weakref.WeakKeyDictionary[Pool, DecisionRecord] = weakref.WeakKeyDictionary()
_failures: weakref.WeakKeyDictionary[Pool, FlaskUowError] = weakref.WeakKeyDictionary()


def record_of(engine: Engine) -> DecisionRecord:
    """Return the record of a database, which is made where it is missing; asked once in the life of a process.

    :raises InvalidRequestError: when a database without PREPARE TRANSACTION has none: it cannot be made in the middle of a transaction.
    :raises DBAPIError: when it cannot be made.
    """
    # held for the look-up alone, so that nobody waits while a database is asked
    with _lock:
        found = _records.get(engine.pool)
    if found is not None:
        return found
    if not engine.dialect.is_server:
        raise InvalidRequestError(
            f"{engine.url} has to decide about a transaction over several databases, and its record of decisions could not be made when the"
            " transaction began. Make it with `flask uow create-all`, or see why that fails."
        ) from _failures.get(engine.pool)
    with engine.connect_apart() as connection:
        return _remember(engine, prepare_database(connection))


def identify_early(connection: Connection) -> None:
    """Make sure of the record of a database whose only connection for it will be in a transaction later: of SQLite's.

    Its commits are made to wait for the disk from now on: one of them may be a decision. An error is kept for :func:`record_of`, since
    the record may never be needed.
    """
    engine = connection.engine
    if connection.dialect.is_server:
        # another connection can make the record at any time
        return
    # 2 is FULL (https://www.sqlite.org/pragma.html#pragma_synchronous), which cannot be set within a transaction
    if connection.fetch_all("PRAGMA synchronous")[0][0] < 2:
        # not as a statement of a user's, after which the connection would not be kept
        connection.look_up("PRAGMA synchronous = FULL")
    with _lock:
        if engine.pool in _records:
            return
    try:
        _remember(engine, prepare_database(connection))
    except FlaskUowError as error:
        with _lock:
            _failures[engine.pool] = error


def _remember(engine: Engine, record: DecisionRecord) -> DecisionRecord:
    with _lock:
        _records[engine.pool] = record
        _failures.pop(engine.pool, None)
    return record


def forget_record(engine: Engine) -> None:
    """Ask again next time: the database may have been replaced."""
    with _lock:
        _records.pop(engine.pool, None)
