"""Mapped classes, identity map, unit of work, Session and Query. Knows no Flask.

In reading order: symbols, interfaces, extensions, exclusive, instrumentation, identity, loading, mapping, flush, query, session.
"""

from flask_uow.exc import MultipleResultsFound, NoResultFound
from flask_uow.orm import exc as exc
from flask_uow.orm.extensions import EXT_CONTINUE, EXT_STOP, FlushContext, MapperExtension, SessionExtension
from flask_uow.orm.inspection import inspect
from flask_uow.orm.instrumentation import history as attributes
from flask_uow.orm.mapping.annotations import InstrumentedAttribute, Mapped
from flask_uow.orm.mapping.declarative import DeclarativeBase, declarative_base
from flask_uow.orm.mapping.mapper import Mapper, class_mapper, mapper, object_mapper
from flask_uow.orm.mapping.properties import mapped_column
from flask_uow.orm.mapping.registry import Registry, clear_mappers, configure_mappers
from flask_uow.orm.mapping.relationships import backref, relationship
from flask_uow.orm.membership import make_transient
from flask_uow.orm.query import Query
from flask_uow.orm.session.factory import create_session, sessionmaker
from flask_uow.orm.session.scoping import ScopedSession, scoped_session
from flask_uow.orm.session.session import Session
from flask_uow.orm.session.transaction import SessionTransaction

compile_mappers = configure_mappers
object_session = Session.object_session
relation = relationship

__all__ = [
    "DeclarativeBase", "EXT_CONTINUE", "EXT_STOP", "FlushContext", "InstrumentedAttribute", "Mapped", "Mapper",
    "MapperExtension", "MultipleResultsFound", "NoResultFound", "Query", "Registry", "ScopedSession", "Session",
    "SessionExtension", "SessionTransaction", "attributes", "backref", "class_mapper", "clear_mappers",
    "compile_mappers", "configure_mappers", "create_session", "declarative_base", "inspect", "make_transient",
    "mapped_column", "mapper", "object_mapper", "object_session", "relation", "relationship", "scoped_session",
    "sessionmaker",
]  # fmt: skip
