"""Trying a unit of work again: when, after which pause, and what is raised in the end.

A conflict is the database asking to try again (:mod:`flask_uow.engine.conflicts`). What was committed, or told to the outside
by an after-commit callback, must not be done twice: :class:`Progress` knows of that. Used by flask_uow.web.units for
``transactional`` and ``run``, and by flask_uow.web.replay for whole requests.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from flask_uow.engine.conflicts import is_conflict, is_fault_of_replica
from flask_uow.engine.url import shown
from flask_uow.exc import ArgumentError, DBAPIError

if TYPE_CHECKING:
    from flask_uow.engine.replicas import Written
    from flask_uow.orm.session.routing import Routing

__all__ = ["Progress", "check_attempts", "gave_up", "pause", "tell_attempts", "wants_retry"]

_SHORTEST = 0.02  # seconds: the bound of the first pause
_LONGEST = 1.0
# with pauses of up to a second each this is more than eight minutes: whoever waits has gone by then
_MOST = 1000
_GAVE_UP = "_uow_gave_up"
_NOTHING: Mapping[str | None, Written] = MappingProxyType({})


class Progress:
    """Whether a scope has done what cannot be undone any more.

    :ivar outer: that of the scope around, which has done it too then; None where there is none.
    :ivar is_lasting: True after a commit, or a call of an after-commit callback.
    :ivar written: how far the logs of databases with read replicas went after its commits, by bind key.
    :ivar routing: where the scope reads, None: from the primary.
    """

    # of the class until something is to be remembered: each request has one of these
    outer: Progress | None = None
    is_lasting = False
    written: Mapping[str | None, Written] = _NOTHING
    routing: Routing | None = None

    def note(self) -> None:
        """Remember that something was done that lasts."""
        self.is_lasting = True
        # a scope around it that was tried again would do the same once more
        if self.outer is not None:
            self.outer.note()

    def note_written(self, bind_key: str | None, written: Written) -> None:
        """Remember that something was committed to a database, and read from the primary from now on."""
        self.written = {**self.written, bind_key: written}
        if self.routing is not None:
            self.routing.use_primary()
        if self.outer is not None:
            self.outer.note_written(bind_key, written)

    def has_written(self, bind_key: str | None) -> bool:
        """Return whether something was committed to a database, by this scope or one around it."""
        return bind_key in self.written or (self.outer is not None and self.outer.has_written(bind_key))


def check_attempts(source: str, attempts: object) -> int:
    """Return the number of attempts.

    :param source: what was given it, for the error.
    :raises ArgumentError: when it is no whole number from 1 to 1000.
    """
    if isinstance(attempts, bool) or not isinstance(attempts, int) or not 1 <= attempts <= _MOST:
        raise ArgumentError(
            f"{source} is {shown(attempts)}: a whole number of 1 (no retry) or more, and at most {_MOST}, was expected. Where more"
            " seem to be needed, the work should be made shorter, or lock its rows with with_for_update()."
        )
    return attempts


def wants_retry(error: BaseException, attempt: int, limit: int, progress: Progress) -> bool:
    """Return True when another attempt may be made after ``error`` ended the attempt of that number (from 1)."""
    if attempt >= limit or progress.is_lasting or gave_up(error):
        return False
    # the next attempt reads from the primary
    return is_conflict(error) or is_fault_of_replica(error)


def pause(attempt: int) -> float:
    """Return the seconds to wait after an attempt (from 1): a random share of a bound that doubles each time.

    "Full jitter" of https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/: those who met do not meet again.
    """
    return random.uniform(0.0, min(_LONGEST, _SHORTEST * 2.0 ** (attempt - 1)))


def tell_attempts(error: BaseException, attempts: int) -> None:
    """Say in the message of a conflict's error how often it was tried."""
    if attempts < 2 or gave_up(error):
        return
    # on the error, since it passes the attempts of whoever is around, and they must not multiply
    setattr(error, _GAVE_UP, True)
    told = f" (tried {attempts} times)"
    if isinstance(error, DBAPIError):
        error.message += told
    elif error.args:
        error.args = (f"{error.args[0]}{told}", *error.args[1:])


def gave_up(error: BaseException) -> bool:
    """Return True when somebody has tried often enough before this error was raised."""
    return bool(getattr(error, _GAVE_UP, False))
