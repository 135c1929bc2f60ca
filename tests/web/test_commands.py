"""The command line: the outcome of an app's own commands, ``flask shell``, and ``flask uow``."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from flask import Flask
from flask.cli import FlaskGroup, ScriptInfo, with_appcontext

from flask_uow import Column, Integer, Mapped, UnitOfWork, mapped_column
from tests.web.apps import add_note, dispose, make_app, make_db, saved_texts


def run(app: Flask, *args: str, **options: Any) -> Any:
    """Run ``flask ...`` as the shell would: through Flask's own group."""
    group = FlaskGroup(create_app=lambda: app, add_version_option=False)
    return app.test_cli_runner().invoke(group, list(args), obj=ScriptInfo(create_app=lambda: app), **options)


def raise_it(error: BaseException) -> None:
    raise error


ENDINGS: list[tuple[str, Callable[[], object], list[str]]] = [
    ("returns", lambda: None, ["a"]),
    ("ctx.exit(0)", lambda: click.get_current_context().exit(0), ["a"]),
    ("SystemExit(0)", lambda: sys.exit(0), ["a"]),
    ("ctx.exit(3)", lambda: click.get_current_context().exit(3), []),
    ("SystemExit(3)", lambda: sys.exit(3), []),
    ("SystemExit(text)", lambda: sys.exit("failed"), []),
    ("raises", lambda: raise_it(LookupError("failed")), []),
    ("aborts", lambda: click.get_current_context().abort(), []),
    ("fails", lambda: click.get_current_context().fail("failed"), []),
    ("usage error", lambda: raise_it(click.ClickException("failed")), []),
    ("KeyboardInterrupt", lambda: raise_it(KeyboardInterrupt()), []),
]


@pytest.mark.parametrize(("ending", "expected"), [pytest.param(e, x, id=n) for n, e, x in ENDINGS])
@pytest.mark.parametrize("through", ["flask group", "runner"])
def test_a_command_is_committed_exactly_when_it_exits_with_zero(
    db: UnitOfWork, flask_app: Flask, ending: Callable[[], object], expected: list[str], through: str
) -> None:
    @flask_app.cli.command("work")
    def work() -> None:
        add_note(db, "a")
        db.session.flush()
        ending()

    result = run(flask_app, "work") if through == "flask group" else flask_app.test_cli_runner().invoke(args=["work"])
    assert (result.exit_code == 0) is (expected == ["a"]), result.output
    assert saved_texts(db, flask_app) == expected


def test_a_plain_click_command_with_an_app_context_follows_the_same_rule(db: UnitOfWork, flask_app: Flask) -> None:
    @click.command()
    @click.argument("code", type=int)
    @with_appcontext
    def work(code: int) -> None:
        add_note(db, f"code {code}")
        click.get_current_context().exit(code)

    runner = flask_app.test_cli_runner()
    for code in (0, 3):
        assert runner.invoke(work, [str(code)], obj=ScriptInfo(create_app=lambda: flask_app)).exit_code == code
    assert saved_texts(db, flask_app) == ["code 0"]


def test_an_exception_that_is_being_handled_around_a_command_does_not_count_against_it(
    db: UnitOfWork, flask_app: Flask
) -> None:
    @flask_app.cli.command("work")
    def work() -> None:
        add_note(db, "a")

    try:
        raise LookupError
    except LookupError:
        run(flask_app, "work")
    assert saved_texts(db, flask_app) == ["a"]


def test_a_commit_that_fails_makes_the_command_fail(db: UnitOfWork, flask_app: Flask) -> None:
    @flask_app.cli.command("work")
    def work() -> None:
        add_note(db, "twice")
        add_note(db, "twice")

    assert run(flask_app, "work").exit_code != 0
    assert saved_texts(db, flask_app) == []


def test_a_command_is_rolled_back_with_commit_on_none(database_uri: str) -> None:
    db = make_db()
    app = make_app(db, database_uri, UOW_COMMIT_ON=None)

    @app.cli.command("work")
    def work() -> None:
        add_note(db, "a")

    assert run(app, "work").exit_code == 0
    assert saved_texts(db, app) == []
    dispose(db, app)


# -- flask shell


def test_the_shell_has_db_session_and_models_and_rolls_back_aloud(db: UnitOfWork, flask_app: Flask) -> None:
    code = "session.add(Note(text='dropped')); session.flush(); print(db.session is session)\n"
    result = run(flask_app, "shell", input=code)
    assert "True" in result.output
    assert "Uncommitted work was rolled back" in result.output
    assert saved_texts(db, flask_app) == []


def test_the_shell_keeps_what_was_committed_and_says_nothing(db: UnitOfWork, flask_app: Flask) -> None:
    result = run(flask_app, "shell", input="session.add(Note(text='kept')); session.commit()\n")
    assert "rolled back" not in result.output
    assert saved_texts(db, flask_app) == ["kept"]


