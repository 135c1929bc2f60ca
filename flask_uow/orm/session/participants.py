"""The connections that take part in a transaction of a Session: who they are, and how they end.

:class:`Participants` belongs to a root transaction or a SAVEPOINT. A connection that was given to the Session may be in a transaction already;
what the Session's own ends do to that one says :data:`JOIN_MODES`. Without two-phase commit the participants of a root are committed one
after the other, in the order in which they were first used. With it they are committed all or not at all, by
:mod:`flask_uow.engine.atomic`.
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from flask_uow.engine import Connection, Transaction, TwoPhaseTransaction
from flask_uow.engine.atomic import AtomicCommit, Branch
from flask_uow.exc import ArgumentError, DBAPIError, InvalidRequestError, did_you_mean

if TYPE_CHECKING:
    from flask_uow.engine import Engine
    from flask_uow.engine.replicas import ReplicaReader

    #: what gives the connection of a participant
    Bind = Engine | Connection | ReplicaReader

__all__ = ["JOIN_MODES", "JointCommit", "Participants", "TransactionOwner", "check_join_mode"]

#: Which ends of a Session reach a transaction in which its connection was already: ``rollback()``; also ``commit()`` and ``close()``; none, they are
#: about a savepoint of the Session's own; none where it is a savepoint itself, else ``rollback()``.
JOIN_MODES = ("rollback_only", "control_fully", "create_savepoint", "conditional_savepoint")

logger = logging.getLogger("flask_uow.orm")


def check_join_mode(mode: str) -> str:
    """Return a ``join_transaction_mode``.

    :raises ArgumentError: for an unknown one.
    """
    if mode not in JOIN_MODES:
        known = ", ".join(map(repr, JOIN_MODES))
        raise ArgumentError(
            f"join_transaction_mode={mode!r} is unknown.{did_you_mean(str(mode), JOIN_MODES)} The modes are {known}."
        )
    return mode


class _Participant:
    """A connection that takes part.

    :ivar transaction: what ends with the Session's transaction.
    :ivar owned: True where the connection is to be closed at the end.
    :ivar joined: True where the transaction was begun outside, by somebody who commits it.
    :ivar ends_unseen: True for one on a read replica: there is nothing to commit, and a replica that is gone keeps no commit from happening.
    """

    __slots__ = ("connection", "ends_unseen", "joined", "owned", "transaction")

    def __init__(self, connection: Connection, transaction: Transaction, owned: bool, joined: bool = False) -> None:
        self.connection = connection
        self.transaction = transaction
        self.owned = owned
        self.joined = joined
        self.ends_unseen = owned and connection.engine.is_replica

    @property
    def name(self) -> str:
        return repr(self.connection.engine.url)


class TransactionOwner(Protocol):
    """A Session, as its connections see it."""

    @property
    @abstractmethod
    def twophase(self) -> bool:
        """Whether all connections commit or none."""

    @property
    @abstractmethod
    def join_transaction_mode(self) -> str:
        """How the ends of the Session reach a transaction in which a connection is already."""

    @abstractmethod
    def begin_on(self, connection: Connection) -> Transaction:
        """Begin a transaction on a connection that takes part from now on."""

    @abstractmethod
    def name_of_bind(self, bind: Any, number: int) -> tuple[str, bool]:
        """Return the name of a bind in a transaction, given its number there, and whether it is the default one."""


class Participants:
    """The connections of one transaction or savepoint, by the engine (or connection) that the Session was bound to.

    :param outer: those of the transaction around a savepoint; None for a root transaction.
    :param session: the Session; its ``twophase`` says whether all commit or none, also when the process or a database dies meanwhile, and its
        ``join_transaction_mode`` (one of :data:`JOIN_MODES`) what becomes of connections that are in a transaction already.

    :ivar members: those that take part, by what the Session was bound to, in the order in which they came.
    :ivar has_committed: True once one of a root transaction's connections was committed, also when another one refused then.
    """

    def __init__(self, outer: Participants | None, session: TransactionOwner) -> None:
        self.outer = outer
        self._session = session
        self.twophase = session.twophase
        self.atomic: AtomicCommit | None = None
        self.joint: JointCommit | None = None
        self.has_committed = False
        self.members: dict[Any, _Participant] = {}
        self._options: dict[Any, Mapping[str, Any]] = {}

    def get(self, bind: Engine | Connection) -> Connection | None:
        """Return the connection of a bind, None when it does not take part (yet)."""
        found = self.members.get(bind)
        return found.connection if found is not None else None

    def connections(self) -> list[Connection]:
        """Return the connections that take part, in the order in which they came."""
        return [member.connection for member in self.members.values()]

    def set_options(self, bind: Bind, options: Mapping[str, Any]) -> None:
        """Set execution options of a connection that is to take part.

        :raises InvalidRequestError: for one that does already: its transaction has begun without them.
        """
        if bind in self.members:
            raise InvalidRequestError(
                f"execution options ({', '.join(options)}) came for a connection whose transaction has begun ({self.members[bind].name}). Ask"
                " for the connection with them at the beginning of the transaction, before anything else is done in it."
            )
        if self.outer is not None:
            self.outer.set_options(bind, options)
        else:
            self._options[bind] = options

    def connection_for(self, bind: Bind) -> Connection:
        """Return the connection of a bind; its transaction begins at first use.

        :raises InvalidRequestError: when somebody else has ended the transaction on a connection that was given.
        """
        found = self.members.get(bind)
        if found is None:
            found = self.members[bind] = self._enlist(bind)
        elif not found.owned and not found.transaction.is_active:
            raise InvalidRequestError(
                f"the transaction on the connection that this Session was given ({found.name}) was ended from outside, and what the Session does"
                " now would not be part of it. Call session.commit(), rollback() or close() first."
            )
        return found.connection

    def _enlist(self, bind: Bind) -> _Participant:
        if self.outer is not None:
            connection = self.outer.connection_for(bind)
            return _Participant(connection, connection.begin_nested(), owned=False)
        options = self._options.get(bind, {})
        if isinstance(bind, Connection):
            return self._join(bind.execution_options(**options) if options else bind)
        connection = bind.connect()
        try:
            if options:
                connection.execution_options(**options)
            transaction = self._session.begin_on(connection)
        # BaseException: a KeyboardInterrupt must not leave a connection lent for good either
        except BaseException:
            connection.close()
            raise
        transaction.owner = "the Session"
        return _Participant(connection, transaction, owned=True)

    def _join(self, connection: Connection) -> _Participant:
        outer = connection.get_nested_transaction() or connection.get_transaction()
        if outer is None:
            return _Participant(connection, self._session.begin_on(connection), owned=False)
        mode = self._session.join_transaction_mode
        if mode == "create_savepoint" or (mode == "conditional_savepoint" and connection.in_nested_transaction()):
            return _Participant(connection, connection.begin_nested(), owned=False)
        return _Participant(connection, outer, owned=False, joined=mode != "control_fully")

    def join(self, other: Participants, is_flushed: bool) -> None:
        """Work over the connections of another transaction, which is committed with this one, where only that one has begun.

        Two connections that write to one SQLite file would wait for each other, and the rows of one are not seen by the other.

        :param is_flushed: nothing but its end is left of the other one: it serves this one where neither has begun, too.
        """
        for bind, member in other.members.items():
            own = self.members.get(bind)
            if own is None or (own.owned and not own.connection.has_begun):
                if is_flushed or member.connection.has_begun:
                    if own is not None:
                        own.transaction.rollback()
                        own.connection.close()
                    self.members[bind] = _Participant(member.connection, member.transaction, owned=False, joined=True)

    @property
    def has_written(self) -> bool:
        """True when a rollback would undo something that was written, or has undone it."""
        return any(member.connection.has_written for member in self.members.values())

    def own_members(self) -> list[_Participant]:
        """Return the connections whose transactions the Session commits."""
        return [member for member in self.members.values() if not (member.joined or member.ends_unseen)]

    # -- preparing

    def check_preparable(self) -> None:
        """Refuse to prepare where one of the connections cannot be.

        :raises InvalidRequestError: naming the first such database.
        """
        for member in self.members.values():
            if member.ends_unseen:
                continue
            if member.joined or not isinstance(member.transaction, TwoPhaseTransaction):
                is_outer = member.joined or member.transaction.is_nested
                reason = "is in a transaction that was begun outside" if is_outer else "has no PREPARE TRANSACTION"
                raise InvalidRequestError(
                    f"the transaction cannot be prepared: {member.name} takes part and {reason}."
                    " Call commit() without prepare(), or leave that database out."
                )

    def prepare(self) -> None:
        """Prepare all, by hand: a commit or a rollback has to follow.

        :raises InvalidRequestError: when the record of decisions cannot be used; all are to be rolled back then.
        :raises DBAPIError: when a database refuses; likewise.
        """
        self.atomic = AtomicCommit(self.branches())
        self.atomic.prepare()

    def branches(self, session: int = 0) -> list[Branch]:
        """Return the parts of a two-phase commit.

        :param session: the number of this transaction among those that are committed together; their parts need names of their own.
        """
        found = []
        for number, (bind, member) in enumerate(self.members.items()):
            if not (member.joined or member.ends_unseen or member.transaction.is_nested):
                name, is_default = self._session.name_of_bind(bind, number)
                found.append(
                    Branch(
                        member.connection,
                        member.transaction,
                        f"{name}/{session}" if session else name,
                        is_default and not session,
                    )
                )
        return found

    # -- ending

    def commit(self) -> None:
        """Commit all (a savepoint: release it on all).

        :raises DBAPIError: when a database refuses; the others are still to be rolled back then.
        :raises InvalidRequestError: in two-phase mode, when several databases that have written cannot prepare.
        :raises CommitOutcomeUnknown: when the connection was lost while COMMIT was under way.
        """
        if self.joint is not None:
            self.joint.commit()
            return
        members = self.own_members()
        # a single participant needs no PREPARE: its COMMIT is atomic by itself
        if self.atomic is not None or (self.twophase and self.outer is None and len(members) > 1):
            self.atomic = self.atomic or AtomicCommit(self.branches())
            self.atomic.commit()
            self.has_committed = True
            # a savepoint in a transaction that was begun outside lasts no longer than that one
            members = [member for member in members if member.transaction.is_nested]
        _commit_in_turn([(self, member) for member in members])

    def close(self) -> None:
        """Roll back those that the Session would commit; what was joined stays as it is."""
        self._roll_back(self.own_members())

    def rollback(self) -> None:
        """Roll back all that are still open, prepared and joined ones included; one that fails keeps no other from it.

        What is prepared is left as it is where the transaction is committed, or may be.
        """
        self._roll_back(self.members.values())

    def _roll_back(self, members: Iterable[_Participant]) -> None:
        # the decision to commit stands on disk: to roll back one part now would tear the transaction apart
        if self.atomic is not None and not self.atomic.may_undo:
            self.atomic.leave()
        for member in members:
            if not member.transaction.is_active:
                continue
            try:
                member.transaction.rollback()
            except (DBAPIError, InvalidRequestError) as error:
                # a broken connection is discarded by the pool, and the database rolls back by itself
                logger.warning("rollback on %s failed: %s", member.name, error)
                member.connection.invalidate()

    def release(self) -> None:
        """Give the connections back."""
        for member in self.members.values():
            if member.owned:
                member.connection.close()
        self.members.clear()


def _commit_in_turn(members: Sequence[tuple[Participants, _Participant]]) -> None:
    for number, (whose, member) in enumerate(members):
        try:
            member.transaction.commit()
        except BaseException as error:
            done = [each.name for of, each in members[:number] if of.outer is None]
            if done:
                logger.critical(
                    "A transaction over several databases was committed in part: %s committed; %s refused, and the rest was rolled back (%s)."
                    " Two-phase commit avoids this: Session(twophase=True).",
                    ", ".join(done), member.name, error,
                )  # fmt: skip
            raise
        # a released savepoint is not committed
        whose.has_committed = whose.has_committed or whose.outer is None


class JointCommit:
    """The commit of the transactions of several Sessions, by whichever of them asks for it first.

    Those in two-phase mode are committed as one, then the others one after the other.
    """

    def __init__(self, parts: Sequence[Participants]) -> None:
        self._parts = parts
        self._is_done = False
        self.atomic: AtomicCommit | None = None
        branches = [branch for number, part in enumerate(parts) if part.twophase for branch in part.branches(number)]
        if len(branches) > 1:
            self.atomic = AtomicCommit(branches)
        for part in parts:
            part.joint = self
            if part.twophase:
                part.atomic = self.atomic

    def commit(self) -> None:
        """Commit all; what was committed already is left.

        :raises Exception: as :meth:`Participants.commit`.
        """
        if self._is_done:
            return
        if self.atomic is not None:
            self.atomic.commit()
        for part in self._parts:
            part.has_committed = part.has_committed or part.atomic is not None
        _commit_in_turn(
            [
                (part, member)
                for part in self._parts
                for member in part.own_members()
                if part.atomic is None or member.transaction.is_nested
            ]
        )
        self._is_done = True
