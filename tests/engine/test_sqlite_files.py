"""SQLite files that cannot be written, or that another connection has locked. Rights are tried by a process that has no special ones."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flask_uow import DatabaseError, OperationalError, create_engine

READ_AND_WRITE = """
import json, os, sys
from flask_uow import DBAPIError, create_engine

create_engine("sqlite://").connect().close()  # imports what it needs, as long as it may
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
told = []
engine = create_engine(sys.argv[1])
for statement in ("SELECT name FROM river", "INSERT INTO river VALUES ('Oder')", "SELECT name FROM river"):
    try:
        with engine.begin() as connection:
            found = connection.execute(statement)
            told.append(found.scalar() if statement.startswith("SELECT") else "written")
    except DBAPIError as error:
        told.append(type(error).__name__)
print(json.dumps(told))
"""


@pytest.fixture
def river() -> Iterator[Callable[[str, int, int], Path]]:
    """``river(journal_mode, file_mode, folder_mode)``: a file with one row."""
    base = Path(tempfile.mkdtemp(prefix="uow-river-"))
    base.chmod(0o755)
    folder = base / "data"
    folder.mkdir()

    def make(journal_mode: str, file_mode: int, folder_mode: int) -> Path:
        path = folder / "river.db"
        connection = sqlite3.connect(path)
        connection.execute(f"PRAGMA journal_mode = {journal_mode}")
        connection.execute("CREATE TABLE river (name TEXT)")
        connection.execute("INSERT INTO river VALUES ('Elbe')")
        connection.commit()
        connection.close()
        path.chmod(file_mode)
        folder.chmod(folder_mode)
        return path

    yield make
    folder.chmod(0o777)
    shutil.rmtree(base, ignore_errors=True)


def as_plain_user(uri: str) -> list[str]:
    command = [sys.executable, "-c", READ_AND_WRITE, uri]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd="/", env=environment, check=False)
    assert done.returncode == 0, done.stderr
    told: list[str] = json.loads(done.stdout)
    return told


@pytest.mark.parametrize("journal_mode", ["DELETE", "WAL"])
@pytest.mark.parametrize(("file_mode", "folder_mode"), [(0o444, 0o777), (0o444, 0o555), (0o666, 0o555)])
@pytest.mark.parametrize("options", ["", "?mode=ro", "?immutable=1"])
def test_a_file_that_cannot_be_written_is_read(
    river: Callable[[str, int, int], Path], journal_mode: str, file_mode: int, folder_mode: int, options: str
) -> None:
    path = river(journal_mode, file_mode, folder_mode)
    assert as_plain_user(f"sqlite:///{path}{options}") == ["Elbe", "OperationalError", "Elbe"]


def test_a_file_that_can_be_written_is(river: Callable[[str, int, int], Path]) -> None:
    assert as_plain_user(f"sqlite:///{river('DELETE', 0o666, 0o777)}") == ["Elbe", "written", "Elbe"]


def test_a_file_that_cannot_be_read_is_an_error(river: Callable[[str, int, int], Path]) -> None:
    told = as_plain_user(f"sqlite:///{river('DELETE', 0o000, 0o755)}")
    assert told[0] == told[2] == "OperationalError"


def test_the_error_for_a_locked_database_says_who_holds_the_lock_in_this_process(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'test.db'}?timeout=0.05")
    with engine.begin() as writer:
        writer.run("CREATE TABLE t (id INTEGER)")
        with engine.connect() as other, pytest.raises(OperationalError) as caught:
            other.run("CREATE TABLE u (id INTEGER)")
        assert "In a transaction in this process:\n- no request, for " in str(caught.value)
        assert "by this very thread" in str(caught.value)
    outsider = sqlite3.connect(tmp_path / "test.db", isolation_level=None)
    outsider.execute("BEGIN IMMEDIATE")
    with (
        engine.connect() as other,
        pytest.raises(OperationalError, match="the lock is another process's, or another engine's"),
    ):
        other.run("CREATE TABLE u (id INTEGER)")
    outsider.close()
    engine.dispose()


def test_a_file_to_which_another_program_writes_for_long_is_read_meanwhile(tmp_path: Path) -> None:
    writer = sqlite3.connect(tmp_path / "test.db", isolation_level=None)
    writer.execute("CREATE TABLE river (name TEXT)")
    writer.execute("INSERT INTO river VALUES ('Elbe')")
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("INSERT INTO river VALUES ('Oder')")
    engine = create_engine(f"sqlite:///{tmp_path / 'test.db'}?timeout=0.05")
    with engine.connect() as connection:
        assert connection.scalars("SELECT name FROM river").all() == ["Elbe"]
    writer.execute("COMMIT")
    writer.close()
    engine.dispose()
    with engine.connect() as connection:
        assert connection.scalars("SELECT name FROM river").all() == ["Elbe", "Oder"]
        assert connection.scalar("PRAGMA journal_mode") == "wal"
    engine.dispose()


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("", "is a folder"),
        ("/none.db?mode=ro", "no such file"),
        ("/none.db?mode=rw", "no such file"),
        ("/no/where.db", "does not exist"),
        ("/" + "n" * 300 + ".db", "unable to open"),
        ("/" + "n" * 300 + "/x.db", "does not exist"),
    ],
)
def test_a_file_that_cannot_be_opened_is_an_error_with_the_cure(tmp_path: Path, path: str, words: str) -> None:
    for prefix in ("sqlite:///", "sqlite:///file:"):
        with pytest.raises(OperationalError, match=words):
            create_engine(f"{prefix}{tmp_path}{path}").connect()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_an_error_with_the_cure(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("milk and honey " * 100)
    engine = create_engine(f"sqlite:///{path}")
    for _ in range(2):
        with pytest.raises(
            DatabaseError, match=r"cannot connect to .*notes\.txt.*is not a database.*move this one away"
        ):
            engine.connect()
    assert engine.pool.checked_out() == 0
    assert path.read_text().startswith("milk")


def test_a_url_may_say_that_threads_share_connections(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/x.db?check_same_thread=False&timeout=2")
    with engine.connect() as connection:
        assert connection.scalar("SELECT 1") == 1
    engine.dispose()
    assert (tmp_path / "x.db").exists()
