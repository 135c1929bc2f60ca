"""The whole compiler, its generic dialect, and the cache of compiled statements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from flask_uow.exc import ArgumentError, did_you_mean
from flask_uow.sql.compiler.compiled import Compiled, Slot
from flask_uow.sql.compiler.ddl import DDLCompiler
from flask_uow.sql.compiler.dml import DMLCompiler
from flask_uow.sql.compiler.functions import FunctionCompiler
from flask_uow.sql.compiler.parts import PartsCompiler
from flask_uow.sql.compiler.select import SelectCompiler
from flask_uow.sql.interfaces import SQLDialect
from flask_uow.sql.nodes import ClauseElement, Shape, stringifier
from flask_uow.sql.types import ARRAY, TypeArgument, TypeEngine, UserDefinedType, to_instance
from flask_uow.sql.types.base import printer

if TYPE_CHECKING:
    from flask_uow.sql.interfaces import HasDialect
    from flask_uow.sql.nodes import Executable

__all__ = ["GenericDialect", "StatementCompiler", "compile_statement"]


class CompilingDialect(SQLDialect, Protocol):
    """A dialect that statements are compiled for.

    :ivar compiler_class: the compiler that writes as the database wants it.
    """

    compiler_class: ClassVar[type[StatementCompiler]]


class StatementCompiler(SelectCompiler, PartsCompiler, FunctionCompiler, DMLCompiler, DDLCompiler):
    """Writes every statement in standard SQL; dialects subclass it."""


# by the names of types, where they are not the words
_WORDS = {
    "string": "VARCHAR", "unicode": "VARCHAR", "enum": "VARCHAR", "big_integer": "BIGINT", "small_integer": "SMALLINT", "datetime": "TIMESTAMP",
    "large_binary": "BLOB", "double": "DOUBLE PRECISION", "uuid_digits": "CHAR(32)",
}  # fmt: skip


class GenericDialect:
    """A dialect without a database, for ``str(statement)``: standard SQL with ``:named`` parameters."""

    name: ClassVar[str] = "generic"
    placeholder: ClassVar[str] = "?"
    escapes_percent: ClassVar[bool] = False
    exact_decimal_text: ClassVar[bool] = False
    supports_for_update: ClassVar[bool] = True
    supports_sequences: bool = True
    supports_enums: bool = True
    lacks: frozenset[str] = frozenset()
    tells_rowid: ClassVar[bool] = False
    compiler_class: type[StatementCompiler] = StatementCompiler

    def quote(self, identifier: str) -> str:
        """Return the identifier, quoted unless it is a plain lower-case word."""
        if not identifier:
            # of a column that its class has not named yet
            return "<unnamed>"
        if identifier.replace("_", "a").isalnum() and identifier.islower() and not identifier[0].isdigit():
            return identifier
        return '"' + identifier.replace('"', '""') + '"'

    def bind_processor(self, type_: TypeEngine[Any]) -> None:
        """Values stay as they are."""

    def result_processor(self, type_: TypeEngine[Any]) -> None:
        """Values stay as they are."""

    def type_descriptor(self, type_: TypeArgument) -> TypeEngine[Any]:
        """Return the type."""
        return to_instance(type_)

    def type_ddl(self, type_: TypeEngine[Any]) -> str:
        """Return the type as standard SQL writes it, with its length or its digits."""
        stored: Any = type_.stored_type
        if stored.native_name is not None:
            return str(stored.native_name)
        if isinstance(stored, UserDefinedType):
            return stored.get_col_spec()
        if isinstance(stored, ARRAY):
            return f"{self.type_ddl(stored.item_type)}[]"
        word: str = _WORDS.get(stored.lookup_name) or str(stored.lookup_name).upper()
        numbers = [getattr(stored, name, None) for name in ("length", "precision", "scale")]
        given = ", ".join(str(number) for number in numbers if number is not None)
        is_sized = given and word in ("VARCHAR", "CHAR", "NUMERIC", "FLOAT")
        return f"{word}({given})" if is_sized else word

    cast_name = type_ddl


class _PrintingCompiler(StatementCompiler):
    """Writes ``:name`` placeholders and keeps the values beside them."""

    def placeholder(self, slot: Slot, number: int) -> str:
        return f":{_name_of(slot, number)}"


def _name_of(slot: Slot, number: int) -> str:
    """Return the name by which a parameter is known in a text that is looked at."""
    if slot.index < 0:
        return f"default_{number + 1}"
    return slot.key or f"param_{slot.index + 1}"


GenericDialect.compiler_class = _PrintingCompiler
_GENERIC = printer.dialect = GenericDialect()


class PrintedStatement:
    """A compiled statement as people look at it.

    :ivar statement: the statement.
    :ivar dialect: what it was written for.
    :ivar params: the values of its parameters by the names in the text.
    :ivar positiontup: these names in the order in which the text has the parameters: once more for each place that has it.
    """

    def __init__(self, compiled: Compiled, shape: Shape, statement: ClauseElement, dialect: Any) -> None:
        self.compiled = compiled
        self.statement = statement
        self.dialect = dialect
        self._binds = shape.binds
        kind = statement.__visit_name__
        self.isinsert, self.isupdate, self.isdelete = kind == "insert", kind == "update", kind == "delete"

    @property
    def params(self) -> dict[str, Any]:
        """The values of the parameters; only read here, since an object in a criterion may have no key yet."""
        return self.construct_params()

    def construct_params(self, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the values of the parameters by their names.

        :param params: values in place of those that the statement has.
        """
        given = params or {}
        made: dict[str, Any] = {}
        for name, slot in zip(self.positiontup, self.compiled.slots, strict=True):
            if name in given:
                made[name] = given[name]
            else:
                made[name] = slot.default.value() if slot.default is not None else self._binds[slot.index].value
        return made

    @property
    def positiontup(self) -> list[str]:
        return [_name_of(slot, number) for number, slot in enumerate(self.compiled.slots)]

    @property
    def sql(self) -> str:
        """The text."""
        return self.compiled.sql

    string = sql

    def __str__(self) -> str:
        return self.compiled.sql


