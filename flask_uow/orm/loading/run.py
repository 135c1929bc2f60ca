"""One execution of a plan: rows come in, objects and values come out.

The only reader of rows: queries, streams, lazy loads and refreshes all come through here, or through the parts that this reads by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from flask_uow.orm.instrumentation.collection_attribute import CollectionAttribute
from flask_uow.orm.loading.parts import EntityPart, Part, Rows
from flask_uow.orm.loading.plan import QueryPlan
from flask_uow.orm.loading.populating import expire_present
from flask_uow.orm.loading.rows import load_objects
from flask_uow.orm.loading.several import warn_of_several
from flask_uow.orm.symbols import NO_VALUE, STATE, Direction
from flask_uow.sql.select import Select

if TYPE_CHECKING:
    from flask_uow.engine.dialects.base import Dialect
    from flask_uow.orm.mapping.relationship_property import RelationshipProperty
    from flask_uow.orm.session.execution import ExecutingSession

__all__ = ["QueryRun", "each_once"]


class QueryRun:
    """The objects that one execution of a plan collects.

    :param populate: True overwrites what is loaded on objects that are there already.
    :param batch: whether later loads are batched, where the plan does not say; None leaves that to the Session.
    :ivar found: the objects of parts that further statements are about: their objects of all rows, None where a row has none.
    :ivar statement: the statement, where one that follows repeats it as a subquery.
    :ivar values: the values of the bind parameters of the query, options included.
    :ivar given: the values that were given at execution, by name, or None.
    :ivar populated: the states of objects that the run, or one that it follows, has filled, where it overwrites what is loaded.
    """

    __slots__ = (
        "batch",
        "dialect",
        "found",
        "given",
        "plan",
        "populate",
        "populated",
        "session",
        "statement",
        "values",
    )

    def __init__(
        self,
        session: ExecutingSession,
        dialect: Dialect,
        plan: QueryPlan,
        populate: bool = False,
        batch: bool | None = None,
        statement: Select | None = None,
        values: Sequence[Any] = (),
        given: Mapping[str, Any] | None = None,
        populated: set[Any] | None = None,
    ) -> None:
        self.session = session
        self.dialect = dialect
        self.plan = plan
        self.populate = populate
        self.batch = plan.batch if plan.batch is not None else batch
        self.statement = statement
        self.values = values
        self.given = given
        self.populated: set[Any] = set() if populated is None else populated
        self.found: list[tuple[EntityPart, list[Any]]] = []

    def read(self, rows: Rows) -> list[list[Any]]:
        """Return the columns of results: for each part of the plan, its object or value in each row.

        Joined relationships are filled in; what further statements load is not yet, see :mod:`flask_uow.orm.loading.further`.
        """
        rows = self._prepare(rows)
        # a part that is joined to another is read after it: an object that both give is a sibling of the first
        return [self._read(part, rows) for part in self.plan.parts]

    def read_objects(self, rows: Rows) -> list[Any]:
        """Return the object of each row, like :meth:`read`, for the first part alone."""
        return self._read(self.plan.parts[0], self._prepare(rows))

    def _prepare(self, rows: Rows) -> Rows:
        plan = self.plan
        if plan.positions is not None:
            rows = _picked(rows, plan.positions)
        for part in plan.entities:
            # all of them first: an object that two parts give is expired before either fills it
            if self.populate or part.mapper.always_refresh:
                expire_present(self.session, self.dialect, part, rows, self.populated)
        return rows

    def _read(self, part: Part, rows: Rows) -> list[Any]:
        if not isinstance(part, EntityPart):
            return part.values(rows)
        objects = load_objects(part, rows, self.session, self.dialect, self.batch, self.values)
        if self.populate:
            self.populated.update(obj.__dict__[STATE] for obj in objects if obj is not None)
        if part.following or part.columns:
            self.found.append((part, objects))
        for joined in part.joined:
            assert joined.prop is not None
            _fill(joined.prop, objects, self._read(joined, rows))
        return objects


def _picked(rows: Rows, positions: tuple[int, ...]) -> Rows:
    if len(positions) == 1:
        return [(row[positions[0]],) for row in rows]
    pick = itemgetter(*positions)
    return [pick(row) for row in rows]


def each_once(objects: list[Any]) -> list[Any]:
    """Return objects in their order, each once, whatever they are equal to."""
    # by id, since objects of users may be equal to each other, or have no hash
    if len(set(map(id, objects))) == len(objects):
        return objects
    return list({id(obj): obj for obj in objects}.values())


# -- joined relationships


def _fill(prop: RelationshipProperty, parents: list[Any], related: list[Any]) -> None:
    """Store what a join has found in the parents that do not have the relationship loaded."""
    attribute = prop.attribute
    if isinstance(attribute, CollectionAttribute):
        _fill_collections(attribute, parents, related)
    else:
        _fill_references(prop, parents, related)


def _fill_collections(attribute: CollectionAttribute, parents: list[Any], related: list[Any]) -> None:
    key = attribute.key
    waiting: dict[int, tuple[Any, list[Any]]] = {}
    last: object = NO_VALUE
    members: list[Any] | None = None
    for parent, obj in zip(parents, related, strict=True):
        # rows of one parent mostly follow one another
        if parent is not last:
            last, members = parent, None
            if parent is not None:
                entry = waiting.get(id(parent))
                if entry is not None:
                    members = entry[1]
                elif key not in parent.__dict__:
                    members = []
                    waiting[id(parent)] = (parent, members)
        if members is not None and obj is not None:
            members.append(obj)
    for parent, found in waiting.values():
        attribute.store_loaded(parent, each_once(found))


def _fill_references(prop: RelationshipProperty, parents: list[Any], related: list[Any]) -> None:
    key = prop.key
    filled: list[Any] = []
    doubtful: dict[int, list[Any]] = {}
    if prop.direction is Direction.ONE_TO_MANY:
        has_left, both = prop.attribute.has_left, zip(parents, related, strict=True)
        related = [None if parent is None or obj is None or has_left(parent, obj) else obj for parent, obj in both]
    for parent, obj in zip(parents, related, strict=True):
        if parent is None:
            continue
        values = parent.__dict__
        present = values.get(key, NO_VALUE)
        # what is loaded already is left: a query refreshes nothing unless it is told to (populate_existing)
        if present is NO_VALUE:
            values[key] = obj
            filled.append(parent)
        elif present is not obj and obj is not None:
            # loaded before this query, or another row of the same parent says otherwise
            doubtful.setdefault(id(parent), []).append(obj)
    for parent in filled if doubtful else ():
        others = doubtful.get(id(parent))
        if others is not None:
            first = parent.__dict__[key]
            found = each_once([*([first] if first is not None else []), *others])
            if len(found) > 1:
                warn_of_several(prop, parent, found)
            parent.__dict__[key] = found[0]
