"""Indexes of tables."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from collections.abc import Sequence as SequenceType
from typing import TYPE_CHECKING, Any

from flask_uow.exc import ArgumentError
from flask_uow.sql.coercion import coerce_value
from flask_uow.sql.constraints import find_column, own_column, wait_for_columns
from flask_uow.sql.expressions import ColumnElement
from flask_uow.sql.froms import froms_of
from flask_uow.sql.naming import index_name
from flask_uow.sql.nodes import ClauseElement
from flask_uow.sql.options import ForSomeDatabases, checked_options
from flask_uow.sql.selectable import ColumnCollection
from flask_uow.sql.types import NULLTYPE

if TYPE_CHECKING:
    from flask_uow.sql.interfaces import DDLBind
    from flask_uow.sql.schema import Column, Table

__all__ = ["Index", "making"]


class _Making:
    """Holds the functions that create and drop an index; :mod:`flask_uow.sql.ddl`, which stands above, fills it."""

    create: Callable[[DDLBind, Index, bool], None]
    drop: Callable[[DDLBind, Index, bool], None]


making = _Making()


_OPTIONS = (
    "postgresql_concurrently", "postgresql_include", "postgresql_nulls_not_distinct", "postgresql_ops", "postgresql_tablespace",
    "postgresql_using", "postgresql_where", "postgresql_with", "sqlite_where",
)  # fmt: skip


class Index(ForSomeDatabases):
    """An index.

    :param name: its name; None makes one of the table's and the columns' names.
    :param expressions: column names, columns or expressions.
    :param unique: whether the values must be unique.
    :param where: the condition of a partial index.
    :param using: how it is built: ``"gin"``, ``"hash"`` and so on (PostgreSQL; SQLite has one kind of index only).
    :param include: columns whose values it holds besides (PostgreSQL).
    :param nulls_not_distinct: with ``unique``, True where NULL is a value like others (PostgreSQL 15 and later).
    :param info: for the application's own use.
    :param options: the same for one database: ``postgresql_using``, ``postgresql_where``, ``postgresql_include``,
        ``postgresql_nulls_not_distinct``, ``sqlite_where``; and of PostgreSQL ``postgresql_ops``, operator classes by the names of columns or
        labels, ``postgresql_with``, storage parameters, ``postgresql_tablespace``, and ``postgresql_concurrently``, which takes a connection in
        the isolation level AUTOCOMMIT.
    :raises ArgumentError: for an unknown option.
    """

    # its key in a naming convention
    kind = "ix"
    # False for one that is not to be attached when its columns are
    waits = True

    def __init__(
        self,
        name: str | None,
        *expressions: Any,
        unique: bool = False,
        where: object = None,
        using: str | None = None,
        include: SequenceType[Any] = (),
        nulls_not_distinct: bool = False,
        info: dict[Any, Any] | None = None,
        **options: Any,
    ) -> None:
        self.info = dict(info or {})
        self.dialect_options = checked_options(f"Index({name!r})", options, _OPTIONS)
        if include == () and "postgresql_include" in options:
            include = options["postgresql_include"]
        using = using if using is not None else options.get("postgresql_using")
        self._name = name
        self.given = expressions
        self.given_include = include
        self.unique = unique
        self.where = where
        if nulls_not_distinct and not unique:
            raise ArgumentError(
                f"Index({name!r}, nulls_not_distinct=True) says nothing without unique=True. Pass both, or none."
            )
        self.nulls_not_distinct = nulls_not_distinct
        if using is not None and not using.isidentifier():
            raise ArgumentError(f"Index(using={using!r}): expected the name of an index method, such as 'gin'.")
        self.using = using
        self.included: list[Column[Any]] = []
        self.table: Table | None = None
        self.expressions: list[ColumnElement[Any]] = []
        # one of columns knows its table from them; one of names is told it
        elements = [e.__clause_element__() if hasattr(e, "__clause_element__") else e for e in expressions]
        owner: Any = next((table for e in elements if isinstance(e, ClauseElement) for table in froms_of(e)), None)
        if owner is not None:
            self.attach_to(owner)
        else:
            wait_for_columns(self, elements)

    @property
    def name(self) -> str:
        """The index's name: the one given, that of the MetaData's convention, or one made of the columns' names."""
        return self._name if self._name is not None else index_name(self)

    def exchange(self, before: Column[Any], column: Column[Any]) -> None:
        """Be about ``column`` where it has been about ``before``."""
        self.expressions = [column if known is before else known for known in self.expressions]
        self.included = [column if known is before else known for known in self.included]

    def attach_to(self, table: Table) -> None:
        if any(each is self for each in table.indexes):
            return
        self.table = table
        self.expressions = [
            find_column(table, e, "Index") if isinstance(e, str) else coerce_value(e, NULLTYPE) for e in self.given
        ]
        self.included = [find_column(table, column, "Index") for column in self.given_include]
        table.indexes.append(self)

    @property
    def columns(self) -> ColumnCollection:
        """The columns that it is about, by name; expressions are among :attr:`expressions`."""
        found = ((str(e.name), e) for e in self.expressions if e.__visit_name__ == "column")
        return ColumnCollection(f"index {self.name!r}", found)

    def where_for(self, dialect: str) -> object:
        """Return the condition of a partial index on a database, None for an index of all rows."""
        return self.dialect_options.get(f"{dialect}_where", self.where)

    def create(self, bind: DDLBind, checkfirst: bool = False) -> None:
        """Create the index.

        :param bind: an Engine or a Connection.
        :param checkfirst: leave one alone that exists.
        """
        making.create(bind, self, checkfirst)

    def drop(self, bind: DDLBind, checkfirst: bool = False) -> None:
        """Drop the index; with ``checkfirst``, do nothing where there is none."""
        making.drop(bind, self, checkfirst)

    @property
    def given_names(self) -> list[str]:
        """The columns that were given by name."""
        return [column for column in (*self.given, *self.given_include) if isinstance(column, str)]

    def unattached(self, copies: Mapping[Any, Column[Any]]) -> Index:
        """Return a copy of an index that is declared once for several tables; see :meth:`Constraint.unattached`."""
        made = copy.copy(self)
        made.table = None
        self.waits = False
        made.given = tuple(own_column(column, copies) for column in self.given)
        made.given_include = tuple(own_column(column, copies) for column in self.given_include)
        return made

    def copy(self) -> Index:
        """Return an unattached copy."""
        copied = Index(
            self._name,
            unique=self.unique,
            where=self.where,
            using=self.using,
            nulls_not_distinct=self.nulls_not_distinct,
            info=self.info,
            **self.dialect_options,
        )
        copied.dialects = self.dialects
        copied.given_include = tuple(column.name for column in self.included)
        copied.given = tuple(e.name if e.__visit_name__ == "column" else e for e in self.expressions)
        return copied
