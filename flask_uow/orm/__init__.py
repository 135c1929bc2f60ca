"""Mapped classes, identity map, unit of work, Session and Query. Knows no Flask.

In reading order, from the bottom: symbols, strategies, interfaces, extensions, exclusive; state, instrumentation, mapping, loading; dml and flush;
query and session. Imports point one way, downwards.
"""

from flask_uow.exc import MultipleResultsFound, NoResultFound
from flask_uow.orm import attributes as attributes
from flask_uow.orm import events as events
from flask_uow.orm import exc as exc
from flask_uow.orm.aliased import AliasedClass, aliased, with_polymorphic
from flask_uow.orm.entity_joins import join, outerjoin
from flask_uow.orm.extensions import EXT_CONTINUE, EXT_STOP, FlushContext, MapperExtension, SessionExtension
from flask_uow.orm.flush.plan import FlushPlan
from flask_uow.orm.inspection import inspect
from flask_uow.orm.instrumentation.class_manager import ClassManager
from flask_uow.orm.instrumentation.collections import (
    InstrumentedList,
    InstrumentedSet,
    MappedCollection,
    attribute_mapped_collection,
    column_mapped_collection,
    mapped_collection,
)
from flask_uow.orm.instrumentation.custom_collections import collection
from flask_uow.orm.instrumentation.events import AttributeExtension, reconstructor, validates
from flask_uow.orm.instrumentation.flagging import flag_dirty, flag_modified, set_committed_value
from flask_uow.orm.instrumentation.mutable import Mutable, MutableComposite, MutableDict, MutableList, MutableSet
from flask_uow.orm.instrumentation.ordering_list import OrderingList, ordering_list
from flask_uow.orm.loading.class_criteria import UserDefinedOption, with_loader_criteria
from flask_uow.orm.loading.column_loader import ColumnLoader
from flask_uow.orm.loading.options import (
    Load,
    contains_eager,
    defaultload,
    defer,
    immediateload,
    joinedload,
    joinedload_all,
    lazyload,
    load_only,
    noload,
    raiseload,
    selectin_polymorphic,
    selectinload,
    selectinload_all,
    subqueryload,
    subqueryload_all,
    undefer,
    undefer_group,
    with_expression,
)
from flask_uow.orm.loading.relationship_loader import RelationshipLoader
from flask_uow.orm.mapping.annotations import (
    DynamicMapped,
    InstrumentedAttribute,
    Mapped,
    QueryableAttribute,
    WriteOnlyMapped,
)
from flask_uow.orm.mapping.association_proxy import AssociationProxy, association_proxy
from flask_uow.orm.mapping.automap import AutomapBase, automap_base
from flask_uow.orm.mapping.bundles import Bundle
from flask_uow.orm.mapping.classical import mapper
from flask_uow.orm.mapping.composites import CompositeProperty, composite
from flask_uow.orm.mapping.concrete import AbstractConcreteBase, ConcreteBase
from flask_uow.orm.mapping.declarative import (
    DeclarativeBase,
    DeclarativeBaseNoMeta,
    DeclarativeMeta,
    add_mapped_attribute,
    as_declarative,
    declarative_base,
    declarative_mixin,
    declared_attr,
    has_inherited_table,
)
from flask_uow.orm.mapping.deferred_mapping import DeferredReflection
from flask_uow.orm.mapping.descriptors import (
    PropComparator,
    SynonymProperty,
    comparable_property,
    synonym,
    synonym_for,
)
from flask_uow.orm.mapping.dynamic import AppenderQuery, WriteOnlyCollection
from flask_uow.orm.mapping.hybrids import Comparator, hybrid_method, hybrid_property
from flask_uow.orm.mapping.index_properties import index_property
from flask_uow.orm.mapping.inheritance import polymorphic_union
from flask_uow.orm.mapping.inspected_property import MapperProperty
from flask_uow.orm.mapping.join_marks import foreign, remote
from flask_uow.orm.mapping.lazy_loaders import lazy_loaders
from flask_uow.orm.mapping.mapped_dataclass import MappedAsDataclass
from flask_uow.orm.mapping.mapper import Mapper, class_mapper, object_mapper
from flask_uow.orm.mapping.properties import (
    ColumnProperty,
    MappedColumn,
    column_property,
    deferred,
    mapped_column,
    query_expression,
)
from flask_uow.orm.mapping.registries import registry
from flask_uow.orm.mapping.registry import Registry, clear_mappers, configure_mappers
from flask_uow.orm.mapping.relationship_property import RelationshipProperty
from flask_uow.orm.mapping.relationships import backref, dynamic_loader, relationship
from flask_uow.orm.query import Query
from flask_uow.orm.query.parents import with_parent
from flask_uow.orm.session.factory import create_session, sessionmaker
from flask_uow.orm.session.orm_execute import ORMExecuteState
from flask_uow.orm.session.scoping import ScopedSession, scoped_session
from flask_uow.orm.session.session import Session
from flask_uow.orm.session.transaction import SessionTransaction
from flask_uow.orm.state.attribute_state import AttributeState
from flask_uow.orm.state.by_hand import make_transient, make_transient_to_detached, was_deleted
from flask_uow.orm.state.identity import IdentityMap
from flask_uow.orm.state.instance_state import InstanceState
from flask_uow.orm.symbols import NO_VALUE, Cascades, Direction, ExtensionType

