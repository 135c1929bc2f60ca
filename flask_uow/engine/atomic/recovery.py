"""Recovery of prepared transactions that a crash has left: ask the database that decides, and do as it says.

A prepared transaction names its coordinator. Where the coordinator has the decision to commit, the transaction is committed; where it
has none, recovery inserts the decision to abort, which no late unit of work can overtake (the primary key is the fence), and the
transaction is rolled back. So this may run at any moment, twice at once, and beside live traffic. Transactions of other programs, and
those whose coordinator is none of the given databases, are left alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Self

from flask_uow.engine.atomic.decisions import COMMIT, DecisionRecord, read_record
from flask_uow.engine.atomic.identifiers import BranchIdentifier
from flask_uow.exc import ArgumentError, FlaskUowError, ProgrammingError

if TYPE_CHECKING:
    from flask_uow.engine.connection import Connection
    from flask_uow.engine.engine import Engine

__all__ = ["InDoubt", "Recovery", "Settled", "in_doubt", "recover"]

Engines = Mapping[str | None, "Engine"]

DAY = 86_400.0
# SQLSTATE undefined_object: what COMMIT PREPARED says of a transaction that is not there any more
_NO_SUCH_TRANSACTION = "42704"

_PREPARED = (
    "SELECT gid, owner, prepared, extract(epoch FROM clock_timestamp() - prepared)::float8 FROM pg_prepared_xacts"
    " WHERE database = current_database() ORDER BY prepared, gid"
)


@dataclass(frozen=True, slots=True)
class InDoubt:
    """A prepared transaction.

    :ivar bind: the key of the bind where it waits.
    :ivar xid: its identifier there.
    :ivar owner: the database role that has prepared it.
    :ivar prepared: when it was prepared.
    :ivar age: seconds since then.
    :ivar coordinator: what names the database that decides; None for a transaction of another program.
    """

    bind: str | None
    xid: str
    owner: str
    prepared: datetime
    age: float
    coordinator: str | None


@dataclass(frozen=True, slots=True)
class Settled:
    """A prepared transaction, and what recovery did, or would do, with it.

    :ivar transaction: which one.
    :ivar outcome: ``"committed"``, ``"rolled back"``, ``"settled elsewhere"`` (by somebody at the same moment) or ``"unsettled"``.
    :ivar reason: why it could not be settled; empty where it was.
    """

    transaction: InDoubt
    outcome: str
    reason: str = ""


@dataclass(slots=True)
class Recovery:
    """The report of one recovery.

    :ivar settled: each prepared transaction of ours that was old enough.
    :ivar unreachable: the error of each bind that did not answer, by bind key.
    :ivar forgotten: how many old decisions were deleted.
    """

    settled: list[Settled] = field(default_factory=list)
    unreachable: dict[str | None, str] = field(default_factory=dict)
    forgotten: int = 0

    @property
    def is_complete(self) -> bool:
        """True when every bind answered and nothing stayed unsettled."""
        return not self.unreachable and all(each.outcome != "unsettled" for each in self.settled)


def in_doubt(engines: Engines) -> tuple[list[InDoubt], dict[str | None, str]]:
    """Return the prepared transactions of each database, those of other programs included, and the errors of those that don't answer."""
    found: list[InDoubt] = []
    unreachable: dict[str | None, str] = {}
    for bind, engine in engines.items():
        try:
            with engine.connect_apart() as connection:
                found.extend(_prepared_in(bind, connection))
        except FlaskUowError as error:
            unreachable[bind] = str(error)
    return found, unreachable


