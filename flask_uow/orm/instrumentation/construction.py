"""Tells the extensions of a mapper of the objects of its class: when they are made, when that fails, when they are loaded."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flask_uow.orm.state.mutables import take_as_loaded
from flask_uow.orm.symbols import STATE

if TYPE_CHECKING:
    from flask_uow.orm.interfaces import MappedObject
    from flask_uow.orm.mapping.mapper import Mapper

__all__ = ["telling_init", "telling_load"]


def telling_init(mapper: Mapper) -> Callable[..., None] | None:
    """Return the ``__init__`` of a class that tells the extensions of its mapper; None where none wants to know."""
    hooks, class_ = mapper.hooks, mapper.class_
    if not (hooks.init_instance or hooks.init_failed):
        return None
    original: Any = getattr(class_, "__init__")  # noqa: B009 - mypy takes a plain access for unsound

    @functools.wraps(original)
    def __init__(self: Any, /, *args: Any, **kwargs: Any) -> None:
        # a subclass with a mapper of its own has told already, before it called this one
        if type(self).__mapper__ is not mapper:
            original(self, *args, **kwargs)
            return
        hooks.call("init_instance", mapper, class_, original, self, args, kwargs)
        try:
            original(self, *args, **kwargs)
        except BaseException:
            hooks.call("init_failed", mapper, class_, original, self, args, kwargs)
            raise

    return __init__


def telling_load(mapper: Mapper, own: Callable[[Any], Any] | None) -> Callable[[Any], Any] | None:
    """Return the function to call with each loaded object: the class's own method, then the extensions of its mapper; None for neither.

    :param own: the method that is marked as ``@reconstructor``, or None.
    """
    hooks = mapper.hooks
    tells = bool(hooks.reconstruct_instance)
    if not tells and own is None:
        return None

    def reconstruct(obj: MappedObject) -> None:
        state = obj.__dict__[STATE]
        # a load of theirs would flush what they have made so far
        session = state.session if state.session is not None and state.session.autoflush else None
        if session is not None:
            session.autoflush = False
        try:
            if own is not None:
                own(obj)
            if tells:
                hooks.call("reconstruct_instance", mapper, obj)
        finally:
            if session is not None:
                session.autoflush = True
        # what is made of loaded values is no change of the row: nothing is written because something was read
        if state.row_key is not None and (state.changes or mapper.mutable_types):
            take_as_loaded(state, obj)

    return reconstruct
