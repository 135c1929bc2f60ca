"""Attributes beyond plain columns: expressions, synonyms, composites, operators of one's own, columns that are kept equal."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    Column,
    DeclarativeBase,
    Engine,
    ForeignKey,
    Integer,
    Mapped,
    MetaData,
    PickleType,
    PropComparator,
    Registry,
    Session,
    String,
    Table,
    aliased,
    case,
    class_mapper,
    column_property,
    comparable_property,
    composite,
    declarative_base,
    declared_attr,
    deferred,
    func,
    joinedload,
    mapped_column,
    mapper,
    relationship,
    select,
    synonym,
    undefer,
    undefer_group,
)
from tests.statements import StatementLog

Base = declarative_base()


class Point:
    def __init__(self, x: int | None, y: int | None) -> None:
        self.x, self.y = x, y

    def __composite_values__(self) -> tuple[int | None, int | None]:
        return self.x, self.y

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Point) and (self.x, self.y) == (other.x, other.y)

    def __hash__(self) -> int:
        return hash((self.x, self.y))


class IgnoringCase(PropComparator):
    def __eq__(self, other: object) -> Any:
        return func.lower(self.__clause_element__()) == func.lower(other)

    __hash__ = PropComparator.__hash__


class Author(Base):
    __tablename__ = "author"
    id: Mapped[int] = mapped_column(primary_key=True)
    first: Mapped[str] = mapped_column(String(20))
    last: Mapped[str] = mapped_column(String(20))
    full: Mapped[str] = column_property(first + " " + last)
    books: Mapped[list[Book]] = relationship(back_populates="author", order_by="Book.id")
    book_count: Mapped[int] = column_property(
        lambda: select(func.count(Book.id)).where(Book.author_id == Author.id).scalar_subquery()
    )
    initials: Mapped[str] = deferred(func.substr(first, 1, 1))
    surname: Mapped[str] = synonym("last")


class Book(Base):
    __tablename__ = "book"
    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("author.id"))
    author: Mapped[Author] = relationship(back_populates="books")


class Line(Base):
    __tablename__ = "line"
    id: Mapped[int] = mapped_column(primary_key=True)
    x1: Mapped[int | None]
    y1: Mapped[int | None]
    start: Mapped[Point | None] = composite(Point, "x1", "y1")
    end: Mapped[Point | None] = composite(Point, mapped_column("x2", Integer), mapped_column("y2", Integer))


class Settings(Base):
    __tablename__ = "settings"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None]
    data: Mapped[Any] = mapped_column(PickleType(mutable=True), nullable=True)


@pytest.fixture
def session(engine: Engine) -> Any:
    Base.metadata.create_all(engine)
    with Session(bind=engine) as session:
        session.add(Author(first="Ann", last="Lee", books=[Book(), Book()]))
        session.add(Author(first="Bo", last="Ray"))
        session.commit()
        yield session


# -- expressions


def test_an_expression_is_loaded_with_the_object(session: Session, statements: StatementLog) -> None:
    session.expunge_all()
    with statements.expect(1):
        found = [(a.full, a.book_count) for a in session.query(Author).order_by(Author.id)]
    assert found == [("Ann Lee", 2), ("Bo Ray", 0)]


def test_an_expression_can_be_queried_like_a_column(session: Session) -> None:
    assert session.query(Author).filter(Author.full == "Bo Ray").one().first == "Bo"
    assert session.query(Author.full).filter(Author.book_count > 1).scalar() == "Ann Lee"
    assert [a.first for a in session.query(Author).order_by(Author.full.desc())] == ["Bo", "Ann"]
    other = aliased(Author)
    assert session.query(other).filter(other.book_count == 2, other.full == "Ann Lee").one().first == "Ann"


def test_a_deferred_expression_is_loaded_for_all_at_first_access(session: Session, statements: StatementLog) -> None:
    session.expunge_all()
    found = session.query(Author).order_by(Author.id).all()
    with statements.expect(1):
        assert [a.initials for a in found] == ["A", "B"]
    session.expunge_all()
    with statements.expect(1):
        assert [a.initials for a in session.query(Author).options(undefer("initials")).order_by(Author.id)] == [
            "A",
            "B",
        ]


def test_an_expression_is_worked_out_again_after_a_refresh(session: Session) -> None:
    author = session.query(Author).filter_by(first="Bo").one()
    author.books.append(Book())
    author.last = "Roy"
    assert author.full == "Bo Ray"
    session.commit()
    assert (author.full, author.book_count) == ("Bo Roy", 1)


def test_an_expression_is_not_written(session: Session, statements: StatementLog) -> None:
    author = session.query(Author).first()
    author.full = "Somebody Else"
    with statements.expect(0):
        session.flush()
    assert author not in session.dirty
    session.refresh(author)
    assert author.full == "Ann Lee"


def test_an_expression_comes_along_with_a_joined_relationship(session: Session, statements: StatementLog) -> None:
    session.expunge_all()
    with statements.expect(1):
        book = session.query(Book).options(joinedload(Book.author)).first()
        assert (book.author.full, book.author.book_count) == ("Ann Lee", 2)
    session.expunge_all()
    with statements.expect(1):
        author = session.query(Author).options(joinedload(Author.books)).order_by(Author.id).limit(1).one()
        assert (author.full, len(author.books)) == ("Ann Lee", 2)


def test_an_expression_added_afterwards(session: Session) -> None:
    local = declarative_base()

    class Reader(local):
        __tablename__ = "author"
        id: Mapped[int] = mapped_column(primary_key=True)

    class_mapper(Reader).add_property("double", column_property(Reader.id * 2))
    assert session.query(Reader).order_by(Reader.id).first().double == 2


# -- synonyms


def test_a_synonym_is_the_attribute_under_another_name(session: Session) -> None:
    author = Author(first="Cy", surname="Fox")
    assert author.last == "Fox"
    author.surname = "Cox"
    session.add(author)
    session.commit()
    assert session.query(Author).filter_by(surname="Cox").one() is author
    assert session.query(Author).filter(Author.surname == "Cox").one().surname == "Cox"
    assert class_mapper(Author).get_property("surname").key == "surname"


def test_a_synonym_maps_the_column_of_its_name_and_keeps_the_classs_property(engine: Engine) -> None:
    metadata, registry = MetaData(), Registry()
    table = Table("mail", metadata, Column("id", Integer, primary_key=True), Column("email", String(30)))

    class Mail:
        _email: Any

        @property
        def email(self) -> str:
            return f"<{self._email}>"

        @email.setter
        def email(self, value: str) -> None:
            self._email = value.lower()

    mapper(Mail, table, properties={"email": synonym("_email", map_column=True)}, registry=registry)
    metadata.create_all(engine)
    with Session(bind=engine) as session:
        mail = Mail()
        mail.email = "ED@X.ORG"
        session.add(mail)
        session.commit()
        assert session.query(Mail).filter(Mail.email == "ed@x.org").one().email == "<ed@x.org>"
    with pytest.raises(ArgumentError, match=r"synonym\(map_column=True\) maps the column of that name"):
        mapper(type("X", (), {}), table, properties={"nix": synonym("_nix", map_column=True)}, registry=registry)


# -- composites


def test_a_composite_is_read_and_written_as_one_value(session: Session) -> None:
    line = Line(start=Point(1, 2), end=Point(3, 4))
    assert (line.x1, line.y1) == (1, 2)
    session.add(line)
    session.commit()
    assert line.start == Point(1, 2)
    assert line.end == Point(3, 4)
    line.end = None
    session.commit()
    assert line.end is None
    assert session.scalar("SELECT x2 FROM line") is None


def test_a_composite_changed_in_place_is_written(session: Session) -> None:
    line = Line(start=Point(1, 2))
    line.start.x = 9
    session.add(line)
    session.commit()
    assert session.scalar("SELECT x1 FROM line") == 9
    line.start.y = 8
    assert line in session.dirty
    session.commit()
    assert session.scalar("SELECT y1 FROM line") == 8
    session.expunge_all()
    session.query(Line).one().start.x = 7
    session.commit()
    assert session.scalar("SELECT x1 FROM line") == 7


def test_composites_are_compared_column_by_column(session: Session) -> None:
    session.add_all([Line(start=Point(1, 2), end=Point(1, 2)), Line(start=Point(1, 3), end=Point(1, 2))])
    session.flush()
    assert session.query(Line).filter(Line.start == Point(1, 3)).count() == 1
    assert session.query(Line).filter(Line.start == Line.end).count() == 1
    assert session.query(Line).filter(Line.start != Point(1, 2)).count() == 1
    assert session.query(Line).filter(Line.start < Point(2, 3)).count() == 1
    assert session.query(Line).filter(Line.start >= Point(1, 3)).count() == 1
    with pytest.raises(ArgumentError, match=r"Line\.start takes a Point .* got 5"):
        Line(start=5)
    with pytest.raises(ArgumentError, match="not one column"):
        func.max(Line.start)
    assert [row.start for row in session.query(Line.start).order_by(Line.id)] == [Point(1, 2), Point(1, 3)]


def test_a_composite_survives_a_pickle_and_a_copy(session: Session) -> None:
    line = Line(start=Point(1, 2))
    assert copy.copy(line).start == Point(1, 2)
    session.add(line)
    session.commit()
    assert line.start is not None
    assert pickle.loads(pickle.dumps(line)).start == Point(1, 2)


# -- values that change in place


def test_a_pickled_value_changed_in_place_is_written(session: Session) -> None:
    session.add(Settings(data={"a": 1}))
    session.commit()
    settings = session.query(Settings).one()
    settings.data["b"] = 2
    assert settings in session.dirty
    session.commit()
    session.expunge_all()
    session.query(Settings).one().data["c"] = 3
    session.commit()
    assert session.query(Settings).one().data == {"a": 1, "b": 2, "c": 3}


def test_an_unchanged_pickled_value_is_not_written(session: Session, statements: StatementLog) -> None:
    session.add(Settings(data=[1]))
    session.commit()
    settings = session.query(Settings).one()
    with statements.expect(0):
        assert settings not in session.dirty
        session.flush()
    settings.data.append(2)
    settings.data.pop()
    with statements.expect(0):
        session.flush()
    settings.data.append(2)
    session.rollback()
    assert settings.data == [1]


# -- operators of one's own


def test_comparators_of_ones_own(engine: Engine) -> None:
    metadata, registry = MetaData(), Registry()
    table = Table("word", metadata, Column("id", Integer, primary_key=True), Column("text", String(20)))

    class Word:
        def __init__(self, text: str) -> None:
            self.text = text

        @property
        def shouted(self) -> str:
            return str(self.text).upper()

    class Shouted(PropComparator):
        def __clause_element__(self) -> Any:
            return func.upper(self.mapper.class_.text)

    mapper(
        Word,
        table,
        properties={
            "text": column_property(table.c.text, comparator_factory=IgnoringCase),
            "shouted": comparable_property(Shouted),
        },
        registry=registry,
    )
    metadata.create_all(engine)
    with Session(bind=engine) as session:
        session.add(Word("Hello"))
        session.commit()
        word = session.query(Word).filter(Word.text == "HELLO").one()
        assert session.query(Word).filter(Word.text.like("Hel%")).one() is word
        assert session.query(Word).filter(Word.shouted == "HELLO").one().shouted == "HELLO"
        assert session.query(Word.text).order_by(Word.text).scalar() == "Hello"


def test_a_comparable_property_without_a_property_says_so() -> None:
    table = Table("w", MetaData(), Column("id", Integer, primary_key=True))
    Word = type("Word", (), {})
    mapper(Word, table, properties={"x": comparable_property(PropComparator)}, registry=Registry())
    with pytest.raises(AttributeError, match="found no Python property of that name"):
        Word().x  # type: ignore[attr-defined]


# -- mistakes


def test_mistakes_in_properties_are_named() -> None:
    table = Table("w", MetaData(), Column("id", Integer, primary_key=True), Column("a", Integer))

    def declare(**properties: Any) -> None:
        registry = Registry()
        mapper(type("Word", (), {}), table, properties=properties, registry=registry)
        registry.configure()

    with pytest.raises(ArgumentError, match="got nothing"):
        column_property()
    with pytest.raises(ArgumentError, match="got no column"):
        declare(p=composite(Point))
    with pytest.raises(ArgumentError, match="names 'nix', which is no column attribute"):
        declare(p=composite(Point, "nix", "a"))
    with pytest.raises(ArgumentError, match=r"Word\.e: column_property\(\) takes columns, an SQL expression"):
        declare(e=column_property("text"))
    with pytest.raises(ArgumentError, match="extension= takes objects of subclasses of AttributeExtension"):
        declare(a=column_property(table.c.a, extension=object()))


def test_an_expression_over_a_deferred_column_goes_through_subqueries(engine: Engine) -> None:
    base = declarative_base()

    class Sum(base):
        __tablename__ = "sum"
        id: Mapped[int] = mapped_column(primary_key=True)
        x: Mapped[int] = mapped_column(deferred=True)
        y: Mapped[int]
        total: Mapped[int] = column_property(lambda: Sum.x + Sum.y)

    base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Sum(x=1, y=2), Sum(x=3, y=4)])
        session.commit()
        query = session.query(Sum)
        assert [s.total for s in query.from_self().order_by(Sum.total.desc())] == [7, 3]
        assert [s.total for s in query.from_self().filter(Sum.total == 7).limit(1)] == [7]
        assert sorted(s.total for s in query.union(session.query(Sum))) == [3, 7]
        inner = aliased(Sum, query.subquery())
        session.expunge_all()
        assert [(s.total, s.x) for s in session.query(inner).order_by(inner.y)] == [(3, 1), (7, 3)]
        plain = aliased(Sum, select(Sum.id, Sum.x, Sum.y).subquery())
        assert [s.total for s in session.query(plain).order_by(plain.total)] == [3, 7]
        few = aliased(Sum, select(Sum.id, Sum.y).subquery())
        session.expunge_all()
        assert [s.total for s in session.query(few).order_by(few.y)] == [3, 7]
        for name in ("x", "total"):
            with pytest.raises(ArgumentError, match=r"has no column for table 'sum'\.x"):
                session.query(few).order_by(getattr(few, name)).all()


def test_comparators_and_composites_of_an_alias_are_about_the_alias(engine: Engine) -> None:
    base = declarative_base()

    class AnyCase(PropComparator):
        def __eq__(self, other: object) -> Any:  # type: ignore[override]
            return func.lower(self.__clause_element__()) == func.lower(other)

        def __hash__(self) -> int:
            return id(self)

    class Span:
        def __init__(self, start: int, end: int) -> None:
            self.start, self.end = start, end

        def __composite_values__(self) -> tuple[int, int]:
            return self.start, self.end

    class Event(base):
        __tablename__ = "event"
        id: Mapped[int] = mapped_column(primary_key=True)
        name = column_property(mapped_column("name", String), comparator_factory=AnyCase)
        start: Mapped[int]
        end: Mapped[int]
        span = composite(Span, "start", "end")

    base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all(
            [Event(name="Ball", span=Span(1, 2)), Event(name="BALL", span=Span(1, 2)), Event(name="x", span=Span(3, 4))]
        )
        session.commit()
        other = aliased(Event)
        assert [e.name for e in session.query(other).filter(other.name == "ball").order_by(other.name)] == [
            "BALL",
            "Ball",
        ]
        assert session.query(other).filter(other.span == Span(3, 4)).one().name == "x"
        assert session.query(other).filter(other.span != Span(1, 2)).one().name == "x"
        pairs = session.query(Event, other).filter(Event.name == other.name, Event.span == other.span)
        assert pairs.filter(Event.id < other.id).count() == 1


def test_an_expression_is_worked_out_anew_after_an_update(engine: Engine) -> None:
    base = declarative_base()

    class Sum(base):  # type: ignore[misc,valid-type]
        __tablename__ = "sum"
        id: Mapped[int] = mapped_column(primary_key=True)
        x: Mapped[int]
        y: Mapped[int]
        total: Mapped[int] = column_property(lambda: Sum.x + Sum.y)

    base.metadata.create_all(engine)
    with Session(engine) as session:
        sums = [Sum(x=n, y=n) for n in range(3)]
        session.add_all(sums)
        session.flush()
        assert [s.total for s in sums] == [0, 2, 4]
        sums[0].x = 10
        sums[1].x = 10
        session.flush()
        assert [s.total for s in sums] == [10, 11, 4]
        session.query(Sum).filter(Sum.id == sums[2].id).update({"y": 10})
        session.bulk_update(Sum, [{"id": sums[1].id, "y": 10}])
        assert [s.total for s in sums] == [10, 20, 12]
        # what was set by hand stays for this flush
        sums[0].total = 99
        assert not session.is_modified(sums[0])
        sums[0].y = 5
        session.flush()
        assert sums[0].total == 99
        sums[0].y = 6
        session.flush()
        assert sums[0].total == 16


def test_a_class_declares_columns_within_deferred_and_the_like(engine: Engine, statements: StatementLog) -> None:
    base: Any = declarative_base()

    class WithNotes:
        @declared_attr
        def notes(cls) -> Any:
            return deferred(Column(String(20)))

    class Letter(WithNotes, base):
        __tablename__ = "letter"
        id = Column(Integer, primary_key=True)
        kind = Column(String(10))
        body = deferred(Column(String(20)))
        draft: Mapped[str | None] = deferred(mapped_column(), group="texts")
        weight = column_property(Column("grams", Integer, default=20), active_history=True)
        sent: Mapped[str | None] = column_property(mapped_column("sent_on"), deferred=True, group="texts")
        place = composite(Point, Column("x1", Integer), Column("y1", Integer))
        __mapper_args__ = {"polymorphic_on": kind, "polymorphic_identity": "letter"}

    class Parcel(Letter):
        content = deferred(Column(String(20)))
        __mapper_args__ = {"polymorphic_identity": "parcel"}

    Letter.stamp = deferred(Column(String(20)))
    Letter.postage = column_property(Column("cents", Integer))
    Parcel.size = column_property(Column("litres", Integer))
    names = [
        "id",
        "kind",
        "body",
        "draft",
        "grams",
        "sent_on",
        "x1",
        "y1",
        "notes",
        "content",
        "stamp",
        "cents",
        "litres",
    ]
    assert sorted(Letter.__table__.c.keys()) == sorted(names)
    base.metadata.create_all(engine)
    try:
        with Session(engine) as session:
            given = {"body": "b", "draft": "d", "sent": "s", "notes": "n", "content": "c", "stamp": "t"}
            session.add(Parcel(place=Point(1, 2), postage=5, size=6, **given))
            session.commit()
            parcel = session.scalars(select(Letter)).one()
            with statements.expect(0):
                assert (parcel.weight, parcel.postage, parcel.size, parcel.place) == (20, 5, 6, Point(1, 2))
            assert not given.keys() & vars(parcel).keys()
            assert {name: getattr(parcel, name) for name in given} == given
            session.expunge_all()
            with statements.expect(1):
                parcel = session.scalars(select(Letter).options(undefer_group("texts"))).one()
                assert (parcel.draft, parcel.sent) == ("d", "s")
    finally:
        base.metadata.drop_all(engine)


def test_a_column_without_a_type_may_say_so(engine: Engine) -> None:
    metadata = MetaData()
    Table("sender", metadata, Column("id", Integer, primary_key=True))
    table = Table("letter", metadata, Column("id", None, ForeignKey("sender.id"), primary_key=True))
    assert isinstance(table.c.id.type, Integer)
    assert str(Column(None, ForeignKey("sender.id"))) == "<unnamed>"


def test_an_expression_that_is_an_attribute_tells_the_class_of_a_row(engine: Engine) -> None:
    for by_name in (False, True):
        base: Any = declarative_base()

        class Item(base):
            __tablename__ = "item"
            id = Column(Integer, primary_key=True)
            price = Column(Integer)
            grade = column_property(case((price > 100, "dear"), else_="cheap"))
            __mapper_args__ = {"polymorphic_on": "grade" if by_name else grade, "polymorphic_identity": "cheap"}

        class Dear(Item):
            __mapper_args__ = {"polymorphic_identity": "dear"}

        base.metadata.create_all(engine)
        try:
            with Session(engine) as session:
                session.add_all([Item(price=5), Dear(price=200)])
                session.commit()
                session.expunge_all()
                found = session.scalars(select(Item).order_by(Item.price)).all()
                assert [(type(item).__name__, item.grade) for item in found] == [("Item", "cheap"), ("Dear", "dear")]
                assert session.scalars(select(Dear.price)).all() == [200]
        finally:
            base.metadata.drop_all(engine)


def test_a_declaration_is_part_of_another_in_the_body_of_a_class(engine: Engine) -> None:
    class Base(DeclarativeBase):
        pass

    class Letter(Base):
        __tablename__ = "letter_of_parts"
        id: Mapped[int] = mapped_column(primary_key=True)
        street = mapped_column(String(40))
        town = mapped_column(String(40))
        place = column_property(street + ", " + town)
        address = column_property("To " + place.expression)
        __mapper_args__ = {"properties": {"city": synonym("town")}}

    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Letter(street="Elm Street", city="Springwood"))
        session.commit()
        found = session.scalars(select(Letter).where(Letter.place == "Elm Street, Springwood")).one()
        assert (found.address, found.city) == ("To Elm Street, Springwood", "Springwood")
    Base.metadata.drop_all(engine)


def test_a_property_stands_for_a_column_of_its_own_and_one_of_the_parent(engine: Engine) -> None:
    base: Any = declarative_base()

    class Parcel(base):
        __tablename__ = "parcel"
        id = Column(Integer, primary_key=True)
        kind = Column(String(10))
        __mapper_args__ = {"polymorphic_on": kind, "polymorphic_identity": "parcel"}

    class Crate(Parcel):
        __tablename__ = "crate"
        id = column_property(Column("id", ForeignKey("parcel.id"), primary_key=True), Parcel.id)
        wood = Column(String(10))
        __mapper_args__ = {"polymorphic_identity": "crate"}

    assert sorted(Crate.__mapper__.column_attrs.keys()) == ["id", "kind", "wood"]
    base.metadata.create_all(engine)
    try:
        with Session(engine) as session:
            session.add(Crate(wood="oak"))
            session.commit()
            crate = session.scalars(select(Crate).where(Crate.id > 0)).one()
            assert (crate.id, crate.wood, session.get(Parcel, crate.id)) == (1, "oak", crate)
    finally:
        base.metadata.drop_all(engine)
