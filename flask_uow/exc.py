"""The errors that flask_uow raises.

Every error of the project derives from :class:`FlaskUowError`. The tree::

    FlaskUowError
    ├── ArgumentError                 a wrong argument to a function, a mapping or a configuration
    │   ├── ConfigurationError        a wrong value under a key of ``app.config``
    │   ├── UnfitArgumentError        an argument that does not fit what it is given to; an InvalidRequestError as well
    │   └── UnsupportedOperatorError  an operator that an attribute does not have; a NotImplementedError as well
    ├── CompileError                  a statement that cannot be written in SQL
    ├── CircularDependencyError       tables or rows that wait for each other
    ├── InvalidRequestError           a call that does not fit the present state
    │   ├── MultipleResultsFound      one row was asked for, and there were several
    │   ├── NoResultFound             one row was asked for, and there was none
    │   ├── NoReferenceError          a foreign key refers to nothing that is there
    │   │   ├── NoReferencedTableError    the MetaData has no such table
    │   │   └── NoReferencedColumnError   the table has no such column
    │   ├── NoSuchTableError          a table that the database does not have
    │   ├── ResourceClosedError       a connection, result or transaction used after it was closed
    │   ├── UnboundExecutionError     no engine is known for the statement
    │   └── orm errors                see flask_uow.orm.exc
    ├── TimeoutError                  no connection became free in time
    ├── CommitOutcomeUnknown          the connection was lost while COMMIT was under way
    └── DBAPIError                    the driver refused; ``.orig``, ``.statement``, ``.params``
        ├── InterfaceError
        └── DatabaseError
            ├── DataError             a value that the column cannot hold
            ├── OperationalError      the database is unreachable, locked, shut down ...
            ├── IntegrityError        a constraint was violated
            ├── InternalError
            ├── ProgrammingError      wrong SQL, a missing table ...
            └── NotSupportedError

The children of DBAPIError carry the names of PEP 249. Two warnings beside the tree::

    UOWWarning (RuntimeWarning)               what was asked for was done, and is probably not what was meant
    UOWDeprecationWarning (DeprecationWarning)  a spelling that has a successor; the message names it

This module imports nothing of the project; every layer may import it.
"""

from __future__ import annotations

import difflib
import sys
import warnings
from collections.abc import Iterable
from typing import Any

__all__ = [
    "ArgumentError",
    "CircularDependencyError",
    "CommitOutcomeUnknown",
    "CompileError",
    "ConfigurationError",
    "DBAPIError",
    "DataError",
    "DatabaseError",
    "DisconnectionError",
    "FlaskUowError",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "InvalidRequestError",
    "MultipleResultsFound",
    "NoReferenceError",
    "NoReferencedColumnError",
    "NoReferencedTableError",
    "NoResultFound",
    "NoSuchColumnError",
    "NoSuchTableError",
    "NotSupportedError",
    "OperationalError",
    "ProgrammingError",
    "ResourceClosedError",
    "TimeoutError",
    "UOWDeprecationWarning",
    "UOWWarning",
    "UnboundExecutionError",
    "UnfitArgumentError",
    "UnsupportedOperatorError",
    "did_you_mean",
]


class FlaskUowError(Exception):
    """The root of every error that flask_uow raises."""


class ArgumentError(FlaskUowError):
    """An argument to a function, a mapping or a configuration is wrong."""


class ConfigurationError(ArgumentError):
    """A value in ``app.config`` is wrong; the message names its key."""


class CompileError(FlaskUowError):
    """A statement cannot be written as SQL for the dialect at hand."""


class CircularDependencyError(FlaskUowError):
    """Tables, or rows to be flushed, wait for each other; the message prints the cycle.

    :ivar cycle: the members of the cycle, in order.
    """

    def __init__(self, message: str, cycle: Iterable[Any] = ()) -> None:
        super().__init__(message)
        self.cycle = tuple(cycle)


class InvalidRequestError(FlaskUowError):
    """The call does not fit the present state of the object it was made on."""


class UnfitArgumentError(ArgumentError, InvalidRequestError):
    """An argument does not fit what it is given to: a key with another number of values, something that no query can select."""


class UnsupportedOperatorError(ArgumentError, NotImplementedError):
    """A relationship, or a composite, was compared with an operator that it does not have."""


class NoResultFound(InvalidRequestError):
    """Exactly one row was asked for, and there was none."""


class MultipleResultsFound(InvalidRequestError):
    """Exactly one row was asked for, and there were several."""


class NoSuchColumnError(InvalidRequestError, KeyError):
    """A row has no column of that name, or not the column that was meant."""

    # that of KeyError shows the text in quotes
    __str__ = InvalidRequestError.__str__


class NoSuchTableError(InvalidRequestError):
    """The database has no table of that name."""


class NoReferenceError(InvalidRequestError):
    """A foreign key refers to a table or a column that is not there."""


class NoReferencedTableError(NoReferenceError, NoSuchTableError):
    """A foreign key refers to a table that its MetaData does not have."""


class NoReferencedColumnError(NoReferenceError, ArgumentError):
    """A foreign key refers to a column that the table does not have."""


class ResourceClosedError(InvalidRequestError):
    """A connection, result or transaction was used after it had been closed."""


class UnboundExecutionError(InvalidRequestError):
    """No engine or connection is known that could execute the statement."""


class TimeoutError(FlaskUowError):
    """No connection of the pool became free within its time-out (in seconds)."""


class DisconnectionError(FlaskUowError):
    """Raised by what listens to ``checkout``: the connection is lost, and another one is to be lent."""


