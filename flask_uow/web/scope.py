"""Whose Session is it? Scopes, their tokens, and which scope is current.

Every request context has a :class:`Scope` of its own, and so has every app context outside a request (a nested one
included) and every block of ``unit_of_work()``. The scope is kept on the context object, so that it lives and dies with
it; its token comes from a process-wide counter. Never ``id()``, which is used again; never a thread, which async views
change; never something that a client sends.

Read by flask_uow.web.extension for ``db.session``, and by flask_uow.web.boundary, which ends scopes. Next: outcome.
"""

from __future__ import annotations

import itertools
import os
import sys
import warnings
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import click
import flask
from flask import globals as flask_globals

from flask_uow.exc import InvalidRequestError
from flask_uow.web.outcome import Kind, Outcome
from flask_uow.web.retry import Progress

if TYPE_CHECKING:
    from flask.ctx import AppContext, RequestContext

    from flask_uow.orm.session.routing import Routing
    from flask_uow.web.extension import UnitOfWork
    from flask_uow.web.session import WebSession
    from flask_uow.web.unit import UnitOptions

__all__ = [
    "USUAL_SESSION",
    "Scope",
    "active_scopes",
    "block_scope",
    "context_scope",
    "current_context",
    "current_request",
    "current_scope",
    "existing_scope",
    "keep_for_test",
    "leave_to_app_context",
    "app_context",
    "note_pushed_context",
    "open_block",
    "request_context",
    "request_scope",
]

# the name of db.session among the Sessions of a scope
USUAL_SESSION = "default"

_tokens = itertools.count(1)

_SCOPE = "_uow_scope"
_OPENED_IN = "_uow_opened_in"
_EXIT_CODE = "_uow_exit_code"
# what is known already of the scope that a context may come to have: its command, kind, or the whole of it
_NOTE = "_uow_note"

if TYPE_CHECKING:
    #: one of Flask's context objects, on which the scope is kept
    Context = AppContext | RequestContext

_app_context: ContextVar[Any] = flask_globals._cv_app
# Flask 3.2 has one context for both
_request_context: ContextVar[Any] = getattr(flask_globals, "_cv_request", _app_context)

# the thread-local that has Click's contexts; None in a version that keeps them elsewhere
_click_contexts: Any = getattr(click.globals, "_local", None)

_TWO_STACKS = _request_context is not _app_context

# the directory of flask_uow: what asks for a Session from elsewhere is the application
_PACKAGE = os.path.dirname(os.path.dirname(__file__)) + os.sep


