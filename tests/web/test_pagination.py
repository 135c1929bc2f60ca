"""Pages by number and by keyset."""

from __future__ import annotations

import datetime
import decimal
import itertools
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, render_template_string
from werkzeug.exceptions import NotFound

from flask_uow import (
    ArgumentError,
    KeysetPagination,
    Mapped,
    Pagination,
    UnitOfWork,
    aliased,
    bindparam,
    defer,
    event,
    func,
    mapped_column,
    select,
)
from tests.web.apps import dispose, make_app, make_db

COUNT = 25


@pytest.fixture
def notes(database_uri: str) -> Iterator[tuple[UnitOfWork, Flask]]:
    """An app with the notes 01 to 25."""
    db = make_db()
    app = make_app(db, database_uri)
    with app.app_context():
        db.session.add_all([db.Note(text=f"{number:02}") for number in range(1, COUNT + 1)])  # type: ignore[attr-defined]
    yield db, app
    dispose(db, app)


def page_of(db: UnitOfWork, **options: Any) -> Any:
    Note = db.Note  # type: ignore[attr-defined]
    return db.paginate(select(Note).order_by(Note.id), **options)


def texts(page: Any) -> list[str]:
    return [note.text for note in page]


def test_a_page_has_its_items_and_its_place_among_the_others(notes: tuple[UnitOfWork, Flask]) -> None:
    db, app = notes
    with app.app_context():
        page = page_of(db, page=2, per_page=10)
        assert isinstance(page, Pagination)
        assert texts(page) == texts(page.items) == [f"{number:02}" for number in range(11, 21)]
        assert (page.page, page.per_page, page.total, page.pages, len(page)) == (2, 10, COUNT, 3, 10)
        assert (page.has_prev, page.prev_num, page.has_next, page.next_num) == (True, 1, True, 3)
        assert (page.first, page.last) == (11, 20)
        last = page.next()
        assert texts(last) == ["21", "22", "23", "24", "25"]
        assert (last.has_next, last.next_num, last.first, last.last, last.total) == (False, None, 21, 25, COUNT)
        assert texts(page.prev()) == [f"{number:02}" for number in range(1, 11)]


def test_a_template_can_ask_whether_there_is_a_page_and_whether_it_has_items(notes: tuple[UnitOfWork, Flask]) -> None:
    db, app = notes
    template = "{% if page %}{{ page.total }} notes{% if not page.items %}, none here{% endif %}{% endif %}"
    with app.test_request_context("/"):
        empty = page_of(db, page=9, error_out=False)
        assert render_template_string(template, page=empty) == f"{COUNT} notes, none here"
        assert render_template_string(template, page=page_of(db)) == f"{COUNT} notes"
        assert render_template_string(template) == ""
        by_keyset = db.paginate(select(db.Note).where(db.Note.text == "none"), keyset=[db.Note.id])  # type: ignore[attr-defined]
        assert by_keyset
        assert by_keyset.items == []


def test_a_page_of_a_join_has_each_object_once_and_counts_rows(notes: tuple[UnitOfWork, Flask]) -> None:
    db, app = notes
    Note = db.Note  # type: ignore[attr-defined]
    other = aliased(Note)
    with app.app_context():
        first_two = select(Note).where(Note.text.in_(["01", "02"])).join(other, Note.id <= other.id).order_by(Note.id)
        page = db.paginate(first_two, per_page=100)
        assert (texts(page), page.total) == (["01", "02"], 2 * COUNT - 1)
        uncounted = db.paginate(first_two, per_page=10, count=False)
        assert (texts(uncounted), uncounted.has_next) == (["01"], True)
        assert texts(db.paginate(first_two.options(defer(Note.text)), per_page=100)) == ["01", "02"]
        query = db.session.query(Note).join(other, Note.id <= other.id).filter(Note.text == bindparam("wanted"))
        found = db.paginate(query.params(wanted="03"))
        assert (texts(found), found.total) == (["03"], COUNT - 2)
        keyset = db.paginate(select(Note).join(other, Note.id <= other.id), keyset=[Note.id], per_page=COUNT + 1)
        assert texts(keyset) == ["01", "02"]


