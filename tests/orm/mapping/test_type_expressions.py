"""SQL around the values of types in mapped classes: every way in which rows are written and read, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flask_uow import (
    Column,
    CompileError,
    DeclarativeBase,
    Engine,
    ForeignKey,
    Mapped,
    Session,
    String,
    Table,
    TypeDecorator,
    aliased,
    case,
    delete,
    func,
    insert,
    joinedload,
    mapped_column,
    relationship,
    select,
    selectinload,
    subqueryload,
    text,
    update,
)
from tests.loud import Loud
from tests.statements import StatementLog


class Base(DeclarativeBase):
    pass


class Language(Base):
    __tablename__ = "language"
    code: Mapped[str] = mapped_column(Loud, primary_key=True)
    name: Mapped[str | None] = mapped_column(Loud)
    words: Mapped[list[Word]] = relationship(
        back_populates="language", order_by="Word.id", cascade="all, delete-orphan"
    )


class Word(Base):
    __tablename__ = "word"
    id: Mapped[int] = mapped_column(primary_key=True)
    spelling: Mapped[str] = mapped_column(Loud)
    made: Mapped[str] = mapped_column(Loud, server_default="BY THE SERVER")
    language_code: Mapped[str | None] = mapped_column(Loud, ForeignKey("language.code"))
    language: Mapped[Language | None] = relationship(back_populates="words")


class Twice(TypeDecorator):
    impl = String

    def bind_expression(self, bindvalue: Any) -> Any:
        return case((bindvalue == "x", "y"), else_=bindvalue)


class Odd(Base):
    __tablename__ = "odd"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(Twice)


links = Table(
    "animal_tag",
    Base.metadata,
    Column("animal_code", Loud, ForeignKey("animal.code"), primary_key=True),
    Column("tag_name", Loud, ForeignKey("tag.name"), primary_key=True),
)


class Animal(Base):
    __tablename__ = "animal"
    code: Mapped[str] = mapped_column(Loud, primary_key=True)
    kind: Mapped[str] = mapped_column(Loud)
    note: Mapped[str | None] = mapped_column(Loud)
    parent_code: Mapped[str | None] = mapped_column(Loud, ForeignKey("animal.code"))
    version: Mapped[int]
    tags: Mapped[list[Tag]] = relationship(secondary=links, order_by="Tag.name")
    children: Mapped[list[Animal]] = relationship(back_populates="parent", order_by="Animal.code")
    parent: Mapped[Animal | None] = relationship(back_populates="children", remote_side="Animal.code")
    __mapper_args__: Any = {"polymorphic_on": "kind", "polymorphic_identity": "base", "version_id_col": "version"}


class Dog(Animal):
    __tablename__ = "dog"
    code: Mapped[str] = mapped_column(Loud, ForeignKey("animal.code"), primary_key=True)
    name: Mapped[str | None] = mapped_column(Loud, server_default="REX")
    __mapper_args__: Any = {"polymorphic_identity": "dog"}


class Cat(Animal):
    __mapper_args__: Any = {"polymorphic_identity": "cat"}


class Tag(Base):
    __tablename__ = "tag"
    name: Mapped[str] = mapped_column(Loud, primary_key=True)


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        yield session


def kept(session: Session, column: str = "spelling", table: str = "word") -> list[Any]:
    rows = session.scalars(text(f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL ORDER BY 1"))
    return list(rows.all())


def with_words(session: Session) -> None:
    for code in ("de%", "en"):
        words = [Word(spelling=f"{code}{number}") for number in range(3)]
        session.add(Language(code=code, name=f"the {code}", words=words))
    session.commit()
    session.expunge_all()


@pytest.mark.parametrize("count", [1, 2, 7])
def test_new_objects_are_written_by_the_sql_of_their_types(session: Session, count: int) -> None:
    words = [Word(spelling=f"a%{number}", language=Language(code=f"c%{number}")) for number in range(count)]
    session.add_all(words)
    session.flush()
    assert kept(session) == [f"A#{number}" for number in range(count)]
    assert kept(session, "code", "language") == [f"C#{number}" for number in range(count)]
    assert kept(session, "language_code") == [f"C#{number}" for number in range(count)]
    # what the server has made comes back through the SQL, too
    assert [word.made for word in words] == ["by the server"] * count
    session.commit()
    assert [(word.spelling, word.language_code) for word in words] == [(f"a%{n}", f"c%{n}") for n in range(count)]


@pytest.mark.parametrize("count", [1, 2, 7])
def test_changed_and_deleted_objects_are_found_and_written_by_it(session: Session, count: int) -> None:
    languages = [Language(code=f"c%{number}", name="old") for number in range(count)]
    session.add_all(languages)
    session.commit()
    for number, language in enumerate(languages):
        language.name = f"new%{number}"
    session.commit()
    assert kept(session, "name", "language") == [f"NEW#{number}" for number in range(count)]
    for number, language in enumerate(languages):
        language.code = f"d%{number}"
    session.commit()
    assert kept(session, "code", "language") == [f"D#{number}" for number in range(count)]
    for language in languages:
        session.delete(language)
    session.commit()
    assert kept(session, "code", "language") == []


def test_objects_are_found_by_their_keys_and_by_criteria(session: Session, statements: StatementLog) -> None:
    with_words(session)
    german = session.get(Language, "de%")
    assert german is not None
    statements.clear()
    assert session.get(Language, "de%") is german
    assert statements.sql == []
    session.expire(german)
    assert (german.code, german.name) == ("de%", "the de%")
    session.refresh(german)
    assert session.get(Language, "nothing") is None
    assert session.scalars(select(Word.id).where(Word.spelling == "de%1")).all() == [2]
    assert session.query(Language).filter_by(code="en").one().name == "the en"
    assert session.query(Language.code, Language.name).order_by(Language.code).all() == [
        ("de%", "the de%"),
        ("en", "the en"),
    ]
    assert session.scalars(select(Language).where(Language.words.any(Word.spelling == "de%0"))).all() == [german]
    assert session.query(Word).filter(Word.language == german).count() == 3
    assert session.scalars(select(Word.spelling).order_by(Word.spelling).limit(1)).one() == "de%0"
    other = aliased(Language)
    assert session.execute(
        select(other.code, Language).join(other, other.code == Language.code).where(other.code == "de%")
    ).one() == (
        "de%",
        german,
    )
    merged = session.merge(Language(code="en", name="english"))
    session.commit()
    assert (merged.name, kept(session, "name", "language")) == ("english", ["ENGLISH", "THE DE#"])


@pytest.mark.parametrize("option", [None, selectinload, joinedload, subqueryload])
def test_relationships_by_such_keys_are_loaded_in_every_way(session: Session, option: Any) -> None:
    with_words(session)
    languages = select(Language).order_by(Language.code)
    words = select(Word).order_by(Word.id)
    found = session.scalars(languages.options(option(Language.words)) if option else languages).unique().all()
    assert [[word.spelling for word in language.words] for language in found] == [
        ["de%0", "de%1", "de%2"],
        ["en0", "en1", "en2"],
    ]
    session.expunge_all()
    loaded = session.scalars(words.options(option(Word.language)) if option else words).unique().all()
    assert [word.language.code for word in loaded if word.language is not None] == ["de%"] * 3 + ["en"] * 3
    limited = languages.limit(1).options(option(Language.words)) if option else languages.limit(1)
    session.expunge_all()
    assert [len(language.words) for language in session.scalars(limited).unique()] == [3]


def test_bulk_operations_and_statements_write_by_it(session: Session) -> None:
    session.bulk_insert(Language, [{"code": f"b%{number}"} for number in range(3)])
    session.execute(insert(Language), [{"code": "c%1", "name": "x%"}, {"code": "c%2", "name": "y"}])
    session.copy_from(Language, [{"code": f"e%{number}", "name": None} for number in range(3)])
    assert kept(session, "code", "language") == ["B#0", "B#1", "B#2", "C#1", "C#2", "E#0", "E#1", "E#2"]
    returned = session.scalars(insert(Language).returning(Language), [{"code": "f%1"}, {"code": "f%2"}]).all()
    assert sorted(language.code for language in returned) == ["f%1", "f%2"]
    session.execute(update(Language), [{"code": "b%0", "name": "n%0"}, {"code": "b%1", "name": "n%1"}])
    assert kept(session, "name", "language") == ["N#0", "N#1", "X#", "Y"]
    first = session.get(Language, "b%0")
    assert first is not None
    session.query(Language).filter(Language.code == "b%0").update({"name": "all%"})
    assert first.name == "all%"
    session.execute(update(Language).where(Language.name == "all%").values(name="again%"))
    assert first.name == "again%"
    assert kept(session, "name", "language")[0] == "AGAIN#"
    gone = session.execute(delete(Language).where(Language.code.in_(["b%0", "b%1"])).returning(Language.code))
    assert sorted(gone.scalars()) == ["b%0", "b%1"]
    words = session.scalars(insert(Word).returning(Word), [{"spelling": f"w%{number}"} for number in range(3)]).all()
    assert sorted(word.spelling for word in words) == ["w%0", "w%1", "w%2"]
    assert {word.made for word in words} == {"by the server"}


def test_rows_of_text_and_expressions_of_columns(session: Session) -> None:
    with_words(session)
    word = session.scalars(select(Word).where(Word.id == 1)).one()
    word.spelling = func.lower("NEW%")  # type: ignore[assignment]
    session.commit()
    # an expression is written as it is
    assert kept(session)[-1] == "new%"
    assert session.scalars(select(func.count(Word.id)).where(Word.spelling == "new%")).one() == 0
    subquery = select(Word.spelling, Word.id).where(Word.id > 4).subquery()
    assert session.execute(select(subquery).order_by(subquery.c.id)).all() == [("en1", 5), ("en2", 6)]
    entity = aliased(Word, select(Word).where(Word.id > 5).subquery())
    assert [found.spelling for found in session.scalars(select(entity))] == ["en2"]
    streamed = session.execute(select(Word.spelling).where(Word.id > 5), execution_options={"yield_per": 1})
    assert list(streamed) == [("en2",)]


@pytest.mark.parametrize("count", [1, 3])
def test_families_with_such_keys_versions_and_links(session: Session, count: int) -> None:
    tags = [Tag(name="t%1"), Tag(name="t2")]
    dogs = [Dog(code=f"d%{number}", tags=list(tags)) for number in range(count)]
    cats = [Cat(code=f"c%{number}", parent=dogs[0]) for number in range(count)]
    session.add_all([*dogs, *cats])
    session.commit()
    assert kept(session, "kind", "animal") == ["CAT"] * count + ["DOG"] * count
    assert kept(session, "name", "dog") == ["REX"] * count
    assert len(kept(session, "tag_name", "animal_tag")) == 2 * count
    session.expunge_all()
    found = session.scalars(select(Animal).order_by(Animal.code)).all()
    assert [(type(animal), animal.code) for animal in found] == [
        *((Cat, f"c%{number}") for number in range(count)),
        *((Dog, f"d%{number}") for number in range(count)),
    ]
    first = found[count]
    assert [child.code for child in first.children] == [f"c%{number}" for number in range(count)]
    assert [tag.name for tag in first.tags] == ["t%1", "t2"]
    for animal in found[count:]:
        animal.name = f"n%{animal.code}"
        animal.note = "seen%"
    session.commit()
    assert kept(session, "note", "animal") == ["SEEN#"] * count
    assert session.scalars(select(Dog.name).order_by(Dog.code)).all() == [f"n%d%{number}" for number in range(count)]
    for animal in found[count:]:
        animal.tags = animal.tags[1:]
    session.commit()
    assert kept(session, "tag_name", "animal_tag") == ["T2"] * count
    for animal in found:
        session.delete(animal)
    session.commit()
    assert kept(session, "code", "animal") == kept(session, "code", "dog") == []


def test_a_row_takes_each_value_once(session: Session) -> None:
    session.add(Odd(text="x"))
    with pytest.raises(CompileError, match="uses the value 2 times"):
        session.flush()
    session.rollback()
    session.execute(insert(Odd.__table__).values(id=1, text="x"))
    assert kept(session, "text", "odd") == ["y"]
