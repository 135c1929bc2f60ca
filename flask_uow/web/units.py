"""Units of work that the application opens itself: ``db.unit_of_work()``, ``db.transactional`` and ``db.run``.

Each is a scope of its own. ``transactional`` and ``run`` try it again when the database asks for that, the commit included: a
decorated view is therefore committed inside its decorator, which makes the response itself and applies the rule to its status.
Called by flask_uow.web.extension; the outcome is decided in flask_uow.web.outcome.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any

from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from flask_uow.engine import Connection, Engine
from flask_uow.exc import ArgumentError
from flask_uow.web.boundary import is_redirect
from flask_uow.web.config import DEFAULT_BIND, unknown_bind
from flask_uow.web.ending import end_scope
from flask_uow.web.outcome import CommitOn, CommitWhen, Ending, Kind, Moment, Outcome, decide
from flask_uow.web.retry import check_attempts, pause, tell_attempts, wants_retry
from flask_uow.web.scope import Scope, block_scope, context_scope, current_request, open_block, request_context
from flask_uow.web.session import WebSession
from flask_uow.web.unit import UnitOptions
from flask_uow.web.views import is_view

if TYPE_CHECKING:
    from flask_uow.web.extension import UnitOfWork

__all__ = ["Transactional", "UnitBinds", "open_unit", "session_binds", "unit_options"]

#: bind keys, or what serves bind keys, mapped classes and tables
UnitBinds = Iterable[str | None] | Mapping[Any, Engine | Connection | str | None] | None


def unit_options(
    engines: Mapping[str | None, Engine],
    isolation_level: str | None,
    read_only: bool,
    binds: UnitBinds,
    *,
    for_reads: bool = False,
) -> UnitOptions:
    """Return the checked options of a unit of work.

    :param engines: the app's, by bind key.
    :param binds: bind keys, to which the unit is limited; or a mapping from bind keys, mapped classes or tables to engines,
        connections or bind keys, which it uses instead of the usual ones.
    :raises ArgumentError: for an isolation level or a bind key that does not exist.
    """
    for engine in engines.values():
        engine.dialect.check_isolation_level(isolation_level)
    return UnitOptions(isolation_level, bool(read_only), for_reads, session_binds(engines, binds))


def session_binds(engines: Mapping[str | None, Engine], binds: UnitBinds) -> dict[str, Any]:
    """Return the engines of a Session, as its arguments.

    :param engines: those of the app.
    :param binds: the keys of those that it is to have; or engines, or keys, by what they are to serve; None for all.
    :raises ArgumentError: for something else, and for an unknown key.
    """
    if binds is None:
        return {}
    if isinstance(binds, (str, bytes)) or not isinstance(binds, Iterable):
        raise ArgumentError(
            f"binds={binds!r}: a list of bind keys was expected, or a mapping from bind keys, mapped classes or tables to"
            " engines. Write binds=[...] or binds={...}."
        )
    if not isinstance(binds, Mapping):
        return {"bind_key_engines": {_bind_key(key): _engine(engines, key) for key in binds}}
    by_key: dict[str | None, Any] = dict(engines)
    others: dict[Any, Any] = {}
    for target, given in binds.items():
        engine = given if isinstance(given, (Engine, Connection)) else _engine(engines, given)
        if target is None or isinstance(target, str):
            # for its error: a key that the app does not have would never be asked for
            _engine(engines, target)
            by_key[_bind_key(target)] = engine
        else:
            others[target] = engine
    return {"bind_key_engines": by_key, "binds": others}


def _bind_key(name: str | None) -> str | None:
    """Return the bind key that a name stands for."""
    return None if name == DEFAULT_BIND else name


def _engine(engines: Mapping[str | None, Engine], key: object) -> Engine:
    if (key is None or isinstance(key, str)) and key in engines:
        return engines[key]
    raise ArgumentError(unknown_bind(engines, key))


@contextmanager
def open_unit(owner: UnitOfWork, app: Flask, options: UnitOptions) -> Iterator[Any]:
    """Give the Session of a new scope; committed when the block ends cleanly, rolled back when it raises."""
    scope = block_scope(owner, app, options)
    error: BaseException | None = None
    with open_block(scope):
        try:
            yield owner.session()
        except BaseException as raised:
            error = raised
            raise
        finally:
            ending = Ending(Kind.BLOCK, Moment.TEARDOWN, error=error, rollback_asked=scope.rollback_asked)
            end_scope(scope, decide(ending))


class Transactional:
    """A function that is executed in a unit of work of its own, again and again while the database asks for it.

    :param attempts: how often it may be executed.
    :param options: returns the options of the unit, for the app at hand.
    """

    def __init__(self, owner: UnitOfWork, attempts: object, options: Callable[[], UnitOptions]) -> None:
        self._owner = owner
        self._attempts = check_attempts("attempts=", attempts)
        self._options = options

    def decorate(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return ``function`` so that each of its calls is such an execution; a coroutine function stays one.

        :raises ArgumentError: for a generator function, whose body would run after the commit; for a class, and for what cannot be called.
        """
        if isinstance(function, type) or not callable(function):
            what = "a class" if isinstance(function, type) else "no function"
            raise ArgumentError(
                f"@db.transactional was put on {function!r}, which is {what}. Decorate a function or a method, such as the"
                " get() or post() of a class-based view."
            )
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise ArgumentError(
                f"{function.__qualname__} is a generator function: its body runs when it is iterated, after the unit of work."
                " Decorate a function that does the work, or use db.unit_of_work() inside the generator."
            )
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def call_async(*args: Any, **kwargs: Any) -> Any:
                return await self._run_async(function, args, kwargs, is_view(call_async))

            return call_async

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            return self.run(lambda: function(*args, **kwargs), is_view(call))

        return call

    def run(self, function: Callable[[], Any], makes_response: bool = False) -> Any:
        """Execute ``function`` and return what it returned, as a response when it is a view's.

        :raises ArgumentError: for what cannot be called.
        """
        if not callable(function):
            raise ArgumentError(
                f"db.run() takes a function without arguments, got {function!r}. Pass the function itself, not what it"
                " returns: db.run(lambda: transfer(1, 2))."
            )
        for number in range(1, self._attempts + 1):
            attempt = self._new_attempt(makes_response, number)
            try:
                with attempt:
                    attempt.result = function()
                return attempt.result
            except Exception as error:
                if not self._goes_on(error, number, attempt):
                    raise
            time.sleep(pause(number))
        raise AssertionError("the last attempt returns or raises")

    async def _run_async(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], makes_response: bool
    ) -> Any:
        for number in range(1, self._attempts + 1):
            attempt = self._new_attempt(makes_response, number)
            try:
                with attempt:
                    attempt.result = await function(*args, **kwargs)
                return attempt.result
            except Exception as error:
                if not self._goes_on(error, number, attempt):
                    raise
            await asyncio.sleep(pause(number))
        raise AssertionError("the last attempt returns or raises")

    def _new_attempt(self, makes_response: bool, number: int) -> _Attempt:
        app = self._owner.current_app()
        commit_when = self._owner.state_of(app).settings.commit_when
        scope = block_scope(self._owner, app, self._options())
        # a conflict with what a replica replays would come again
        scope.uses_primary = number > 1
        return _Attempt(scope, commit_when, makes_response)

    def _goes_on(self, error: Exception, number: int, attempt: _Attempt) -> bool:
        if wants_retry(error, number, self._attempts, attempt.scope.progress):
            return True
        if number == self._attempts:
            tell_attempts(error, number)
        return False


