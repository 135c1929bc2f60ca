"""What a row calls the item that was asked for as a synonym of a column."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from flask_uow import (
    Column,
    Engine,
    ForeignKey,
    Integer,
    MetaData,
    Session,
    String,
    Table,
    aliased,
    func,
    insert,
    mapper,
    polymorphic_union,
    select,
    synonym,
    text,
    update,
)
from flask_uow.orm.mapping.registry import Registry


class Work:
    """Mapped with ``title`` and its synonym ``name``, as is Book, a subclass."""

    def __init__(self, title: str) -> None:
        self.title = title

    title: Any
    name: Any
    id: Any
    kind: Any


class Book(Work):
    pages: Any


@pytest.fixture(params=["joined", "union"])
def session(request: pytest.FixtureRequest, engine: Engine) -> Iterator[Session]:
    metadata, registry = MetaData(), Registry()
    work = Table(
        "work", metadata, Column("id", Integer, primary_key=True), Column("kind", String(9)), Column("title", String(9))
    )
    book = Table("book", metadata, Column("id", ForeignKey("work.id"), primary_key=True), Column("pages", Integer))
    source: Any = None
    if request.param == "union":
        whole = select(work).where(work.c.kind == "work")
        source = ("*", polymorphic_union({"book": work.join(book), "work": whole}, None, "works"))
    mapper(
        Work, work, polymorphic_on=work.c.kind, polymorphic_identity="work", with_polymorphic=source,
        properties={"name": synonym("title")}, registry=registry,
    )  # fmt: skip
    mapper(Book, book, inherits=Work, polymorphic_identity="book", registry=registry)
    metadata.create_all(engine)
    with Session(engine) as made:
        made.add_all([Work("song"), Book("emma")])
        made.commit()
        yield made
    registry.dispose()


def queries(session: Session) -> dict[str, Any]:
    alias: Any = aliased(Work)
    return {
        "of the class": session.query(Work.name),
        "of a subclass": session.query(Book.name),
        "of an alias": session.query(alias.name),
        "beside its attribute": session.query(Work.name, Work.title),
        "distinct": session.query(Work.name).distinct().order_by(Work.name),
        "grouped": session.query(Work.name).group_by(Work.name).order_by(Work.name),
        "from itself": session.query(Work.name).from_self(),
        "chosen from itself": session.query(Work).from_self(Work.name),
        "a union": session.query(Work.name).union(session.query(Work.title)),
        "a text": session.query(Work.name).from_statement(text("SELECT title FROM work")),
        "by pages": session.query(Work.name).yield_per(1),
    }


@pytest.mark.parametrize(
    "how",
    [
        "of the class", "of a subclass", "of an alias", "beside its attribute", "distinct", "grouped", "from itself", "chosen from itself",
        "a union", "a text", "by pages",
    ],
)  # fmt: skip
def test_the_item_of_a_row_goes_by_the_name_that_was_asked_for(session: Session, how: str) -> None:
    rows = list(queries(session)[how])
    assert {next(iter(row.keys())) for row in rows} == {"name"}
    assert {row.name for row in rows} == ({"emma"} if how == "of a subclass" else {"song", "emma"})


def test_rows_of_a_select_go_by_it_too(session: Session) -> None:
    assert {row.name for row in session.execute(select(Work.name))} == {"song", "emma"}


def test_a_subquerys_column_goes_by_it(session: Session) -> None:
    names = session.query(Work.name).subquery()
    assert list(names.c.keys()) == ["name"]
    assert session.query(names.c.name).filter(names.c.name == "emma").all() == [("emma",)]


def test_criteria_on_what_was_selected_by_a_synonym_are_about_its_column(session: Session) -> None:
    inner = session.query(Work.name).from_self()
    assert inner.filter(Work.title == "emma").all() == inner.filter(Work.name == "emma").all() == [("emma",)]
    assert session.query(func.max(Work.name)).filter(Work.name.in_(select(Work.name))).scalar() == "song"


def test_a_label_comes_before_the_synonyms_name(session: Session) -> None:
    assert session.query(Work.name.label("called")).first().keys() == ("called",)


def test_a_synonym_still_names_the_column_that_is_written(session: Session) -> None:
    assert session.query(Work).filter(Work.name == "song").update({Work.name: "aria"}) == 1
    assert session.query(Work).filter_by(name="aria").one().title == "aria"
    returned = session.execute(update(Work).where(Work.name == "aria").values({Work.name: "duet"}).returning(Work.name))
    assert returned.one().name == "duet"
    new = session.execute(insert(Work).values({Work.name: "tune", Work.kind: "work"}).returning(Work.name))
    assert new.one().keys() == ("name",)
