"""What queries of a Flask app have besides: 404 instead of None, and pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import current_app
from werkzeug.exceptions import NotFound

from flask_uow import ForeignKey, Mapped, Query, UnitOfWork, inspect, joinedload, mapped_column, relationship
from tests.web.apps import dispose, make_app


class Recent(Query[Any]):
    """A query class of an app."""

    def latest(self) -> Any:
        return self.order_by(None).order_by("id").all()[-1]

    def first_or_404(self, description: str | None = None) -> Any:
        return self.first() or "none"


def _make_db(**options: Any) -> UnitOfWork:
    db = UnitOfWork(**options)

    class Singer(db.Model):  # type: ignore[misc]
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str]
        songs: Mapped[list[Song]] = relationship(order_by="Song.id", back_populates="singer")
        long_songs = relationship("Song", lazy="dynamic", viewonly=True, order_by="Song.id")

    class Song(db.Model):  # type: ignore[misc]
        id: Mapped[int] = mapped_column(primary_key=True)
        singer_id: Mapped[int] = mapped_column(ForeignKey("singer.id"))
        singer: Mapped[Singer] = relationship(back_populates="songs")

    db.models = (Singer, Song)  # type: ignore[attr-defined]
    return db


def _fill(db: UnitOfWork) -> None:
    Singer, Song = db.models  # type: ignore[attr-defined]
    db.session.add(Singer(id=1, name="ann", songs=[Song(), Song(), Song()]))
    db.session.add_all([Singer(id=2, name="bob"), Singer(id=3, name="bob")])
    db.session.commit()


@pytest.fixture
def db() -> UnitOfWork:
    return _make_db()


@pytest.fixture
def singers(db: UnitOfWork, database_uri: str) -> Iterator[Any]:
    """The class Singer, in the context of an app with three of them."""
    app = make_app(db, database_uri)
    with app.app_context():
        _fill(db)
        yield db.models[0]  # type: ignore[attr-defined]
    dispose(db, app)


def test_what_is_found_is_returned(singers: Any) -> None:
    assert singers.query.get_or_404(1).name == "ann"
    assert singers.query.get_or_404("1").name == "ann"
    assert singers.query.filter_by(name="ann").first_or_404().id == 1
    assert singers.query.filter_by(name="ann").one_or_404().id == 1
    assert singers.query.with_entities(singers.name, singers.id).order_by(singers.id).first_or_404() == ("ann", 1)


@pytest.mark.parametrize(
    "call",
    [
        lambda query, **more: query.get_or_404(9, **more),
        lambda query, **more: query.get_or_404(10**30, **more),
        lambda query, **more: query.get_or_404("no number", **more),
        lambda query, **more: query.filter_by(name="x").first_or_404(**more),
        lambda query, **more: query.filter_by(name="x").one_or_404(**more),
        lambda query, **more: query.filter_by(name="bob").one_or_404(**more),
    ],
)
def test_what_is_missing_is_a_404_with_the_description(singers: Any, call: Callable[..., Any]) -> None:
    with pytest.raises(NotFound):
        call(singers.query)
    with pytest.raises(NotFound) as caught:
        call(singers.query, description="no such singer")
    assert caught.value.description == "no such singer"


def test_pages_of_a_query(db: UnitOfWork, singers: Any) -> None:
    page = singers.query.order_by(singers.id).paginate(page=2, per_page=2)
    assert ([singer.id for singer in page], page.total, page.pages, page.has_next) == ([3], 3, 2, False)
    names = db.session.query(singers.name).filter(singers.name == "bob").paginate(per_page=1)
    assert (names.items, names.total) == (["bob"], 2)
    first = singers.query.paginate(keyset=[singers.id], per_page=2)
    assert [singer.id for singer in singers.query.paginate(keyset=[singers.id], per_page=2, after=first.next)] == [3]
    with pytest.raises(NotFound):
        singers.query.paginate(page=5)
    assert singers.query.paginate(page=0, error_out=False).page == 1


def test_the_page_is_that_of_the_request(db: UnitOfWork, singers: Any) -> None:
    with current_app.test_request_context("/?page=3&per_page=1"):
        assert [singer.id for singer in singers.query.order_by(singers.id).paginate()] == [3]


def test_a_dynamic_relationship_has_them(singers: Any) -> None:
    ann = singers.query.get(1)
    page = ann.long_songs.paginate(page=1, per_page=2)
    assert (len(page.items), page.total) == (2, 3)
    assert ann.long_songs.first_or_404().singer_id == 1
    with pytest.raises(NotFound):
        singers.query.get(2).long_songs.first_or_404()


def test_a_query_class_of_the_app_has_them_beside_its_own(database_uri: str) -> None:
    db = _make_db(session_options={"query_cls": Recent})
    app = make_app(db, database_uri)
    with app.app_context():
        _fill(db)
        Singer = db.models[0]  # type: ignore[attr-defined]
        query = Singer.query
        assert isinstance(query, Recent)
        assert type(query) is type(db.session.query(Singer).filter_by(id=1))
        assert (query.latest().id, query.get_or_404(2).id, query.paginate(per_page=2).total) == (3, 2, 3)
        assert query.filter_by(name="x").first_or_404() == "none"
    dispose(db, app)


def test_get_or_404_loads_as_it_is_told(db: UnitOfWork, singers: Any) -> None:
    db.session.expunge_all()
    assert "songs" not in inspect(db.get_or_404(singers, 1, options=[joinedload(singers.songs)])).unloaded
    db.session.expunge_all()
    ann = db.get_or_404(singers, 1)
    assert "songs" in inspect(ann).unloaded
    with db.engine.begin() as connection:
        connection.execute(singers.__table__.update().where(singers.id == 2).values(name="bo"))
    bob = db.get_or_404(singers, 2)
    assert db.get_or_404(singers, 2, populate_existing=True, with_for_update=True) is bob
    with pytest.raises(NotFound):
        db.get_or_404(singers, 7, options=[joinedload(singers.songs)])


@pytest.mark.parametrize(
    ("wrong", "right"), [("paginat", "paginate"), ("filterby", "filter_by"), ("first_or404", "first_or_404")]
)
def test_an_unknown_name_on_a_query_says_which_one_is_near(singers: Any, wrong: str, right: str) -> None:
    for query in (singers.query, singers.query.filter_by(id=1), singers.query.get(1).long_songs):
        with pytest.raises(AttributeError, match=rf"'{wrong}'.*Did you mean '{right}'"):
            getattr(query, wrong)
    assert not hasattr(singers.query, "nothing_like_it")
    with pytest.raises(AttributeError, match="'__wrapped__'"):
        singers.query.__wrapped__


def test_what_a_query_class_keeps_itself_goes_along_when_it_is_built_on(database_uri: str) -> None:
    class Marked(Query[Any]):
        mark = "none"

    db = _make_db(query_class=Marked)
    app = make_app(db, database_uri)
    with app.app_context():
        query: Any = db.session.query(db.models[0])  # type: ignore[attr-defined]
        query.mark = "red"
        assert query.filter_by(id=1).mark == "red"
        with pytest.raises(AttributeError, match="Did you mean 'mark'"):
            query.mrk
    dispose(db, app)


def test_a_query_class_may_have_methods_and_attributes_of_any_name(database_uri: str) -> None:
    class Present(Query[Any]):
        """Leaves out what is named "gone", unless it is told to take that, too."""

        takes_all = False

        def __new__(cls, *entities: Any, takes_all: bool = False, **options: Any) -> Any:
            made: Any = super().__new__(cls)
            made.takes_all = takes_all
            if entities:
                super(Present, made).__init__(*entities, **options)
                return made if takes_all else made.filter(made.column_descriptions[0]["entity"].name != "gone")
            return made

        def __init__(self, *entities: Any, **options: Any) -> None:
            # done already
            pass

        def with_gone(self) -> Any:
            entity = self.column_descriptions[0]["entity"]
            return type(self)(entity, session=self.session, takes_all=True)

        def _get(self, *arguments: Any) -> Any:
            return super().get(*arguments)

        def get(self, *arguments: Any) -> Any:
            found = self.with_gone()._get(*arguments)
            return found if found is None or self.takes_all or found.name != "gone" else None

        def _fetch(self) -> str:
            return "a method of the application's own"

        _items = _bulk = _session = _target = _limited = _fetch

    db = _make_db(query_class=Present)
    app = make_app(db, database_uri)
    with app.app_context():
        _fill(db)
        Singer = db.models[0]  # type: ignore[attr-defined]
        db.session.get(Singer, 2).name = "gone"
        db.session.commit()
        assert [singer.id for singer in Singer.query.order_by(Singer.id)] == [1, 3]
        assert (Singer.query.get(2), Singer.query.with_gone().get(2).id, Singer.query.get(1).id) == (None, 2, 1)
        assert (Singer.query.count(), Singer.query.with_gone().count(), Singer.query.with_gone().first().id) == (
            2,
            3,
            1,
        )
        assert [name for _, name in Singer.query.add_columns(Singer.name).filter(Singer.id == 3)] == ["bob"]
        assert Singer.query.filter(Singer.id == 3).update({"name": "bo"}) == 1
    dispose(db, app)
