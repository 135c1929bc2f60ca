"""Lazy loading: the value of a relationship at its first access, by one statement compiled once per relationship."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_uow.orm.exclusive import exclusively
from flask_uow.orm.instrumentation.attributes import CollectionAttribute
from flask_uow.orm.loading.column_loader import session_is_gone
from flask_uow.orm.loading.rows import entity_loader
from flask_uow.orm.loading.statements import compiled_once, key_condition
from flask_uow.orm.symbols import Direction
from flask_uow.sql.expressions import and_
from flask_uow.sql.select import Select

if TYPE_CHECKING:
    from flask_uow.orm.mapping.relationships import RelationshipProperty

__all__ = ["RelationshipLoader"]


class RelationshipLoader:
    """Loads one relationship of one object."""

    def __init__(self, prop: RelationshipProperty) -> None:
        self.property = prop
        self.memo: dict[Any, Any] = {}
        names = prop.secondary_pairs if prop.direction is Direction.MANY_TO_MANY else prop.pairs
        self.key_names = tuple(own for own, _ in names)

    def load(self, obj: Any, state: Any) -> Any:
        """Load the relationship, store it in the object's ``__dict__`` and return it."""
        prop = self.property
        session = state.session
        if session is None:
            raise session_is_gone(prop.name)
        return exclusively(session, self._load, session, obj)

    def _load(self, session: Any, obj: Any) -> Any:
        prop = self.property
        key = tuple([getattr(obj, name) for name in self.key_names])
        if prop.uselist:
            found = [] if None in key else self._load_rows(session, key)
            attribute = prop.attribute
            assert isinstance(attribute, CollectionAttribute)
            return attribute.store_loaded(obj, found)
        value = None if None in key else self._load_scalar(session, key)
        obj.__dict__[prop.key] = value
        return value

    def _load_scalar(self, session: Any, key: tuple[Any, ...]) -> Any:
        prop = self.property
        if prop.uses_get:
            found = session._identities_of(prop.mapper).get(key[0] if len(key) == 1 else key)
            if found is not None:
                return found
        rows = self._load_rows(session, key)
        return rows[0] if rows else None

    def _load_rows(self, session: Any, key: tuple[Any, ...]) -> list[Any]:
        prop = self.property
        session._autoflush()
        connection = session._connection_for(prop.mapper)
        dialect = connection.dialect
        compiled = compiled_once(self.memo, "select", dialect, self._build)
        rows = connection.fetch_all(compiled.sql, compiled.parameters(key))
        return entity_loader(prop.mapper, dialect)(rows, session._identities_of(prop.mapper))

    def _build(self) -> Select:
        prop = self.property
        target = prop.mapper
        select = Select(tuple(target.entity_columns()))
        if prop.secondary is not None:
            far = and_(*(column == other for column, other in prop.condition.secondary_pairs))
            select = select.select_from(target.local_table.join(prop.secondary, far))
            select = select.where(key_condition([other for _, other in prop.condition.pairs]))
        else:
            select = select.where(key_condition([column for _, column in prop.condition.pairs]))
        order = prop.order_by or target.order_by
        return select.order_by(*order) if order else select
