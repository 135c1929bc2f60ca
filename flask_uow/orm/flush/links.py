"""Rows of secondary tables: INSERT and DELETE for the pairs of objects of a many-to-many relationship."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from flask_uow.orm.exc import StaleDataError
from flask_uow.orm.flush.keys import key_value, stored_key_value

if TYPE_CHECKING:
    from flask_uow.orm.mapping.relationship_property import RelationshipProperty
    from flask_uow.orm.session.session import Session
    from flask_uow.sql.schema import Column, Table

__all__ = ["delete_links", "insert_links", "secondary_table"]

# two objects that a row connects: one from each side of the relationship
Pairs = Sequence[tuple[Any, Any]]


def secondary_table(prop: RelationshipProperty) -> Table:
    """Return the table between the two sides of a many-to-many relationship."""
    secondary = prop.secondary
    # many-to-many means that there is one
    assert secondary is not None
    return secondary


def insert_links(session: Session, prop: RelationshipProperty, pairs: Pairs) -> None:
    """INSERT rows of a secondary table.

    :raises FlushError: when one of the objects has no key.
    """
    columns, values = _columns_and_values(prop, pairs, key_value)
    connection = session.connection_for(prop.parent)
    connection.dialect.batch.insert(connection, secondary_table(prop), columns, values, generated_key=None)


def delete_links(session: Session, prop: RelationshipProperty, pairs: Pairs) -> None:
    """DELETE rows of a secondary table.

    :raises StaleDataError: when rows are gone already.
    """
    table = secondary_table(prop)
    columns, values = _columns_and_values(prop, pairs, stored_key_value)
    connection = session.connection_for(prop.parent)
    found = connection.dialect.batch.delete(connection, table, columns, values)
    # one that a table with rows of its own has twice is gone altogether
    if found < len(pairs):
        raise StaleDataError(
            f"DELETE from {table.fullname!r} (relationship {prop.name}) found {found} of {len(pairs)} rows."
            " Someone else has changed the relationship; roll back and load the objects again."
        )


def _columns_and_values(
    prop: RelationshipProperty, pairs: Pairs, value_of: Callable[[RelationshipProperty, Any, str], Any]
) -> tuple[list[Column[Any]], list[list[Any]]]:
    table = secondary_table(prop)
    columns = [table.c[name] for _, name in (*prop.secondary_pairs, *prop.remote_pairs)]
    values = [[value_of(prop, left, own) for left, _ in pairs] for own, _ in prop.secondary_pairs]
    values += [[value_of(prop, right, far) for _, right in pairs] for far, _ in prop.remote_pairs]
    return columns, values
