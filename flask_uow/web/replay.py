"""Dispatching a request again, for ``UOW_RETRY_ATTEMPTS``: when that is harmless, and what is put back before.

A request is dispatched again when the database asked for it, and as long as nothing lasts of the attempt: nothing was committed,
no after-commit callback ran, the body was not consumed as a stream, and the view is not marked with ``db.no_retry``. One that has read from
a replica, which was lost or too old for what the request writes, is dispatched once more under the same conditions. Called by
flask_uow.web.boundary, which catches :class:`Again` around Flask's own dispatch.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from flask import Request, g

from flask_uow.engine.conflicts import is_fault_of_replica
from flask_uow.exc import IntegrityError
from flask_uow.orm.exc import ObjectDeletedError, StaleDataError
from flask_uow.web.retry import pause, tell_attempts, wants_retry
from flask_uow.web.scope import Scope
from flask_uow.web.views import is_marked_no_retry

if TYPE_CHECKING:
    from flask.ctx import RequestContext
    from werkzeug.wrappers import Response

__all__ = ["Again", "Replay"]


# what a write meets that was decided by old rows: one that seemed to be missing is there, one that seemed to be there is gone
_ABOUT_OLD_ROWS = (StaleDataError, ObjectDeletedError, IntegrityError)


class Again(BaseException):
    """Leaves a dispatch that is to be repeated. No error of the application's: nothing but the boundary may catch it.

    :ivar error: the conflict.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


class Replay:
    """The state in which one request can be dispatched again.

    :param context: the request's context.
    :param limit: how often the request may be dispatched in all, when the database asks for that.
    :param reads_from_replica: it may be dispatched once more, to read from the primary, where it fails because of a replica.
    """

    def __init__(self, context: RequestContext, scope: Scope, limit: int, reads_from_replica: bool = False) -> None:
        self._context = context
        self._scope = scope
        self._limit = limit
        self._may_leave_replica = reads_from_replica
        self._attempt = 1
        self._globals = dict(vars(g._get_current_object()))

    def raise_again(self, error: BaseException) -> None:
        """Leave the dispatch when another one may follow; else return, with the number of attempts in the error's message."""
        if not isinstance(error, Exception):
            return
        # once only: the next dispatch reads from the primary, and what fails there is no fault of a replica's
        if self._may_leave_replica and not self._scope.progress.is_lasting and self._is_fault_of_replica(error):
            self._may_leave_replica = False
            if self._body_is_there() and not is_marked_no_retry():
                # this attempt does not count, and the first one needs no pause after it: nobody was met who would come again
                self._attempt -= 1
                raise Again(error)
        if wants_retry(error, self._attempt, self._limit, self._scope.progress):
            if self._body_is_there() and not is_marked_no_retry():
                raise Again(error)
        elif self._attempt == self._limit:
            tell_attempts(error, self._attempt)

    def raise_again_closing(self, error: BaseException, response: Response) -> None:
        """The same for an error at the commit point, where a response is there that will not be sent."""
        try:
            self.raise_again(error)
        except Again:
            response.close()
            raise

    def begin_anew(self) -> None:
        """Wait, and put back what the dispatch has changed: ``g``, the session cookie's data, flashes, after_this_request."""
        if self._attempt:
            time.sleep(pause(self._attempt))
        self._attempt += 1
        context = self._context
        kept = vars(g._get_current_object())
        kept.clear()
        kept.update(self._globals)
        context._after_request_functions.clear()
        interface = context.app.session_interface
        session = interface.open_session(context.app, context.request)
        if session is None:
            session = interface.make_null_session(context.app)
        # Flask 3.2 keeps both under names with an underscore
        for name, value in (("session", session), ("flashes", None)):
            context.__dict__[f"_{name}" if f"_{name}" in vars(context) else name] = value
        # parsed files are kept by the request, and the view may have read them to their ends
        for upload in _uploads(context.request):
            upload.seek(0)

    def _is_fault_of_replica(self, error: BaseException) -> bool:
        """Return True for an error that another dispatch, which reads from the primary, need not meet."""
        if is_fault_of_replica(error):
            return True
        routing = self._scope.routing
        return routing is not None and routing.turned_late and isinstance(error, _ABOUT_OLD_ROWS)

    def _body_is_there(self) -> bool:
        """Return False when the view has read the body as a stream, so that another dispatch would find nothing."""
        request = self._context.request
        # what Werkzeug has cached in the __dict__ tells what was read
        read = vars(request)
        if "stream" not in read or "_cached_data" in read:
            return True
        if "form" in read and request.want_form_data_parsed:
            return True
        return not request.content_length and not request.environ.get("wsgi.input_terminated")


def _uploads(request: Request) -> list[Any]:
    files = vars(request).get("files")
    return [] if files is None else [upload.stream for _, upload in files.items(multi=True) if upload.stream.seekable()]
