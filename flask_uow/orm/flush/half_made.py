"""New objects that an autoflush leaves alone, since their makers have not finished them.

``m = Membership(group=group)`` puts ``m`` into the Session of ``group`` (cascade save-update), and a query in the next line flushes. An object
that nobody has added, and that lacks a value which its row must have, is in the middle of being made: its INSERT could only fail. It waits
for ``flush()``, ``commit()``, or an autoflush that finds it complete; so does what refers to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from flask_uow.orm.flush.keys import linked_names, references_of
from flask_uow.orm.symbols import STATE
from flask_uow.sql.constraints import UniqueConstraint

if TYPE_CHECKING:
    from flask_uow.orm.flush.work import WorkList
    from flask_uow.orm.interfaces import MappedObject
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.mapping.relationship_property import RelationshipProperty
    from flask_uow.sql.expressions import ColumnElement

__all__ = ["half_made"]


def half_made(work: WorkList) -> dict[int, Any]:
    """Return those of the new objects that should not be written now, by id.

    :param work: what the flush would do; what was found before waits already.
    """
    linked: dict[int, set[str]] | None = None
    found: dict[int, Any] = {}
    for members in work.new.values():
        for obj in members:
            if work.waiting and any(work.waits(target) for _, target in _references(obj)):
                found[id(obj)] = obj
                continue
            if obj.__dict__[STATE] not in work.changes.unasked:
                continue
            missing = _missing(obj)
            if missing:
                # worked out only now: few flushes come here
                if linked is None:
                    linked = linked_names(work.links.values())
                missing -= linked.get(id(obj), set())
            if missing:
                found[id(obj)] = obj
    return found


def _references(obj: MappedObject) -> Iterator[tuple[RelationshipProperty, Any]]:
    """Yield the objects that a new one refers to, after the relationships: many-to-one, written together with its row."""
    values = obj.__dict__
    for prop in references_of(type(obj).__mapper__):
        target = values.get(prop.key)
        if target is not None:
            yield prop, target


def _missing(obj: MappedObject) -> set[str]:
    values = obj.__dict__
    required, own = _required(type(obj).__mapper__)
    missing = {name for name in required if values.get(name) is None}
    missing.update(name for name in own if name not in values)
    if missing:
        # a foreign key that follows from a reference is not missing
        for prop, _ in _references(obj):
            missing.difference_update(own for own, _ in prop.pairs)
    return missing


def _required(mapper: Mapper) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the attributes of a mapper that must have a value, and those that should have one of their own.

    The latter are unique, and have a default that all rows share.
    """
    found: tuple[tuple[str, ...], tuple[str, ...]] | None = mapper.memo.get("required")
    if found is None:
        required: dict[str, None] = {}
        own: dict[str, None] = {}
        for part in mapper.stored:
            made = {name for name, _ in part.copied} | {mapper.discriminator, part.generated}
            if mapper.versioning is not None:
                made.add(mapper.versioning.name)
            unique: set[ColumnElement[Any]] = {
                c for u in part.table.constraints if isinstance(u, UniqueConstraint) for c in u.columns
            }
            unique.update(c for index in part.table.indexes if index.unique for c in index.expressions)
            for name, column in part.columns.items():
                if name in made or column.server_default is not None:
                    continue
                if column.default is None:
                    if column.primary_key or not column.nullable:
                        required[name] = None
                # a constant cannot be unique for long: who has made the object is going to set a value of its own
                elif column in unique and not (column.default.is_callable or column.default.is_sql):
                    own[name] = None
        found = mapper.memo["required"] = (tuple(required), tuple(own))
    return found
