"""Every name, parameter and default of the specification: in the code, and in docs/spec-coverage.md with a test that exists."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import flask_uow
from flask_uow import Query, ScopedSession, Session, create_session, object_session, sessionmaker
from tests.orm.models import Member, Post, Team, User
from tests.orm.specification import ALIASES, CLASS_METHODS, OPTIONS, PROPERTIES, SIGNATURES
from tests.statements import StatementLog

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "spec-coverage.md"
_ROW = re.compile(r"^\| `(.+?)` \| (.*?) \| (.*?) \| (.*?) \| \[(.+?)\]\((.+?)\) \|$")

# what is accepted beyond the specification's parameters
_BEYOND = {
    "Session": [
        "autobegin",
        "batch_loading",
        "close_resets_only",
        "execution_options",
        "bind_key_engines",
        "enable_baked_queries",
        "future",
        "info",
        "observer",
        "routing",
        "join_transaction_mode",
    ],
    "Session.connection": ["**kw", "bind_arguments", "execution_options"],
    "Session.execute": ["bind_arguments", "execution_options"],
    "Session.get_bind": ["bind", "instance"],
    "Session.merge": ["options"],
    "Session.refresh": ["with_for_update"],
    "Session.scalar": ["bind_arguments", "execution_options"],
    "sessionmaker": ["info"],
    "ScopedSession.mapper": ["class_", "save_on_init", "validate"],
}


def find(name: str) -> Any:
    owner, _, attribute = name.rpartition(".")
    return inspect.getattr_static(getattr(flask_uow, owner), attribute) if owner else getattr(flask_uow, name)


def written(parameter: inspect.Parameter) -> tuple[str, str]:
    star = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
    default = parameter.default
    shown = "" if default is parameter.empty else default.__name__ if isinstance(default, type) else repr(default)
    return star + parameter.name, shown


@pytest.mark.parametrize("name", SIGNATURES)
def test_each_signature_is_that_of_the_specification(name: str) -> None:
    found = find(name)
    if name in CLASS_METHODS:
        assert isinstance(found, classmethod)
        found = found.__func__
    parameters = list(inspect.signature(found).parameters.values())
    if parameters and parameters[0].name in ("self", "cls"):
        del parameters[0]
    beyond = _BEYOND.get(name, [])
    assert [w for p in parameters if (w := written(p))[0] not in beyond] == SIGNATURES[name]
    for parameter in parameters:
        if written(parameter)[0] in beyond and name != "ScopedSession.mapper":
            assert parameter.kind in (parameter.KEYWORD_ONLY, parameter.VAR_KEYWORD), "extras must not shift positions"


@pytest.mark.parametrize("name", PROPERTIES)
def test_each_property_is_one(name: str) -> None:
    assert isinstance(find(name), property)
    assert isinstance(inspect.getattr_static(ScopedSession, name.partition(".")[2]), property)


def rows() -> list[tuple[str, ...]]:
    # the second table is that of tests/orm/mapping/test_mapping_specification.py
    page = PAGE.read_text(encoding="utf-8").partition("\n## ")[0]
    lines = [line for line in page.splitlines() if line.startswith("| `")]
    found = [_ROW.match(line) for line in lines]
    assert all(found), [line for line, match in zip(lines, found, strict=True) if match is None]
    return [tuple(part.replace("`", "") for part in match.groups()) for match in found if match]


def test_no_row_of_the_coverage_page_is_missing() -> None:
    expected = {(name, "", "") for name in (*SIGNATURES, *PROPERTIES, *ALIASES)}
    expected |= {(name, parameter, default) for name in SIGNATURES for parameter, default in SIGNATURES[name]}
    expected |= {("sessionmaker", f"option {option}", default) for option, default in OPTIONS.items()}
    assert {row[:3] for row in rows()} == expected


def test_every_row_of_the_coverage_page_points_to_a_test_that_exists() -> None:
    functions: dict[str, set[str]] = {}
    for *_, meaning, test, path in rows():
        assert meaning
        if path not in functions:
            tree = ast.parse((PAGE.parent / path).read_text(encoding="utf-8"))
            functions[path] = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert test in functions[path], f"{path} has no {test}"


def test_older_names_lead_to_what_they_are_called_now() -> None:
    meanings = {row[0]: row[3] for row in rows() if row[0] in ALIASES}
    assert all(ALIASES[name] in meaning for name, meaning in meanings.items())


# -- behaviours of the page that have no other test


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("autocommit", True), ("autoflush", False), ("expire_on_commit", False), ("twophase", True),
        ("_enable_transaction_accounting", False), ("query_cls", type("Special", (Query,), {})),
    ],
)  # fmt: skip
def test_sessionmaker_passes_every_option_on(make_session: Any, tables: Any, option: str, value: Any) -> None:
    factory = sessionmaker(bind=tables, **{option: value})
    assert issubclass(factory, Session)
    for session in (factory(), make_session(**{option: value})):
        with session:
            shown = {
                "_enable_transaction_accounting": lambda s: s.accounting,
                "query_cls": lambda s: type(s.query(User)),
            }.get(option, lambda s: getattr(s, option))
            assert shown(session) == value
            session.add(User(name=f"{option}{id(session)}"))
            session.flush()


def test_sessionmaker_takes_a_class_to_derive_from(tables: Any) -> None:
    class Mine(Session):
        def greet(self) -> str:
            return "hello"

    factory = sessionmaker(bind=tables, class_=Mine)
    assert issubclass(factory, Mine)
    assert factory().greet() == "hello"


def test_configure_of_a_sessionmaker_changes_sessions_made_later(tables: Any) -> None:
    factory = sessionmaker()
    before = factory()
    factory.configure(bind=tables, autoflush=False)
    after = factory()
    assert (before.bind, before.autoflush) == (None, True)
    assert (after.bind, after.autoflush) == (tables, False)
    assert factory(autoflush=True).autoflush
    assert sessionmaker()().bind is None


def test_create_session_passes_keywords_on(tables: Any) -> None:
    session = create_session(tables, autoflush=True, weak_identity_map=False)
    assert (session.bind, session.autoflush, session.autocommit) == (tables, True, True)
    session.add(User(name="held"))
    session.flush()
    assert len(session.identity_map) == 1
    session.close()


def test_begin_with_nested_is_begin_nested(session: Session, statements: StatementLog) -> None:
    session.query(User).all()
    statements.clear()
    transaction = session.begin(nested=True)
    assert transaction.nested
    assert [sql.split()[0] for sql in statements.transactions if "SAVEPOINT" in sql] == ["SAVEPOINT"]
    session.rollback()


def test_the_specification_of_expire_all_holds(session: Session, statements: StatementLog) -> None:
    users = [User(name="a"), User(name="b")]
    session.add_all(users)
    session.flush()
    pending = User(name="pending")
    session.add(pending)
    with session.no_autoflush:
        session.expire_all()
        assert all("name" not in user.__dict__ for user in users)
        assert pending.__dict__["name"] == "pending"
        with statements.expect(1):
            assert users[0].name == "a"


def test_the_specification_of_expunge_all_holds(session: Session) -> None:
    saved, pending = User(name="saved"), User(name="pending")
    session.add(saved)
    session.flush()
    session.add(pending)
    session.expunge_all()
    assert list(session) == []
    assert object_session(saved) is None
    assert object_session(pending) is None
    session.commit()
    assert session.query(User).count() == 1


def test_expunge_takes_what_its_cascade_reaches(session: Session) -> None:
    user = User(name="ed", posts=[Post(title="p")])
    team = Team(members={Member(name="m")})
    session.add_all([user, team])
    session.flush()
    (post,), (member,) = user.posts, team.members
    session.expunge(user)
    session.expunge(team)
    assert post not in session, "the cascade is all"
    assert member in session, "the cascade is save-update, merge"
    with pytest.raises(flask_uow.InvalidRequestError, match="not in this Session"):
        session.expunge(user)


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_expunge_takes_an_object_whose_row_was_deleted(session: Session, end: str) -> None:
    user = User(name="ed")
    session.add(user)
    session.commit()
    session.delete(user)
    session.flush()
    session.expunge(user)
    assert flask_uow.inspect(user).detached
    getattr(session, end)()
    assert user not in session
    assert session.query(User).count() == (end == "rollback")
    with pytest.raises(flask_uow.InvalidRequestError, match="not in this Session"):
        session.expunge(user)


def test_object_session_is_the_session_of_an_object(session: Session) -> None:
    user = User(name="ed")
    assert Session.object_session(user) is None
    session.add(user)
    assert Session.object_session(user) is session is object_session(user)
    session.expunge(user)
    assert object_session(user) is None
    with pytest.raises(flask_uow.UnmappedInstanceError):
        object_session(object())


def test_queries_take_classes_mappers_attributes_and_columns(session: Session) -> None:
    session.add(User(name="ed", email="e"))
    mapper = User.__mapper__  # type: ignore[attr-defined]
    assert session.query(User).one() is session.query(mapper).one()
    assert session.query(User.name, mapper.local_table.c.email).one() == ("ed", "e")
    assert session.query(User, User.name).one().name == "ed"
    assert session.query().value(flask_uow.literal_column("1")) == 1
    assert session.query().add_columns(User.name).all() == [("ed",)]
    with pytest.raises(flask_uow.ArgumentError, match="at least one"):
        session.query().all()
    assert list(session.query(User).values()) == []


def test_keywords_of_query_go_to_the_query_class(make_session: Any) -> None:
    class Tagged(Query[Any]):
        def __init__(self, entities: Any, session: Any = None, tag: str = "") -> None:
            super().__init__(entities, session)
            Tagged.tags.append(tag)

        tags: list[str] = []

    make_session(query_cls=Tagged).query(User, tag="report")
    assert Tagged.tags == ["report"]
