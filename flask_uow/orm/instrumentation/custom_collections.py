"""Collections of the user's own: which class stands for ``collection_class``, and the marks by which a class says what its methods do.

A subclass of list, set or dict needs no marks. Any other class marks three methods: ``@collection.appender``, ``@collection.remover`` and
``@collection.iterator``; further methods that put in or take out are marked as such.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from flask_uow.exc import ArgumentError
from flask_uow.orm.instrumentation.collections import (
    DictMethods,
    Instrumented,
    InstrumentedList,
    InstrumentedSet,
    ListMethods,
    MappedCollection,
    SetMethods,
)
from flask_uow.orm.state.proxies import real_object

__all__ = ["collection", "collection_maker"]

F = TypeVar("F", bound=Callable[..., Any])

_ROLE = "__uow_role__"
_EFFECT = "__uow_effect__"


def _mark(name: str, value: object) -> Callable[[F], F]:
    def mark(method: F) -> F:
        setattr(method, name, value)
        return method

    return mark


class collection:  # noqa: N801 - a namespace of decorators, by the field's name
    """The marks for methods of a collection class."""

    @staticmethod
    def appender(method: F) -> F:
        """Mark the method that puts one object in."""
        return _mark(_ROLE, "appender")(method)

    @staticmethod
    def remover(method: F) -> F:
        """Mark the method that takes one object out."""
        return _mark(_ROLE, "remover")(method)

    @staticmethod
    def iterator(method: F) -> F:
        """Mark the method that returns an iterator over the members."""
        return _mark(_ROLE, "iterator")(method)

    @staticmethod
    def converter(method: F) -> F:
        """Mark the method that turns what is assigned to the attribute into an iterable of objects."""
        return _mark(_ROLE, "converter")(method)

    @staticmethod
    def internally_instrumented(method: F) -> F:
        """Mark a method that changes the collection through other methods only; it is left as it is."""
        return _mark(_EFFECT, ("none", 0))(method)

    @staticmethod
    def adds(position: int) -> Callable[[F], F]:
        """Mark a method that puts in the object that is its argument number ``position``, counted from 1."""
        return _mark(_EFFECT, ("adds", position))

    @staticmethod
    def removes(position: int) -> Callable[[F], F]:
        """Mark a method that takes out the object that is its argument number ``position``, counted from 1."""
        return _mark(_EFFECT, ("removes", position))

    @staticmethod
    def replaces(position: int) -> Callable[[F], F]:
        """Mark a method that puts in its argument number ``position`` and returns the object that it has taken out for that, or None."""
        return _mark(_EFFECT, ("replaces", position))

    @staticmethod
    def removes_return() -> Callable[[F], F]:
        """Mark a method that returns the object that it has taken out."""
        return _mark(_EFFECT, ("removes return", 0))


_KINDS: tuple[tuple[type, type[Instrumented], tuple[str, str, str]], ...] = (
    (list, ListMethods, ("append", "remove", "__iter__")),
    (set, SetMethods, ("add", "remove", "__iter__")),
    (dict, DictMethods, ("set", "remove", "values")),
)


class _ObjectMethods(Instrumented):
    """The base of collections that are neither lists, sets nor dicts."""

    __slots__ = ()


def collection_maker(given: object, what: str) -> Callable[[], Any]:
    """Return the function that makes an empty instrumented collection for ``collection_class``.

    :param what: the relationship as messages call it.
    :raises ArgumentError: for something that makes no collection.
    """
    if given is None or given is list:
        return InstrumentedList
    if given is set:
        return InstrumentedSet
    if not callable(given):
        raise ArgumentError(
            f"{what}: collection_class={given!r} is no class and no function that makes a collection. Pass list, set, a class, or"
            " attribute_mapped_collection('name')."
        )
    sample = _sample(given, what)
    if type(sample) is list:
        return InstrumentedList
    if type(sample) is set:
        return InstrumentedSet
    if type(sample) is dict:
        raise ArgumentError(
            f"{what}: collection_class=dict does not say under which keys the objects are. Use attribute_mapped_collection('name')."
        )
    kind: Any = type(sample)
    made_type: Any = instrumented_type(kind, what)

    def make() -> Any:
        # without __init__(), whose arguments nobody knows: the function makes the object, and only its class is another
        # one
        made = made_type.__new__(made_type)
        made.__dict__.update(given().__dict__)
        return made

    return make


def _sample(given: Callable[[], Any], what: str) -> Any:
    try:
        return given()
    except TypeError as error:
        raise ArgumentError(
            f"{what}: collection_class={given!r} cannot be called without arguments: {error}."
        ) from error


@functools.cache
def instrumented_type(class_: type, what: str) -> type:
    """Return the subclass of a collection class whose methods tell what they do.

    :raises ArgumentError: when methods to put in, take out and iterate are missing.
    """
    emulated = getattr(class_, "__emulates__", None)
    base = emulated if emulated is not None else class_
    methods: type[Instrumented] = _ObjectMethods
    defaults: tuple[str | None, str | None, str | None] = (None, None, None)
    for kind, kind_methods, names in _KINDS:
        if issubclass(base, kind):
            defaults = names
            methods = kind_methods if issubclass(class_, kind) else _ObjectMethods
    roles = _roles_of(class_)
    appender = roles.get("appender") or defaults[0]
    remover = roles.get("remover") or defaults[1]
    iterator = roles.get("iterator") or defaults[2]
    if issubclass(class_, dict) and not issubclass(class_, MappedCollection) and "appender" not in roles:
        raise ArgumentError(
            f"{what}: the collection class {class_.__name__} does not say under which keys the objects are. Derive it from MappedCollection,"
            " or mark the methods that put one object in and take it out."
        )
    for role, name in (("appender", appender), ("remover", remover), ("iterator", iterator)):
        if name is None or not hasattr(class_, name):
            raise ArgumentError(
                f"{what}: the collection class {class_.__name__} has no {role}. Derive it from list, set or MappedCollection, or mark one of its"
                f" methods with @collection.{role}."
            )
    assert appender is not None and remover is not None and iterator is not None  # noqa: PT018
    namespace: dict[str, Any] = {
        "__uow_items__": lambda self: list(getattr(self, iterator)()),
        "__uow_put__": lambda self, item: _quietly(self, getattr(class_, appender), item),
        "__uow_take__": lambda self, item: _quietly(self, getattr(class_, remover), item),
        "__uow_converter__": roles.get("converter"),
    }
    if methods is not _ObjectMethods and issubclass(class_, MappedCollection):
        for name in ("__uow_items__", "__uow_put__", "__uow_take__"):
            del namespace[name]
    for name, effect in _effects_of(class_).items():
        namespace[name] = _wrapped(getattr(class_, name), *effect)
    if methods is _ObjectMethods or "appender" in roles:
        namespace.setdefault(appender, _wrapped(getattr(class_, appender), "adds", 1))
    if methods is _ObjectMethods or "remover" in roles:
        namespace.setdefault(remover, _wrapped(getattr(class_, remover), "removes", 1))
    # a subclass of InstrumentedList or InstrumentedSet has the methods from there, and overrides them knowingly
    bases = (class_,) if issubclass(class_, methods) else (methods, class_)
    return type(class_.__name__, bases, namespace)


def _roles_of(class_: type) -> dict[str, str]:
    return {
        getattr(value, _ROLE): name
        for base in reversed(class_.__mro__)
        for name, value in vars(base).items()
        if getattr(value, _ROLE, None) is not None
    }


def _effects_of(class_: type) -> dict[str, tuple[str, int]]:
    return {
        name: getattr(value, _EFFECT)
        for base in reversed(class_.__mro__)
        for name, value in vars(base).items()
        if getattr(value, _EFFECT, ("none", 0))[0] != "none"
    }


def _quietly(self: Any, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a method of the user's class while the collection belongs to nobody, so that what it does inside is no event."""
    owner = getattr(self, "__uow_owner__", None)
    self.__uow_owner__ = None
    try:
        return method(self, *args, **kwargs)
    finally:
        self.__uow_owner__ = owner


def _wrapped(method: Callable[..., Any], effect: str, position: int) -> Callable[..., Any]:
    @functools.wraps(method)
    def instrumented(self: Any, *args: Any, **kwargs: Any) -> Any:
        arguments = list(args)
        puts_in = effect in ("adds", "replaces")
        if puts_in:
            # before anything changes, since it may be refused
            arguments[position - 1] = self.__uow_admit__(arguments[position - 1])
        elif effect == "removes":
            arguments[position - 1] = real_object(arguments[position - 1])
        parent = self.__uow_before__()
        result = _quietly(self, method, *arguments, **kwargs)
        if effect in ("replaces", "removes return") and result is not None:
            self.__uow_removed__(parent, result)
        if puts_in:
            self.__uow_added__(parent, arguments[position - 1])
        elif effect == "removes":
            self.__uow_removed__(parent, arguments[position - 1])
        return result

    return instrumented
