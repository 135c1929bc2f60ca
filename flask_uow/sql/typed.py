"""The rows of a statement as type checkers know them: ``select(User.id, User.name)`` is a ``Select[tuple[int, str]]``.

Only annotations use this; at run time a statement is of no other kind because of it, and nothing is looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar, TypeVarTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Sequence as SequenceType

    import typing_extensions

    from flask_uow.sql.expressions import ColumnElement
    from flask_uow.sql.nodes import ClauseElement
    from flask_uow.sql.sequences import Sequence

    # a row of which nobody says what is in it has any items
    TP_co = typing_extensions.TypeVar("TP_co", bound=tuple[Any, ...], default=tuple[Any, ...], covariant=True)
    V = typing_extensions.TypeVar("V", default=Any)
else:
    TP_co = TypeVar("TP_co", covariant=True)
    V = TypeVar("V")

__all__ = [
    "T0", "T1", "T2", "T3", "T4", "T5", "T6", "T7", "Item", "Parameters", "ReturnsRows", "Statement", "TP_co", "Ts", "V",
]  # fmt: skip

# the items of a row one by one, for overloads; all of them at once
T0 = TypeVar("T0")
T1 = TypeVar("T1")
T2 = TypeVar("T2")
T3 = TypeVar("T3")
T4 = TypeVar("T4")
T5 = TypeVar("T5")
T6 = TypeVar("T6")
T7 = TypeVar("T7")
Ts = TypeVarTuple("Ts")

if TYPE_CHECKING:
    # what can be selected with a type: a column, an attribute, an expression; a mapped class
    Item: TypeAlias = ColumnElement[T0] | type[T0]
    # what a connection executes: a statement, SQL text, or a sequence whose next number is meant
    Statement: TypeAlias = "ClauseElement | ReturnsRows | Sequence | str"
    # values of a statement's parameters: of one execution, or of several
    Parameters: TypeAlias = Mapping[str, Any] | SequenceType[Mapping[str, Any]] | None


class ReturnsRows(Generic[TP_co]):
    """A statement whose rows are ``TP_co``, a tuple type."""

    __slots__ = ()
