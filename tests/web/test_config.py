"""Configuration: what is refused at init_app, and what the defaults do."""

from __future__ import annotations

import gc
import sqlite3
import weakref
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_uow import Mapped, UnitOfWork, exc, mapped_column
from tests.web.apps import add_note, make_db, saved_texts


def app_with(tmp_path: Path, **config: Any) -> Flask:
    app = Flask(__name__, instance_path=str(tmp_path / "instance"))
    app.config.update(config)
    return app


def test_without_a_uri_the_database_is_a_sqlite_file_in_the_instance_folder(tmp_path: Path) -> None:
    db = make_db()
    app = app_with(tmp_path)
    db.init_app(app)
    with app.app_context():
        db.create_all()
        add_note(db, "a")
    assert saved_texts(db, app) == ["a"]
    with app.app_context():
        db.engine.dispose()
    assert (tmp_path / "instance" / "app.db").exists()


def test_a_relative_sqlite_path_is_relative_to_the_instance_folder_which_is_created(tmp_path: Path) -> None:
    db = make_db()
    app = app_with(tmp_path, UOW_DATABASE_URI="sqlite:///data/notes.db")
    db.init_app(app)
    with app.app_context():
        db.create_all()
        db.engine.dispose()
    connection = sqlite3.connect(tmp_path / "instance" / "data" / "notes.db")
    assert connection.execute("SELECT count(*) FROM note").fetchone() == (0,)
    connection.close()


@pytest.mark.parametrize(
    "uri",
    [
        "sqlite:///file:data/no%20tes.db?uri=true",
        "sqlite:///file:data/no%20tes.db?mode=rwc&uri=true",
        "sqlite:///file:data/no%20tes.db",
    ],
)
def test_a_relative_path_in_a_uri_of_sqlites_own_is_relative_to_the_instance_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    db = make_db()
    app = Flask(__name__, instance_path=str(tmp_path / "a % b"))
    app.config.update(UOW_DATABASE_URI=uri)
    db.init_app(app)
    with app.app_context():
        db.create_all()
        db.engine.dispose()
    assert (tmp_path / "a % b" / "data" / "no tes.db").exists()
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize(
    "uri",
    [
        "sqlite:///file::memory:?cache=shared&uri=true",
        "sqlite:///file:notes?mode=memory&cache=shared&uri=true",
        "sqlite:///file:/notes?vfs=memdb",
        "sqlite://",
        "sqlite:///:memory:",
    ],
)
def test_a_database_in_memory_makes_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str) -> None:
    monkeypatch.chdir(tmp_path)
    db = make_db()
    app = app_with(tmp_path, UOW_DATABASE_URI=uri)
    db.init_app(app)
    with app.app_context():
        db.create_all()
        db.engine.dispose()
    assert list(tmp_path.iterdir()) == []


