"""with_loader_criteria() and relationship.and_(): conditions on what a statement selects and loads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    Bundle,
    DeclarativeBase,
    Engine,
    ForeignKey,
    InvalidRequestError,
    Mapped,
    Session,
    aliased,
    column_property,
    contains_eager,
    declarative_base,
    delete,
    event,
    exists,
    func,
    immediateload,
    joinedload,
    mapped_column,
    relationship,
    select,
    selectinload,
    subqueryload,
    true,
    update,
    with_loader_criteria,
)
from tests.statements import StatementLog


class Base(DeclarativeBase):
    pass


class SoftDelete:
    deleted: Mapped[bool] = mapped_column(default=False)


class Author(SoftDelete, Base):
    __tablename__ = "author"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    books: Mapped[list[Book]] = relationship(back_populates="author", order_by="Book.id")
    boss_id: Mapped[int | None] = mapped_column(ForeignKey("author.id"))
    boss: Mapped[Author | None] = relationship(remote_side="Author.id")


class Book(SoftDelete, Base):
    __tablename__ = "book"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(default="book")
    title: Mapped[str]
    pages: Mapped[int]
    author_id: Mapped[int | None] = mapped_column(ForeignKey("author.id"))
    author: Mapped[Author | None] = relationship(back_populates="books")
    notes: Mapped[list[Note]] = relationship(order_by="Note.id")
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "book"}


class Novel(Book):
    __mapper_args__ = {"polymorphic_identity": "novel"}


class Note(SoftDelete, Base):
    __tablename__ = "note"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]
    book_id: Mapped[int | None] = mapped_column(ForeignKey("book.id"))


EAGER = [joinedload, selectinload, subqueryload, immediateload]


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        ann, bo = Author(name="ann"), Author(name="bo", deleted=True)
        session.add_all([ann, bo])
        session.flush()
        ann.boss = bo
        notes = [Note(text="n1"), Note(text="n2", deleted=True)]
        for book in (
            Book(title="one", pages=10, author=ann, notes=notes),
            Book(title="two", pages=20, author=ann, deleted=True),
            Novel(title="three", pages=30, author=ann),
            Book(title="four", pages=40, author=bo),
        ):
            session.add(book)
            session.flush()
        session.commit()
        session.expunge_all()
        yield session


def present(class_: Any) -> Any:
    return with_loader_criteria(class_, class_.deleted.is_(False))


def titles(books: Any) -> list[str]:
    return [book.title for book in books]


def test_rows_of_the_class_are_left_out(session: Session) -> None:
    ordered = select(Book).order_by(Book.id)
    assert titles(session.scalars(ordered.options(present(Book)))) == ["one", "three", "four"]
    assert session.scalars(select(Book.title).options(present(Book)).order_by(Book.id)).all() == [
        "one",
        "three",
        "four",
    ]
    assert session.scalar(select(func.count()).select_from(Book).options(present(Book))) == 3
    assert session.query(Book).options(present(Book)).count() == 3
    assert titles(session.scalars(select(Novel).options(present(Book)))) == ["three"]
    assert titles(session.scalars(ordered.options(present(Author)))) == ["one", "two", "three", "four"]


@pytest.mark.parametrize("load", EAGER)
def test_eager_loads_leave_them_out(session: Session, load: Any) -> None:
    statement = select(Author).options(load(Author.books).options(load(Book.notes)), present(Book), present(Note))
    ann = session.scalars(statement.where(Author.name == "ann")).unique().one()
    assert titles(ann.books) == ["one", "three"]
    assert [note.text for note in ann.books[0].notes] == ["n1"]


def test_loads_at_first_access_leave_them_out(session: Session) -> None:
    ann = session.scalars(select(Author).options(present(Book), present(Note)).where(Author.name == "ann")).one()
    assert titles(ann.books) == ["one", "three"]
    assert [note.text for note in ann.books[0].notes] == ["n1"]
    session.expunge_all()
    option = with_loader_criteria(Book, Book.deleted.is_(False), propagate_to_loaders=False)
    ann = session.scalars(select(Author).options(option).where(Author.name == "ann")).one()
    assert titles(ann.books) == ["one", "two", "three"]


def test_a_reference_to_what_is_left_out_is_none(session: Session) -> None:
    bo = session.scalars(select(Author).where(Author.name == "bo")).one()
    for options in (
        (present(Author),),
        (present(Author), selectinload(Book.author)),
        (present(Author), joinedload(Book.author)),
    ):
        session.expunge_all()
        bo = session.get(Author, bo.id)
        (book,) = session.scalars(select(Book).options(*options).where(Book.title == "four"))
        assert bo.name == "bo"
        assert book.author is None


@pytest.mark.parametrize("load", [*EAGER, None])
def test_each_execution_has_its_own_values(session: Session, load: Any) -> None:
    for least, expected in ((15, ["two", "three"]), (25, ["three"]), (0, ["one", "two", "three"]), (99, [])):
        session.expunge_all()
        options = [with_loader_criteria(Book, Book.pages > least), *([load(Author.books)] if load else [])]
        ann = session.scalars(select(Author).options(*options).where(Author.name == "ann")).unique().one()
        assert titles(ann.books) == expected


@pytest.mark.parametrize("load", EAGER)
def test_each_execution_has_its_own_values_in_a_relationship(session: Session, load: Any) -> None:
    for least, name, expected in (
        (15, "ann", ["two", "three"]),
        (25, "ann", ["three"]),
        (0, "bo", ["four"]),
        (99, "bo", []),
    ):
        session.expunge_all()
        statement = select(Author).options(load(Author.books.and_(Book.pages > least))).where(Author.name == name)
        assert titles(session.scalars(statement).unique().one().books) == expected


def test_plans_with_criteria_are_kept_whatever_their_values(session: Session, statements: StatementLog) -> None:
    for least in (5, 15):
        session.expunge_all()
        session.scalars(select(Author).options(selectinload(Author.books.and_(Book.pages > least)))).all()
    assert statements.sql[0] == statements.sql[2]
    assert statements.sql[1] == statements.sql[3]


@pytest.mark.parametrize("load", EAGER)
def test_criteria_and_conditions_each_have_their_values(session: Session, load: Any) -> None:
    for least, own, expected in ((15, "ann", ["two", "three"]), (25, "ann", ["three"]), (25, "bo", ["four"])):
        session.expunge_all()
        options = with_loader_criteria(SoftDelete, lambda cls: cls.id < 99), load(Author.books.and_(Book.pages > least))
        statement = select(Author).join(Author.books).where(Author.name == own, Book.pages >= 10).limit(9)
        assert titles(session.scalars(statement.options(*options)).unique().first().books) == expected


def test_values_reach_what_is_loaded_below(session: Session) -> None:
    for word, expected in (("n1", ["n1"]), ("n2", ["n2"])):
        session.expunge_all()
        option = selectinload(Author.books.and_(Book.pages < 15)).selectinload(Book.notes.and_(Note.text == word))
        ann = session.scalars(select(Author).options(option).where(Author.name == "ann")).one()
        assert [note.text for book in ann.books for note in book.notes] == expected


def test_a_function_gives_the_criteria_of_each_class_of_a_mixin(session: Session) -> None:
    every = with_loader_criteria(SoftDelete, lambda cls: cls.deleted.is_(False))
    authors = session.scalars(select(Author).options(every, selectinload(Author.books))).all()
    assert [(author.name, titles(author.books)) for author in authors] == [("ann", ["one", "three"])]
    assert authors[0].boss is None
    base = with_loader_criteria(Base, lambda cls: cls.deleted.is_(False))
    assert titles(session.scalars(select(Book).options(base).order_by(Book.id))) == ["one", "three", "four"]


def test_a_listener_gives_every_statement_the_criteria(session: Session) -> None:
    def filter_deleted(state: Any) -> None:
        if state.is_select:
            option = with_loader_criteria(SoftDelete, lambda cls: cls.deleted.is_(False))
            state.statement = state.statement.options(option)

    event.listen(session, "do_orm_execute", filter_deleted)
    assert [author.name for author in session.query(Author)] == ["ann"]
    assert titles(session.scalars(select(Author)).one().books) == ["one", "three"]
    assert session.scalar(select(func.count()).select_from(Book)) == 3
    assert session.query(Book).count() == session.query(Book).order_by(Book.id).limit(9).count() == 3


def test_a_listener_is_told_the_options_of_a_query_that_is_counted(session: Session) -> None:
    def filter_deleted(state: Any) -> None:
        if not state.execution_options.get("with_deleted"):
            option = with_loader_criteria(SoftDelete, lambda cls: cls.deleted.is_(False))
            state.statement = state.statement.options(option)

    event.listen(session, "do_orm_execute", filter_deleted)
    everything = session.query(Book).execution_options(with_deleted=True)
    assert (session.query(Book).count(), everything.count(), len(everything.all())) == (3, 4, 4)


def test_a_table_itself_has_all_its_rows(session: Session) -> None:
    option = with_loader_criteria(SoftDelete, lambda cls: cls.deleted.is_(False), include_aliases=True)
    table = Book.__table__
    for statement in (select(table), select(table.alias("b")), select(select(table).subquery())):
        assert len(session.execute(statement.options(option)).all()) == 4
    assert len(session.query(table).options(option).all()) == 4
    # of a join with objects only those rows that the objects leave
    joined = select(Author, table).join(table, table.c.author_id == Author.id).options(option)
    assert {author.name for author, *_ in session.execute(joined)} == {"ann"}
    assert len(session.execute(select(Book, table).options(option)).all()) == 3


def test_a_select_in_from_has_them_too(session: Session) -> None:
    inner = select(Book.id, Book.title, Book.author_id.label("by")).subquery()
    statement = select(inner.c.title).where(inner.c.id < 9).order_by(inner.c.id).options(present(Book))
    assert session.scalars(statement).all() == ["one", "three", "four"]
    statement = select(Author.name, inner.c.title).join(inner, inner.c.by == Author.id).order_by(inner.c.id)
    assert [tuple(row) for row in session.execute(statement.options(present(Book), present(Author)))] == [
        ("ann", "one"),
        ("ann", "three"),
    ]
    counted = (
        select(inner.c.by, func.count(inner.c.id)).group_by(inner.c.by).order_by(inner.c.by).options(present(Book))
    )
    assert [tuple(row) for row in session.execute(counted)] == [(1, 2), (2, 1)]
    either = (
        select(Book.title)
        .where(Book.pages < 15)
        .union_all(select(Book.title).where(Book.pages.between(15, 25)))
        .subquery()
    )
    assert session.scalars(select(either.c.title).options(present(Book))).all() == ["one"]


@pytest.mark.parametrize("form", ["subquery", "cte"])
def test_an_alias_of_a_select_has_them_as_that_has(session: Session, form: str) -> None:
    for inner in (select(Book), select(Book).where(Book.pages < 25).union(select(Book).where(Book.pages > 25))):
        source = getattr(inner, form)()
        alias = aliased(Book, source)
        assert titles(session.scalars(select(alias).order_by(alias.id).options(present(Book)))) == [
            "one",
            "three",
            "four",
        ]
        columns = select(alias.title).order_by(alias.id).options(present(Book))
        assert session.execute(columns).all() == [("one",), ("three",), ("four",)]
        assert list(session.execute(columns).first()._mapping) == ["title"]  # type: ignore[union-attr]
        bundled = select(Bundle("book", alias.id, alias.title)).order_by(alias.id).options(present(Book))
        assert [book.title for (book,) in session.execute(bundled)] == ["one", "three", "four"]
        assert len(session.scalars(select(alias)).all()) == 4
    # without that it is an alias like any other
    plain = aliased(Book)
    whole = aliased(Book, getattr(select(plain), form)())
    assert len(session.scalars(select(whole).options(present(Book))).all()) == 4


def test_a_common_table_expression_has_them_wherever_it_is_named(session: Session) -> None:
    books = select(Book.id, Book.title, Book.author_id).cte("books")
    rows = select(books.c.title).order_by(books.c.id)
    assert session.scalars(rows.options(present(Book))).all() == ["one", "three", "four"]
    assert session.scalars(rows).all() == ["one", "two", "three", "four"]
    other = books.alias()
    pairs = select(books.c.title, other.c.title).join(other, other.c.id == books.c.id + 1).options(present(Book))
    assert [tuple(row) for row in session.execute(pairs)] == [("three", "four")]
    writers = select(Author.name).where(Author.id.in_(select(books.c.author_id).where(books.c.title == "two")))
    assert session.scalars(writers).all() == ["ann"]
    assert session.scalars(writers.options(present(Book))).all() == []
    chain = select(Author.id, Author.boss_id).where(Author.name == "ann").cte("chain", recursive=True)
    chain = chain.union_all(select(Author.id, Author.boss_id).join(chain, Author.id == chain.c.boss_id))
    up = select(func.count()).select_from(chain)
    assert session.scalars(up).all() == [2]
    assert session.scalars(up.options(present(Author))).all() == [1]
    # named in its conditions alone
    chain = select(Author.id, Author.boss_id).where(Author.name == "ann").cte("chain", recursive=True)
    chain = chain.union_all(select(Author.id, Author.boss_id).where(Author.id == chain.c.boss_id))
    up = select(func.count()).select_from(chain)
    assert session.scalars(up).all() == [2]
    assert session.scalars(up.options(present(Author))).all() == [1]
    of_chain = select(Author.name).where(Author.id.in_(select(chain.c.id)))
    assert session.scalars(of_chain.options(present(Book))).all() == session.scalars(of_chain).all()


def test_rows_know_what_was_selected_from_a_subquery_that_has_them(session: Session) -> None:
    for _ in range(3):
        whole = aliased(Book, select(Book).subquery())
        value = select(func.count(Book.id)).scalar_subquery()
        statement = select(whole.title, whole.id, value).order_by(whole.id.desc()).options(present(Book))
        for options in ({}, {"yield_per": 1}):
            found = session.execute(statement, execution_options=options).first()
            assert found is not None
            assert (found._mapping[whole.id], found._mapping[whole.title], found._mapping[value]) == (4, "four", 3)
    one, two = (aliased(Book, select(Book).subquery()) for _ in range(2))
    for _ in range(3):
        one, two = two, one
        pair = session.execute(select(one.id, two.id).where(one.id == 1, two.id == 3).options(present(Book))).one()
        assert (pair._mapping[one.id], pair._mapping[two.id]) == (1, 3)


def test_a_lateral_subquery_has_them_and_what_it_names_beside_it(session: Session) -> None:
    if session.get_bind().dialect.name == "sqlite":
        pytest.skip("SQLite has no LATERAL")
    for form in ("subquery", "cte"):
        writers = getattr(select(Author.id, Author.name), form)()
        books = select(Book.title).where(Book.author_id == writers.c.id).lateral()
        pairs = select(writers.c.name, books.c.title).join(books, true())
        expected = {("ann", "one"), ("ann", "two"), ("ann", "three"), ("bo", "four")}
        assert {tuple(row) for row in session.execute(pairs)} == expected
        assert {tuple(row) for row in session.execute(pairs.options(present(Book)))} == expected - {("ann", "two")}
        only_ann = pairs.options(present(Book), with_loader_criteria(Author, Author.name == "ann"))
        assert {tuple(row) for row in session.execute(only_ann)} == {("ann", "one"), ("ann", "three")}


def test_selected_values_and_compounds_have_them(session: Session) -> None:
    value = select(func.count(Book.id)).where(Book.author_id == Author.id).scalar_subquery()
    counted = select(Author.name, value).order_by(Author.id)
    assert [tuple(row) for row in session.execute(counted.options(present(Book)))] == [("ann", 2), ("bo", 1)]
    both = select(Book.title).where(Book.pages < 25).union_all(select(Book.title).where(Book.pages > 35))
    assert session.scalars(both.options(present(Book))).all() == ["one", "four"]
    objects = select(Book).where(Book.pages < 25).union(select(Novel)).options(present(Book))
    assert {book.title for book in session.scalars(objects)} == {"one", "three"}


def test_an_enclosed_query_has_them(session: Session) -> None:
    query = session.query(Book).order_by(Book.id)
    assert titles(query.options(present(Book)).from_self()) == ["one", "three", "four"]
    assert query.from_self().options(present(Book)).count() == 3
    alias = aliased(Book)
    assert session.query(alias).from_self().options(present(Book)).count() == 4


def test_a_join_leaves_them_out_and_an_outer_one_keeps_the_others(session: Session) -> None:
    for joined, expected in (
        (select(Author.name, Book.title).join(Author.books), [("ann", "one"), ("ann", "three"), ("bo", "four")]),
        (select(Book.title, Author.name).outerjoin(Book.author), [("four", "bo"), ("one", "ann"), ("three", "ann")]),
    ):
        assert sorted(map(tuple, session.execute(joined.options(present(Book))))) == expected
    statement = (
        select(Author.name, Book.title).outerjoin(Author.books).options(with_loader_criteria(Book, Book.pages > 35))
    )
    assert sorted(session.execute(statement).all(), key=str) == [("ann", None), ("bo", "four")]
    statement = select(Author).join(Author.books).options(contains_eager(Author.books), present(Book), present(Author))
    assert [titles(author.books) for author in session.scalars(statement).unique()] == [["one", "three"]]


def test_a_select_within_the_statement_has_them_too(session: Session) -> None:
    for condition in (
        Author.books.any(Book.title == "two"),
        Author.id.in_(select(Book.author_id).where(Book.title == "two")),
        exists().where(Book.author_id == Author.id, Book.title == "two"),
    ):
        assert session.scalars(select(Author.name).where(condition)).all() == ["ann"]
    for condition in (
        Author.books.any(Book.title == "two"),
        Author.id.in_(select(Book.author_id).where(Book.title == "two")),
    ):
        assert session.scalars(select(Author.name).where(condition).options(present(Book))).all() == []


def test_aliases_have_them_only_when_that_is_said(session: Session) -> None:
    other = aliased(Book)
    statement = select(other).order_by(other.id)
    assert len(session.scalars(statement.options(present(Book))).all()) == 4
    option = with_loader_criteria(Book, Book.deleted.is_(False), include_aliases=True)
    assert titles(session.scalars(statement.options(option))) == ["one", "three", "four"]
    statement = select(Author.name, other.title).join(Author.books.of_type(other)).order_by(other.id)
    assert [title for _, title in session.execute(statement.options(option))] == ["one", "three", "four"]


def test_criteria_of_a_subclass_are_about_its_own_rows(session: Session) -> None:
    option = with_loader_criteria(Novel, Novel.pages > 99)
    assert len(session.scalars(select(Book).options(option)).all()) == 4
    assert session.scalars(select(Novel).options(option)).all() == []


def test_pages_and_statements_of_ones_own_have_them(session: Session) -> None:
    statement = select(Author).options(selectinload(Author.books), present(Book)).execution_options(yield_per=1)
    assert [titles(author.books) for author in session.scalars(statement.order_by(Author.id))] == [
        ["one", "three"],
        ["four"],
    ]
    for least, expected in ((15, ["two", "three"]), (25, ["three"])):
        session.expunge_all()
        given = select(Author.__table__).where(Author.__table__.c.name == "ann")
        option = selectinload(Author.books.and_(Book.pages > least))
        assert titles(session.scalars(select(Author).options(option).from_statement(given)).one().books) == expected


def test_a_join_along_a_part_of_a_relationship(session: Session) -> None:
    statement = select(Author.name, Book.title).order_by(Author.name, Book.title)
    part = Author.books.and_(Book.pages > 25)
    assert [tuple(row) for row in session.execute(statement.join(part))] == [("ann", "three"), ("bo", "four")]
    assert [tuple(row) for row in session.query(Author.name, Book.title).join(part).order_by(Book.id)] == [
        ("ann", "three"),
        ("bo", "four"),
    ]
    only = Author.books.and_(Book.pages > 35)
    assert sorted(session.execute(statement.outerjoin(only)).all(), key=str) == [("ann", None), ("bo", "four")]
    other = aliased(Book)
    for joined in (
        Author.books.of_type(other).and_(other.pages > 25),
        Author.books.and_(Book.pages > 25).of_type(other),
    ):
        rows = session.execute(select(Author.name, other.title).join(joined).order_by(other.id))
        assert [tuple(row) for row in rows] == [("ann", "three"), ("bo", "four")]
    assert session.scalars(select(Author.name).where(only.any())).all() == ["bo"]
    assert session.scalars(select(Author.name).where(part.any(Book.title == "four"))).all() == ["bo"]


def test_criteria_add_up(session: Session) -> None:
    part = Author.books.and_(Book.pages > 15).and_(Book.pages < 25)
    statement = select(Author).options(selectinload(part)).where(Author.name == "ann")
    assert titles(session.scalars(statement).one().books) == ["two"]
    session.expunge_all()
    assert titles(session.scalars(statement.options(present(Book))).one().books) == []


def test_mistakes_are_refused(session: Session) -> None:
    with pytest.raises(ArgumentError, match="takes a mapped class, or a base of mapped classes"):
        with_loader_criteria(int, True)
    with pytest.raises(ArgumentError, match=r"the join of the query says which objects are taken"):
        session.query(Author).join(Author.books).options(contains_eager(Author.books.and_(Book.pages > 1))).all()


class Storage(DeclarativeBase):
    pass


class Shelf(Storage):
    __tablename__ = "shelf"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    items: Mapped[list[Item]] = relationship(back_populates="shelf")
    maps: Mapped[list[Chart]] = relationship(viewonly=True)


class Item(Storage):
    __tablename__ = "item"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(default="item")
    name: Mapped[str]
    shelf_id: Mapped[int] = mapped_column(ForeignKey("shelf.id"))
    shelf: Mapped[Shelf] = relationship(back_populates="items")
    labels: Mapped[list[Label]] = relationship()
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "item"}


class Chart(Item):
    __mapper_args__ = {"polymorphic_identity": "chart"}


class Label(Storage):
    __tablename__ = "label"
    id: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("item.id"))


@pytest.fixture
def shelves(engine: Engine) -> Iterator[Session]:
    Storage.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Shelf(name="low", items=[Chart(name="old", labels=[Label()]), Item(name="map")]))
        session.add(Shelf(name="high", items=[Chart(name="new", labels=[Label()])]))
        session.flush()
        yield session


def names(session: Session, statement: Any) -> list[str]:
    return sorted(session.scalars(statement))


def test_a_class_in_the_table_of_its_base_has_criteria_wherever_its_rows_are_read(shelves: Session) -> None:
    new = with_loader_criteria(Chart, Chart.name != "old")
    shelf = select(Shelf.name).options(new)
    for condition in (
        Shelf.maps.any(),
        Shelf.items.of_type(Chart).any(),
        exists().where(Chart.shelf_id == Shelf.id),
        exists(select(Chart.id).where(Chart.shelf_id == Shelf.id)),
        Shelf.id.in_(select(Chart.shelf_id)),
    ):
        assert names(shelves, shelf.where(condition)) == ["high"]
    assert names(shelves, shelf.join(Shelf.maps).join(Label, Label.item_id == Chart.id)) == ["high"]
    # the base has other rows as well, and is not meant
    assert names(shelves, shelf.where(Shelf.items.any())) == ["high", "low"]
    assert names(shelves, shelf.where(~Shelf.maps.any())) == ["low"]


def test_include_aliases_reaches_aliases_within_criteria(shelves: Session) -> None:
    chart, shelf = aliased(Chart), aliased(Shelf)
    new = with_loader_criteria(Chart, Chart.name != "old", include_aliases=True)
    high = with_loader_criteria(Shelf, Shelf.name == "high", include_aliases=True)
    assert names(shelves, select(Shelf.name).where(Shelf.items.of_type(chart).any()).options(new)) == ["high"]
    assert names(shelves, select(Item.name).where(Item.shelf.of_type(shelf).has()).options(high)) == ["new"]
    assert names(shelves, select(Item.name).where(exists().where(shelf.id == Item.shelf_id)).options(high)) == ["new"]
    without = with_loader_criteria(Shelf, Shelf.name == "high")
    assert len(names(shelves, select(Item.name).where(Item.shelf.of_type(shelf).has()).options(without))) == 3


def test_criteria_may_be_about_one_alias(shelves: Session) -> None:
    one, other = aliased(Shelf), aliased(Shelf)
    pairs = select(one.name, other.name).where(one.id != other.id)
    for criteria in (one.name == "low", lambda alias: alias.name == "low"):
        option = with_loader_criteria(one, criteria)
        assert shelves.execute(pairs.options(option)).all() == [("low", "high")]
        assert shelves.scalars(select(one).options(option)).one().name == "low"
        assert len(shelves.scalars(select(Shelf).options(option)).all()) == 2


def test_other_columns_leave_a_class_and_its_criteria_behind(shelves: Session) -> None:
    for query in (shelves.query(Chart), shelves.query(aliased(Chart))):
        assert sorted(query.with_entities(Shelf.name)) == [("high",), ("low",)]
    assert names(shelves, select(Chart).with_only_columns(Shelf.name)) == ["high", "low"]
    # what is said of it keeps it there
    assert (
        names(shelves, select(Chart).where(Item.name != "").with_only_columns(Shelf.name)) == ["high"] * 2 + ["low"] * 2
    )
    assert names(shelves, select(Chart).with_only_columns(Item.name)) == ["new", "old"]


def test_updates_and_deletes_have_criteria_too(shelves: Session) -> None:
    new = with_loader_criteria(Item, Item.name != "old")
    shelves.execute(update(Item).values(name=Item.name + "!").options(new))
    assert names(shelves, select(Item.name)) == ["map!", "new!", "old"]
    shelves.execute(update(Shelf).where(Shelf.items.any(Item.name == "old")).values(name="x").options(new))
    shelves.execute(
        update(Shelf).where(Shelf.maps.any()).values(name="y").options(with_loader_criteria(Chart, Chart.name == "old"))
    )
    assert names(shelves, select(Shelf.name)) == ["high", "y"]
    shelves.execute(delete(Label))
    low = shelves.execute(
        delete(Item).where(Item.name.like("%!")).options(with_loader_criteria(Item, Item.name == "map!"))
    )
    assert (low.rowcount, names(shelves, select(Item.name))) == (1, ["new!", "old"])
    # a SELECT within, an alias, a base that is not meant
    item = aliased(Item)
    shelves.execute(update(item).values(name="z").options(new))
    shelves.execute(
        update(Item)
        .values(name="w")
        .where(Item.id.in_(select(Chart.id)))
        .options(with_loader_criteria(Chart, Chart.name == "none"))
    )
    assert names(shelves, select(Item.name)) == ["z", "z"]
    with pytest.raises(InvalidRequestError, match=r"takes with_loader_criteria\(\), got"):
        shelves.execute(update(Item).values(name="w").options(selectinload(Item.labels)))


def test_a_class_that_only_conditions_name_has_its_own_rows(shelves: Session) -> None:
    chart = aliased(Chart)
    charts = shelves.query(Chart).count()
    for named in (Chart, chart):
        assert shelves.execute(select(func.count()).where(named.name != "")).scalar_one() == charts
        assert (
            shelves.query(Shelf.name, named.name).select_from(Shelf).filter(named.shelf_id == Shelf.id).count()
            == charts
        )
        beside = select(Shelf.name).where(named.shelf_id == Shelf.id, Shelf.name == "low")
        assert names(shelves, beside) == ["low"]
        counted = select(func.count()).where(named.shelf_id == Shelf.id).scalar_subquery()
        assert sorted(shelves.execute(select(Shelf.name, counted))) == [("high", 1), ("low", 1)]
    # of its own rows also within a statement about the class, where it takes nothing from there
    inner = select(func.count()).where(chart.name != "").scalar_subquery()
    assert shelves.scalars(select(inner).where(chart.name != "")).all() == [charts] * charts
    # where its base is named, too, the rows are those of that
    rows = select(Shelf.name).where(Item.shelf_id == Shelf.id, Chart.name != "")
    assert names(shelves, rows) == ["high", "low", "low"]
    assert len(shelves.scalars(select(Item).where(Chart.name != "")).all()) == 3


@pytest.mark.parametrize("load", EAGER)
def test_an_attribute_that_is_a_select_keeps_its_value(engine: Engine, load: Any) -> None:
    base: Any = declarative_base()

    class Crew(base):
        __tablename__ = "crew"
        id: Mapped[int] = mapped_column(primary_key=True)
        sailors: Mapped[list[Sailor]] = relationship()

    class Sailor(base):
        __tablename__ = "sailor"
        id: Mapped[int] = mapped_column(primary_key=True)
        crew_id: Mapped[int] = mapped_column(ForeignKey("crew.id"))

    Crew.size = column_property(select(func.count(Sailor.id)).where(Sailor.crew_id == Crew.id).scalar_subquery())
    base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(Crew(sailors=[Sailor(id=1), Sailor(id=2)]))
        session.flush()
        session.expunge_all()
        option = with_loader_criteria(Sailor, Sailor.id > 1)
        crew = session.scalars(select(Crew).order_by(Crew.id).options(load(Crew.sailors), option)).unique().one()
        assert ([sailor.id for sailor in crew.sailors], crew.size) == ([2], 2)
        session.expire(crew, ["size"])
        assert crew.size == 2
    base.metadata.drop_all(engine)
    base.registry.dispose()


def test_a_class_that_only_a_join_begins_at_has_its_own_rows(shelves: Session) -> None:
    chart = aliased(Chart)
    for named in (Chart, chart):
        assert shelves.scalar(select(func.count()).join(named.labels)) == 2
        assert names(shelves, select(Shelf.name).join(named.shelf)) == ["high", "low"]
        assert names(shelves, select(Shelf.name).join(Shelf, named.shelf)) == ["high", "low"]
        assert sorted(shelves.query(Shelf.name).join(named.shelf)) == [("high",), ("low",)]
    assert len(names(shelves, select(Shelf.name).join(Item.shelf))) == 3
