"""``composite``: several columns as one value, of a dataclass or of a class with ``__composite_values__()``.

Flush and loaders know nothing of composites, but for one thing: a value that was changed in place is noticed by
:mod:`flask_uow.orm.state.mutables`. In ``select()`` a composite is a bundle of its columns (:mod:`~flask_uow.orm.mapping.bundles`).
"""

from __future__ import annotations

import copy
import dataclasses
import inspect
import sys
import typing
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from flask_uow.exc import ArgumentError, UnsupportedOperatorError
from flask_uow.orm.instrumentation.mutable import Mutable
from flask_uow.orm.mapping.dataclass_fields import NO_FIELD, NOT_GIVEN, FieldOptions
from flask_uow.orm.mapping.descriptors import DescriptorProperty, PropComparator
from flask_uow.orm.mapping.properties import ACTIVE_HISTORY, DEFERRED, MappedColumn, mapped_column
from flask_uow.orm.state.history import History
from flask_uow.orm.state.instance_state import InstanceState
from flask_uow.orm.state.mutables import COMPOSITES, remember
from flask_uow.orm.symbols import NO_VALUE, STATE
from flask_uow.sql import operators as ops
from flask_uow.sql.column_operators import ColumnOperators
from flask_uow.sql.constructors import tuple_
from flask_uow.sql.custom import ClauseList
from flask_uow.sql.expressions import Null
from flask_uow.sql.operations import and_, not_
from flask_uow.sql.schema import Column

if TYPE_CHECKING:
    from flask_uow.orm.interfaces import AnyColumn, MappedObject
    from flask_uow.orm.mapping.annotations import Mapped
    from flask_uow.orm.mapping.entity import EntityView
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.sql.expressions import ColumnElement
    from flask_uow.sql.operators import Operator

__all__ = ["CompositeProperty", "composite"]


class CompositeComparator(PropComparator):
    """The operators of a composite attribute: ``==``, ``!=``, ``<`` and the like, ``in_()``, column by column; derive from it for further ones.

    ``Vertex.start < Point(1, 2)`` is true where each column is less than its part of the value.

    ``__clause_element__().clauses`` are the columns.
    """

    single_entity = False

    def of_view(self, view: EntityView) -> Any:
        made = copy.copy(self)
        made.parent = view
        return made

    @property
    def bundle_members(self) -> Any:
        """The attributes of the columns, which ``select()`` has in place of the composite."""
        if self.parent is self.mapper:
            return tuple(getattr(self.mapper.class_, name) for name in self.prop.names)
        return tuple(self.parent.attribute(name) for name in self.prop.names)

    @property
    def plan_atom(self) -> Hashable:
        """Tells apart what has the same columns and makes something else of them."""
        return (self.mapper, self.key)

    def row_maker(self) -> Callable[[tuple[Any, ...]], Any]:
        """Return the function that makes the value of the columns' values."""
        make: Callable[[tuple[Any, ...]], Any] = self.prop.make
        return make

    def __clause_element__(self) -> ColumnElement[Any]:
        columns: Any = ClauseList(tuple(member.as_operand() for member in self.bundle_members))
        return cast("ColumnElement[Any]", columns)

    def as_operand(self) -> ColumnElement[Any]:
        raise ArgumentError(
            f"{self.mapper.class_.__name__}.{self.key} is a composite of {', '.join(self.prop.names)}, not one column. Compare it with =="
            " to a value, or use these attributes."
        )

    @property
    def info(self) -> dict[Any, Any]:
        """Notes of the application about the attribute."""
        found: dict[Any, Any] = self.prop.info
        return found

    def get_history(self, instance: MappedObject | InstanceState) -> Any:
        """Return the history of the attribute on an object, or of a state's object."""
        return self.mapper.history_of(instance.obj if isinstance(instance, InstanceState) else instance, self.key)

    def operate(self, op: Operator, other: Any = None, **modifiers: Any) -> ColumnElement[Any]:
        if op in (ops.IN, ops.NOT_IN):
            values = [self.prop.values_of(value) for value in other] if isinstance(other, (list, tuple, set)) else other
            return tuple_(*self.bundle_members).operate(op, values, **modifiers)
        if op in ops.ORDERINGS:
            ordered: Any = CompositeOrder(tuple(member.operate(op) for member in self.bundle_members))
            return cast("ColumnElement[Any]", ordered)
        if op not in _COMPARISONS:
            raise UnsupportedOperatorError(
                f"{self.mapper.class_.__name__}.{self.key} is a composite and can be compared with ==, !=, <, <=, > and >= only."
            )
        parts: Any = (
            other.bundle_members
            if isinstance(other, CompositeComparator)
            else self.prop.values_of(self.prop.coerce(other))
        )
        compare = ops.EQ if op is ops.NE else op
        condition = and_(*(p.operate(compare, value) for p, value in zip(self.bundle_members, parts, strict=True)))
        return not_(condition) if op is ops.NE else condition

    def label(self, name: str) -> Any:
        """Return the composite under another name in rows."""
        made = copy.copy(self)
        made.key = name
        return made

    def assignments(self, value: Any) -> list[tuple[Any, Any]]:
        """Return the attributes, with their values, that a statement sets in order to set the composite."""
        return list(zip(self.bundle_members, self.prop.values_of(self.prop.coerce(value)), strict=True))


