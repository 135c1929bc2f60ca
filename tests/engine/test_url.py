"""Database URLs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_uow.engine import URL, create_engine, make_url
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


@pytest.mark.parametrize(
    ("text", "host", "ports"),
    [
        ("postgresql://kay@east:6000,west:6001/store", "east,west", (6000, 6001)),
        ("postgresql://east,west:6001/store", "east,west", (None, 6001)),
        ("postgresql://east:6000,west/store?target_session_attrs=read-write", "east,west", (6000, None)),
        ("postgresql://u:p%40@[::1]:1,[fe80::2]:2,h/db", "::1,fe80::2,h", (1, 2, None)),
        ("postgresql://%2Frun%2Fone,h:5/db", "/run/one,h", (None, 5)),
        ("postgresql://,h:5/db", ",h", (None, 5)),
    ],
)
def test_a_url_can_name_several_hosts(text: str, host: str, ports: tuple[int | None, ...]) -> None:
    url = make_url(text)
    assert (url.host, url.port, url.ports) == (host, None, ports)
    again = make_url(url.render(hide_password=False))
    assert again == url
    assert hash(again) == hash(url)


def test_a_wrong_port_of_any_host_is_refused() -> None:
    for text in (
        "postgresql://a:1,b:99999/db",
        "postgresql://a:x,b:1/db",
        "postgresql://[::1:1,[::2]:2/db",
        "postgresql://::1/db",
    ):
        with pytest.raises(ArgumentError):
            make_url(text)


def test_the_options_of_a_url_count_more_than_what_stands_before_them() -> None:
    engine = create_engine("postgresql://u@a:1/d?host=b,c&port=2,3&dbname=e&ssl=true")
    parameters = engine.dialect._parameters  # type: ignore[attr-defined]
    assert {name: parameters[name] for name in ("host", "port", "dbname", "user", "sslmode")} == {
        "host": "b,c",
        "port": "2,3",
        "dbname": "e",
        "user": "u",
        "sslmode": "require",
    }
    several = create_engine("postgresql://a,b:3/d").dialect._parameters  # type: ignore[attr-defined]
    assert (several["host"], several["port"]) == ("a,b", ",3")
