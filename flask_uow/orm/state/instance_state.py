"""The bookkeeping of one object: what row it is, whose it is, what has changed.

An :class:`InstanceState` *is* the weak reference by which the identity map holds its object; one small C object thus does
for what would be three (benchmarks: load_entities). It lives in the object's ``__dict__`` under ``_uow_state``, and says
which of the four states of the specification the object is in:

==========  ==========  =====
state       identity    owner
==========  ==========  =====
transient   None        None
pending     None        set
persistent  set         set
detached    set         None
==========  ==========  =====

An object whose row is gone for good has no identity either; a mark in its ``__dict__`` tells it from a transient one.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from flask_uow.exc import InvalidRequestError
from flask_uow.orm.exc import UnmappedInstanceError
from flask_uow.orm.state.attribute_state import AttributeStates
from flask_uow.orm.state.keys import IdentityKey, identity_values
from flask_uow.orm.state.proxies import real_object
from flask_uow.orm.symbols import DELETED, PENDING, STATE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flask_uow.orm.instrumentation.class_manager import ClassManager
    from flask_uow.orm.interfaces import MappedObject
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.session.session import Session
    from flask_uow.orm.state.history import History
    from flask_uow.orm.state.identity import FamilyIdentities
    from flask_uow.orm.state.siblings import Siblings

dict_ = dict

__all__ = ["InstanceState", "PickledState", "adopt_collections", "describe", "ensure_state", "forget", "instance_state"]


class InstanceState(weakref.ref[Any]):
    """A weak reference to a mapped object, with its bookkeeping.

    :ivar row_key: its primary key, a single value or a tuple; None while it has no row. Users ask for :attr:`identity`.
    :ivar owner: the identity map of its Session and mapper; None while it is in no Session.
    :ivar changes: original values of changed attributes by name; None while nothing has changed.
    :ivar siblings: the objects of the same result, for which what is absent is loaded together; None without any.
    """

    # Of weakref.ref, so that one object beside the mapped one does for both: the identity map's weak entry and the
    # bookkeeping. There is one for each row that is loaded.
    __slots__ = ("changes", "owner", "row_key", "siblings")
    row_key: Any
    owner: FamilyIdentities | None
    changes: dict[str, Any] | None
    siblings: Siblings | None

    # the referent's own __eq__ and __hash__ must never be called
    __hash__ = object.__hash__
    __eq__ = object.__eq__

    @property
    def obj(self) -> Any:
        """The object, or None when it is gone."""
        return self()

    @property
    def mapper(self) -> Mapper:
        """The object's mapper."""
        obj: Any = self()
        try:
            mapper: Mapper = type(obj).__mapper__
        except AttributeError:
            if obj is not None:
                raise
            raise InvalidRequestError(
                "the object of this state is gone: nothing refers to it any more, and a state does not hold it. Keep the object as long as its"
                " state is asked: obj = ...; inspect(obj)."
            ) from None
        return mapper

    @property
    def key(self) -> IdentityKey | None:
        """The identity key, ``(class, primary-key tuple)``; None while the object has no row."""
        if self.row_key is None:
            return None
        return (self.mapper.base_mapper.class_, identity_values(self.row_key))

    identity_key = key

    @property
    def identity(self) -> tuple[Any, ...] | None:
        """The values of the primary key, a tuple; None while the object has no row."""
        return identity_values(self.row_key) if self.row_key is not None else None

    @property
    def has_identity(self) -> bool:
        """Whether the object has a row, or had one when it was last in a Session."""
        return self.row_key is not None

    @property
    def session(self) -> Session | None:
        """The Session that the object is in, or None."""
        return self.owner.session_ref() if self.owner is not None else None

    def noted_changes(self, obj: object) -> dict_[str, Any]:
        """Return the noted changes; noting begins here where nothing has changed before, and the Session holds the object from then on.

        :param obj: the object, which the caller has at hand.
        """
        if self.changes is None:
            self.changes = {}
            if self.owner is not None:
                self.owner.modified[self] = obj
        return self.changes

    def session_to_ask(self) -> Session | None:
        """Return the Session that can load relationships of the object: its own, or the one in whose present transaction its row was deleted.

        A deleted object has its primary key back afterwards, where it was expired: there is no row any more from which that could be loaded.
        """
        if self.owner is not None:
            return self.owner.session_ref()
        if not self.deleted:
            return None
        for name, value in zip(self.mapper.primary_key_names, identity_values(self.row_key), strict=True):
            self.dict.setdefault(name, value)
        session: Session | None = self.dict[DELETED]()
        return session

    @property
    def transient(self) -> bool:
        """No row, no Session, and never had a row that is gone now."""
        return self.row_key is None and self.owner is None and DELETED not in self.dict

    @property
    def pending(self) -> bool:
        """In a Session, no row yet."""
        return self.row_key is None and self.owner is not None

    @property
    def persistent(self) -> bool:
        """In a Session, with a row."""
        return self.row_key is not None and self.owner is not None

    @property
    def deleted(self) -> bool:
        """The row was deleted by a flush, and the transaction goes on: a rollback makes the object persistent again."""
        return self.row_key is not None and self.owner is None and DELETED in self.dict

    @property
    def detached(self) -> bool:
        """In no Session, with a row; or with one whose deletion was committed. (In this case ``add()`` inserts it anew.)"""
        return self.owner is None and (self.row_key is None) == (DELETED in self.dict)

    @property
    def was_deleted(self) -> bool:
        """Whether the row was deleted by a flush, in the present transaction or one that was committed."""
        return self.owner is None and DELETED in self.dict

    @property
    def status(self) -> str:
        """The state's name, for messages: a deleted object is detached."""
        if self.owner is None:
            return "transient" if self.transient else "detached"
        return "pending" if self.row_key is None else "persistent"

    @property
    def unloaded(self) -> set[str]:
        """The names of the mapped attributes that are not loaded."""
        values = self().__dict__
        return {name for name in self.mapper.attribute_names if name not in values}

    # -- what else users ask of an object

    is_instance = True
    is_mapper = is_aliased_class = is_attribute = is_property = is_selectable = is_bundle = is_clause_element = False

    object = obj

    @property
    def class_(self) -> type:
        """The object's class."""
        return type(self())

    @property
    def dict(self) -> dict_[str, Any]:
        """The object's ``__dict__``, where values are that are loaded or set; empty when the object is gone."""
        obj = self()
        values: dict_[str, Any] = obj.__dict__ if obj is not None else {}
        return values

    @property
    def attrs(self) -> AttributeStates:
        """The mapped attributes, each with its value and its history: ``inspect(user).attrs.name.history``."""
        return AttributeStates(self)

    @property
    def expired_attributes(self) -> set[str]:
        """The names of the column attributes that the next access loads anew, since they were expired; what is loaded later anyway is not among them."""
        return self.unloaded.intersection(self.mapper.loaded_names) if self.row_key is not None else set()

    @property
    def expired(self) -> bool:
        """Whether all that is loaded together with the object was expired."""
        return self.row_key is not None and self.expired_attributes == set(self.mapper.loaded_names)

    @property
    def modified(self) -> bool:
        """Whether something was set since the object was loaded or flushed, be it to the value that it had."""
        if self.row_key is None:
            return not self.unloaded.issuperset(self.mapper.attribute_names)
        return bool(self.changes) or PENDING in self.dict

    @property
    def unmodified(self) -> set[str]:
        """The names of the attributes that were not set since the object was loaded or flushed."""
        names: frozenset[str] = self.mapper.attribute_names
        changed = set(self.changes or ()) | set(self.dict.get(PENDING, ()))
        return set(names - changed) if self.row_key is not None else self.unloaded

    def unmodified_intersection(self, keys: Iterable[str]) -> set[str]:
        """Return those of the names whose attributes were not set since the object was loaded or flushed."""
        return self.unmodified.intersection(keys)

    @property
    def unloaded_expirable(self) -> set[str]:
        """The names of the mapped attributes that are not loaded; another name of :attr:`unloaded`."""
        return self.unloaded

    @property
    def manager(self) -> ClassManager:
        """The manager of the class's hooks."""
        manager: ClassManager = self.mapper.manager
        return manager

    def get_history(self, key: str) -> History:
        """Return the history of an attribute; loads nothing but the members of a dynamic relationship."""
        return self.mapper.history_of(self.obj, key)

    @property
    def identity_token(self) -> None:
        """None: no class is spread over several databases by rows."""
        return None

    def __reduce__(self) -> tuple[Any, ...]:
        return (PickledState, (self.row_key, self.changes))

    def __deepcopy__(self, memo: Any) -> None:
        # a copy is an object of its own, without a row
        return None

    def __repr__(self) -> str:
        obj = self()
        return f"<InstanceState of {describe(obj) if obj is not None else 'an object that is gone'}>"


