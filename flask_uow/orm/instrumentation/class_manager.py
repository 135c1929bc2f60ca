"""Installs the hooks of a mapped class: descriptors, and the ``__setattr__`` through which writes are seen.

A class's own ``__setattr__`` stays in charge of the value: the hook notes the original first and calls it then.
Copies and pickles are the business of :mod:`flask_uow.orm.instrumentation.pickling`. :func:`uninstall` puts everything back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flask_uow.exc import ArgumentError, DataError
from flask_uow.orm.instrumentation.attributes import Attribute, ColumnAttribute
from flask_uow.orm.instrumentation.events import Listeners
from flask_uow.orm.instrumentation.pickling import copy_object, get_state, set_state
from flask_uow.orm.instrumentation.relationship_attributes import RelationshipAttribute
from flask_uow.orm.state.instance_state import ensure_state
from flask_uow.orm.state.proxies import ITSELF, itself
from flask_uow.orm.symbols import NO_VALUE, STATE

if TYPE_CHECKING:
    from flask_uow.orm.interfaces import MappedObject
    from flask_uow.orm.state.instance_state import InstanceState
    from flask_uow.sql.types import TypeEngine

__all__ = ["ClassManager"]

# takes an object and the value that is assigned, and returns the value that is stored
Check = Callable[[Any, Any], Any]


class ClassManager:
    """The hooks of one mapped class.

    :ivar columns: the checks at assignment of column attributes by name; None where there is nothing to check.
    :ivar unchecked: the names of those where there is nothing to check.
    :ivar relationships: relationship attributes by name.
    """

    def __init__(self, class_: type) -> None:
        if "__dict__" not in dir(class_) and not any("__dict__" in vars(base) for base in class_.__mro__):
            raise ArgumentError(
                f"{class_.__name__} cannot be mapped: it has __slots__ and no __dict__, and loaded values live there. "
                "Remove __slots__, or add '__dict__' and '__weakref__' to them."
            )
        if not class_.__weakrefoffset__:
            raise ArgumentError(
                f"{class_.__name__} cannot be mapped: its objects take no weak references. Add '__weakref__' to its __slots__."
            )
        params = getattr(class_, "__dataclass_params__", None)
        if params is not None and params.frozen:
            raise ArgumentError(
                f"{class_.__name__} cannot be mapped: it is a frozen dataclass, whose writes cannot be tracked. Remove frozen=True."
            )
        self.class_ = class_
        self.columns: dict[str, Check | None] = {}
        self.unchecked: set[str] = set()
        self.relationships: dict[str, RelationshipAttribute] = {}
        self.original_setattr: Any = None
        self.original_delattr: Any = None
        self.setattr_hook: Any = None
        self.delattr_hook: Any = None
        self._originals: dict[str, Any] = {}
        self._adopted: dict[type, Any] = {}

    def install(self, parent: ClassManager | None = None) -> None:
        """Install the hooks that do not belong to one attribute.

        :param parent: the manager of the mapped class that this one inherits from.
        """
        class_: Any = self.class_
        self.original_setattr, self.original_delattr = class_.__setattr__, class_.__delattr__
        if parent is not None:
            # the parent's hooks give way to this class's, which know all its attributes
            if self.original_setattr is parent.setattr_hook:
                self.original_setattr = parent.original_setattr
            if self.original_delattr is parent.delattr_hook:
                self.original_delattr = parent.original_delattr
        self.is_plain = self.original_setattr is object.__setattr__
        self.setattr_hook = make_setattr(self.columns, self.relationships, self.original_setattr)
        self.delattr_hook = make_delattr(self.columns, self.relationships, self.original_delattr)
        self.replace(ITSELF, itself)
        self.replace("__setattr__", self.setattr_hook)
        self.replace("__delattr__", self.delattr_hook)
        # a class that pickles in a way of its own keeps it
        if not any(_defines(class_, name) for name in ("__getstate__", "__setstate__", "__reduce__", "__reduce_ex__")):
            self.replace("__getstate__", get_state)
            self.replace("__setstate__", set_state)
            if not _defines(class_, "__copy__"):
                self.replace("__copy__", copy_object)

    def adopt(self, subclass: type) -> None:
        """Track writes to objects of a subclass that is not mapped itself and has a ``__setattr__`` of its own.

        :raises ArgumentError: when the subclass has slots with the names of mapped attributes, which would hide their values.
        """
        if subclass in self._adopted:
            return
        for class_ in subclass.__mro__:
            if class_ is self.class_:
                break
            hidden = sorted(name for name in (*self.columns, *self.relationships) if name in vars(class_))
            if hidden:
                raise ArgumentError(
                    f"{class_.__name__} defines {', '.join(hidden)} anew, which {self.class_.__name__} maps; its values would be lost."
                    " Give it another name in the subclass, or map the subclass."
                )
        if subclass.__setattr__ is self.class_.__setattr__:
            self._adopted[subclass] = None
            return
        self._adopted[subclass] = vars(subclass).get("__setattr__", NO_VALUE)
        own: Any = subclass.__setattr__
        setattr(subclass, "__setattr__", make_setattr(self.columns, self.relationships, own))  # noqa: B010

    def add(self, name: str, attribute: Attribute) -> None:
        """Install the descriptor of one attribute."""
        self.replace(name, attribute)
        if isinstance(attribute, ColumnAttribute):
            self.columns[name] = None
            self.unchecked.add(name)
        elif isinstance(attribute, RelationshipAttribute):
            self.relationships[name] = attribute

    def check_assignments_of(
        self, name: str, type_: TypeEngine[Any], listeners: Listeners | None, loads_first: bool = False
    ) -> None:
        """Check what is assigned to a column, and tell those who listen; for a foreign key once its type, the target's, is known.

        :param loads_first: load the old value before the new one is set.
        """
        check = _assignment_check(type_, listeners, name)
        check = self.columns[name] = _loading_first(name, check) if loads_first else check
        if check is None:
            self.unchecked.add(name)
        else:
            self.unchecked.discard(name)

    def replace(self, name: str, value: object) -> None:
        """Put something on the class; :meth:`uninstall` takes it away again."""
        if name not in self._originals:
            self._originals[name] = vars(self.class_).get(name, NO_VALUE)
        setattr(self.class_, name, value)

    def uninstall(self) -> None:
        """Put the class back as it was."""
        for name, original in self._originals.items():
            if original is NO_VALUE:
                if name in vars(self.class_):
                    delattr(self.class_, name)
            else:
                setattr(self.class_, name, original)
        self._originals.clear()
        for subclass, original in self._adopted.items():
            if original is NO_VALUE:
                del subclass.__setattr__
            elif original is not None:
                setattr(subclass, "__setattr__", original)  # noqa: B010 - a plain assignment does not type-check
        self._adopted.clear()


def _defines(class_: type, name: str) -> bool:
    return any(name in vars(base) for base in class_.__mro__ if base is not object)


def _assignment_check(type_: TypeEngine[Any], listeners: Listeners | None, name: str) -> Check | None:
    convert = type_.to_stored if type_.checks_on_assignment else None
    if listeners is None and convert is None:
        return None
    plain = type_.value_class
    takes_all = type_.takes_all_of_its_class
    takes_naive = not getattr(type_, "timezone", True)

    def check_value(obj: MappedObject, value: Any) -> Any:
        if listeners is not None:
            value = listeners.set(obj, ensure_state(obj), value, listeners.old_value(obj), getattr(type(obj), name))
        # the usual value needs no more than a look at its class
        if type(value) is plain and (takes_all or (takes_naive and value.tzinfo is None)):
            return value
        # SQL expressions are worked out by the database
        if convert is None or value is None or hasattr(value, "__clause_element__"):
            return value
        try:
            return convert(value)
        except DataError as error:
            raise DataError(f"{type(obj).__name__}.{name}: {error.message}", orig=error.orig) from error

    return check_value


def _loading_first(name: str, check: Check | None) -> Check:
    def load_and_check(obj: MappedObject, value: object) -> Any:
        state = obj.__dict__.get(STATE)
        if name not in obj.__dict__ and state is not None and state.session is not None:
            getattr(obj, name)
        return value if check is None else check(obj, value)

    return load_and_check


def _no_column(obj: MappedObject, value: object) -> Any:
    """Stands for the check of a name that is no column."""
    raise NotImplementedError


def make_setattr(
    columns: dict[str, Check | None],
    relationships: dict[str, RelationshipAttribute],
    original: Callable[[Any, str, Any], None],
) -> Callable[[Any, str, Any], None]:
    """Return the ``__setattr__`` of a mapped class."""
    if original is not object.__setattr__:
        return _make_setattr_around(columns, relationships, original)

    # benchmark: attr_write. So nothing is called that is not needed, and a name is looked up once
    def __setattr__(self: Any, name: str, value: object) -> None:
        try:
            check = columns[name]
        except KeyError:
            # not here, where each error of what follows would show this one as its cause
            check = _no_column
        if check is not None:
            if check is _no_column:
                if name in relationships:
                    relationships[name].set(self, value)
                else:
                    original(self, name, value)
                return
            value = check(self, value)
        values = self.__dict__
        state = values.get(STATE)
        # most writes are to what was written to before
        if state is not None and ((changes := state.changes) is None or name not in changes):
            _note_original(self, state, name)
        values[name] = value

    return __setattr__


def _make_setattr_around(
    columns: dict[str, Check | None],
    relationships: dict[str, RelationshipAttribute],
    original: Callable[[Any, str, Any], None],
) -> Callable[[Any, str, Any], None]:
    """Return the ``__setattr__`` of a class that has one of its own, which stores the values of columns."""

    def __setattr__(self: Any, name: str, value: object) -> None:
        if name in columns:
            check = columns[name]
            if check is not None:
                value = check(self, value)
            state = self.__dict__.get(STATE)
            if state is not None:
                _note_original(self, state, name)
            # it decides what is stored
            original(self, name, value)
        elif name in relationships:
            relationships[name].set(self, value)
        else:
            original(self, name, value)

    return __setattr__


def _note_original(obj: MappedObject, state: InstanceState, name: str) -> None:
    """Keep the original value of a column at its first change, and hold the object until it is flushed."""
    if state.row_key is None:
        return
    changes = state.changes
    if changes is None:
        # NO_VALUE where it was not loaded: an assignment never sends a statement by itself
        state.changes = {name: obj.__dict__.get(name, NO_VALUE)}
        if state.owner is not None:
            state.owner.modified[state] = obj
    elif name not in changes:
        changes[name] = obj.__dict__.get(name, NO_VALUE)


def make_delattr(
    columns: dict[str, Check | None],
    relationships: dict[str, RelationshipAttribute],
    original: Callable[[Any, str], None],
) -> Callable[[Any, str], None]:
    """Return the ``__delattr__`` of a mapped class: a deleted column is NULL, a deleted relationship empty."""

    def __delattr__(self: Any, name: str) -> None:
        if name in relationships:
            relationships[name].set(self, [] if relationships[name].relationship.uselist else None)
        elif name in columns:
            setattr(self, name, None)
        else:
            original(self, name)

    return __delattr__
