"""Optimistic locking by a version column."""

from __future__ import annotations

from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    ConcurrentModificationError,
    Engine,
    ForeignKey,
    Mapped,
    Session,
    StaleDataError,
    declarative_base,
    func,
    mapped_column,
)
from tests.statements import StatementLog

Base = declarative_base()


class Page(Base):
    __tablename__ = "page"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]
    version: Mapped[int]
    kind: Mapped[str | None]
    __mapper_args__ = {"version_id_col": "version", "polymorphic_on": "kind", "polymorphic_identity": "page"}


class Article(Page):
    __tablename__ = "article"
    id: Mapped[int] = mapped_column(ForeignKey("page.id"), primary_key=True)
    author: Mapped[str]
    __mapper_args__ = {"polymorphic_identity": "article"}


class Letter(Base):
    __tablename__ = "letter"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]
    stamp: Mapped[str]
    __mapper_args__ = {"version_id_col": "stamp", "version_id_generator": lambda old: (old or "") + "*"}


@pytest.fixture
def session(engine: Engine) -> Any:
    Base.metadata.create_all(engine)
    with Session(bind=engine) as session:
        yield session


def test_every_update_counts(session: Session, statements: StatementLog) -> None:
    pages = [Page(text="a"), Page(text="b")]
    session.add_all(pages)
    session.commit()
    assert [p.version for p in pages] == [1, 1]
    pages[0].text = "aa"
    session.commit()
    assert [p.version for p in pages] == [2, 1]
    for page in pages:
        page.text += "!"
    with statements.expect(1, "UPDATE"):
        session.flush()
    assert [p.version for p in pages] == [3, 2]
    session.commit()


def test_a_versions_generator_of_ones_own(session: Session) -> None:
    letter = Letter(text="a")
    session.add(letter)
    session.commit()
    assert letter.stamp == "*"
    letter.text = "b"
    session.commit()
    assert letter.stamp == "**"


def test_rows_that_someone_else_changed_are_named_also_in_a_batch(session: Session) -> None:
    pages = [Page(text=str(n)) for n in range(5)]
    session.add_all(pages)
    session.commit()
    for page in pages:
        page.text += "!"
    session.connection().execute("UPDATE page SET version = version + 1 WHERE id IN (2, 4)")
    with pytest.raises(
        StaleDataError, match=r"UPDATE of 'page' found 3 of 5 rows; gone: <Page 2, persistent>, <Page 4, persistent>\."
    ):
        session.flush()
    session.rollback()
    assert [p.text for p in pages] == [str(n) for n in range(5)]


def test_one_row_that_someone_else_changed(session: Session) -> None:
    page = Page(text="a")
    session.add(page)
    session.commit()
    page.text += "b"
    session.connection().execute("UPDATE page SET version = 9")
    with pytest.raises(ConcurrentModificationError, match="found 0 of 1 rows; gone: <Page 1"):
        session.flush()


@pytest.mark.parametrize("count", [1, 3])
def test_a_delete_checks_the_version(session: Session, count: int) -> None:
    pages = [Page(text="x") for _ in range(count)]
    session.add_all(pages)
    session.commit()
    for page in pages:
        assert page.version == 1
        session.delete(page)
    session.connection().execute("UPDATE page SET version = 9 WHERE id = 1")
    with pytest.raises(StaleDataError, match=rf"DELETE from 'page' found {count - 1} of {count} rows; gone: <Page 1"):
        session.flush()
    session.rollback()
    assert session.query(Page).count() == count
    for page in pages:
        session.delete(page)
    session.commit()
    assert session.query(Page).count() == 0


def test_a_subclasss_change_counts_in_the_bases_table(session: Session, statements: StatementLog) -> None:
    article = Article(text="a", author="x")
    session.add(article)
    session.commit()
    article.author = "y"
    session.flush()
    assert article.version == 2
    assert session.scalar("SELECT version FROM page") == 2
    session.execute("UPDATE page SET version = 7")
    article.author = "z"
    with pytest.raises(StaleDataError):
        session.flush()


def test_an_expression_as_a_new_value(session: Session) -> None:
    page = Page(text="a")
    session.add(page)
    session.commit()
    page.text = func.upper(Page.text)
    session.commit()
    assert (page.text, page.version) == ("A", 2)
    session.execute("UPDATE page SET version = 7")
    page.text = func.lower(Page.text)
    with pytest.raises(StaleDataError):
        session.flush()


def test_an_expired_version_is_loaded_before_the_update(session: Session) -> None:
    page = Page(text="a")
    session.add(page)
    session.commit()
    page.text = "b"
    assert "version" not in page.__dict__
    session.commit()
    assert page.version == 2


def test_mistakes_are_named() -> None:
    base = declarative_base()

    def declare(**args: Any) -> None:
        type(
            "Wrong",
            (base,),
            {
                "__tablename__": "wrong",
                "__annotations__": {"id": Mapped[int]},
                "id": mapped_column(primary_key=True),
                "__mapper_args__": args,
                "__module__": __name__,
            },
        )

    with pytest.raises(ArgumentError, match="version_id_col='nix' is no mapped column"):
        declare(version_id_col="nix")
    base.metadata.clear()
    with pytest.raises(ArgumentError, match="version_id_generator= takes a function"):
        declare(version_id_col="id", version_id_generator=5)
