"""``flask uow ...``: make and drop the tables, print their SQL, look at databases and app, settle what a crash has left prepared.

Added to each app's command line by flask_uow.web.extension. ``--bind default`` means the bind of UOW_DATABASE_URI.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ParamSpec

import click
from flask import Flask, current_app
from flask.cli import AppGroup

from flask_uow.engine import Engine, Inspector
from flask_uow.engine.atomic import InDoubt, in_doubt
from flask_uow.exc import FlaskUowError, did_you_mean
from flask_uow.sql.ddl import create_statements
from flask_uow.web.config import DEFAULT_BIND
from flask_uow.web.doctor.examination import examine
from flask_uow.web.doctor.findings import CHECKS

if TYPE_CHECKING:
    from flask_uow.web.extension import UnitOfWork

__all__ = ["NO_MODELS", "uow_commands"]

P = ParamSpec("P")

NO_MODELS = "No model or table is known, so nothing is {}: import the modules that define them where the app is made, in create_app() say."

uow_commands = AppGroup("uow", help="Work with the databases of the app.")

_bind_option = click.option("--bind", metavar="KEY", help="One bind only; 'default' is the one of UOW_DATABASE_URI.")


def _without_traceback(command: Callable[P, None]) -> Callable[P, None]:
    """Let an error of the project end a command with its message alone: a server that is down is no bug of the app's."""

    @functools.wraps(command)
    def told(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except FlaskUowError as error:
            raise click.ClickException(str(error)) from error

    return told


@uow_commands.command("create-all")
@_bind_option
@_without_traceback
def create_all(bind: str | None) -> None:
    """Create the tables that do not exist yet; tell of those that lack columns of their models."""
    db = _extension()
    keys = _chosen_keys(db, bind)
    _tell_of_no_models(db, keys, "created")
    for key in keys:
        before = _existing_tables(db, key)
        db.create_all(key)
        for table in sorted(_existing_tables(db, key) - before):
            click.echo(f"{_shown(key)}: created {table}")
        for table, columns in _missing_columns(db, key, before):
            click.echo(
                f"{_shown(key)}: {table} was there already and lacks {columns}: create-all leaves tables as they are. Add the columns with"
                " ALTER TABLE (a migration), or drop the table and have it made anew.",
                err=True,
            )


@uow_commands.command("drop-all")
@_bind_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@_without_traceback
def drop_all(bind: str | None, yes: bool) -> None:
    """Drop the tables of the models, with all their rows."""
    db = _extension()
    keys = _chosen_keys(db, bind)
    if not yes:
        where = ", ".join(f"{_shown(key)} ({db.engines[key].url})" for key in keys)
        click.confirm(f"Drop all tables of the models and every row in them? Binds: {where}", abort=True)
    _tell_of_no_models(db, keys, "dropped")
    for key in keys:
        before = _existing_tables(db, key)
        db.drop_all(key)
        for table in sorted(before - _existing_tables(db, key)):
            click.echo(f"{_shown(key)}: dropped {table}")


@uow_commands.command("ddl")
@_bind_option
@_without_traceback
def ddl(bind: str | None) -> None:
    """Print the SQL that creates the tables."""
    db = _extension()
    keys = _chosen_keys(db, bind)
    _tell_of_no_models(db, keys, "printed")
    for key in keys:
        click.echo(f"-- {_shown(key)}: {db.engines[key].dialect.name}")
        for statement in _ddl_statements(db, key):
            click.echo(f"{statement};\n")


@uow_commands.command("ping")
@_bind_option
@_without_traceback
def ping(bind: str | None) -> None:
    """Ask each database whether it answers, its read replicas too. Exits with 1 when a database does not; a replica may be away."""
    db = _extension()
    keys = _chosen_keys(db, bind)
    primaries = [_ping(_shown(key), db.engines[key]) for key in keys]
    rows = primaries + [
        _ping(f"{_shown(key)}, replica {number}", engine)
        for key in keys
        for number, engine in enumerate(db.replicas.get(key, ()), 1)
    ]
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    for line in _two_phase_notes(db, _chosen_keys(db, bind)):
        click.echo(line)
    if any(row[1] != "reachable" for row in primaries):
        click.get_current_context().exit(1)


def _ping(name: str, engine: Engine) -> tuple[str, str, str, str, str]:
    """Return the name that is given, ``reachable`` or ``unreachable``, version or reason, URL without the password, latency in milliseconds."""
    version_sql = "SELECT sqlite_version()" if engine.dialect.name == "sqlite" else "SHOW server_version"
    try:
        with engine.connect() as connection:
            # the connection is there already: what counts is the way to the database and back
            start = time.perf_counter()
            version = connection.fetch_all(version_sql)[0][0]
            milliseconds = (time.perf_counter() - start) * 1000
    except FlaskUowError as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return name, "unreachable", reason, str(engine.url), ""
    return name, "reachable", f"{engine.dialect.name} {version}", str(engine.url), f"{milliseconds:.1f} ms"


def _two_phase_notes(db: UnitOfWork, keys: list[str | None]) -> list[str]:
    """Return lines about two-phase commits: databases that cannot prepare, and what waits in those that can."""
    if not db.has_twophase():
        return []
    notes: list[str] = []
    engines = {key: db.engines[key] for key in keys if db.engines[key].dialect.supports_two_phase}
    for key, engine in engines.items():
        try:
            with engine.connect() as connection:
                allowed = int(connection.fetch_all("SHOW max_prepared_transactions")[0][0])
        except FlaskUowError:
            # that it does not answer was told with the others
            continue
        if allowed == 0:
            notes.append(
                f"warning: {_shown(key)} allows no prepared transactions, which UOW_TWOPHASE needs."
                " Set max_prepared_transactions in postgresql.conf to at least max_connections, and restart the server."
            )
    waiting, _ = in_doubt(engines)
    notes.extend(f"in doubt: {_described(each)}" for each in waiting)
    return notes


@uow_commands.command("indoubt")
@_bind_option
@_without_traceback
def indoubt(bind: str | None) -> None:
    """List the transactions that are prepared, with their age. Exits with 1 when a database does not answer."""
    db = _extension()
    found, unreachable = in_doubt({key: db.engines[key] for key in _chosen_keys(db, bind)})
    for each in found:
        click.echo(_described(each))
    if not found:
        click.echo("Nothing is prepared.")
    _complain(unreachable)


@uow_commands.command("recover")
@_bind_option
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option(
    "--grace", type=click.FloatRange(min=0), default=60.0, show_default=True, metavar="SECONDS",
    help="Leave alone what was prepared fewer seconds ago.",
)  # fmt: skip
@_without_traceback
def recover(bind: str | None, dry_run: bool, grace: float) -> None:
    """Finish what a crash has left prepared. Exits with 1 when something stays unsettled, or a database does not answer."""
    db = _extension()
    report = db.recover(grace=grace, dry_run=dry_run, bind_key="__all__" if bind is None else _chosen_keys(db, bind)[0])
    for settled in report.settled:
        done = f"would be {settled.outcome}" if dry_run and settled.outcome != "unsettled" else settled.outcome
        reason = f" ({settled.reason.splitlines()[0]})" if settled.reason else ""
        click.echo(f"{done}: {_described(settled.transaction)}{reason}")
    if report.forgotten:
        click.echo(f"deleted {report.forgotten} old decisions")
    if not report.settled:
        click.echo("Nothing to settle.")
    _complain(report.unreachable)
    if not report.is_complete:
        click.get_current_context().exit(1)


@uow_commands.command("doctor")
@_bind_option
@click.option(
    "--skip", multiple=True, type=click.Choice(list(CHECKS)), help="Leave out a check; may be given several times."
)
@_without_traceback
def doctor(bind: str | None, skip: tuple[str, ...]) -> None:
    """Look at the app, and say what to do about what is wrong. Changes nothing.

    It finds, in an app that is moved over from Flask-SQLAlchemy or whose models have changed:

    \b
    configuration  keys of other extensions, which flask_uow does not read
    imports        imports of SQLAlchemy and its extensions in the app's package
    tables         tables of models that the database does not have
    columns        columns that differ: missing, left over, another type, NULL
    decimals       decimals in SQLite files that other programs cannot read

    Prints a line for each finding: the check, the place, the fact and the cure. Exits with 1 when something is found.
    """
    db = _extension()
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    databases = {key: (db.engines[key], db.metadatas[key]) for key in _chosen_keys(db, bind)}
    findings = list(examine(app, databases, skip))
    for finding in findings:
        click.echo(str(finding))
    if findings:
        click.echo(f"Found {len(findings)} {'thing' if len(findings) == 1 else 'things'}.", err=True)
        click.get_current_context().exit(1)
    click.echo("Nothing found.")


def _described(each: InDoubt) -> str:
    whose = "" if each.coordinator is not None else ", of another program"
    return f"{_shown(each.bind)}: {each.xid}, prepared {each.age:.0f} s ago by {each.owner}{whose}"


def _complain(unreachable: Mapping[str | None, str]) -> None:
    for key, error in unreachable.items():
        click.echo(f"{_shown(key)} does not answer: {error.splitlines()[0]}", err=True)
    if unreachable:
        click.get_current_context().exit(1)


def _extension() -> UnitOfWork:
    db: UnitOfWork = current_app.extensions["uow"]
    return db


def _chosen_keys(db: UnitOfWork, bind: str | None) -> list[str | None]:
    keys = list(db.engines)
    if bind is None:
        return keys
    key = None if bind == DEFAULT_BIND else bind
    if key not in keys:
        shown = [_shown(known) for known in keys]
        raise click.UsageError(
            f"There is no bind {bind!r}.{did_you_mean(bind, shown)} The binds are: {', '.join(shown)}."
        )
    return [key]


def _shown(key: str | None) -> str:
    return DEFAULT_BIND if key is None else key


def _tell_of_no_models(db: UnitOfWork, keys: Iterable[str | None], done: str) -> None:
    """Say on stderr that a command finds nothing to do, where that is so; ``done`` is what is not done."""
    if not any(db.metadatas[key].tables for key in keys):
        click.echo(NO_MODELS.format(done), err=True)


def _existing_tables(db: UnitOfWork, key: str | None) -> set[str]:
    """Return the names of the models' tables that the database has."""
    tables = db.metadatas[key].sorted_tables
    found: set[str] = set()
    with db.engines[key].connect() as connection:
        for schema in {table.schema for table in tables}:
            names = set(connection.table_names(schema))
            found |= {table.fullname for table in tables if table.schema == schema and table.name in names}
    return found


def _missing_columns(db: UnitOfWork, key: str | None, existing: set[str]) -> Iterator[tuple[str, str]]:
    """Yield the tables that are there and lack columns of the models, with the names of these."""
    with db.engines[key].connect() as connection:
        inspector = Inspector(connection)
        for table in db.metadatas[key].sorted_tables:
            if table.fullname in existing:
                present = {column["name"] for column in inspector.get_columns(table.name, table.schema)}
                missing = [column.name for column in table.columns if column.name not in present]
                if missing:
                    yield table.fullname, ", ".join(missing)


def _ddl_statements(db: UnitOfWork, key: str | None) -> list[str]:
    dialect: Any = db.engines[key].dialect
    statements = create_statements(
        db.metadatas[key].sorted_tables, frozenset(), dialect.supports_alter, dialect.supports_comments
    )
    return [str(statement.compile(dialect)).strip() for statement in statements]
