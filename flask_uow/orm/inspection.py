"""``inspect(subject)``: what is behind a mapped object or class, an alias, an engine."""

from __future__ import annotations

from typing import Any, Literal, overload

from flask_uow.engine import Connection, Engine, Inspector
from flask_uow.orm.exc import UnmappedClassError, UnmappedInstanceError
from flask_uow.orm.mapping.entity import EntityView
from flask_uow.orm.mapping.mapper import Mapper, class_mapper
from flask_uow.orm.state.instance_state import InstanceState, instance_state
from flask_uow.sql.column_operators import ColumnOperators
from flask_uow.sql.nodes import ClauseElement

__all__ = ["inspect"]


@overload
def inspect(  # pyright: ignore[reportOverlappingOverload]
    subject: Engine | Connection, raiseerr: Literal[True] = True
) -> Inspector: ...


@overload
def inspect(subject: type[Any] | Mapper, raiseerr: Literal[True] = True) -> Mapper: ...


@overload
def inspect(subject: ColumnOperators | ClauseElement, raiseerr: bool = True) -> Any: ...


@overload
def inspect(subject: Any, raiseerr: Literal[True] = True) -> InstanceState: ...


@overload
def inspect(subject: object, raiseerr: bool) -> Any: ...


def inspect(subject: object, raiseerr: bool = True) -> Any:
    """Return the inspection of an object: the :class:`InstanceState` of a mapped object, the :class:`Mapper` of a mapped class, what stands for
    the class behind an alias, an :class:`~flask_uow.engine.reflection.inspector.Inspector` of the database of an engine or a connection;
    of an attribute, a column or a table that one itself.

    :param raiseerr: False gives None where nothing is known of the subject.
    :raises UnmappedClassError: for an unmapped class.
    :raises UnmappedInstanceError: for anything else.
    """
    try:
        return _behind(subject)
    except UnmappedClassError:
        if raiseerr:
            raise
        return None


def _behind(subject: object) -> Any:
    if isinstance(subject, (type, Mapper)):
        return class_mapper(subject)
    if isinstance(subject, (Engine, Connection)):
        return Inspector(subject)
    view = getattr(subject, "__uow_entity__", None)
    if isinstance(view, EntityView):
        # an alias
        return view
    if isinstance(subject, (ColumnOperators, ClauseElement)):
        return subject
    if not hasattr(subject, "__dict__"):
        raise UnmappedInstanceError(f"{subject!r} is no mapped object or class.")
    return instance_state(subject)
