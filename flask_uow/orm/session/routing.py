"""Reads that go to read replicas: which statements do, and when a Session turns to the primary.

A :class:`Routing` is shared by the Sessions of one unit of work. Each has a :class:`Router`, which finds the connection of a statement. With the
first write all of them turn to the primary, for good. What a Session has read from replicas until then may be old: its objects are expired, and a row
that it is about to change must still be in the primary as it was read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flask_uow.engine.replicas import NoReplica, ReplicaReader
from flask_uow.exc import InvalidRequestError
from flask_uow.orm.session.moving import forget_what_was_read
from flask_uow.orm.session.reads import only_reads
from flask_uow.sql.dml_statement import DMLStatement

if TYPE_CHECKING:
    from flask_uow.engine import Connection, Engine
    from flask_uow.orm.session.session import Session
    from flask_uow.orm.session.transaction import SessionTransaction

__all__ = ["Router", "Routing"]


class Routing:
    """Where the reads of one unit of work go.

    :param readers: what lends connections to replicas, by the engine of their primary.
    :param refuses_writes: a write is an error, and nothing turns to the primary.
    :param is_open: False where reads go to the primary until :meth:`open` is called.

    :ivar turned_late: something was written when something had been read from a replica: the decision to write it may be one about old values.
    """

    __slots__ = ("_is_open", "_readers", "refuses_writes", "turned_late")

    def __init__(
        self, readers: Mapping[Any, ReplicaReader], refuses_writes: bool = False, is_open: bool = True
    ) -> None:
        self._readers = dict(readers)
        self._is_open = is_open
        self.refuses_writes = refuses_writes
        self.turned_late = False

    def open(self) -> None:
        """Let reads go to replicas from now on."""
        self._is_open = True

    def reader_for(self, bind: object) -> ReplicaReader | None:
        """Return the reader that lends connections for the reads of a bind; None where the bind itself serves them."""
        return self._readers.get(bind) if self._is_open else None

    def avoid(self, bind: object) -> None:
        """Have the bind itself serve its reads from now on."""
        self._readers.pop(bind, None)

    def use_primary(self) -> None:
        """Have no replica serve anything from now on."""
        self._readers.clear()


class Router:
    """Finds the connections of one Session's statements.

    :param routing: shared with the other Sessions of the unit of work.
    """

    __slots__ = ("_has_read", "_routing")

    def __init__(self, routing: Routing) -> None:
        self._routing = routing
        self._has_read = False

    def connection_for(
        self, session: Session, transaction: SessionTransaction, bind: Engine | Connection, clause: object, reads: bool
    ) -> Connection:
        """Return the connection for a statement.

        :param bind: the engine (or connection) that serves it where nothing is routed.
        :param clause: the statement; None where there are several.
        :param reads: it is known to read only.
        :raises InvalidRequestError: for a write, where those are refused.
        :raises StaleReadError: see :meth:`before_write`.
        """
        reader = self._routing.reader_for(bind)
        # nothing was read from a replica, and so nothing has to move
        if reader is None and not self._has_read:
            return transaction.connection_for(bind)
        if not (reads or only_reads(clause, bind.dialect)):
            if not self._routing.refuses_writes:
                self.before_write(session)
            elif clause is None or isinstance(clause, DMLStatement):
                raise InvalidRequestError(
                    "this unit of work is read only, and something in it writes. Write in another one, without read_only=True."
                )
        elif reader is not None:
            try:
                connection = transaction.connection_for(reader)
            except NoReplica:
                # from now on: a replica that is back later could show an older state than the primary has shown
                self._routing.avoid(bind)
            else:
                self._has_read = True
                return connection
        return transaction.connection_for(bind)

    def before_write(self, session: Session) -> None:
        """Turn to the primary, and expire what was read from replicas.

        :raises StaleReadError: when a row whose object is changed or deleted is not in the primary as it was read.
        """
        if self._routing.refuses_writes:
            return
        self._routing.use_primary()
        if self._has_read:
            self._has_read = False
            self._routing.turned_late = True
            forget_what_was_read(session)
