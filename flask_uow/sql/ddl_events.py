"""Events of tables and of a MetaData: before and after they are created and dropped; and ``DDL``, a statement of one's own for them."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeGuard

from flask_uow.exc import ArgumentError
from flask_uow.sql.event import EventKind, Registered, register_kind
from flask_uow.sql.nodes import Executable, Shape

if TYPE_CHECKING:
    from flask_uow.sql.interfaces import DDLConnection, SchemaItem, SQLDialect
    from flask_uow.sql.schema import Table

__all__ = ["DDL", "tell_column", "tell_tables"]

# of tables, MetaData objects and their classes, by the name of the event; few have any
_listeners: weakref.WeakKeyDictionary[Any, dict[str, list[Registered]]] = weakref.WeakKeyDictionary()

_NAMES = ("before_create", "after_create", "before_drop", "after_drop")


class _SchemaEvents(EventKind):
    targets = "a Table or a MetaData, or one of these classes for all"
    names: Mapping[str, tuple[str, ...]] = {
        **dict.fromkeys(_NAMES, ("target", "connection")),
        "column_reflect": ("inspector", "table", "column_info"),
    }

    def takes(self, target: object) -> bool:
        # neither module knows this one
        return hasattr(target, "create_all") or (hasattr(target, "metadata") and hasattr(target, "fullname"))

    def registered(self, target: object, name: str) -> list[Registered]:
        return _listeners.setdefault(target, {}).setdefault(name, [])

    def changed(self, target: object, name: str) -> None:
        """Nothing: they are looked up when tables are created or dropped."""


register_kind(_SchemaEvents())


def tell_column(inspector: object, table: Table, column_info: dict[str, Any]) -> None:
    """Call what listens to ``column_reflect``: it may change the name of the attribute (``key``), the type and the rest of what was read.

    :param column_info: what the database says of the column, by name.
    """
    if not _listeners:
        return
    for target in (table.metadata, table):
        for made in _listening(target, "column_reflect"):
            made.call(inspector, table, column_info)


def tell_tables(
    name: str, tables: Iterable[Table], connection: DDLConnection, checkfirst: bool, whole: object = None
) -> None:
    """Call what listens to tables being created or dropped.

    :param tables: those that are, in order.
    :param whole: the MetaData, where all of its tables are meant.
    """
    if not _listeners:
        return
    members = list(tables)
    if whole is not None and name.startswith("before"):
        _call(name, whole, connection, checkfirst, members)
    for table in members:
        _call(name, table, connection, checkfirst, None)
    if whole is not None and name.startswith("after"):
        _call(name, whole, connection, checkfirst, members)


def _call(name: str, target: object, connection: DDLConnection, checkfirst: bool, tables: list[Table] | None) -> None:
    for made in _listening(target, name):
        if made.options.get("named"):
            made.call(target, connection)
        else:
            made.call(target, connection, checkfirst=checkfirst, tables=tables)


def _listening(target: object, name: str) -> Iterator[Registered]:
    """Yield what listens to a table or a MetaData: to all of its class, then to it."""
    for each in (*reversed(type(target).__mro__), target):
        yield from _listeners.get(each, {}).get(name, ())


def _is_named(target: object) -> TypeGuard[SchemaItem]:
    return hasattr(target, "fullname")


class DDL(Executable):
    """A statement of one's own, to be executed when a table, or all tables, are created or dropped; or by ``connection.execute()``.

    ``event.listen(table, "after_create", DDL("CREATE INDEX ... ON %(table)s (lower(name))").execute_if(dialect="postgresql"))``

    :param statement: SQL text; ``%(table)s``, ``%(schema)s`` and ``%(fullname)s`` stand for the names of the table, ``%%`` for ``%``.
    :param context: further names for such places.
    :raises ArgumentError: for what is no text.

    :ivar dialects: the databases that it is for; all where there is none.
    :ivar condition: asked before it is executed, see :meth:`execute_if`.
    """

    __visit_name__ = "ddl_text"

    def __init__(self, statement: str, context: Mapping[str, Any] | None = None) -> None:
        if not isinstance(statement, str):
            raise ArgumentError(f"DDL() takes SQL text, got {statement!r}.")
        self.statement = statement
        self.context = dict(context or {})
        self.dialects: tuple[str, ...] = ()
        self.condition: Callable[..., Any] | None = None

    def execute_if(
        self, dialect: str | Sequence[str] | None = None, callable_: Callable[..., Any] | None = None
    ) -> DDL:
        """Return the statement with conditions for its execution.

        :param dialect: the database's name, ``"postgresql"`` or ``"sqlite"``, or several.
        :param callable_: called as ``callable_(ddl, target, connection, checkfirst=, tables=)``; nothing is executed unless it returns true.
        """
        made = DDL(self.statement, self.context)
        made.dialects = (dialect,) if isinstance(dialect, str) else tuple(dialect or ())
        made.condition = callable_
        return made

    def __call__(self, target: object, connection: DDLConnection, **given: Any) -> None:
        """Execute the statement, where its conditions hold."""
        if self.dialects and connection.dialect.name not in self.dialects:
            return
        if self.condition is not None and not self.condition(self, target, connection, **given):
            return
        connection.run(self.text_for(target, connection.dialect), (), write=True)

    def collect_shape(self, shape: Shape) -> None:
        shape.cacheable = False

    def text_for(self, target: object, dialect: SQLDialect) -> str:
        """Return the text with the names of a table in it, quoted where the database needs that."""
        names = dict(self.context)
        if _is_named(target):
            quoted = [dialect.quote(part) for part in (target.schema, target.name) if part]
            names = {
                "table": quoted[-1],
                "schema": quoted[0] if target.schema else "",
                "fullname": ".".join(quoted),
                **names,
            }
        try:
            return self.statement % names
        except (KeyError, ValueError, TypeError) as error:
            raise ArgumentError(
                f"DDL({self.statement!r}) cannot be filled in ({type(error).__name__}: {error}). Names there are: {', '.join(names) or 'none'}; a"
                " percent sign of the SQL is written as %%."
            ) from error

    def __repr__(self) -> str:
        return f"DDL({self.statement!r})"
