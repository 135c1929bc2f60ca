"""SQL around the values of types, as ``bind_expression()`` and ``column_expression()`` of a type return it.

Statements have it written by :class:`ValueCompiler`; for the statements that are not compiled, those of a flush, :func:`value_written` and
:func:`column_read` give the text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flask_uow.exc import ArgumentError
from flask_uow.sql.coercion import coerce_value
from flask_uow.sql.expressions import ColumnElement
from flask_uow.sql.types import NULLTYPE, TypeEngine
from flask_uow.sql.types.expressing import ExpressionName, expressing, expression_of

if TYPE_CHECKING:
    from flask_uow.sql.interfaces import SQLDialect
    from flask_uow.sql.nodes import ClauseElement

__all__ = ["ValueCompiler", "WrittenValue", "column_read", "value_written"]

# no SQL text holds it: where a text goes into the one around it
_HERE = "\x00"


class WrittenValue(ColumnElement[Any]):
    """A value, or a column, whose text is there already."""

    __slots__ = ("text",)
    __visit_name__ = "written_value"

    def __init__(self, text: str, type_: TypeEngine[Any]) -> None:
        self.text = text
        self.type = type_

    def _parts(self) -> tuple[Any, ...]:
        return (self.text,)


class ValueCompiler:
    """Writes what types put around their values and columns.

    :ivar at_top: True while what is written gives the rows of the whole statement: only there columns have SQL around them.
    :ivar is_around: True while the expression of a type is written.
    """

    dialect: SQLDialect
    # how many functions of an application are at work, whose parameters are no part of the statement's shape
    _custom: int
    at_top = True
    is_around = False

    def visit_written_value(self, node: WrittenValue) -> str:
        return node.text

    def value_around(self, type_: TypeEngine[Any], text: str) -> str:
        """Return the text of a value with what its type puts around it."""
        if not expressing.are_there:
            return text
        written = self._around(type_, WrittenValue(text, type_), "bind_expression")
        return text if written is None else written

    def column_around(self, column: ColumnElement[Any]) -> str | None:
        """Return the text of a column of the result with what its type puts around it; None where that is nothing."""
        if not (expressing.are_there and self.at_top):
            return None
        while column.__visit_name__ in ("label", "sourced"):
            inner: Any = column
            column = inner.element
        return self._around(column.type, column, "column_expression")

    def below_top(self, write: Callable[..., str], *arguments: Any) -> str:
        """Return the text that ``write(*arguments)`` gives, of something within the statement whose rows are not the result."""
        outer, self.at_top = self.at_top, False
        text = write(*arguments)
        self.at_top = outer
        return text

    def _around(self, type_: TypeEngine[Any], node: ColumnElement[Any], name: ExpressionName) -> str | None:
        method = expression_of(type_, self.dialect, name)
        made = None if method is None else method(node)
        if made is None:
            return None
        compiler: Any = self
        outer, self.is_around = self.is_around, True
        self._custom += 1
        try:
            return self.below_top(compiler.process, _checked(made, type_, name))
        finally:
            self._custom -= 1
            self.is_around = outer


def _checked(made: object, type_: TypeEngine[Any], name: ExpressionName) -> ClauseElement:
    if isinstance(made, (str, bytes)):
        raise ArgumentError(
            f"{type(type_).__name__}.{name}() returned the text {made!r}: expected an expression. Return func.f(value), say, or None."
        )
    return coerce_value(made, NULLTYPE)


def value_written(type_: TypeEngine[Any], dialect: Any, text: str) -> str:
    """Return the text of a value that is stored, a placeholder say, with what its type puts around it on a database."""
    return _written(type_, dialect, text, "bind_expression")


def column_read(type_: TypeEngine[Any], dialect: Any, text: str) -> str:
    """Return the text of a column that is read with what its type puts around it on a database."""
    return _written(type_, dialect, text, "column_expression")


def _written(type_: TypeEngine[Any], dialect: Any, text: str, name: ExpressionName) -> str:
    if expression_of(type_, dialect, name) is None:
        return text
    # other values are written out, since there is no statement that could bring them
    compiler: Any = dialect.compiler_class(dialect, writes_values=True)
    around: str | None = compiler._around(type_, WrittenValue(_HERE, type_), name)
    if around is None:
        return text
    if dialect.escapes_percent:
        around = around.replace("%", "%%")
    return around.replace(_HERE, text)
