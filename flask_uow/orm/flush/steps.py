"""The steps of a flush: which rows of which tables are written together, and why at that place.

A step holds objects, not values: keys that the database makes are there only when the steps before it were executed. So what it says of its
tables, columns and numbers of rows (:meth:`Step.rows`) is worked out when somebody asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from flask_uow.orm.flush.keys import future_changes, link_pairs
from flask_uow.orm.flush.links import secondary_table
from flask_uow.orm.flush.tables import follows_by_itself
from flask_uow.orm.flush.update import changed_columns
from flask_uow.orm.flush.work import Link, by_mapper, links_by_child

if TYPE_CHECKING:
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.mapping.relationship_property import RelationshipProperty
    from flask_uow.sql.schema import Table

__all__ = [
    "DeleteLinks",
    "DeleteRows",
    "InsertLinks",
    "InsertRows",
    "ReleaseRows",
    "SetLateKeys",
    "Step",
    "SwitchRows",
    "TableRows",
    "UpdateRows",
]


class TableRows(NamedTuple):
    """Rows of one table that a step writes.

    :ivar columns: the names of the columns that are written; none for rows to be deleted.
    :ivar number: how many rows.
    """

    table: Table
    columns: tuple[str, ...]
    number: int


class Step:
    """One step of a flush.

    :ivar operation: ``"INSERT"``, ``"UPDATE"`` or ``"DELETE"``.
    :ivar why: why it has its place; empty where that is the order of the tables, which the plan tells.
    """

    __slots__ = ()
    operation: ClassVar[str]
    why: str

    def rows(self) -> Iterator[TableRows]:
        """Yield the rows that are written, by table and set of columns."""
        raise NotImplementedError

    @property
    def table(self) -> Table | None:
        """The first table that is written; None where nothing has a net change."""
        return next((rows.table for rows in self.rows()), None)

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns that are written, of all tables."""
        return tuple(dict.fromkeys(name for rows in self.rows() for name in rows.columns))


@dataclass(slots=True, eq=False)
class InsertRows(Step):
    """New objects of one family: a row in each table of their classes.

    :ivar mapper: the mapper at the head of the family.
    """

    operation: ClassVar[str] = "INSERT"
    mapper: Mapper
    objects: list[Any]
    why: str = ""

    def rows(self) -> Iterator[TableRows]:
        columns: dict[Table, dict[str, None]] = {}
        counts: dict[Table, int] = {}
        for mapper, objects in by_mapper(self.mapper, self.objects).items():
            for part in mapper.stored:
                names = columns.setdefault(part.table, {})
                for name, column in part.columns.items():
                    # as the INSERT has it: a column that the database fills is left out where no object has a value
                    if name not in part.optional or any(obj.__dict__.get(name) is not None for obj in objects):
                        names[column.name] = None
                counts[part.table] = counts.get(part.table, 0) + len(objects)
        for table, names in columns.items():
            yield TableRows(table, tuple(names), counts[table])


@dataclass(slots=True, eq=False)
class SwitchRows(Step):
    """New objects that take over the rows of deleted ones, which are updated with all their values.

    :ivar mapper: the mapper at the head of the family.
    :ivar replaced: the deleted objects, in the order of the new ones.
    """

    operation: ClassVar[str] = "UPDATE"
    mapper: Mapper
    objects: list[Any]
    replaced: list[Any]
    why: str = "takes over the row of a deleted object, since rows that stay refer to it"

    def rows(self) -> Iterator[TableRows]:
        for mapper, objects in by_mapper(self.mapper, self.objects).items():
            for part in mapper.stored:
                names = tuple(column.name for column in part.columns.values() if column not in part.key)
                if names:
                    yield TableRows(part.table, names, len(objects))