WORK = {
    "added": ["session.add(Note(text='b'))"],
    "changed": ["note = session.query(Note).first()", "note.text = 'b'"],
    "changed and flushed": ["note = session.query(Note).first()", "note.text = 'b'", "session.flush()"],
    "deleted and flushed": ["session.delete(session.query(Note).first())", "session.flush()"],
    "query.update()": ["session.query(Note).update({'text': 'b'})"],
    "query.delete()": ["session.query(Note).delete()"],
    "update()": ["from flask_uow import update", "session.execute(update(Note).values(text='b'))"],
    "bulk_insert()": ["session.bulk_insert(Note, [{'text': 'b'}])"],
    "bulk_update()": ["session.bulk_update(Note, [{'id': 1, 'text': 'b'}])"],
    "copy_from()": ["session.copy_from(Note, [{'text': 'b'}])"],
    "SQL text": ["session.execute(\"UPDATE note SET text = 'b'\")"],
    "WITH": ["session.execute(\"WITH x AS (SELECT 'b' AS text) INSERT INTO note (text) SELECT text FROM x\")"],
    "connection": ["session.connection().execute(\"UPDATE note SET text = 'b'\")"],
    "table": ['session.execute("CREATE TABLE scratch (id INTEGER)")'],
    "another bind": ['session.execute("INSERT INTO entry (id) VALUES (1)", mapper=Entry)'],
    "open savepoint": ["savepoint = session.begin_nested()", "session.query(Note).delete()"],
    "released savepoint": ["savepoint = session.begin_nested()", "session.query(Note).delete()", "savepoint.commit()"],
    "before a savepoint": [
        "n = session.query(Note).delete()",
        "savepoint = session.begin_nested()",
        "savepoint.rollback()",
    ],
    "after a commit": ["session.commit()", "session.query(Note).delete()"],
}
NO_WORK = {
    "nothing": ["None"],
    "reads": ["session.query(Note).all()", "session.execute('SELECT * FROM note').all()"],
    "locking reads": ["session.query(Note).with_for_update().all()"],
    "committed": ["session.query(Note).update({'text': 'b'})", "session.commit()", "session.query(Note).all()"],
    "rolled back": ["session.query(Note).delete()", "session.rollback()", "session.query(Note).all()"],
    "rolled back to a savepoint": [
        "savepoint = session.begin_nested()",
        "n = session.query(Note).delete()",
        "savepoint.rollback()",
    ],
    "unit of work": [
        "from sys import stdin",
        "unit = db.unit_of_work()",
        "inner = unit.__enter__()",
        "inner.query(Note).delete()",
        "unit.__exit__(None, None, None)",
    ],
}


@pytest.fixture
def shell_app(database_uri: str, second_database_uri: str) -> Iterator[Flask]:
    """An app with two binds and a note."""
    db = make_db()

    class Entry(db.Model):  # type: ignore[misc, name-defined]
        __bind_key__ = "audit"
        id: Mapped[int] = mapped_column(primary_key=True)

    app = make_app(db, database_uri, UOW_BINDS={"audit": second_database_uri})
    with app.app_context():
        add_note(db, "a")
    yield app
    dispose(db, app)


def told_at_the_end(app: Flask, lines: list[str]) -> bool:
    """Whether the shell says that work was dropped, when it was left after these lines."""
    output: str = run(app, "shell", input="\n".join([*lines, "print('last line')", ""])).output
    assert "Traceback" not in output
    assert "last line" in output
    return "Uncommitted work was rolled back" in output


@pytest.mark.parametrize("work", WORK)
def test_the_shell_tells_of_every_kind_of_work_that_it_drops(shell_app: Flask, work: str) -> None:
    assert told_at_the_end(shell_app, WORK[work])


@pytest.mark.parametrize("work", NO_WORK)
def test_the_shell_is_silent_where_it_drops_nothing(shell_app: Flask, work: str) -> None:
    assert not told_at_the_end(shell_app, NO_WORK[work])


# -- flask uow


@pytest.fixture
def empty_app(database_uri: str, second_database_uri: str) -> Iterator[tuple[UnitOfWork, Flask]]:
    """An app with two binds and no tables yet: note on the default bind, entry on ``audit``."""
    db = make_db()
    db.Table("entry", *_entry_columns(), bind_key="audit")
    app = make_app(db, database_uri, create=False, UOW_BINDS={"audit": second_database_uri})
    yield db, app
    dispose(db, app)


def _entry_columns() -> list[Any]:
    return [Column("id", Integer, primary_key=True)]


def tables(db: UnitOfWork, app: Flask) -> list[list[str]]:
    with app.app_context():
        found = []
        for engine in db.engines.values():
            with engine.connect() as connection:
                found.append(sorted(connection.table_names()))
        return found


def test_help_lists_the_commands(flask_app: Flask) -> None:
    output = run(flask_app, "uow", "--help").output.partition("Commands:")[2]
    assert re.findall(r"^  ([a-z-]+) ", output, re.MULTILINE) == [
        "create-all",
        "ddl",
        "doctor",
        "drop-all",
        "indoubt",
        "ping",
        "recover",
    ]


