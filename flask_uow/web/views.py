"""Which function is the view of the present request, under whatever decorators; and marks on views.

Used by flask_uow.web.units, to know whether a decorated function makes a response, and by flask_uow.web.replay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from flask_uow.exc import ArgumentError
from flask_uow.web.scope import current_request, request_context

__all__ = ["is_marked_no_retry", "is_marked_use_primary", "is_view", "mark_use_primary", "no_retry"]

F = TypeVar("F", bound=Callable[..., Any])

_NO_RETRY = "_uow_no_retry"
_USE_PRIMARY = "_uow_use_primary"


def no_retry(view: F) -> F:
    """Mark a view as one that ``UOW_RETRY_ATTEMPTS`` must not dispatch again; it is returned as it is.

    :raises ArgumentError: for what is no function.
    """
    if not callable(view):
        raise ArgumentError(
            f"@db.no_retry was put on {view!r}, which is no function. Put it on a view, under @app.route(...)."
        )
    setattr(view, _NO_RETRY, True)
    return view


def mark_use_primary(view: F) -> F:
    """Mark a view as one whose requests read from the primary; it is returned as it is.

    :raises ArgumentError: for what is no function.
    """
    if not callable(view):
        raise ArgumentError(
            f"@db.use_primary was put on {view!r}, which is no function. Put it on a view, under @app.route(...)."
        )
    setattr(view, _USE_PRIMARY, True)
    return view


def is_marked_use_primary() -> bool:
    """Return True when the view of the present request is marked with :func:`mark_use_primary`."""
    return any(getattr(function, _USE_PRIMARY, False) for function in _view_functions())


def is_marked_no_retry() -> bool:
    """Return True when the view of the present request is marked with :func:`no_retry`."""
    return any(getattr(function, _NO_RETRY, False) for function in _view_functions())


def is_view(function: Callable[..., Any]) -> bool:
    """Return True when ``function`` is the view of the present request, or what a decorator was put around."""
    return any(found is function for found in _view_functions())


def _view_functions() -> Iterator[Any]:
    """Yield the view function of the present request, what it wraps, and the method that a class-based view calls."""
    request = current_request()
    if request is None or request.endpoint is None:
        return
    view = request_context().app.view_functions.get(request.endpoint)
    class_ = getattr(view, "view_class", None)
    yield from _unwrapped(view)
    if class_ is not None:
        # Flask answers HEAD by get() where a view has no head()
        for name in (request.method.lower(), "get" if request.method == "HEAD" else "", "dispatch_request"):
            yield from _unwrapped(getattr(class_, name, None) if name else None)


def _unwrapped(function: object) -> Iterator[Any]:
    while function is not None:
        yield function
        function = getattr(function, "__wrapped__", None)