_COMPARISONS = frozenset((ops.EQ, ops.NE, ops.LT, ops.LE, ops.GT, ops.GE))


class CompositeOrder:
    """The order by a composite: that by its columns, one after the other.

    :ivar bundle_members: the columns, each with its direction.
    """

    def __init__(self, members: tuple[Any, ...]) -> None:
        self.bundle_members = members

    def nulls_first(self) -> CompositeOrder:
        """NULLs before all values."""
        return CompositeOrder(tuple(member.nulls_first() for member in self.bundle_members))

    def nulls_last(self) -> CompositeOrder:
        """NULLs after all values."""
        return CompositeOrder(tuple(member.nulls_last() for member in self.bundle_members))


def _are_absent(*values: Any) -> bool:
    return all(value is None for value in values)


class CompositeProperty(DescriptorProperty):
    """Several columns as one value. Made by :func:`composite`.

    :ivar class_: makes a value of the columns' values; None until the annotation has said it.
    :ivar columns: the columns, or the names of their attributes.
    :ivar names: the column attributes, in the order of the class's arguments; known once the mapper has the property.
    :ivar group: the group of deferred columns that those are in which are declared in passing.
    """

    # by this name users derive theirs
    Comparator = CompositeComparator

    def __init__(
        self,
        class_: Callable[..., Any] | None,
        columns: tuple[Any, ...],
        *,
        comparator_factory: type[PropComparator] | None = None,
        group: str | None = None,
        deferred: bool = False,
        active_history: bool = False,
        info: Mapping[Any, Any] | None = None,
        doc: str | None = None,
        return_none_on: Callable[..., bool] | None = _are_absent,
        field: FieldOptions = NO_FIELD,
    ) -> None:
        self.class_ = class_
        self.return_none_on = return_none_on
        self.columns = columns
        self.comparator_factory = comparator_factory
        self.group = group
        self.deferred = deferred
        self.active_history = active_history
        self.info = dict(info or {})
        self.doc = doc
        self.field = field
        self.names: tuple[str, ...] = ()

    @property
    def composite_class(self) -> Any:
        """The class or function that makes a value; another name of ``class_``."""
        return self.class_

    @property
    def attrs(self) -> list[Any]:
        """The attributes of the columns, on the class."""
        return [getattr(self.parent.class_, name) for name in self.names]

    @property
    def props(self) -> list[Any]:
        """The properties of the columns."""
        return [self.parent.column_attrs[name] for name in self.names]

    # -- declaring

    def complete(self, owner: str, annotated: Any) -> list[tuple[str, MappedColumn | Column[Any], Any]]:
        """Take the class from the annotation, where the declaration has none; return the columns that are declared in passing.

        :param owner: the attribute as messages call it.
        :param annotated: the class that the annotation names, or None.
        :returns: for each column the name that it has if it was given none, the declaration, and the type that its class annotates, or None.
        :raises ArgumentError: without a class, or for columns that the class says nothing of.
        """
        if self.class_ is None:
            if annotated is None:
                raise ArgumentError(
                    f"{owner}: composite() does not say of which class its values are. Annotate it, as in Mapped[Point], or pass the class first."
                )
            self.class_ = annotated
        hints = _parameters(self.class_)
        if not self.columns:
            self.columns = tuple(cast("MappedColumn", mapped_column(name)) for name in hints)
        found: list[tuple[str, MappedColumn | Column[Any], Any]] = []
        for number, column in enumerate(self.columns):
            plain = column.column if isinstance(column, MappedColumn) else column
            if not isinstance(plain, Column) or plain.table is not None:
                continue
            if self.deferred:
                plain.info[DEFERRED] = self.group
            name, hint = list(hints.items())[number] if number < len(hints) else ("", None)
            if not plain.has_name and not name:
                raise ArgumentError(
                    f"{owner}: the column {number + 1} has no name, and {self.class_!r} has no parameter of that place that would give it one. Name it:"
                    ' mapped_column("x1").'
                )
            found.append((name, column, hint))
        return found

    def descriptor(self, key: str, mapper: Mapper) -> Any:
        if not self.columns:
            raise ArgumentError("composite() takes a class and the columns that make up its values, got no column.")
        self.names = tuple(self._name_of(column, key, mapper) for column in self.columns)
        for prop in [mapper.column_attrs[name] for name in self.names] if self.deferred else []:
            prop.deferred, prop.group = True, self.group
        return super().descriptor(key, mapper)

    @staticmethod
    def _name_of(column: MappedColumn | AnyColumn | str, key: str, mapper: Mapper) -> str:
        if isinstance(column, str):
            if column not in mapper.column_attrs:
                raise ArgumentError(
                    f"{mapper.class_.__name__}.{key}: composite() names {column!r}, which is no column attribute."
                )
            return column
        element: Any = column.__clause_element__() if hasattr(column, "__clause_element__") else column
        return mapper.name_of_column(element)

    def on_class(self, owner: type[MappedObject]) -> Any:
        factory = self.comparator_factory if self.comparator_factory is not None else CompositeComparator
        return factory(self, owner.__mapper__)

    # -- values

    def values_of(self, value: Any) -> tuple[Any, ...]:
        """Return the column values of a composite value, all None for None."""
        if value is None or isinstance(value, Null):
            return (None,) * len(self.names)
        return _values_of(value)

    def make(self, values: tuple[Any, ...]) -> Any:
        """Return the value of columns' values; None where ``return_none_on`` says so of them, by default where all of them are None."""
        assert self.class_ is not None
        is_none = self.return_none_on is not None and self.return_none_on(*values)
        return None if is_none else self.class_(*values)

    def coerce(self, value: Any) -> Any:
        """Return a value that is assigned.

        :raises ArgumentError: for one that does not give columns their values.
        """
        if isinstance(self.class_, type) and issubclass(self.class_, Mutable):
            value = self.class_.coerce(self._name(), value)
        if value is not None and not isinstance(value, Null) and not _is_composite(value):
            raise ArgumentError(
                f"{self._name()} takes a {getattr(self.class_, '__name__', self.class_)} (a dataclass, or with __composite_values__()) or None,"
                f" got {value!r}."
            )
        return value

    def get(self, obj: MappedObject) -> Any:
        present = tuple([getattr(obj, name) for name in self.names])
        made = obj.__dict__.get(COMPOSITES, {}).get(self.key)
        # the object that was handed out before, as long as its columns are as they were: a change made in it must not
        # be lost
        if made is not None and made[0] == present:
            return made[1]
        value = self.make(present)
        if value is not None:
            self._keep(obj, present, value)
        return value

    def set(self, obj: MappedObject, value: Any) -> None:
        value = self.coerce(value)
        parts = self.values_of(value)
        for name, part in zip(self.names, parts, strict=True):
            setattr(obj, name, part)
        if value is not None:
            self._keep(obj, parts, value)

    def loaded_value(self, obj: MappedObject) -> Any:
        if not all(name in obj.__dict__ for name in self.names):
            return NO_VALUE
        return self.get(obj)

    def history(self, obj: MappedObject, history_of: Callable[[str], History]) -> History:
        parts = [history_of(name) for name in self.names]
        present = self.loaded_value(obj)
        added = [] if present is NO_VALUE or present is None else [present]
        if not any(part.has_changes() for part in parts):
            return History([], added, [])
        before = [part.non_added() for part in parts]
        original = self.make(tuple(values[0] if values else None for values in before))
        return History(added, [], [] if original is None else [original])

    def _keep(self, obj: MappedObject, parts: tuple[Any, ...], value: Any) -> None:
        # handed out, it may be changed in place, which is looked for before a flush
        obj.__dict__.setdefault(COMPOSITES, {})[self.key] = (parts, value)
        state = obj.__dict__.get(STATE)
        if state is not None and state.owner is not None:
            remember(state, obj)


