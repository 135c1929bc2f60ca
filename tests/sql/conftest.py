"""A small schema with a few rows, and a connection to it, on both databases."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal

import pytest

from flask_uow import Connection, Engine
from flask_uow.sql import Boolean, Column, Date, ForeignKey, Integer, MetaData, Numeric, String, Table, insert

metadata = MetaData()
person = Table(
    "person",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String),
    Column("a", Integer),
    Column("b", Integer),
    Column("active", Boolean),
    Column("boss", ForeignKey("person.id")),
)
item = Table(
    "item",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("owner", ForeignKey("person.id")),
    Column("price", Numeric(10, 2)),
    Column("quantity", Integer),
    Column("day", Date),
)


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """A connection to a database with the tables ``person`` and ``item``; what a test writes is rolled back."""
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(
            insert(person),
            [
                {"name": "Ann", "a": 7, "b": 2, "active": True, "boss": None},
                {"name": "bob", "a": 5, "b": 2, "active": False, "boss": 1},
            ],
        )
        connection.execute(
            insert(item),
            [
                {"owner": 1, "price": Decimal("9.99"), "quantity": 1, "day": dt.date(2020, 1, 1)},
                {"owner": 1, "price": Decimal("10.01"), "quantity": 1, "day": None},
                {"owner": 2, "price": None, "quantity": 2, "day": None},
                {"owner": 2, "price": Decimal("0.10"), "quantity": 1, "day": None},
            ],
        )
    with engine.connect() as connection:
        connection.begin()
        yield connection
