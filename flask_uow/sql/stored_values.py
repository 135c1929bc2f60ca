"""Values in the database that are none of their column's type: the error, and the column that it is about.

What converts a value does not know its column. So the error is raised without, and the code that reads the rows, which is generated and knows its
columns by number, has it told apart: nothing is done for it while the rows are right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flask_uow.exc import DataError

__all__ = ["StoredValueError", "column_label", "of_column", "of_some_column"]

Processor = Callable[[Any], Any]


class StoredValueError(DataError):
    """A value in the database is none of its column's type.

    :ivar value: the value, as the driver gives it.
    :ivar where: the attribute, or the column, that holds it; empty while that is not known.
    """

    value: object = None
    where: str = ""

    @classmethod
    def of(cls, type_: object, value: object, error: BaseException | None, cure: str) -> StoredValueError:
        """Return the error for a stored value that is none of ``type_``."""
        reason = f" ({error})" if error is not None else ""
        shown = repr(value)
        shown = shown if len(shown) <= 200 else f"{shown[:200]}..."
        message = (
            f"the database holds {shown}, which is no value of {type_!r} but of {type(value).__name__}{reason}. {cure}"
        )
        found = cls(message, orig=error or ValueError(message))
        found.value = value
        return found


def of_column(error: StoredValueError, where: str) -> StoredValueError:
    """Return the error with the attribute or the column that it is about, unless it knows that already."""
    if error.where:
        return error
    found = StoredValueError(f"{where}: {error.message}", orig=error.orig)
    found.value, found.where = error.value, where
    return found.with_traceback(error.__traceback__)


def of_some_column(
    error: StoredValueError,
    processors: Sequence[Processor | None],
    labels: Callable[[int], str],
    values: Sequence[Any] | None = None,
) -> StoredValueError:
    """Return the error with the column that it is about.

    :param processors: of each column; None for one whose values are taken as they are.
    :param labels: gives the name of a column by its number.
    :param values: the row. Without it all columns are named of which the value would be wrong.
    """
    found = []
    for number, processor in enumerate(processors):
        if processor is None:
            continue
        try:
            # of a list the error is about one of its items
            processor(error.value if values is None else values[number])
        except StoredValueError as again:
            if again.message == error.message:
                found.append(labels(number))
    return of_column(error, " or ".join(found)) if found else error


def column_label(column: object, name: str | None = None) -> str:
    """Return the name of a column for messages: with its table, where it has one.

    :param column: an expression; the column itself is named of one that has a label.
    :param name: the name that it has in the rows, for one without a name.
    """
    if getattr(column, "__visit_name__", "") == "label":
        column, name = getattr(column, "element", None), getattr(column, "name", name)
    own = getattr(column, "name", None) or name or "a column"
    table = getattr(column, "table", None)
    place = getattr(table, "fullname", None) or getattr(table, "name", None)
    return f"{place}.{own}" if place else str(own)
