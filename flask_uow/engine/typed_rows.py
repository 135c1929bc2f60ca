"""The rows of a result as type checkers know them: each unpacks into items of known types. Never imported at run time.

Of a ``Result[Any]`` nothing is known: the first overload of each method is for that one, which fits everything.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Generic, overload

from flask_uow.engine.result import FetchedResult
from flask_uow.engine.rows import TypedRow
from flask_uow.sql.typed import TP_co, Ts

__all__ = ["RowsOf"]


class _Unknown(tuple[Any, ...]):
    """Nothing is of this type, but Any fits it."""


class RowsOf(FetchedResult[Any], Generic[TP_co]):
    """The methods of a :class:`~flask_uow.engine.result.Result` that give rows."""

    @overload
    def __iter__(self: RowsOf[_Unknown]) -> Iterator[Any]: ...
    @overload
    def __iter__(self: RowsOf[tuple[*Ts]]) -> Iterator[TypedRow[*Ts]]: ...
    def __iter__(self) -> Any:
        raise NotImplementedError

    @overload
    def all(self: RowsOf[_Unknown]) -> list[Any]: ...
    @overload
    def all(self: RowsOf[tuple[*Ts]]) -> list[TypedRow[*Ts]]: ...
    def all(self) -> Any:
        raise NotImplementedError

    @overload
    def fetchall(self: RowsOf[_Unknown]) -> list[Any]: ...
    @overload
    def fetchall(self: RowsOf[tuple[*Ts]]) -> list[TypedRow[*Ts]]: ...
    def fetchall(self) -> Any:
        raise NotImplementedError

    @overload
    def fetchone(self: RowsOf[_Unknown]) -> Any | None: ...
    @overload
    def fetchone(self: RowsOf[tuple[*Ts]]) -> TypedRow[*Ts] | None: ...
    def fetchone(self) -> Any:
        raise NotImplementedError

    @overload
    def fetchmany(self: RowsOf[_Unknown], size: int = 1) -> list[Any]: ...
    @overload
    def fetchmany(self: RowsOf[tuple[*Ts]], size: int = 1) -> list[TypedRow[*Ts]]: ...
    def fetchmany(self, size: int = 1) -> Any:
        raise NotImplementedError

    @overload
    def partitions(self: RowsOf[_Unknown], size: int | None = None) -> Iterator[list[Any]]: ...
    @overload
    def partitions(self: RowsOf[tuple[*Ts]], size: int | None = None) -> Iterator[list[TypedRow[*Ts]]]: ...
    def partitions(self, size: int | None = None) -> Any:
        raise NotImplementedError

    @overload
    def first(self: RowsOf[_Unknown]) -> Any | None: ...
    @overload
    def first(self: RowsOf[tuple[*Ts]]) -> TypedRow[*Ts] | None: ...
    def first(self) -> Any:
        raise NotImplementedError

    @overload
    def one(self: RowsOf[_Unknown]) -> Any: ...
    @overload
    def one(self: RowsOf[tuple[*Ts]]) -> TypedRow[*Ts]: ...
    def one(self) -> Any:
        raise NotImplementedError

    @overload
    def one_or_none(self: RowsOf[_Unknown]) -> Any | None: ...
    @overload
    def one_or_none(self: RowsOf[tuple[*Ts]]) -> TypedRow[*Ts] | None: ...
    def one_or_none(self) -> Any:
        raise NotImplementedError
