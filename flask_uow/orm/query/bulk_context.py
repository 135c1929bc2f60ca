"""BulkContext: tells functions that listen to an UPDATE or a DELETE of many rows what was executed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flask_uow.engine import Result
    from flask_uow.orm.query.query import Query
    from flask_uow.orm.session.session import Session
    from flask_uow.sql.dml_statement import DMLStatement

__all__ = ["BulkContext"]


class BulkContext:
    """A statement that changes many rows, as functions see it that listen to ``after_bulk_update``, ``before_compile_update`` and the like.

    :ivar session: the Session.
    :ivar query: the query.
    :ivar values: what an UPDATE sets; what listens to ``before_compile_update`` may change it. Empty for a DELETE.
    :ivar statement: the statement that was executed; None before that.
    :ivar result: its result, with ``rowcount``; None before that.
    """

    def __init__(
        self,
        session: Session,
        query: Query[Any],
        statement: DMLStatement | None,
        result: Result | None,
        values: dict[Any, Any],
    ) -> None:
        self.session = session
        self.query = query
        self.statement = statement
        self.result = result
        self.values = values

    @property
    def rowcount(self) -> int:
        """The number of rows that were changed."""
        count: int = self.result.rowcount if self.result is not None else 0
        return count
