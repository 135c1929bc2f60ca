"""Hostile strings in every place that a user's value or a name can reach: they stay values and names, and nothing else happens.

A canary table must be there, with its one row, after everything; and what was stored must come back as it was.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_uow import (
    ARRAY,
    JSON,
    ArgumentError,
    CheckConstraint,
    Column,
    DeclarativeBase,
    Engine,
    FlaskUowError,
    ForeignKey,
    Index,
    Integer,
    Mapped,
    MetaData,
    PickleType,
    Session,
    String,
    Table,
    UniqueConstraint,
    aliased,
    bindparam,
    case,
    cast,
    func,
    insert,
    inspect,
    literal,
    mapped_column,
    select,
    text,
    tuple_,
    update,
)
from flask_uow.sql.types import Text

FRAGMENTS = [
    "'", '"', "`", "\\", ";", "--", "/*", "*/", ")", "(", "%", "%s", "%%", "%(x)s", ":x", "?", "$1", "$$", "\n", "\r", "\t", "{", "}", ",", "[", "]",
    "NULL", "' OR '1'='1", "'; DROP TABLE canary; --", '"; DROP TABLE canary; --', "\\'; DROP TABLE canary; --", "\\.", "\\N", "E'", "U&'", "é", "\u2028",
    "$tag$", "x", " ",
]  # fmt: skip
hostile = st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=5).map("".join)
# a name is never empty and has no NUL; PostgreSQL cuts names at 63 bytes
names = hostile.map(lambda name: name[:40]).filter(lambda name: bool(name.strip()))


class Base(DeclarativeBase):
    pass


class Note(Base):
    __tablename__ = "note"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str | None]
    document: Mapped[Any] = mapped_column(JSON, nullable=True)
    words: Mapped[Any] = mapped_column(ARRAY(Text), nullable=True)
    thing: Mapped[Any] = mapped_column(PickleType, nullable=True)
    number: Mapped[int] = mapped_column(default=0)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("note.id"))


class Canary(Base):
    __tablename__ = "canary"
    id: Mapped[int] = mapped_column(primary_key=True)


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    Base.metadata.create_all(engine)
    with contextlib.closing(Session(engine)) as session:
        session.add(Canary(id=1))
        session.commit()
        yield session
        session.rollback()
    Base.metadata.drop_all(engine)


# each takes the session and a hostile string that is stored in one note, and gives the texts of the notes that are found by it
READS: dict[str, Callable[[Session, str], Any]] = {
    "equal": lambda s, v: s.query(Note.text).filter(Note.text == v),
    "filter_by": lambda s, v: s.query(Note).filter_by(text=v).with_entities(Note.text),
    "in": lambda s, v: s.query(Note.text).filter(Note.text.in_([v, v + "'"])),
    "between": lambda s, v: s.query(Note.text).filter(Note.text.between(v, v)),
    "contains": lambda s, v: s.query(Note.text).filter(Note.text.contains(v)),
    "startswith": lambda s, v: s.query(Note.text).filter(Note.text.startswith(v)),
    "endswith": lambda s, v: s.query(Note.text).filter(Note.text.endswith(v)),
    "concat": lambda s, v: s.query(Note.text).filter(Note.text + v == literal(v) + v),
    "is_not_distinct": lambda s, v: s.query(Note.text).filter(Note.text.is_not_distinct_from(v)),
    "nullif": lambda s, v: s.query(Note.text).filter(Note.text.is_not(None), func.nullif(Note.text, v).is_(None)),
    "case": lambda s, v: s.query(Note.text).filter(case((Note.text == v, v), else_="no") == v),
    "cast": lambda s, v: s.query(Note.text).filter(Note.text == cast(v, Text)),
    "tuple": lambda s, v: s.query(Note.text).filter(tuple_(Note.text, Note.number).in_([(v, 0)])),
    "having": lambda s, v: s.query(Note.text).group_by(Note.text).having(func.max(Note.text) == v),
    "named": lambda s, v: s.query(Note.text).filter(Note.text == bindparam("v")).params(v=v),
    "text": lambda s, v: s.execute(text("SELECT text FROM note WHERE text = :v AND 'it''s :no %' <> :v"), {"v": v}),
    "plain": lambda s, v: s.execute("SELECT text FROM note WHERE text = :v", {"v": v}),
    "typed_text": lambda s, v: s.execute(text("SELECT text FROM note WHERE text = :v").bindparams(v=v).columns(Note.text)),
    "subquery": lambda s, v: s.query(Note.text).filter(Note.id.in_(select(Note.id).where(Note.text == v))),
    "scalar": lambda s, v: s.query(Note.text).filter(Note.text == select(literal(v)).scalar_subquery()),
    "cte": lambda s, v: s.query((c := s.query(Note).filter_by(text=v).with_entities(Note.text).cte("c")).c.text).select_from(c),
    "union": lambda s, v: s.query(Note.text).filter(Note.text == v).union(s.query(literal(v))),
    "window": lambda s, v: s.query(func.max(Note.text).filter(Note.text == v).over()).filter(Note.text == v),
    "from_self": lambda s, v: s.query(Note.text).filter(Note.text == v).from_self(),
    "streamed": lambda s, v: s.query(Note.text).filter(Note.text == v).order_by(Note.id).yield_per(1),
    "alias": lambda s, v: s.query((a := aliased(Note, name=v[:40])).text).filter(a.text == v) if v.strip() else s.query(Note.text).filter(Note.text == v),
    "label": lambda s, v: s.query(Note.text.label(v)).filter(Note.text == v).order_by(Note.text.label(v)),
    "order_name": lambda s, v: s.query(Note.text.label(v)).filter(Note.text == v).order_by(v),
    "subquery_name": lambda s, v: s.query(select(Note.text.label(v)).where(Note.text == v).subquery(v).c[v]),
    "json": lambda s, v: s.query(Note.text).filter(Note.id == s.query(Note).filter_by(text=v).one().id),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(READS))
def test_a_hostile_value_only_finds_itself(session: Session, name: str) -> None:
    read = READS[name]

    @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
    @given(hostile)
    def check(value: str) -> None:
        session.query(Note).delete(synchronize_session=False)
        session.bulk_insert(Note, [{"text": value}, {"text": "innocent"}, {"text": None}])
        found = {row[0] for row in read(session, value)}
        assert found == {value}
        assert session.query(Canary.id).all() == [(1,)]
        assert session.query(Note).count() == 3
        session.rollback()

    check()


def write_by_flush(session: Session, value: str) -> None:
    session.add(Note(text=value, document={value: [value]}, words=[value], thing=value))
    session.flush()
    session.expunge_all()


def write_by_update(session: Session, value: str) -> None:
    session.add(Note(text="old"))
    session.flush()
    values = {"text": value, "document": {value: [value]}, "words": [value], "thing": value}
    session.query(Note).filter_by(text="old").update(values, synchronize_session="fetch")


def write_by_upsert(session: Session, value: str) -> None:
    session.add(Note(id=1, text=value + "!"))
    session.flush()
    row = insert(Note).values(id=1, text=value, document={value: [value]}, words=[value], thing=value, number=0)
    session.execute(row.on_conflict_do_update([Note.id]))


def write_by_bulk(way: str) -> Callable[[Session, str], None]:
    def write(session: Session, value: str) -> None:
        row = {"text": value, "document": {value: [value]}, "words": [value], "thing": value}
        getattr(session, way)(Note, [row])

    return write


def write_by_bulk_update(session: Session, value: str) -> None:
    keys = session.bulk_insert(Note, [{"text": "a"}, {"text": "b"}], return_keys=True)
    row = {"text": value, "document": {value: [value]}, "words": [value], "thing": value}
    session.bulk_update(Note, [{"id": key, **row} for key in keys])
    session.query(Note).filter(Note.id == keys[1]).delete(synchronize_session=False)


def write_many(session: Session, value: str) -> None:
    row = {"text": value, "document": {value: [value]}, "words": [value], "thing": value, "number": 0}
    session.execute(insert(Note), [row, row])
    session.execute(update(Note).where(Note.text == value).values(number=Note.number + 1))
    newest = session.query(func.max(Note.id)).scalar()
    session.query(Note).filter(Note.id == newest).delete(synchronize_session=False)


WRITES = {
    "flush": write_by_flush, "update": write_by_update, "upsert": write_by_upsert, "bulk_insert": write_by_bulk("bulk_insert"),
    "copy_from": write_by_bulk("copy_from"), "bulk_update": write_by_bulk_update, "many": write_many,
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(WRITES))
def test_a_hostile_value_is_stored_as_it_is(session: Session, name: str) -> None:
    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
    @given(hostile)
    def check(value: str) -> None:
        session.query(Note).delete(synchronize_session=False)
        WRITES[name](session, value)
        session.expire_all()
        note = session.query(Note).one()
        assert (note.text, note.document, note.words, note.thing) == (value, {value: [value]}, [value], value)
        assert session.query(Canary.id).all() == [(1,)]
        session.rollback()

    check()


def test_hostile_names_are_names(engine: Engine) -> None:
    """Tables, columns, constraints, indexes, defaults and comments under any name are created, used, found again and dropped."""
    Base.metadata.create_all(engine)

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(names, names, names, hostile)
    def check(table_name: str, column_name: str, other: str, value: str) -> None:
        if column_name in ("id", other + "2"):
            return
        metadata = MetaData()
        table = Table(
            table_name + "1",
            metadata,
            Column("id", Integer, primary_key=True),
            Column(column_name, String, comment=value),
            Column(other + "2", String, server_default=value),
            CheckConstraint(literal("x") == "x", name=other + "3"),
            UniqueConstraint(column_name, name=other + "4"),
            Index(other + "5", other + "2"),
            comment=value,
        )
        metadata.create_all(engine)
        try:
            with engine.begin() as connection:
                column, filled = table.c[column_name], table.c[other + "2"]
                connection.execute(insert(table).values({column_name: value}))
                connection.execute(update(table).where(column == value).values({column: value + "!"}))
                row = connection.execute(select(table).where(column == value + "!")).one()
                assert row._mapping[column_name] == value + "!"
                assert row._mapping[filled.name] == value
                alias = table.alias(other)
                assert connection.scalar(select(alias.c[column_name].label(table_name))) == value + "!"
                writer = connection.dialect.batch
                writer.insert(connection, table, [column], [["a", "b"]], generated_key=table.c.id)
                found = MetaData()
                found.reflect(connection, only=[table_name + "1"])
                assert found.tables[table_name + "1"].c.keys() == table.c.keys()
                assert [index.name for index in found.tables[table_name + "1"].indexes] == [other + "5"]
                if connection.dialect.supports_comments:
                    assert found.tables[table_name + "1"].comment == value
                    assert found.tables[table_name + "1"].c[column_name].comment == value
                assert inspect(connection).has_table("canary")
        finally:
            metadata.drop_all(engine)

    check()
    with engine.connect() as connection:
        assert connection.table_names() == ["canary", "note"]
    Base.metadata.drop_all(engine)


@pytest.mark.parametrize(
    "use",
    [
        lambda value: getattr(func, value)(1),
        lambda value: Index("i", "x", using=value),
        lambda value: select(Note).limit(value),
        lambda value: select(Note).offset(value),
        lambda value: func.count().over(rows=(value, 0)),
        lambda value: select(Note).where(value),
        lambda value: select(value),
        lambda value: update(Note).values({value: 1}),
        lambda value: insert(Note).on_conflict_do_nothing([value]),
        lambda value: Session().query(Note).with_lockmode(value),
        lambda value: Session().query(Note).yield_per(value),
        lambda value: select(Note).filter_by(**{value: 1}),
    ],
)
def test_where_a_name_or_a_number_is_expected_a_hostile_string_is_refused(use: Callable[[str], Any]) -> None:
    with pytest.raises((FlaskUowError, TypeError)) as caught:
        use("1; DROP TABLE canary; --")
    assert isinstance(caught.value, (ArgumentError, FlaskUowError, TypeError))


def test_isolation_levels_come_from_a_list(engine: Engine) -> None:
    with pytest.raises(ArgumentError):
        engine.execution_options(isolation_level="SERIALIZABLE; DROP TABLE canary")
    with engine.connect() as connection, pytest.raises(ArgumentError):
        connection.begin(isolation_level="SERIALIZABLE; DROP TABLE canary")
