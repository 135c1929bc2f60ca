"""What the page of things that are not built names does not work: each entry is tried, and its test fails once it does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask

import flask_uow
from flask_uow import (
    ARRAY,
    JSON,
    DeclarativeBase,
    ForeignKey,
    Integer,
    Mapped,
    Session,
    Table,
    UnitOfWork,
    bindparam,
    create_engine,
    mapped_column,
    relationship,
    update,
)

PAGE = Path(__file__).parent.parent / "docs" / "not-built-yet.md"


class Base(DeclarativeBase):
    pass


class Vehicle(Base):
    __tablename__ = "vehicle"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    parts: Mapped[list[Part]] = relationship()
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "vehicle"}


class Truck(Vehicle):
    __tablename__ = "truck"
    id: Mapped[int] = mapped_column(ForeignKey("vehicle.id"), primary_key=True)
    load: Mapped[int | None]
    __mapper_args__ = {"polymorphic_identity": "truck"}


class Part(Base):
    __tablename__ = "part"
    id: Mapped[int] = mapped_column(primary_key=True)
    vehicle_id: Mapped[int | None] = mapped_column(ForeignKey("vehicle.id"))
    data: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    sizes: Mapped[list[int] | None] = mapped_column(ARRAY(Integer))


@pytest.fixture
def session(postgresql_uri: str) -> Iterator[Session]:
    """A Session on PostgreSQL, which can do what the entries are about."""
    engine = create_engine(postgresql_uri)
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        yield session
    engine.dispose()


def copy_in_bulk(session: Session) -> None:
    session.copy_from(Truck, [{"load": 1}])


def merge_into_a_table(session: Session) -> None:
    table: Any = Table
    getattr(table, "merge")  # noqa: B009


def return_rows_of_several_parameter_sets(session: Session) -> None:
    statement = update(Part).where(Part.id == bindparam("which")).values(vehicle_id=None).returning(Part.id)
    session.execute(statement, [{"which": 1}, {"which": 2}]).all()


def run_the_command_migrate(session: Session) -> None:
    app = Flask("migrations")
    app.config.update(UOW_DATABASE_URI="sqlite://")
    UnitOfWork(app)
    uow: Any = app.cli.commands["uow"]
    assert {"migrate", "upgrade", "revision"} & set(uow.list_commands(CliRunner())), (
        "flask uow has no command that migrates"
    )


def name_of_package(name: str) -> Callable[[Session], object]:
    return lambda session: getattr(flask_uow, name)


# entry -> what tries it, and what comes of that
ATTEMPTS: dict[str, tuple[Callable[[Session], object], type[BaseException], str]] = {
    "COPY into several tables": (copy_in_bulk, flask_uow.InvalidRequestError, "table"),
    "`MERGE`": (merge_into_a_table, AttributeError, "merge"),
    "RETURNING of an UPDATE or DELETE for a list of parameter sets": (
        return_rows_of_several_parameter_sets,
        flask_uow.InvalidRequestError,
        "list of parameter sets",
    ),
    "Migrations": (run_the_command_migrate, AssertionError, "no command that migrates"),
}


def test_every_entry_of_the_page_is_tried() -> None:
    entries = re.findall(r"^- \*\*(.+?)\*\*", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert entries == list(ATTEMPTS)


@pytest.mark.parametrize("entry", ATTEMPTS)
def test_what_is_not_built_does_not_work(entry: str, session: Session) -> None:
    attempt, error, words = ATTEMPTS[entry]
    with pytest.raises(error, match=words):
        attempt(session)
