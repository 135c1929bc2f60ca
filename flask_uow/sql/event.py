"""``event``: functions that are called when something happens to a table, an engine, a Session, a mapped class or an attribute.

``event.listen(target, name, function)`` adds one, ``@event.listens_for(target, name)`` does so as a decorator, ``event.remove`` takes it away and
``event.contains`` tells whether it is there. What targets there are, and the names of their events, is said by *kinds* of events; each layer has its
own and registers them here. Whoever calls the functions keeps them ready as a tuple, so that an event without listeners costs a look at that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from flask_uow.exc import ArgumentError, InvalidRequestError, did_you_mean

__all__ = ["EventKind", "Registered", "contains", "listen", "listens_for", "register_kind", "remove"]

F = TypeVar("F", bound=Callable[..., Any])


class Registered(NamedTuple):
    """A function that listens to an event of a target.

    :ivar given: the function as the user passed it.
    :ivar call: what is called: the function itself, or what calls it as its options say.
    :ivar options: ``propagate``, ``retval`` and the like; those of its kind of event.
    """

    given: Callable[..., Any]
    call: Callable[..., Any]
    options: Mapping[str, Any]


class EventKind:
    """The events of one kind of target. Derive from it, and register an object with :func:`register_kind`.

    :cvar names: the names of the events, each with the names of the arguments that its functions are called with.
    :cvar options: the options that its events take, beside ``once``, ``insert`` and ``named``.
    :cvar targets: the targets as messages call them.
    """

    names: Mapping[str, tuple[str, ...]] = {}
    options: frozenset[str] = frozenset()
    targets: str = ""

    def takes(self, target: object) -> bool:
        """Return True where the target is of this kind."""
        raise NotImplementedError

    def registered(self, target: object, name: str) -> list[Registered]:
        """Return the list of the functions that listen to an event of a target, to be changed in place; :meth:`changed` is called afterwards."""
        raise NotImplementedError

    def changed(self, target: object, name: str) -> None:
        """Take note that what :meth:`registered` returns was changed."""
        raise NotImplementedError

    def adapt(self, name: str, function: Callable[..., Any], options: Mapping[str, Any]) -> Callable[..., Any]:
        """Return the function to call in place of one that listens, where its options ask for that."""
        return function


_kinds: list[EventKind] = []


def register_kind(kind: EventKind) -> None:
    """Take note of a kind of events."""
    _kinds.append(kind)


def _kind_of(target: object, name: str) -> EventKind:
    known: list[str] = []
    for kind in _kinds:
        if kind.takes(target):
            if name in kind.names:
                return kind
            known.extend(kind.names)
    if known:
        raise InvalidRequestError(
            f"{target!r} has no event {name!r}.{did_you_mean(name, known)} Its events: {', '.join(sorted(known))}."
        )
    raise InvalidRequestError(f"{target!r} has no events. Targets are: {'; '.join(kind.targets for kind in _kinds)}.")


def listen(target: object, identifier: str, fn: Callable[..., Any], **options: Any) -> None:
    """Have a function called at each event of a name.

    :param target: a mapped class, a Session (or its class, ``sessionmaker()``, ``scoped_session()``), an attribute of a mapped class, an engine, a table.
    :param identifier: the name of the event, such as ``"before_insert"``.
    :param fn: the function. An error in it ends the operation that the event belongs to. One that listens already is not added again.
    :param options: ``once=True`` calls it a single time, ``insert=True`` before those that are there, ``named=True`` with keywords; further ones
        (``propagate``, ``retval``, ``raw``, ``active_history``) by the kind of event, see docs/events.md.
    :raises InvalidRequestError: for a target without such an event.
    :raises ArgumentError: for an option that the event does not take.
    """
    kind = _kind_of(target, identifier)
    unknown = sorted(set(options) - kind.options - {"once", "insert", "named"})
    if unknown:
        taken = ", ".join(sorted({"once", "insert", "named"} | kind.options))
        raise ArgumentError(f"event.listen({identifier!r}) takes no {', '.join(unknown)}. Its options: {taken}.")
    present = kind.registered(target, identifier)
    if any(made.given == fn for made in present):
        # create_app() that is called twice listens once
        return
    call: Callable[..., Any] = _with_keywords(fn, kind.names[identifier]) if options.get("named") else fn
    call = kind.adapt(identifier, call, options)
    if options.get("once"):
        call = _once(call, lambda: remove(target, identifier, fn))
    made = Registered(fn, call, options)
    if options.get("insert"):
        present.insert(0, made)
    else:
        present.append(made)
    kind.changed(target, identifier)


def _with_keywords(call: Callable[..., Any], names: tuple[str, ...]) -> Callable[..., Any]:
    return lambda *arguments: call(**dict(zip(names, arguments, strict=True)))


def _once(call: Callable[..., Any], take_away: Callable[[], None]) -> Callable[..., Any]:
    def call_once(*arguments: Any) -> Any:
        # first, so that a function which causes the event itself is not called again
        take_away()
        return call(*arguments)

    return call_once


def listens_for(target: object, identifier: str, **options: Any) -> Callable[[F], F]:
    """Return the decorator that makes a function listen; parameters as for :func:`listen`."""

    def decorate(fn: F) -> F:
        listen(target, identifier, fn, **options)
        return fn

    return decorate


def remove(target: object, identifier: str, fn: Callable[..., Any]) -> None:
    """Take a function away that listens; parameters as for :func:`listen`.

    :raises InvalidRequestError: when it does not listen.
    """
    kind = _kind_of(target, identifier)
    present = kind.registered(target, identifier)
    for made in present:
        # by ==, since each access of a method makes another object of it
        if made.given == fn:
            present.remove(made)
            kind.changed(target, identifier)
            return
    raise InvalidRequestError(
        f"{getattr(fn, '__name__', fn)!r} does not listen to {identifier!r} of {target!r}, so it cannot be removed. Pass the target and the function that"
        " listen() was given."
    )


def contains(target: object, identifier: str, fn: Callable[..., Any]) -> bool:
    """Return True when a function listens to an event of a target; parameters as for :func:`listen`."""
    return any(made.given == fn for made in _kind_of(target, identifier).registered(target, identifier))
