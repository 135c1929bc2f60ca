"""Which types bring operators along for their columns; the operators themselves are in :mod:`flask_uow.sql.comparators`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flask_uow.sql.expressions import ColumnElement
    from flask_uow.sql.operators import Operator

__all__ = ["factories"]


class _Factories:
    """Whether any type has a ``comparator_factory``, and the functions that heed it.

    :ivar are_there: True once a type has one.
    :ivar names: the methods that these have, without those of all of them.
    """

    comparator: type[Any]
    dispatch: Callable[[ColumnElement[Any], Operator, object, dict[str, Any]], Any]
    when_first: Callable[[], None]

    def __init__(self) -> None:
        self.are_there = False
        self.names: set[str] = set()
        self._asleep: ContextVar[bool] = ContextVar("asleep", default=False)

    def note(self, factory: type[Any]) -> None:
        """Take note of one that a type has."""
        own = [cls for cls in factory.__mro__ if cls not in self.comparator.__mro__]
        self.names.update(name for cls in own for name in vars(cls) if not name.startswith("_"))
        if not self.are_there:
            self.are_there = True
            self.when_first()

    @contextmanager
    def asleep(self) -> Iterator[None]:
        """Have operators mean what they mean for all types, within the block."""
        token = self._asleep.set(True)
        try:
            yield
        finally:
            self._asleep.reset(token)

    def dispatched(self, element: ColumnElement[Any], op: Operator, other: object, modifiers: dict[str, Any]) -> Any:
        """Return the expression that a type's comparator makes of an operator; None where there is none, or it leaves the operator alone."""
        return None if self._asleep.get() else self.dispatch(element, op, other, modifiers)


factories = _Factories()
