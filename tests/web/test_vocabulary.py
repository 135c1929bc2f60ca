"""The public names of flask_uow are attributes of the extension, as people who come from Flask-SQLAlchemy write them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask

import flask_uow
from flask_uow import InvalidRequestError, UnitOfWork, exc
from flask_uow.web.vocabulary import own_names
from tests.typing.vocabulary import TARGET, source
from tests.web.apps import dispose


@pytest.mark.parametrize("name", sorted(set(flask_uow.__all__) - own_names()))
def test_every_public_name_is_an_attribute_of_the_extension(name: str) -> None:
    assert getattr(UnitOfWork(), name) is getattr(flask_uow, name)


def test_what_the_extension_has_itself_wins() -> None:
    db = UnitOfWork()
    assert {"Table"} <= own_names() & set(flask_uow.__all__)
    assert db.Table("a").metadata is db.metadata


def test_a_name_keeps_its_meaning_when_it_is_asked_for_again_and_may_be_set() -> None:
    db = UnitOfWork()
    assert db.select is db.select
    db.select = 1  # type: ignore[assignment]
    assert db.select == 1
    assert UnitOfWork().select is flask_uow.select  # type: ignore[comparison-overlap]


def test_an_unknown_name_is_an_attribute_error_that_knows_the_names_of_both() -> None:
    db: Any = UnitOfWork()
    with pytest.raises(AttributeError, match=r"'Colum'.*Did you mean 'Column'\?"):
        db.Colum
    with pytest.raises(AttributeError, match=r"'create_al'.*Did you mean 'create_all'\?"):
        db.create_al
    with pytest.raises(AttributeError, match="'__wrapped__'"):
        db.__wrapped__
    assert not hasattr(db, "nothing_like_it")
    assert {"Column", "relationship", "session", "create_all"} <= set(dir(db))


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("SQLAlchemyError", "FlaskUowError"),
        ("foreign_key", "ForeignKey"),
        ("FOREIGNKEY", "ForeignKey"),
        ("dateTime", "DateTime"),
        ("hybrid_propety", "hybrid_property"),
        ("get_engine", "engines"),
        ("createAll", "create_all"),
        ("getSession", "get_session"),
    ],
)
def test_an_unknown_name_that_people_know_from_elsewhere_is_led_to_ours(name: str, meant: str) -> None:
    with pytest.raises(AttributeError, match=rf"{name}.*Did you mean '{meant}'\?"):
        getattr(UnitOfWork(), name)


def test_names_of_another_extension_are_not_ours_and_lead_to_ours() -> None:
    db = UnitOfWork()
    for name, ours in exc.RENAMED.items():
        assert not hasattr(db, name)
        assert not hasattr(flask_uow, name)
        assert ours in dir(db)


@pytest.mark.parametrize("name", exc.NOT_THERE)
def test_a_name_that_nothing_stands_for_says_what_to_do_instead(name: str) -> None:
    for owner in (UnitOfWork(), flask_uow):
        with pytest.raises(AttributeError, match=re.escape(exc.NOT_THERE[name])):
            getattr(owner, name)


def test_queries_and_models_know_near_names_too(flask_app: Flask, db: Any) -> None:
    with flask_app.app_context():
        with pytest.raises(AttributeError, match=r"'filterBy'.*Did you mean 'filter_by'\?"):
            db.session.query(db.Note).filterBy
        with pytest.raises(AttributeError, match=r"'first_or_44'.*Did you mean 'first_or_404'\?"):
            db.Note.query.first_or_44
        with pytest.raises(TypeError, match=r"'txt'.*Did you mean 'text'\?"):
            db.Note(txt="x")
        with pytest.raises(InvalidRequestError, match=r"'Text'.*Did you mean 'text'\?"):
            db.Note.query.filter_by(Text="x").all()


def test_models_and_statements_are_written_with_names_of_the_extension_only(database_uri: str) -> None:
    db = UnitOfWork()

    class Author(db.Model):  # type: ignore[misc]
        id = db.Column(db.Integer, primary_key=True)
        name = db.Column(db.String(40), nullable=False, unique=True)
        works = db.relationship("Work", backref=db.backref("author", lazy="joined"), order_by="Work.id")

    class Work(db.Model):  # type: ignore[misc]
        __table_args__ = (db.CheckConstraint("pages > 0", name="some_pages"),)
        id = db.Column(db.Integer, primary_key=True)
        pages = db.Column(db.Integer, default=1)
        author_id: Any = db.Column(db.Integer, db.ForeignKey("author.id"))

    app = Flask(__name__)
    app.config["UOW_DATABASE_URI"] = database_uri
    db.init_app(app)
    with app.app_context():
        db.create_all()
        db.session.add_all([Author(name="ann", works=[Work(pages=4), Work()]), Author(name="bob")])
        db.session.commit()
        per_author = db.select(Author.name, db.func.sum(Work.pages)).join(Author.works).group_by(Author.name)
        assert db.session.execute(per_author).all() == [("ann", 5)]
        idle = db.select(Author).where(~db.exists().where(Work.author_id == Author.id))
        assert [author.name for author in db.session.scalars(idle)] == ["bob"]
        with pytest.raises(db.exc.IntegrityError):
            db.session.execute(db.insert(Work).values(pages=0))
        db.session.rollback()
        db.drop_all()
    dispose(db, app)


def test_what_type_checkers_read_is_what_is_there() -> None:
    assert TARGET.read_text(encoding="utf-8") == source(), "run `python -m tests.typing.vocabulary`"
