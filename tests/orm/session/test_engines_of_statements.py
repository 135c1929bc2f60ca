"""Which engine a statement goes to, and lazy loads in autocommit mode."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flask_uow import (
    ArgumentError,
    Engine,
    Session,
    UnboundExecutionError,
    select,
)
from flask_uow.orm import Registry
from tests.orm.models import Place, Post, Tag, User
from tests.statements import StatementLog


@pytest.fixture
def registry() -> Iterator[Registry]:
    registry = Registry()
    yield registry
    registry.dispose()


def test_binds_by_table_and_by_mapper_serve_statements_too(tables: Engine) -> None:
    place = Place.__mapper__.local_table  # type: ignore[attr-defined]
    with Session(binds={place: tables, User: tables}) as session:
        assert session.query(Place).all() == []
        assert session.execute(select(place.c.x)).all() == []
        assert session.execute(select(User.__mapper__.local_table)).all() == []  # type: ignore[attr-defined]
        with pytest.raises(UnboundExecutionError, match="this statement"):
            session.execute(select(Tag.__mapper__.local_table))  # type: ignore[attr-defined]
    with pytest.raises(ArgumentError, match="takes mapped classes"):
        Session(binds={"place": tables})
    session = Session()
    session.bind = tables
    assert session.query(Place).count() == 0
    session.close()
    with Session(bind_key_engines={"other": tables}) as session, pytest.raises(UnboundExecutionError, match="Place"):
        session.query(Place).all()


def test_lazy_loads_pass_through_in_autocommit_mode(tables: Engine, statements: StatementLog) -> None:
    with tables.connect() as connection:
        session = Session(connection, autocommit=True, autoflush=False)
        session.add(User(name="ed", posts=[Post(title="p")]))
        session.flush()
        session.expunge_all()
        assert session.query(User).one().posts[0].title == "p"
        assert session.query(User).update({"email": "x"}) == 1
        assert session.query(User).one().email == "x"
        session.close()