# the mapping gives each attribute its loader, and must not import what stands above it
lazy_loaders.column, lazy_loaders.relationship = ColumnLoader, RelationshipLoader

compile_mappers = configure_mappers
eagerload = joinedload
eagerload_all = joinedload_all
identity_key = Session.identity_key
object_session = Session.object_session
relation = relationship

# further names that the field has for them
ASSOCIATION_PROXY, HYBRID_METHOD, HYBRID_PROPERTY, NOT_EXTENSION = (
    ExtensionType.ASSOCIATION_PROXY,
    ExtensionType.HYBRID_METHOD,
    ExtensionType.HYBRID_PROPERTY,
    ExtensionType.NOT_EXTENSION,
)
CascadeOptions = Cascades
Composite = CompositeProperty
KeyFuncDict = MappedCollection
MANYTOMANY, MANYTOONE, ONETOMANY = Direction.MANYTOMANY, Direction.MANYTOONE, Direction.ONETOMANY
Relationship = RelationshipProperty
RelationshipDirection = Direction
Synonym = SynonymProperty
UOWTransaction = FlushContext
attribute_keyed_dict = attribute_mapped_collection
close_all_sessions = Session.close_all
column_keyed_dict = column_mapped_collection
keyfunc_mapping = mapped_collection

__all__ = [
    "ASSOCIATION_PROXY", "AbstractConcreteBase", "AliasedClass", "AppenderQuery", "AssociationProxy", "AttributeExtension",
    "AttributeState", "AutomapBase", "Bundle", "CascadeOptions", "ClassManager", "ColumnProperty", "Comparator",
    "Composite", "CompositeProperty", "ConcreteBase", "DeclarativeBase", "DeclarativeBaseNoMeta",
    "DeclarativeMeta", "DeferredReflection", "DynamicMapped", "EXT_CONTINUE", "EXT_STOP", "FlushContext",
    "FlushPlan", "HYBRID_METHOD", "HYBRID_PROPERTY", "IdentityMap", "InstanceState", "InstrumentedAttribute",
    "InstrumentedList", "InstrumentedSet", "KeyFuncDict", "Load", "MANYTOMANY", "MANYTOONE", "Mapped",
    "MappedAsDataclass", "MappedCollection", "MappedColumn", "Mapper", "MapperExtension", "MapperProperty",
    "MultipleResultsFound", "Mutable", "MutableComposite", "MutableDict", "MutableList", "MutableSet", "NOT_EXTENSION", "NO_VALUE",
    "NoResultFound", "ONETOMANY", "ORMExecuteState", "OrderingList", "PropComparator", "Query",
    "QueryableAttribute", "Registry", "Relationship", "RelationshipDirection", "RelationshipProperty",
    "ScopedSession", "Session", "SessionExtension", "SessionTransaction", "Synonym", "SynonymProperty",
    "UOWTransaction", "UserDefinedOption", "WriteOnlyCollection", "WriteOnlyMapped", "add_mapped_attribute", "aliased",
    "as_declarative", "association_proxy", "attribute_keyed_dict", "attribute_mapped_collection", "attributes",
    "automap_base", "backref", "class_mapper", "clear_mappers", "close_all_sessions", "collection",
    "column_keyed_dict", "column_mapped_collection", "column_property", "comparable_property", "compile_mappers",
    "composite", "configure_mappers", "contains_eager", "create_session", "declarative_base", "declarative_mixin",
    "declared_attr", "defaultload", "defer", "deferred", "dynamic_loader", "eagerload", "eagerload_all",
    "flag_dirty", "flag_modified", "foreign", "has_inherited_table", "hybrid_method", "hybrid_property",
    "identity_key", "immediateload", "index_property", "inspect", "join", "joinedload", "joinedload_all", "keyfunc_mapping",
    "lazyload", "load_only", "make_transient", "make_transient_to_detached", "mapped_collection", "mapped_column", "mapper",
    "noload", "object_mapper", "object_session", "ordering_list", "outerjoin", "polymorphic_union",
    "query_expression", "raiseload", "reconstructor", "registry", "relation", "relationship", "remote",
    "scoped_session", "selectin_polymorphic", "selectinload", "selectinload_all", "sessionmaker",
    "set_committed_value", "subqueryload", "subqueryload_all", "synonym", "synonym_for", "undefer",
    "undefer_group", "validates", "was_deleted", "with_expression", "with_loader_criteria", "with_parent",
    "with_polymorphic",
]  # fmt: skip
