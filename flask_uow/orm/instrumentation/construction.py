"""Tells the extensions of a mapper of the objects of its class: when they are made, when that fails, when they are loaded."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

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
    if not hooks.reconstruct_instance:
        return own

    def reconstruct(obj: MappedObject) -> None:
        if own is not None:
            own(obj)
        hooks.call("reconstruct_instance", mapper, obj)

    return reconstruct
