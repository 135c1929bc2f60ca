"""Fixtures of the orm's tests."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest

from flask_uow import Engine, Session, sessionmaker
from tests.orm.models import Base


@pytest.fixture
def tables(engine: Engine) -> Engine:
    """The engine, with the tables of the shared models."""
    Base.metadata.create_all(engine)
    return engine


@pytest.fixture
def make_session(tables: Engine) -> Iterator[Any]:
    """A factory of Sessions on the database; closes them at the end."""
    factory = sessionmaker(bind=tables)
    made: list[Session] = []

    def make(**options: Any) -> Session:
        session = factory(**options)
        made.append(session)
        return session

    yield make
    for session in made:
        session.close()


@pytest.fixture
def session(make_session: Any) -> Session:
    """A Session on a database with the tables of the shared models."""
    return make_session()


@pytest.fixture
def no_left_over_mappings() -> None:
    """For tests of what concerns the mappers of all registries: the broken mappings of other tests are gone.

    A registry refers to its classes and these to it, so it lives until the garbage collector comes by, and ``configure_mappers()``
    would fail on it.
    """
    gc.collect()
