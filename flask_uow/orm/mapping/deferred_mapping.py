"""``DeferredReflection``: declarative classes whose tables are read from the database, and that are mapped when that is asked for.

A class that derives from :class:`DeferredClass` waits; :func:`map_waiting` maps those that wait. The automap of
:mod:`~flask_uow.orm.mapping.automap` defers its classes in the same way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from flask_uow.orm.mapping.declared_class import MACHINERY, local_names_here, map_declared, waits_for_table

if TYPE_CHECKING:
    from flask_uow.orm.mapping.registry import Registry
    from flask_uow.sql.interfaces import ReflectionBind

__all__ = ["DeferredClass", "DeferredReflection", "map_waiting"]


class _Waiting(NamedTuple):
    cls: Any
    registry: Registry
    local_names: dict[str, Any]


class DeferredClass:
    """The base of classes that are not mapped when they are made."""

    _waiting: ClassVar[list[_Waiting]] = []


class DeferredReflection(DeferredClass):
    """A mixin of classes whose tables are read from the database: they are mapped by :meth:`prepare`, not before.

    ``class Reflected(DeferredReflection): __abstract__ = True`` and ``class Order(Reflected, Base): __tablename__ = "order"``; then
    ``Reflected.prepare(engine)``. Columns and relationships that a class declares itself count more than what is read.
    """

    @classmethod
    def prepare(cls, bind: ReflectionBind, **options: Any) -> None:
        """Read the tables of the classes that derive from this one, and map the classes.

        :param bind: an engine or a connection.
        :param options: further arguments of :class:`Table`, ``resolve_fks=False`` say.
        :raises NoSuchTableError: for a table that the database does not have.
        """
        map_waiting(cls, {**options, "autoload_with": bind})


def map_waiting(base: type, table_options: dict[str, Any]) -> list[type]:
    """Map the classes that wait and derive from a class, in the order in which they were made; return them.

    :param table_options: further arguments of their tables.
    """
    waiting = DeferredClass._waiting
    mapped = [entry for entry in waiting if issubclass(entry.cls, base)]
    for entry in mapped:
        waiting.remove(entry)
        map_declared(entry.cls, entry.registry, entry.local_names, table_options)
    return [entry.cls for entry in mapped]


def _defer(cls: type, registry: Registry) -> bool:
    """Note a class that waits; return False for one that does not."""
    if not issubclass(cls, DeferredClass) or "__table__" in vars(cls):
        return False
    DeferredClass._waiting.append(_Waiting(cls, registry, local_names_here()))
    return True


MACHINERY.update((DeferredClass, DeferredReflection))
waits_for_table.append(_defer)
