"""Optimistic locking: a column that counts the versions of a row (Fowler, Patterns of Enterprise Application Architecture, 2002).

An UPDATE or DELETE names the version that was loaded; a row that someone else has changed since is not found, and the flush raises
StaleDataError.

With ``version_id_generator=False`` the database makes the versions (a trigger, a server default, PostgreSQL's ``xmin``), or the program sets
them: what a row has after it was written is read back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from flask_uow.exc import ArgumentError
from flask_uow.sql.sequences import FetchedValue

if TYPE_CHECKING:
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.sql.columns import Column

__all__ = ["Versioning"]


class Versioning:
    """The version column of a mapper.

    :ivar name: its attribute.
    :ivar next_version: makes a version from the one before, which is None for a new row; of no use where ``is_given``.
    :ivar counts: True where versions are numbers that go up by one, so that SQL can make them too.
    :ivar is_given: True where versions are made by the database, or set by the program.
    :ivar by_trigger: True where the database may make them by a trigger.
    """

    def __init__(self, name: str, column: Column[Any], generator: Callable[[Any], Any] | bool | None) -> None:
        self.name = name
        self.is_given = generator is False
        self.by_trigger = self.is_given and any(
            isinstance(made, FetchedValue) for made in (column.server_default, column.server_onupdate)
        )
        next_version = generator if callable(generator) else None
        self.counts = next_version is None and not self.is_given
        self.next_version: Callable[[Any], Any] = next_version if next_version is not None else _count

    @classmethod
    def of(cls, mapper: Mapper, column: object, generator: Callable[[Any], Any] | bool | None) -> Versioning | None:
        """Return the versioning of a mapper, the parent's where nothing is given; or None.

        :raises ArgumentError: for something that is no column of the class, or no function.
        """
        if generator is not None and generator is not False and not callable(generator):
            raise ArgumentError(
                f"{mapper.class_.__name__}: version_id_generator= takes a function of the old version (None for a new row), or False where the"
                f" database makes versions, got {generator!r}."
            )
        if column is None:
            return mapper.inherits.versioning if mapper.inherits is not None and not mapper.concrete else None
        if isinstance(column, str):
            prop = mapper.column_attrs.get(column)
            found = prop.column if prop is not None else None
        else:
            as_element = getattr(column, "__clause_element__", None)
            found = cast("Column[Any]", column if as_element is None else as_element())
        if found is None or not mapper.maps_column(found):
            raise ArgumentError(
                f"{mapper.class_.__name__}: version_id_col={column!r} is no mapped column of it. Pass a column of {mapper.local_table.description}."
            )
        return cls(mapper.name_of_column(found), found, generator)


def _count(version: Any) -> int:
    return int(version or 0) + 1
