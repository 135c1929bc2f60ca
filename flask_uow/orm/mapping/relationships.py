"""Relationships between mapped classes: what is declared, and what is derived from it when the mappers are configured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from flask_uow.exc import ArgumentError, InvalidRequestError
from flask_uow.orm.exc import UnmappedClassError
from flask_uow.orm.instrumentation.attributes import ColumnAttribute
from flask_uow.orm.instrumentation.collection_attribute import CollectionAttribute
from flask_uow.orm.instrumentation.custom_collections import collection_maker
from flask_uow.orm.instrumentation.relationship_attributes import RelationshipAttribute, ScalarRelationshipAttribute
from flask_uow.orm.mapping.chosen_rows import chosen_by
from flask_uow.orm.mapping.column_mapping import equated_columns
from flask_uow.orm.mapping.dataclass_fields import NOT_GIVEN, FieldOptions
from flask_uow.orm.mapping.dynamic import DynamicAttribute, WriteOnlyAttribute
from flask_uow.orm.mapping.entity import EntityView, alias_of
from flask_uow.orm.mapping.inspected_property import InspectedRelationship
from flask_uow.orm.mapping.join_condition import JoinCondition, Side, columns_to_clear, find_join_condition
from flask_uow.orm.mapping.join_marks import with_far_columns, without_marks
from flask_uow.orm.mapping.properties import MappedColumn, about_rows_of
from flask_uow.orm.mapping.relationship_sql import RelationshipSQL
from flask_uow.orm.state.keys import identity_from
from flask_uow.orm.strategies import Strategy, strategy_named
from flask_uow.orm.symbols import NO_VALUE, Cascades, Direction
from flask_uow.sql.coercion import coerce_order
from flask_uow.sql.expressions import ColumnElement
from flask_uow.sql.schema import Table
from flask_uow.sql.sourced import without_sources

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask_uow.orm.instrumentation.events import AttributeExtension
    from flask_uow.orm.interfaces import MappedObject
    from flask_uow.orm.mapping.annotations import Mapped
    from flask_uow.orm.mapping.descriptors import PropComparator
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.query import Query
    from flask_uow.orm.state.instance_state import InstanceState

__all__ = ["Backref", "RelationshipProperty", "backref", "dynamic_loader", "relationship"]


class Backref:
    """The other side of a relationship, declared together with it; made by :func:`backref`."""

    def __init__(self, name: str, options: dict[str, Any]) -> None:
        self.name = name
        self.options = options


class RelationshipProperty(InspectedRelationship):
    """One side of a relationship. Made by :func:`relationship`, completed by the mapper.

    :ivar key: the attribute's name.
    :ivar parent: the mapper it belongs to.
    :ivar mapper: the mapper of the class it leads to, once configured.
    :ivar direction: which side holds the foreign key, once configured.
    :ivar pairs: attribute names that are kept equal: ``(parent's, target's)``; with a secondary table, see ``secondary_columns``.
    :ivar names_to_clear: the attributes of the foreign key that become None when it refers to nothing any more.
    :ivar uselist: True for a collection.
    :ivar reverse: the property of the other side, or None.
    """

    def __init__(self, argument: object, options: dict[str, Any]) -> None:
        self.argument = argument
        self.secondary_argument = options["secondary"]
        self.foreign_keys_argument = options["foreign_keys"]
        self.remote_side_argument = options["remote_side"]
        self.order_by_argument = options["order_by"]
        self.given_uselist: bool | None = options["uselist"]
        # said by the annotation alone
        self.is_annotated_scalar = False
        self.collection_class = options["collection_class"]
        self.cascade = Cascades(options["cascade"])
        self.back_populates: str | None = options["back_populates"]
        self.backref: Backref | None = options["backref"]
        self.viewonly: bool = options["viewonly"]
        self.passive_deletes: bool | str = options["passive_deletes"]
        self.passive_updates: bool = options["passive_updates"]
        self.post_update: bool = options["post_update"]
        self.single_parent: bool = options["single_parent"]
        self.enable_typechecks: bool = options["enable_typechecks"]
        self.takes_no_subclass = False
        self.extension = options["extension"]
        self.comparator_factory = options["comparator_factory"]
        self.query_class = options["query_class"]
        self.lazy = strategy_named(options["lazy"])
        self.is_dynamic = self.lazy in (Strategy.DYNAMIC, Strategy.WRITE_ONLY)
        self.join_depth: int | None = options["join_depth"]
        self.innerjoin: bool = options["innerjoin"]
        self.batch_loading: bool = options["batch_loading"]
        self.primaryjoin_argument = options["primaryjoin"]
        self.secondaryjoin_argument = options["secondaryjoin"]
        self.doc: str | None = options["doc"]
        self.info: dict[Any, Any] = dict(options["info"] or {})
        self.sync_backref: bool | None = options["sync_backref"]
        self.active_history: bool = options["active_history"]
        self.field: FieldOptions = options["field"]
        self._check(options)
        collection_maker(self.collection_class, "relationship()")
        self.key = ""
        self.parent: Any = None
        self._resolve: Callable[..., Any] = _no_resolver
        self._mapper: Any = None
        self.attribute: RelationshipAttribute
        self.is_installed = False
        self.secondary: Table | None = None
        self.direction = Direction.MANY_TO_ONE
        self.uselist = False
        self.condition: JoinCondition
        self.pairs: tuple[tuple[str, str], ...] = ()
        self.names_to_clear: tuple[str, ...] = ()
        # worked out when the pairs are named
        self._local_names: tuple[str, ...] | None = None
        self.secondary_pairs: tuple[tuple[str, str], ...] = ()
        self.remote_pairs: tuple[tuple[str, str], ...] = ()
        self.sql = RelationshipSQL(self)
        self.order_by: tuple[ColumnElement[Any], ...] = ()
        self.uses_get = False
        self.reverse: RelationshipProperty | None = None
        # of two sides of a many-to-many relationship, the one in whose order pairs are counted
        self.canonical: RelationshipProperty = self

    def _check(self, options: dict[str, Any]) -> None:
        """Refuse arguments that do not go together.

        :raises ArgumentError: naming them.
        """
        if self.sync_backref and self.viewonly:
            raise ArgumentError(
                f"relationship({self.argument!r}): viewonly=True is never written, so sync_backref=True cannot hold. Leave one of the two out."
            )
        if options["omit_join"] is False:
            raise ArgumentError(
                f"relationship({self.argument!r}): omit_join=False asks selectin loading to join the parents' table again, which it never does here and"
                " nothing needs. Leave it out."
            )
        if self.backref is not None and self.back_populates is not None:
            raise ArgumentError("a relationship takes backref= or back_populates=, not both.")
        if self.passive_deletes == "all" and (self.cascade.delete or self.cascade.delete_orphan):
            raise ArgumentError(
                f"relationship({self.argument!r}): passive_deletes='all' leaves everything to the database, and the cascade 'delete' does not. Choose one."
            )

    def choose_strategy(self, strategy: Strategy) -> None:
        """Take the way of loading that the annotation says.

        :raises ArgumentError: where ``lazy=`` says another one.
        """
        if self.lazy not in (Strategy.SELECT, strategy):
            raise ArgumentError(
                f"a relationship is annotated as one with lazy={strategy!r}, and lazy={self.lazy!r} is given. Leave lazy= out, or annotate it as Mapped."
            )
        self.lazy = strategy
        self.is_dynamic = True

    def attach(self, key: str, parent: Mapper, resolve: Callable[..., Any]) -> None:
        """Tie the property to its mapper.

        :param resolve: finds a class, a table or a column that is given as a name or a function.
        """
        self.key = key
        self.parent = parent
        self._resolve = resolve

    @property
    def name(self) -> str:
        """How messages call it: ``Class.attribute``, once a mapper has it."""
        return f"{self.parent.class_.__name__}.{self.key}" if self.parent is not None else "relationship()"

    @property
    def mapper(self) -> Mapper:
        """The mapper of the class that it leads to."""
        if self._mapper is None:
            self.parent.registry.configure()
        mapper: Mapper | None = self._mapper
        assert mapper is not None
        return mapper

    @property
    def target_class(self) -> type:
        """The class that it leads to."""
        return self.mapper.class_

    # -- configuration

    def configure(self) -> None:
        """Resolve names, find the join condition, and install the attribute.

        :raises UnmappedClassError: when the target is a class that is not mapped.
        :raises ArgumentError: when the target is no class, or no join condition is found.
        """
        target = self._resolve(self.argument, f"relationship {self.name}", False)
        entity: Any = getattr(target, "__uow_entity__", None)
        # an alias of the class, or another source for it: some of its rows, perhaps
        view = entity if isinstance(entity, EntityView) else None
        if view is not None:
            self._mapper = view.mapper
            view = view if not view.is_plain else None
        else:
            is_mapper = entity is target and entity.mapper is entity
            self._mapper = entity if is_mapper else getattr(target, "__mapper__", None)
        if self._mapper is None:
            unfit = UnmappedClassError if isinstance(target, type) else ArgumentError
            raise unfit(
                f"relationship {self.name} leads to {target!r}, which is not a mapped class. Map that class first, or correct the name."
            )
        # an object of a subclass would come back as one of the class
        self.takes_no_subclass = self.enable_typechecks and self._mapper.discriminator is None
        secondary = self.secondary_argument
        self.secondary = (
            self._resolve(secondary, f"relationship {self.name}, secondary", False) if secondary is not None else None
        )
        if isinstance(self.secondary, type):
            found = self.secondary.__name__
            raise ArgumentError(
                f"relationship {self.name}: secondary= is a table, and {found} is a class. Pass {found}.__table__ where its rows hold the two"
                f" foreign keys only; else relate both classes to {found}, which makes it an association object."
            )
        far = self._side(self._mapper) if view is None else Side((view.selectable,), {}, {})
        primaryjoin = self._expression(self.primaryjoin_argument, far)
        near_half = without_marks(primaryjoin)
        if view is None and self.viewonly and secondary is None and near_half.is_about_both:
            # one column stands on both sides: the far one is that of an alias
            view = EntityView(self._mapper, alias_of(self._mapper.selectable), self._mapper.loaded_names)
            near_half = without_marks(with_far_columns(primaryjoin, view.column))
            far = Side((view.selectable,), {}, {})
        far_half = without_marks(self._expression(self.secondaryjoin_argument, far))
        foreign_keys = self._columns(self.foreign_keys_argument, every=True) + near_half.foreign + far_half.foreign
        remote_side = self._columns(self.remote_side_argument, every=True) + near_half.remote + far_half.remote
        self.condition = find_join_condition(
            self.name, self._side(self.parent), far, self.secondary, foreign_keys, remote_side,
            near_half.condition, far_half.condition, self.viewonly,
        )  # fmt: skip
        if view is not None:
            self.condition = chosen_by(self.name, self.condition, view, self.viewonly)
        self.direction = self.condition.direction
        self._name_pairs()
        self._decide_uselist()
        self.order_by = tuple(coerce_order(c) for c in self._columns(self.order_by_argument, of=self._mapper))
        if self.cascade.delete_orphan and self.direction is not Direction.ONE_TO_MANY and not self.single_parent:
            raise ArgumentError(
                f"relationship {self.name}: the cascade 'delete-orphan' belongs to the one side of a one-to-many relationship, "
                f"and this one is {self.direction.value}. Put it on the other side; or pass single_parent=True, if an object on the far side"
                " never has more than one parent."
            )
        if self.is_dynamic and not self.uselist:
            raise ArgumentError(
                f"relationship {self.name}: lazy={self.lazy!r} is for collections, and this one refers to one object. Leave it out."
            )

    @staticmethod
    def _side(mapper: Mapper) -> Side:
        return Side(mapper.elements, mapper.equated, equated_columns(mapper.local_table))

    def install(self) -> None:
        """Install the attribute on the class."""
        make: Any = ScalarRelationshipAttribute
        if self.uselist:
            make = CollectionAttribute
            if self.is_dynamic:
                make = DynamicAttribute if self.lazy is Strategy.DYNAMIC else WriteOnlyAttribute
        attribute = self.attribute = make(self.key, self.parent, self)
        attribute.is_exclusive = self.single_parent
        self.is_installed = True
        self.parent.events.add_extensions(self.key, self.extension)
        self.parent.manager.add(self.key, attribute)
        self.parent.installed(self)

    @property
    def local_names(self) -> tuple[str, ...]:
        """The parent's attributes whose values tell the related rows."""
        names = self._local_names
        if names is None:
            if self.condition.through_parent:
                names = self.parent.primary_key_names
            else:
                pairs = self.secondary_pairs if self.direction is Direction.MANY_TO_MANY else self.pairs
                names = tuple(own for own, _ in pairs)
            self._local_names = names
        return names

    def _expression(self, argument: object, far: Side) -> Any:
        """Return a join condition that is given as itself or as a function."""
        if argument is None:
            return None
        found = self._resolve(argument, f"relationship {self.name}")
        if not isinstance(found, ColumnElement):
            raise ArgumentError(
                f"relationship {self.name}: a join condition such as User.id == Post.author_id was expected, as an expression, a text or a"
                f" function that returns it, got {found!r}."
            )
        sides = [*self.parent.tables, *far.tables, *([self.secondary] if self.secondary is not None else [])]
        return about_rows_of(sides, without_sources(found))

    def _columns(self, argument: object, every: bool = False, of: Mapper | None = None) -> list[Any]:
        """Return the columns that an argument names.

        :param of: the mapper whose attributes may be named alone; the parent when None.
        :param every: all columns that an attribute stands for: a joined subclass's key is in its own table and in its base's.
        """
        if argument is None or argument is False:
            return []
        given = argument if isinstance(argument, (list, tuple, set)) else [argument]
        resolved = []
        for item in given:
            found = (of.resolve if of is not None else self._resolve)(item, f"relationship {self.name}")
            members = found if isinstance(found, (list, tuple)) else [found]
            for member in members:
                if every and isinstance(member, ColumnAttribute):
                    resolved.extend(member.property.columns)
                    continue
                waiting: Any = getattr(member, "column", None) if isinstance(member, MappedColumn) else member
                resolved.append(waiting.__clause_element__() if hasattr(waiting, "__clause_element__") else waiting)
        return resolved

    def _name_pairs(self) -> None:
        own, far = self.parent.name_of_column, self._mapper.name_of_column
        self._local_names = None
        if self.direction is Direction.MANY_TO_MANY:
            self.secondary_pairs = tuple((own(column), secondary.name) for column, secondary in self.condition.pairs)
            self.remote_pairs = tuple(
                (far(column), secondary.name) for column, secondary in self.condition.secondary_pairs
            )
            return
        self.pairs = tuple((own(parent), far(target)) for parent, target in self.condition.pairs)
        foreign = 0 if self.direction is Direction.MANY_TO_ONE else 1
        to_clear = columns_to_clear([pair[foreign] for pair in self.condition.pairs])
        self.names_to_clear = tuple(
            names[foreign]
            for names, pair in zip(self.pairs, self.condition.pairs, strict=True)
            if any(pair[foreign] is column for column in to_clear)
        )
        if self.direction is Direction.MANY_TO_ONE and self.condition.on is None:
            self.uses_get = [name for _, name in self.pairs] == list(self._mapper.primary_key_names)

    def _decide_uselist(self) -> None:
        natural = self.direction is not Direction.MANY_TO_ONE
        self.uselist = natural if self.given_uselist is None else self.given_uselist
        if self.uselist and not natural:
            raise ArgumentError(
                f"relationship {self.name} is a collection, but {self.parent.local_table.description} holds the foreign key, so each "
                f"{self.parent.class_.__name__} refers to one {self._mapper.class_.__name__} only. Annotate it as Mapped[{self._mapper.class_.__name__}]"
                ", or pass remote_side= where the table refers to itself."
            )

        told = self.remote_side_argument is not None or self.primaryjoin_argument is not None or self.back_populates
        if (
            self.is_annotated_scalar
            and natural
            and not told
            and self.direction is Direction.ONE_TO_MANY
            and self._is_own_table
        ):
            class_ = self.parent.class_.__name__
            raise ArgumentError(
                f"relationship {self.name} refers to its own table, and nothing says which way. To the {class_} that its foreign key names, pass"
                f" remote_side=[{class_}.{self.parent.primary_key_names[0]}]; to the one whose foreign key names it, uselist=False."
            )

    @property
    def _is_own_table(self) -> bool:
        return any(table in self._mapper.tables for table in self.parent.tables)

    def link(self) -> None:
        """Find the other side.

        :raises ArgumentError: when ``back_populates`` names no relationship that leads back here.
        """
        if self.back_populates is None or self.viewonly:
            return
        other = self._mapper.relationships.get(self.back_populates)
        target = self._mapper.class_.__name__
        if other is None:
            raise ArgumentError(
                f"relationship {self.name}: back_populates={self.back_populates!r}, and {target} has no relationship of that name."
                f" Add it to {target}, or use backref={self.back_populates!r}."
            )
        if not other.mapper.isa(self.parent) and not self.parent.isa(other.mapper):
            raise ArgumentError(
                f"relationship {self.name}: back_populates={self.back_populates!r}, and {other.name} leads to"
                f" {other.mapper.class_.__name__}, not back to {self.parent.class_.__name__}."
            )
        if other.direction is self.direction and self.direction is not Direction.MANY_TO_MANY:
            raise ArgumentError(
                f"relationships {self.name} and {other.name} are both {self.direction.value}. One side of a pair is many-to-one;"
                " where a table refers to itself, pass remote_side=[its primary key] on that side."
            )
        self.reverse = other
        if self.sync_backref is not False:
            self.attribute.reverse = other.attribute
        self.attribute.is_exclusive = other.attribute.is_exclusive = self.single_parent or other.single_parent
        self.canonical = other.canonical = min(self, other, key=id)
        # what is said on one side holds for the foreign key, and so for both
        self.post_update = other.post_update = self.post_update or other.post_update
        self.passive_updates = other.passive_updates = self.passive_updates and other.passive_updates

    def make_backref(self) -> None:
        """Declare the other side that ``backref=`` asks for."""
        if self.backref is None:
            return
        mapper = self._mapper
        if mapper.has_attribute(self.backref.name):
            raise ArgumentError(
                f"relationship {self.name}: backref={self.backref.name!r}, and {mapper.class_.__name__} has an attribute of that name."
                " Use back_populates= on both sides, or choose another name."
            )
        options = dict(self.backref.options)
        options.setdefault("secondary", self.secondary)
        options.setdefault("foreign_keys", self.foreign_keys_argument)
        options.setdefault("passive_updates", self.passive_updates)
        options.setdefault("post_update", self.post_update)
        options.setdefault("viewonly", self.viewonly)
        if self.direction is Direction.MANY_TO_MANY:
            options.setdefault("primaryjoin", self.secondaryjoin_argument)
            options.setdefault("secondaryjoin", self.primaryjoin_argument)
        else:
            options.setdefault("primaryjoin", self.primaryjoin_argument)
        if self._refers_to_own_tables and self.direction is Direction.ONE_TO_MANY:
            options.setdefault("remote_side", [parent for parent, _ in self.condition.pairs])
        if self._refers_to_own_tables and self.direction is Direction.MANY_TO_MANY:
            options.setdefault("remote_side", [column for _, column in self.condition.pairs])
            options["foreign_keys"] = None
        reverse = relationship(self.parent.class_, back_populates=self.key, **options)
        self.back_populates = self.backref.name
        self.backref = None
        mapper.add_property(self.back_populates, reverse)

    @property
    def _refers_to_own_tables(self) -> bool:
        return any(table in self._mapper.tables for table in self.parent.tables)

    # -- for attributes and queries

    def in_memory(self, obj: MappedObject, state: InstanceState) -> Any:
        """Return the related object if the identity map has it; NO_VALUE where only the database knows."""
        if not self.uses_get or state.owner is None:
            return NO_VALUE
        values = obj.__dict__
        key = tuple(values.get(name, NO_VALUE) for name, _ in self.pairs)
        if None in key:
            return None
        session = state.owner.session_ref()
        if session is None or NO_VALUE in key:
            return NO_VALUE
        found = session.objects.identities_of(self._mapper).get(identity_from(key))
        return found if isinstance(found, self._mapper.class_) else NO_VALUE

    def __repr__(self) -> str:
        return f"<relationship {self.name}>"