def test_create_all_makes_the_tables_and_tells_which(empty_app: tuple[UnitOfWork, Flask]) -> None:
    db, app = empty_app
    result = run(app, "uow", "create-all")
    assert result.exit_code == 0, result.output
    assert result.output == "default: created note\naudit: created entry\n"
    assert tables(db, app) == [["note"], ["entry"]]
    assert run(app, "uow", "create-all").output == ""


@pytest.mark.parametrize(("bind", "expected"), [("default", [["note"], []]), ("audit", [[], ["entry"]])])
def test_create_all_takes_one_bind(empty_app: tuple[UnitOfWork, Flask], bind: str, expected: list[list[str]]) -> None:
    db, app = empty_app
    assert run(app, "uow", "create-all", "--bind", bind).exit_code == 0
    assert tables(db, app) == expected


@pytest.mark.parametrize(
    ("command", "done"), [(["create-all"], "created"), (["ddl"], "printed"), (["drop-all", "--yes"], "dropped")]
)
def test_a_command_about_tables_says_that_no_model_is_known(tmp_path: Path, command: list[str], done: str) -> None:
    app = make_app(UnitOfWork(), f"sqlite:///{tmp_path / 'empty.db'}", create=False)
    result = run(app, "uow", *command)
    assert result.exit_code == 0
    assert f"No model or table is known, so nothing is {done}" in result.output


def test_create_all_tells_which_columns_a_table_lacks_that_was_there_before(
    empty_app: tuple[UnitOfWork, Flask],
) -> None:
    db, app = empty_app
    with app.app_context(), db.engine.begin() as connection:
        connection.execute("CREATE TABLE note (id INTEGER PRIMARY KEY)")
    result = run(app, "uow", "create-all")
    assert result.exit_code == 0
    assert "audit: created entry" in result.output
    assert "default: note was there already and lacks text:" in result.output
    assert "ALTER TABLE" in result.output


def test_an_unknown_bind_is_a_usage_error_with_a_suggestion(empty_app: tuple[UnitOfWork, Flask]) -> None:
    result = run(empty_app[1], "uow", "create-all", "--bind", "audits")
    assert result.exit_code == 2
    assert "There is no bind 'audits'. Did you mean 'audit'? The binds are: default, audit." in result.output


def test_drop_all_asks_first(empty_app: tuple[UnitOfWork, Flask]) -> None:
    db, app = empty_app
    run(app, "uow", "create-all")
    assert run(app, "uow", "drop-all", input="n\n").exit_code == 1
    assert tables(db, app) == [["note"], ["entry"]]
    assert run(app, "uow", "drop-all", input="y\n").exit_code == 0
    assert tables(db, app) == [[], []]


def test_drop_all_with_yes_does_not_ask(empty_app: tuple[UnitOfWork, Flask]) -> None:
    db, app = empty_app
    run(app, "uow", "create-all")
    assert run(app, "uow", "drop-all", "--yes", "--bind", "audit").output == "audit: dropped entry\n"
    assert tables(db, app) == [["note"], []]


def test_ddl_prints_sql_that_creates_the_tables(empty_app: tuple[UnitOfWork, Flask]) -> None:
    db, app = empty_app
    output = run(app, "uow", "ddl", "--bind", "default").output
    with app.app_context(), db.engine.begin() as connection:
        for statement in output.split(";\n"):
            sql = "\n".join(line for line in statement.splitlines() if not line.startswith("--")).strip()
            if sql:
                connection.run(sql)
    assert tables(db, app) == [["note"], []]


def test_ping_tells_of_each_bind_and_exits_with_zero_when_all_answer(
    empty_app: tuple[UnitOfWork, Flask], database: str
) -> None:
    result = run(empty_app[1], "uow", "ping")
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert [line.split()[:3] for line in lines] == [
        ["default", "reachable", database],
        ["audit", "reachable", database],
    ]
    assert all(re.search(r"\d+\.\d ms$", line) for line in lines)
    engines = empty_app[0].engines_of(empty_app[1]).values()
    assert [line.split()[-3] for line in lines] == [str(engine.url) for engine in engines]


@pytest.mark.parametrize("arguments", [("create-all",), ("drop-all", "--yes")])
def test_a_database_that_does_not_answer_is_told_without_a_traceback_or_a_password(arguments: tuple[str, ...]) -> None:
    db = make_db()
    app = make_app(db, "postgresql://ed:hunter2@127.0.0.1:1/nothing", create=False)
    result = run(app, "uow", *arguments)
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert result.output.startswith("Error: cannot connect to postgresql://ed:***@127.0.0.1:1/nothing: ")
    assert "hunter2" not in result.output
    dispose(db, app)


def test_ping_exits_with_one_when_a_database_does_not_answer_and_shows_no_password(database_uri: str) -> None:
    db = make_db()
    app = make_app(db, database_uri, create=False, UOW_BINDS={"down": "postgresql://ed:hunter2@127.0.0.1:1/nothing"})
    result = run(app, "uow", "ping")
    assert result.exit_code == 1
    default, down = result.output.splitlines()
    assert default.split()[:2] == ["default", "reachable"]
    assert down.split()[:2] == ["down", "unreachable"]
    assert "hunter2" not in result.output
    dispose(db, app)
