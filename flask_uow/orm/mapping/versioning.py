"""Optimistic locking: a column that counts the versions of a row (Fowler, Patterns of Enterprise Application Architecture, 2002).

An UPDATE or DELETE names the version that was loaded; a row that someone else has changed since is not found, and the flush raises
StaleDataError.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from flask_uow.exc import ArgumentError

if TYPE_CHECKING:
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.sql.columns import Column

__all__ = ["Versioning"]


class Versioning:
    """The version column of a mapper.

    :ivar name: its attribute.
    :ivar next_version: makes a version from the one before, which is None for a new row.
    :ivar counts: True where versions are numbers that go up by one, so that SQL can make them too.
    """

    def __init__(self, name: str, next_version: Callable[[Any], Any] | None) -> None:
        self.name = name
        self.counts = next_version is None
        self.next_version: Callable[[Any], Any] = next_version if next_version is not None else _count

    @classmethod
    def of(cls, mapper: Mapper, column: object, generator: Callable[[Any], Any] | None) -> Versioning | None:
        """Return the versioning of a mapper, the parent's where nothing is given; or None.

        :raises ArgumentError: for something that is no column of the class, or no function.
        """
        if generator is not None and not callable(generator):
            raise ArgumentError(
                f"{mapper.class_.__name__}: version_id_generator= takes a function of the old version (None for a new row), got {generator!r}."
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
        return cls(mapper.name_of_column(found), generator)


def _count(version: Any) -> int:
    return int(version or 0) + 1