def test_a_page_of_several_columns_has_rows_and_of_one_column_its_values(notes: tuple[UnitOfWork, Flask]) -> None:
    db, app = notes
    Note = db.Note  # type: ignore[attr-defined]
    tens = func.substr(Note.text, 1, 1)
    with app.app_context():
        page = db.paginate(select(tens.label("tens"), func.count()).group_by(tens).order_by(tens), per_page=2)
        assert ([tuple(row) for row in page], page.total) == ([("0", 9), ("1", 10)], 3)
        assert [tuple(row) for row in page.next()] == [("2", 6)]
        assert page.items[0].tens == "0"
        with_object = db.paginate(select(Note, Note.text).order_by(Note.id), per_page=1)
        assert [(note.text, text) for note, text in with_object] == [("01", "01")]
        of_table = db.paginate(select(Note.__table__).order_by(Note.id), per_page=1)
        assert [row.text for row in of_table] == ["01"]
        assert db.paginate(select(tens).order_by(Note.id), per_page=3).items == ["0", "0", "0"]
        both = select(Note.id, Note.text).union_all(select(Note.id, Note.text)).order_by("id")
        assert [row.text for row in db.paginate(both, per_page=3)] == ["01", "01", "02"]
        by_keyset = db.paginate(select(Note, Note.text), keyset=[Note.id], per_page=2)
        assert [text for _, text in by_keyset] == ["01", "02"]
        after = db.paginate(select(Note, Note.text), keyset=[Note.id], per_page=2, after=by_keyset.next)
        assert [text for _, text in after] == ["03", "04"]


def test_pages_of_a_limited_statement_stay_within_its_limit(notes: tuple[UnitOfWork, Flask]) -> None:
    db, app = notes
    Note = db.Note  # type: ignore[attr-defined]
    with app.app_context():
        limited = select(Note).order_by(Note.id).limit(5).offset(2)
        page = db.paginate(limited, per_page=3)
        assert (texts(page), page.total, page.pages) == (["03", "04", "05"], 5, 2)
        assert texts(page.next()) == ["06", "07"]
        with pytest.raises(ArgumentError, match="has a limit or an offset already"):
            db.paginate(select(Note).limit(5), keyset=[Note.id])


def test_page_and_size_come_from_the_query_string(notes: tuple[UnitOfWork, Flask]) -> None:
    db, app = notes

    @app.get("/")
    def view() -> Any:
        page = page_of(db)
        return {"texts": texts(page), "per_page": page.per_page, "total": page.total}

    client = app.test_client()
    assert len(client.get("/").json["texts"]) == 20
    assert client.get("/?page=3&per_page=10").json["texts"] == ["21", "22", "23", "24", "25"]
    assert client.get("/?per_page=100000").json["per_page"] == 100


@pytest.mark.parametrize(
    "query", ["page=0", "page=-1", "page=x", "page=99", "page=1e9", "page=9999999999999999999999", "per_page=0", "per_page=-5", "per_page=x"]
)  # fmt: skip
def test_a_page_out_of_bounds_is_a_404(notes: tuple[UnitOfWork, Flask], query: str) -> None:
    db, app = notes
    app.add_url_rule("/", "view", lambda: {"texts": texts(page_of(db))})
    assert app.test_client().get(f"/?{query}").status_code == 404


@pytest.mark.parametrize("query", ["page=0", "page=x", "per_page=0", "page=9999999999999999999999"])
def test_without_error_out_a_number_that_is_none_gives_the_first_page(
    notes: tuple[UnitOfWork, Flask], query: str
) -> None:
    db, app = notes
    app.add_url_rule("/", "view", lambda: {"page": page_of(db, error_out=False).page})
    assert app.test_client().get(f"/?{query}").json == {"page": 1}


def test_a_page_beyond_the_last_is_empty_without_error_out(notes: tuple[UnitOfWork, Flask]) -> None:
    db, app = notes
    with app.app_context():
        page = page_of(db, page=9, error_out=False)
        assert (texts(page), bool(page), page.has_next, page.first, page.last) == ([], True, False, 0, 0)
        with pytest.raises(NotFound):
            page_of(db, page=9)


def test_the_first_page_of_nothing_is_empty_and_no_error(notes: tuple[UnitOfWork, Flask]) -> None:
    db, app = notes
    Note = db.Note  # type: ignore[attr-defined]
    with app.app_context():
        page = db.paginate(select(Note).where(Note.text == "none"))
        assert (texts(page), page.total, page.pages, page.has_next) == ([], 0, 0, False)


def test_a_template_iterates_page_and_page_numbers(notes: tuple[UnitOfWork, Flask]) -> None:
    db, app = notes
    template = "{% for note in page %}{{ note.text }} {% endfor %}|{% for n in page.iter_pages() %}{{ n or '...' }} {% endfor %}"
    with app.app_context():
        page = page_of(db, page=5, per_page=1)
        assert render_template_string(template, page=page) == "05 |1 2 3 4 5 6 7 8 9 ... 24 25 "


