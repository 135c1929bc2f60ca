"""From foreign keys to a relationship: which side holds them, and which columns go together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_uow.exc import ArgumentError
from flask_uow.orm.symbols import Direction
from flask_uow.sql.constraints import ForeignKeyConstraint
from flask_uow.sql.schema import Column, Table

__all__ = ["JoinCondition", "find_join_condition"]


@dataclass(frozen=True, slots=True)
class JoinCondition:
    """How two mapped tables are connected.

    :ivar direction: seen from the parent.
    :ivar pairs: ``(parent's column, target's column)``; with a secondary table ``(parent's column, secondary's column)``.
    :ivar secondary_pairs: ``(target's column, secondary's column)``; empty without a secondary table.
    """

    direction: Direction
    pairs: tuple[tuple[Column[Any], Column[Any]], ...]
    secondary_pairs: tuple[tuple[Column[Any], Column[Any]], ...] = ()


def find_join_condition(
    name: str,
    parent: Table,
    target: Table,
    secondary: Table | None,
    foreign_keys: list[Column[Any]],
    remote_side: list[Column[Any]],
) -> JoinCondition:
    """Return the condition that the foreign keys give.

    :param name: the relationship as messages call it, ``Class.attribute``.
    :param foreign_keys: columns that tell several foreign keys apart; empty where not given.
    :param remote_side: the columns on the far side of a self-referential relationship.
    :raises ArgumentError: when no foreign key connects the tables, or several do.
    """
    if secondary is not None:
        if target is parent:
            own, far = _two(name, secondary, parent, remote_side)
        else:
            own, far = _one(name, secondary, parent, foreign_keys), _one(name, secondary, target, foreign_keys)
        return JoinCondition(Direction.MANY_TO_MANY, _pairs(own, flipped=True), _pairs(far, flipped=True))
    if parent is target:
        constraint = _one(name, parent, target, foreign_keys)
        is_remote_key = any(element.column is column for element in constraint.elements for column in remote_side)
        if is_remote_key:
            return JoinCondition(Direction.MANY_TO_ONE, _pairs(constraint, flipped=False))
        return JoinCondition(Direction.ONE_TO_MANY, _pairs(constraint, flipped=True))
    outgoing = _between(parent, target, foreign_keys)
    incoming = _between(target, parent, foreign_keys)
    if len(outgoing) + len(incoming) != 1:
        raise _not_one(name, parent, target, [*outgoing, *incoming])
    if outgoing:
        return JoinCondition(Direction.MANY_TO_ONE, _pairs(outgoing[0], flipped=False))
    return JoinCondition(Direction.ONE_TO_MANY, _pairs(incoming[0], flipped=True))


def _between(holder: Table, referred: Table, foreign_keys: list[Column[Any]]) -> list[ForeignKeyConstraint]:
    found = [c for c in holder.constraints if isinstance(c, ForeignKeyConstraint) and c.referred_table is referred]
    if foreign_keys:
        wanted = [c for c in found if any(column is key for column in c.columns for key in foreign_keys)]
        if wanted or any(key.table is holder for key in foreign_keys):
            return wanted
        return [] if any(key.table is referred for key in foreign_keys) else found
    return found


def _one(name: str, holder: Table, referred: Table, foreign_keys: list[Column[Any]]) -> ForeignKeyConstraint:
    found = _between(holder, referred, foreign_keys)
    if len(found) != 1:
        raise _not_one(name, holder, referred, found)
    return found[0]


def _two(
    name: str, secondary: Table, parent: Table, remote_side: list[Column[Any]]
) -> tuple[ForeignKeyConstraint, ForeignKeyConstraint]:
    found = _between(secondary, parent, [])
    if len(found) != 2:
        raise _not_one(name, secondary, parent, found)
    own, far = found
    if any(column is remote for column in own.columns for remote in remote_side):
        own, far = far, own
    return own, far


def _not_one(name: str, holder: Table, referred: Table, found: list[ForeignKeyConstraint]) -> ArgumentError:
    if not found:
        return ArgumentError(
            f"relationship {name}: no foreign key connects {holder.fullname!r} and {referred.fullname!r}."
            f" Add a ForeignKey to one of them, or pass secondary= for a many-to-many relationship."
        )
    candidates = "; ".join(
        ", ".join(f"{c.table.name}.{c.name} -> {e.target_fullname}" for c, e in zip(k.columns, k.elements, strict=True))
        for k in found
    )
    return ArgumentError(
        f"relationship {name}: several foreign keys connect {holder.fullname!r} and {referred.fullname!r}: {candidates}."
        " Say which one is meant with foreign_keys=[column]."
    )


def _pairs(constraint: ForeignKeyConstraint, flipped: bool) -> tuple[tuple[Column[Any], Column[Any]], ...]:
    made = [(column, element.column) for column, element in zip(constraint.columns, constraint.elements, strict=True)]
    return tuple((target, column) for column, target in made) if flipped else tuple(made)
