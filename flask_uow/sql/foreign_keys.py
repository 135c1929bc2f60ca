"""Foreign keys: of one column, declared with it, and of several, as a constraint of their table.

The column that is referred to may be named by text, since its table may be made later; it is looked up when it is first asked for.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from collections.abc import Sequence as SequenceType
from typing import TYPE_CHECKING, Any, Self

from flask_uow.exc import ArgumentError, NoReferencedColumnError, NoReferencedTableError, did_you_mean
from flask_uow.sql.constraints import Constraint, find_column, own_column

if TYPE_CHECKING:
    from flask_uow.sql.schema import Column, Table
    from flask_uow.sql.selectable import FromClause

__all__ = ["ForeignKey", "ForeignKeyConstraint"]


class ForeignKey:
    """The foreign key of one column: ``Column("author_id", ForeignKey("user.id"))``.

    :param target: ``"table.column"``, ``"schema.table.column"``, or a Column; ``"table"`` for its column of the same name.
    :param ondelete: what the database does when the row referred to is deleted (``"CASCADE"``, ``"SET NULL"``, ...).
    :param onupdate: likewise when its key changes.
    :param use_alter: add the constraint by ALTER TABLE after both tables exist.
    :param match: ``"FULL"`` where of several columns all are NULL or none is (PostgreSQL); see :class:`ForeignKeyConstraint`.
    :param link_to_name: True where ``target`` has the name that the column has in the database, and not its ``key``.
    """

    def __init__(
        self,
        target: object,
        *,
        name: str | None = None,
        ondelete: str | None = None,
        onupdate: str | None = None,
        deferrable: bool | None = None,
        initially: str | None = None,
        use_alter: bool = False,
        match: str | None = None,
        info: dict[Any, Any] | None = None,
        link_to_name: bool = False,
        comment: str | None = None,
    ) -> None:
        if target is None or isinstance(target, (type, int, float, bytes)) or hasattr(target, "c"):
            raise ArgumentError(
                f"ForeignKey() got {target!r}, which is no column. Pass the column that is referred to: 'table.column' as text, an attribute"
                " such as User.id, or a Column."
            )
        self.target: Any = target
        self.info = dict(info or {})
        self.link_to_name = link_to_name
        self.options: dict[str, Any] = {
            "name": name, "ondelete": ondelete, "onupdate": onupdate, "deferrable": deferrable, "initially": initially,
            "use_alter": use_alter, "match": match, "comment": comment,
        }  # fmt: skip
        self.parent: Column[Any] | None = None
        self.constraint: ForeignKeyConstraint | None = None
        self._column: Column[Any] | None = None

    def _option(self, name: str) -> Any:
        # of several columns, the constraint was told
        return self.options[name] if self.constraint is None else getattr(self.constraint, name)

    @property
    def name(self) -> str | None:
        """The name of its constraint; None for the database's own."""
        found: str | None = self._option("name")
        return found

    @property
    def ondelete(self) -> str | None:
        """The action of the database when the row referred to is deleted."""
        found: str | None = self._option("ondelete")
        return found

    @property
    def onupdate(self) -> str | None:
        """The action of the database when the key referred to changes."""
        found: str | None = self._option("onupdate")
        return found

    @property
    def deferrable(self) -> bool | None:
        """True where the check may wait for the end of the transaction."""
        found: bool | None = self._option("deferrable")
        return found

    @property
    def initially(self) -> str | None:
        """``"DEFERRED"`` or ``"IMMEDIATE"``; None for the database's own."""
        found: str | None = self._option("initially")
        return found

    @property
    def use_alter(self) -> bool:
        """True where ALTER TABLE adds it."""
        return bool(self._option("use_alter"))

    @property
    def comment(self) -> str | None:
        """The comment of its constraint."""
        found: str | None = self._option("comment")
        return found

    @property
    def match(self) -> str | None:
        """``"FULL"`` or ``"SIMPLE"``; None for the latter, too."""
        found: str | None = self._option("match")
        return found

    def references(self, table: FromClause) -> bool:
        """Return True when it refers to a column of a table, or to one that an alias of the table has."""
        return self.get_referent(table) is not None

    def get_referent(self, table: FromClause) -> Any:
        """Return the column of a table, or of an alias of it, that it refers to; None where that is in another table."""
        return table.corresponding_column(self.column)

    @property
    def target_fullname(self) -> str:
        """The target as ``table.column``."""
        return self.target if isinstance(self.target, str) else f"{self.column.table.fullname}.{self.column.name}"

    @property
    def constraint_identity(self) -> Hashable:
        """The identity that tells the constraints between two tables apart."""
        return id(self.constraint)

    @property
    def column(self) -> Column[Any]:
        """The column referred to.

        :raises NoReferencedTableError: when the MetaData has no such table.
        :raises NoReferencedColumnError: when the table has no such column.
        """
        # looked up at the first use, since its table may be defined later
        if self._column is None:
            self._column = self._resolve()
        return self._column

    def _resolve(self) -> Column[Any]:
        if not isinstance(self.target, str):
            given: Column[Any] = (
                self.target.__clause_element__() if hasattr(self.target, "__clause_element__") else self.target
            )
            return given
        parent = self.parent
        if parent is None or parent.table is None:
            raise ArgumentError(f"ForeignKey({self.target!r}) belongs to no table yet.")
        table_name, column_name = self._split_target(parent)
        tables = parent.table.metadata.tables
        table = self._find(tables, table_name, parent.table.schema)
        if table is None or column_name not in table.c:
            # the column's name may have a dot itself
            for dot in (match.start() for match in re.finditer(r"\.", table_name)):
                dotted = self._find(tables, self.target[:dot], parent.table.schema)
                if dotted is not None and self.target[dot + 1 :] in dotted.c:
                    named: Column[Any] = dotted.c[self.target[dot + 1 :]]
                    return named
        where = f"the foreign key of {parent.table.fullname}.{parent.name} refers to {self.target!r}"
        if table is None:
            hint = did_you_mean(table_name, tables)
            raise NoReferencedTableError(
                f"{where}, and its MetaData has no table {table_name!r}.{hint} Import the module that defines the table first;"
                " a foreign key can't reach into another bind."
            )
        if self.link_to_name:
            called: Column[Any] | None = next((column for column in table.c if column.name == column_name), None)
            if called is not None:
                return called
        if column_name not in table.c:
            cure = "" if "." in self.target else f" Write it as 'table.column' where it is not {column_name!r}."
            raise NoReferencedColumnError(
                f"{where}, and that table has no such column.{did_you_mean(column_name, table.c.keys())}{cure}"
            )
        found: Column[Any] = table.c[column_name]
        return found

    @staticmethod
    def _find(tables: Mapping[str, Table], name: str, schema: str | None) -> Table | None:
        table = tables.get(name)
        return tables.get(f"{schema}.{name}") if table is None and schema is not None else table

    def _split_target(self, parent: Column[Any]) -> tuple[str, str]:
        table_name, dot, column_name = self.target.rpartition(".")
        if not dot and column_name:
            # a table alone: its column that is called as the one that refers to it
            return column_name, str(parent.key)
        if not table_name or not column_name:
            raise ArgumentError(f"ForeignKey({self.target!r}) does not name a column. Write it as 'table.column'.")
        return table_name, column_name

    def exchange(self, before: Column[Any], column: Column[Any]) -> None:
        """Refer to ``column`` where it has referred to ``before``."""
        self.target = column if self.target is before else self.target
        if self._column is before:
            self._column = column

    def attach_to(self, column: Column[Any]) -> None:
        self.parent = column
        column.foreign_keys.append(self)

    def attach_table(self, table: Table) -> None:
        if self.constraint is None:
            # not of the column, which has its table already: the constraint would make a foreign key of its own
            constraint = ForeignKeyConstraint([], [], **self.options)
            constraint.given, constraint._refcolumns = [self.parent], [self.target]
            constraint.elements = [self]
            self.constraint = constraint
            constraint.attach_to(table)

    def copy(self) -> ForeignKey:
        """Return an unattached copy."""
        return ForeignKey(self.target, info=self.info, link_to_name=self.link_to_name, **self.options)

    copy_for_column = copy


