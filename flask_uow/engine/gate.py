"""Gate: what must happen before the next statement of a connection.

``begin()`` puts a gate up instead of sending BEGIN; the first statement that needs the transaction takes it down. A
connection that is closed, lost, or whose transaction the database has ended keeps a gate that refuses. Connections
without a gate send statements straight away. Used by :mod:`flask_uow.engine.connection` alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from flask_uow.engine.dialects.base import Dialect

__all__ = [
    "CLOSED",
    "FAILED",
    "INHERITED",
    "LOST",
    "PREPARED",
    "READING",
    "BlockOver",
    "Gate",
    "Opening",
    "OpeningGates",
    "opening_gate",
    "settings_gate",
]


class Gate:
    """A condition on the next statement.

    :ivar begin_sql: the statement that opens the transaction.
    :ivar sent: that statement and the settings that go with it, which are not worth a line of a log.
    :ivar for_reads: True where a statement that only reads opens it too.
    :ivar read_only: True where the transaction must not write.
    :ivar refusal: why nothing can be sent at all, None where something can.
    :ivar spares_queries: True where a query that does the same by itself goes out without opening it, although others that read open it.
    """

    __slots__ = ("begin_sql", "for_reads", "read_only", "refusal", "sent", "spares_queries")

    def __init__(
        self,
        begin_sql: str = "",
        for_reads: bool = False,
        read_only: bool = False,
        refusal: str | None = None,
        sent: str | None = None,
        spares_queries: bool = False,
    ) -> None:
        self.begin_sql = begin_sql
        self.sent = begin_sql if sent is None else sent
        self.for_reads = for_reads
        self.read_only = read_only
        self.refusal = refusal
        self.spares_queries = spares_queries


class BlockOver(Gate):
    """The gate of a connection within the ``with`` block of a transaction that has ended already: the block would not end what came now.

    :ivar behind: the gate that is up again behind the block.
    """

    __slots__ = ("behind",)

    def __init__(self, behind: Gate | None) -> None:
        super().__init__(
            refusal="the transaction of this with block was committed or rolled back inside the block, and another statement would be part of no"
            " transaction that the block ends. Leave the block first; what may be undone by itself goes into `with connection.begin_nested():`."
        )
        self.behind = behind


class OpeningGates(dict[tuple[str | None, bool, bool, bool, bool], Gate]):
    """The gates of transactions that begin: by the parameters of :func:`opening_gate`, but for the setup.

    Gates do not change, and a program begins its transactions in few ways: each is made once.
    """

    def __init__(self, dialect: Dialect) -> None:
        super().__init__()
        self._dialect = dialect

    def __missing__(self, key: tuple[str | None, bool, bool, bool, bool]) -> Gate:
        gate = self[key] = opening_gate(self._dialect, *key)
        return gate


def opening_gate(
    dialect: Dialect,
    isolation_level: str | None,
    is_settled: bool,
    read_only: bool,
    for_reads: bool,
    spares_queries: bool = False,
    setup: Sequence[str] = (),
) -> Gate:
    """Return the gate of a transaction that begins; the parameters are those of ``Connection.begin``.

    :param is_settled: True where the session has the settings that values depend on.
    :param spares_queries: as for :class:`Gate`.
    """
    begin_sql = dialect.begin_sql(isolation_level, read_only)
    sent = begin_sql if is_settled else dialect.with_settings(begin_sql)
    if setup and dialect.begins_with_statement:
        dialect.require(
            "set_local", "a transaction was to be begun with settings of its own (UOW_STATEMENT_TIMEOUT_SECONDS)"
        )
        begin_sql = "; ".join((begin_sql, *setup))
        sent = "; ".join((sent, *setup))
    opens = for_reads or dialect.begins_for_reads(isolation_level)
    return Gate(begin_sql, opens, read_only, None, sent, spares_queries)


def settings_gate(dialect: Dialect) -> Gate:
    """Return the gate of an open transaction that a statement may have robbed of its settings: they go out with the next statement."""
    return Gate("", True, sent=dialect.restoring_sql)


# a transaction that has begun and must not write, where the database itself would let it
READING = Gate(read_only=True)
CLOSED = Gate(refusal="this connection is closed. Take a new one with engine.connect().")
LOST = Gate(refusal="this connection to the database was lost. Close it and take a new one with engine.connect().")
INHERITED = Gate(
    refusal="this connection was opened by the process that this one was forked from, and only that one may use it. Close the "
    "Session or connection, and take a new one here."
)
FAILED = Gate(
    refusal="the database has rolled this transaction back when a statement failed; nothing more can be done in it. "
    "Call rollback() and begin again."
)
PREPARED = Gate(refusal="this transaction is prepared; nothing more can be done in it but commit() or rollback().")


class Opening(str):
    """SQL text with BEGIN, or with settings, in front of it.

    :ivar statement: the text without them.
    :ivar gate: what is put back when BEGIN turns out not to have been executed; None where there was none.
    """

    __slots__ = ("gate", "statement")
    statement: str
    gate: Gate | None

    def __new__(cls, sql: str, statement: str, gate: Gate | None = None) -> Self:
        made = super().__new__(cls, sql)
        made.statement = statement
        made.gate = gate
        return made

    def with_statement(self, statement: str) -> Opening:
        """Return the same opening with another statement behind it."""
        return Opening(f"{self[: len(self) - len(self.statement)]}{statement}", statement, self.gate)
