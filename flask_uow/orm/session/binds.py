"""Which engine serves a mapper, a table or a statement.

Explicit binds come first (the mapper's, then its table's, then those of the statement's tables), then the Session's own ``bind``, then
the bind key of the table, then the default engine. That gives the bind; where it has read replicas, :mod:`flask_uow.orm.session.routing` says
whether one of them serves a statement.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from flask_uow.exc import ArgumentError, UnboundExecutionError
from flask_uow.orm.mapping.mapper import Mapper, class_mapper
from flask_uow.sql.nodes import ClauseElement
from flask_uow.sql.schema import Table

if TYPE_CHECKING:
    from flask_uow.engine import Connection, Engine

__all__ = ["Binds", "tables_of"]


class Binds:
    """The engines of a Session.

    :param bind: the engine (or connection) for everything.
    :param binds: engines by mapped class, mapper or table; or by a class that mapped ones are derived from, a declarative base or a mixin.
    :param bind_key_engines: engines by bind key; the default engine under None.
    """

    def __init__(
        self,
        bind: Engine | Connection | None,
        binds: Mapping[Any, Any] | None,
        bind_key_engines: Mapping[str | None, Any] | None,
    ) -> None:
        self.bind = bind
        self.by_mapper: dict[Any, Any] = {}
        self.by_table: dict[Any, Any] = {}
        self.by_key = bind_key_engines
        # classes that are not mapped themselves: bases and mixins of mapped ones
        self.by_class: dict[type, Any] = {}
        for target, engine in (binds or {}).items():
            if isinstance(target, Table):
                self.by_table[target] = engine
            elif isinstance(target, (type, Mapper)):
                self.bind_class(target, engine)
            else:
                raise ArgumentError(
                    f"binds= takes mapped classes (or bases of these), mappers and tables as keys, got {target!r}."
                )

    def bind_class(self, target: type | Mapper, engine: Any) -> None:
        """Use an engine for a mapped class (or mapper), or for the mapped classes that are derived from one that is not mapped.

        :raises UnmappedClassError: for a class of Python itself.
        """
        if isinstance(target, type) and "__mapper__" not in vars(target) and target.__module__ != "builtins":
            # a class that waits to be mapped (DeferredReflection) is found by its place among the bases as well
            self.by_class[target] = engine
        else:
            self.by_mapper[class_mapper(target, configure=False)] = engine

    @property
    def are_given_by_part(self) -> bool:
        """True where a class, a mapper or a table has an engine of its own."""
        return bool(self.by_mapper or self.by_table or self.by_class)

    def find(self, mapper: Mapper | None, clause: object) -> Any:
        """Return the engine or connection.

        :raises UnboundExecutionError: when none is known.
        """
        if self.are_given_by_part:
            explicit = self._explicit(mapper, clause)
            if explicit is not None:
                return explicit
        if self.bind is not None:
            return self.bind
        if self.by_key is not None:
            return self._by_bind_key(mapper, clause)
        raise self._unbound(mapper, clause)

    def are_several(self) -> bool:
        """Return whether statements may go to more than one database."""
        by_part = (*self.by_mapper.values(), *self.by_table.values(), *self.by_class.values())
        engines = [self.bind, *by_part, *(self.by_key or {}).values()]
        return len({id(engine) for engine in engines if engine is not None}) > 1

    def name_of(self, bind: Engine | Connection, number: int) -> tuple[str, bool]:
        """Return the name of a bind in a transaction over several, and whether it is the default one.

        :param number: its number in that transaction, which is the name of one without a bind key.
        """
        for key, engine in (self.by_key or {}).items():
            if engine is bind:
                return key or "", key is None
        return f"{number}", bind is self.bind

    def _explicit(self, mapper: Mapper | None, clause: object) -> Any:
        if mapper is not None:
            # what is said of the base holds for its family, which has one identity map
            for candidate in (mapper.base_mapper, mapper):
                if candidate in self.by_mapper:
                    return self.by_mapper[candidate]
            for table in mapper.tables:
                if table in self.by_table:
                    return self.by_table[table]
            for class_ in mapper.class_.__mro__:
                # a concrete class is no member of the family of its base, and goes where that goes
                base = vars(class_).get("__mapper__")
                if base in self.by_mapper:
                    return self.by_mapper[base]
                if class_ in self.by_class:
                    return self.by_class[class_]
        if clause is not None and self.by_table:
            for table in tables_of(clause):
                if table in self.by_table:
                    return self.by_table[table]
        if clause is not None and mapper is None and self.by_mapper:
            tables = list(tables_of(clause))
            for candidate, engine in self.by_mapper.items():
                if any(table in candidate.tables for table in tables):
                    return engine
        if clause is not None and mapper is None and self.by_class:
            # a declarative base has all tables of its MetaData
            holders = {id(table.metadata) for table in tables_of(clause)}
            for class_, engine in self.by_class.items():
                if id(getattr(class_, "metadata", None)) in holders:
                    return engine
        return None

    def _by_bind_key(self, mapper: Mapper | None, clause: object) -> Any:
        assert self.by_key is not None
        if mapper is not None:
            key = _bind_key_of_class(mapper)
        else:
            key = _first_bind_key(tables_of(clause)) if clause is not None else None
        engine = self.by_key.get(key)
        if engine is None:
            if key is None:
                raise self._unbound(mapper, clause)
            known = ", ".join(sorted(repr(k) for k in self.by_key if k is not None)) or "none"
            raise UnboundExecutionError(
                f"the bind key {key!r} is not configured; known are: {known}. Add it to UOW_BINDS (and to the"
                " binds=[...] of a limited unit of work), or correct the key."
            )
        return engine

    def _unbound(self, mapper: Mapper | None, clause: object) -> UnboundExecutionError:
        what = (
            f"mapper of {mapper.class_.__name__}"
            if mapper is not None
            else "this statement"
            if clause is not None
            else "this Session"
        )
        if self.by_key:
            return UnboundExecutionError(
                f"no engine is known for {what}: it belongs to the default database, and this Session was given those of"
                f" {', '.join(map(repr, self.by_key))} only. Add None, the key of the default one, to binds=[...]."
            )
        return UnboundExecutionError(
            f"no engine is known for {what}. Make the Session with bind=engine, or call session.bind_mapper() or session.bind_table()."
        )


def _bind_key_of_class(mapper: Mapper) -> str | None:
    """Return the bind key of the tables of a class, None for the default database; the class remembers it."""
    memo = mapper.memo
    if "bind key" not in memo:
        # one that is mapped to a SELECT has the tables that this reads
        memo["bind key"] = _first_bind_key(mapper.tables or tables_of(mapper.local_table))
    key: str | None = memo["bind key"]
    return key


def _first_bind_key(tables: Iterable[Table]) -> str | None:
    for table in tables:
        key = bind_key_of(table)
        if key is not None:
            return key
    return None


def bind_key_of(table: Table) -> str | None:
    """Return the bind key of a table, or of its MetaData; None for the default database."""
    key = table.info.get("bind_key")
    return key if key is not None else table.metadata.info.get("bind_key")


def tables_of(clause: object) -> Iterator[Table]:
    """Yield the tables that a statement names, in the order in which they stand."""
    seen: set[int] = set()
    stack = [clause]
    while stack:
        node = stack.pop()
        if id(node) in seen or not isinstance(node, ClauseElement):
            continue
        seen.add(id(node))
        if isinstance(node, Table):
            yield node
            continue
        table = getattr(node, "table", None)
        if isinstance(table, ClauseElement):
            stack.append(table)
        stack.extend(reversed(list(node.child_nodes())))
