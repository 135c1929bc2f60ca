"""Database URLs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_uow.engine import URL, make_url
from flask_uow.exc import ArgumentError


def test_a_full_url_is_taken_apart() -> None:
    url = make_url("postgresql+psycopg2://ed:s%40cret%2F@db.example.org:5433/blog?sslmode=require")
    assert (url.backend, url.driver) == ("postgresql", "psycopg2")
    assert (url.username, url.password) == ("ed", "s@cret/")
    assert (url.host, url.port, url.database) == ("db.example.org", 5433, "blog")
    assert url.query == {"sslmode": "require"}


def test_libpq_forms_are_taken() -> None:
    url = make_url("postgresql://ed:pw@/blog?host=/var/run/postgresql")
    assert (url.host, url.database, url.query) == (None, "blog", {"host": "/var/run/postgresql"})
    assert make_url("postgres://localhost").backend == "postgresql"
    assert make_url("postgresql://").database is None
    assert make_url("postgresql://[::1]:5432/x").host == "::1"


@pytest.mark.parametrize(
    ("text", "database"),
    [
        ("sqlite://", None),
        ("sqlite:///", None),
        ("sqlite:///:memory:", ":memory:"),
        ("sqlite:///relative/file.db", "relative/file.db"),
        ("sqlite:////absolute/fi%20le.db", "/absolute/fi%20le.db"),
    ],
)
def test_sqlite_urls_name_a_file_or_memory(text: str, database: str | None) -> None:
    assert make_url(text).database == database


def test_the_password_is_hidden_wherever_the_url_is_shown() -> None:
    url = make_url("postgresql://ed:hunter2@localhost/blog?password=hunter2")
    for shown in (str(url), repr(url), f"{url}", url.render()):
        assert "hunter2" not in shown
        assert "ed:***@localhost" in shown
    assert "hunter2" in url.render(hide_password=False)


@pytest.mark.parametrize(
    "text", ["", "hunter2", "postgresql:/ed:hunter2@host", "://ed:hunter2@host", "postgresql://ed:hunter2@host:port/x"]
)
def test_a_malformed_url_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ArgumentError, match="dialect://user:password@host:port/database") as caught:
        make_url(text)
    assert "hunter2" not in str(caught.value)


def test_a_sqlite_url_with_two_slashes_is_explained() -> None:
    with pytest.raises(ArgumentError, match="three slashes"):
        make_url("sqlite://file.db")


def test_only_text_and_urls_are_urls() -> None:
    url = make_url("sqlite://")
    assert make_url(url) is url
    with pytest.raises(ArgumentError, match="got NoneType"):
        make_url(None)  # type: ignore[arg-type]


part = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1)


@given(part, part, st.from_regex(r"[a-z][a-z0-9.-]{0,20}", fullmatch=True), st.none() | st.integers(1, 65535), part)
def test_a_url_survives_being_written_and_read(
    user: str, password: str, host: str, port: int | None, name: str
) -> None:
    url = URL("postgresql", user, password, host, port, name, {"application_name": name})
    again = make_url(url.render(hide_password=False))
    assert again == url
    assert hash(again) == hash(url)
