"""The protocol: how a transaction over several databases is committed.

1. What only read ends first, each part by itself. Where only one part wrote, it is committed and that is all.
2. One database is chosen to decide, the *coordinator*: the one that cannot prepare, else the default bind's, else the first by bind key.
3. All others prepare (PREPARE TRANSACTION), in the order of their bind keys.
4. The coordinator's transaction inserts the decision and commits. **This commit is the decision.** Before it, everything can be undone;
   after it, nothing.
5. The others commit what they have prepared, and the decision is deleted when all have.

What fails before 4 is rolled back everywhere. What is cut short after 3 is finished by :mod:`~flask_uow.engine.atomic.recovery`, which
finds the prepared transactions and asks the coordinator named in their identifiers. Nothing here waits for a connection of a pool: under
load, units of work that wait for a connection while they hold another one would wait for each other.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field

from flask_uow.engine.atomic.decisions import COMMIT, DecisionRecord, forget_record, record_of
from flask_uow.engine.atomic.identifiers import BranchIdentifier, new_gtrid
from flask_uow.engine.connection import Connection
from flask_uow.engine.transaction import Transaction
from flask_uow.engine.two_phase import TwoPhaseTransaction
from flask_uow.exc import (
    CommitOutcomeUnknown,
    DBAPIError,
    FlaskUowError,
    IntegrityError,
    InvalidRequestError,
    OperationalError,
)

__all__ = ["AtomicCommit", "Branch"]

logger = logging.getLogger("flask_uow.engine")


@dataclass(slots=True)
class Branch:
    """The part that one database has in a transaction.

    :ivar connection: the connection that works for it.
    :ivar transaction: the transaction on it.
    :ivar bind: the name of the database within this transaction: its bind key, or a number.
    :ivar is_default: True for the database that decides rather than others.
    """

    connection: Connection
    transaction: Transaction
    bind: str
    is_default: bool = False

    @property
    def name(self) -> str:
        """The database, for people."""
        return repr(self.connection.engine.url)

    @property
    def prepared(self) -> TwoPhaseTransaction | None:
        """The transaction, where it is prepared and not ended."""
        transaction = self.transaction
        if isinstance(transaction, TwoPhaseTransaction) and transaction.is_active and transaction.is_prepared:
            return transaction
        return None


@dataclass(slots=True)
class AtomicCommit:
    """One commit over several databases.

    :ivar branches: the parts.
    :ivar may_undo: False once the transaction is committed, or may be: what is prepared must be left alone then.
    :ivar gtrid: the name of the unit of work; empty until something was prepared.
    """

    branches: list[Branch]
    may_undo: bool = True
    gtrid: str = ""
    _coordinator: Branch | None = None
    _record: DecisionRecord | None = None
    _participants: list[Branch] = field(default_factory=list)
    _database_ids: list[str] = field(default_factory=list)

    # -- by hand

    def prepare(self) -> None:
        """Prepare all, the coordinator too; :meth:`commit` or a rollback has to follow.

        :raises InvalidRequestError: when the record of decisions cannot be used; all are to be rolled back then.
        :raises DBAPIError: when a database refuses; likewise.
        """
        begun = [branch for branch in self.branches if branch.connection.has_begun]
        if begun and not self._all_is_rolled_back_later():
            self._choose(begun)
            self._name(begun)
        self._prepare_all(self.branches)

    # -- commit

    def commit(self) -> None:
        """Commit all or nothing.

        :raises DBAPIError: when a database refuses; nothing was saved, and all are to be rolled back.
        :raises InvalidRequestError: when several databases that cannot prepare have written, or recovery was quicker; likewise.
        :raises CommitOutcomeUnknown: when the connection was lost while the decision was under way, and the database cannot be asked now;
            when no standby has confirmed the decision where it was to wait for one.
        """
        if any(branch.prepared for branch in self.branches):
            self._commit_prepared_by_hand()
            return
        if self._all_is_rolled_back_later():
            self._prepare_all(self.branches)
            self._end(self.branches)
            return
        writers = self._writers()
        # those who have only read end first: if that fails, nothing is decided yet
        self._end([branch for branch in self.branches if branch not in writers])
        if len(writers) < 2:
            self._end(writers)
            return
        self._choose(writers)
        coordinator = self._coordinator
        assert coordinator is not None
        self._participants = [branch for branch in writers if branch is not coordinator]
        self._name(self._participants)
        self._prepare_all(self._participants)
        self._decide(coordinator, coordinator.transaction)
        self._finish()

    def _all_is_rolled_back_later(self) -> bool:
        return any(branch.connection.is_rolled_back_later() for branch in self.branches)

    def _writers(self) -> list[Branch]:
        begun = [branch for branch in self.branches if branch.connection.has_begun]
        # a single one is committed in one phase in any case, and need not be asked
        if len(begun) < 2:
            return begun
        return [branch for branch in begun if branch.connection.ask_whether_written()]

    def _end(self, branches: Iterable[Branch]) -> None:
        for branch in branches:
            branch.transaction.commit()

    def _choose(self, writers: list[Branch]) -> None:
        """Choose who decides, and make sure of its record of decisions."""
        alone = [branch for branch in writers if not isinstance(branch.transaction, TwoPhaseTransaction)]
        if len(alone) > 1:
            raise InvalidRequestError(
                f"{' and '.join(branch.name for branch in alone)} were written to in one two-phase transaction, and neither can prepare."
                " At most one such database can take part: write to the others in a unit of work of their own. Nothing was saved."
            )
        # who cannot prepare has to decide; among the others the default database does, else the first by name
        ranked = sorted(writers, key=lambda branch: (branch not in alone, not branch.is_default, branch.bind))
        self._coordinator = ranked[0]
        self._record = record_of(ranked[0].connection.engine)

    def _name(self, branches: Iterable[Branch]) -> None:
        """Name the unit of work and the parts that will prepare."""
        assert self._record is not None
        self.gtrid = new_gtrid(self._record.database_id)
        for branch in branches:
            self._database_ids.append(record_of(branch.connection.engine).database_id)
            assert isinstance(branch.transaction, TwoPhaseTransaction)
            branch.transaction.xid = str(BranchIdentifier.of(self.gtrid, branch.bind))

    @staticmethod
    def _prepare_all(branches: list[Branch]) -> None:
        for branch in sorted(branches, key=lambda branch: branch.bind):
            if isinstance(branch.transaction, TwoPhaseTransaction):
                branch.transaction.prepare()

    def _commit_prepared_by_hand(self) -> None:
        coordinator = self._coordinator
        self._participants = self.branches
        if coordinator is None:
            # inside engine.rolled_back(), or nothing was ever sent
            self._end(self.branches)
            return
        assert isinstance(coordinator.transaction, TwoPhaseTransaction)
        with coordinator.transaction.set_aside() as connection:
            transaction = connection.begin(isolation_level="READ COMMITTED")
            try:
                self._decide(coordinator, transaction)
            finally:
                transaction.rollback()
        self._finish()

    # -- the decision

    def _decide(self, coordinator: Branch, transaction: Transaction) -> None:
        assert self._record is not None
        try:
            self._record.insert_commit(coordinator.connection, self.gtrid, self._database_ids)
        except IntegrityError as error:
            raise InvalidRequestError(
                "recovery has given this transaction up, since it had been prepared for long, and has rolled back what was prepared. Nothing"
                " was saved; try again, and let recovery wait longer (--grace)."
            ) from error
        except FlaskUowError:
            # the tables may be gone, by a restored backup say: they are looked for anew the next time
            forget_record(coordinator.connection.engine)
            raise
        # before COMMIT goes out: from here on nobody may roll back what is prepared elsewhere
        self.may_undo = False
        try:
            transaction.commit()
        except CommitOutcomeUnknown as error:
            if coordinator.connection.is_usable:
                # the decision may be lost with its server, and what is prepared elsewhere has to follow the server that goes on
                raise CommitOutcomeUnknown(
                    f"{error} What the other databases have prepared waits: `flask uow recover` settles it, all in the same way. The"
                    f" transaction is {self.gtrid}."
                ) from error
            self._find_out(coordinator, error)
        except DBAPIError:
            # the database has refused, and so nothing was decided
            self.may_undo = True
            raise
        except BaseException:
            # interrupted in the middle of COMMIT: finish what was decided before the interrupt goes on
            self._find_out(coordinator, None)
            self._finish()
            raise

    def _find_out(self, coordinator: Branch, error: CommitOutcomeUnknown | None) -> None:
        """Ask the database whether the decision was saved, after the connection was lost.

        :raises OperationalError: when it was not, and never will be.
        :raises CommitOutcomeUnknown: when the database cannot be asked.
        """
        assert self._record is not None
        try:
            with coordinator.connection.engine.connect_apart() as connection:
                outcome = self._record.settle(connection, self.gtrid)
        except FlaskUowError as trouble:
            raise CommitOutcomeUnknown(
                f"the connection to {coordinator.name} was lost while the decision about a two-phase transaction was under way, and that database"
                f" cannot be asked now ({trouble}). What the others have prepared waits: `flask uow recover` settles it, all in the same way."
                f" The transaction is {self.gtrid}."
            ) from error
        if outcome == COMMIT:
            return
        self.may_undo = True
        raise OperationalError(
            f"the connection to {coordinator.name} was lost before the decision about a two-phase transaction was saved: nothing was saved in"
            " any database. Try again.",
            "COMMIT",
            None,
            error,
            connection_invalidated=True,
        ) from error

    # -- after the decision

    def _finish(self) -> None:
        """Carry the decision out; nothing that fails here changes it."""
        told = [self._commit_prepared(branch) for branch in self._participants]
        assert self._coordinator is not None
        # while one of them waits, recovery needs the decision
        if all(told):
            self._forget(self._coordinator)

    def _commit_prepared(self, branch: Branch) -> bool:
        prepared = branch.prepared
        if prepared is None:
            return True
        try:
            prepared.commit()
        except CommitOutcomeUnknown as error:
            logger.critical(
                "A two-phase transaction is committed, and no standby of %s has confirmed COMMIT PREPARED '%s'. If a standby takes over there,"
                " it may still have it prepared; `flask uow recover` finishes it then. (%s)",
                branch.name, prepared.xid, error,
            )  # fmt: skip
            return False
        except FlaskUowError as error:
            # whatever state it is in: recovery finishes the transaction over another connection
            branch.connection.invalidate()
            logger.critical(
                "A two-phase transaction is committed, but %s could not be told. There the transaction %r stays prepared and holds its locks;"
                " `flask uow recover` finishes it, and so does COMMIT PREPARED '%s'. (%s)",
                branch.name, prepared.xid, prepared.xid, error,
            )  # fmt: skip
            return False
        return True

    def _forget(self, coordinator: Branch) -> None:
        assert self._record is not None
        try:
            if coordinator.connection.is_usable:
                self._record.forget(coordinator.connection, self.gtrid)
        except FlaskUowError as error:
            # the row does no harm, and recovery deletes it after some time
            logger.warning(
                "The decision about the two-phase transaction %s could not be deleted in %s: %s",
                self.gtrid, coordinator.name, error,
            )  # fmt: skip

    def leave(self) -> None:
        """End here what is prepared, without a word to the databases; recovery carries out what was decided."""
        for branch in self.branches:
            if (prepared := branch.prepared) is not None:
                prepared.leave()
