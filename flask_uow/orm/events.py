"""The events of mapped classes, Sessions and attributes; see :mod:`flask_uow.sql.event` for what ``event.listen()`` and the others do.

What listens becomes part of the hooks that extensions are called by (:class:`~flask_uow.orm.extensions.Hooks`), so that there is one way in which
flush, Session and attributes tell of what they do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from flask_uow.orm.extensions import SESSION_EVENTS, Hooks, SessionExtension, hooks_of_class
from flask_uow.orm.instrumentation.attributes import Attribute, ColumnAttribute
from flask_uow.orm.instrumentation.events import AttributeExtension
from flask_uow.orm.instrumentation.relationship_attributes import RelationshipAttribute
from flask_uow.orm.mapping import registry
from flask_uow.orm.mapping.attribute_listeners import listen_anew
from flask_uow.orm.mapping.class_listeners import EVERY_CLASS, registered_of, take_listeners
from flask_uow.orm.mapping.mapper import Mapper
from flask_uow.orm.mapping.properties import ColumnProperty
from flask_uow.orm.mapping.relationship_property import RelationshipProperty
from flask_uow.orm.query import Query
from flask_uow.orm.query.bulk_context import BulkContext
from flask_uow.orm.session.present_session import PresentSession
from flask_uow.orm.session.session import Session
from flask_uow.orm.state.instance_state import ensure_state
from flask_uow.sql.event import EventKind, Registered, register_kind

if TYPE_CHECKING:
    from flask_uow.orm.state.instance_state import InstanceState

__all__ = ["BulkContext"]

_WRITE = ("mapper", "connection", "target")


class _MapperEvents(EventKind):
    """Events of the objects of a class: the class itself, its mapper, a base of mapped classes with ``propagate=True``, or ``Mapper`` for all."""

    targets = (
        "a mapped class or its mapper; with propagate=True a base or a mixin of mapped classes; Mapper for all of them"
    )
    # the last is for look-alikes: what listens to loads may always load more here
    options = frozenset({"propagate", "raw", "retval", "restore_load_context"})
    names: Mapping[str, tuple[str, ...]] = {
        "before_insert": _WRITE, "after_insert": _WRITE, "before_update": _WRITE, "after_update": _WRITE, "before_delete": _WRITE,
        "after_delete": _WRITE, "load": ("target", "context"), "init": ("target", "args", "kwargs"), "init_failure": ("target", "args", "kwargs"),
        "before_mapper_configured": ("mapper", "class_"), "mapper_configured": ("mapper", "class_"), "before_configured": (),
        "after_configured": (), "instrument_class": ("mapper", "class_"), "after_mapper_constructed": ("mapper", "class_"),
        "expire": ("target", "attrs"), "refresh": ("target", "context", "attrs"), "refresh_flush": ("target", "flush_context", "attrs"),
        "pickle": ("target", "state_dict"), "unpickle": ("target", "state_dict"),
    }  # fmt: skip

    def takes(self, target: object) -> bool:
        if isinstance(target, Mapper):
            return True
        return isinstance(target, type) and not issubclass(target, (Session, Query))

    def registered(self, target: object, name: str) -> list[Registered]:
        if name in ("before_configured", "after_configured"):
            return _configured[name]
        known = EVERY_CLASS if target is Mapper else registered_of(_class_of(target))
        return known.setdefault(name, [])

    def changed(self, target: object, name: str) -> None:
        if name in ("before_configured", "after_configured"):
            getattr(registry, name)[:] = [made.call for made in _configured[name]]
            return
        if target is Mapper:
            mappers = registry.every_mapper()
        else:
            mappers = [
                vars(cls)["__mapper__"] for cls in _with_subclasses(_class_of(target)) if "__mapper__" in vars(cls)
            ]
        for mapper in mappers:
            take_listeners(mapper, name)

    def adapt(self, name: str, function: Callable[..., Any], options: Mapping[str, Any]) -> Callable[..., Any]:
        call = function
        if options.get("raw"):
            position = self.names[name].index("target") if "target" in self.names[name] else None
            if position is not None:
                call = _with_state(function, position)
        if not options.get("retval"):
            # what a function returns by chance does not keep the others from being called
            call = _without_answer(call)
        if name == "load":
            return lambda mapper, obj: call(obj, None)
        if name in ("init", "init_failure"):
            return lambda mapper, class_, init, obj, args, kwargs: call(obj, args, kwargs)
        return call


_configured: dict[str, list[Registered]] = {"before_configured": [], "after_configured": []}


def _class_of(target: object) -> type:
    if isinstance(target, Mapper):
        return target.class_
    assert isinstance(target, type)
    return target


def _with_subclasses(cls: type) -> list[type]:
    found: list[type] = [cls]
    for each in found:
        # of a metaclass the attribute would be the unbound method of its classes
        subclasses: list[type] = type.__subclasses__(each)
        found.extend(sub for sub in subclasses if sub not in found)
    return found


def _with_state(function: Callable[..., Any], position: int) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        given = list(arguments)
        given[position] = ensure_state(given[position])
        return function(*given)

    return call


def _without_answer(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any) -> None:
        function(*arguments)

    return call


class _SessionEvents(EventKind):
    """Events of Sessions: of one, of those of a class or of a factory, of those of a scope."""

    targets = "a Session, Session itself, sessionmaker() or scoped_session()"
    options = frozenset({"propagate", "retval", "restore_load_context"})
    names: Mapping[str, tuple[str, ...]] = {
        "before_commit": ("session",), "after_commit": ("session",), "after_rollback": ("session",),
        "before_flush": ("session", "flush_context", "instances"), "after_flush": ("session", "flush_context"),
        "after_flush_postexec": ("session", "flush_context"), "after_begin": ("session", "transaction", "connection"),
        "after_attach": ("session", "instance"), "before_attach": ("session", "instance"),
        "after_soft_rollback": ("session", "previous_transaction"), "after_transaction_create": ("session", "transaction"),
        "after_transaction_end": ("session", "transaction"), "do_orm_execute": ("orm_execute_state",),
        "after_bulk_update": ("update_context",), "after_bulk_delete": ("delete_context",),
        **{name: ("session", "instance") for name in SESSION_EVENTS if "_to_" in name or name == "loaded_as_persistent"},
    }  # fmt: skip

    def takes(self, target: object) -> bool:
        return isinstance(target, (Session, PresentSession)) or (
            isinstance(target, type) and issubclass(target, Session)
        )

    def registered(self, target: object, name: str) -> list[Registered]:
        return _hooks_of(target).registered.setdefault(name, [])

    def changed(self, target: object, name: str) -> None:
        hooks = _hooks_of(target)
        hooks.listen(name, [made.call for made in hooks.registered[name]])

    def adapt(self, name: str, function: Callable[..., Any], options: Mapping[str, Any]) -> Callable[..., Any]:
        if name in ("after_bulk_update", "after_bulk_delete"):
            return lambda session, query, statement, result: function(
                BulkContext(session, query, statement, result, dict(getattr(statement, "set_pairs", ())))
            )
        return function


def _hooks_of(target: object) -> Hooks:
    """Return the hooks that a target's own listeners belong to; made for a Session that has none of its own yet."""
    if isinstance(target, PresentSession):
        return target.event_hooks
    if isinstance(target, type):
        return hooks_of_class(target)
    assert isinstance(target, Session)
    session = target
    if not session.has_own_hooks:
        own = Hooks(SessionExtension, None, SESSION_EVENTS, (session.hooks,))
        session.hooks = session.objects.hooks = own
        session.has_own_hooks = True
    return session.hooks