def test_the_numbers_for_a_navigation_bar_have_none_for_each_gap(notes: tuple[UnitOfWork, Flask]) -> None:
    db, app = notes
    with app.app_context():
        page = page_of(db, page=12, per_page=1)
        assert list(page.iter_pages(left_edge=1, left_current=1, right_current=1, right_edge=1)) == [
            1,
            None,
            11,
            12,
            13,
            None,
            25,
        ]
        assert list(page_of(db, page=1, per_page=50).iter_pages()) == [1]


def test_without_a_count_the_total_is_none_and_the_next_page_is_known_all_the_same(
    notes: tuple[UnitOfWork, Flask],
) -> None:
    db, app = notes
    sent: list[str] = []
    with app.app_context():
        db.engine.listeners.after_execute.append(lambda event: sent.append(event.statement))
        page = page_of(db, page=2, per_page=10, count=False)
        assert (page.total, page.pages, page.has_next, len(page)) == (None, None, True, 10)
        last = page.next()
        assert (texts(last), last.has_next, last.total) == (["21", "22", "23", "24", "25"], False, None)
        assert list(last.iter_pages()) == [1, 2, 3]
        assert not any("count" in statement for statement in sent)


def test_a_query_of_a_model_can_be_paginated(notes: tuple[UnitOfWork, Flask]) -> None:
    db, app = notes
    Note = db.Note  # type: ignore[attr-defined]
    with app.app_context():
        page = db.paginate(Note.query.filter(Note.text > "20").order_by(Note.text.desc()), per_page=2)
        assert (texts(page), page.total) == (["25", "24"], 5)


def test_the_options_of_a_statement_count_for_the_number_of_its_rows_too(notes: tuple[UnitOfWork, Flask]) -> None:
    db, app = notes
    Note = db.Note  # type: ignore[attr-defined]
    told: list[object] = []
    with app.app_context():
        event.listen(db.session, "do_orm_execute", lambda state: told.append(state.execution_options.get("mark")))
        db.paginate(db.select(Note).order_by(Note.text).execution_options(mark=1), per_page=2)
        assert told == [1, 1]


def test_pages_of_a_model_with_a_bind_key_are_counted_there(database_uri: str, second_database_uri: str) -> None:
    db = make_db()

    class Entry(db.Model):  # type: ignore[misc, name-defined]
        __bind_key__ = "audit"
        id: Mapped[int] = mapped_column(primary_key=True)

    app = make_app(db, database_uri, UOW_BINDS={"audit": second_database_uri})
    with app.app_context():
        db.session.add_all([Entry() for _ in range(3)])
        assert db.paginate(select(Entry).order_by(Entry.id), per_page=2).total == 3
    dispose(db, app)


# -- keyset


def walk(db: UnitOfWork, statement: Any, keyset: Any, per_page: int) -> list[list[str]]:
    pages, after = [], None
    while True:
        page = db.paginate(statement, keyset=keyset, per_page=per_page, after=after)
        assert isinstance(page, KeysetPagination)
        assert page.total is None
        pages.append(texts(page))
        if not page.has_next:
            assert page.next is None
            return pages
        after = page.next


def test_pages_by_keyset_go_on_where_the_last_one_ended(notes: tuple[UnitOfWork, Flask]) -> None:
    db, app = notes
    Note = db.Note  # type: ignore[attr-defined]
    with app.app_context():
        pages = walk(db, select(Note), [Note.text.desc()], 10)
        assert [len(page) for page in pages] == [10, 10, 5]
        assert list(itertools.chain(*pages)) == [f"{number:02}" for number in range(COUNT, 0, -1)]


def test_rows_that_are_added_before_the_place_move_nothing(notes: tuple[UnitOfWork, Flask]) -> None:
    db, app = notes
    Note = db.Note  # type: ignore[attr-defined]
    with app.app_context():
        page = db.paginate(select(Note), keyset=[Note.text], per_page=10)
        db.session.add(Note(text="00"))
        db.session.delete(page.items[0])
        db.session.flush()
        assert texts(db.paginate(select(Note), keyset=[Note.text], per_page=3, after=page.next)) == ["11", "12", "13"]


