"""Query: asks a Session for objects and columns. In reading order: enclosing, joins, building, query."""

from flask_uow.orm.query.query import Query

__all__ = ["Query"]
