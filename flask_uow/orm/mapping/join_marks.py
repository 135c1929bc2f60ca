"""``foreign()`` and ``remote()``: which columns of a join condition are the foreign key, and which are on the far side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from flask_uow.exc import ArgumentError
from flask_uow.sql.column_operators import ColumnOperators
from flask_uow.sql.expressions import ColumnElement, Null
from flask_uow.sql.nodes import ClauseElement, Shape
from flask_uow.sql.rewriting import columns_of, rewritten

__all__ = ["MarkedCondition", "foreign", "remote", "with_far_columns", "without_marks"]

T = TypeVar("T")


class _Marked(ColumnElement[T]):
    """A part of a join condition with what is said of it; SQL shows the part only."""

    __slots__ = ("element", "is_foreign", "is_remote")
    __visit_name__ = "sourced"

    def __init__(self, element: ColumnElement[T], is_foreign: bool, is_remote: bool) -> None:
        self.element = element
        self.is_foreign = is_foreign
        self.is_remote = is_remote
        self.type = element.type

    @property
    def name(self) -> str | None:
        return self.element.name

    @property
    def precedence(self) -> int:
        return self.element.precedence

    def _parts(self) -> tuple[Any, ...]:
        return (self.element,)

    def collect_shape(self, shape: Shape) -> None:
        self.element.collect_shape(shape)

    def with_replaced(self, original: ClauseElement) -> ClauseElement:
        return _Marked(self.element, self.is_foreign, self.is_remote)


def _marked(name: str, column: object, is_foreign: bool, is_remote: bool) -> ColumnElement[Any]:
    if not isinstance(column, ColumnOperators):
        raise ArgumentError(
            f"{name}() marks a column in the condition of a relationship, as in {name}(Post.author_id) == User.id; got {column!r}."
        )
    if isinstance(column, _Marked):
        return _Marked(column.element, column.is_foreign or is_foreign, column.is_remote or is_remote)
    return _Marked(column.__clause_element__(), is_foreign, is_remote)


def foreign(column: object) -> ColumnElement[Any]:
    """Mark a column of ``relationship(primaryjoin=...)`` as the foreign key, where no ForeignKey is declared or another one is meant.

    :param column: a column, an attribute, or an expression of columns.
    :raises ArgumentError: for something else.

    >>> relationship(primaryjoin="Country.iso == foreign(Town.iso)", viewonly=True)             # doctest: +SKIP
    """
    return _marked("foreign", column, is_foreign=True, is_remote=False)


def remote(column: object) -> ColumnElement[Any]:
    """Mark a column of ``relationship(primaryjoin=...)`` as one of the far side, where a table refers to itself.

    :param column: a column, an attribute, or an expression of columns.
    :raises ArgumentError: for something else.
    """
    return _marked("remote", column, is_foreign=False, is_remote=True)


class MarkedCondition(NamedTuple):
    """A join condition, and the columns that were marked in it."""

    condition: Any
    foreign: list[Any]
    remote: list[Any]
    # those that are marked as remote nowhere, or not everywhere
    near: tuple[Any, ...] = ()

    @property
    def is_about_both(self) -> bool:
        """True where a column is that of the far side in one place and that of the near side in another."""
        return any(column is other for column in self.remote for other in self.near)


def without_marks(condition: ClauseElement | None) -> MarkedCondition:
    """Return a join condition as SQL has it, with the columns that were marked."""
    foreign_columns: list[Any] = []
    remote_columns: list[Any] = []

    def bare(node: ClauseElement) -> ClauseElement | None:
        if not isinstance(node, _Marked):
            return None
        columns = columns_of(node.element)
        if node.is_foreign:
            foreign_columns.extend(columns)
        if node.is_remote:
            remote_columns.extend(columns)
        return node.element

    if condition is None:
        return MarkedCondition(None, [], [])
    # NULL takes the place of what is marked, so that what is left are the near ones
    near = columns_of(rewritten(condition, lambda node: Null() if _is_remote(node) else None))
    return MarkedCondition(rewritten(condition, bare), foreign_columns, remote_columns, tuple(near))


def with_far_columns(condition: ClauseElement, far: Callable[[Any], Any]) -> ClauseElement:
    """Return a join condition whose columns that are marked as remote are those of another element; other marks stay.

    :param far: returns the column there.
    """

    def replace(node: ClauseElement) -> ClauseElement | None:
        if not isinstance(node, _Marked) or not node.is_remote:
            return None
        element = rewritten(
            node.element, lambda inner: far(inner) if getattr(inner, "table", None) is not None else None
        )
        return _Marked(element, node.is_foreign, True)

    return rewritten(condition, replace)


def _is_remote(node: ClauseElement) -> bool:
    return isinstance(node, _Marked) and node.is_remote
