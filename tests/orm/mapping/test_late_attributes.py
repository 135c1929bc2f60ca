"""Attributes that a declarative class is given after its definition."""

from __future__ import annotations

import abc
from collections.abc import Iterator
from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    Column,
    DeclarativeBase,
    DeclarativeMeta,
    Engine,
    ForeignKey,
    Integer,
    Mapped,
    Session,
    String,
    aliased,
    column_property,
    declarative_base,
    func,
    mapped_column,
    relationship,
    select,
    synonym,
)


@pytest.fixture
def base() -> Any:
    base: Any = declarative_base()

    class Post(base):
        __tablename__ = "post"
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str]
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "post"}

    class Reply(Post):
        __mapper_args__ = {"polymorphic_identity": "reply"}

    class Review(Post):
        __tablename__ = "review"
        id: Mapped[int] = mapped_column(ForeignKey("post.id"), primary_key=True)
        __mapper_args__ = {"polymorphic_identity": "review"}

    Post.title = mapped_column(String, default="untitled")
    Post.parent_id = Column(ForeignKey("post.id"))
    Post.parent = relationship(Post, remote_side=Post.id, backref="answers")
    Post.heading = synonym("title")
    other = aliased(Post)
    Post.answer_count = column_property(
        select(func.count()).select_from(other).where(other.parent_id == Post.id).scalar_subquery()
    )
    Reply.tone = mapped_column(String)
    Review.stars = mapped_column(Integer)
    base.Post, base.Reply, base.Review = Post, Reply, Review
    return base


@pytest.fixture
def session(base: Any, engine: Engine) -> Iterator[Session]:
    base.metadata.create_all(engine)
    with Session(engine) as session:
        first = base.Post(title="first")
        session.add_all(
            [first, base.Reply(parent=first, tone="kind"), base.Review(parent=first, stars=3, heading="good")]
        )
        session.commit()
        session.expunge_all()
        yield session


def test_they_are_attributes_like_others(base: Any, session: Session) -> None:
    first, reply, review = session.query(base.Post).order_by(base.Post.id)
    assert (first.title, reply.title, review.title, review.heading) == ("first", "untitled", "good", "good")
    assert (reply.tone, review.stars, reply.parent, review.parent) == ("kind", 3, first, first)
    assert first.answers == [reply, review]
    assert [first.answer_count, reply.answer_count, review.answer_count] == [2, 0, 0]
    assert base.Post.__table__.c.keys() == ["id", "kind", "title", "parent_id", "tone"]
    assert base.Review.__table__.c.keys() == ["id", "stars"]


def test_a_subquery_that_is_an_attribute_is_about_its_class(base: Any, session: Session) -> None:
    Post, Reply = base.Post, base.Reply
    assert session.query(Post.answer_count).order_by(Post.id).all() == [(2,), (0,), (0,)]
    assert session.query(Reply.answer_count).all() == [(0,)]
    assert session.query(func.sum(Post.answer_count)).scalar() == 2
    assert session.query((Post.answer_count + 1).label("more")).order_by("more").all() == [(1,), (1,), (3,)]
    assert session.query(func.count()).filter(Post.answer_count > 0).scalar() == 1
    assert session.query(Post.title).filter(Post.answer_count > 0).all() == [("first",)]
    assert session.query(Post).order_by(Post.answer_count.desc()).first().title == "first"
    alias = aliased(Post)
    assert session.query(alias.answer_count).order_by(alias.id).all() == [(2,), (0,), (0,)]


def test_what_is_no_declaration_stays_an_attribute_of_the_class(base: Any) -> None:
    base.Post.page_size = 20
    assert base.Post().page_size == 20
    assert "page_size" not in base.Post.__mapper__.attribute_names


def test_a_name_that_is_mapped_is_refused(base: Any) -> None:
    with pytest.raises(ArgumentError, match="table 'post' has a column 'title' already"):
        base.Post.title = mapped_column(String)
    with pytest.raises(ArgumentError, match="Post has an attribute 'parent' already"):
        base.Post.parent = relationship(base.Post)
    with pytest.raises(ArgumentError, match=r"relationship Post\.nothing does not say where it leads"):
        base.Post.nothing = relationship()
    with pytest.raises(ArgumentError, match=r"Reply\.title is a column of table 'post' already"):
        base.Reply.title = mapped_column(String)


def test_models_may_be_abstract_classes_of_the_standard_library(engine: Engine) -> None:
    class Meta(DeclarativeMeta, abc.ABCMeta):
        pass

    class Base(DeclarativeBase, metaclass=Meta):
        pass

    class Shape(Base):
        __tablename__ = "shape"
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str]
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "shape"}

        @abc.abstractmethod
        def area(self) -> float: ...

    class Square(Shape):
        side: Mapped[float | None]
        __mapper_args__ = {"polymorphic_identity": "square"}

        def area(self) -> float:
            return (self.side or 0) ** 2

    Base.metadata.create_all(engine)
    with pytest.raises(TypeError, match="abstract"):
        Shape()
    with Session(engine) as session:
        session.add(Square(side=2.0))
        session.commit()
        session.expunge_all()
        assert [shape.area() for shape in session.query(Shape)] == [4.0]


def test_statements_that_are_older_select_them_too(base: Any, session: Session) -> None:
    (Post,) = base.__subclasses__()
    older, of_alias = select(Post).where(Post.title == "b"), aliased(Post)
    row = select(Post.title, Post).where(Post.title < "c").order_by(Post.id)
    query = session.query(Post).filter_by(title="b")
    Post.shout = column_property(Post.title + "!")
    session.add_all([Post(title="a"), Post(title="b")])
    session.commit()
    for _ in range(2):
        assert [p.shout for p in session.scalars(older)] == ["b!"]
        assert [(title, p.shout) for title, p in session.execute(row)] == [("a", "a!"), ("b", "b!")]
        assert [p.shout for p in query] == ["b!"]
        assert [p.shout for p in session.query(of_alias).filter(of_alias.title < "c")] == ["a!", "b!"]
        session.expunge_all()
