"""The walks of docs/architecture/walks.md are those of the code: each function that a walk names is called, in the order of the page."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from flask import Flask

import flask_uow
from flask_uow import (
    Column,
    DeclarativeBase,
    ForeignKey,
    Mapped,
    Session,
    Table,
    UnitOfWork,
    create_engine,
    joinedload,
    mapped_column,
    relationship,
    select,
)

PAGE = Path(__file__).parent.parent / "docs" / "architecture" / "walks.md"
PACKAGE = Path(flask_uow.__file__).parent

_SECTION = re.compile(r"^## (\d)\. .*?$(.*?)(?=^## )", re.MULTILINE | re.DOTALL)
_STEP = re.compile(r"^(\d+)\. `([\w/]+\.py)`, `([\w.]+)`: ", re.MULTILINE)

Step = tuple[str, str]
WALKS = {
    number: [(module, function) for _, module, function in _STEP.findall(text)]
    for number, text in _SECTION.findall(PAGE.read_text(encoding="utf-8"))
}


class Base(DeclarativeBase):
    pass


post_tag = Table(
    "post_tag",
    Base.metadata,
    Column("post_id", ForeignKey("post.id"), primary_key=True),
    Column("tag_id", ForeignKey("tag.id"), primary_key=True),
)


class User(Base):
    __tablename__ = "user"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    posts: Mapped[list[Post]] = relationship(back_populates="author", cascade="all, delete-orphan")


class Post(Base):
    __tablename__ = "post"
    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    title: Mapped[str]
    author: Mapped[User] = relationship(back_populates="posts")
    tags: Mapped[list[Tag]] = relationship(secondary=post_tag)


class Tag(Base):
    __tablename__ = "tag"
    id: Mapped[int] = mapped_column(primary_key=True)


@pytest.fixture
def file(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/walks.db"
    engine = create_engine(url)
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([User(name=name, posts=[Post(title="a"), Post(title="b")]) for name in ("ed", "wendy")])
        session.add(Tag())
        session.commit()
    engine.dispose()
    return url


@pytest.fixture
def session(file: str) -> Iterator[Session]:
    engine = create_engine(file)
    with Session(engine) as session:
        yield session
    engine.dispose()


def _called(act: Callable[[], object]) -> list[Step]:
    """Return the functions of the package that are called, in order."""
    calls: list[Step] = []
    root = f"{PACKAGE}/"

    def note(frame: FrameType, event: str, arg: Any) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(root):
            calls.append((code.co_filename.removeprefix(root), code.co_qualname))

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        act()
    finally:
        sys.setprofile(before)
    return calls


def _missing(steps: list[Step], calls: list[Step]) -> Step | None:
    """Return the first step that is not called after the ones before it; None where all are."""
    rest = iter(calls)
    return next((step for step in steps if step not in rest), None)


def test_each_walk_has_its_steps_numbered_one_by_one() -> None:
    found = {number: _STEP.findall(text) for number, text in _SECTION.findall(PAGE.read_text(encoding="utf-8"))}
    assert sorted(found) == ["1", "2", "3", "4", "5"]
    for steps in found.values():
        assert [int(step[0]) for step in steps] == list(range(1, len(steps) + 1))
        assert len(steps) > 5


def test_adding_an_object_and_committing_goes_the_way_of_the_page(session: Session) -> None:
    user = User(name="new", posts=[Post(title="a"), Post(title="b")])

    def act() -> None:
        session.add(user)
        session.commit()

    assert _missing(WALKS["1"], _called(act)) is None


def test_a_query_with_joined_loading_goes_the_way_of_the_page(session: Session) -> None:
    def act() -> None:
        [user] = session.scalars(select(User).where(User.name == "ed").options(joinedload(User.posts))).all()
        assert len(user.posts) == 2

    assert _missing(WALKS["2"], _called(act)) is None
    # and the plan is made once
    again = _called(act)
    assert not set(WALKS["2"][4:10]) & set(again)
    assert _missing([*WALKS["2"][:4], *WALKS["2"][10:]], again) is None


def test_a_request_goes_the_way_of_the_page(file: str) -> None:
    db = UnitOfWork(model_class=Base)
    app = Flask("walks")
    app.config["UOW_DATABASE_URI"] = file
    db.init_app(app)

    @app.post("/users")
    def make_user() -> tuple[str, int]:
        db.session.add(User(name="from a request"))
        return "made", 201

    client = app.test_client()
    assert client.post("/users").status_code == 201
    assert _missing(WALKS["3"], _called(lambda: client.post("/users"))) is None


def test_a_lazy_load_goes_the_way_of_the_page(session: Session) -> None:
    users = session.scalars(select(User)).all()
    calls = _called(lambda: users[0].posts)
    assert _missing(WALKS["4"], calls) is None
    assert "posts" in users[1].__dict__


def test_a_row_of_a_secondary_table_goes_the_way_of_the_page(session: Session) -> None:
    post, tag = session.scalars(select(Post)).all()[0], session.scalars(select(Tag)).one()
    assert post.tags == []

    def act() -> None:
        post.tags.append(tag)
        session.flush()

    assert _missing(WALKS["5"], _called(act)) is None
    assert session.execute(select(post_tag)).all() == [(post.id, tag.id)]


def test_a_walk_in_another_order_is_noticed(session: Session) -> None:
    users = session.scalars(select(User)).all()
    calls = _called(lambda: users[0].posts)
    assert _missing(WALKS["4"][::-1], calls) is not None
