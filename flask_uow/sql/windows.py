"""OVER, FILTER and WITHIN GROUP, which stand behind the call of a function.

``func.row_number().over(partition_by=Post.author_id, order_by=Post.id)``; :class:`flask_uow.sql.functions.FunctionElement`
makes these nodes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_uow.exc import ArgumentError
from flask_uow.sql.coercion import coerce_order
from flask_uow.sql.expressions import ColumnElement
from flask_uow.sql.operations import and_
from flask_uow.sql.typed import V

if TYPE_CHECKING:
    from flask_uow.sql.functions import FunctionElement

__all__ = ["FunctionFilter", "Over", "WithinGroup"]

Frame = tuple[str, Any, Any]
_EXCLUDED = ("CURRENT ROW", "GROUP", "TIES", "NO OTHERS")


class Over(ColumnElement[V]):
    """``element OVER (PARTITION BY ... ORDER BY ... frame)``.

    :param frame: ``(unit, start, end)`` with the unit ROWS, RANGE or GROUPS; None for the database's own.
    :param exclude: what of the frame is left out, in the words of SQL; None for nothing.
    """

    __slots__ = ("element", "exclude", "frame", "order_by", "partition_by")
    __visit_name__ = "over"

    def __init__(
        self,
        element: ColumnElement[Any],
        partition_by: tuple[ColumnElement[Any], ...],
        order_by: tuple[ColumnElement[Any], ...],
        frame: Frame | None,
        exclude: str | None = None,
    ) -> None:
        self.element = element
        self.partition_by = partition_by
        self.order_by = order_by
        self.frame = frame
        self.exclude = exclude
        self.type = element.type

    def _parts(self) -> tuple[Any, ...]:
        return (
            self.element,
            self.partition_by,
            self.order_by,
            self.frame is not None,
            *(self.frame or ()),
            self.exclude,
        )

    @property
    def name(self) -> str | None:
        return self.element.name


class FunctionFilter(ColumnElement[V]):
    """``element FILTER (WHERE condition)``."""

    __slots__ = ("condition", "element")
    __visit_name__ = "function_filter"

    def __init__(self, element: ColumnElement[Any], condition: ColumnElement[bool]) -> None:
        self.element = element
        self.condition = condition
        self.type = element.type

    def _parts(self) -> tuple[Any, ...]:
        return (self.element, self.condition)

    @property
    def name(self) -> str | None:
        return self.element.name

    def filter(self, *conditions: Any) -> FunctionFilter[V]:
        """Return the call with further conditions."""
        return FunctionFilter(self.element, and_(self.condition, *conditions))

    def over(
        self,
        partition_by: object = None,
        order_by: object = None,
        rows: object = None,
        range_: object = None,
        groups: object = None,
        exclude: str | None = None,
    ) -> Over[V]:
        """See :meth:`flask_uow.sql.functions.FunctionElement.over`."""
        return make_over(self, partition_by, order_by, rows, range_, groups, exclude)


class WithinGroup(ColumnElement[Any]):
    """``element WITHIN GROUP (ORDER BY ...)``."""

    __slots__ = ("element", "order_by")
    __visit_name__ = "within_group"

    def __init__(self, element: ColumnElement[Any], order_by: tuple[ColumnElement[Any], ...]) -> None:
        self.element = element
        self.order_by = order_by
        # percentile_cont() and the like give a value of what they order; a call that was given a type keeps it
        self.type = element.type if element.type.lookup_name != "null" else order_by[0].type

    def _parts(self) -> tuple[Any, ...]:
        return (self.element, self.order_by)

    @property
    def name(self) -> str | None:
        return self.element.name


def function_of(node: ColumnElement[Any]) -> FunctionElement[Any]:
    """Return the call of a function that a window or a filter stands behind."""
    inner: Any = node
    while hasattr(inner, "element"):
        inner = inner.element
    function: FunctionElement[Any] = inner
    return function


def make_over(
    element: ColumnElement[V],
    partition_by: object,
    order_by: object,
    rows: object,
    range_: object,
    groups: object,
    exclude: str | None,
) -> Over[V]:
    """Return the window over a call; see :meth:`flask_uow.sql.functions.FunctionElement.over`."""
    given = [
        (unit, bounds) for unit, bounds in (("ROWS", rows), ("RANGE", range_), ("GROUPS", groups)) if bounds is not None
    ]
    if len(given) > 1:
        raise ArgumentError("over() takes one of rows, range_ and groups.")
    frame = _frame(*given[0]) if given else None
    words = _excluded(exclude, frame) if exclude is not None else None
    return Over(element, criteria(partition_by), criteria(order_by), frame, words)


def _excluded(exclude: object, frame: Frame | None) -> str:
    words = exclude.upper() if isinstance(exclude, str) else exclude
    if not isinstance(words, str) or words not in _EXCLUDED:
        raise ArgumentError(f"over(exclude={exclude!r}): one of {', '.join(map(repr, _EXCLUDED))} was expected.")
    if frame is None:
        raise ArgumentError(
            "over(exclude=) leaves rows out of a frame; say which frame with rows=, range_= or groups=."
        )
    return words


def criteria(given: object) -> tuple[ColumnElement[Any], ...]:
    """Return one criterion, or a list of them, as expressions."""
    if given is None:
        return ()
    return tuple(coerce_order(item) for item in (given if isinstance(given, (list, tuple)) else [given]))


def _frame(unit: str, bounds: object) -> Frame:
    if not isinstance(bounds, (list, tuple)) or len(bounds) != 2:
        raise ArgumentError(
            f"a window's frame is a pair (start, end), got {bounds!r}. Numbers count from the current row, None has no bound: "
            "(-2, 0) is the two rows before and the row itself, (None, 0) all rows up to it."
        )
    for bound in bounds:
        if bound is not None and (isinstance(bound, bool) or not isinstance(bound, int)):
            raise ArgumentError(f"the bound {bound!r} of a window's frame is neither a whole number nor None.")
    start, end = bounds
    if start is not None and end is not None and start > end:
        raise ArgumentError(f"the frame {bounds!r} ends before it starts.")
    return (unit, start, end)