def _is_composite(value: object) -> bool:
    return hasattr(value, "__composite_values__") or (dataclasses.is_dataclass(value) and not isinstance(value, type))


def _values_of(value: Any) -> tuple[Any, ...]:
    if hasattr(value, "__composite_values__"):
        return tuple(value.__composite_values__())
    return tuple([getattr(value, field.name) for field in dataclasses.fields(value) if field.init])


def _parameters(class_: Any) -> dict[str, Any]:
    """Return the parameters by which a class makes a value, each with its type, or None where nothing tells it."""
    if dataclasses.is_dataclass(class_):
        hints = _hints(class_)
        return {field.name: hints.get(field.name) for field in dataclasses.fields(class_) if field.init}
    call: Any = getattr(class_, "__init__") if isinstance(class_, type) else class_  # noqa: B009 - mypy takes a plain access for unsound
    try:
        names = [
            name
            for name, parameter in inspect.signature(call).parameters.items()
            if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        ]
    except (TypeError, ValueError):
        # a class written in C does not tell
        return {}
    hints = _hints(call)
    return {name: hints.get(name) for name in (names[1:] if isinstance(class_, type) else names)}


def _hints(owner: object) -> dict[str, Any]:
    try:
        return typing.get_type_hints(owner, include_extras=True)
    except (NameError, TypeError, AttributeError):
        # one of the annotations names something that only a function knows
        return dict(_readable(owner))


