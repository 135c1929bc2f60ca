"""Relationships whose arguments are texts about classes that come later."""

from __future__ import annotations

from typing import Any

import pytest

from flask_uow import (
    ArgumentError,
    Column,
    Engine,
    FlaskUowError,
    ForeignKey,
    InvalidRequestError,
    Mapped,
    Session,
    Table,
    declarative_base,
    mapped_column,
    relationship,
)


def model(**options: Any) -> Any:
    """Return the classes User and Post; the options are for User.posts."""
    base: Any = declarative_base()
    Table(
        "likes",
        base.metadata,
        Column("user_id", ForeignKey("user.id"), primary_key=True),
        Column("post_id", ForeignKey("post.id"), primary_key=True),
    )

    class User(base):
        __tablename__ = "user"
        id: Mapped[int] = mapped_column(primary_key=True)
        title: Mapped[str | None]
        posts: Mapped[list[Post]] = relationship("Post", **options)

    class Post(base):
        __tablename__ = "post"
        id: Mapped[int] = mapped_column(primary_key=True)
        author_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
        editor_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
        title: Mapped[str]
        rank: Mapped[int | None]

    base.User, base.Post = User, Post
    return base


def titles(base: Any, engine: Engine, through: str = "posts") -> list[str]:
    """Return the titles of a user's posts, as a fresh Session loads them."""
    base.metadata.create_all(engine)
    with Session(engine) as session:
        user = base.User()
        setattr(user, through, [base.Post(title=t, rank=r) for t, r in (("b", 1), ("a", 2), ("c", 2))])
        session.add(user)
        session.commit()
        return [post.title for post in session.query(base.User).one().posts]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("Post.title", "abc"),
        ("Post.title.desc()", "cba"),
        ("desc(Post.title)", "cba"),
        ("Post.rank.desc(), Post.title", "acb"),
        (["Post.rank.desc()", "Post.title.desc()"], "cab"),
        ("title", "abc"),
        ("title.desc()", "cba"),
        ("func.lower(Post.title).desc()", "cba"),
        (["rank", "title"], "bac"),
    ],
)
def test_an_order_in_words(engine: Engine, order: Any, expected: str) -> None:
    base = model(foreign_keys="Post.author_id", order_by=order)
    assert titles(base, engine) == list(expected)


@pytest.mark.parametrize(
    "options",
    [
        {"primaryjoin": "User.id == Post.author_id"},
        {"primaryjoin": "Post.author_id == User.id", "order_by": "Post.id"},
        {"primaryjoin": "and_(User.id == Post.author_id, Post.title != 'c')"},
        {"foreign_keys": "Post.author_id"},
        {"foreign_keys": "[Post.author_id]"},
        {"foreign_keys": "post.c.author_id"},
        {"secondary": "likes"},
        {
            "secondary": "likes",
            "primaryjoin": "User.id == likes.c.user_id",
            "secondaryjoin": "Post.id == likes.c.post_id",
        },
    ],
)
def test_conditions_in_words(engine: Engine, options: dict[str, Any]) -> None:
    options.setdefault("order_by", "Post.id")
    found = titles(model(**options), engine)
    assert found == (["b", "a"] if "!=" in options.get("primaryjoin", "") else ["b", "a", "c"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"order_by": "Post.titel"},
            r"User\.posts: 'Post\.titel' names nothing: Post has no 'titel'\. Did you mean 'title'",
        ),
        ({"order_by": "Pots.title"}, "no mapped class or table is called 'Pots'. Did you mean 'Post'"),
        ({"order_by": "Pots.title.desc()"}, "no mapped class or table is called 'Pots'"),
        ({"order_by": "Post.title desc"}, "'Post.title desc' cannot be read: .*lambda"),
        ({"order_by": "Post.titel.desc()"}, "cannot be read: .*titel"),
        ({"order_by": "open('x')"}, "no mapped class or table is called 'open'"),
        ({"primaryjoin": "User.id == Post.nothing"}, "cannot be read: .*nothing"),
        ({"primaryjoin": "Post"}, "a join condition such as User.id == Post.author_id was expected"),
        ({"secondary": "like"}, "no mapped class or table is called 'like'. Did you mean 'likes'"),
    ],
)
def test_a_text_that_means_nothing_is_refused(options: dict[str, Any], message: str) -> None:
    base = model(**{"foreign_keys": "Post.author_id", **options} if "secondary" not in options else options)
    with pytest.raises(ArgumentError, match=message):
        base.User()
    # and it stays so: half of a configuration is not gone on with
    for attempt in (base.User, base.Post, lambda: Session().query(base.Post)):
        with pytest.raises(InvalidRequestError, match="the mappers cannot be configured: .*" + message):
            attempt()


def test_whatever_goes_wrong_in_a_function_is_told_again() -> None:
    base = model(order_by=lambda: 1 / 0, foreign_keys="Post.author_id")
    with pytest.raises(ZeroDivisionError):
        base.User()
    with pytest.raises(FlaskUowError, match="cannot be configured: division by zero"):
        base.Post()


def test_a_type_in_a_text_is_that_of_sql(engine: Engine) -> None:
    base: Any = declarative_base()

    class Box(base):
        __tablename__ = "box_of_texts"
        id: Mapped[int] = mapped_column(primary_key=True)
        things: Mapped[list[Thing]] = relationship(
            primaryjoin="Box.id == foreign(cast(Thing.box, Integer))",
            order_by="between(Thing.rank, 2, 3), Thing.id",
            viewonly=True,
        )

    class Thing(base):
        __tablename__ = "thing_of_texts"
        id: Mapped[int] = mapped_column(primary_key=True)
        box: Mapped[str]
        rank: Mapped[int]

    base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Box(id=1), *(Thing(id=number, box="1", rank=number) for number in (1, 2, 4))])
        session.commit()
        assert [thing.id for thing in session.get_one(Box, 1).things] == [1, 4, 2]
    base.metadata.drop_all(engine)
