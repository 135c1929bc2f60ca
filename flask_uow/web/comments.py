"""The values that ``UOW_SQL_COMMENTS`` has each statement carry: the route and the id of the request that it was sent for.

The format is that of :mod:`flask_uow.engine.comments`. Given to the engines by flask_uow.web.config.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_uow.web.scope import current_request, request_scope

__all__ = ["request_values"]


def request_values() -> Mapping[str, Any]:
    """Return route and request id; the id is that of the ``X-Request-ID`` header, else the number of the request's scope."""
    request = current_request()
    if request is None:
        return {}
    scope = request_scope()
    return {
        "request_id": request.headers.get("X-Request-ID") or (scope.token if scope is not None else None),
        "route": request.url_rule.rule if request.url_rule is not None else None,
    }
