"""``Session.merge``: copies the state of objects onto their counterparts in a Session."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from flask_uow.exc import InvalidRequestError, UOWDeprecationWarning
from flask_uow.orm.exc import StaleDataError
from flask_uow.orm.instrumentation.collection_attribute import CollectionAttribute
from flask_uow.orm.instrumentation.relationship_attributes import ScalarRelationshipAttribute
from flask_uow.orm.loading.column_loader import key_of, refresh_columns
from flask_uow.orm.mapping.dynamic import DynamicAttribute
from flask_uow.orm.mapping.mapper import Mapper
from flask_uow.orm.mapping.relationship_property import RelationshipProperty
from flask_uow.orm.state.history import is_changed
from flask_uow.orm.state.instance_state import InstanceState, describe, instance_state
from flask_uow.orm.state.keys import identity_from, identity_values
from flask_uow.orm.state.members import contains_identical, is_only_read, members_of
from flask_uow.orm.state.mutables import copied, record_mutations, remember, take_snapshots, write_composites
from flask_uow.orm.symbols import PENDING, STATE

if TYPE_CHECKING:
    from flask_uow.orm.interfaces import MappedObject
    from flask_uow.orm.session.session import Session

__all__ = ["merge"]


def merge(session: Session, instance: object, load: bool, options: object = (), **kw: Any) -> Any:
    """Merge an object into a Session; see :meth:`Session.merge`.

    :param options: loader options, for counterparts that are not there yet.
    :raises TypeError: for an unknown keyword.
    """
    if "dont_load" in kw:
        warnings.warn("merge(dont_load=True) is deprecated; write load=False.", UOWDeprecationWarning, stacklevel=5)
        load = not kw.pop("dont_load")
    if kw:
        raise TypeError(f"merge() got an unexpected keyword argument {next(iter(kw))!r}")
    given = instance_state(instance).obj
    # once, before anything is looked for: what is pending may have one of the keys
    if load:
        session.autoflush_now()
    with session.no_autoflush:
        return _Merge(session, load, options).merge(given)


class _Merge:
    """One call of merge().

    :ivar done: the counterparts found so far, by the identity of the given objects, which are kept with them.
    :ivar made: the new counterparts by base mapper and key: the database does not know them yet.
    :ivar without_init: those that were made here, by id.
    :ivar came_by: the relationships by which objects were reached. Their reverse sides are not copied: they follow by themselves, and
        that of an object which was only made to name a row holds nothing but where it was reached from.
    """

    def __init__(self, session: Session, load: bool, options: object) -> None:
        self.session = session
        self.load = load
        self.options = options
        self.done: dict[int, tuple[Any, Any]] = {}
        self.came_by: set[tuple[int, RelationshipProperty]] = set()
        self.made: dict[tuple[Mapper, Any], Any] = {}
        self.without_init: set[int] = set()

    def merge(self, instance: MappedObject) -> Any:
        known = self.done.get(id(instance))
        if known is not None:
            return known[1]
        state = instance_state(instance)
        mapper: Mapper = state.mapper
        mapper.configure()
        session = self.session
        if state.session is session:
            # it is its own counterpart; what it leads to may come from elsewhere
            merged = instance
        else:
            merged = self._counterpart(instance, state, mapper)
        self.done[id(instance)] = (instance, merged)
        if merged is not instance:
            self._copy_columns(mapper, instance, merged)
        for prop in mapper.relationships.values():
            if not prop.cascade.merge or (prop.viewonly and self.load):
                continue
            if prop.is_dynamic:
                if self.load and merged is not instance:
                    self._copy_dynamic(prop, instance, merged)
                continue
            if prop.key not in instance.__dict__ or is_only_read(instance, prop.key):
                continue
            # the side from which the walk came here sets this one as well
            if not self.load or (id(instance), prop.reverse) not in self.came_by:
                self._copy_relationship(prop, instance, merged)
        # its __init__ was not called, as that of a loaded object is not
        if id(merged) in self.without_init and mapper.events.reconstruct is not None:
            mapper.events.reconstruct(merged)
        return merged

    # -- finding the counterpart

    def _counterpart(self, instance: MappedObject, state: InstanceState, mapper: Mapper) -> Any:
        session = self.session
        identity = state.row_key if state.row_key is not None else self._key_of(instance, mapper)
        found = session.objects.identities_of(mapper).get(identity) if identity is not None else None
        if found is not None:
            return found
        if not self.load:
            return self._make_persistent(instance, state, mapper)
        if identity is not None:
            # made by this merge(), with no row yet and so not in the identity map
            found = self.made.get((mapper.base_mapper, identity))
            if found is None:
                key = identity_values(identity)
                found = session.get(mapper.class_, key, self.options)
        if found is None:
            found = mapper.new_instance()
            self.without_init.add(id(found))
            session.objects.add(found)
            if identity is not None:
                self.made[mapper.base_mapper, identity] = found
        return found

    def _key_of(self, instance: MappedObject, mapper: Mapper) -> Any:
        if not self.load:
            raise InvalidRequestError(
                f"merge(load=False) takes objects with a row, and {describe(instance)} has none. Flush it first, or use load=True."
            )
        key = tuple(instance.__dict__.get(name) for name in mapper.primary_key_names)
        if None in key:
            return None
        key = key_of(mapper, key)
        return identity_from(key)

    def _make_persistent(self, instance: MappedObject, state: InstanceState, mapper: Mapper) -> Any:
        record_mutations(state, instance)
        if state.changes:
            raise InvalidRequestError(
                f"merge(load=False) takes objects without changes, and {describe(instance)} has some ({', '.join(state.changes)})."
                " Flush it first, or use load=True."
            )
        merged = mapper.new_instance()
        self.without_init.add(id(merged))
        own = instance_state(merged)
        own.row_key = state.row_key
        self.session.objects.add(merged)
        return merged

    # -- copying

    def _copy_columns(self, mapper: Mapper, instance: MappedObject, merged: MappedObject) -> None:
        given = instance.__dict__
        if not self.load:
            names = [name for name, _ in mapper.column_attrs.items() if name in given]
            merged.__dict__.update((name, copied(mapper.column_attrs[name].column.type, given[name])) for name in names)
            take_snapshots(merged, names)
            remember(merged.__dict__[STATE], merged)
            return
        write_composites(instance)
        own = merged.__dict__[STATE]
        names = [name for name, prop in mapper.column_attrs.items() if name in given and prop.is_stored]
        absent = [name for name in names if name not in merged.__dict__]
        if absent and own.row_key is not None:
            # what is expired is loaded first, so that only net changes are written
            tree = own.siblings.options if own.siblings is not None else None
            raising = tree.raising if tree is not None else ()
            if any(mapper.column_attrs[name].raiseload or name in raising for name in absent):
                # what programs may not load
                refresh_columns(type(merged).__mapper__, merged, own, tuple(absent))
            else:
                getattr(merged, absent[0])
        if own.row_key is not None:
            _check_version(mapper, instance, merged)
        for name in names:
            # the database is going to make this key
            if own.row_key is None and given[name] is None and name in mapper.primary_key_names:
                continue
            if name not in merged.__dict__ or is_changed(merged.__dict__[name], given[name]):
                setattr(merged, name, copied(mapper.column_attrs[name].column.type, given[name]))

    def _copy_dynamic(self, prop: RelationshipProperty, instance: MappedObject, merged: MappedObject) -> None:
        """Put in what was put into the given object's dynamic relationship, and take out what that does not have."""
        attribute = prop.attribute
        assert isinstance(attribute, DynamicAttribute)
        added, removed = instance.__dict__.get(PENDING, {}).get(prop.key, ((), ()))
        self.came_by.update((id(item), prop) for item in added)
        if instance_state(instance).row_key is None:
            if added:
                attribute.set(merged, [self.merge(item) for item in added])
            return
        # of an object with a row only the changes are known
        present = attribute.members(merged, load=True)
        for item in [self.merge(item) for item in added]:
            if not contains_identical(present, item):
                attribute.put_in(merged, item)
        for item in [self.merge(item) for item in removed]:
            if contains_identical(present, item):
                attribute.take_out(merged, item)

    def _copy_relationship(self, prop: RelationshipProperty, instance: MappedObject, merged: MappedObject) -> None:
        value = instance.__dict__[prop.key]
        members = members_of(value) if prop.uselist else [value]
        self.came_by.update((id(item), prop) for item in members)
        if prop.uselist:
            # loaded first, so that the members are found in the identity map, and the history is kept
            present = members_of(prop.attribute.read(merged)) if self.load else []
            # several of one key have one counterpart
            members = list({id(item): item for item in [self.merge(item) for item in members]}.values())
            if not self.load:
                attribute = prop.attribute
                assert isinstance(attribute, CollectionAttribute)
                merged.__dict__[prop.key] = attribute.new_collection(merged, members)
            elif list(map(id, present)) != list(map(id, members)):
                setattr(merged, prop.key, members)
            return
        item = self.merge(value) if value is not None else None
        attribute = prop.attribute
        assert isinstance(attribute, ScalarRelationshipAttribute)
        if not self.load or attribute.current(merged) is item:
            merged.__dict__[prop.key] = item
        else:
            setattr(merged, prop.key, item)


def _check_version(mapper: Mapper, instance: MappedObject, merged: MappedObject) -> None:
    """Refuse to bring an older (or newer) version of a row onto the object that stands for it.

    :raises StaleDataError: naming both versions.
    """
    if mapper.versioning is None:
        return
    name = mapper.versioning.name
    given = instance.__dict__.get(name)
    if given is not None and name in merged.__dict__ and merged.__dict__[name] != given:
        raise StaleDataError(
            f"merge() got {describe(instance)} with the version {given!r}, and the row has {merged.__dict__[name]!r}: someone else has changed it"
            f" since. Load the object again, or leave {name!r} unset to write over the present version."
        )
