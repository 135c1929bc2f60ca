"""Column: one column of a table, and where its values come from when a row does not say."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Generic, Literal, TypedDict, TypeVar, Unpack, overload

from flask_uow.exc import ArgumentError
from flask_uow.sql.constraints import CheckConstraint, Constraint
from flask_uow.sql.expressions import ColumnElement
from flask_uow.sql.foreign_keys import ForeignKey
from flask_uow.sql.naming import quoted_name
from flask_uow.sql.nodes import ClauseElement, Shape
from flask_uow.sql.sequences import Computed, FetchedValue, Identity, Sequence
from flask_uow.sql.typed import T0
from flask_uow.sql.types import NULLTYPE, TypeEngine, to_instance

__all__ = ["Column", "ColumnDefault", "FetchedValue", "told_apart"]

T = TypeVar("T")


class DefaultContext:
    """The context that a default may ask for: ``default=lambda context: context.get_current_parameters()["title"].lower()``.

    :ivar current_parameters: the other values of the row, by attribute or column, as far as they are known.
    """

    def __init__(self, current_parameters: Mapping[str, Any]) -> None:
        self.current_parameters = current_parameters

    def get_current_parameters(self, isolate_multiinsert_params: bool = True) -> dict[str, Any]:
        """Return the other values of the row.

        :param isolate_multiinsert_params: of an INSERT of several rows, those of this one only; always so here.
        """
        return dict(self.current_parameters)


class ColumnDefault:
    """A default that is worked out when a row is written.

    :ivar argument: a value, a function of no arguments or of a :class:`DefaultContext`, or an SQL expression.
    :ivar asks_context: True for a function of a context.
    :raises ArgumentError: for a function that needs more.
    """

    __slots__ = ("argument", "asks_context", "is_callable", "is_mutable", "is_sql")

    def __init__(self, argument: Any) -> None:
        self.argument = argument
        self.is_sql = isinstance(argument, ClauseElement)
        self.is_callable = callable(argument) and not self.is_sql
        # each object gets a value of its own, which may be changed in place
        self.is_mutable = isinstance(argument, (dict, list, set, bytearray))
        self.asks_context = self.is_callable and _asks_context(argument)

    @property
    def arg(self) -> Any:
        """The value or expression; of a function, one that may be given a context, whether it asks for that or not."""
        if not self.is_callable or self.asks_context:
            return self.argument
        function = self.argument

        def without_context(context: object = None) -> Any:
            return function()

        return without_context

    @property
    def is_scalar(self) -> bool:
        """True for a value."""
        return not (self.is_callable or self.is_sql)

    @property
    def is_clause_element(self) -> bool:
        """True for an SQL expression."""
        return self.is_sql

    is_sequence = False

    def value(self, others: Mapping[str, Any] | None = None) -> Any:
        """Return the default's value; for SQL, the expression.

        :param others: the other values of the row, by name.
        """
        if self.is_callable:
            if self.asks_context:
                known = {name: value for name, value in (others or {}).items() if not name.startswith("_uow")}
                return self.argument(DefaultContext(known))
            return self.argument()
        return copy.deepcopy(self.argument) if self.is_mutable else self.argument


def _asks_context(function: Callable[..., object]) -> bool:
    """Return True for a function that takes an argument, False for one without.

    :raises ArgumentError: for a function that needs several.
    """
    try:
        signature = inspect.signature(function)
    except ValueError:
        # some functions written in C do not tell
        return False
    try:
        signature.bind()
    except TypeError:
        pass
    else:
        return False
    try:
        signature.bind(None)
    except TypeError as error:
        raise ArgumentError(
            f"a default is a value, an SQL expression, or a function without arguments or of one, the context; got {function!r}: {error}. Wrap it:"
            " lambda: ..."
        ) from error
    return True


class SharedColumnOptions(TypedDict, total=False):
    """The keyword arguments that a :class:`Column` has in common with ``mapped_column()``, for type checkers."""

    key: str | None
    primary_key: bool
    unique: bool
    index: bool
    onupdate: Any
    server_default: Any
    server_onupdate: Any
    autoincrement: bool | Literal["auto", "ignore_fk"]
    comment: str | None
    doc: str | None
    info: dict[Any, Any] | None
    system: bool


class ColumnOptions(SharedColumnOptions, total=False):
    """The keyword arguments of a :class:`Column`, for type checkers."""

    nullable: bool | None
    default: Any
    insert_default: Any
    quote: bool | None


class NamedColumnOptions(ColumnOptions, total=False):
    """The keyword arguments of a :class:`Column` but its type, for type checkers."""

    name: str | None


def told_apart(args: tuple[Any, ...], name: str | None, type_: object) -> tuple[str | None, object, tuple[Any, ...]]:
    """Return the name, the type and what else the arguments of a column are, each of the former two by place or by keyword.

    :raises ArgumentError: for one that is given both ways.
    """
    parts = [part for part in args if part is not None]
    given_name = parts.pop(0) if parts and isinstance(parts[0], str) else None
    given_type: object = None
    if parts and not isinstance(parts[0], (ForeignKey, Sequence, FetchedValue, Constraint)):
        given_type = parts.pop(0)
    for what, by_place, by_keyword in (("name", given_name, name), ("type_", given_type, type_)):
        if by_place is not None and by_keyword is not None:
            raise ArgumentError(
                f"a column got {what}={by_keyword!r}, and {by_place!r} before that. Give its {what.rstrip('_')} once."
            )
    return (
        given_name if given_name is not None else name,
        given_type if given_type is not None else type_,
        tuple(parts),
    )


class Column(ColumnElement[T], Generic[T]):
    """A column of a table.

    :param args: its name and its type, in that order, each of which may be left out; then :class:`ForeignKey`, :class:`Sequence`,
        :class:`Identity`, :class:`Computed` and :class:`CheckConstraint` objects.
    :param name: its name in the database (the declarative style takes the attribute's name when it is left out), by keyword.
    :param type_: its type, by keyword; with a foreign key and no type it takes the target's.
    :param primary_key: whether it is part of the primary key.
    :param nullable: whether it may be NULL; by default everything but primary keys may.
    :param unique: adds a unique constraint.
    :param index: adds an index.
    :param default: a value, a function without arguments or an SQL expression for new rows; or a :class:`Sequence`.
    :param onupdate: likewise for changed rows.
    :param server_default: a value or SQL expression that the database itself uses for new rows; :class:`FetchedValue` where it has
        a default that DDL is not to mention.
    :param autoincrement: False for an integer primary key that the application sets itself; ``"ignore_fk"`` has the database number one that is a
        foreign key, too; True, the one of several columns.
    :param comment: the comment on the column in the database (PostgreSQL).
    :param doc: the docstring of the attribute that is mapped to it; its comment when None.
    :param insert_default: another name of ``default``.
    :param quote: quotes go where a name needs them: True says nothing new; False is for a name that the database is to take in lower case,
        see :class:`quoted_name`.
    :param system: True for one that the database has by itself, ``xmin`` of PostgreSQL say: CREATE TABLE leaves it out.
    """

    __slots__ = (
        "_name", "_sequence", "_type", "args", "autoincrement", "checks", "comment", "default", "doc", "foreign_keys", "identity", "index", "info", "key",
        "nullable", "onupdate", "primary_key", "server_default", "server_onupdate", "system", "table", "unique", "waiting",
    )  # fmt: skip
    __visit_name__ = "column"

    @overload
    def __init__(
        self: Column[T0],
        name_pos: str | None,
        type_pos: TypeEngine[T0] | type[TypeEngine[T0]],
        /,
        *args: Any,
        **options: Unpack[NamedColumnOptions],
    ) -> None: ...

    @overload
    def __init__(
        self: Column[T0],
        type_pos: TypeEngine[T0] | type[TypeEngine[T0]],
        /,
        *args: Any,
        **options: Unpack[NamedColumnOptions],
    ) -> None: ...

    @overload
    def __init__(
        self: Column[T0],
        *args: Any,
        type_: TypeEngine[T0] | type[TypeEngine[T0]],
        **options: Unpack[NamedColumnOptions],
    ) -> None: ...

    @overload
    def __init__(self: Column[Any], *args: Any, type_: None = None, **options: Unpack[NamedColumnOptions]) -> None: ...

    def __init__(
        self,
        *args: Any,
        name: str | None = None,
        type_: object = None,
        key: str | None = None,
        primary_key: bool = False,
        nullable: bool | None = None,
        unique: bool = False,
        index: bool = False,
        default: object = None,
        onupdate: object = None,
        server_default: object = None,
        server_onupdate: object = None,
        autoincrement: bool | Literal["auto", "ignore_fk"] = "auto",
        comment: str | None = None,
        doc: str | None = None,
        info: dict[Any, Any] | None = None,
        system: bool = False,
        insert_default: object = None,
        quote: bool | None = None,
    ) -> None:
        name, type_, args = told_apart(args, name, type_)
        if insert_default is not None:
            if default is not None:
                raise ArgumentError(
                    f"Column {name!r} got default and insert_default, which are the same. Give it one of them."
                )
            default = insert_default
        self._name: str | None = name if quote is None or name is None else quoted_name(name, quote)
        self._type: TypeEngine[Any] | None = to_instance(type_) if type_ is not None else None
        if getattr(self._type, "of_values", None) is not None:
            raise ArgumentError(
                f"Column {name!r} got {self._type!r}, whose class has no members. Pass the enum class whose members the column holds."
            )
        self.key = key or name
        self.primary_key = primary_key
        self.nullable = nullable if nullable is not None else not primary_key
        self.unique = unique
        self.index = index
        if isinstance(default, Sequence):
            args, default = (*args, default), None
        self.default = ColumnDefault(default) if default is not None else None
        self.onupdate = ColumnDefault(onupdate) if onupdate is not None else None
        self.server_default = server_default
        self.server_onupdate = server_onupdate
        self.autoincrement = autoincrement
        self.comment = comment
        self.doc = doc
        self.info = dict(info or {})
        self.system = system
        self.foreign_keys: list[ForeignKey] = []
        # constraints and indexes of columns that have no table yet, with these columns
        self.waiting: tuple[tuple[Any, list[Any]], ...] = ()
        self._sequence: Sequence | None = None
        self.identity: Identity | None = None
        self.checks: list[CheckConstraint] = []
        self.table: Any = None
        self.args = args
        for argument in args:
            if isinstance(argument, ForeignKey):
                argument.attach_to(self)
            elif isinstance(argument, Sequence):
                self._sequence = argument
                if not primary_key and server_default is None:
                    self.server_default = argument.next_value()
            elif isinstance(argument, Identity):
                if (
                    server_default is not None
                    or server_onupdate is not None
                    or any(isinstance(a, Sequence) for a in args)
                ):
                    raise ArgumentError(
                        f"Column {name!r} has an Identity, by which the database numbers it, and a server_default, a server_onupdate or a Sequence"
                        " besides. Give it one of them."
                    )
                self.identity = argument
                self.nullable = False
                if not primary_key:
                    self.server_default = argument
            elif isinstance(argument, Computed):
                if any(each is not None for each in (default, server_default, onupdate, server_onupdate)):
                    raise ArgumentError(
                        f"Column {name!r} is Computed, which leaves no room for a default. Give it one or the other."
                    )
                self.server_default = self.server_onupdate = argument
            elif isinstance(argument, CheckConstraint):
                argument.of_column = True
                self.checks.append(argument)
            else:
                raise ArgumentError(
                    f"Column {name!r} got {argument!r}; besides a name and a type it takes ForeignKey, Sequence, Identity, Computed and"
                    " CheckConstraint objects."
                )

    if TYPE_CHECKING:

        @property
        def name(self) -> str: ...
    else:
        # of each column of each statement: without a function of Python's
        name = property(attrgetter("_name"), doc="Its name in the database.")

    @property
    def type(self) -> TypeEngine[Any]:  # type: ignore[override]
        """The type; the target's, for a foreign key without a type of its own."""
        if self._type is None:
            if not self.foreign_keys or self.table is None:
                return NULLTYPE
            self._type = self.foreign_keys[0].column.type
        return self._type

    @property
    def has_own_type(self) -> bool:
        """False while the type is still to be taken from a foreign key or an annotation."""
        return self._type is not None

    def set_type(self, type_: TypeEngine[Any]) -> None:
        """Give a type to a column that was made without one."""
        self._type = type_

    @property
    def has_name(self) -> bool:
        """False until the declarative style gives it the name of its attribute."""
        return self._name is not None

    def set_name(self, name: str) -> None:
        """Give a name to a column that was made without one."""
        self._name = name
        self.key = self.key or name

    @property
    def sequence(self) -> Sequence | None:
        """The sequence that numbers it; None for an optional one where the database numbers the column by itself."""
        found = self._sequence
        if found is None or not found.optional or self.table is None or len(self.table.primary_key.columns) != 1:
            # of a key of several columns the database numbers none by itself
            return found
        return None if self.is_server_generated else found

    @property
    def is_server_generated(self) -> bool:
        """True for an integer primary key whose values the database makes."""
        return self.table is not None and self.table.generated_key is self

    def append_foreign_key(self, foreign_key: ForeignKey) -> None:
        """Add a foreign key."""
        foreign_key.attach_to(self)
        if self.table is not None:
            foreign_key.attach_table(self.table)

    @property
    def computed(self) -> Computed | None:
        """How the database works it out of other columns, None where it does not."""
        return self.server_default if isinstance(self.server_default, Computed) else None

    @property
    def constraints(self) -> set[CheckConstraint]:
        """The CHECK constraints that it was given itself."""
        return set(self.checks)

    @property
    def description(self) -> str:
        """Its name."""
        return self.name

    def references(self, column: Column[Any]) -> bool:
        """Return True when a foreign key of this column refers to ``column``."""
        return any(foreign_key.column is column for foreign_key in self.foreign_keys)

    def copy(self) -> Column[T]:
        """Return an unattached copy."""
        # each copy has constraints of its own, which know their column and table
        args = [a.copy_for_column() if isinstance(a, (ForeignKey, CheckConstraint)) else a for a in self.args]
        copied: Column[T] = Column(self._name, self._type, *args, key=self.key)
        for slot in ("primary_key", "nullable", "unique", "index", "default", "onupdate", "server_default", "server_onupdate",
                     "autoincrement", "comment", "doc", "system"):  # fmt: skip
            setattr(copied, slot, getattr(self, slot))
        copied.info = dict(self.info)
        return copied

    def __getstate__(self) -> tuple[dict[str, Any] | None, dict[str, Any]]:
        # its type is worked out, in place of what other expressions have under that name
        slots = {name: getattr(self, name) for name in Column.__slots__ if hasattr(self, name)}
        return getattr(self, "__dict__", None), slots

    def collect_shape(self, shape: Shape) -> None:
        shape.key.append(self)

    def __repr__(self) -> str:
        return f"Column({self.table.fullname + '.' if self.table is not None else ''}{self._name}, {self._type!r})"
