"""Validators, attribute extensions, and the method that is called after an object was loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from flask_uow.exc import ArgumentError, did_you_mean
from flask_uow.orm.symbols import NO_VALUE

if TYPE_CHECKING:
    from flask_uow.orm.instrumentation.attributes import Attribute
    from flask_uow.orm.interfaces import MappedObject
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.state.instance_state import InstanceState

__all__ = ["AttributeEvents", "AttributeExtension", "FamilyListeners", "Listeners", "reconstructor", "validates"]

F = TypeVar("F", bound=Callable[..., Any])

_VALIDATES = "__uow_validates__"
_RECONSTRUCTS = "__uow_reconstructs__"


class _Marks(NamedTuple):
    """The mark that ``@validates`` leaves on a method.

    :ivar names: the attributes.
    :ivar include_removes: it wants to know of what is taken out of a collection, too.
    :ivar include_backrefs: it wants to know of what follows from a change on the other side, too.
    """

    names: tuple[str, ...]
    include_removes: bool
    include_backrefs: bool


def validates(*names: str, include_removes: bool = False, include_backrefs: bool = True) -> Callable[[F], F]:
    """Mark a method as the validator of attributes: ``@validates("email")``, called as ``method(self, name, value)``.

    It is called for each value that is assigned to a column or a reference, and for each object that is put into a collection, also where
    that follows from a change on the other side of a relationship. What it returns is stored; it raises to refuse the value. It is
    not called for what is loaded. The method of a subclass has charge of objects of that class, and may name inherited attributes.

    :param names: the attributes. A name that neither the class nor a subclass has is an ArgumentError when the mappers are configured; in
        a mixin it may be one that only some of its classes have.
    :param include_removes: call it as ``method(self, name, value, is_remove)``, with True for objects that are taken out of a collection as well.
    :param include_backrefs: False leaves out what follows from a change on the other side of a relationship.
    """
    if not names or not all(isinstance(name, str) for name in names):
        raise ArgumentError('validates() takes the names of attributes. Write @validates("email") above the method.')

    def mark(method: F) -> F:
        setattr(method, _VALIDATES, _Marks(names, include_removes, include_backrefs))
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

    def further_hooks(self) -> dict[str, Callable[..., Any]]:
        """Return the functions that listen to events for which there is no method, by their names: see :meth:`Listeners.tell`."""
        return {}


class Listeners:
    """All that listens to one attribute of one class.

    :ivar validators: functions of ``(object, name, value)``.
    :ivar removers: functions of ``(object, name, value, True)`` for what is taken out of a collection.
    :ivar told_validators: those of the validators that are called for what follows from the other side of a relationship; ``told_removers`` likewise.
    :ivar extensions: attribute extensions.
    :ivar active_history: True where one of these wants the old value.
    """

    __slots__ = (
        "active_history",
        "extensions",
        "name",
        "others",
        "removers",
        "told_removers",
        "told_validators",
        "validators",
    )

    def __init__(
        self, name: str, methods: Iterable[Callable[..., Any]], extensions: Iterable[AttributeExtension]
    ) -> None:
        self.name = name
        marked = [(method, _marks_of(method)) for method in methods]
        calls = [(_for_values(method, marks), marks.include_backrefs) for method, marks in marked]
        self.validators = tuple(call for call, _ in calls)
        self.told_validators = tuple(call for call, is_told in calls if is_told)
        removers = [(method, marks.include_backrefs) for method, marks in marked if marks.include_removes]
        self.removers = tuple(call for call, _ in removers)
        self.told_removers = tuple(call for call, is_told in removers if is_told)
        self.extensions = tuple(extensions)
        self.active_history = any(extension.active_history for extension in self.extensions)
        self.others: dict[str, list[Callable[..., Any]]] = {}
        for extension in self.extensions:
            for other, call in extension.further_hooks().items():
                self.others.setdefault(other, []).append(call)

    def set(
        self, obj: MappedObject, state: InstanceState, value: Any, old: object, initiator: Attribute, told: bool = False
    ) -> Any:
        """Tell of an assignment; return the value to be stored.

        :param told: True where it follows from a change on the other side of a relationship.
        """
        for validator in self.told_validators if told else self.validators:
            value = validator(obj, self.name, value)
        for extension in self.extensions:
            value = extension.set(state, value, old, initiator)
        return value

    def append(
        self, obj: MappedObject, state: InstanceState, value: Any, initiator: Attribute, told: bool = False
    ) -> Any:
        """Tell of an object that is put into a collection; return the one to be stored.

        :param told: as for :meth:`set`.
        """
        for validator in self.told_validators if told else self.validators:
            value = validator(obj, self.name, value)
        for extension in self.extensions:
            value = extension.append(state, value, initiator)
        return value

    def remove(self, state: InstanceState, value: Any, initiator: Attribute, told: bool = False) -> None:
        """Tell of an object that is taken out of a collection.

        :param told: as for :meth:`set`.
        """
        for remover in self.told_removers if told else self.removers:
            remover(state.obj, self.name, value, True)
        for extension in self.extensions:
            extension.remove(state, value, initiator)

    def old_value(self, obj: MappedObject) -> Any:
        """Return the present value of the attribute, loaded only where an extension wants it."""
        return getattr(obj, self.name) if self.active_history else obj.__dict__.get(self.name, NO_VALUE)

    def tell(self, name: str, obj: MappedObject, *arguments: Any) -> Any:
        """Tell of an event that extensions have no method for; return the last answer.

        :param name: ``"bulk_replace"``, ``"modified"``, ``"init_scalar"``, ``"init_collection"`` or ``"dispose_collection"``.
        """
        answer: Any = None
        for call in self.others.get(name, ()):
            answer = call(obj, *arguments)
        return answer


class FamilyListeners(Listeners):
    """The listeners of a relationship that subclasses listen to in ways of their own: those of the object's own class are called.

    :param of_class: finds the listeners of a class; None where it has none.
    """

    __slots__ = ("_known", "_of_class")

    def __init__(self, name: str, active_history: bool, of_class: Callable[[type], Listeners | None]) -> None:
        super().__init__(name, (), ())
        self.active_history = active_history
        self._of_class = of_class
        self._known: dict[type, Listeners | None] = {}

    def tell(self, name: str, obj: MappedObject, *arguments: Any) -> Any:
        own = self._of(obj)
        return own.tell(name, obj, *arguments) if own is not None else None

    def _of(self, obj: object) -> Listeners | None:
        cls = type(obj)
        if cls not in self._known:
            self._known[cls] = self._of_class(cls)
        return self._known[cls]

    def set(
        self, obj: MappedObject, state: InstanceState, value: Any, old: object, initiator: Attribute, told: bool = False
    ) -> Any:
        own = self._of(obj)
        return own.set(obj, state, value, old, initiator, told) if own is not None else value

    def append(
        self, obj: MappedObject, state: InstanceState, value: Any, initiator: Attribute, told: bool = False
    ) -> Any:
        own = self._of(obj)
        return own.append(obj, state, value, initiator, told) if own is not None else value

    def remove(self, state: InstanceState, value: Any, initiator: Attribute, told: bool = False) -> None:
        own = self._of(state.obj)
        if own is not None:
            own.remove(state, value, initiator, told)


def _marks_of(method: Callable[..., Any]) -> _Marks:
    marks: _Marks = getattr(method, _VALIDATES)
    return marks


def _for_values(method: Callable[..., Any], marks: _Marks) -> Callable[..., Any]:
    if not marks.include_removes:
        return method
    return lambda obj, name, value: method(obj, name, value, False)


class AttributeEvents:
    """The listeners of one class's attributes, and its reconstructor.

    :raises ArgumentError: when two methods are marked as reconstructor.
    """

    def __init__(self, class_: type) -> None:
        self.class_ = class_
        self.validators: dict[str, list[Callable[..., Any]]] = {}
        # the names in marks on the class itself: those of a mixin may be meant for other classes
        self.own_validated: list[str] = []
        self.extensions: dict[str, list[AttributeExtension]] = {}
        self.reconstruct: Callable[[Any], Any] | None = None
        # the method of the class that is marked as @reconstructor
        self.own_reconstruct: Callable[[Any], Any] | None = None
        for base in reversed(class_.__mro__):
            for value in vars(base).values():
                marks = getattr(value, _VALIDATES, None)
                for name in marks.names if isinstance(marks, _Marks) else ():
                    self._add_validator(name, value)
                    if base is class_:
                        self.own_validated.append(name)
            self._find_reconstructor(base)

    def check_names(self, family: Sequence[Mapper]) -> None:
        """Refuse a validator of the class itself that would never be called.

        :param family: the class's mapper, and those of its subclasses.
        :raises ArgumentError: where none of them has the attribute that it is for.
        """
        for name in self.own_validated:
            if not any(mapper.has_attribute(name) for mapper in family):
                known = [known for mapper in family for known in mapper.attribute_names]
                raise ArgumentError(
                    f"{self.class_.__name__}: @validates({name!r}) names no attribute of the class or of a subclass, and would never be called."
                    f"{did_you_mean(name, known)}"
                )

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

    def differ(self, other: AttributeEvents, name: str) -> bool:
        """Return True where another class of the family has other listeners of an attribute."""
        return (self.validators.get(name) or []) != (other.validators.get(name) or []) or (
            self.extensions.get(name) or []
        ) != (other.extensions.get(name) or [])

    def of(self, name: str) -> Listeners | None:
        """Return the listeners of an attribute, None when it has none."""
        validators, extensions = self.validators.get(name, ()), self.extensions.get(name, ())
        return Listeners(name, validators, extensions) if validators or extensions else None
