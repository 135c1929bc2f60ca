"""A SELECT of entities whose rows come from a statement that is given whole."""

from __future__ import annotations

from typing import Any, Self

from flask_uow.exc import ArgumentError
from flask_uow.sql.entities import members_of_bundle
from flask_uow.sql.expressions import ColumnElement
from flask_uow.sql.nodes import NO_OPTIONS, Executable
from flask_uow.sql.select_base import SelectBase
from flask_uow.sql.typed import TP_co

__all__ = ["FromStatement"]


class FromStatement(SelectBase[TP_co]):
    """Entities, and the statement that gives their rows; made by ``select(...).from_statement(...)``.

    :param entities: mapped classes, attributes, columns.
    :param element: ``text()``, ``text().columns()``, a SELECT, or DML with RETURNING.
    :param options: loader options of the orm.
    :raises ArgumentError: for anything else.
    """

    __slots__ = ("loader_options", "element", "entities")
    __visit_name__ = "from_statement"

    def __init__(self, entities: tuple[Any, ...], element: object, options: tuple[Any, ...] = ()) -> None:
        as_statement = getattr(element, "__clause_element__", None)
        statement = element if as_statement is None else as_statement()
        if not isinstance(statement, Executable):
            raise ArgumentError(f"from_statement() takes text() or a statement, got {element!r}.")
        self.entities = entities
        self.loader_options = options
        self.element: Executable = statement
        self._execution_options = NO_OPTIONS
        self.order_by_clauses = ()
        self.limit_clause = self.offset_clause = None

    def options(self, *options: Any) -> Self:
        """Return the statement with loader options of the orm."""
        clone = self._clone()
        clone.loader_options = (*self.loader_options, *options)
        return clone

    def _parts(self) -> tuple[Any, ...]:
        atoms = (getattr(item, "__uow_entity__", None) for item in self.entities)
        keys = tuple(
            atom.plan_atom
            if atom is not None
            else (
                getattr(item, "key", None),
                getattr(item, "selected_name", None),
                members_of_bundle(item) and item.plan_atom,
            )
            for atom, item in zip(atoms, self.entities, strict=True)
        )
        columns = tuple(item for item in self.entities if isinstance(item, ColumnElement))
        return (self.element, keys, columns)

    def result_columns(self) -> list[tuple[str, ColumnElement[Any]]]:
        columns = getattr(self.element, "result_columns", None)
        return columns() if columns is not None else []
