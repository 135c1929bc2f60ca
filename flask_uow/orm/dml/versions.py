"""Versions of rows that statements write past the unit of work.

A version that an UPDATE leaves as it was would let those who have loaded the row before overwrite what the UPDATE has written. So a statement of a
class with a version column counts, unless it sets that column itself: ``SET version = version + 1``. A function that makes versions
(``version_id_generator``) takes the version before, which a statement does not know. Versions that the database makes are its own affair.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from flask_uow.exc import InvalidRequestError
from flask_uow.orm.loading.statements import keys_condition
from flask_uow.orm.state.siblings import BATCH_SIZE
from flask_uow.sql.dml import Insert, Update
from flask_uow.sql.dml_statement import DMLStatement

if TYPE_CHECKING:
    from flask_uow.engine import Connection
    from flask_uow.orm.mapping.mapped_table import MappedTable
    from flask_uow.orm.mapping.mapper import Mapper

__all__ = ["count_versions", "counted_upsert", "require_counting", "version_to_count", "versioned_part"]


def versioned_part(mapper: Mapper) -> MappedTable | None:
    """Return the table of a class that has its version column; None without one."""
    versioning = mapper.versioning
    if versioning is None:
        return None
    return next((part for part in mapper.stored if versioning.name in part.columns), None)


def require_counting(mapper: Mapper, what: str) -> None:
    """Refuse to write rows whose new versions only a function of the old ones can make.

    :param what: how the message calls what was to be done.
    :raises InvalidRequestError: naming the version column.
    """
    versioning = mapper.versioning
    if versioning is not None and not versioning.counts and not versioning.is_given:
        raise InvalidRequestError(
            f"{what} of {mapper.class_.__name__} needs new versions, and its version_id_generator makes them of the versions before, which are not"
            f" known here. Give {versioning.name!r} a value."
        )


def version_to_count(statement: Update, mapper: Mapper) -> Any:
    """Return the version column that an UPDATE of a class has to count; None where it sets that itself, or sets nothing.

    :raises InvalidRequestError: where a function makes the versions.
    """
    versioning = mapper.versioning
    if versioned_part(mapper) is None or not statement.has_values or (versioning is not None and versioning.is_given):
        return None
    column = _version_column(statement, mapper)
    if any(other is column for other, _ in statement.set_pairs):
        return None
    require_counting(mapper, "UPDATE")
    return column


def counted_upsert(statement: Insert, mapper: Mapper) -> Insert:
    """Return an INSERT that also counts the version of a row that is there already, where ON CONFLICT updates that.

    :raises InvalidRequestError: where a function makes the versions.
    """
    conflict = statement.conflict
    if conflict is None or conflict.pairs is None or versioned_part(mapper) is None:
        return statement
    if mapper.versioning is not None and mapper.versioning.is_given:
        return statement
    column = _version_column(statement, mapper)
    if any(other is column for other, _ in conflict.pairs):
        return statement
    require_counting(mapper, "ON CONFLICT DO UPDATE")
    return statement.with_parts(conflict=conflict.with_pair(column, column + 1))


def _version_column(statement: DMLStatement, mapper: Mapper) -> Any:
    assert mapper.versioning is not None
    return statement.entity.column(mapper.column_attrs[mapper.versioning.name].column)


def count_versions(connection: Connection, mapper: Mapper, identities: Sequence[Any]) -> int:
    """Count the versions of the rows with these keys, in a statement of its own; return how many were found."""
    part = versioned_part(mapper)
    assert part is not None
    assert mapper.versioning is not None
    column = part.columns[mapper.versioning.name]
    keys = list(dict.fromkeys(zip(*part.key_values(identities), strict=True))) if identities else []
    found = 0
    for page in _pages(keys):
        counted = Update(part.table).values({column: column + 1}).where(keys_condition(part.key, page))
        found += connection.execute(counted).rowcount
    return found


def _pages(keys: Sequence[tuple[Any, ...]]) -> Iterator[Sequence[tuple[Any, ...]]]:
    for start in range(0, len(keys), BATCH_SIZE):
        yield keys[start : start + BATCH_SIZE]
