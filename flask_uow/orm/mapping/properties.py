"""Column attributes of a mapping, and ``mapped_column`` that declares them."""

from __future__ import annotations

from typing import Any

from flask_uow.sql.schema import Column

__all__ = ["DEFERRED", "ColumnProperty", "DeferredColumn", "MappedColumn", "deferred", "mapped_column"]

# the key in a column's info that says that its attribute is deferred, with the name of its group
DEFERRED = "uow_deferred"


class ColumnProperty:
    """The mapping of one column to one attribute.

    :ivar key: the attribute's name.
    :ivar column: the column.
    :ivar deferred: True where it is not loaded with the object, but at first access.
    :ivar group: the name of the deferred columns that are loaded together with it, or None.
    """

    def __init__(self, key: str, column: Column[Any]) -> None:
        self.key = key
        self.column = column
        self.doc = column.comment
        self.deferred = False
        self.group: str | None = None

    @property
    def columns(self) -> list[Column[Any]]:
        """The column, as a list."""
        return [self.column]

    def __repr__(self) -> str:
        return f"<ColumnProperty {self.key}: {self.column!r}>"


class DeferredColumn:
    """A column in ``properties=`` that is loaded at first access; made by :func:`deferred`."""

    def __init__(self, column: Column[Any], group: str | None) -> None:
        self.column = column
        self.group = group


def deferred(column: Any, group: str | None = None) -> Any:
    """Map a column that is not loaded with the object, but at first access (a long text, say).

    :param column: a column of the mapped table, or ``mapped_column()`` in a declarative class.
    :param group: a name; the deferred columns of one group are loaded together.
    :returns: typed as Any, so that it can be assigned to ``Mapped[T]``.
    """
    if isinstance(column, MappedColumn):
        column.column.info[DEFERRED] = group
        return column
    return DeferredColumn(column, group)


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


def mapped_column(
    name: Any = None,
    type_: Any = None,
    *args: Any,
    nullable: bool | None = None,
    deferred: bool = False,
    deferred_group: str | None = None,
    **options: Any,
) -> Any:
    """Declare a column of a declarative class: ``name: Mapped[str] = mapped_column(unique=True)``.

    The column's name is the attribute's, its type and whether it may be NULL follow from the annotation, where they are
    not given.

    :param name: the column's name, or its type, or a ForeignKey.
    :param type_: the type; see :class:`flask_uow.sql.schema.Column` for this and all further parameters.
    :param deferred: load the column at first access, not with the object.
    :param deferred_group: a name; the deferred columns of one group are loaded together.
    :returns: typed as Any, so that it can be assigned to ``Mapped[T]``.
    """
    column: Column[Any] = Column(name, type_, *args, nullable=nullable, **options)
    if deferred or deferred_group is not None:
        column.info[DEFERRED] = deferred_group
    return MappedColumn(column, nullable is not None)