class CommitOutcomeUnknown(FlaskUowError):
    """The work may be saved or not: the connection was lost while COMMIT was under way, or no standby has confirmed a commit that was to wait
    for one."""


class DBAPIError(FlaskUowError):
    """The database or its driver refused a statement (PEP 249).

    :ivar orig: the driver's own exception (or the Python error of a conversion that failed before the driver saw it).
    :ivar statement: the SQL text, or None where no statement was involved.
    :ivar params: the parameters sent with it, or None.
    :ivar connection_invalidated: True when the connection cannot be used any more.
    :ivar from_replica: True when the statement was sent to a read replica.
    :ivar waits_for_itself: True when the lock that was waited for in vain is held by another connection of the same thread.
    """

    from_replica = False
    waits_for_itself = False

    def __init__(
        self,
        message: str,
        statement: str | None = None,
        params: object = None,
        orig: BaseException | None = None,
        *,
        connection_invalidated: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.statement = statement
        self.params = params
        self.orig = orig
        self.connection_invalidated = connection_invalidated

    def __str__(self) -> str:
        text = self.message
        if self.statement is not None:
            text += f"\n[SQL: {_shorten(self.statement, 2000)}]"
            if self.params:
                text += f"\n[parameters: {_shorten(repr(self.params), 500)}]"
        return text

    def __reduce__(self) -> tuple[Any, ...]:
        # the driver's error may hold a connection, and those cannot be pickled
        return (type(self), (self.message, self.statement, None, None))


class InterfaceError(DBAPIError):
    """The driver itself was used wrongly."""


class DatabaseError(DBAPIError):
    """The database reported an error."""


class DataError(DatabaseError):
    """A value is of the wrong kind, too long, or out of range for its column."""


class OperationalError(DatabaseError):
    """The database could not do its work: unreachable, locked, shut down, out of resources."""


class IntegrityError(DatabaseError):
    """A constraint (unique, foreign key, not null, check) was violated."""


class InternalError(DatabaseError):
    """The database met an internal error, or the transaction has failed already."""


class ProgrammingError(DatabaseError):
    """The SQL is wrong: a syntax error, a missing table or column, a wrong number of parameters."""


class NotSupportedError(DatabaseError):
    """The database does not support what was asked for."""


class UOWWarning(RuntimeWarning):
    """A warning: all that was asked for was done, and there is a sign that something else was meant; the message says which."""


class UOWDeprecationWarning(DeprecationWarning):
    """A spelling was used that has a successor; the message names it."""


def warn_caller(message: str, category: type[Warning] = UOWWarning) -> None:
    """Warn at the line of the application that the package was called from."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "flask_uow":
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


#: names that users of SQLAlchemy and its extensions know -> what they are called here
RENAMED = {
    "SQLAlchemy": "UnitOfWork",
    "SQLAlchemyError": "FlaskUowError",
    "StatementError": "DBAPIError",
    "PendingRollbackError": "InvalidRequestError",
    "NoForeignKeysError": "ArgumentError",
    "AmbiguousForeignKeysError": "ArgumentError",
    "ObjectNotExecutableError": "ArgumentError",
    "SAWarning": "UOWWarning",
    "SADeprecationWarning": "UOWDeprecationWarning",
    "CursorResult": "Result",
    "BaseQuery": "Query",
    "QueryPagination": "Pagination",
    "SelectPagination": "Pagination",
    "get_debug_queries": "get_recorded_queries",
    "get_engine": "engines",
    "get_binds": "engines",
    "get_app": "current_app",
    "create_scoped_session": "session",
}

#: names of theirs that nothing here stands for -> what to do instead
NOT_THERE = {
    **dict.fromkeys(
        ("create_async_engine", "AsyncSession", "AsyncEngine", "async_sessionmaker", "AsyncAttrs", "get_async_session"),
        "There is no asyncio here: an async view uses db.session as any other view does.",
    ),
    "try_cast": "Neither database has TRY_CAST: use cast(), with case() for what cannot be cast.",
    "TryCast": "Neither database has TRY_CAST: use cast(), with case() for what cannot be cast.",
    "SingletonThreadPool": "Threads share the connections of an engine, also those of a database in memory: leave poolclass out, or use StaticPool.",
    "lambda_stmt": "Statements are found again by their shape, however they were made: write select() itself.",
    "create_mock_engine": "Write CREATE statements out by str(CreateTable(table).compile(engine)).",
    "insert_sentinel": "Keys come back in the order of the rows without one: insert().returning(..., sort_by_parameter_order=True).",
    "outparam": "Neither database has OUT parameters: select from the function.",
    "track_modifications": "Receive the signals before_flush and after_flush.",
    "models_committed": "Receive the signal after_commit, or use db.after_commit().",
    "before_models_committed": "Receive the signal before_commit.",
}


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the candidate closest to ``name``, or an empty string when none is close.

    A candidate that SQLAlchemy calls by that name is the closest, then one that differs in case and underscores only.
    """
    known = list(candidates)
    meant = RENAMED.get(name)
    if meant is None or meant not in known:
        plain = _plain(name)
        alike = [each for each in known if _plain(each) == plain]
        closest = difflib.get_close_matches(name, alike, n=1, cutoff=0.0) or difflib.get_close_matches(name, known, n=1)
        meant = closest[0] if closest else None
    return f" Did you mean {meant!r}?" if meant is not None else ""


def instead_of(name: str, candidates: Iterable[str]) -> str:
    """Return the hint for an unknown name: the cure where it is one that SQLAlchemy has, else :func:`did_you_mean`."""
    return f" {NOT_THERE[name]}" if name in NOT_THERE else did_you_mean(name, candidates)


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def _shorten(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]} ... ({len(text)} characters)"