class PickledState:
    """The pickled form of an :class:`InstanceState`; stands for one until the object is used with a Session."""

    __slots__ = ("changes", "row_key")
    owner: FamilyIdentities | None = None
    session: Any = None

    def __init__(self, row_key: object, changes: dict[str, Any] | None) -> None:
        self.row_key = row_key
        self.changes = changes

    @property
    def status(self) -> str:
        """The name of the object's state."""
        return "transient" if self.row_key is None else "detached"

    def __reduce__(self) -> tuple[Any, ...]:
        # the oldest protocols cannot do slots
        return (PickledState, (self.row_key, self.changes))

    def __deepcopy__(self, memo: object) -> None:
        return None


def forget(state: InstanceState) -> None:
    """Take the entry of an object that is gone out of its identity map; the callback of every state."""
    # its siblings know it by this very state: without the way back there is no circle for the garbage collector
    state.siblings = None
    owner = state.owner
    if owner is not None:
        # in one step: the garbage collector may call this from another thread, between any two lines of the one that loads the row anew
        entry = owner.entries.pop(state.row_key, None)
        if entry is not None and entry is not state:
            owner.entries[state.row_key] = entry


def ensure_state(obj: MappedObject) -> InstanceState:
    """Return the state of a mapped object, made at first need."""
    values = obj.__dict__
    state = values.get(STATE)
    if type(state) is InstanceState:
        return state
    made = InstanceState(obj, forget)
    made.row_key = made.owner = made.changes = made.siblings = None
    values[STATE] = made
    if state is not None:
        made.row_key, made.changes = state.row_key, state.changes
        adopt_collections(obj)
    return made


