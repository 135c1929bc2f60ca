"""The cookie that tells what a client has written, so that it reads its own writes from replicas too.

It holds a position in the log of each database with replicas (:mod:`flask_uow.engine.wal`), signed with the app's SECRET_KEY as Flask's session
is. It is no secret; the signature keeps clients from sending others to the primary. Only responses of requests that have written carry it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from typing import Any

from flask import Flask, Request, Response
from flask.sessions import SessionInterface
from itsdangerous import BadData, URLSafeTimedSerializer

from flask_uow.engine.replicas import UNKNOWN, Written
from flask_uow.engine.wal import WalPosition

__all__ = ["WritesCookie"]

_SALT = "flask_uow: what a client has written"
_UNKNOWN = "?"
# of Flask 3.1
_HAS_PARTITIONED = hasattr(SessionInterface, "get_cookie_partitioned")
_LONGEST = 4096  # bytes; browsers keep no longer ones


class WritesCookie:
    """Reads and writes the cookie of an app.

    :param keys: the bind keys that have replicas.
    :param seconds: how long it counts.
    """

    def __init__(self, keys: Collection[str | None], seconds: int) -> None:
        self._keys = {_named(key): key for key in keys}
        self._seconds = seconds

    def read(self, app: Flask, request: Request) -> Mapping[str | None, Written]:
        """Return the positions that the client of a request has written up to, by bind key; a cookie that is not ours, or too old, tells nothing."""
        value = request.cookies.get(self.name(app))
        if not value or len(value) > _LONGEST:
            return {}
        try:
            told = _serializer(app).loads(value, max_age=self._seconds)
        except BadData:
            return {}
        if not isinstance(told, dict):
            return {}
        return {
            self._keys[name]: written
            for name, text in told.items()
            if name in self._keys and (written := _parsed(text)) is not None
        }

    def add(
        self,
        app: Flask,
        response: Response,
        written: Mapping[str | None, Written],
        before: Mapping[str | None, Written],
    ) -> None:
        """Have a response tell the client's browser what was written.

        :param written: in this request, by bind key.
        :param before: what :meth:`read` has told.
        """
        # a browser keeps one cookie of the name, so what it was told before goes along
        told = {_named(key): _UNKNOWN if each is UNKNOWN else str(each) for key, each in {**before, **written}.items()}
        interface = app.session_interface
        options: dict[str, Any] = {}
        if _HAS_PARTITIONED:
            options["partitioned"] = interface.get_cookie_partitioned(app)
        response.set_cookie(
            self.name(app),
            str(_serializer(app).dumps(told)),
            max_age=self._seconds,
            domain=interface.get_cookie_domain(app),
            path=interface.get_cookie_path(app),
            secure=interface.get_cookie_secure(app),
            httponly=True,
            samesite=interface.get_cookie_samesite(app) or "Lax",
            **options,
        )
        # as Flask does for its session: a shared cache must not give the response to others
        response.vary.add("Cookie")

    @staticmethod
    def name(app: Flask) -> str:
        """Return the name of the cookie: that of Flask's session, by which the apps of a host are told apart, with ``_writes`` behind it."""
        return f"{app.session_interface.get_cookie_name(app)}_writes"


def _named(key: str | None) -> str:
    return "" if key is None else key


def _parsed(text: object) -> Written:
    if text == _UNKNOWN:
        return UNKNOWN
    try:
        return WalPosition.parse(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _serializer(app: Flask) -> URLSafeTimedSerializer:
    # the last key signs, all verify
    keys = [*(app.config.get("SECRET_KEY_FALLBACKS") or ()), app.secret_key]
    options = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
    return URLSafeTimedSerializer(keys, salt=_SALT, signer_kwargs=options)