class Scope:
    """One unit of work: a Session when there is one, and what has been seen of the scope's end so far.

    For one thread at a time. A scope that was ended may begin anew: it then makes another Session.

    :ivar token: a number that no other scope of this process has.
    :ivar owner: the UnitOfWork that serves the app.
    :ivar app: the Flask app.
    :ivar kind: what sort of scope it is.
    :ivar session: the Session, None until ``db.session`` is first used.
    :ivar named: the other Sessions, of ``db.get_session(name)``, in the order of their first use.
    :ivar sessions: all of these, in the order in which they are committed: that of ``db.session`` first.
    :ivar command: the Click command that it is of.
    :ivar error: the last exception seen, handled or not.
    :ivar is_unhandled: that exception escaped the dispatch.
    :ivar response: the response at the commit point.
    :ivar outcome: what was decided at the commit point.
    :ivar rollback_asked: ``rollback_at_end()`` was called.
    :ivar outer_error: an exception that was being handled already when the scope began, and is not its own.
    :ivar awaits_body: the response is a stream, and its request was not torn down yet.
    :ivar keeps_session: the request was torn down, and the Session stays open for the body.
    :ivar unit: what its transactions and engines are to be like, None for the app's defaults.
    :ivar progress: whether something was done that lasts.
    :ivar replay: what is needed to dispatch the request again, None where it will not be.
    :ivar routing: where its Sessions read, None: from the primary.
    :ivar uses_primary: nothing in it reads from replicas.
    :ivar kept: Sessions of ``transactional`` views, whose objects stay readable until the scope ends.
    """

    # of the class until something else is known of a scope: most requests end without
    kind = Kind.CONTEXT
    session: WebSession | None = None
    named: Mapping[str, WebSession] = MappingProxyType({})
    sessions: tuple[WebSession, ...] = ()
    kept: tuple[WebSession, ...] = ()
    error: BaseException | None = None
    is_unhandled = False
    response: Any = None
    outcome: Outcome | None = None
    rollback_asked = False
    outer_error: BaseException | None = None
    awaits_body = False
    keeps_session = False
    unit: UnitOptions | None = None
    replay: Any = None
    routing: Routing | None = None
    uses_primary = False
    command: Command | None = None
    _opened_at: tuple[str, int]

    def __init__(self, owner: UnitOfWork, app: flask.Flask) -> None:
        self.token = next(_tokens)
        self.owner = owner
        self.app = app
        self.progress = Progress()

    def name_of(self, session: WebSession) -> str:
        """Return the name by which ``db.get_session()`` gives a Session of the scope."""
        return next((name for name, each in self.named.items() if each is session), USUAL_SESSION)

    def open_session(self, session: WebSession, name: str = USUAL_SESSION) -> None:
        """Give the scope a Session, and remember which line of the application asked for it."""
        if name == USUAL_SESSION:
            self.session = session
            self.sessions = (session, *self.named.values())
        else:
            self.named = {**self.named, name: session}
            self.sessions = (*self.sessions, session)
        # who called this is of the package
        frame = sys._getframe(2)
        while frame.f_code.co_filename.startswith(_PACKAGE) and frame.f_back is not None:
            frame = frame.f_back
        self._opened_at = (frame.f_code.co_filename, frame.f_lineno)

    def forget_session(self) -> None:
        """Be without the Session of ``db.session``, which somebody has closed."""
        self.session = None
        self.sessions = tuple(self.named.values())

    def take_sessions(self) -> tuple[WebSession, ...]:
        """Return all Sessions that must be closed with the scope, which has none any more."""
        taken = self.sessions + self.kept
        if taken:
            self.session, self.named, self.sessions, self.kept = None, {}, (), ()
        return taken

    def forget_ending(self) -> None:
        """Forget what was seen of the scope's end: it may begin anew."""
        self.error = None
        self.is_unhandled = self.rollback_asked = False

    def __del__(self) -> None:
        if not self.sessions:
            return
        # the context was pushed and never popped; its connections go back by themselves, and are rolled back
        if any(session.has_work() for session in self.sessions):
            file, line = self._opened_at
            warnings.warn(
                f"a context whose db.session was first used at {file}:{line} was never popped; its uncommitted work is"
                " rolled back. Push contexts in a with block.",
                ResourceWarning,
                stacklevel=2,
            )

    def describer(self) -> Callable[[], str]:
        """Return a function that tells what the scope is for: the request, the command. It holds neither scope nor Session."""
        return partial(_describe, self.token, self.kind, self.command, current_request())

    def use_primary(self) -> None:
        """Have nothing in it read from replicas from now on."""
        self.uses_primary = True
        if self.routing is not None:
            self.routing.use_primary()


def _describe(token: int, kind: Kind, command: Command | None, request: flask.Request | None) -> str:
    if command is not None and command.name is not None:
        return f"the command {command.name!r}"
    if request is None:
        return f"unit of work {token}" if kind is Kind.BLOCK else f"app context {token}"
    return f"{request.method} of endpoint {request.endpoint!r} (scope {token})"


#: the request context that is active, whatever was pushed inside it; None outside a request
request_context: Callable[[], Any] = partial(_request_context.get, None)

#: the app context that is active, or None
app_context: Callable[[], Any] = partial(_app_context.get, None)


def current_request() -> Any:
    """Return the request that is active, None outside of one."""
    context = _request_context.get(None)
    # in Flask 3.2 every context may have a request
    return None if context is None or not (_TWO_STACKS or context.has_request) else context.request


def current_context() -> Any:
    """Return the context object whose scope is current; None outside any context.

    That is the request context, unless an app context was pushed inside the request: Flask 3.1 keeps two stacks.
    """
    context = _app_context.get(None)
    request = _request_context.get(None)
    if context is None or request is None:
        return context
    # an app context that was pushed inside the request is nearer than the request
    opened_in = context.__dict__.get(_OPENED_IN)
    return context if opened_in is not None and opened_in() is request else request


def context_scope(context: Context, owner: UnitOfWork) -> Scope:
    """Return the scope of a context object, made when it has none.

    :param owner: the UnitOfWork that serves the app of the context.
    """
    values = context.__dict__
    scope: Scope | None = values.get(_SCOPE)
    if scope is None:
        note: Command | Kind | Scope | None = values.get(_NOTE)
        scope = values[_SCOPE] = Scope(owner, context.app) if note is None else _noted_scope(note, owner, context.app)
    return scope


