"""A relationship of a mapped class: its options, and what is derived from them when the mappers are configured.

:mod:`~flask_uow.orm.mapping.relationships` declares it; :mod:`~flask_uow.orm.mapping.other_side` ties it to the relationship that leads back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flask_uow.exc import ArgumentError, InvalidRequestError
from flask_uow.orm.exc import UnmappedClassError
from flask_uow.orm.instrumentation.attributes import ColumnAttribute
from flask_uow.orm.instrumentation.collection_attribute import CollectionAttribute
from flask_uow.orm.instrumentation.custom_collections import collection_maker
from flask_uow.orm.instrumentation.pending_loads import loading_on_pending
from flask_uow.orm.instrumentation.relationship_attributes import RelationshipAttribute, ScalarRelationshipAttribute
from flask_uow.orm.mapping.chosen_rows import about_rows_in_join, chosen_by
from flask_uow.orm.mapping.column_mapping import equated_columns
from flask_uow.orm.mapping.descriptors import PropComparator
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
from flask_uow.sql.constraints import UniqueConstraint
from flask_uow.sql.expressions import ColumnElement
from flask_uow.sql.operations import and_
from flask_uow.sql.schema import Table
from flask_uow.sql.selectable import Join
from flask_uow.sql.sourced import without_sources

if TYPE_CHECKING:
    from flask_uow.orm.interfaces import MappedObject
    from flask_uow.orm.mapping.dataclass_fields import FieldOptions
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.mapping.relationships import Backref
    from flask_uow.orm.state.instance_state import InstanceState
    from flask_uow.sql.selectable import FromClause

__all__ = ["RelationshipProperty"]


class RelationshipProperty(InspectedRelationship):
    """One side of a relationship. Made by :func:`relationship`, completed by the mapper.

    :ivar key: the attribute's name.
    :ivar parent: the mapper it belongs to.
    :ivar mapper: the mapper of the class it leads to, once configured.
    :ivar direction: which side holds the foreign key, once configured.
    :ivar pairs: attribute names that are kept equal: ``(parent's, target's)``; with a secondary table, see ``secondary_columns``.
    :ivar names_to_clear: the attributes of the foreign key that become None when it refers to nothing any more.
    :ivar uselist: True for a collection.
    :ivar chosen: the view of the alias, or of the other source of the class, whose rows it leads to; else None.
    :ivar reverse: the property of the other side, or None.
    """

    # what comparator_factory= takes a subclass of
    Comparator = PropComparator

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
        # what is only read is not written either for the sake of something else
        self.cascade = (
            Cascades(options["cascade"]).only_reading() if options["viewonly"] else Cascades(options["cascade"])
        )
        self.cascade_backrefs: bool = options["cascade_backrefs"]
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
        self.load_on_pending: bool = options["load_on_pending"]
        self.field: FieldOptions = options["field"]
        self._check(options)
        collection_maker(self.collection_class, "relationship()")
        self.key = ""
        self.parent: Mapper
        self._resolve: Callable[..., Any] = _no_resolver
        self._mapper: Mapper | None = None
        self.attribute: RelationshipAttribute
        self.is_installed = False
        self.secondary: Table | None = None
        self.chosen: EntityView | None = None
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
        # True where several rows between the two sides may be of one parent and one related object
        self.repeats = False
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
        return f"{self.parent.class_.__name__}.{self.key}" if hasattr(self, "parent") else "relationship()"

    @property
    def mapper(self) -> Mapper:
        """The mapper of the class that it leads to."""
        if self._mapper is None:
            self.parent.registry.configure()
            assert self._mapper is not None
        return self._mapper

    @property
    def cascades_by_reverse(self) -> bool:
        """True where what comes into the relationship by its other side alone comes into the Session, too."""
        return self.cascade.save_update and self.cascade_backrefs

    @property
    def source(self) -> FromClause | None:
        """The FROM element that has the rows it leads to, where that is an alias or another source of the class; else None."""
        return self.chosen.selectable if self.chosen is not None else None

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
            view = view.chosen_rows
            self.chosen = view
        else:
            is_mapper = entity is target and entity.mapper is entity
            self._mapper = entity.mapper if is_mapper else getattr(target, "__mapper__", None)
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
        secondaryjoin = self._expression(self.secondaryjoin_argument, far)
        if isinstance(self.secondary, Join):
            primaryjoin, secondaryjoin = self._through_join(self.secondary, primaryjoin, secondaryjoin), None
            self.secondary = secondary = None
        primaryjoin = about_rows_in_join(primaryjoin, view, self.parent.tables)
        near_half = without_marks(primaryjoin)
        if view is None and self.viewonly and secondary is None and near_half.is_about_both:
            # one column stands on both sides: the far one is that of an alias
            view = EntityView(self._mapper, alias_of(self._mapper.selectable), self._mapper.loaded_names)
            near_half = without_marks(with_far_columns(primaryjoin, view.column))
            far = Side((view.selectable,), {}, {})
        far_half = without_marks(secondaryjoin)
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

    def _through_join(self, joined: Join, primaryjoin: object, secondaryjoin: object) -> Any:
        """Return the one condition that says all that the two do, and what connects the tables of a join between the two sides.

        :raises ArgumentError: for a relationship that is to be written, and for an outer join.
        """
        conditions = [one for one in (primaryjoin, secondaryjoin) if one is not None]
        if not self.viewonly or len(conditions) < 2:
            raise ArgumentError(
                f"relationship {self.name}: secondary= is a join, whose rows nobody writes. Pass viewonly=True, primaryjoin= and secondaryjoin=."
            )
        left: FromClause = joined
        while isinstance(left, Join):
            if left.isouter or left.full or isinstance(left.right, Join):
                raise ArgumentError(
                    f"relationship {self.name}: secondary= is a join of tables, one after the other, and none of them an outer join. Map a class to the"
                    " join, or write the condition on the tables as primaryjoin= alone."
                )
            conditions.append(left.onclause)
            left = left.left
        return and_(*conditions)

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
        if self.load_on_pending and not self.is_dynamic:
            make = loading_on_pending(make)
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
        own, far = self.parent.name_of_column, self.mapper.name_of_column
        self._local_names = None
        self.repeats = bool(self.condition.between) or self._secondary_repeats()
        if self.direction is Direction.MANY_TO_MANY:
            self.secondary_pairs = tuple(
                (own(column), str(secondary.key)) for column, secondary in self.condition.pairs
            )
            self.remote_pairs = tuple(
                (far(column), str(secondary.key)) for column, secondary in self.condition.secondary_pairs
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
        # the foreign key is the other one's primary key, so that the identity map may have the object
        if self.direction is Direction.MANY_TO_ONE and self.condition.on is None:
            self.uses_get = [name for _, name in self.pairs] == list(self.mapper.primary_key_names)

    def _secondary_repeats(self) -> bool:
        """Return True where the secondary table may link a parent to one object more than once: where no key of it forbids that."""
        table = self.secondary
        if table is None:
            return False
        linking = {column for _, column in (*self.condition.pairs, *self.condition.secondary_pairs)}
        keys = [list(c.columns) for c in getattr(table, "constraints", ()) if isinstance(c, UniqueConstraint)]
        return not any(key and linking.issuperset(key) for key in (*keys, list(table.primary_key)))

    def _decide_uselist(self) -> None:
        natural = self.direction is not Direction.MANY_TO_ONE
        self.uselist = natural if self.given_uselist is None else self.given_uselist
        if self.uselist and not natural:
            raise ArgumentError(
                f"relationship {self.name} is a collection, but {self.parent.local_table.description} holds the foreign key, so each "
                f"{self.parent.class_.__name__} refers to one {self.mapper.class_.__name__} only. Annotate it as Mapped[{self.mapper.class_.__name__}]"
                ", or pass remote_side= where the table refers to itself."
            )

        told = self.remote_side_argument is not None or self.primaryjoin_argument is not None or self.back_populates
        if (
            self.is_annotated_scalar
            and natural
            and not told
            and self.direction is Direction.ONE_TO_MANY
            and self.refers_to_own_tables
        ):
            class_ = self.parent.class_.__name__
            raise ArgumentError(
                f"relationship {self.name} refers to its own table, and nothing says which way. To the {class_} that its foreign key names, pass"
                f" remote_side=[{class_}.{self.parent.primary_key_names[0]}]; to the one whose foreign key names it, uselist=False."
            )

    @property
    def refers_to_own_tables(self) -> bool:
        """True where both sides are in one table."""
        return any(table in self.mapper.tables for table in self.parent.tables)

    # -- for attributes and queries

    def in_memory(self, obj: MappedObject, state: InstanceState) -> Any:
        """Return the related object if the identity map has it; NO_VALUE where only the database knows."""
        if not self.uses_get or state.owner is None:
            return NO_VALUE
        values = obj.__dict__
        key = tuple(values.get(name, NO_VALUE) for name, _ in self.pairs)
        # a key of which a part is NULL refers to nothing
        if None in key:
            return None
        session = state.owner.session_ref()
        if session is None or NO_VALUE in key:
            return NO_VALUE
        mapper = self.mapper
        found = session.objects.identities_of(mapper).get(identity_from(key))
        # classes of a family have their keys in common, so the object may be of another one
        return found if isinstance(found, mapper.class_) else NO_VALUE

    def __repr__(self) -> str:
        return f"<relationship {self.name}>"


def _no_resolver(argument: object, what: str) -> Any:
    raise InvalidRequestError(f"{what} belongs to no mapper yet.")
