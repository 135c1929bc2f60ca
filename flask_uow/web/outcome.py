"""Commit or roll back: the one decision about how a unit of work ends.

A scope that ends well is committed, a scope that ends badly is rolled back. :func:`decide` knows nothing but what it is
given: no Flask, no Session, no database. flask_uow.web.boundary and the blocks of ``unit_of_work()`` gather the facts
in an :class:`Ending` and do what comes back.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["CommitOn", "CommitWhen", "Ending", "Kind", "Moment", "Outcome", "decide"]

CommitWhen = Callable[[Any, BaseException | None], bool]


class Outcome(enum.Enum):
    """The end of the work: it is saved, or undone."""

    COMMIT = "commit"
    ROLLBACK = "roll back"


class CommitOn(enum.Enum):
    """When a request's work is committed; the values are those of ``UOW_COMMIT_ON``."""

    RESPONSE = "response"
    TEARDOWN = "teardown"
    NEVER = None


class Kind(enum.Enum):
    """The sorts of scopes."""

    REQUEST = "a request that was dispatched"
    CONTEXT = "a context without a response: an app context, or a request context pushed by hand"
    COMMAND = "a command line command"
    SHELL = "an interactive shell"
    TEST = "the request context that pytest-flask keeps pushed around a test"
    BLOCK = "a block of unit_of_work()"


class Moment(enum.Enum):
    """Where in the life of the scope the question is asked."""

    RESPONSE = "the response is complete and has not left"
    TEARDOWN = "the scope ends"


# CPython 3.11 reads a member from its Enum in 80 ns, a name in 10
_COMMIT, _ROLLBACK = Outcome
_REQUEST, _, _COMMAND, _SHELL, _TEST, _BLOCK = Kind
_TEARDOWN = Moment.TEARDOWN
_NEVER = CommitOn.NEVER


@dataclass(slots=True)
class Ending:
    """The facts about how a scope ends.

    :ivar kind: the sort of scope.
    :ivar moment: when the question is asked.
    :ivar commit_on: the app's setting.
    :ivar error: the exception that ended the scope; at the response, the last one seen, handled or not.
    :ivar response: the final response, None where there is none.
    :ivar exit_code: what a command gave to ``ctx.exit()``, None when it did not call it.
    :ivar rollback_asked: ``rollback_at_end()`` was called.
    :ivar outcome: what was decided for the response, None before that.
    :ivar commit_when: the app's own rule for requests.
    """

    kind: Kind
    moment: Moment
    commit_on: CommitOn = CommitOn.RESPONSE
    error: BaseException | None = None
    response: Any = None
    exit_code: int | None = None
    rollback_asked: bool = False
    outcome: Outcome | None = None
    commit_when: CommitWhen | None = None


def decide(ending: Ending) -> Outcome:
    """Return the outcome of the work of a scope.

    What an app's ``commit_when`` raises passes through: the caller rolls back and treats it like a failed commit.
    """
    if ending.rollback_asked:
        return _ROLLBACK
    if ending.kind is not _REQUEST:
        return _decide_without_response(ending)
    if ending.commit_on is _NEVER:
        return _ROLLBACK
    if ending.moment is _TEARDOWN:
        if ending.outcome is not None:
            # work done after the commit point: it shares the fate of the request
            return _COMMIT if ending.outcome is _COMMIT and ending.error is None else _ROLLBACK
        if ending.commit_when is None and ending.error is not None:
            return _ROLLBACK
    if ending.commit_when is not None:
        return _COMMIT if ending.commit_when(ending.response, ending.error) else _ROLLBACK
    return _COMMIT if ending.response is not None and ending.response.status_code < 400 else _ROLLBACK


def _decide_without_response(ending: Ending) -> Outcome:
    kind = ending.kind
    # who works in a shell, or writes a test, commits what is to stay
    if kind is _SHELL or kind is _TEST or (ending.commit_on is _NEVER and kind is not _BLOCK):
        return _ROLLBACK
    ends_well = _exits_well(ending) if kind is _COMMAND else ending.error is None
    return _COMMIT if ends_well else _ROLLBACK


def _exits_well(ending: Ending) -> bool:
    if ending.exit_code:
        return False
    error = ending.error
    if error is None:
        return True
    if isinstance(error, SystemExit):
        return error.code in (None, 0)
    # click.exceptions.Exit: what ctx.exit() raises
    return getattr(error, "exit_code", None) == 0
