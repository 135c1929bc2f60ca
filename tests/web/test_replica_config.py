"""The configuration of read replicas, without any server."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from flask_uow import ConfigurationError, InvalidRequestError, UnitOfWork

PRIMARY = "postgresql://ed:secret@db1.invalid/shop"
REPLICA = "postgresql://ed:secret@db2.invalid/shop"


def app_with(**config: Any) -> tuple[UnitOfWork, Flask]:
    db, app = UnitOfWork(), Flask("shop")
    app.config.update({"SECRET_KEY": "x", "UOW_DATABASE_URI": {"url": PRIMARY, "replicas": [REPLICA]}, **config})
    db.init_app(app)
    return db, app


def test_replicas_have_the_options_of_their_bind() -> None:
    binds = {
        "log": {
            "url": PRIMARY,
            "replicas": [REPLICA, f"{REPLICA}?connect_timeout=7&target_session_attrs=any"],
            "pool_size": 3,
        }
    }
    db, app = app_with(UOW_BINDS=binds, UOW_ROUTE_READS=True, UOW_ENGINE_OPTIONS={"pool_timeout": 1})
    with app.app_context():
        assert list(db.replicas) == [None, "log"]
        first, second = db.replicas["log"]
        assert first.pool.size() == second.pool.size() == 3
        assert db.replicas[None][0].pool.size() == 5
        assert dict(first.url.query) == {"connect_timeout": "2", "target_session_attrs": "standby"}
        assert dict(second.url.query) == {"connect_timeout": "7", "target_session_attrs": "any"}
        assert list(db.engines) == [None, "log"]
        assert "secret" not in repr(db.replicas)


def test_what_the_driver_is_told_about_the_primary_is_not_about_replicas() -> None:
    db, app = app_with(
        UOW_ENGINE_OPTIONS={
            "connect_args": {"target_session_attrs": "read-write", "connect_timeout": 9, "application_name": "a"}
        }
    )
    with app.app_context():
        (replica,) = db.replicas[None]
        assert dict(replica.url.query) == {"target_session_attrs": "standby"}
        assert replica.dialect.connect_args == {"connect_timeout": 9, "application_name": "a"}
        assert db.engine.dialect.connect_args["target_session_attrs"] == "read-write"


def test_an_app_without_replicas_has_none() -> None:
    db, app = app_with(UOW_DATABASE_URI=PRIMARY)
    with app.app_context():
        assert db.replicas == {}
        db.use_primary()


@pytest.mark.parametrize("value", [None, [], ()])
def test_no_replicas_may_be_said(value: Any) -> None:
    db, app = app_with(UOW_DATABASE_URI={"url": PRIMARY, "replicas": value})
    with app.app_context():
        assert db.replicas == {}


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (
            {"UOW_DATABASE_URI": {"url": PRIMARY, "replicas": REPLICA}},
            r"'UOW_DATABASE_URI'\]\['replicas'\] is a str: a list",
        ),
        ({"UOW_DATABASE_URI": {"url": PRIMARY, "replicas": {"a": REPLICA}}}, "is a dict: a list of URLs"),
        ({"UOW_DATABASE_URI": {"url": PRIMARY, "replicas": False}}, "is a bool: a list of URLs"),
        ({"UOW_DATABASE_URI": {"url": PRIMARY, "replicas": [None]}}, r"\['replicas'\]\[0\] is no database URL"),
        ({"UOW_DATABASE_URI": {"url": PRIMARY, "replicas": [REPLICA, "x"]}}, r"\['replicas'\]\[1\] is no database URL"),
        ({"UOW_DATABASE_URI": {"url": PRIMARY, "replicas": ["sqlite:///a.db"]}}, "a streaming standby"),
        ({"UOW_DATABASE_URI": {"url": PRIMARY, "replicas": [f"{REPLICA}?colour=red"]}}, "unknown option 'colour'"),
        ({"UOW_DATABASE_URI": {"url": "sqlite://", "replicas": ["sqlite:///a.db"]}}, "only PostgreSQL has them"),
        (
            {"UOW_BINDS": {"log": {"url": "sqlite://", "replicas": ["sqlite:///a.db"]}}},
            r"'UOW_BINDS'\]\['log'\]\['replicas'\]",
        ),
        ({"UOW_ENGINE_OPTIONS": {"isolation_level": "SERIALIZABLE"}}, "in which a replica cannot serve"),
        ({"UOW_ENGINE_OPTIONS": {"isolation_level": "autocommit"}}, "in which a replica cannot serve"),
        (
            {"UOW_ENGINE_OPTIONS": {"connect_args": {"host": "db1"}}},
            "'host', which would lead all of them to one server",
        ),
        ({"UOW_ENGINE_OPTIONS": {"connect_args": 5}}, "connect_args=5: expected a mapping"),
        ({"UOW_ROUTE_READS": True, "SECRET_KEY": None}, "Set app.config\\['SECRET_KEY'\\]"),
        ({"UOW_ROUTE_READS": True, "SECRET_KEY": ""}, "Set app.config\\['SECRET_KEY'\\]"),
        ({"UOW_ROUTE_READS": True, "UOW_DATABASE_URI": PRIMARY}, "no bind has replicas"),
        ({"UOW_ROUTE_READS": True, "UOW_COMMIT_ON": "teardown"}, "Use UOW_COMMIT_ON = 'response'"),
        ({"UOW_ROUTE_READS": True, "UOW_SESSION_OPTIONS": {"autocommit": True}}, "option autocommit"),
        ({"UOW_ROUTE_READS": True, "UOW_SESSIONS": {"a": {"autocommit": True}}}, "option autocommit"),
        ({"UOW_ROUTE_READS": "yes"}, "True or False"),
        ({"UOW_REPLICA_WAIT_SECONDS": -1}, "a number from 0 to 60"),
        ({"UOW_REPLICA_WAIT_SECONDS": 61}, "a number from 0 to 60"),
        ({"UOW_REPLICA_WAIT_SECONDS": float("nan")}, "a number from 0 to 60"),
        ({"UOW_WRITES_COOKIE_SECONDS": 0}, "a number from 1 to 86400"),
        ({"UOW_REPLICA_LEFT_OUT_SECONDS": True}, "a number from 0.1 to 3600"),
        ({"UOW_SESSION_OPTIONS": {"routing": None}}, "no option of the Session"),
        ({"UOW_REPLICAS": []}, "unknown key"),
    ],
)
def test_a_mistake_is_an_error_that_names_its_place(config: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as caught:
        app_with(**config)
    assert "secret" not in str(caught.value)


def test_what_is_no_view_is_refused() -> None:
    db, _ = app_with()
    with pytest.raises(InvalidRequestError, match=r"db\.use_primary\(\)"):
        db.use_primary()
    marked = db.use_primary(lambda: "x")
    assert marked is not None
    assert marked() == "x"
    not_callable: Any = "view"
    with pytest.raises(Exception, match="no function"):
        db.use_primary(not_callable)
