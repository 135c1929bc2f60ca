"""Validators, attribute extensions, and the method that is called after an object was loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from flask_uow.exc import ArgumentError
from flask_uow.orm.symbols import NO_VALUE

if TYPE_CHECKING:
    from flask_uow.orm.instrumentation.attributes import Attribute
    from flask_uow.orm.interfaces import MappedObject
    from flask_uow.orm.state.instance_state import InstanceState

__all__ = ["AttributeEvents", "AttributeExtension", "Listeners", "reconstructor", "validates"]

F = TypeVar("F", bound=Callable[..., Any])

_VALIDATES = "__uow_validates__"
_RECONSTRUCTS = "__uow_reconstructs__"


def validates(*names: str) -> Callable[[F], F]:
    """Mark a method as the validator of attributes: ``@validates("email")``, called as ``method(self, name, value)``.

    It is called for each value that is assigned to a column or a reference, and for each object that is put into a collection, also where
    that follows from a change on the other side of a relationship. What it returns is stored; it raises to refuse the value. It is
    not called for what is loaded.

    :param names: the attributes.
    """
    if not names or not all(isinstance(name, str) for name in names):
        raise ArgumentError('validates() takes the names of attributes. Write @validates("email") above the method.')

    def mark(method: F) -> F:
        setattr(method, _VALIDATES, names)
        return method

    return mark


def reconstructor(method: F) -> F:
    """Mark the method that is called (without arguments) when an object was loaded; ``__init__`` is not called then."""
    setattr(method, _RECONSTRUCTS, True)
    return method


class AttributeExtension:
    """Hooks on one attribute; derive from it, and pass one or a list as ``extension=`` of a column property or relationship.

    :cvar active_history: True to have the old value loaded for ``set`` where it is not; else it is ``NO_VALUE`` then.
    """

    active_history = False

    def append(self, state: InstanceState, value: Any, initiator: Attribute) -> Any:
        """Called when an object is put into a collection; returns the object that is put in.

        :param state: the :class:`InstanceState` of the object that the collection belongs to.
        :param initiator: the attribute.
        """
        return value

    def remove(self, state: InstanceState, value: Any, initiator: Attribute) -> None:
        """Called when an object is taken out of a collection."""

    def set(self, state: InstanceState, value: Any, oldvalue: Any, initiator: Attribute) -> Any:
        """Called when a column or a reference is set; returns the value that is stored."""
        return value


class Listeners:
    """All that listens to one attribute of one class.

    :ivar validators: functions of ``(object, name, value)``.
    :ivar extensions: attribute extensions.
    :ivar active_history: True where one of these wants the old value.
    """

    __slots__ = ("active_history", "extensions", "name", "validators")

    def __init__(
        self, name: str, validators: Iterable[Callable[..., Any]], extensions: Iterable[AttributeExtension]
    ) -> None:
        self.name = name
        self.validators = tuple(validators)
        self.extensions = tuple(extensions)
        self.active_history = any(extension.active_history for extension in self.extensions)

    def set(self, obj: MappedObject, state: InstanceState, value: Any, old: object, initiator: Attribute) -> Any:
        """Tell of an assignment; return the value to be stored."""
        for validator in self.validators:
            value = validator(obj, self.name, value)
        for extension in self.extensions:
            value = extension.set(state, value, old, initiator)
        return value

    def append(self, obj: MappedObject, state: InstanceState, value: Any, initiator: Attribute) -> Any:
        """Tell of an object that is put into a collection; return the one to be stored."""
        for validator in self.validators:
            value = validator(obj, self.name, value)
        for extension in self.extensions:
            value = extension.append(state, value, initiator)
        return value

    def remove(self, state: InstanceState, value: Any, initiator: Attribute) -> None:
        """Tell of an object that is taken out of a collection."""
        for extension in self.extensions:
            extension.remove(state, value, initiator)

    def old_value(self, obj: MappedObject) -> Any:
        """Return the present value of the attribute, loaded only where an extension wants it."""
        return getattr(obj, self.name) if self.active_history else obj.__dict__.get(self.name, NO_VALUE)


class AttributeEvents:
    """The listeners of one class's attributes, and its reconstructor.

    :raises ArgumentError: when two methods are marked as reconstructor.
    """

    def __init__(self, class_: type) -> None:
        self.class_ = class_
        self.validators: dict[str, list[Callable[..., Any]]] = {}
        self.extensions: dict[str, list[AttributeExtension]] = {}
        self.reconstruct: Callable[[Any], Any] | None = None
        # the method of the class that is marked as @reconstructor
        self.own_reconstruct: Callable[[Any], Any] | None = None
        for base in reversed(class_.__mro__):
            for value in vars(base).values():
                for name in getattr(value, _VALIDATES, ()):
                    self._add_validator(name, value)
            self._find_reconstructor(base)

    def _add_validator(self, name: str, method: Callable[..., Any]) -> None:
        # a method that overrides a validator of a base class takes its place
        present = self.validators.setdefault(name, [])
        present[:] = [other for other in present if getattr(other, "__name__", None) != getattr(method, "__name__", "")]
        present.append(method)

    def _find_reconstructor(self, base: type) -> None:
        found = [value for value in vars(base).values() if getattr(value, _RECONSTRUCTS, False)]
        if len(found) > 1:
            raise ArgumentError(
                f"{base.__name__} marks two methods as @reconstructor; keep one and let it call the other."
            )
        if found:
            self.reconstruct = found[0]

    def add_extensions(self, name: str, given: object) -> None:
        """Add what ``extension=`` gives.

        :raises ArgumentError: for something that is no extension.
        """
        for extension in given if isinstance(given, (list, tuple)) else [] if given is None else [given]:
            if not isinstance(extension, AttributeExtension):
                raise ArgumentError(
                    f"{self.class_.__name__}.{name}: extension= takes objects of subclasses of AttributeExtension, got {extension!r}."
                )
            if extension not in (present := self.extensions.setdefault(name, [])):
                present.append(extension)

    def inherit(self, other: AttributeEvents, but: Iterable[str] = ()) -> None:
        """Take over the extensions of a parent class; its validators are inherited as methods.

        :param but: names of attributes that have extensions of their own.
        """
        own = set(but)
        for name, extensions in other.extensions.items():
            if name not in own:
                for extension in extensions:
                    self.add_extensions(name, extension)

    def of(self, name: str) -> Listeners | None:
        """Return the listeners of an attribute, None when it has none."""
        validators, extensions = self.validators.get(name, ()), self.extensions.get(name, ())
        return Listeners(name, validators, extensions) if validators or extensions else None
