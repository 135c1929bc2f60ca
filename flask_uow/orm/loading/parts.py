"""The parts of a row: which columns make which object, which are values of their own, and what is loaded after them.

A :class:`~flask_uow.orm.loading.plan.QueryPlan` has a part for each item of its statement. Parts are derived once, are immutable, and are shared
by all executions and threads; what one execution finds is kept by its :class:`~flask_uow.orm.loading.run.QueryRun`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flask_uow.orm.mapping.entity import Layout
from flask_uow.orm.state.siblings import BATCH_SIZE
from flask_uow.sql.stored_values import StoredValueError, column_label, of_column

if TYPE_CHECKING:
    from flask_uow.orm.loading.load_tree import LoadTree
    from flask_uow.orm.loading.plan import QueryPlan
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.mapping.relationship_property import RelationshipProperty
    from flask_uow.orm.state.identity import FamilyIdentities
    from flask_uow.orm.state.siblings import Siblings

__all__ = ["ColumnPart", "EntityLoader", "EntityPart", "Following", "FollowingColumns", "Part", "Path", "Rows"]

Rows = Sequence[tuple[Any, ...]]
# makes objects of rows, with the identity map and their siblings; generated, see :mod:`flask_uow.orm.loading.rows`
EntityLoader = Callable[[Rows, "FamilyIdentities", "Siblings | None"], list[Any]]
# the mappers from the root of a query to a place in it
Path = tuple["Mapper", ...]


@dataclass(frozen=True, slots=True, eq=False)
class ColumnPart:
    """One value of each row.

    :ivar position: its column.
    :ivar processor: converts the driver's value; None takes it as it is.
    :ivar column: what it is, for messages.
    """

    position: int
    processor: Callable[[Any], Any] | None
    column: object = None

    def value(self, row: tuple[Any, ...]) -> Any:
        """Return the value in one row."""
        found = row[self.position]
        try:
            return found if self.processor is None else self.processor(found)
        except StoredValueError as error:
            raise of_column(error, column_label(self.column)) from error.__cause__

    def values(self, rows: Rows) -> list[Any]:
        """Return the value in each row."""
        position, processor = self.position, self.processor
        if processor is None:
            return [row[position] for row in rows]
        try:
            return [processor(row[position]) for row in rows]
        except StoredValueError as error:
            raise of_column(error, column_label(self.column)) from error.__cause__


@dataclass(frozen=True, slots=True, eq=False)
class Following:
    """A relationship that is loaded by a further statement, once the objects of a part are there.

    :ivar prop: the relationship.
    :ivar strategy: how an option or the mapping says that it is loaded; ``present`` for a reference that is taken from the identity map only.
    :ivar below: the options for the related objects, or None.
    :ivar owner: the class whose objects have it, where that is a subclass of the part's; else None.
    :ivar by_subquery: True where the query itself, as a subquery, stands for the keys of the objects.
    :ivar levels: how many levels of a relationship of a class with itself are loaded; -1 for all.
    :ivar chunk: for how many objects one statement loads it.
    :ivar plans: by dialect, the plan of a statement with that subquery; filled at first need.
    """

    prop: RelationshipProperty
    strategy: str
    below: LoadTree | None
    owner: type | None
    by_subquery: bool = False
    levels: int = 1
    chunk: int = BATCH_SIZE
    plans: dict[str, QueryPlan] = field(default_factory=dict)

    def due(self, objects: Iterable[Any]) -> list[Any]:
        """Return those of a part's objects that have the relationship and have not loaded it yet."""
        key, owner = self.prop.key, self.owner
        if owner is None:
            return [obj for obj in objects if key not in obj.__dict__]
        return [obj for obj in objects if key not in obj.__dict__ and isinstance(obj, owner)]


@dataclass(frozen=True, slots=True, eq=False)
class FollowingColumns:
    """Columns of a subclass that a further statement loads, once the objects of a part are there.

    :ivar mapper: the subclass.
    :ivar names: its attributes that the part does not have.
    """

    mapper: Mapper
    names: tuple[str, ...]

    def due(self, objects: Iterable[Any]) -> list[Any]:
        """Return those of a part's objects that have the columns and have not loaded all of them yet."""
        class_, names = self.mapper.class_, self.names
        return [obj for obj in objects if isinstance(obj, class_) and any(name not in obj.__dict__ for name in names)]


@dataclass(frozen=True, slots=True, eq=False)
class EntityPart:
    """The object of each row: of an entity of the query, or of a relationship that is joined to one.

    :ivar mapper: the mapper of the class.
    :ivar layout: the attributes that its columns hold.
    :ivar start: the position of its first column.
    :ivar row_width: the number of columns in a row.
    :ivar load: makes objects of rows that are as wide as the part; None where the rows tell the classes of their objects.
    :ivar tree: the loader options for the objects, or None.
    :ivar path: the mappers from the root of the query to here.
    :ivar prop: the relationship by which it is joined; None for an entity of the query itself.
    :ivar is_ours: True where the loading has added the join, False where the query has it.
    :ivar joined: the parts that are joined to it.
    :ivar following: the relationships that further statements load.
    :ivar columns: the columns of subclasses that further statements load.
    :ivar stop: the position behind its last column.
    :ivar is_whole: True where a row has no other columns.
    """

    mapper: Mapper
    layout: Layout
    start: int
    row_width: int
    load: EntityLoader | None
    tree: LoadTree | None = None
    path: Path = ()
    prop: RelationshipProperty | None = None
    is_ours: bool = False
    joined: tuple[EntityPart, ...] = ()
    following: tuple[Following, ...] = ()
    columns: tuple[FollowingColumns, ...] = ()
    stop: int = field(init=False)
    is_whole: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "stop", self.start + self.layout.width)
        object.__setattr__(self, "is_whole", self.layout.width == self.row_width)

    def walk(self) -> Iterator[EntityPart]:
        """Yield the part and all that is joined to it, parents first."""
        yield self
        for part in self.joined:
            yield from part.walk()


Part = EntityPart | ColumnPart
