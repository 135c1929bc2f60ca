"""The blog's tables: users, posts, tags, comments, and the audit log in a database of its own."""

from __future__ import annotations

from datetime import UTC, datetime

from flask_uow import (
    Column,
    DateTime,
    DeclarativeBase,
    ForeignKey,
    Mapped,
    String,
    Text,
    UnitOfWork,
    mapped_column,
    relationship,
)


class Base(DeclarativeBase):
    """The base of all models."""


db = UnitOfWork(model_class=Base)


def now() -> datetime:
    """Return the present time in UTC."""
    return datetime.now(UTC)


class User(Base):
    """Someone who writes posts and comments."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50), unique=True)
    email: Mapped[str | None] = mapped_column(String(200))
    posts: Mapped[list[Post]] = relationship(back_populates="author", cascade="all, delete-orphan", order_by="Post.id")
    comments: Mapped[list[Comment]] = relationship(back_populates="author", cascade="all, delete-orphan")


post_tag = db.Table(
    "post_tag",
    Column("post_id", ForeignKey("post.id"), primary_key=True),
    Column("tag_id", ForeignKey("tag.id"), primary_key=True),
)


class Post(Base):
    """An article."""

    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("user.id"), index=True)
    title: Mapped[str] = mapped_column(String(200))
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=now)
    author: Mapped[User] = relationship(back_populates="posts")
    tags: Mapped[list[Tag]] = relationship(secondary=post_tag, back_populates="posts", order_by="Tag.name")
    comments: Mapped[list[Comment]] = relationship(
        back_populates="post", cascade="all, delete-orphan", order_by="Comment.id"
    )


class Tag(Base):
    """A word that posts are found by."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50), unique=True)
    posts: Mapped[list[Post]] = relationship(secondary=post_tag, back_populates="tags")


class Comment(Base):
    """What a user says about a post."""

    id: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int] = mapped_column(ForeignKey("post.id"), index=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    text: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=now)
    post: Mapped[Post] = relationship(back_populates="comments")
    author: Mapped[User] = relationship(back_populates="comments")


class AuditEntry(Base):
    """A line of the audit log."""

    __bind_key__ = "audit"
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=now)
    action: Mapped[str]
    subject: Mapped[str]


def audit(action: str, subject: str) -> None:
    """Add a line to the audit log, in the unit of work of the request: it is kept only if the request's work is."""
    db.session.add(AuditEntry(action=action, subject=subject))