def _readable(owner: Any) -> Iterator[tuple[str, Any]]:
    names = vars(sys.modules[owner.__module__]) if getattr(owner, "__module__", None) in sys.modules else {}
    for name, annotation in inspect.get_annotations(owner).items():
        try:
            yield name, eval(annotation, dict(names)) if isinstance(annotation, str) else annotation
        except (NameError, TypeError, AttributeError, SyntaxError):
            # the column has to say its type itself
            continue


def composite(
    _class_or_attr: Any = None,
    /,
    *columns: Any,
    comparator_factory: type[PropComparator] | None = None,
    group: str | None = None,
    deferred: bool = False,
    active_history: bool = False,
    info: Mapping[Any, Any] | None = None,
    doc: str | None = None,
    return_none_on: Callable[..., bool] | None = _are_absent,
    init: bool | None = None,
    repr: bool | None = None,
    default: object = NOT_GIVEN,
    default_factory: object = NOT_GIVEN,
    compare: bool | None = None,
    hash: bool | None = None,
    kw_only: bool | None = None,
    dataclass_metadata: Mapping[Any, Any] | None = None,
) -> Mapped[Any]:
    """Map several columns as one value: ``start: Mapped[Point] = composite(mapped_column("x1"), mapped_column("y1"))``.

    :param _class_or_attr: what takes the column values as arguments: a dataclass, a class that gives them back by ``__composite_values__()`` and
        should define ``__eq__``, or a function that makes such a value. Left out, it is the class that the annotation names.
    :param columns: the columns, which exist besides: declared here (their names, where they have none, and types are those of the
        class's parameters), attributes of the class, or their names. Without any, the parameters of the class are the columns.
    :param comparator_factory: a subclass of ``CompositeProperty.Comparator`` (or :class:`PropComparator`), for other operators than ``==`` and ``!=``.
    :param group: a name; deferred columns of one group are loaded together.
    :param deferred: load the columns at first access, not with the object.
    :param active_history: taken for the columns that are declared here: load their old values when new ones are set.
    :param info: notes of the application.
    :param return_none_on: is called with the values of the columns, and returns True where the attribute is to be None; by default where all of
        them are None. None for never: the class is called with these, too.
    :param init: whether the constructor of a dataclass (:class:`MappedAsDataclass`) takes it; likewise ``repr``, ``default`` and the others.
    """
    is_column = isinstance(_class_or_attr, (str, Column, ColumnOperators))
    given = (_class_or_attr, *columns) if is_column else columns
    if active_history:
        for column in given:
            if isinstance(column, MappedColumn):
                column.column.info[ACTIVE_HISTORY] = True
    made = CompositeProperty(
        None if is_column else _class_or_attr,
        given,
        comparator_factory=comparator_factory,
        group=group,
        deferred=deferred,
        active_history=active_history,
        info=info,
        doc=doc,
        return_none_on=return_none_on,
        field=FieldOptions(init, repr, default, default_factory, compare, hash, kw_only, dataclass_metadata),
    )
    return cast("Mapped[Any]", made)
