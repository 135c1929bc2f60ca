"""The hooks into Flask: where a scope's end is noticed, and the outcome carried out.

:func:`install` wraps five methods of the app object. Functions registered with ``after_request`` or
``teardown_request`` would not do: Flask runs the former in reverse order of registration, so that ours could be followed
by others, and stops calling the latter when one of them raises. Every hook may run more than once for a context (a
response replaced by an error page, ``stream_with_context``), so each leaves a state in which running again does no harm.

The methods are wrapped for Flask 3.0 and 3.1, and for 3.2, which passes the context as first argument: the wrappers
look at the last argument only. What becomes of the work is decided in flask_uow.web.outcome.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import click
from flask import Flask, Response, appcontext_pushed
from werkzeug.exceptions import HTTPException, InternalServerError

from flask_uow.web.config import Settings
from flask_uow.web.ending import close_sessions, end_scope, finish, has_changes, is_settled, roll_back
from flask_uow.web.outcome import CommitOn, Ending, Kind, Moment, Outcome, decide
from flask_uow.web.replay import Again, Replay
from flask_uow.web.retry import Progress
from flask_uow.web.scope import (
    Scope,
    app_context,
    context_scope,
    current_request,
    existing_scope,
    leave_to_app_context,
    note_pushed_context,
    request_context,
    request_scope,
)

if TYPE_CHECKING:
    from flask_uow.web.extension import UnitOfWork
    from flask_uow.web.reading import Reading

__all__ = ["install", "is_redirect", "tell_of_dropped_work"]

_REQUEST, _RESPONSE, _AT_RESPONSE, _COMMIT = Kind.REQUEST, Moment.RESPONSE, CommitOn.RESPONSE, Outcome.COMMIT
# scopes that may be torn down by an exception without being told of it
_HIDING_ERRORS = (_REQUEST, Kind.COMMAND)


def install(owner: UnitOfWork, app: Flask, settings: Settings, reading: Reading | None) -> None:
    """Wrap the methods of ``app`` by which requests, contexts and commands end."""
    boundary = _Boundary(owner, app, settings, reading)
    # the methods, and not after_request() and its kin: functions that others registered before would run after ours
    hooks: dict[str, Callable[..., Any]] = {
        "full_dispatch_request": boundary.full_dispatch_request,
        "handle_user_exception": boundary.handle_user_exception,
        "process_response": boundary.process_response,
        "do_teardown_request": partial(boundary.tear_down, request_context),
        "do_teardown_appcontext": partial(boundary.tear_down, app_context),
    }
    for name, hook in hooks.items():
        setattr(app, name, partial(hook, getattr(app, name)))
    # for every app: a context of another one that is pushed inside a request of this one must be known as such
    appcontext_pushed.connect(note_pushed_context)


class _Boundary:
    """The hooks of one app. Each takes the method that it stands for, then that method's arguments."""

    def __init__(self, owner: UnitOfWork, app: Flask, settings: Settings, reading: Reading | None) -> None:
        self.owner = owner
        self.app = app
        self.settings = settings
        self.reading = reading
        self.may_dispatch_again = reading is not None or settings.retry_attempts > 1

    # -- the request, in the order in which Flask calls

    def full_dispatch_request(self, original: Callable[..., Any], *args: Any) -> Any:
        context = request_context()
        scope = context_scope(context, self.owner)
        scope.kind = _REQUEST
        # a test client may send a request while its caller handles an exception: that one is none of the request's
        scope.outer_error = sys.exc_info()[1]
        scope.outcome = None
        if self.may_dispatch_again:
            routes = self.reading is not None and self.reading.dispatch(scope, context.request)
            if routes or self.settings.retry_attempts > 1:
                scope.replay = Replay(context, scope, self.settings.retry_attempts, routes)
                return self._dispatch_until_done(scope, scope.replay, original, args)
        try:
            return original(*args)
        except BaseException as error:
            self._note_unhandled(scope, error)
            raise

    def _dispatch_until_done(
        self, scope: Scope, replay: Replay, original: Callable[..., Any], args: tuple[Any, ...]
    ) -> Any:
        """Dispatch a request again as often as that is called for."""
        try:
            while True:
                try:
                    return self._dispatch_with(scope, replay, original, args)
                except Again as again:
                    self.app.logger.info("A request is dispatched again after a conflict: %s", again.error)
                    self._discard_attempt(scope)
                    # another conflict with a replica would be no surprise
                    scope.use_primary()
                replay.begin_anew()
        finally:
            scope.replay = None

    def _dispatch_with(self, scope: Scope, replay: Replay, original: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        try:
            return original(*args)
        except Again:
            raise
        except BaseException as error:
            replay.raise_again(error)
            self._note_unhandled(scope, error)
            raise

    def _discard_attempt(self, scope: Scope) -> None:
        roll_back(scope)
        end_scope(scope, Outcome.ROLLBACK)
        # the Session of the attempt is closed, and nothing of it may count for the next one
        scope.progress = Progress()
        scope.routing = None
        scope.outcome = scope.response = None
        scope.awaits_body = False

    def handle_user_exception(self, original: Callable[..., Any], *args: Any) -> Any:
        """Roll back what the view did up to its exception, before any error handler works with the Session."""
        error = args[-1]
        scope = request_scope()
        if scope is not None and scope.replay is not None:
            scope.replay.raise_again(error)
        if scope is not None and not is_redirect(error):
            self._note_error(scope, error)
        return original(*args)

    def process_response(self, original: Callable[..., Any], *args: Any) -> Any:
        """The commit point: after the last ``after_request`` function, before the response leaves."""
        # first the functions of after_request: what they write is committed, and a status that they set counts
        try:
            response = original(*args)
        except Exception as error:
            scope = request_scope()
            if scope is not None and scope.replay is not None:
                scope.replay.raise_again_closing(error, args[-1])
            raise
        scope = request_scope()
        if scope is None:
            return response
        try:
            self._reach_commit_point(scope, response)
        except Exception as error:  # noqa: BLE001 (as for an error in a view: a handler gets it, or it is raised)
            if scope.replay is not None:
                scope.replay.raise_again_closing(error, response)
            self._close_unsent(response)
            response = self._answer_failed_commit(scope, error, original, args)
        if self.reading is not None and scope.progress.written:
            self.reading.tell_client(scope, current_request(), response)
        return response

    def tear_down(self, current: Callable[[], Any], original: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Run the teardown functions of others, then end the scope even if one of them raised.

        :param current: gives the context that is torn down.
        """
        context = current()
        failure: BaseException | None = None
        try:
            original(*args, **kwargs)
        except BaseException as error:
            # a teardown function that fails has the work rolled back, like any other error
            failure = error
            raise
        finally:
            scope = existing_scope(context)
            if scope is not None:
                given = args[-1] if args else kwargs.get("exc")
                # where nothing was passed, there is Flask's mark for that
                if isinstance(given, BaseException):
                    failure = given
                if current is request_context:
                    leave_to_app_context(context, scope)
                    scope.keeps_session = scope.awaits_body and failure is None
                    scope.awaits_body = False
                self._end(scope, failure)

    # -- steps

    def _note_unhandled(self, scope: Scope, error: BaseException) -> None:
        scope.is_unhandled = True
        self._note_error(scope, error)

    def _note_error(self, scope: Scope, error: BaseException) -> None:
        scope.error = error
        if not scope.sessions or self.settings.commit_on is CommitOn.NEVER:
            return
        # an app with a rule of its own may want the work of a failed view; a broken transaction cannot be kept
        if self.settings.commit_when is None or not all(session.is_active for session in scope.sessions):
            roll_back(scope)

    def _reach_commit_point(self, scope: Scope, response: Response) -> None:
        scope.response = response
        if scope.kind is not _REQUEST:
            return
        if self.settings.commit_on is _AT_RESPONSE:
            try:
                outcome = scope.outcome = self._decide(scope, _RESPONSE, scope.error)
            except BaseException:
                roll_back(scope)
                raise
            if not scope.sessions:
                return
            finish(scope, outcome)
        if response.is_streamed and scope.sessions:
            scope.awaits_body = True
            # stream_with_context ends the scope after the body; other streams end it here
            response.call_on_close(lambda: end_scope(scope, Outcome.ROLLBACK))
            if not response.direct_passthrough:
                response.response = _Body(response.response, scope)

    def _close_unsent(self, response: Response) -> None:
        """Close a response in whose place another one is sent: no server will do so, and it may hold a file or a generator."""
        try:
            response.close()
        except Exception:
            self.app.logger.exception("A response whose commit failed could not be closed")

    def _answer_failed_commit(
        self, scope: Scope, error: Exception, process: Callable[..., Any], args: tuple[Any, ...]
    ) -> Any:
        """Return the response that the app's error handlers make of a failed commit.

        :raises Exception: the error itself when no handler takes it, as for an error raised in a view.
        """
        scope.outcome = Outcome.ROLLBACK
        if scope.is_unhandled:
            # the response is that of a crash already, and Flask would send it with whatever status it has
            self.app.logger.error("The commit of an error page failed", exc_info=error)
            response = self.app.make_response(InternalServerError(original_exception=error))
            return process(*args[:-1], response)
        handle: Callable[..., Any] = self.app.handle_user_exception
        handled = handle(*args[:-1], error)
        # the answer of an error handler is a response like any other: after_request functions see it, and what the
        # handler wrote is decided on anew
        response = process(*args[:-1], self.app.make_response(handled))
        self._reach_commit_point(scope, response)
        return response

    def _end(self, scope: Scope, error: BaseException | None) -> None:
        if error is None and scope.kind in _HIDING_ERRORS:
            # Click before 8.2 hides every failure from the contexts that it closes; Flask one in sending the headers
            in_flight = sys.exc_info()[1]
            error = None if in_flight is scope.outer_error else in_flight
        if scope.outcome is _COMMIT and error is None and is_settled(scope):
            # nearly every request: all was done at the commit point
            scope.forget_ending()
            if not scope.keeps_session:
                close_sessions(scope)
            return
        outcome = Outcome.ROLLBACK
        dropped_work = False
        try:
            outcome = self._decide(scope, Moment.TEARDOWN, error)
            dropped_work = outcome is Outcome.ROLLBACK and has_changes(scope)
        finally:
            if scope.kind is _REQUEST:
                scope.outcome = outcome
            end_scope(scope, outcome, keep_session=scope.keeps_session)
        if dropped_work:
            tell_of_dropped_work(scope.kind)

    def _decide(self, scope: Scope, moment: Moment, error: BaseException | None) -> Outcome:
        return decide(
            Ending(
                kind=scope.kind,
                moment=moment,
                commit_on=self.settings.commit_on,
                error=error,
                response=scope.response,
                exit_code=None if scope.command is None else scope.command.exit_code,
                rollback_asked=scope.rollback_asked,
                outcome=scope.outcome,
                commit_when=self.settings.commit_when,
            )
        )


class _Body:
    """The body of a streamed response: its scope has ended when nothing is left of it, also where nobody closes the response (test clients).

    :param items: what it consists of, an iterable without a length.
    """

    def __init__(self, items: Any, scope: Scope) -> None:
        self._items = items
        self._iterator: Iterator[Any] = iter(items)
        self._scope = scope

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            return next(self._iterator)
        except BaseException:
            end_scope(self._scope, Outcome.ROLLBACK)
            raise

    def close(self) -> None:
        """Close what is behind it."""
        if hasattr(self._items, "close"):
            self._items.close()


def is_redirect(error: BaseException) -> bool:
    """True for ``abort(redirect(...))`` and Werkzeug's own redirects: an HTTPException that is no error."""
    if not isinstance(error, HTTPException):
        return False
    status = error.response.status_code if error.response is not None else error.code
    return status is not None and status < 400


def tell_of_dropped_work(kind: Kind) -> None:
    """Say so where a person is looking: in a shell, and in a test whose context was pushed for it."""
    if kind is Kind.SHELL:
        click.echo("Uncommitted work was rolled back. To keep work, call session.commit() before leaving.", err=True)
    elif kind is Kind.TEST:
        warnings.warn(
            "the test ended with uncommitted work in the request context that pytest-flask pushes; it was rolled back."
            " Call db.session.commit() where the test needs the work, or db.session.rollback() where it does not.",
            stacklevel=2,
        )