class _Attempt:
    """One execution: a scope that is open inside the with block, and ended with it.

    :ivar result: what the function returned; after the block, the response where there is one.
    """

    def __init__(self, scope: Scope, commit_when: CommitWhen | None, makes_response: bool) -> None:
        self.scope = scope
        self.result: Any = None
        self._commit_when = commit_when
        self._makes_response = makes_response
        self._block = open_block(scope)

    def __enter__(self) -> None:
        self._block.__enter__()

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # the scope is ended while its block is current still: hooks of its commit find its Session
        try:
            self._end(error)
        finally:
            self._block.__exit__(None, None, None)

    def _end(self, error: BaseException | None) -> None:
        scope = self.scope
        outcome = Outcome.ROLLBACK
        try:
            # inside the unit, since what makes it may load still, and its status decides
            if error is None and self._makes_response:
                self.result = scope.app.make_response(self.result)
            outcome = self._decide(error)
        finally:
            keeps = error is None and self._makes_response
            ended = False
            try:
                end_scope(scope, outcome, keep_session=keeps)
                ended = True
            finally:
                # (all of them are closed already where none is kept)
                usual = scope.session
                for session in scope.take_sessions():
                    if ended:
                        _hand_over(session, scope, session is usual)
                    else:
                        session.end(scope.kind)

    def _decide(self, error: BaseException | None) -> Outcome:
        response = self.result if isinstance(self.result, Response) else None
        # abort(redirect(...)) is an answer of the view and no failure
        if isinstance(error, HTTPException) and is_redirect(error):
            response, error = error.get_response(), None
        if response is None:
            return decide(Ending(Kind.BLOCK, Moment.TEARDOWN, error=error, rollback_asked=self.scope.rollback_asked))
        return decide(
            Ending(
                Kind.REQUEST,
                Moment.RESPONSE,
                commit_on=CommitOn.RESPONSE,
                error=error,
                response=response,
                rollback_asked=self.scope.rollback_asked,
                commit_when=self._commit_when,
            )
        )


def _hand_over(session: WebSession, scope: Scope, is_usual: bool) -> None:
    """Let the objects that a view's response was made of be readable until the request ends.

    :param is_usual: it is that of ``db.session``, and becomes the request's where that has none.
    """
    if current_request() is None:
        session.end(scope.kind)
        return
    request_scope = context_scope(request_context(), scope.owner)
    if is_usual and request_scope.session is None and not (scope.unit and scope.unit.session_options):
        session.move_to(request_scope.describer(), request_scope.progress)
        request_scope.open_session(session)
    else:
        request_scope.kept = (*request_scope.kept, session)
