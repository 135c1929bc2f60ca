"""``Session.get`` where the identity map alone has no answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from flask_uow.orm.exc import ObjectDeletedError
from flask_uow.orm.loading.column_loader import key_of, refresh_columns
from flask_uow.orm.loading.identity_loader import load_by_identity
from flask_uow.orm.mapping.mapper import Mapper, class_mapper
from flask_uow.orm.state.keys import identity_from
from flask_uow.orm.symbols import STATE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask_uow.orm.query import Query
    from flask_uow.orm.session.execution import ExecutingSession

__all__ = ["get_by_query", "get_elsewhere", "get_slowly"]

T = TypeVar("T")


def get_by_query(
    query: Query[T], ident: object, options: object, populate_existing: bool, with_for_update: bool | Mapping[str, Any]
) -> T | None:
    """Return the object of a primary key as a query with these options loads it; see ``Session.get()``."""
    return _with_all(query, options, populate_existing, with_for_update).get(ident)


def _with_all(
    query: Query[T], options: object, populate_existing: bool, with_for_update: bool | Mapping[str, Any]
) -> Query[T]:
    query = query.options(options)
    if populate_existing:
        query = query.populate_existing()
    if with_for_update:
        query = query.with_for_update(**({} if with_for_update is True else with_for_update))
    return query


def _of_key(query: Query[T], mapper: Mapper, key: tuple[Any, ...]) -> Query[T]:
    return query.filter(*(mapper.column(c) == value for c, value in zip(mapper.primary_key, key, strict=True)))


def get_elsewhere(
    session: ExecutingSession,
    query: Query[T],
    ident: object,
    options: object,
    populate_existing: bool,
    with_for_update: bool | Mapping[str, Any],
    bind_arguments: Mapping[str, Any],
) -> T | None:
    """:func:`get_by_query`, from the database that arguments of ``get_bind()`` tell; see ``Session.get()``."""
    entity = query.statement.entities[0]
    mapper = class_mapper(entity)
    key = key_of(mapper, ident)
    fresh = populate_existing or bool(with_for_update)
    if not fresh and session.objects.identities_of(mapper).get(identity_from(key)) is not None:
        found: T | None = session.get(entity, ident)
        return found
    query = _with_all(query, options, fresh, with_for_update)
    query = _of_key(query, mapper, key)
    loaded: T | None = session.scalars(query.statement, bind_arguments=bind_arguments).unique().one_or_none()
    return loaded


def get_slowly(session: ExecutingSession, entity: type[T], ident: object) -> T | None:
    """Return the object of a primary key: refreshed when it is expired, loaded when it is not there; None when there is no row.

    :param entity: the mapped class; where its objects are is noted for later calls.
    :param ident: the key's value; a tuple or list for a composite key, or a mapping by attribute.
    :raises ArgumentError: when the number of values is not that of the key's columns.
    """
    mapper: Mapper = getattr(entity, "__mapper__", None) or class_mapper(entity)
    if not mapper.registry.is_configured:
        mapper.configure()
    key = key_of(mapper, ident)
    if mapper.always_refresh:
        return session.query(entity).populate_existing().get(ident)
    if None in key and (not mapper.allow_partial_pks or set(key) == {None}):
        return None
    identity = identity_from(key)
    identities = session.objects.identities_of(mapper)
    # from now on get() finds the objects of the class by itself
    if entity not in session._places and entity is mapper.class_:
        related = mapper.class_ if mapper.inherits is not None else None
        session._places[entity] = (identities.entries, mapper.primary_key_names[0], related)
    obj: Any = identities.get(identity)
    if obj is None and session.autoflush_now():
        # an object that was pending may have this key
        obj = identities.get(identity)
    if obj is None:
        loaded: T | None
        if session.hooks.do_orm_execute:
            # by a statement of which functions can be told, and which they may change
            loaded = _of_key(session.query(entity), mapper, key).autoflush(False).one_or_none()
        else:
            loaded = load_by_identity(session, mapper, identity)
        return loaded
    own = type(obj).__mapper__
    if not own.isa(mapper):
        # the row of another class of the family
        return None
    found: T = obj
    values = obj.__dict__
    if mapper.primary_key_names[0] in values:
        return found
    try:
        refresh_columns(own, obj, values[STATE], tuple(name for name in own.loaded_names if name not in values))
    except ObjectDeletedError:
        return None
    return found