class ForeignKeyConstraint(Constraint):
    """A foreign key over one or more columns.

    :param columns: the columns of this table, by name or as objects.
    :param refcolumns: the columns referred to, as for :class:`ForeignKey`, in the same order.
    :param link_to_name: as for :class:`ForeignKey`.
    :param match: ``"FULL"``: where one of the columns is NULL, all have to be; ``"SIMPLE"``, as without: such a row refers to nothing.
    """

    kind = "fk"

    def __init__(
        self,
        columns: SequenceType[Any],
        refcolumns: SequenceType[Any],
        name: str | None = None,
        ondelete: str | None = None,
        onupdate: str | None = None,
        deferrable: bool | None = None,
        initially: str | None = None,
        use_alter: bool = False,
        match: str | None = None,
        info: dict[Any, Any] | None = None,
        link_to_name: bool = False,
        comment: str | None = None,
    ) -> None:
        super().__init__(name, deferrable=deferrable, initially=initially, info=info, comment=comment)
        if match is not None and match.upper() not in ("FULL", "SIMPLE"):
            raise ArgumentError(f"match={match!r} is neither 'FULL' nor 'SIMPLE'. Leave it out for the latter.")
        if len(columns) != len(refcolumns):
            raise ArgumentError(
                f"ForeignKeyConstraint got {len(columns)} columns and {len(refcolumns)} targets; they go in pairs."
            )
        self.given = list(columns)
        self._refcolumns = list(refcolumns)
        self.ondelete = ondelete
        self.onupdate = onupdate
        self.use_alter = use_alter
        self.link_to_name = link_to_name
        self.match = match.upper() if match is not None else None
        self.columns = []
        self.elements: list[ForeignKey] = []
        self._attach_to_owner(columns)

    @property
    def given_names(self) -> list[str]:
        return [column for column in self.given if isinstance(column, str)]

    def unattached(self, copies: Mapping[Any, Column[Any]]) -> Self:
        made = super().unattached(copies)
        made.given = [own_column(column, copies) for column in self.given]
        made.columns, made.elements = [], []
        return made

    @property
    def column_keys(self) -> list[str]:
        """The keys of the columns, in order."""
        return [str(column.key) for column in self.columns]

    @property
    def referred_table(self) -> Table:
        """The table referred to."""
        table: Table = self.elements[0].column.table
        return table

    def exchange(self, before: Column[Any], column: Column[Any]) -> None:
        super().exchange(before, column)
        for element in self.elements:
            if element.parent is before:
                element.attach_to(column)

    def attach_to(self, table: Table) -> None:
        self.columns = [find_column(table, column, "ForeignKeyConstraint") for column in self.given]
        if not self.elements:
            for column, target in zip(self.columns, self._refcolumns, strict=True):
                foreign_key = ForeignKey(target, link_to_name=self.link_to_name)
                foreign_key.constraint = self
                foreign_key.attach_to(column)
                self.elements.append(foreign_key)
        super().attach_to(table)

    def copy(self) -> ForeignKeyConstraint | None:
        # the copy of its column brings it along
        if self.elements[0] in self.columns[0].args:
            return None
        return ForeignKeyConstraint(
            [column.name for column in self.columns],
            [element.target_fullname for element in self.elements],
            self.given_name,
            self.ondelete,
            self.onupdate,
            self.deferrable,
            self.initially,
            self.use_alter,
            self.match,
            self.info,
            self.link_to_name,
            self.comment,
        )._also_for(self)
