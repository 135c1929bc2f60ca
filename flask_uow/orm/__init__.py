"""Mapped classes, identity map, unit of work, Session and Query. Knows no Flask.

In reading order: symbols, interfaces, extensions, exclusive, instrumentation, identity, loading, mapping, flush, query, session.
"""

from flask_uow.exc import MultipleResultsFound, NoResultFound
from flask_uow.orm import exc as exc
from flask_uow.orm.aliased import AliasedClass, aliased, join, outerjoin
from flask_uow.orm.extensions import EXT_CONTINUE, EXT_STOP, FlushContext, MapperExtension, SessionExtension
from flask_uow.orm.inspection import inspect
from flask_uow.orm.instrumentation import history as attributes
from flask_uow.orm.loading.options import (
    contains_eager,
    defer,
    joinedload,
    joinedload_all,
    lazyload,
    noload,
    raiseload,
    selectinload,
    selectinload_all,
    subqueryload,
    subqueryload_all,
    undefer,
    undefer_group,
)
from flask_uow.orm.mapping.annotations import InstrumentedAttribute, Mapped
from flask_uow.orm.mapping.declarative import DeclarativeBase, declarative_base
from flask_uow.orm.mapping.mapper import Mapper, class_mapper, mapper, object_mapper
from flask_uow.orm.mapping.properties import deferred, mapped_column
from flask_uow.orm.mapping.registry import Registry, clear_mappers, configure_mappers
from flask_uow.orm.mapping.relationships import backref, relationship
from flask_uow.orm.membership import make_transient
from flask_uow.orm.query import Query
from flask_uow.orm.session.factory import create_session, sessionmaker
from flask_uow.orm.session.scoping import ScopedSession, scoped_session
from flask_uow.orm.session.session import Session
from flask_uow.orm.session.transaction import SessionTransaction

compile_mappers = configure_mappers
eagerload = joinedload
eagerload_all = joinedload_all
object_session = Session.object_session
relation = relationship

__all__ = [
    "AliasedClass", "DeclarativeBase", "EXT_CONTINUE", "EXT_STOP", "FlushContext", "InstrumentedAttribute", "Mapped", "Mapper",
    "MapperExtension", "MultipleResultsFound", "NoResultFound", "Query", "Registry", "ScopedSession", "Session",
    "SessionExtension", "SessionTransaction", "aliased", "attributes", "backref", "class_mapper", "clear_mappers",
    "compile_mappers", "configure_mappers", "contains_eager", "create_session", "declarative_base", "defer",
    "deferred", "eagerload", "eagerload_all", "inspect", "join", "joinedload", "joinedload_all", "lazyload",
    "make_transient", "mapped_column", "mapper", "noload", "object_mapper", "object_session", "raiseload",
    "outerjoin", "relation", "relationship", "scoped_session", "selectinload", "selectinload_all", "sessionmaker",
    "subqueryload", "subqueryload_all", "undefer", "undefer_group",
]  # fmt: skip