@dataclass(slots=True, eq=False)
class UpdateRows(Step):
    """Changed objects of one class; those without a net change write nothing.

    :ivar links: foreign keys that follow from collections.
    :ivar names: the attributes that have changed, of all objects together; None where hooks may still change more.
    :ivar are_in_turn: none takes a unique value that another leaves.
    """

    operation: ClassVar[str] = "UPDATE"
    mapper: Mapper
    objects: list[Any]
    links: Sequence[Link]
    names: AbstractSet[str] | None
    are_in_turn: bool
    why: str = ""

    def rows(self) -> Iterator[TableRows]:
        mapper, versioning = self.mapper, self.mapper.versioning
        counts: dict[tuple[Table, tuple[str, ...]], int] = {}
        linked = links_by_child(self.links)
        for obj in self.objects:
            names = future_changes(obj, changed_columns(mapper, obj), linked.get(id(obj), ()))
            for part in mapper.stored if names else ():
                own = [name for name in part.columns if name in names and not follows_by_itself(mapper, part, name)]
                if own:
                    own += [name for name, _ in part.onupdate if name not in own]
                if versioning is not None and versioning.name in part.columns and versioning.name not in own:
                    # the database makes a new version of whatever is written
                    if not (own and versioning.is_given):
                        own.append(versioning.name)
                if own:
                    key = (part.table, tuple(part.columns[name].name for name in own))
                    counts[key] = counts.get(key, 0) + 1
        for (table, columns), count in counts.items():
            yield TableRows(table, columns, count)


@dataclass(slots=True, eq=False)
class ReleaseRows(Step):
    """Changed objects of one class whose rows let go of what others wait for, before their own UPDATE comes.

    :ivar values: what is written for now, by attribute, in the order of the objects.
    """

    operation: ClassVar[str] = "UPDATE"
    mapper: Mapper
    objects: list[Any]
    values: dict[str, list[Any]]
    why: str

    def rows(self) -> Iterator[TableRows]:
        for part in self.mapper.stored:
            columns = tuple(column.name for name, column in part.columns.items() if name in self.values)
            if columns:
                yield TableRows(part.table, columns, len(self.objects))


@dataclass(slots=True, eq=False)
class SetLateKeys(Step):
    """Foreign keys that are written apart from their rows (``post_update``): set when all rows are there, cleared before rows are deleted."""

    operation: ClassVar[str] = "UPDATE"
    links: Sequence[Link]
    why: str

    def rows(self) -> Iterator[TableRows]:
        children: dict[tuple[Table, tuple[str, ...]], set[int]] = {}
        for link in self.links:
            names = future_changes(link.child, (), [link])
            for part in type(link.child).__mapper__.stored:
                columns = tuple(
                    part.columns[own].name for own, _ in link_pairs(link) if own in names and own in part.columns
                )
                if columns:
                    children.setdefault((part.table, columns), set()).add(id(link.child))
        for (table, columns), objects in children.items():
            yield TableRows(table, columns, len(objects))


@dataclass(slots=True, eq=False)
class DeleteRows(Step):
    """Deleted objects of one class: their rows in the tables from its own up to that of its base.

    :ivar frees_keys: other rows are about to take their keys.
    """

    operation: ClassVar[str] = "DELETE"
    mapper: Mapper
    objects: list[Any]
    frees_keys: bool = False
    why: str = ""

    def rows(self) -> Iterator[TableRows]:
        # the table of the base last: the rows of the others refer to its row
        for part in reversed(self.mapper.stored):
            yield TableRows(part.table, (), len(self.objects))


@dataclass(slots=True, eq=False)
class InsertLinks(Step):
    """Rows of the table between the two sides of a many-to-many relationship.

    :ivar pairs: the objects that each row connects.
    """

    operation: ClassVar[str] = "INSERT"
    prop: RelationshipProperty
    pairs: list[tuple[Any, Any]]
    why: str = ""

    def rows(self) -> Iterator[TableRows]:
        table = secondary_table(self.prop)
        keys = (key for _, key in (*self.prop.secondary_pairs, *self.prop.remote_pairs))
        yield TableRows(table, tuple(table.c[key].name for key in keys), len(self.pairs))


@dataclass(slots=True, eq=False)
class DeleteLinks(Step):
    """Rows to be deleted from the table between the two sides of a many-to-many relationship."""

    operation: ClassVar[str] = "DELETE"
    prop: RelationshipProperty
    pairs: list[tuple[Any, Any]]
    why: str = ""

    def rows(self) -> Iterator[TableRows]:
        yield TableRows(secondary_table(self.prop), (), len(self.pairs))
