"""All checks of an app, one after the other."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from flask import Flask

from flask_uow.engine import Engine
from flask_uow.exc import FlaskUowError
from flask_uow.sql import MetaData
from flask_uow.web.config import DEFAULT_BIND
from flask_uow.web.doctor.configuration import examine_configuration
from flask_uow.web.doctor.decimals import examine_decimals
from flask_uow.web.doctor.findings import Finding
from flask_uow.web.doctor.schema import examine_schema
from flask_uow.web.doctor.source import examine_source, source_files

__all__ = ["examine"]


def examine(
    app: Flask,
    databases: Mapping[str | None, tuple[Engine, MetaData]],
    skipped: Collection[str] = (),
) -> Iterator[Finding]:
    """Yield what is wrong about an app, check by check.

    :param databases: the engine and the tables of each bind that is to be looked at.
    :param skipped: names of checks whose findings do not count.
    """
    for finding in _all_findings(app, databases):
        if finding.check not in skipped:
            yield finding


def _all_findings(app: Flask, databases: Mapping[str | None, tuple[Engine, MetaData]]) -> Iterator[Finding]:
    yield from examine_configuration(app.config)
    yield from examine_source(source_files(app.import_name, app.root_path), Path.cwd())
    for key, (engine, metadata) in databases.items():
        bind = DEFAULT_BIND if key is None else key
        try:
            with engine.connect() as connection:
                yield from [*examine_schema(connection, metadata, bind), *examine_decimals(connection, metadata, bind)]
        except FlaskUowError as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            yield Finding("tables", bind, f"the database does not answer ({reason}).", "See `flask uow ping`.")