def test_an_absolute_path_in_a_uri_of_sqlites_own_stays(tmp_path: Path) -> None:
    db = make_db()
    app = app_with(tmp_path, UOW_DATABASE_URI=f"sqlite:///file:{tmp_path / 'own.db'}?uri=true")
    db.init_app(app)
    with app.app_context():
        db.create_all()
        db.engine.dispose()
    assert [path.name for path in tmp_path.iterdir()] == ["own.db"]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"UOW_DATABSE_URI": "sqlite://"}, r"unknown key 'UOW_DATABSE_URI'. Did you mean 'UOW_DATABASE_URI'\?"),
        ({"UOW_DATABASE_URI": "nonsense"}, r"UOW_DATABASE_URI"),
        ({"UOW_DATABASE_URI": 7}, r"UOW_DATABASE_URI"),
        ({"UOW_DATABASE_URI": "sqlite:///a\0/b.db"}, r"UOW_DATABASE_URI.*could not be created"),
        ({"UOW_DATABASE_URI": f"sqlite:///{'n' * 300}/b.db"}, r"UOW_DATABASE_URI.*could not be created"),
        ({"UOW_DATABASE_URI": "oracle://localhost/x"}, r"UOW_DATABASE_URI"),
        ({"UOW_DATABASE_URI": "postgresql://ed:pw@[::1/blog"}, r"UOW_DATABASE_URI.*one bracket only"),
        ({"UOW_DATABASE_URI": "postgresql://ed:pw@::1]/blog"}, r"UOW_DATABASE_URI.*one bracket only"),
        ({"UOW_DATABASE_URI": "postgresql://ed@x/blog?nonsense=1"}, r"UOW_DATABASE_URI.*unknown option 'nonsense'"),
        ({"UOW_BINDS": ["sqlite://"]}, r"'UOW_BINDS'\] is a list; a dict was expected"),
        ({"UOW_BINDS": {"audit": "nonsense"}}, r"app.config\['UOW_BINDS'\]\['audit'\] is no database URL"),
        ({"UOW_BINDS": {"audit": {"pool_size": 3}}}, r"no 'url' in app.config\['UOW_BINDS'\]\['audit'\]"),
        (
            {"UOW_BINDS": {"audit": {"url": "sqlite://", "pool_sise": 3}}},
            r"\['UOW_BINDS'\]\['audit'\] gives.*pool_size",
        ),
        (
            {"UOW_BINDS": {"audit": {"url": "sqlite://", "pool_size": "3"}}},
            r"\['UOW_BINDS'\]\['audit'\] gives no engine",
        ),
        ({"UOW_BINDS": {"default": "sqlite://"}}, r"a bind key is a string, neither empty nor 'default'"),
        ({"UOW_BINDS": {"": "sqlite://"}}, r"a bind key is a string, neither empty"),
        ({"UOW_BINDS": {"__all__": "sqlite://"}}, r"'__all__', which stands for all binds"),
        ({"UOW_BINDS": {1: "sqlite://"}}, r"a bind key is a string"),
        ({"UOW_ENGINE_OPTIONS": {"pool_sise": 3}}, r"'UOW_ENGINE_OPTIONS'\] gives no engine.*pool_size"),
        (
            {"UOW_ENGINE_OPTIONS": {"echo": False, "pool_size": "3"}},
            r"'UOW_ENGINE_OPTIONS'\] gives no engine: pool_size='3'",
        ),
        ({"UOW_ENGINE_OPTIONS": {"url": "sqlite://"}}, r"'UOW_ENGINE_OPTIONS'\] has 'url'.*UOW_DATABASE_URI"),
        ({"UOW_ENGINE_OPTIONS": {1: 2}}, r"'UOW_ENGINE_OPTIONS'\] has 1, which is no option.*strings"),
        ({"UOW_ENGINE_OPTIONS": {"pool_pre_ping": "no"}}, r"pool_pre_ping='no': expected True, False or None"),
        ({"UOW_ENGINE_OPTIONS": {"echo": "false"}}, r"echo='false': expected True or False"),
        (
            {"UOW_ENGINE_OPTIONS": {"pool_timeout": float("inf")}},
            r"'UOW_ENGINE_OPTIONS'\].*pool_timeout=inf: .*at most",
        ),
        ({"UOW_ENGINE_OPTIONS": {"connect_args": 5}}, r"'UOW_ENGINE_OPTIONS'\].*connect_args=5: expected a mapping"),
        ({"UOW_ENGINE_OPTIONS": {"sql_comments": 5}}, r"'UOW_ENGINE_OPTIONS'\].*sql_comments=5: expected a function"),
        ({"UOW_ENGINE_OPTIONS": {"hide_parameters": 0}}, r"hide_parameters=0: expected True or False"),
        (
            {"UOW_DATABASE_URI": "nosuchdb://x/y", "UOW_ENGINE_OPTIONS": {"echo": True}},
            r"'UOW_DATABASE_URI'\] gives no engine",
        ),
        ({"UOW_ENGINE_OPTIONS": 3}, r"'UOW_ENGINE_OPTIONS'\] is a int"),
        ({"UOW_ECHO": "false"}, r"'UOW_ECHO'\] is 'false'; True, False or 'debug' was expected"),
        ({"UOW_ECHO": 1}, r"'UOW_ECHO'\] is 1; True, False or 'debug' was expected"),
        ({"UOW_SESSION_OPTIONS": {"autoflash": True}}, r"UOW_SESSION_OPTIONS.*'autoflash'.*Did you mean 'autoflush'\?"),
        (
            {"UOW_SESSION_OPTIONS": {"autoflush": "no"}},
            r"UOW_SESSION_OPTIONS.*autoflush='no'; True or False was expected",
        ),
        ({"UOW_SESSION_OPTIONS": {1: 1}}, r"UOW_SESSION_OPTIONS.*no option of the Session"),
        ({"UOW_SESSION_OPTIONS": {"query_cls": 5}}, r"'UOW_SESSION_OPTIONS'\] has query_cls=5.*a subclass of Query"),
        ({"UOW_SESSION_OPTIONS": {"query_cls": dict}}, r"'UOW_SESSION_OPTIONS'\] has query_cls=.*a subclass of Query"),
        ({"UOW_SESSION_OPTIONS": {"class_": dict}}, r"UOW_SESSION_OPTIONS.*class_=.*a subclass of Session"),
        ({"UOW_SESSION_OPTIONS": {"class_": "Session"}}, r"UOW_SESSION_OPTIONS.*class_='Session'"),
        ({"UOW_SESSION_OPTIONS": {"binds": ["audit"]}}, r"UOW_SESSION_OPTIONS.*binds=\['audit'\]; a mapping"),
        ({"UOW_SESSION_OPTIONS": {"binds": {"audit": "adit"}}}, r"UOW_SESSION_OPTIONS.*no bind 'adit'"),
        ({"UOW_SESSION_OPTIONS": {"binds": {int: None}}}, r"UOW_SESSION_OPTIONS.*int"),
        ({"UOW_SESSION_OPTIONS": {"bind": None}}, r"UOW_SESSION_OPTIONS.*engines come from"),
        ({"UOW_COMMIT_ON": "sometimes"}, r"'UOW_COMMIT_ON'\] is 'sometimes'.*'teardown'"),
        ({"UOW_COMMIT_ON": "responce"}, r"Did you mean 'response'\?"),
        ({"UOW_COMMIT_ON": ["response"]}, r"UOW_COMMIT_ON"),
        ({"UOW_COMMIT_WHEN": True}, r"UOW_COMMIT_WHEN.*a function"),
        ({"UOW_TWOPHASE": "yes"}, r"UOW_TWOPHASE.*True or False was expected"),
        ({"UOW_RETRY_ATTEMPTS": 0}, r"UOW_RETRY_ATTEMPTS.*whole number of 1"),
        ({"UOW_RETRY_ATTEMPTS": "3"}, r"UOW_RETRY_ATTEMPTS.*whole number of 1"),
        ({"UOW_RETRY_ATTEMPTS": 10**9}, r"UOW_RETRY_ATTEMPTS'\] is 1000000000: .*at most 1000, was expected"),
        ({"UOW_RECORD_QUERIES": 1}, r"UOW_RECORD_QUERIES.*True or False was expected"),
        ({"UOW_SQL_COMMENTS": "on"}, r"UOW_SQL_COMMENTS.*True or False was expected"),
        ({"UOW_SLOW_QUERY_SECONDS": -1}, r"UOW_SLOW_QUERY_SECONDS.*seconds were expected"),
        ({"UOW_STATEMENT_TIMEOUT_SECONDS": 0}, r"UOW_STATEMENT_TIMEOUT_SECONDS.*seconds were expected"),
        ({"UOW_STATEMENT_TIMEOUT_SECONDS": "5s"}, r"UOW_STATEMENT_TIMEOUT_SECONDS.*seconds were expected"),
    ],
)
def test_a_wrong_value_is_refused_at_init_app_with_the_name_of_its_key(
    tmp_path: Path, config: dict[str, Any], message: str
) -> None:
    app = app_with(tmp_path, **config)
    with pytest.raises(exc.ConfigurationError, match=message):
        UnitOfWork(app)
    assert "uow" not in app.extensions


