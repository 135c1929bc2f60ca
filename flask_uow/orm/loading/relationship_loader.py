"""The value of a relationship at its first access: for the object and its siblings, in one statement.

The statement is compiled once for each relationship and number of keys (rounded up, so that there are few). It selects the related
objects together with the key of the parent that they belong to.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from flask_uow.exc import InvalidRequestError
from flask_uow.orm.exclusive import exclusively
from flask_uow.orm.instrumentation.attributes import CollectionAttribute
from flask_uow.orm.loading.column_loader import session_is_gone
from flask_uow.orm.loading.eager import load_below, load_related, needs_care
from flask_uow.orm.loading.options import LoadTree
from flask_uow.orm.loading.rows import load_objects
from flask_uow.orm.loading.several import warn_of_several
from flask_uow.orm.loading.statements import compiled_once, keys_condition, padded, unknown_keys
from flask_uow.orm.state.instance_state import describe
from flask_uow.orm.state.keys import identity_from, identity_values
from flask_uow.orm.state.siblings import BATCH_SIZE, siblings_that
from flask_uow.orm.symbols import NO_VALUE, STATE, Direction
from flask_uow.sql.constructors import tuple_
from flask_uow.sql.select import Select

if TYPE_CHECKING:
    from flask_uow.orm.mapping.relationships import RelationshipProperty

__all__ = ["RelationshipLoader"]

Key = tuple[Any, ...]


class RelationshipLoader:
    """Loads one relationship."""

    def __init__(self, prop: RelationshipProperty) -> None:
        self.property = prop
        self.key_names = prop.local_names

    # -- at first access

    def load(self, obj: Any, state: Any) -> Any:
        """Load the relationship for the object and its siblings, store it in their ``__dict__`` and return the object's.

        :raises InvalidRequestError: where ``raiseload`` or ``lazy="raise"`` forbids it.
        """
        session = state.session
        if session is None:
            raise session_is_gone(self.property.name)
        return exclusively(session, self._load, session, obj, state)

    def _load(self, session: Any, obj: Any, state: Any) -> Any:
        prop = self.property
        siblings = state.siblings
        tree: LoadTree | None = siblings.options if siblings is not None else None
        strategy: str = prop.lazy
        below: LoadTree | None = None
        if tree is not None:
            strategy, below = tree.strategy(prop.key) or strategy, tree.under(prop.key)
        if strategy == "raise":
            raise InvalidRequestError(
                f"{prop.name} of {describe(obj)} is not loaded, and may not be loaded at access (raiseload). Load it with the query:"
                f" .options(selectinload({prop.name}))."
            )
        if strategy == "noload":
            return self._store(obj, ())
        found = self._in_identity_map(session, obj) if prop.uses_get else None
        if found is not None:
            return self._store(obj, (found,))
        session.autoflush_now(prop)
        if prop.mapper.has_eager:
            # the way back is known already, and need not be loaded eagerly
            below = below if below is not None else LoadTree()
            below.path = below.path or (prop.parent, prop.mapper)
        objects = siblings_that(state, obj, self._is_wanted) if prop.batch_loading else [obj]
        self.load_many(session, objects, below, siblings.batch if siblings is not None else None)
        return obj.__dict__[prop.key]

    def _is_wanted(self, other: Any) -> bool:
        values = other.__dict__
        if self.property.key in values or not all(name in values for name in self.key_names):
            return False
        return isinstance(other, self.property.parent.class_)

    def _in_identity_map(self, session: Any, obj: Any) -> Any:
        return self._present(session, tuple([getattr(obj, name) for name in self.key_names]))

    def _present(self, session: Any, key: Key) -> Any:
        target = self.property.mapper
        found = session.objects.identities_of(target).get(identity_from(key))
        return found if isinstance(found, target.class_) else None

    # -- for many objects

    def load_many(
        self,
        session: Any,
        objects: Iterable[Any],
        below: LoadTree | None = None,
        batch: bool | None = None,
        source: Select | None = None,
    ) -> None:
        """Load the relationship of objects that don't have it yet.

        :param below: loader options for the related objects.
        :param batch: False where each of these is to be loaded for alone later on.
        :param source: the statement that has loaded the objects; its subquery then takes the place of their keys.
        """
        prop = self.property
        waiting: dict[Key, list[Any]] = {}
        other_side = prop.direction is not Direction.MANY_TO_ONE
        for obj in objects:
            key = tuple([getattr(obj, name) for name in self.key_names])
            if other_side and obj.__dict__[STATE].changes:
                key = self._stored_key(obj, key)
            if None in key:
                self._store(obj, ())
            else:
                waiting.setdefault(key, []).append(obj)
        found: dict[Key, list[Any]] = {}
        if prop.uses_get:
            for key in waiting:
                present = self._present(session, key)
                if present is not None:
                    found[key] = [present]
            if below is not None and found:
                load_below(session, prop.mapper, [obj for (obj,) in found.values()], below, batch)
        missing = [key for key in waiting if key not in found]
        if source is not None and missing:
            pages = [self._fetch_by_subquery(session, source, below, batch)]
        else:
            starts = range(0, len(missing), BATCH_SIZE)
            pages = [self._fetch(session, missing[n : n + BATCH_SIZE], below, batch) for n in starts]
        for page in pages:
            for key, related in page:
                if key in waiting:
                    found.setdefault(key, []).append(related)
        if prop.condition.between:
            # there is a row for each row of the tables between
            found = {
                key: list({id(related): related for related in members}.values()) for key, members in found.items()
            }
        for key, members in waiting.items():
            for obj in members:
                if prop.key not in obj.__dict__:
                    self._store(obj, found.get(key, ()))

    def _stored_key(self, obj: Any, key: Key) -> Key:
        """Return the key under which the rows of the other side refer to an object whose key was changed and is not written yet."""
        state = obj.__dict__[STATE]
        stored = {name: value for name, value in state.changes.items() if value is not NO_VALUE}
        mapper = type(obj).__mapper__
        stored.update(zip(mapper.primary_key_names, identity_values(state.row_key), strict=True))
        return tuple([stored.get(name, value) for name, value in zip(self.key_names, key, strict=True)])

    def _store(self, obj: Any, related: Sequence[Any]) -> Any:
        prop = self.property
        if prop.uselist:
            attribute = prop.attribute
            assert isinstance(attribute, CollectionAttribute)
            return attribute.store_loaded(obj, list(related))
        if len(related) > 1:
            warn_of_several(prop, obj, related)
        value = obj.__dict__[prop.key] = related[0] if related else None
        return value

    # -- the statement

    def _fetch(
        self, session: Any, keys: list[Key], below: LoadTree | None, batch: bool | None
    ) -> Iterable[tuple[Key, Any]]:
        """Return the related objects of parents, each with its parent's key."""
        target = self.property.mapper
        connection = session.connection_for(target, reads=True)
        dialect = connection.dialect
        keys_and_padding = padded(keys)
        if needs_care(target, below):
            select, columns = self._select(keys_and_padding)
            objects, parents = load_related(session, select, columns, target, below, batch)
            return zip(parents, objects, strict=True)
        count = len(keys_and_padding)
        statement = compiled_once(target.memo, (self.property, count), dialect, lambda: self._template(count))
        values = [value for key in keys_and_padding for value in key]
        rows = connection.fetch_all(statement.compiled.sql, statement.parameters(values))
        width = target.layout.width
        objects = load_objects([row[:width] for row in rows], target, dialect, session, below, batch)
        if count == 1:
            return [(keys[0], obj) for obj in objects]
        processors = self._processors(dialect)
        if not any(processors):
            return [(tuple(row[width:]), obj) for row, obj in zip(rows, objects, strict=True)]
        return [
            (tuple([p(v) if p is not None else v for p, v in zip(processors, row[width:], strict=True)]), obj)
            for row, obj in zip(rows, objects, strict=True)
        ]

    def _fetch_by_subquery(
        self, session: Any, source: Select, below: LoadTree | None, batch: bool | None
    ) -> Iterable[tuple[Key, Any]]:
        """Like :meth:`_fetch`, for the parents that a statement selects."""
        prop = self.property
        parents = source._clone()
        parents._options, parents._for_update = (), None
        if parents._limit is None and parents._offset is None:
            parents._order_by = ()
        inner = parents.subquery()
        names = _names_in(inner, source.entities[0].__uow_entity__)
        keys = [inner.c[names[name]] for name in self.key_names]
        select, columns = prop.sql.select_related(Select((prop.mapper,)))
        wanted = Select(tuple(keys)).select_from(inner)
        select = select.where(columns[0].in_(wanted) if len(columns) == 1 else tuple_(*columns).in_(wanted))
        order = prop.order_by or prop.mapper.order_by
        if order:
            select = select.order_by(*order)
        objects, found = load_related(session, select, columns, prop.mapper, below, batch)
        return zip(found, objects, strict=True)

    def _processors(self, dialect: Any) -> list[Any]:
        # kept with the target's mapper, which forgets it when its family grows
        memo, key = self.property.mapper.memo, (self.property, "processors", dialect.name)
        found: list[Any] | None = memo.get(key)
        if found is None:
            columns = self._select(unknown_keys(self.key_names, 1))[1]
            found = memo[key] = [dialect.result_processor(c.type) for c in columns]
        return found

    def _template(self, count: int) -> Select:
        select, columns = self._select(unknown_keys(self.key_names, count))
        return select.add_columns(*columns)

    def _select(self, keys: list[Key]) -> tuple[Select, list[Any]]:
        """Return the SELECT of the related objects, and the columns that hold the parent's key."""
        prop = self.property
        target = prop.mapper
        select, columns = prop.sql.select_related(Select((target,)))
        select = select.where(keys_condition(columns, keys))
        order = prop.order_by or target.order_by
        return (select.order_by(*order) if order else select), columns


def _names_in(subquery: Any, entity: Any) -> dict[str, str]:
    """Return the names that a subquery of one entity gives to the entity's attributes."""
    layout = getattr(entity, "layout", None)
    names: Any = layout.names if layout is not None else entity.names
    return dict(zip(names, subquery.c.keys(), strict=False))