def adopt_collections(obj: MappedObject) -> None:
    """Replace plain collections, as pickles carry them, by tracked ones."""
    mapper = type(obj).__mapper__
    mapper.configure()
    for name, prop in mapper.relationships.items():
        value = obj.__dict__.get(name)
        if prop.uselist and value is not None and not hasattr(value, "__uow_detach__"):
            obj.__dict__[name] = prop.attribute.new_collection(obj, value)


def instance_state(obj: Any) -> InstanceState:
    """Return the state of a mapped object, or of the one that a proxy stands for: ``state.obj`` is the object itself.

    :raises UnmappedInstanceError: when its class is not mapped.
    """
    if getattr(type(obj), "__mapper__", None) is None or isinstance(obj, type):
        found = real_object(obj)
        if found is obj:
            raise unmapped(obj)
        obj = found
    return ensure_state(obj)


def unmapped(obj: object) -> UnmappedInstanceError:
    """Return the error for an object whose class is not mapped."""
    if isinstance(obj, type):
        return UnmappedInstanceError(
            f"an object was expected, got the class {obj.__name__} itself. Make an object of it first."
        )
    # a proxy says of which class the object is that it stands for
    class_: type = obj.__class__
    return UnmappedInstanceError(
        f"{class_.__module__}.{class_.__qualname__} is not mapped. Derive it from a declarative base, "
        "or map it with mapper(cls, table) before using its objects."
    )


def describe(obj: object) -> str:
    """Return how messages call an object: ``<User 5, persistent>``; never its own ``__repr__``, which may load attributes."""
    state = obj.__dict__.get(STATE)
    if state is None:
        return f"<{type(obj).__name__}, transient>"
    identity = f" {state.row_key!r}" if state.row_key is not None else ""
    return f"<{type(obj).__name__}{identity}, {state.status}>"