def test_the_place_comes_from_the_query_string_and_a_wrong_one_is_a_404(notes: tuple[UnitOfWork, Flask]) -> None:
    db, app = notes
    Note = db.Note  # type: ignore[attr-defined]

    @app.get("/")
    def view() -> Any:
        page = db.paginate(select(Note), keyset=[Note.text], per_page=10)
        return {"texts": texts(page), "next": page.next}

    client = app.test_client()
    first = client.get("/").json
    assert client.get("/", query_string={"after": first["next"]}).json["texts"][0] == "11"
    for wrong in ("x", "", "é", "W10", "WzFd", "bnVsbA", first["next"][:-3], "WzEsMl0", "[" * 5000):
        assert client.get("/", query_string={"after": wrong}).status_code == 404, wrong


def test_rows_that_are_equal_in_the_order_appear_once_each(database_uri: str) -> None:
    db = UnitOfWork()

    class Event(db.Model):  # type: ignore[misc, name-defined]
        id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
        at: Mapped[datetime.datetime]
        day: Mapped[datetime.date]
        price: Mapped[decimal.Decimal]
        weight: Mapped[float]
        note: Mapped[str | None]

        @property
        def text(self) -> str:
            return str(self.id)

    app = make_app(db, database_uri)
    start = datetime.datetime(2026, 1, 1, 12, 30)
    with app.app_context():
        for number in range(40):
            db.session.add(
                Event(
                    id=uuid.UUID(int=number * 7919 % 40),
                    at=start + datetime.timedelta(hours=number % 3),
                    day=start.date(),
                    price=decimal.Decimal(number % 2),
                    weight=float(number % 5),
                )
            )
        db.session.flush()
        order = [Event.at, Event.price.desc(), Event.weight, Event.day]
        expected = [e.text for e in db.session.scalars(select(Event).order_by(*order, Event.id))]
        for size in (1, 7, 40):
            assert list(itertools.chain(*walk(db, select(Event), order, size))) == expected
        with pytest.raises(ArgumentError, match="may be NULL"):
            db.paginate(select(Event), keyset=[Event.note])
    dispose(db, app)


def test_arguments_that_do_not_go_together_are_refused(notes: tuple[UnitOfWork, Flask]) -> None:
    db, app = notes
    Note = db.Note  # type: ignore[attr-defined]
    with app.app_context():
        with pytest.raises(ArgumentError, match="has no number"):
            page_of(db, page=2, keyset=[Note.id])
        with pytest.raises(ArgumentError, match="has an order already"):
            page_of(db, keyset=[Note.id])
        with pytest.raises(ArgumentError, match="after= is for pages by keyset"):
            page_of(db, after="x")
        with pytest.raises(ArgumentError, match="takes columns of Note"):
            db.paginate(select(Note), keyset=["text"])
        with pytest.raises(ArgumentError, match="after= is no place in this order"):
            db.paginate(select(Note), keyset=[Note.id], after="x", error_out=False)
        with pytest.raises(ArgumentError, match="a select"):
            db.paginate(select(Note.text), keyset=[Note.text])


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({}, 100),
        ({"max_per_page": None}, 100000),
        ({"max_per_page": 7}, 7),
        ({"per_page": 500}, 500),
        ({"per_page": 500, "max_per_page": 100}, 100),
        ({"per_page": 5, "max_per_page": 100}, 5),
    ],
)
def test_the_default_limit_is_for_what_clients_ask_for(
    notes: tuple[UnitOfWork, Flask], options: dict[str, Any], size: int
) -> None:
    db, app = notes
    Note = db.Note  # type: ignore[attr-defined]
    with app.test_request_context("/?per_page=100000"):
        assert db.paginate(select(Note), **options).per_page == size
        assert Note.query.paginate(**options).per_page == size


@pytest.mark.parametrize("wrong", [5, "SELECT 1", None, UnitOfWork])
def test_paginate_refuses_what_is_no_select(notes: tuple[UnitOfWork, Flask], wrong: Any) -> None:
    db, app = notes
    with app.app_context(), pytest.raises(ArgumentError, match=r"takes a select\(\) or a Query"):
        db.paginate(wrong)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"page": "2"}, "page='2': a whole number was expected"),
        ({"per_page": 2.5}, "per_page=2.5: a whole number was expected"),
        ({"max_per_page": 0}, "max_per_page=0: 1 or more was expected"),
    ],
)
def test_wrong_numbers_in_the_call_of_paginate_are_errors_and_no_404(
    notes: tuple[UnitOfWork, Flask], options: dict[str, Any], message: str
) -> None:
    db, app = notes
    with app.app_context(), pytest.raises(ArgumentError, match=message):
        db.paginate(select(db.Note), **options)  # type: ignore[attr-defined]
