"""The listeners of mapped classes, kept on the classes: a mapper that is made later finds it there.

``event.listen(Base, "before_insert", function, propagate=True)`` may come before any class of ``Base`` is mapped; see :mod:`flask_uow.orm.events`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flask_uow.orm.instrumentation.construction import telling_load
from flask_uow.sql.event import Registered

if TYPE_CHECKING:
    from flask_uow.orm.mapping.mapper import Mapper

__all__ = ["EVERY_CLASS", "HEARD", "HOOK_OF_EVENT", "registered_of", "take_listeners"]

_KEY = "__uow_listeners__"

# what listens to all classes
EVERY_CLASS: dict[str, list[Registered]] = {}

# the hook of a mapper by which an event is told, where it is called otherwise
HOOK_OF_EVENT = {
    "load": "reconstruct_instance", "init": "init_instance", "init_failure": "init_failed", "after_mapper_constructed": "instrument_class",
}  # fmt: skip

# events that were listened to at some time: what is not among them needs no look at any mapper
HEARD: set[str] = set()

_WRITES = ("before_insert", "after_insert", "before_update", "after_update", "before_delete", "after_delete")


def registered_of(cls: type) -> dict[str, list[Registered]]:
    """Return the listeners of a class, mapped or not, by the name of the event."""
    found: dict[str, list[Registered]] | None = vars(cls).get(_KEY)
    if found is None:
        found = {}
        # past any metaclass: the listeners are none of the class's attributes
        type.__setattr__(cls, _KEY, found)
    return found


def _calls(cls: type, name: str) -> list[Callable[..., Any]]:
    found = [made.call for made in EVERY_CLASS.get(name, ())]
    for base in reversed(cls.__mro__):
        for made in vars(base).get(_KEY, {}).get(name, ()):
            if base is cls or made.options.get("propagate"):
                found.append(made.call)
    return found


def take_listeners(mapper: Mapper, *names: str) -> None:
    """Have a mapper call what listens to its class, and to those that it derives from.

    :param names: the events; all when left out.
    """
    class_ = mapper.class_
    refreshing = mapper.hooks.refresh
    known = {*EVERY_CLASS, *(name for base in class_.__mro__ for name in vars(base).get(_KEY, ()))}
    for name in names or sorted(known):
        hook = HOOK_OF_EVENT.get(name, name)
        if hook in mapper.hooks.names:
            HEARD.add(hook)
            told = [event for event in (*HOOK_OF_EVENT, hook) if HOOK_OF_EVENT.get(event, event) == hook]
            mapper.hooks.listen(hook, [call for event in dict.fromkeys(told) for call in _calls(class_, event)])
    mapper.has_hooks = mapper.hooks.any_of(*_WRITES)
    if mapper.hooks.any_of("init_instance", "init_failed") and not mapper.tells_init:
        mapper.tell_init()
    reconstruct = telling_load(mapper, mapper.events.own_reconstruct)
    if reconstruct is not mapper.events.reconstruct or refreshing != mapper.hooks.refresh:
        # what makes objects of rows is made anew
        mapper.events.reconstruct = reconstruct
        for each in mapper.lineage:
            each.memo.clear()
