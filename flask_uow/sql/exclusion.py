"""Exclusion constraints of PostgreSQL: no two rows whose values all compare true."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, cast

from flask_uow.exc import ArgumentError
from flask_uow.sql.coercion import coerce_value
from flask_uow.sql.constraints import Constraint, find_column, own_column
from flask_uow.sql.expressions import ColumnElement
from flask_uow.sql.types import NULLTYPE

if TYPE_CHECKING:
    from flask_uow.sql.columns import Column
    from flask_uow.sql.schema import Table

__all__ = ["ExcludeConstraint"]


class ExcludeConstraint(Constraint):
    """``EXCLUDE USING gist (room WITH =, during WITH &&)`` (PostgreSQL): of two rows, one comparison at least is not true.

    :param elements: pairs of a column (or its name, or an expression) and an operator, ``("during", "&&")``.
    :param using: the kind of index behind it. ``gist`` compares numbers and texts where the database has the extension ``btree_gist``.
    :param where: the condition that rows fulfil which are compared; SQL text or an expression.
    :param ops: operator classes by the names of columns.
    :raises ArgumentError: without a pair, or for an operator that is none.

    SQLite has no such constraint: say ``ddl_if("postgresql")`` of one in a table that lives there, too.
    """

    def __init__(
        self,
        *elements: tuple[Any, str],
        name: str | None = None,
        using: str = "gist",
        where: object = None,
        ops: Mapping[str, str] | None = None,
        deferrable: bool | None = None,
        initially: str | None = None,
        info: dict[Any, Any] | None = None,
        comment: str | None = None,
    ) -> None:
        super().__init__(name, deferrable=deferrable, initially=initially, info=info, comment=comment)
        if not elements:
            raise ArgumentError("ExcludeConstraint() got no pair of a column and an operator; pass one at least.")
        for element in elements:
            is_pair = isinstance(element, (tuple, list)) and len(element) == 2 and isinstance(element[1], str)
            if not is_pair or not element[1].strip() or set(element[1]) & set("();'\""):
                raise ArgumentError(
                    f"ExcludeConstraint() got {element!r}: expected a pair of a column and an operator, ('during', '&&') say."
                )
        if not using.isidentifier():
            raise ArgumentError(
                f"ExcludeConstraint(using={using!r}): expected the name of an index method, such as 'gist'."
            )
        self.given = elements
        self.using = using
        self.where = where
        self.ops = dict(ops or {})
        self.columns = []
        self.expressions: list[ColumnElement[Any]] = []
        self._attach_to_owner(element for element, _ in elements)

    @property
    def operators(self) -> list[str]:
        """The operators, in the order of the expressions."""
        return [operator for _, operator in self.given]

    @property
    def given_names(self) -> list[str]:
        return [element for element, _ in self.given if isinstance(element, str)]

    def attach_to(self, table: Table) -> None:
        self.expressions = [
            find_column(table, element, "ExcludeConstraint")
            if isinstance(element, str)
            else coerce_value(element, NULLTYPE)
            for element, _ in self.given
        ]
        self.columns = [
            cast("Column[Any]", element) for element in self.expressions if element.__visit_name__ == "column"
        ]
        super().attach_to(table)

    def exchange(self, before: Column[Any], column: Column[Any]) -> None:
        super().exchange(before, column)
        self.expressions = [column if known is before else known for known in self.expressions]

    def unattached(self, copies: Mapping[Any, Any]) -> Self:
        made = super().unattached(copies)
        made.given = tuple((own_column(element, copies), operator) for element, operator in self.given)
        return made

    def copy(self) -> ExcludeConstraint:
        pairs = zip(self.expressions, self.operators, strict=True)
        made = ExcludeConstraint(
            *((e.name if e.__visit_name__ == "column" else e, operator) for e, operator in pairs),
            name=self.given_name, using=self.using, where=self.where, ops=self.ops, deferrable=self.deferrable, initially=self.initially,
            comment=self.comment,
        )  # fmt: skip
        made.dialects, made.info = self.dialects, dict(self.info)
        return made
