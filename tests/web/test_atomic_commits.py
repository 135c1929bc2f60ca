"""UOW_TWOPHASE: the units of work of an app are atomic over its databases; what a crash has left is settled from the command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_uow import ArgumentError, CommitOutcomeUnknown, Mapped, OperationalError, Session, UnitOfWork, mapped_column
from flask_uow.engine import Engine
from tests.postgresql import execute, fresh_database, own_server
from tests.web.test_commands import run


class App:
    """An app with three databases, the last one of SQLite."""

    def __init__(self, uri: str, second_uri: str, folder: Path, **config: Any) -> None:
        self.db = db = UnitOfWork()

        class Paper(db.Model):
            id: Mapped[int] = mapped_column(primary_key=True)

        class Stone(db.Model):
            __bind_key__ = "stone"
            id: Mapped[int] = mapped_column(primary_key=True)

        class Wood(db.Model):
            __bind_key__ = "wood"
            id: Mapped[int] = mapped_column(primary_key=True)

        self.models: dict[str | None, Any] = {None: Paper, "stone": Stone, "wood": Wood}
        self.flask = app = Flask("atomic", instance_path=str(folder))
        binds = {"stone": second_uri, "wood": f"sqlite:///{folder / 'wood.db'}"}
        app.config.update(UOW_DATABASE_URI=uri, UOW_BINDS=binds, UOW_TWOPHASE=True, **config)
        db.init_app(app)

        @app.post("/<names>")
        def write(names: str) -> str:
            self.write(*names.split(","))
            return "saved"

        with app.app_context():
            db.create_all()

    def write(self, *names: str) -> None:
        self.db.session.add_all([self.models[None if name == "default" else name]() for name in names])

    def engine(self, key: str | None) -> Engine:
        with self.flask.app_context():
            return self.db.engines[key]

    def counts(self) -> list[int]:
        with self.flask.app_context():
            return [self.db.session.query(model).count() for model in self.models.values()]

    def leave_in_doubt(self, committed: bool) -> None:
        """Leave what a process leaves that is killed after its PREPAREs, before or after the decision."""
        session = Session(twophase=True, bind_key_engines={key: self.engine(key) for key in (None, "stone")})
        session.add_all([self.models[None](), self.models["stone"]()])
        session.prepare()
        transaction = session.transaction
        assert transaction is not None
        atomic = transaction.participants.atomic
        assert atomic is not None
        if committed:
            with self.engine(None).connect() as connection, connection.begin():
                assert atomic._record is not None
                atomic._record.insert_commit(connection, atomic.gtrid, ["x"])
        atomic.may_undo = False
        session.close()

    def dispose(self) -> None:
        for key in self.models:
            self.engine(key).dispose()


@pytest.fixture
def atomic(postgresql_uri: str, second_postgresql_uri: str, tmp_path: Path) -> Iterator[App]:
    app = App(postgresql_uri, second_postgresql_uri, tmp_path)
    yield app
    app.dispose()


def test_requests_commands_and_units_of_work_commit_over_all_databases(atomic: App) -> None:
    sent: list[str] = []
    for key in (None, "stone"):
        atomic.engine(key).listeners.after_execute.append(lambda event: sent.append(event.statement))

    @atomic.flask.cli.command("write")
    def write() -> None:
        atomic.write("default", "stone")

    assert atomic.flask.test_client().post("/default,stone,wood").status_code == 200
    assert len([sql for sql in sent if sql.startswith("COMMIT PREPARED")]) == 2
    assert run(atomic.flask, "write").exit_code == 0
    with atomic.db.unit_of_work():
        atomic.write("default", "stone", "wood")
    atomic.db.run(lambda: atomic.write("stone", "wood"))
    assert atomic.counts() == [3, 4, 3]


def test_a_request_that_writes_to_one_database_pays_nothing_for_it(atomic: App) -> None:
    sent: list[str] = []
    for key in (None, "stone"):
        atomic.engine(key).listeners.after_execute.append(lambda event: sent.append(event.statement))
    assert atomic.flask.test_client().post("/default").status_code == 200
    assert [sql.split()[0] for sql in sent] == ["BEGIN", "INSERT", "COMMIT"]


def test_a_commit_that_one_database_refuses_saves_nothing_and_is_a_500(atomic: App) -> None:
    uri = atomic.engine("stone").url.render(hide_password=False)
    execute(
        uri,
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$",
        "CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON stone DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
        " EXECUTE FUNCTION refuse()",
    )
    assert atomic.flask.test_client().post("/default,stone,wood").status_code == 500
    assert atomic.counts() == [0, 0, 0]
    execute(uri, "DROP FUNCTION refuse CASCADE")


def test_an_after_commit_callback_runs_after_the_decision_and_never_without_it(atomic: App) -> None:
    ran: list[str] = []

    @atomic.flask.post("/mail/<int:refuse>")
    def mail(refuse: int) -> str:
        atomic.db.after_commit(lambda: ran.append("sent"))
        atomic.write("default", "stone")
        atomic.db.session.flush()
        if refuse:
            execute(atomic.engine("stone").url.render(hide_password=False), TERMINATE)
        return ""

    client = atomic.flask.test_client()
    assert client.post("/mail/1").status_code == 500
    assert ran == []
    assert client.post("/mail/0").status_code == 200
    assert ran == ["sent"]
    assert atomic.counts() == [1, 1, 0]


TERMINATE = (
    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
)


def test_a_failed_attempt_over_several_databases_is_tried_again_as_a_whole(atomic: App) -> None:
    attempts: list[int] = []

    @atomic.db.transactional(attempts=2)
    def work() -> None:
        atomic.write("default", "stone")
        atomic.db.session.flush()
        attempts.append(1)
        if len(attempts) == 1:
            raise OperationalError("again", "x", None, Serialization())

    with atomic.flask.app_context():
        work()
    assert len(attempts) == 2
    assert atomic.counts() == [1, 1, 0]


class Serialization(Exception):
    pgcode = "40001"


def test_a_read_only_unit_of_work_makes_no_record(
    postgresql_uri: str, second_postgresql_uri: str, tmp_path: Path
) -> None:
    app = App(postgresql_uri, second_postgresql_uri, tmp_path)
    execute(postgresql_uri, "DROP TABLE uow_decision, uow_database")
    with app.flask.app_context(), app.db.unit_of_work(read_only=True) as session:
        assert [session.query(model).count() for model in app.models.values()] == [0, 0, 0]
    assert execute(postgresql_uri, "SELECT to_regclass('uow_decision')") == [(None,)]
    app.dispose()


@pytest.mark.parametrize("committed", [True, False])
def test_recover_finishes_what_a_crash_has_left(atomic: App, committed: bool) -> None:
    atomic.leave_in_doubt(committed)
    listed = run(atomic.flask, "uow", "indoubt")
    assert listed.exit_code == 0
    assert listed.output.count("prepared 0 s ago by") == 2
    assert listed.output.count("uow1-") == 2
    assert "in doubt: stone: uow1-" in run(atomic.flask, "uow", "ping").output
    assert "Nothing to settle." in run(atomic.flask, "uow", "recover").output
    word = "committed" if committed else "rolled back"
    dry = run(atomic.flask, "uow", "recover", "--grace", "0", "--dry-run")
    assert dry.output.count(f"would be {word}: ") == 2
    one = run(atomic.flask, "uow", "recover", "--grace", "0", "--bind", "stone")
    assert (one.exit_code, one.output.count(f"{word}: stone: uow1-")) == (0, 1)
    done = run(atomic.flask, "uow", "recover", "--grace", "0")
    assert (done.exit_code, done.output.count(f"{word}: default: uow1-")) == (0, 1)
    assert "Nothing is prepared." in run(atomic.flask, "uow", "indoubt").output
    assert atomic.counts() == [int(committed), int(committed), 0]


def test_recover_in_python_reports_what_it_did(atomic: App) -> None:
    atomic.leave_in_doubt(True)
    with atomic.flask.app_context():
        report = atomic.db.recover(grace=0)
        assert sorted(str(each.transaction.bind) for each in report.settled) == ["None", "stone"]
        assert {each.outcome for each in report.settled} == {"committed"}
        assert report.is_complete
        with pytest.raises(ArgumentError, match="no bind 'nope'"):
            atomic.db.recover(bind_key="nope")


def test_recover_of_an_unknown_bind_is_a_usage_error(atomic: App) -> None:
    for command in ("recover", "indoubt"):
        result = run(atomic.flask, "uow", command, "--bind", "ston")
        assert result.exit_code == 2
        assert "Did you mean 'stone'?" in result.output
    assert run(atomic.flask, "uow", "recover", "--grace", "-1").exit_code == 2


def test_recover_exits_with_1_when_a_database_does_not_answer(atomic: App, tmp_path: Path) -> None:
    app = Flask("gone", instance_path=str(tmp_path))
    app.config.update(
        UOW_DATABASE_URI="postgresql://127.0.0.1:1/x?connect_timeout=2", UOW_BINDS={"a": "sqlite://"}, UOW_TWOPHASE=True
    )
    UnitOfWork().init_app(app)
    for command in (["recover"], ["indoubt"]):
        result = run(app, "uow", *command)
        assert result.exit_code == 1
        assert "default does not answer" in result.output


def test_ping_warns_of_a_server_without_prepared_transactions(tmp_path: Path) -> None:
    with own_server("max_prepared_transactions = 0\nfsync = off\n") as server:
        uri = server.get_uri()
        with fresh_database(uri) as one, fresh_database(uri) as two:
            app = App(one, two, tmp_path)
            output = run(app.flask, "uow", "ping").output
            assert output.count("allows no prepared transactions") == 2
            assert "max_prepared_transactions" in output
            client = app.flask.test_client()
            assert client.post("/default,stone").status_code == 500
            assert client.post("/stone").status_code == 200
            assert app.counts() == [0, 1, 0]
            app.dispose()


def test_an_outcome_that_nobody_can_tell_reaches_the_app_as_such(atomic: App, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[BaseException] = []

    @atomic.flask.errorhandler(CommitOutcomeUnknown)
    def unknown(error: CommitOutcomeUnknown) -> Any:
        seen.append(error)
        return "unknown", 504

    engine = atomic.engine(None)

    def lose(cursor: Any) -> None:
        monkeypatch.undo()
        monkeypatch.setattr(engine, "connect_apart", refuse)
        cursor.connection.close()
        cursor.execute("COMMIT")

    def refuse() -> Any:
        raise OperationalError("nobody answers", None)

    monkeypatch.setattr(engine.dialect, "commit", lose)
    assert atomic.flask.test_client().post("/default,stone").status_code == 504
    monkeypatch.undo()
    assert "flask uow recover" in str(seen[0])
    assert "uow1-" in str(seen[0])
    assert run(atomic.flask, "uow", "recover", "--grace", "0").exit_code == 0
    assert atomic.counts() == [0, 0, 0]