def _noted_scope(note: Command | Kind | Scope, owner: UnitOfWork, app: flask.Flask) -> Scope:
    if isinstance(note, Scope):
        return note
    scope = Scope(owner, app)
    if isinstance(note, Command):
        scope.command, scope.kind, scope.outer_error = note, note.kind, note.outer_error
    else:
        scope.kind = note
    return scope


def keep_for_test(context: Context) -> None:
    """Make a context that was pushed around a whole test a scope whose work is rolled back at its end."""
    context.__dict__.setdefault(_NOTE, Kind.TEST)
    scope = existing_scope(context)
    if scope is not None:
        scope.kind = Kind.TEST


def leave_to_app_context(context: Context, scope: Scope) -> None:
    """Let the app context that a request pushed for itself have the request's scope, if it is used once more.

    Functions of ``teardown_appcontext`` run when the request context is gone already, and belong to the request still.
    """
    # Flask keeps the app context that a request has pushed for itself beside the token of the push
    if _TWO_STACKS:
        pushes: Any = context._cv_tokens
        own = pushes[-1][1]
        if own is not None:
            own.__dict__[_NOTE] = scope


def existing_scope(context: Context | None) -> Scope | None:
    """Return the scope of a context object, None when it was never used."""
    return None if context is None else context.__dict__.get(_SCOPE)


def request_scope() -> Scope | None:
    """Return the scope of the request that is active; None outside of one, and where it was never used."""
    context = _request_context.get(None)
    return None if context is None else context.__dict__.get(_SCOPE)


def active_scopes(owner: UnitOfWork) -> Iterator[Scope]:
    """Yield the scopes that are in use here, those of contexts and blocks around the current one too; each once.

    :param owner: the UnitOfWork that they belong to.
    """
    found: dict[int, Scope] = {}
    block = _blocks.get()
    while block is not None:
        if block.is_open:
            found[block.scope.token] = block.scope
        block = block.outer
    for variable in (_app_context, _request_context):
        context = variable.get(None)
        seen: set[int] = set()
        while context is not None and id(context) not in seen:
            seen.add(id(context))
            scope = existing_scope(context)
            if scope is not None:
                found[scope.token] = scope
            context = _context_below(context)
    return (scope for scope in found.values() if scope.owner is owner)


def _context_below(context: Context) -> Any:
    """Return the context that was active when this one was pushed last; None where there was none."""
    pushes: list[Any] = getattr(context, "_cv_tokens", None) or [getattr(context, "_cv_token", None)]
    # a request context of Flask 3.1 notes the app context that it has pushed as well
    token: Any = pushes[-1][0] if isinstance(pushes[-1], tuple) else pushes[-1]
    below = token.old_value if isinstance(token, Token) else Token.MISSING
    return None if below is Token.MISSING else below


def block_scope(owner: UnitOfWork, app: flask.Flask, unit: UnitOptions) -> Scope:
    """Return the scope of a new block of ``unit_of_work()``, whose work counts for the scope that it is opened in, too."""
    scope = Scope(owner, app)
    scope.kind, scope.unit = Kind.BLOCK, unit
    outer = _innermost(owner)
    if outer is not None:
        scope.progress.outer = outer.progress
    return scope


def _innermost(owner: UnitOfWork) -> Scope | None:
    """Return the scope that a block of ``owner`` is opened in, of another block or of a context; None outside of any."""
    context = current_context()
    block = _blocks.get()
    while block is not None and not (block.is_open and block.context is context):
        block = block.outer
    if block is not None:
        return block.scope
    if context is not None and context.app.extensions.get("uow") is owner:
        return context_scope(context, owner)
    return existing_scope(context)


