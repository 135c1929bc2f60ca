"""The cookie that tells what a client has written."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from typing import Any

import pytest
from flask import Flask, Response, request
from itsdangerous import URLSafeTimedSerializer

from flask_uow.engine.replicas import UNKNOWN, Written
from flask_uow.engine.wal import WalPosition
from flask_uow.web.writes_cookie import WritesCookie

POSITION = WalPosition(3, 0x16B3748)


def app_with(**config: Any) -> Flask:
    app = Flask("shop")
    app.config.update(SECRET_KEY="one", **config)
    return app


def written(
    app: Flask, what: Mapping[str | None, Written], before: Mapping[str | None, Written] | None = None
) -> Response:
    response = Response()
    WritesCookie([None, "log"], 60).add(app, response, what, before or {})
    return response


def value_of(response: Response) -> str:
    return response.headers["Set-Cookie"].partition("=")[2].partition(";")[0]


def read(app: Flask, value: str, seconds: int = 60, name: str = "session_writes") -> Mapping[str | None, Written]:
    with app.test_request_context("/", headers={"Cookie": f"{name}={value}"}):
        return WritesCookie([None, "log"], seconds).read(app, request)


def test_what_was_written_is_read_again() -> None:
    app = app_with()
    what: dict[str | None, Written] = {None: POSITION, "log": UNKNOWN}
    assert read(app, value_of(written(app, what))) == what
    newer = WalPosition(3, 0x16B3800)
    assert read(app, value_of(written(app, {"log": newer}, what))) == {None: POSITION, "log": newer}


def test_the_attributes_are_those_of_the_session() -> None:
    header = written(app_with(), {None: POSITION}).headers["Set-Cookie"]
    parts = {part.strip() for part in header.split(";")[1:] if "Expires" not in part}
    assert parts == {"Max-Age=60", "HttpOnly", "Path=/", "SameSite=Lax"}
    app = app_with(
        SESSION_COOKIE_NAME="shop", SESSION_COOKIE_SECURE=True, SESSION_COOKIE_SAMESITE="Strict",
        SESSION_COOKIE_DOMAIN="shop.example", SESSION_COOKIE_PATH="/eu", SESSION_COOKIE_HTTPONLY=False,
    )  # fmt: skip
    response = written(app, {None: POSITION})
    header = response.headers["Set-Cookie"]
    assert header.startswith("shop_writes=")
    for part in ("Secure", "HttpOnly", "SameSite=Strict", "Domain=shop.example", "Path=/eu"):
        assert part in header
    assert response.headers["Vary"] == "Cookie"


def test_what_is_not_ours_tells_nothing() -> None:
    app = app_with()
    good = value_of(written(app, {None: POSITION}))
    assert read(app, good)
    forged = [
        "", "x", good[:-1], good + "x", "A" + good[1:], good.replace(".", "..", 1), good * 100, "." + good, "%00", "é",
        value_of(written(app_with(), {None: POSITION})).partition(".")[0],
    ]  # fmt: skip
    for value in forged:
        assert read(app, value) == {}, value
    other = app_with()
    other.secret_key = "another"
    assert read(other, good) == {}


def test_it_counts_for_a_time_only(monkeypatch: pytest.MonkeyPatch) -> None:
    app = app_with()
    value = value_of(written(app, {None: POSITION}))
    later = time.time() + 59
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: later)
    assert read(app, value)
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: later + 3)
    assert read(app, value) == {}


def test_an_older_key_is_good_for_reading() -> None:
    value = value_of(written(app_with(), {None: POSITION}))
    app = app_with(SECRET_KEY_FALLBACKS=["one"])
    app.secret_key = "two"
    assert read(app, value) == {None: POSITION}
    assert read(app_with(), value_of(written(app, {None: POSITION}))) == {}


@pytest.mark.parametrize(
    "told", [[], "x", 1, None, {"": 5}, {"": "5"}, {"": "1-0/x"}, {"other": "1-0/1"}, {"": None}, {"": ["1-0/1"]}]
)
def test_what_another_version_has_signed_does_no_harm(told: Any) -> None:
    app = app_with()
    options = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
    signer = URLSafeTimedSerializer("one", salt="flask_uow: what a client has written", signer_kwargs=options)
    assert read(app, str(signer.dumps({"": str(POSITION)}))) == {None: POSITION}
    assert read(app, str(signer.dumps(told))) == {}
