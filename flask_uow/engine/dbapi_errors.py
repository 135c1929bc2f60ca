"""Driver errors -> :mod:`flask_uow.exc`, in one place.

A driver's exceptions carry the class names of PEP 249 (https://peps.python.org/pep-0249/#exceptions), and so do ours:
the translation goes by name and needs no driver. Python errors that a driver raises while it converts a parameter or a
result are translated too. Connections call :func:`translate`; whether the connection is lost is the dialect's finding.
"""

from __future__ import annotations

import re

from flask_uow import exc

__all__ = ["EXPANDING", "HIDDEN", "lacks_expansion", "lost_at_commit", "translate"]

# stands for the parameters of a statement of an engine with hide_parameters
HIDDEN = "hidden"

_BY_NAME: dict[str, type[exc.DBAPIError]] = {
    cls.__name__: cls
    for cls in (
        exc.InterfaceError,
        exc.DatabaseError,
        exc.DataError,
        exc.OperationalError,
        exc.IntegrityError,
        exc.InternalError,
        exc.ProgrammingError,
        exc.NotSupportedError,
    )
}

# IN and a placeholder of either driver
_IN_WITHOUT_BRACKETS = re.compile(r"\bin\s+(\?|%s|%\()", re.IGNORECASE)
# where one value is meant, and PostgreSQL is given a list
_IN_BRACKETS = re.compile(r"\bin\s*\(%s(::jsonb)?", re.IGNORECASE)
EXPANDING = "A list in SQL text needs a parameter that expands: text('... IN :ids').bindparams(bindparam('ids', expanding=True))."


def translate(
    error: BaseException,
    statement: str | None,
    params: object,
    *,
    connection_invalidated: bool = False,
    cure: str = "",
    from_replica: bool = False,
    waits_for_itself: bool = False,
) -> exc.DBAPIError:
    """Return the error of ours that stands for a driver's; the caller raises it ``from error``.

    :param error: what the driver raised: one of its own errors, or the Python error of a failed conversion.
    :param statement: the SQL text, None where no statement was involved.
    :param params: the driver's parameters.
    :param connection_invalidated: True when the connection cannot be used any more.
    :param cure: how to mend it, said below the driver's words.
    :param from_replica: True when the statement was sent to a read replica.
    :param waits_for_itself: True when the lock that was waited for is held by another connection of the same thread.
    """
    if isinstance(error, exc.DBAPIError):
        return error
    # by their names, which PEP 249 gives: each driver has classes of its own
    for base in type(error).__mro__:
        cls = _BY_NAME.get(base.__name__)
        if cls is not None:
            break
    else:
        cls = _conversion_error(error)
    message = str(error).strip() or type(error).__name__
    if cure:
        message += f"\n{cure}"
    made = cls(message, statement, params, error, connection_invalidated=connection_invalidated)
    made.from_replica = from_replica
    made.waits_for_itself = waits_for_itself
    return made


def lost_at_commit(error: BaseException, has_only_read: bool) -> exc.OperationalError | exc.CommitOutcomeUnknown:
    """Return the error for a connection that was lost while COMMIT was under way; the caller raises it ``from error``.

    :param has_only_read: True where it is known that the transaction has changed nothing: whether it was committed makes no difference then.
    """
    if has_only_read:
        return exc.OperationalError(
            "the connection was lost at the end of a transaction that has only read, so nothing is lost: it can be repeated."
            f" ({str(error).strip()})",
            "COMMIT",
            None,
            error,
            connection_invalidated=True,
        )
    return exc.CommitOutcomeUnknown(
        "the connection was lost while COMMIT was under way: the transaction may be saved or not. "
        f"Look in the database before you repeat it. ({str(error).strip()})"
    )


def _conversion_error(error: BaseException) -> type[exc.DBAPIError]:
    if isinstance(error, (OverflowError, ValueError)):
        # an int of more than 64 bits, a NUL or a lone surrogate in a text, a date beyond Python's years
        return exc.DataError
    if isinstance(error, (TypeError, IndexError, KeyError)):
        # the number of parameters, or a class that the driver cannot send
        return exc.ProgrammingError
    return exc.InterfaceError


def lacks_expansion(message: str, statement: str, params: object) -> bool:
    """Return True for an error of a statement that was given a list where IN has one value."""
    if "syntax error" in message and _IN_WITHOUT_BRACKETS.search(statement):
        return True
    found = _IN_BRACKETS.search(statement)
    # of many rows the values are in a list
    if found is None or not isinstance(params, tuple):
        return False
    return found.group(1) is not None or any(isinstance(value, (list, tuple)) for value in params)
