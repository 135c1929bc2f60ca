"""Query: asks a Session for objects and columns.

In reading order: query, building, joins, enclosing, labels, worded, parents, bulk_context.
"""

from flask_uow.orm.query.query import Query

__all__ = ["Query"]
