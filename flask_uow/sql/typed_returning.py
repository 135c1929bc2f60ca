"""INSERT, UPDATE and DELETE with RETURNING as type checkers know them: the types of the rows. Never imported at run time."""

from __future__ import annotations

from typing import Any, overload

from flask_uow.sql.dml import Delete, Insert, Update
from flask_uow.sql.dml_statement import DMLStatement
from flask_uow.sql.typed import T0, T1, T2, T3, T4, T5, T6, T7, Item, ReturnsRows, TP_co

__all__ = ["DeleteTypes", "InsertTypes", "UpdateTypes"]


class InsertTypes(DMLStatement):
    """The base of :class:`Insert` that knows what its RETURNING gives."""

    @overload
    def returning(self, a: Item[T0], /, *, sort_by_parameter_order: bool = False) -> ReturningInsert[tuple[T0]]: ...

    @overload
    def returning(
        self, a: Item[T0], b: Item[T1], /, *, sort_by_parameter_order: bool = False
    ) -> ReturningInsert[tuple[T0, T1]]: ...

    @overload
    def returning(
        self, a: Item[T0], b: Item[T1], c: Item[T2], /, *, sort_by_parameter_order: bool = False
    ) -> ReturningInsert[tuple[T0, T1, T2]]: ...

    @overload
    def returning(
        self, a: Item[T0], b: Item[T1], c: Item[T2], d: Item[T3], /, *, sort_by_parameter_order: bool = False
    ) -> ReturningInsert[tuple[T0, T1, T2, T3]]: ...

    @overload
    def returning(
        self,
        a: Item[T0],
        b: Item[T1],
        c: Item[T2],
        d: Item[T3],
        e: Item[T4],
        /,
        *,
        sort_by_parameter_order: bool = False,
    ) -> ReturningInsert[tuple[T0, T1, T2, T3, T4]]: ...

    @overload
    def returning(
        self,
        a: Item[T0],
        b: Item[T1],
        c: Item[T2],
        d: Item[T3],
        e: Item[T4],
        f: Item[T5],
        /,
        *,
        sort_by_parameter_order: bool = False,
    ) -> ReturningInsert[tuple[T0, T1, T2, T3, T4, T5]]: ...

    @overload
    def returning(
        self,
        a: Item[T0],
        b: Item[T1],
        c: Item[T2],
        d: Item[T3],
        e: Item[T4],
        f: Item[T5],
        g: Item[T6],
        /,
        *,
        sort_by_parameter_order: bool = False,
    ) -> ReturningInsert[tuple[T0, T1, T2, T3, T4, T5, T6]]: ...

    @overload
    def returning(
        self,
        a: Item[T0],
        b: Item[T1],
        c: Item[T2],
        d: Item[T3],
        e: Item[T4],
        f: Item[T5],
        g: Item[T6],
        h: Item[T7],
        /,
        *,
        sort_by_parameter_order: bool = False,
    ) -> ReturningInsert[tuple[T0, T1, T2, T3, T4, T5, T6, T7]]: ...

    @overload
    def returning(self, *entities: Any, sort_by_parameter_order: bool = False) -> ReturningInsert: ...

    def returning(self, *entities: Any, sort_by_parameter_order: bool = False) -> Any:
        raise NotImplementedError


class UpdateTypes(DMLStatement):
    """The base of :class:`Update` that knows what its RETURNING gives."""

    @overload
    def returning(self, a: Item[T0], /) -> ReturningUpdate[tuple[T0]]: ...

    @overload
    def returning(self, a: Item[T0], b: Item[T1], /) -> ReturningUpdate[tuple[T0, T1]]: ...

    @overload
    def returning(self, a: Item[T0], b: Item[T1], c: Item[T2], /) -> ReturningUpdate[tuple[T0, T1, T2]]: ...

    @overload
    def returning(
        self, a: Item[T0], b: Item[T1], c: Item[T2], d: Item[T3], /
    ) -> ReturningUpdate[tuple[T0, T1, T2, T3]]: ...

    @overload
    def returning(
        self, a: Item[T0], b: Item[T1], c: Item[T2], d: Item[T3], e: Item[T4], /
    ) -> ReturningUpdate[tuple[T0, T1, T2, T3, T4]]: ...

    @overload
    def returning(
        self, a: Item[T0], b: Item[T1], c: Item[T2], d: Item[T3], e: Item[T4], f: Item[T5], /
    ) -> ReturningUpdate[tuple[T0, T1, T2, T3, T4, T5]]: ...

    @overload
    def returning(
        self, a: Item[T0], b: Item[T1], c: Item[T2], d: Item[T3], e: Item[T4], f: Item[T5], g: Item[T6], /
    ) -> ReturningUpdate[tuple[T0, T1, T2, T3, T4, T5, T6]]: ...

    @overload
    def returning(
        self, a: Item[T0], b: Item[T1], c: Item[T2], d: Item[T3], e: Item[T4], f: Item[T5], g: Item[T6], h: Item[T7], /
    ) -> ReturningUpdate[tuple[T0, T1, T2, T3, T4, T5, T6, T7]]: ...

    @overload
    def returning(self, *entities: Any) -> ReturningUpdate: ...

    def returning(self, *entities: Any) -> Any:
        raise NotImplementedError


class DeleteTypes(DMLStatement):
    """The base of :class:`Delete` that knows what its RETURNING gives."""

    @overload
    def returning(self, a: Item[T0], /) -> ReturningDelete[tuple[T0]]: ...

    @overload
    def returning(self, a: Item[T0], b: Item[T1], /) -> ReturningDelete[tuple[T0, T1]]: ...

    @overload
    def returning(self, a: Item[T0], b: Item[T1], c: Item[T2], /) -> ReturningDelete[tuple[T0, T1, T2]]: ...

    @overload
    def returning(
        self, a: Item[T0], b: Item[T1], c: Item[T2], d: Item[T3], /
    ) -> ReturningDelete[tuple[T0, T1, T2, T3]]: ...

    @overload
    def returning(
        self, a: Item[T0], b: Item[T1], c: Item[T2], d: Item[T3], e: Item[T4], /
    ) -> ReturningDelete[tuple[T0, T1, T2, T3, T4]]: ...

    @overload
    def returning(
        self, a: Item[T0], b: Item[T1], c: Item[T2], d: Item[T3], e: Item[T4], f: Item[T5], /
    ) -> ReturningDelete[tuple[T0, T1, T2, T3, T4, T5]]: ...

    @overload
    def returning(
        self, a: Item[T0], b: Item[T1], c: Item[T2], d: Item[T3], e: Item[T4], f: Item[T5], g: Item[T6], /
    ) -> ReturningDelete[tuple[T0, T1, T2, T3, T4, T5, T6]]: ...

    @overload
    def returning(
        self, a: Item[T0], b: Item[T1], c: Item[T2], d: Item[T3], e: Item[T4], f: Item[T5], g: Item[T6], h: Item[T7], /
    ) -> ReturningDelete[tuple[T0, T1, T2, T3, T4, T5, T6, T7]]: ...

    @overload
    def returning(self, *entities: Any) -> ReturningDelete: ...

    def returning(self, *entities: Any) -> Any:
        raise NotImplementedError


class ReturningInsert(Insert, ReturnsRows[TP_co]):
    """An INSERT with RETURNING, whose rows are ``TP_co``."""


class ReturningUpdate(Update, ReturnsRows[TP_co]):
    """An UPDATE with RETURNING, whose rows are ``TP_co``."""


class ReturningDelete(Delete, ReturnsRows[TP_co]):
    """A DELETE with RETURNING, whose rows are ``TP_co``."""
