"""``index_property``: keys of documents and places of lists as attributes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flask_uow import (
    ARRAY,
    JSON,
    DeclarativeBase,
    Engine,
    Integer,
    Mapped,
    Session,
    index_property,
    mapped_column,
    select,
)


class Base(DeclarativeBase):
    pass


class Profile(Base):
    __tablename__ = "profile"
    id: Mapped[int] = mapped_column(primary_key=True)
    settings = mapped_column(JSON)
    marks = mapped_column(JSON)
    color: Any = index_property("settings", "color", default="none")
    size: Any = index_property("settings", "size")
    third: Any = index_property("marks", 2)
    fixed: Any = index_property("settings", "fixed", mutable=False, default=None)
    theme: Any = index_property("settings", "theme", datatype=lambda: {"made": True})


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        yield session
    Base.metadata.drop_all(engine)


def test_values_are_read_and_set_in_the_document(session: Session) -> None:
    profile = Profile(color="red", third=7)
    assert (profile.settings, profile.marks) == ({"color": "red"}, [None, None, 7])
    session.add(profile)
    session.commit()
    profile.size, profile.third = 4, 8
    session.commit()
    assert (profile.settings, profile.marks) == ({"color": "red", "size": 4}, [None, None, 8])
    del profile.size
    session.commit()
    assert profile.settings == {"color": "red"}
    assert Profile(theme=1).settings == {"made": True, "theme": 1}


def test_what_is_absent_has_the_default_or_is_an_error() -> None:
    profile = Profile()
    assert (profile.color, profile.fixed) == ("none", None)
    for given in (profile, Profile(settings={"other": 1})):
        with pytest.raises(AttributeError, match="has nothing at 'size'"):
            given.size
        with pytest.raises(AttributeError, match="has nothing at 'size'"):
            del given.size
    with pytest.raises(AttributeError, match="without a setter"):
        profile.fixed = 1


def test_queries_ask_for_the_key(session: Session) -> None:
    session.add_all([Profile(color="red", third=1), Profile(color="blue", third=2)])
    session.commit()
    assert session.scalars(select(Profile.third).where(Profile.color.as_string() == "blue")).all() == [2]
    row = session.execute(select(Profile.color).where(Profile.third.as_integer() == 1)).one()
    assert row.color == "red"


def test_places_of_an_array_are_counted_as_the_database_does() -> None:
    class Own(DeclarativeBase):
        pass

    class Row(Own):
        __tablename__ = "row"
        id: Mapped[int] = mapped_column(primary_key=True)
        numbers = mapped_column(ARRAY(Integer))
        first: Any = index_property("numbers", 0)
        as_it_is: Any = index_property("numbers", 1, onebased=False)

    assert str(Row.first == 5) == str(Row.numbers[1] == 5)
    assert str(Row.as_it_is == 5) == str(Row.numbers[1] == 5)
    assert Row(numbers=[5, 6]).first == 5