# what compile_kwargs may say; the items of IN are written one by one in any case
_KEYWORDS = ("literal_binds", "render_postcompile")


def _print(
    node: Any,
    bind: HasDialect | SQLDialect | None,
    options: Mapping[str, object] | None,
    column_keys: Iterable[str] | None = None,
) -> PrintedStatement:
    given = dict(options or {})
    for name in given:
        if name not in _KEYWORDS:
            raise ArgumentError(
                f"compile_kwargs has the key {name!r}; it takes {', '.join(_KEYWORDS)}.{did_you_mean(name, _KEYWORDS)}"
            )
    chosen: Any = _GENERIC if bind is None else getattr(bind, "dialect", bind)
    if not hasattr(chosen, "compiler_class"):
        raise ArgumentError(
            f"compile() takes an engine, a connection or a dialect, got {bind!r}. Pass one, or nothing for a generic form."
        )
    if column_keys is not None and not getattr(node, "has_values", True):
        node = node.for_parameters(list(column_keys))
    shape = Shape()
    node.collect_shape(shape)
    compiler = chosen.compiler_class(chosen, writes_values=bool(given.get("literal_binds")))
    return PrintedStatement(compiler.compile(node, shape), shape, node, chosen)


stringifier.compile = _print


def compile_statement(
    statement: Executable, dialect: CompilingDialect, cache: MutableMapping[Any, Compiled]
) -> tuple[Compiled, list[Any]]:
    """Return the compiled form of a statement, and the values of its bind parameters.

    A statement of the same shape that was compiled before is found again in ``cache``.

    :raises CompileError: where the dialect cannot express the statement.
    """
    shape = statement.shape()
    if not shape.cacheable:
        return dialect.compiler_class(dialect, is_executed=True).compile(statement, shape), [
            bind.value for bind in shape.binds
        ]
    key = tuple(shape.key)
    compiled = cache.get(key)
    if compiled is None:
        compiled = dialect.compiler_class(dialect, is_executed=True).compile(statement, shape)
        cache[key] = compiled
    return compiled, [bind.value for bind in shape.binds]