def recover(
    engines: Engines,
    *,
    grace: float = 60.0,
    dry_run: bool = False,
    binds: Collection[str | None] | None = None,
    retention: float = DAY,
) -> Recovery:
    """Settle the prepared transactions whose coordinator is one of the given databases.

    :param engines: the databases, by bind key. All that take part in transactions together should be among them.
    :param grace: leave alone what was prepared fewer seconds ago, and is probably being committed.
    :param dry_run: only say what would be done.
    :param binds: settle what is prepared in these only; the others are asked for decisions all the same.
    :param retention: after a run that has reached every database, delete decisions older than so many seconds that nobody can need.
    :raises ArgumentError: for a negative number of seconds.
    """
    for name, seconds in (("grace", grace), ("retention", retention)):
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not seconds >= 0:
            raise ArgumentError(f"{name}={seconds!r}: seconds were expected, a number of 0 or more.")
    report = Recovery()
    with _Databases(engines, report.unreachable) as databases:
        waiting = [
            each for bind, connection in databases.connections.items() for each in _prepared_in(bind, connection)
        ]
        names = [BranchIdentifier.parse(each.xid) for each in waiting]
        for each, branch in zip(waiting, names, strict=True):
            # a unit of work that is just being committed looks the same; the grace is the time that it is given
            if branch is None or each.age < grace or (binds is not None and each.bind not in binds):
                continue
            if branch.database_id in databases.records:
                report.settled.append(_settle(databases, each, branch, dry_run))
        # a database that did not answer may hold what an old decision is about
        if not dry_run and binds is None and report.is_complete:
            report.forgotten = _forget_old(databases, {name.gtrid for name in names if name is not None}, retention)
    return report


class _Databases:
    """The databases that can be reached: their connections by bind key, and their records by the names of databases.

    :param unreachable: takes the errors of those that don't answer.
    """

    def __init__(self, engines: Engines, unreachable: dict[str | None, str]) -> None:
        self.connections: dict[str | None, Connection] = {}
        self.records: dict[str, tuple[Connection, DecisionRecord]] = {}
        self._engines = engines
        self._unreachable = unreachable
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for bind, engine in self._engines.items():
                try:
                    connection = stack.enter_context(engine.connect_apart())
                    record = read_record(connection)
                except FlaskUowError as error:
                    self._unreachable[bind] = str(error)
                    continue
                self.connections[bind] = connection
                if record is not None:
                    # two binds may lead to one database
                    self.records.setdefault(record.database_id, (connection, record))
            # kept open from here on; what has failed before this has closed all
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *details: object) -> None:
        self._stack.close()


def _prepared_in(bind: str | None, connection: Connection) -> Iterator[InDoubt]:
    if not connection.dialect.supports_two_phase:
        return
    for xid, owner, prepared, age in connection.fetch_all(_PREPARED):
        name = BranchIdentifier.parse(xid)
        yield InDoubt(bind, xid, owner, prepared, age, name.database_id if name is not None else None)


def _settle(databases: _Databases, waiting: InDoubt, name: BranchIdentifier, dry_run: bool) -> Settled:
    deciding, record = databases.records[name.database_id]
    try:
        decision = (record.find if dry_run else record.settle)(deciding, name.gtrid)
        commit = decision == COMMIT
        if not dry_run:
            databases.connections[waiting.bind].finish_prepared(waiting.xid, commit)
    except ProgrammingError as error:
        if getattr(error.orig, "pgcode", None) == _NO_SUCH_TRANSACTION:
            # another recovery was quicker, or the unit of work itself
            return Settled(waiting, "settled elsewhere")
        return Settled(waiting, "unsettled", str(error))
    except FlaskUowError as error:
        return Settled(waiting, "unsettled", str(error))
    return Settled(waiting, "committed" if commit else "rolled back")


def _forget_old(databases: _Databases, waiting: set[str], retention: float) -> int:
    """Delete decisions that nobody can need any more; return how many.

    A decision to commit may be needed by a participant of another app that shares its coordinator, so it stays unless all that took
    part are among the databases of this run, and none of them has the transaction prepared.
    """
    count = 0
    for connection, record in databases.records.values():
        for gtrid, outcome, participants in record.older_than(connection, retention):
            # a decision to commit stays until every database that had prepared was seen to have nothing left of it
            if gtrid in waiting or (outcome == COMMIT and not set(participants) <= set(databases.records)):
                continue
            record.forget(connection, gtrid)
            count += 1
    return count
