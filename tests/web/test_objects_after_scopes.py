"""Objects when their scope has ended: what was loaded stays readable, what was not is an error; meanwhile nothing stale is read."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Response, copy_current_request_context, g, stream_with_context

from flask_uow import (
    JSON,
    DetachedInstanceError,
    ForeignKey,
    Mapped,
    OperationalError,
    Session,
    UnitOfWork,
    func,
    inspect,
    mapped_column,
    relationship,
    select,
)
from flask_uow.orm import attribute_mapped_collection
from tests.web.apps import dispose, make_app


@pytest.fixture
def library(database_uri: str) -> Iterator[SimpleNamespace]:
    """An app with shelves, on which there are books; shelf 1 has two."""
    db = UnitOfWork()

    class Shelf(db.Model):  # type: ignore[misc]
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str]
        note: Mapped[str | None] = mapped_column(deferred=True)
        made: Mapped[str] = mapped_column(server_default="by the server")
        books: Mapped[list[Book]] = relationship(back_populates="shelf", order_by="Book.id")
        by_title = relationship(
            "Book", collection_class=attribute_mapped_collection("title"), viewonly=True, order_by="Book.id"
        )

    class Book(db.Model):  # type: ignore[misc]
        id: Mapped[int] = mapped_column(primary_key=True)
        title: Mapped[str] = mapped_column(default="untitled")
        shelf_id: Mapped[int | None] = mapped_column(ForeignKey("shelf.id"))
        shelf: Mapped[Shelf | None] = relationship(back_populates="books")

    app = make_app(db, database_uri)
    with app.app_context():
        db.session.add(Shelf(name="poems", note="dusty", books=[Book(title="one"), Book(title="two")]))
        db.session.add(Shelf(name="plays"))
    yield SimpleNamespace(db=db, app=app, client=app.test_client(), Shelf=Shelf, Book=Book)
    dispose(db, app)


def rename(library: SimpleNamespace, name: str) -> None:
    """Rename shelf 1, as somebody else does."""
    with library.db.unit_of_work() as session:
        session.execute(f"UPDATE shelf SET name = '{name}' WHERE id = 1")


def load(library: SimpleNamespace) -> Any:
    """Load a shelf, its books and what is deferred."""
    shelf = library.db.session.get(library.Shelf, 1)
    assert (shelf.note, len(shelf.books), len(shelf.by_title), shelf.books[0].shelf is shelf) == ("dusty", 2, 2, True)
    return shelf


def check(shelf: Any) -> None:
    """Assert that all of what :func:`load` has loaded is readable, without a Session."""
    assert inspect(shelf).detached
    assert (shelf.id, shelf.name, shelf.note, shelf.made) == (1, "poems", "dusty", "by the server")
    assert [book.title for book in shelf.books] == ["one", "two"]
    assert sorted(shelf.by_title) == ["one", "two"]
    assert shelf.books[0].shelf is shelf


@pytest.mark.parametrize("commit_on", ["response", "teardown", None])
@pytest.mark.parametrize("status", [200, 302, 404])
def test_what_a_request_has_loaded_is_readable_afterwards(
    library: SimpleNamespace, database_uri: str, commit_on: str | None, status: int
) -> None:
    db = library.db
    app = make_app(db, database_uri, create=False, UOW_COMMIT_ON=commit_on, TESTING=True)

    @app.get("/")
    def index() -> Any:
        g.shelf = load(library)
        return "", status

    with app.test_client() as client:
        assert client.get("/").status_code == status
        check(g.shelf)
    with app.app_context():
        db.engine.dispose()


def in_app_context(library: SimpleNamespace) -> Any:
    with library.app.app_context():
        return load(library)


def in_request_context(library: SimpleNamespace) -> Any:
    with library.app.test_request_context("/"):
        return load(library)


def in_unit(library: SimpleNamespace) -> Any:
    with library.db.unit_of_work():
        return load(library)


def in_read_only_unit(library: SimpleNamespace) -> Any:
    with library.db.unit_of_work(read_only=True):
        return load(library)


def in_run(library: SimpleNamespace) -> Any:
    return library.db.run(lambda: load(library))


def in_second_attempt(library: SimpleNamespace) -> Any:
    attempts = iter([True, False])

    def work() -> Any:
        shelf = load(library)
        if next(attempts):
            raise conflict()
        return shelf

    return library.db.run(work)


def conflict() -> Exception:
    driver_error = sqlite3.OperationalError("could not serialize access")
    driver_error.pgcode = "40001"  # type: ignore[attr-defined]
    return OperationalError("could not serialize access", "UPDATE x", (), driver_error)


def in_command(library: SimpleNamespace) -> Any:
    found: list[Any] = []
    library.app.cli.command("load")(lambda: found.append(load(library)))
    assert library.app.test_cli_runner().invoke(args=["load"]).exit_code == 0
    return found[0]


def in_nested_units(library: SimpleNamespace) -> Any:
    with library.app.app_context():
        library.db.session.query(library.Shelf).all()
        with library.db.unit_of_work():
            return load(library)


def in_copied_request_context(library: SimpleNamespace) -> Any:
    found: list[Any] = []
    with library.app.test_request_context("/"):
        copied = copy_current_request_context(lambda: found.append(load(library)))
    copied()
    return found[0]


def after_a_commit_of_its_own(library: SimpleNamespace) -> Any:
    with library.app.app_context():
        shelf = load(library)
        library.db.session.commit()
        return shelf


def after_several_commits(library: SimpleNamespace) -> Any:
    with library.app.app_context():
        shelf = load(library)
        for _ in range(3):
            library.db.session.commit()
            assert shelf.name == "poems"
        return shelf


def after_a_rollback_of_reads(library: SimpleNamespace) -> Any:
    with library.app.app_context():
        shelf = load(library)
        library.db.session.rollback()
        return shelf


def after_rollback_at_end(library: SimpleNamespace) -> Any:
    with library.app.app_context():
        library.db.rollback_at_end()
        return load(library)


def after_remove(library: SimpleNamespace) -> Any:
    with library.app.app_context():
        shelf = load(library)
        library.db.session.commit()
        library.db.session.remove()
        return shelf


def after_expunge(library: SimpleNamespace) -> Any:
    with library.app.app_context():
        shelf = load(library)
        library.db.session.commit()
        library.db.session.expunge(shelf)
        return shelf


def after_a_callback(library: SimpleNamespace) -> Any:
    with library.app.app_context():
        shelf = load(library)
        library.db.after_commit(lambda: library.db.session.query(library.Book).all())
        return shelf


SCOPES = [
    in_app_context,
    in_request_context,
    in_unit,
    in_read_only_unit,
    in_run,
    in_second_attempt,
    in_command,
    in_nested_units,
    in_copied_request_context,
    after_a_commit_of_its_own,
    after_several_commits,
    after_a_rollback_of_reads,
    after_rollback_at_end,
    after_remove,
    after_expunge,
    after_a_callback,
]


@pytest.mark.parametrize("scope", SCOPES)
def test_what_a_scope_has_loaded_is_readable_afterwards(library: SimpleNamespace, scope: Any) -> None:
    check(scope(library))


def test_what_a_transactional_view_has_loaded_is_readable_afterwards(library: SimpleNamespace) -> None:
    @library.app.get("/")
    @library.db.transactional
    def index() -> str:
        g.shelf = load(library)
        return ""

    with library.client as client:
        assert client.get("/").status_code == 200
        check(g.shelf)


def test_a_new_object_is_readable_with_its_key_and_its_defaults(library: SimpleNamespace) -> None:
    with library.db.unit_of_work() as session:
        shelf = library.Shelf(name="new", books=[library.Book()])
        session.add(shelf)
    assert (shelf.id, shelf.name) == (3, "new")
    assert (shelf.books[0].id, shelf.books[0].title, shelf.books[0].shelf_id) == (3, "untitled", 3)
    assert shelf.books[0].shelf is shelf


def test_a_changed_object_is_readable_with_its_changes(library: SimpleNamespace) -> None:
    with library.app.app_context():
        shelf = load(library)
        shelf.name = "novels"
        shelf.books.pop()
    assert (shelf.name, [book.title for book in shelf.books]) == ("novels", ["one"])


def test_what_was_not_loaded_is_an_error_that_names_class_attribute_and_cure(library: SimpleNamespace) -> None:
    with library.db.unit_of_work() as session:
        shelf = session.get(library.Shelf, 1)
        book = session.get(library.Book, 2)
    for obj, name in [(shelf, "books"), (shelf, "note"), (book, "shelf")]:
        with pytest.raises(
            DetachedInstanceError, match=rf"{type(obj).__name__}\.{name} of <{type(obj).__name__} .*merge"
        ):
            getattr(obj, name)


@pytest.mark.parametrize("forget", ["expire", "expire_all", "one attribute"])
def test_what_was_expired_by_name_is_not_readable_afterwards(library: SimpleNamespace, forget: str) -> None:
    with library.app.app_context():
        shelf = load(library)
        session = library.db.session
        session.commit()
        if forget == "expire":
            session.expire(shelf)
        elif forget == "expire_all":
            session.expire_all()
        else:
            session.expire(shelf, ["name"])
    with pytest.raises(DetachedInstanceError, match=r"Shelf\.name"):
        _ = shelf.name
    if forget == "one attribute":
        assert shelf.note == "dusty"


def test_values_of_a_transaction_that_was_undone_are_not_readable_afterwards(library: SimpleNamespace) -> None:
    with library.app.app_context():
        shelf = load(library)
        shelf.name = "never"
        library.db.session.flush()
        library.db.rollback_at_end()
    with pytest.raises(DetachedInstanceError, match=r"Shelf\.name"):
        _ = shelf.name


def test_a_change_that_was_never_flushed_is_not_readable_after_a_rollback_and_the_rest_is(
    library: SimpleNamespace,
) -> None:
    with library.app.app_context():
        shelf = load(library)
        shelf.name = "never"
        library.db.rollback_at_end()
    with pytest.raises(DetachedInstanceError, match=r"Shelf\.name"):
        _ = shelf.name
    assert (shelf.id, shelf.note) == (1, "dusty")


def test_what_was_committed_before_a_rollback_is_readable_afterwards(library: SimpleNamespace) -> None:
    with library.app.app_context():
        shelf = load(library)
        library.db.session.commit()
        shelf.name = "never"
        library.db.session.flush()
        library.db.session.rollback()
    check(shelf)


# -- nothing stale is read meanwhile


def test_after_its_own_commit_a_scope_reads_what_others_have_written(library: SimpleNamespace) -> None:
    with library.app.app_context():
        shelf = load(library)
        library.db.session.commit()
        rename(library, "maps")
        assert shelf.name == "maps"
    assert (shelf.name, shelf.note) == ("maps", "dusty")


def test_a_callback_reads_what_others_have_written_since(library: SimpleNamespace) -> None:
    read: list[str] = []
    with library.app.app_context():
        shelf = load(library)
        library.db.after_commit(lambda: (rename(library, "maps"), read.append(shelf.name)))
    assert read == ["maps"]
    assert shelf.name == "maps"


def test_a_streamed_body_reads_what_others_have_written_since_the_commit(library: SimpleNamespace) -> None:
    @library.app.get("/")
    def index() -> Response:
        shelf = g.shelf = load(library)

        def body() -> Iterator[str]:
            rename(library, "maps")
            yield shelf.name

        return Response(stream_with_context(body()))

    with library.client as client:
        assert client.get("/").text == "maps"
        assert (g.shelf.name, len(g.shelf.books)) == ("maps", 2)


def test_a_teardown_function_reads_what_others_have_written_since_the_commit(library: SimpleNamespace) -> None:
    read: list[str] = []

    @library.app.teardown_request
    def tear_down(error: BaseException | None) -> None:
        rename(library, "maps")
        read.append(g.shelf.name)

    @library.app.get("/")
    def index() -> str:
        g.shelf = load(library)
        return str(g.shelf.name)

    assert library.client.get("/").text == "poems"
    assert read == ["maps"]


def test_a_savepoint_that_undoes_nothing_leaves_what_is_loaded_readable(library: SimpleNamespace) -> None:
    with library.app.app_context():
        shelf = load(library)
        try:
            with library.db.session.begin_nested():
                raise KeyError("what a form says is wrong")
        except KeyError:
            pass
    assert (shelf.name, shelf.note) == ("poems", "dusty")


def test_values_that_a_savepoint_leaves_are_not_readable_when_the_transaction_around_it_is_undone(
    library: SimpleNamespace,
) -> None:
    with library.app.app_context():
        shelf = load(library)
        shelf.name = "never"
        library.db.session.begin_nested()
        library.db.session.rollback()
        library.db.rollback_at_end()
    with pytest.raises(DetachedInstanceError, match=r"Shelf\.name"):
        _ = shelf.name


def test_a_related_object_is_not_readable_once_the_key_has_changed(library: SimpleNamespace) -> None:
    with library.app.app_context():
        book = library.db.session.get(library.Book, 1)
        assert book.shelf.name == "poems"
        library.db.session.commit()
        book.shelf_id = 2
    assert book.shelf_id == 2
    with pytest.raises(DetachedInstanceError, match=r"Book\.shelf"):
        _ = book.shelf


def test_a_collection_is_not_readable_once_an_object_has_come_in_from_the_other_side(library: SimpleNamespace) -> None:
    with library.app.app_context():
        shelf = load(library)
        library.db.session.commit()
        library.db.session.add(library.Book(shelf=shelf))
    with pytest.raises(DetachedInstanceError, match=r"Shelf\.books"):
        _ = shelf.books


# -- afterwards


def test_objects_go_on_in_another_unit_of_work(library: SimpleNamespace) -> None:
    with library.app.app_context():
        shelf = load(library)
    shelf.name = "maps"
    shelf.books.append(library.Book(title="three"))
    with library.db.unit_of_work() as session:
        session.add(shelf)
    assert [book.title for book in shelf.books] == ["one", "two", "three"]
    with library.db.unit_of_work() as session:
        assert session.scalar(select(func.count(library.Book.id)).filter_by(shelf_id=1)) == 3
        merged = session.merge(shelf)
        assert merged.name == "maps"


def test_a_deleted_object_is_readable_afterwards(library: SimpleNamespace) -> None:
    with library.app.app_context():
        book = library.db.session.get(library.Book, 2)
        library.db.session.commit()
        library.db.session.delete(book)
    assert book.title == "two"
    assert inspect(book).detached


def test_a_pickle_made_between_a_commit_and_the_end_carries_what_is_loaded(library: SimpleNamespace) -> None:
    with library.app.app_context():
        shelf = load(library)
        library.db.session.commit()
        assert shelf.name == "poems"
        copied = shelf.__copy__()
        assert [key for key in copied.__dict__ if key.startswith("_uow_kept")] == []
        assert sorted(key for key in shelf.__getstate__() if not key.startswith("_")) == ["id", "made", "name"]


def test_a_session_of_its_own_expires_at_its_commit_as_ever(library: SimpleNamespace) -> None:
    with library.app.app_context(), Session(library.db.engine) as session:
        shelf = session.get(library.Shelf, 1)
        session.commit()
        session.close()
    with pytest.raises(DetachedInstanceError, match=r"Shelf\.name"):
        _ = shelf.name


def test_a_change_in_place_after_the_scope_is_noticed_when_the_object_comes_back(database_uri: str) -> None:
    db = UnitOfWork()

    class Basket(db.Model):  # type: ignore[misc]
        id: Mapped[int] = mapped_column(primary_key=True)
        owner: Mapped[str]
        fruit: Mapped[list[str]] = mapped_column(JSON(mutable=True))

    app = make_app(db, database_uri)
    with app.app_context():
        db.session.add(Basket(owner="ed", fruit=["fig"]))
    with app.app_context():
        basket = db.session.query(Basket).one()
        db.session.commit()
        # one value is loaded anew, so that old and new ones come together when the scope ends
        assert (basket.fruit, basket.owner) == (["fig"], "ed")
        db.session.expire(basket, ["owner"])
    basket.fruit.append("plum")
    with app.app_context():
        db.session.add(basket)
    with app.app_context():
        assert db.session.scalars(select(Basket.fruit)).one() == ["fig", "plum"]
    dispose(db, app)