# events of attributes that extensions have no method for
_FURTHER: Mapping[str, tuple[str, ...]] = {
    "bulk_replace": ("target", "values", "initiator"),
    "modified": ("target", "initiator"),
    "init_scalar": ("target", "value", "dict_"),
    "init_collection": ("target", "collection", "collection_adapter"),
    "dispose_collection": ("target", "collection", "collection_adapter"),
}


class _AttributeListener(AttributeExtension):
    """One function that listens to an event of an attribute.

    :ivar source: the mapper and the attribute that it was given to listen to, and the event.
    """

    def __init__(self, name: str, made: Registered, source: tuple[Mapper, str, str]) -> None:
        self.made = made
        self.source = source
        self.active_history = bool(made.options.get("active_history"))
        self._name = name
        self._answers = bool(made.options.get("retval"))
        self._raw = bool(made.options.get("raw"))

    def _target(self, state: InstanceState) -> Any:
        return state if self._raw else state.obj

    def append(self, state: InstanceState, value: object, initiator: object) -> Any:
        if self._name != "append":
            return value
        answer = self.made.call(self._target(state), value, initiator)
        return answer if self._answers else value

    def remove(self, state: InstanceState, value: object, initiator: object) -> None:
        if self._name == "remove":
            self.made.call(self._target(state), value, initiator)

    def further_hooks(self) -> dict[str, Callable[..., Any]]:
        if self._name not in _FURTHER:
            return {}
        call = _with_state(self.made.call, 0) if self._raw else self.made.call
        return {self._name: call if self._answers else _without_answer(call)}

    def set(self, state: InstanceState, value: object, oldvalue: object, initiator: object) -> Any:
        if self._name != "set":
            return value
        answer = self.made.call(self._target(state), value, oldvalue, initiator)
        return answer if self._answers else value