@pytest.mark.parametrize(
    "config",
    [
        {"UOW_DATABASE_URI": "postgresql://ed:hunter2@localhost:99999999/blog"},
        {"UOW_DATABASE_URI": "nosuchdb://ed:hunter2@localhost/blog"},
        {"UOW_BINDS": {"audit": "postgresql://ed:hunter2@localhost:port/blog"}},
        {"UOW_DATABASE_URI": "postgresql://ed:hunter2@localhost/blog", "UOW_ENGINE_OPTIONS": {"nonsense": 1}},
    ],
)
def test_no_configuration_error_shows_a_password(tmp_path: Path, config: dict[str, Any]) -> None:
    with pytest.raises(exc.ConfigurationError) as error:
        UnitOfWork(app_with(tmp_path, **config))
    shown: list[str] = []
    cause: BaseException | None = error.value
    while cause is not None:
        shown.append(repr(cause) + str(cause))
        cause = cause.__cause__
    assert "hunter2" not in "".join(shown)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine_options": {"pool_size": -1}}, r"UnitOfWork\(engine_options=...\) gives no engine: pool_size=-1"),
        ({"engine_options": 3}, r"UnitOfWork\(engine_options=...\) got a int; a dict was expected"),
        ({"session_options": {"autoflash": True}}, r"UnitOfWork\(session_options=...\) has 'autoflash'"),
        ({"session_options": []}, r"UnitOfWork\(session_options=...\) got a list; a dict was expected"),
    ],
)
def test_a_wrong_option_of_the_extension_itself_is_not_blamed_on_the_configuration(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(exc.ConfigurationError, match=message):
        UnitOfWork(**options).init_app(app_with(tmp_path))


@pytest.mark.parametrize("given", [None, "app", Flask])
def test_init_app_refuses_what_is_no_app(given: Any) -> None:
    with pytest.raises(exc.ArgumentError, match="takes the Flask app"):
        UnitOfWork().init_app(given)


def test_the_defaults_of_later_features_are_accepted(tmp_path: Path) -> None:
    app = app_with(tmp_path, UOW_TWOPHASE=False, UOW_RETRY_ATTEMPTS=1, UOW_RECORD_QUERIES=False)
    assert UnitOfWork(app) is app.extensions["uow"]


def test_a_second_extension_on_one_app_is_an_error(tmp_path: Path) -> None:
    app = app_with(tmp_path)
    db = UnitOfWork(app)
    for other in (db, UnitOfWork()):
        with pytest.raises(exc.InvalidRequestError, match="has a UnitOfWork already"):
            other.init_app(app)


def test_a_bind_key_that_models_use_and_the_configuration_lacks_is_refused(tmp_path: Path) -> None:
    db = UnitOfWork()

    class Entry(db.Model):  # type: ignore[misc]
        __bind_key__ = "audit"
        id: Mapped[int] = mapped_column(primary_key=True)

    app = app_with(tmp_path, UOW_BINDS={"audits": "sqlite://"})
    with pytest.raises(exc.ConfigurationError, match=r"UOW_BINDS.*'audit'.*entry.*Did you mean 'audits'"):
        db.init_app(app)


def test_options_of_a_bind_win_over_those_of_all_engines(tmp_path: Path) -> None:
    app = app_with(
        tmp_path,
        UOW_ENGINE_OPTIONS={"pool_size": 3},
        UOW_BINDS={"small": {"url": "sqlite:///small.db", "pool_size": 1}, "plain": "sqlite:///plain.db"},
    )
    db = UnitOfWork(app, engine_options={"pool_size": 9, "max_overflow": 0})
    with app.app_context():
        assert {key: engine.pool.size() for key, engine in db.engines.items()} == {None: 3, "small": 1, "plain": 3}


def test_session_options_reach_the_session(tmp_path: Path) -> None:
    app = app_with(tmp_path, UOW_SESSION_OPTIONS={"expire_on_commit": False})
    db = UnitOfWork(app, session_options={"autoflush": False, "expire_on_commit": True})
    with app.app_context():
        session = db.session()
        assert (session.autoflush, session.expire_on_commit) == (False, False)


def test_init_app_connects_to_no_database(tmp_path: Path) -> None:
    app = app_with(tmp_path, UOW_DATABASE_URI="postgresql://nobody@127.0.0.1:1/nothing")
    db = UnitOfWork(app)
    with app.app_context():
        assert db.engine.pool.checked_out() == 0


def test_the_extension_does_not_keep_an_app_alive(tmp_path: Path) -> None:
    db = UnitOfWork()
    app = app_with(tmp_path)
    db.init_app(app)
    gone = weakref.ref(app)
    del app
    gc.collect()
    assert gone() is None


# -- never another database than the one that was meant


@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_database_uri_without_a_value_is_an_error(tmp_path: Path, value: Any) -> None:
    with pytest.raises(exc.ConfigurationError, match=r"UOW_DATABASE_URI.*environment variable"):
        UnitOfWork(app_with(tmp_path, UOW_DATABASE_URI=value))


@pytest.mark.parametrize("value", [None, "", {"url": None}, {"url": ""}])
def test_a_bind_without_a_url_is_an_error(tmp_path: Path, value: Any) -> None:
    with pytest.raises(exc.ConfigurationError, match=r"UOW_BINDS'\]\['audit'\].*environment variable"):
        UnitOfWork(app_with(tmp_path, UOW_BINDS={"audit": value}))


@pytest.mark.parametrize(
    "config",
    [
        {"SQLALCHEMY_DATABASE_URI": "postgresql://clerk:secret@db.invalid/shop"},
        {"SQLALCHEMY_BINDS": {None: "sqlite:///shop.db"}},
        {"SQLALCHEMY_ENGINES": {"default": "sqlite:///shop.db"}},
        {"SQLALCHEMY_DATABASE_URI": "sqlite:///shop.db", "UOW_RECORD_QUERIES": True},
    ],
)
def test_a_database_of_another_extension_alone_is_an_error_that_names_both_keys(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    with pytest.raises(exc.ConfigurationError, match="UOW_DATABASE_URI") as caught:
        UnitOfWork(app_with(tmp_path, **config))
    assert next(iter(config)) in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_database_of_another_extension_beside_ours_is_left_to_it(tmp_path: Path) -> None:
    config = {"SQLALCHEMY_DATABASE_URI": "sqlite:///shop.db", "UOW_DATABASE_URI": "sqlite:///own.db"}
    db = UnitOfWork(app := app_with(tmp_path, **config))
    assert str(db.engines_of(app)[None].url).endswith("own.db")
    UnitOfWork(app_with(tmp_path, SQLALCHEMY_DATABASE_URI=None))


LATE: dict[str, Any] = {
    "UOW_DATABASE_URI": "sqlite:///late.db",
    "UOW_BINDS": {"audit": "sqlite:///late.db"},
    "UOW_ENGINE_OPTIONS": {"echo": True},
    "UOW_ECHO": True,
    "UOW_SESSION_OPTIONS": {"autoflush": False},
    "UOW_COMMIT_ON": None,
    "UOW_COMMIT_WHEN": lambda response, error: True,
    "UOW_RETRY_ATTEMPTS": 3,
    "UOW_RECORD_QUERIES": True,
    "UOW_SLOW_QUERY_SECONDS": 1,
    "UOW_STATEMENT_TIMEOUT_SECONDS": 1,
    "UOW_SQL_COMMENTS": True,
}


@pytest.mark.parametrize("key", LATE)
@pytest.mark.parametrize(
    "use",
    [
        lambda db: db.session.query(db.Note),
        lambda db: db.create_all(),
        lambda db: db.engine,
        lambda db: db.unit_of_work().__enter__(),
        lambda db: db.run(lambda: db.session()),
    ],
    ids=["session", "create_all", "engine", "unit_of_work", "run"],
)
def test_a_key_that_is_set_after_init_app_is_an_error_at_the_next_use(tmp_path: Path, key: str, use: Any) -> None:
    db = make_db()
    db.init_app(app := app_with(tmp_path))
    app.config[key] = LATE[key]
    with app.app_context(), pytest.raises(exc.ConfigurationError, match=rf"{key}.*after init_app.*before"):
        use(db)


def test_a_database_that_is_set_after_the_first_use_is_an_error_too(tmp_path: Path) -> None:
    db = make_db()
    db.init_app(app := app_with(tmp_path, UOW_DATABASE_URI="sqlite://"))
    with app.app_context():
        db.create_all()
        add_note(db, "a")
    app.config["UOW_DATABASE_URI"] = "sqlite:///tests.db"
    with app.app_context(), pytest.raises(exc.ConfigurationError, match="UOW_DATABASE_URI"):
        db.session()
    app.config["UOW_DATABASE_URI"] = "sqlite://"
    assert saved_texts(db, app) == ["a"]


def test_a_dict_that_is_changed_in_place_is_noticed(tmp_path: Path) -> None:
    app = app_with(tmp_path, UOW_BINDS={"audit": {"url": "sqlite://"}})
    db = UnitOfWork(app)
    app.config["UOW_BINDS"]["audit"]["url"] = "sqlite:///late.db"
    with app.app_context(), pytest.raises(exc.ConfigurationError, match="UOW_BINDS"):
        db.session()


def test_keys_of_others_may_change_at_any_time(tmp_path: Path) -> None:
    db = UnitOfWork(app := app_with(tmp_path))
    app.config["TESTING"] = True
    with app.app_context():
        assert db.session.scalar("SELECT 1") == 1


@pytest.mark.parametrize("late", [{"UOW_ECHO": True}, {"UOW_RETRY_ATTEMPTS": 2}])
def test_a_key_that_comes_late_is_noticed_unless_it_says_nothing(tmp_path: Path, late: dict[str, Any]) -> None:
    (key,) = late
    db = UnitOfWork(app := app_with(tmp_path))
    app.config[key] = None
    with app.app_context():
        assert db.session.scalar("SELECT 1") == 1
    app.config.update(late)
    with app.app_context(), pytest.raises(exc.ConfigurationError, match=key):
        db.session()


@pytest.mark.parametrize("given", [{"UOW_ECHO": False}, {"UOW_COMMIT_ON": None}, {"UOW_DATABASE_URI": "sqlite://"}])
def test_a_key_that_is_taken_away_is_noticed(tmp_path: Path, given: dict[str, Any]) -> None:
    (key,) = given
    db = UnitOfWork(app := app_with(tmp_path, **given))
    del app.config[key]
    with app.app_context(), pytest.raises(exc.ConfigurationError, match=key):
        db.session()


@pytest.mark.parametrize("key", ["UOW_COMMIT_ON", "UOW_DATABASE_URI"])
def test_a_late_none_is_noticed_where_it_is_not_the_default(tmp_path: Path, key: str) -> None:
    db = UnitOfWork(app := app_with(tmp_path))
    app.config[key] = None
    with app.app_context(), pytest.raises(exc.ConfigurationError, match=f"{key}.*after init_app"):
        db.session()


def test_a_list_that_is_changed_in_place_is_noticed(tmp_path: Path) -> None:
    app = app_with(
        tmp_path, UOW_BINDS={"audit": {"url": "postgresql://a.invalid/x", "replicas": ["postgresql://b.invalid/x"]}}
    )
    db = UnitOfWork(app)
    with app.app_context():
        db.session()
    app.config["UOW_BINDS"]["audit"]["replicas"].append("postgresql://late.invalid/x")
    with app.app_context(), pytest.raises(exc.ConfigurationError, match="UOW_BINDS"):
        db.session()


def test_two_phase_commits_without_a_value_are_as_the_extension_says(tmp_path: Path) -> None:
    db = UnitOfWork(app := app_with(tmp_path, UOW_TWOPHASE=None), session_options={"twophase": True})
    with app.app_context():
        assert db.has_twophase()


def test_an_app_that_has_served_a_request_is_left_as_it_is(tmp_path: Path) -> None:
    app = app_with(tmp_path)
    app.test_client().get("/")
    db = UnitOfWork()
    for _ in range(2):
        with pytest.raises(AssertionError, match="has already handled its first request"):
            db.init_app(app)
    assert "uow" not in app.extensions
    assert app.test_client().get("/").status_code == 404
    with app.app_context(), pytest.raises(exc.InvalidRequestError, match="init_app"):
        db.session()


# -- messages that name the true cause


@pytest.mark.parametrize(
    "use",
    [
        lambda db: db.create_all(),
        lambda db: db.drop_all(),
        lambda db: db.engine,
        lambda db: db.engines,
        lambda db: db.unit_of_work(),
        lambda db: db.session.query(1),
        lambda db: db.run(lambda: None),
    ],
    ids=["create_all", "drop_all", "engine", "engines", "unit_of_work", "session", "run"],
)
@pytest.mark.parametrize("serves_another_app", [False, True])
def test_an_extension_that_was_not_initialized_on_the_app_at_hand_asks_for_init_app(
    tmp_path: Path, use: Any, serves_another_app: bool
) -> None:
    db = UnitOfWork(app_with(tmp_path)) if serves_another_app else UnitOfWork()
    kept = list(db._apps)
    with Flask("another").app_context(), pytest.raises(exc.InvalidRequestError, match=r"'another'.*init_app"):
        use(db)
    del kept


def test_an_extension_without_any_app_asks_for_init_app() -> None:
    with pytest.raises(exc.InvalidRequestError, match="init_app"):
        UnitOfWork().create_all()


def test_create_all_without_models_logs_that_none_is_known(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    db = UnitOfWork(app := app_with(tmp_path))
    with app.app_context():
        db.create_all()
    assert "No model or table is known" in caplog.text


@pytest.mark.parametrize(
    ("config", "echoed"),
    [
        ({"UOW_ECHO": True}, (True, True)),
        ({"UOW_ECHO": "debug"}, ("debug", "debug")),
        ({"UOW_ECHO": None}, (False, False)),
        ({"UOW_ECHO": False}, (False, False)),
        ({"UOW_ECHO": True, "UOW_ENGINE_OPTIONS": {"echo": False}}, (False, False)),
        ({"UOW_ECHO": True, "UOW_BINDS": {"audit": {"url": "sqlite://", "echo": False}}}, (True, False)),
    ],
)
def test_one_key_has_all_engines_echo_and_their_own_options_win(
    tmp_path: Path, config: dict[str, Any], echoed: tuple[Any, Any]
) -> None:
    db = UnitOfWork()
    app = app_with(tmp_path, **{"UOW_DATABASE_URI": "sqlite://", "UOW_BINDS": {"audit": "sqlite://"}, **config})
    db.init_app(app)
    engines = db.engines_of(app)
    assert (engines[None].echo, engines["audit"].echo) == echoed


def test_an_app_that_echoes_logs_its_statements(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, database_uri: str
) -> None:
    db = make_db()
    app = app_with(tmp_path, UOW_DATABASE_URI=database_uri, UOW_ECHO=True)
    db.init_app(app)
    with app.app_context(), caplog.at_level("INFO", logger="flask_uow.engine"):
        assert db.session.scalar("SELECT 6 * 7") == 42
        db.session.close()
        db.engine.dispose()
    assert any("SELECT 6 * 7" in record.getMessage() for record in caplog.records)