def _no_resolver(argument: object, what: str) -> Any:
    raise InvalidRequestError(f"{what} belongs to no mapper yet.")


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
    init: bool | None = None,
    repr: bool | None = None,
    default: object = NOT_GIVEN,
    default_factory: object = NOT_GIVEN,
    compare: bool | None = None,
    hash: bool | None = None,
    kw_only: bool | None = None,
    dataclass_metadata: Mapping[Any, Any] | None = None,
) -> Mapped[Any]:
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
    :param omit_join: None or True: selectin loading never joins the parents' table, where it can do without.
    :param active_history: load the old object, where it is not loaded, when a new one is set, so that listeners and history have it.
    :param init: whether the constructor of a dataclass (:class:`MappedAsDataclass`) takes it; likewise ``repr``, ``default``, ``default_factory``,
        ``compare``, ``hash``, ``kw_only`` and ``dataclass_metadata``, as :func:`dataclasses.field` has them.
    :returns: typed so that it can be assigned to any ``Mapped[T]``.
    :raises ArgumentError: for an unknown cascade or collection class, or both backref and back_populates.
    """
    options = {
        "secondary": secondary, "uselist": uselist, "order_by": order_by, "cascade": cascade, "collection_class": collection_class,
        "foreign_keys": foreign_keys, "remote_side": remote_side, "viewonly": viewonly, "passive_deletes": passive_deletes,
        "primaryjoin": primaryjoin, "secondaryjoin": secondaryjoin, "lazy": lazy, "join_depth": join_depth, "innerjoin": innerjoin,
        "batch_loading": batch_loading, "passive_updates": passive_updates, "post_update": post_update,
        "single_parent": single_parent, "enable_typechecks": enable_typechecks, "extension": extension,
        "comparator_factory": comparator_factory, "query_class": query_class,
        "info": info, "overlaps": overlaps, "sync_backref": sync_backref, "omit_join": omit_join, "active_history": active_history,
        "field": FieldOptions(init, repr, default, default_factory, compare, hash, kw_only, dataclass_metadata),
        "doc": doc, "back_populates": back_populates, "backref": Backref(backref, {}) if isinstance(backref, str) else backref,
    }  # fmt: skip
    return cast("Mapped[Any]", RelationshipProperty(argument, options))


def dynamic_loader(argument: object = None, secondary: object = None, **options: Any) -> Mapped[Any]:
    """Declare a relationship whose attribute is a query: :func:`relationship` with ``lazy="dynamic"``."""
    return relationship(argument, secondary, lazy="dynamic", **options)