class _AttributeEvents(EventKind):
    """Events of one attribute of a mapped class; with ``propagate=True`` of its subclasses, too."""

    targets = "an attribute of a mapped class, such as User.name, or its property"
    options = frozenset({"propagate", "retval", "active_history", "raw"})
    names: Mapping[str, tuple[str, ...]] = {
        "set": ("target", "value", "oldvalue", "initiator"),
        "append": ("target", "value", "initiator"),
        "remove": ("target", "value", "initiator"),
        **_FURTHER,
    }

    def takes(self, target: object) -> bool:
        return isinstance(target, (ColumnAttribute, RelationshipAttribute, ColumnProperty, RelationshipProperty))

    def registered(self, target: object, name: str) -> list[Registered]:
        # a property has its class and its name as the attribute has them
        assert isinstance(target, (Attribute, ColumnProperty, RelationshipProperty))
        return registered_of(target.parent.class_).setdefault(f"{target.key}.{name}", [])

    def changed(self, target: object, name: str) -> None:
        assert isinstance(target, (Attribute, ColumnProperty, RelationshipProperty))
        mapper: Mapper = target.parent
        mapper.configure()
        present = self.registered(target, name)
        source = (mapper, target.key, name)
        for each in mapper.descendants:
            if each is not mapper and each.base_mapper is not mapper.base_mapper:
                continue
            wanted = [made for made in present if each is mapper or made.options.get("propagate")]
            extensions = each.events.extensions.setdefault(target.key, [])
            known = {id(e.made): e for e in extensions if isinstance(e, _AttributeListener)}
            kept = [e for e in extensions if not (isinstance(e, _AttributeListener) and e.source == source)]
            extensions[:] = [*kept, *(known.get(id(made)) or _AttributeListener(name, made, source) for made in wanted)]
            listen_anew(each, target.key)


class _QueryEvents(EventKind):
    """Events of queries, of ``Query`` or of a class derived from it: what listens may return another query, with ``retval=True``."""

    targets = "Query, or a class derived from it"
    options = frozenset({"propagate", "retval", "bake_ok"})
    names: Mapping[str, tuple[str, ...]] = {
        "before_compile": ("query",),
        "before_compile_update": ("query", "update_context"),
        "before_compile_delete": ("query", "delete_context"),
    }

    def takes(self, target: object) -> bool:
        return isinstance(target, type) and issubclass(target, Query)

    def registered(self, target: object, name: str) -> list[Registered]:
        assert isinstance(target, type)
        return registered_of(target).setdefault(name, [])

    def changed(self, target: object, name: str) -> None:
        assert isinstance(target, type)
        for cls in _with_subclasses(target):
            calls = [made.call for base in reversed(cls.__mro__) for made in _registered_on(base, name)]
            setattr(cls, f"{name}_hooks", tuple(calls))

    def adapt(self, name: str, function: Callable[..., Any], options: Mapping[str, Any]) -> Callable[..., Any]:
        return function if options.get("retval") else _without_answer(function)


def _registered_on(cls: type, name: str) -> list[Registered]:
    return registered_of(cls).get(name, []) if issubclass(cls, Query) else []


for _kind in (_QueryEvents(), _SessionEvents(), _AttributeEvents(), _MapperEvents()):
    register_kind(_kind)
