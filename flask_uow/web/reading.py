"""Which scopes of an app read from replicas, and what their clients have written.

A unit of work with ``read_only=True`` does, and so does a GET or HEAD request with ``UOW_ROUTE_READS``, unless its view is marked with
``db.use_primary``. How a Session is routed is the business of :mod:`flask_uow.orm.session.routing`; here it is decided that it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from flask import Flask, Request, Response

from flask_uow.engine.replicas import UNKNOWN, ReplicaReader, Replicas, Written, position_of
from flask_uow.orm.session.participants import Participants
from flask_uow.orm.session.routing import Routing
from flask_uow.web.outcome import Kind
from flask_uow.web.retry import Progress
from flask_uow.web.scope import Scope, current_request
from flask_uow.web.views import is_marked_use_primary
from flask_uow.web.writes_cookie import WritesCookie

if TYPE_CHECKING:
    from flask_uow.engine import Engine
    from flask_uow.web.config import Settings

__all__ = ["Reading"]

_SAFE_METHODS = ("GET", "HEAD")
_WRITTEN = "_uow_written"


class Reading:
    """The rules of one app that has replicas. Must not refer to the app.

    :param replicas: those of each bind that has some, by its key.
    """

    def __init__(self, settings: Settings, replicas: Mapping[str | None, Replicas]) -> None:
        self.replicas = replicas
        self._routes = settings.route_reads
        self._seconds = settings.replica_wait_seconds
        self._keys: dict[Engine, str | None] = {each.primary: key for key, each in replicas.items()}
        self._cookie = WritesCookie(list(replicas), settings.writes_cookie_seconds)

    # -- before

    def dispatch(self, scope: Scope, request: Request) -> bool:
        """Take note that a request is dispatched; return whether it may read from replicas."""
        if not self._is_routed(request):
            return False
        if scope.routing is not None:
            # a Session was used before the view was known, by what opens Flask's session say
            if is_marked_use_primary():
                scope.routing.use_primary()
            scope.routing.open()
        return True

    def _is_routed(self, request: Request) -> bool:
        return self._routes and request.method in _SAFE_METHODS

    def routing_of(self, scope: Scope) -> Routing | None:
        """Return where the Sessions of a scope read; None: from the primary."""
        if scope.routing is None and not scope.uses_primary:
            scope.routing = scope.progress.routing = self._new_routing(scope)
        return scope.routing

    def _new_routing(self, scope: Scope) -> Routing | None:
        request = current_request()
        unit = scope.unit
        if unit is not None:
            if not unit.read_only or self._is_for_primary(unit.isolation_level):
                return None
            return Routing(self._readers(scope, request), refuses_writes=True)
        if scope.kind not in (Kind.REQUEST, Kind.CONTEXT) or request is None or not self._is_routed(request):
            return None
        if is_marked_use_primary():
            return None
        return Routing(self._readers(scope, request), is_open=scope.kind is Kind.REQUEST)

    def _is_for_primary(self, isolation_level: str | None) -> bool:
        """Return whether standbys do not have an isolation level."""
        return any(
            each.primary.dialect.check_isolation_level(isolation_level) == "SERIALIZABLE"
            for each in self.replicas.values()
        )

    def _readers(self, scope: Scope, request: Request | None) -> dict[Engine, ReplicaReader]:
        # the scope's own progress has the routing, and a circle of references would leave the request to the garbage collector
        around = scope.progress.outer
        return {
            each.primary: ReplicaReader(each, partial(self._written, key, scope.app, around, request), self._seconds)
            for key, each in self.replicas.items()
            if key not in scope.progress.written
        }

    def _written(self, key: str | None, app: Flask, around: Progress | None, request: Request | None) -> Written:
        """Return the writes that are known of the client or user for whom a scope works.

        :param around: the progress of the scope around it.
        """
        if around is not None and around.has_written(key):
            return UNKNOWN
        if request is None or not self._routes:
            return None
        return self._told_by(app, request).get(key)

    def _told_by(self, app: Flask, request: Request) -> Mapping[str | None, Written]:
        told: Mapping[str | None, Written] | None = vars(request).get(_WRITTEN)
        if told is None:
            told = vars(request)[_WRITTEN] = self._cookie.read(app, request)
        return told

    # -- after

    def note_commit(self, progress: Progress, participants: Participants) -> None:
        """Note which databases a transaction has written to, which was committed just now and has its connections still."""
        for bind, member in participants.members.items():
            key = self._keys.get(bind, "")
            # what is not owned is committed by somebody else, later or never
            if key == "" or not member.owned or member.transaction.is_read_only:
                continue
            connection = member.connection
            if not connection.may_have_written or connection.is_rolled_back_later():
                continue
            # the position costs a question to the server, and only clients are told it
            tells_client = self._routes and current_request() is not None
            progress.note_written(key, position_of(connection) if tells_client else UNKNOWN)

    def tell_client(self, scope: Scope, request: Request, response: Response) -> None:
        """Put on a response what its request has written."""
        if self._routes:
            self._cookie.add(scope.app, response, scope.progress.written, self._told_by(scope.app, request))
