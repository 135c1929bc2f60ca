"""Column attributes of a mapping, and ``mapped_column`` that declares them."""

from __future__ import annotations

from typing import Any

from flask_uow.sql.schema import Column

__all__ = ["ColumnProperty", "MappedColumn", "mapped_column"]


class ColumnProperty:
    """The mapping of one column to one attribute.

    :ivar key: the attribute's name.
    :ivar column: the column.
    """

    def __init__(self, key: str, column: Column[Any]) -> None:
        self.key = key
        self.column = column
        self.doc = column.comment

    @property
    def columns(self) -> list[Column[Any]]:
        """The column, as a list."""
        return [self.column]

    def __repr__(self) -> str:
        return f"<ColumnProperty {self.key}: {self.column!r}>"


class MappedColumn:
    """A column that waits for its class: the name and the annotation of the attribute complete it.

    :ivar column: the column; without a type when the annotation gives it.
    :ivar nullable_given: True where ``nullable`` was passed explicitly.
    """

    def __init__(self, column: Column[Any], nullable_given: bool) -> None:
        self.column = column
        self.nullable_given = nullable_given

    def copy(self) -> MappedColumn:
        """Return an unattached copy, for a mixin that serves several classes."""
        return MappedColumn(self.column.copy(), self.nullable_given)


def mapped_column(name: Any = None, type_: Any = None, *args: Any, nullable: bool | None = None, **options: Any) -> Any:
    """Declare a column of a declarative class: ``name: Mapped[str] = mapped_column(unique=True)``.

    The column's name is the attribute's, its type and whether it may be NULL follow from the annotation, where they are
    not given.

    :param name: the column's name, or its type, or a ForeignKey.
    :param type_: the type; see :class:`flask_uow.sql.schema.Column` for this and all further parameters.
    :returns: typed as Any, so that it can be assigned to ``Mapped[T]``.
    """
    column: Column[Any] = Column(name, type_, *args, nullable=nullable, **options)
    return MappedColumn(column, nullable is not None)
