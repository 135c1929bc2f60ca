"""The declaration of relationships: ``relationship()``, ``backref()`` and ``dynamic_loader()``.

They return a :class:`~flask_uow.orm.mapping.relationship_property.RelationshipProperty`, which a mapper completes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from flask_uow.orm.mapping.dataclass_fields import NOT_GIVEN, FieldOptions
from flask_uow.orm.mapping.relationship_property import RelationshipProperty

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask_uow.orm.instrumentation.events import AttributeExtension
    from flask_uow.orm.mapping.annotations import MappedRelationship
    from flask_uow.orm.mapping.descriptors import PropComparator
    from flask_uow.orm.query import Query
    from flask_uow.orm.strategies import Strategy

__all__ = ["Backref", "backref", "dynamic_loader", "relationship"]


class Backref:
    """The other side of a relationship, declared together with it; made by :func:`backref`."""

    def __init__(self, name: str, options: dict[str, Any]) -> None:
        self.name = name
        self.options = options


def backref(name: str, **options: Any) -> Backref:
    """Return the other side of a relationship, with options of its own: ``relationship("Post", backref=backref("author", ...))``.

    :param name: the name of the attribute on the other class.
    :param options: as for :func:`relationship`.
    """
    return Backref(name, options)


def relationship(
    argument: object = None,
    secondary: object = None,
    *,
    backref: str | Backref | None = None,
    back_populates: str | None = None,
    uselist: bool | None = None,
    order_by: object = None,
    cascade: str = "save-update, merge",
    collection_class: Callable[[], Any] | None = None,
    foreign_keys: object = None,
    remote_side: object = None,
    viewonly: bool = False,
    passive_deletes: bool | str = False,
    passive_updates: bool = True,
    post_update: bool = False,
    single_parent: bool = False,
    enable_typechecks: bool = True,
    primaryjoin: object = None,
    secondaryjoin: object = None,
    lazy: str | bool | Strategy | None = "select",
    join_depth: int | None = None,
    innerjoin: bool = False,
    batch_loading: bool = True,
    extension: AttributeExtension | Sequence[AttributeExtension] | None = None,
    comparator_factory: type[PropComparator] | None = None,
    query_class: type[Query[Any]] | None = None,
    doc: str | None = None,
    info: Mapping[Any, Any] | None = None,
    overlaps: str | None = None,
    sync_backref: bool | None = None,
    omit_join: bool | None = None,
    active_history: bool = False,
    load_on_pending: bool = False,
    cascade_backrefs: bool = True,
    init: bool | None = None,
    repr: bool | None = None,
    default: object = NOT_GIVEN,
    default_factory: object = NOT_GIVEN,
    compare: bool | None = None,
    hash: bool | None = None,
    kw_only: bool | None = None,
    dataclass_metadata: Mapping[Any, Any] | None = None,
) -> MappedRelationship:
    """Declare a relationship to another mapped class.

    :param argument: the other class, its name, or a function that returns it; in the typed declarative style the annotation says it.
    :param secondary: the table between the two of a many-to-many relationship, its name, or a function that returns it.
    :param backref: the name of an attribute to be made on the other class, leading back; or :func:`backref` with options.
    :param back_populates: the name of the attribute on the other class that leads back and is declared there.
    :param uselist: False for a one-to-one relationship.
    :param order_by: columns by which a collection is ordered when it is loaded.
    :param cascade: which operations go on to the related objects: any of ``save-update merge refresh-expire expunge delete
        delete-orphan``, ``all`` for all but the last, separated by commas.
    :param collection_class: ``list`` (default), ``set``, a class of your own, or a function that makes a collection, such as
        ``attribute_mapped_collection("name")`` returns for a dict.
    :param foreign_keys: the column or columns that hold the foreign key, where several connect the two tables.
    :param remote_side: for a table that refers to itself, the column on the far side: its primary key on the many-to-one side.
    :param viewonly: never write this relationship.
    :param primaryjoin: the condition between the two tables (or this one and ``secondary``), where it is not that of a foreign
        key; or a function that returns it. Further conditions may be joined to the equation of keys by AND.
    :param secondaryjoin: the condition between ``secondary`` and the other table.
    :param lazy: when it is loaded: ``"select"`` (or True) at first access, ``"joined"`` (or False) by a LEFT OUTER JOIN with its parents,
        ``"selectin"``, ``"subquery"`` and ``"immediate"`` with them by one more statement, ``"raise"`` never, with an error at access (with
        ``"raise_on_sql"`` where that would send a statement), ``"noload"`` (or None)
        never, empty instead; ``"dynamic"``: the attribute is a query that objects can be put into, ``"write_only"``: a
        :class:`WriteOnlyCollection`, for collections that are never to be loaded whole.
    :param join_depth: how many levels deep a relationship of a class to itself is loaded eagerly; not at all when None.
    :param innerjoin: True where every object has such a related one: eager loading by a join then joins plainly instead of by LEFT OUTER
        JOIN. An object without is not found by such a query. Behind an outer join it stays an outer one.
    :param batch_loading: False to load it for each object alone at first access, not for all those of one result.
    :param passive_deletes: leave unloaded children of a deleted parent to the database's ON DELETE; ``"all"``: loaded ones as well.
    :param passive_updates: leave the foreign keys that refer to a changed primary key to the database's ON UPDATE CASCADE; False updates
        them with a statement of the flush.
    :param post_update: write the foreign key by an UPDATE of its own after all INSERTs, and clear it before the DELETEs: for rows that
        refer to each other.
    :param enable_typechecks: False to flush objects of subclasses of a class without ``polymorphic_on`` too, which are loaded as objects of
        the class itself.
    :param single_parent: an object on the far side of a many-to-one or many-to-many relationship has one parent at most, which allows
        the cascade delete-orphan there.
    :param extension: an :class:`AttributeExtension`, or a list of them.
    :param comparator_factory: a subclass of :class:`PropComparator`: the attribute's operators on its class.
    :param query_class: the class of query that ``lazy="dynamic"`` gives; the Session's when None.
    :param info: notes of the application, see ``inspect(cls).relationships.name.info``.
    :param overlaps: names of relationships that write the same columns. It silences a warning that SQLAlchemy has; there is none here.
    :param sync_backref: False leaves the other side alone when this one is changed in memory.
    :param omit_join: taken, and without effect: selectin loading never joins the parents' table where it can do without.
    :param active_history: load the old object, where it is not loaded, when a new one is set, so that listeners and history have it.
    :param load_on_pending: an object that is new in its Session loads the related objects at first access, too, by the foreign keys that were set.
    :param cascade_backrefs: False: what comes into the relationship by its other side alone is not brought into the Session by that
        (``Post(author=user)`` does not put the post into that of the user).
    :param init: whether the constructor of a dataclass (:class:`MappedAsDataclass`) takes it; likewise ``repr``, ``default``, ``default_factory``,
        ``compare``, ``hash``, ``kw_only`` and ``dataclass_metadata``, as :func:`dataclasses.field` has them.
    :returns: typed so that it can be assigned to any ``Mapped[T]``, ``DynamicMapped[T]`` or ``WriteOnlyMapped[T]``.
    :raises ArgumentError: for an unknown cascade or collection class, or both backref and back_populates.
    """
    options = {
        "secondary": secondary, "uselist": uselist, "order_by": order_by, "cascade": cascade, "collection_class": collection_class,
        "foreign_keys": foreign_keys, "remote_side": remote_side, "viewonly": viewonly, "passive_deletes": passive_deletes,
        "primaryjoin": primaryjoin, "secondaryjoin": secondaryjoin, "lazy": lazy, "join_depth": join_depth, "innerjoin": innerjoin,
        "batch_loading": batch_loading, "passive_updates": passive_updates, "post_update": post_update,
        "single_parent": single_parent, "enable_typechecks": enable_typechecks, "extension": extension,
        "comparator_factory": comparator_factory, "query_class": query_class,
        "info": info, "overlaps": overlaps, "sync_backref": sync_backref, "active_history": active_history,
        "load_on_pending": load_on_pending,
        "cascade_backrefs": cascade_backrefs,
        "field": FieldOptions(init, repr, default, default_factory, compare, hash, kw_only, dataclass_metadata),
        "doc": doc, "back_populates": back_populates, "backref": Backref(backref, {}) if isinstance(backref, str) else backref,
    }  # fmt: skip
    return cast("MappedRelationship", RelationshipProperty(argument, options))


def dynamic_loader(argument: object = None, secondary: object = None, **options: Any) -> MappedRelationship:
    """Declare a relationship whose attribute is a query: :func:`relationship` with ``lazy="dynamic"``."""
    return relationship(argument, secondary, lazy="dynamic", **options)
