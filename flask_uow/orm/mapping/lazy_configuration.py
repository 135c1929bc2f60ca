"""Placeholders on a class until its mappers are configured; reading one, or making an object, configures them."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.mapping.registry import Registry

__all__ = ["ConcreteGap", "Unconfigured", "watch_first_init"]


class Unconfigured:
    """Stands for an attribute until the mappers are configured, and configures them when it is read or set."""

    def __init__(self, name: str, owner: Mapper) -> None:
        self._name = name
        # weakly: a class that was unmapped must not keep its mapper
        self._mapper = weakref.ref(owner)

    def _configure(self, class_: type) -> None:
        mapper = self._mapper()
        if mapper is not None:
            mapper.configure()
        if any(value is self for value in (vars(base).get(self._name) for base in class_.__mro__)):
            # what should have taken its place is gone
            raise AttributeError(f"{class_.__name__}.{self._name} is not mapped any more.")

    def __get__(self, obj: object, owner: type) -> Any:
        self._configure(owner)
        return getattr(owner if obj is None else obj, self._name)

    def __set__(self, obj: object, value: object) -> None:
        self._configure(type(obj))
        setattr(obj, self._name, value)


class ConcreteGap:
    """Stands for an attribute of a parent class that a concrete subclass does not map."""

    def __init__(self, name: str, class_name: str) -> None:
        self._message = (
            f"{class_name} has no attribute {name!r}: it is mapped with concrete=True, and its table has no such column. A relationship of"
            " the parent has to be declared anew."
        )

    def __get__(self, obj: object, owner: type) -> Any:
        raise AttributeError(self._message)

    def __set__(self, obj: object, value: object) -> None:
        raise AttributeError(self._message)


def watch_first_init(class_: type, registry: Registry) -> Callable[[], None]:
    """Let the first object that is made configure the mappers; return the function that takes the watch away.

    After that nothing stands before ``__init__``.
    """
    own = vars(class_).get("__init__")
    target: Any = class_

    def __init__(instance: object, *args: Any, **kwargs: Any) -> None:
        registry.configure()
        target.__init__(instance, *args, **kwargs)

    def restore() -> None:
        # somebody else's wrapper stays where it is
        if vars(class_).get("__init__") is __init__:
            if own is not None:
                target.__init__ = own
            else:
                del target.__init__

    target.__init__ = __init__
    return restore