def current_scope(owner: UnitOfWork, use: str = "db.session") -> Scope:
    """Return the scope that ``db.session`` belongs to right now.

    :param owner: the UnitOfWork that asks.
    :param use: what the scope is needed for, for the error.
    :raises InvalidRequestError: outside any context, and in the context of an app that has another UnitOfWork or none.
    """
    # the steps of current_context(), which each use of db.session takes
    context = _app_context.get(None)
    request = _request_context.get(None)
    if request is not None and context is not None:
        opened_in = context.__dict__.get(_OPENED_IN)
        if opened_in is None or opened_in() is not request:
            context = request
    block = _blocks.get()
    # a block is about the context in which it was opened: a request inside of it, of a test client say, has a scope of
    # its own
    while block is not None:
        if block.is_open and block.context is context and block.scope.owner is owner:
            return block.scope
        block = block.outer
    if context is None:
        raise InvalidRequestError(
            f"{use} was used outside of any scope: no request or app context is active. Push a context with"
            " `with app.app_context():`, or open a unit of work with `with db.unit_of_work() as session:`. A generator that a view returns"
            " runs after its request: wrap it with flask.stream_with_context()."
        )
    scope: Scope | None = context.__dict__.get(_SCOPE)
    if scope is None and context.app.extensions.get("uow") is owner:
        scope = context_scope(context, owner)
    if scope is not None and scope.owner is owner:
        return scope
    raise InvalidRequestError(
        f"{use} was used in a context of the app {context.app.name!r}, which this UnitOfWork does not serve. Call"
        " db.init_app(app) on that app, or push a context of an app that it was called on."
    )


# -- blocks of unit_of_work()


@dataclass(slots=True, eq=False)
class _Block:
    scope: Scope
    context: Any
    outer: _Block | None
    is_open: bool = True


_blocks: ContextVar[_Block | None] = ContextVar("flask_uow_blocks", default=None)


@contextmanager
def open_block(scope: Scope) -> Iterator[None]:
    """Make ``scope`` current until the block ends, in the present context only: a request made inside has its own."""
    block = _Block(scope, current_context(), _innermost_open())
    _blocks.set(block)
    try:
        yield
    finally:
        # Not by the token of the set(): blocks in generators end in any order, and where the garbage collector or another thread closes
        # one, in another context of Python's, in which the token cannot be used.
        block.is_open = False
        _blocks.set(_innermost_open())


def _innermost_open() -> _Block | None:
    block = _blocks.get()
    while block is not None and not block.is_open:
        block = block.outer
    return block


# -- what must be noted when an app context is pushed, because nothing tells it later


class Command:
    """The Click command that an app context was pushed for."""

    __slots__ = ("_click_context", "kind", "outer_error")

    def __init__(self, click_context: click.Context, outer_error: BaseException | None) -> None:
        self._click_context = click_context
        self.kind = Kind.SHELL if click_context.info_name == "shell" else Kind.COMMAND
        self.outer_error = outer_error

    @property
    def name(self) -> str | None:
        return self._click_context.info_name

    @property
    def exit_code(self) -> int | None:
        code: int | None = self._click_context.__dict__.get(_EXIT_CODE)
        return code


def note_pushed_context(app: flask.Flask, **extra: Any) -> None:
    """Remember on the app context just pushed in which request, and in which command, that happened: a receiver of appcontext_pushed.

    The first push counts: ``stream_with_context`` pushes the same object again, elsewhere.
    """
    context = _app_context.get()
    if _OPENED_IN in context.__dict__:
        return
    request = _request_context.get(None)
    if request is not None and request is not context:
        # weakly: an app context that somebody keeps must not keep the request
        context.__dict__[_OPENED_IN] = weakref.ref(request)
        return
    context.__dict__[_OPENED_IN] = None
    # outside of commands Click answers by an exception that it raises and catches: asked only where it has a context
    click_context = click.get_current_context(silent=True) if _has_click_context() else None
    if click_context is not None:
        _record_exit_code(click_context)
        # the exception that is being handled at this moment is not the command's
        context.__dict__[_NOTE] = Command(click_context, sys.exc_info()[1])


def _has_click_context() -> bool:
    """Return False where Click has certainly no context in this thread."""
    return _click_contexts is None or bool(getattr(_click_contexts, "stack", None))


def _record_exit_code(click_context: click.Context) -> None:
    """Have ``ctx.exit(code)`` leave its code on the Click context.

    Click closes the context, and so tears down the app context, before it raises: the teardown sees no exception.
    """
    if _EXIT_CODE in click_context.__dict__:
        return
    click_context.__dict__[_EXIT_CODE] = None
    original = click_context.exit

    def exit(code: int = 0) -> Any:
        click_context.__dict__[_EXIT_CODE] = code
        return original(code)

    setattr(click_context, "exit", exit)  # noqa: B010 (a method of the instance)
