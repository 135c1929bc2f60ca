"""Bad input: each mistake raises the named error, says how to mend it, shows no password, and leaves the Session usable."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import flask
import pytest

from flask_uow import (
    JSON,
    URL,
    ArgumentError,
    Boolean,
    Column,
    ConfigurationError,
    DataError,
    DBAPIError,
    DeclarativeBase,
    Engine,
    FlaskUowError,
    FlushError,
    ForeignKey,
    Integer,
    IntegrityError,
    InvalidRequestError,
    Mapped,
    MetaData,
    OperationalError,
    PickleType,
    ProgrammingError,
    Session,
    String,
    Table,
    TimeoutError,
    UnitOfWork,
    UnmappedInstanceError,
    bindparam,
    create_engine,
    delete,
    exists,
    insert,
    mapped_column,
    relationship,
    select,
    text,
    update,
)
from tests.orm.models import Base, Post, User


@pytest.fixture
def session(engine: Engine) -> Any:
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        yield session


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("no url at all", "URL"),
        ("postgresql:/ed:secret@host/db", "URL"),
        ("mysql://ed:secret@host/db", "mysql"),
        ("postgresql://ed:secret@host:port/db", "port"),
        ("", "URL"),
    ],
)
def test_a_malformed_url_is_named_without_its_password(url: str, message: str) -> None:
    with pytest.raises(ArgumentError, match=message) as caught:
        create_engine(url)
    assert "secret" not in str(caught.value)


def test_an_unknown_engine_option_has_a_suggestion() -> None:
    with pytest.raises(ArgumentError, match=r"pool_siz.*pool_size"):
        create_engine("sqlite://", pool_siz=3)


def test_a_missing_driver_names_the_extra_to_install() -> None:
    # what is imported already cannot be missing, hence a fresh interpreter
    program = """
import sys
sys.modules["psycopg2"] = None
import flask_uow
try:
    flask_uow.create_engine("postgresql://ed:secret@localhost/db")
except flask_uow.ArgumentError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "flask_uow[psycopg2-binary]" in done.stdout
    assert "secret" not in done.stdout


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ed:?hunter2@host/blog",
        "postgresql://ed:12?hunter2@host/blog",
        "postgresql://ed:12/hunter2@host/blog",
        "postgresql://ed@host/blog?password:hunter2",
        "sqlite:///blog.db?x:hunter2@host",
    ],
)
def test_a_password_that_is_not_encoded_is_shown_nowhere(url: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        create_engine(url)
    assert "hunter2" not in str(caught.value)
    assert "%" in str(caught.value)


def test_a_password_in_a_wrong_place_is_shown_nowhere() -> None:
    wrong: list[dict[str, Any]] = [
        {"connect_args": "password=hunter2 host=x"},
        {"connect_args": "postgresql://ed:hun/ter2hunter2@host/blog"},
        {"creator": "postgresql://ed:hunter2@host/blog"},
        {"json_serializer": "postgresql://ed:hunter2@host/blog"},
    ]
    for options in wrong:
        with pytest.raises(ArgumentError) as caught:
            create_engine("postgresql://host/blog", **options)
        assert "hunter2" not in str(caught.value)
        assert "***" in str(caught.value)
    with pytest.raises(ArgumentError, match="got a str") as caught:
        URL.create("postgresql", port="hunter2")  # type: ignore[arg-type]
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "key", ["UOW_COMMIT_WHEN", "UOW_RETRY_ATTEMPTS", "UOW_ECHO", "UOW_COMMIT_ON", "UOW_ENGINE_OPTIONS"]
)
def test_a_url_under_another_key_of_the_configuration_is_shown_without_its_password(key: str) -> None:
    app = flask.Flask(__name__)
    app.config.update({"UOW_DATABASE_URI": "sqlite://", key: "postgresql://ed:hunter2@host/blog"})
    with pytest.raises(ConfigurationError, match=key) as caught:
        UnitOfWork(app)
    assert "hunter2" not in str(caught.value)


def test_a_driver_that_is_not_supported_is_named_where_the_other_is_missing_too() -> None:
    program = """
import sys
sys.modules["psycopg2"] = None
import flask_uow
try:
    flask_uow.create_engine("postgresql+asyncpg://ed:secret@localhost/db")
except flask_uow.ArgumentError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("the driver 'asyncpg' is not supported")


def test_an_unreachable_server_is_an_operational_error_without_the_password() -> None:
    engine = create_engine("postgresql://ed:secret@127.0.0.1:1/db")
    with pytest.raises(OperationalError) as caught:
        engine.connect()
    assert "secret" not in str(caught.value)
    assert "secret" not in repr(engine)
    engine.dispose()


@pytest.mark.parametrize(
    ("mistake", "error", "message"),
    [
        (lambda s: s.add(object()), UnmappedInstanceError, "is not mapped"),
        (lambda s: s.query(User).filter_by(nmae="x"), InvalidRequestError, "Did you mean 'name'"),
        (lambda s: User(nmae="x"), TypeError, "Did you mean 'name'"),
        (lambda s: s.execute("SELEC 1"), DBAPIError, "SELEC"),
        (lambda s: s.execute("SELECT * FROM nowhere"), DBAPIError, "nowhere"),
        (lambda s: s.query(User).get((1, 2)), ArgumentError, "primary key of User"),
    ],
)
def test_a_mistake_leaves_the_session_usable(session: Session, mistake: Any, error: Any, message: str) -> None:
    session.add(User(name="before"))
    session.commit()
    with pytest.raises(error, match=message):
        mistake(session)
    session.rollback()
    session.add(User(name="after"))
    session.commit()
    assert session.query(User).count() == 2


@pytest.mark.parametrize(
    "values",
    [
        {"id": 2**70, "name": "x"},
        {"id": "seven", "name": "x"},
        {"name": 7},
        {"name": b"bytes"},
        {"name": object()},
        {"name": "nul\x00"},
    ],
)
def test_a_value_that_the_column_cannot_hold_is_a_data_error(
    session: Session, values: dict[str, Any], database: str
) -> None:
    if values["name"] == "nul\x00" and database == "sqlite":
        session.add(User(**values))
        session.commit()
        assert session.query(User).one().name == "nul\x00"
        return
    session.add(User(**values))
    with pytest.raises(DataError) as caught:
        session.flush()
    assert caught.value.orig is not None
    session.rollback()
    session.add(User(name="after"))
    session.commit()
    assert session.query(User).count() == 1


@pytest.mark.parametrize("count", [1, 50])
def test_a_duplicate_key_is_an_integrity_error_with_statement_and_parameters(session: Session, count: int) -> None:
    session.add(User(name="u0"))
    session.commit()
    session.add_all([User(name=f"u{n}") for n in range(count)])
    with pytest.raises(IntegrityError) as caught:
        session.commit()
    assert caught.value.orig is not None
    assert "INSERT" in str(caught.value.statement)
    assert caught.value.params
    session.rollback()
    assert session.query(User).count() == 1


def test_a_missing_reference_and_a_missing_value_are_integrity_errors(session: Session) -> None:
    for wrong in (Post(title="t", author_id=99), Post(author=User(name="x")), User()):
        session.add(wrong)
        with pytest.raises(IntegrityError):
            session.commit()
        session.rollback()
    assert session.query(Post).count() == 0


def test_a_checkout_time_out_names_the_pool_and_the_cure(database_uri: str) -> None:
    engine = create_engine(database_uri, pool_size=1, max_overflow=0, pool_timeout=0.05)
    with engine.connect() as held:
        with pytest.raises(TimeoutError, match="pool_size") as caught:
            engine.connect()
        assert isinstance(caught.value, FlaskUowError)
        assert "0.05" in str(caught.value)
        assert held.scalar("SELECT 1") == 1
    with engine.connect() as again:
        assert again.scalar("SELECT 1") == 1
    engine.dispose()


def test_a_waiting_checkout_gets_the_connection_that_is_given_back(database_uri: str) -> None:
    engine = create_engine(database_uri, pool_size=1, max_overflow=0, pool_timeout=10)
    held = engine.connect()
    got: list[Any] = []

    def wait() -> None:
        with engine.connect() as connection:
            got.append(connection.scalar("SELECT 1"))

    thread = threading.Thread(target=wait)
    thread.start()
    held.close()
    thread.join(10)
    assert got == [1]
    engine.dispose()


def test_every_error_is_of_one_family() -> None:
    assert issubclass(DataError, FlaskUowError)
    assert issubclass(ProgrammingError, DBAPIError)
    assert issubclass(TimeoutError, FlaskUowError)


@pytest.mark.parametrize(
    ("statement", "parameters"),
    [
        ("SELECT ?", (1,)),
        ("SELECT ?", [1]),
        ("SELECT %s", ("x",)),
        ("SELECT :x", "x"),
        (text("SELECT :x"), 5),
        (select(User).where(User.name == bindparam("x")), ("x",)),
        (select(User).where(User.name == bindparam("x")), (1,)),
        (select(User.__table__).where(User.__table__.c.name == bindparam("x")), ("x",)),
        (insert(User), ("x",)),
        (update(User).where(User.id == 1), (1,)),
    ],
)
def test_parameters_without_names_are_refused_with_the_cure(session: Session, statement: Any, parameters: Any) -> None:
    with pytest.raises(ArgumentError, match=r"a mapping of values by name.*exec_driver_sql\(\)"):
        session.execute(statement, parameters)
    assert session.execute("SELECT :x", {"x": 1}).scalar() == 1


def test_a_key_set_to_none_is_refused_before_any_sql(session: Session, engine: Engine) -> None:
    user = User(id=3, name="ed")
    session.add(user)
    session.flush()
    user.id = None  # type: ignore[assignment]
    with pytest.raises(FlushError, match=r"primary key of .*User.* was set to None"):
        session.flush()
    session.rollback()
    assert session.query(User).count() == 0


def test_an_attribute_of_a_relationship_says_to_join(session: Session) -> None:
    attribute: Any = Post.author
    with pytest.raises(AttributeError, match=r"'name': .*join it.*author\.has\("):
        session.query(Post).filter(attribute.name == "ed")
    assert not hasattr(attribute, "name")
    assert not hasattr(User.posts, "title")


def test_begin_in_a_transaction_says_that_nothing_needs_to_be_begun(session: Session) -> None:
    session.query(User).count()
    with pytest.raises(InvalidRequestError, match=r"in a transaction already.*remove begin\(\).*begin_nested\(\)"):
        session.begin()


class _Unshown:
    def __repr__(self) -> str:
        raise ValueError("no words")


def _deep() -> list[Any]:
    made: list[Any] = []
    for _ in range(100_000):
        made = [made]
    return made


@pytest.mark.parametrize(
    ("type_", "value", "message"),
    [
        (PickleType(), lambda: 1, "what can be pickled"),
        (PickleType(), (each for each in ()), "a generator by what list"),
        (PickleType(), _deep(), "what can be pickled"),
        (JSON(), _deep(), "what JSON can hold"),
        (JSON(), _Unshown(), "what JSON can hold"),
        (JSON(), 10**5000, "what JSON can hold"),
        (String(), _Unshown(), r"the _Unshown \(whose repr\(\) raises ValueError\)"),
        (String(), 10**5000, "expected a str"),
        (Integer(), 10**5000, "does not fit"),
        (Boolean(), "false", r"value == 'true'"),
    ],
    ids=[
        "function",
        "generator",
        "deep pickle",
        "deep JSON",
        "unshown JSON",
        "long JSON",
        "unshown",
        "long",
        "large",
        "text",
    ],
)
def test_a_value_without_words_is_a_data_error_as_well(engine: Engine, type_: Any, value: Any, message: str) -> None:
    table = Table("odd", MetaData(), Column("id", Integer(), primary_key=True), Column("value", type_))
    table.create(engine)
    with engine.connect() as connection:
        with pytest.raises(DataError, match=message) as caught:
            connection.execute(table.insert(), {"id": 1, "value": value})
        assert "bool()." not in str(caught.value)
        connection.rollback()
        assert connection.execute(select(table)).all() == []
    table.drop(engine)


@pytest.mark.parametrize("target", [User, User.__table__, 5, None])
def test_a_foreign_key_to_no_column_is_refused_at_once(target: Any) -> None:
    with pytest.raises(ArgumentError, match=r"no column.*'table\.column'.*User\.id"):
        ForeignKey(target)


@pytest.mark.parametrize("form", ["class", "text", "function"])
def test_a_class_for_a_secondary_table_is_refused_with_the_cure(form: str) -> None:
    class Own(DeclarativeBase):
        pass

    class Link(Own):
        __tablename__ = "link"
        left_id: Mapped[int] = mapped_column(ForeignKey("left.id"), primary_key=True)
        right_id: Mapped[int] = mapped_column(ForeignKey("right.id"), primary_key=True)

    class Right(Own):
        __tablename__ = "right"
        id: Mapped[int] = mapped_column(primary_key=True)

    given: Any = {"class": Link, "text": "Link", "function": lambda: Link}[form]

    class Left(Own):
        __tablename__ = "left"
        id: Mapped[int] = mapped_column(primary_key=True)
        rights = relationship(Right, secondary=given)

    with pytest.raises(ArgumentError, match=r"Left\.rights: secondary= .*Link\.__table__.*association object"):
        Left()


def test_a_list_in_sql_text_is_told_of_the_parameter_that_expands(session: Session) -> None:
    statement = text("SELECT 1 WHERE 1 IN :ids")
    with pytest.raises(DBAPIError, match=r"bindparam\('ids', expanding=True\)"):
        session.execute(statement, {"ids": [1, 2]})
    session.rollback()
    expanding = statement.bindparams(bindparam("ids", expanding=True))
    assert session.execute(expanding, {"ids": [1, 2]}).scalar() == 1


@pytest.mark.parametrize("given", [[1, 2], (1, 2), [1], ["a"], []], ids=repr)
@pytest.mark.parametrize("sql", ["SELECT 1 WHERE 1 IN (:ids)", "SELECT 1 WHERE 'a' in ( 2, :one, :ids )"])
@pytest.mark.parametrize("bound", [True, False])
def test_a_list_in_the_brackets_of_in_is_told_of_the_parameter_that_expands(
    session: Session, given: object, sql: str, bound: bool
) -> None:
    statement = text(sql).bindparams(one=1) if ":one" in sql else text(sql)
    with pytest.raises(FlaskUowError) as caught:
        if bound:
            session.execute(statement.bindparams(ids=given))
        else:
            session.execute(statement, {"ids": given})
    if session.get_bind().dialect.name == "sqlite" or ":one" not in sql:
        assert "bindparam('ids', expanding=True)" in str(caught.value)
    session.rollback()


def test_one_value_in_the_brackets_of_in_is_no_list(session: Session) -> None:
    assert session.execute(text("SELECT 1 WHERE 1 IN (:one, :two)"), {"one": 1, "two": 2}).scalar() == 1
    assert session.execute(text("SELECT 1 WHERE 'a' IN (:one)"), {"one": "a"}).scalar() == 1
    assert session.execute(text("SELECT 1 WHERE 1 IN (:one)"), {"one": None}).scalar() is None


def test_a_value_without_a_name_is_told_of_the_names() -> None:
    with pytest.raises(
        TypeError, match=r"User\(\) takes the values of attributes by name, and got 1 .*User\(name=\.\.\.\)"
    ):
        User("secret")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="2 without a name") as caught:
        User("secret", 2, name="x")  # type: ignore[arg-type]
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda session: session.query(User).filter(name="ed"),
        lambda session: session.query(User).where(User.id == 1, name="ed"),
        lambda session: select(User).where(name="ed"),
        lambda session: select(User).filter(name="ed"),
        lambda session: update(User).where(name="ed"),
        lambda session: delete(User).filter(name="ed"),
    ],
)
def test_keywords_in_the_place_of_criteria_are_told_of_filter_by(session: Session, make: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError, match=r"takes criteria and no keywords, and got name=\..*filter_by\(name=\.\.\.\)"):
        make(session)


@pytest.mark.parametrize(
    "make",
    [
        lambda session: session.query(User).filter_by(User.name == "ed"),
        lambda session: select(User).filter_by(User.name == "ed"),
        lambda session: update(User).filter_by(User.name == "ed"),
        lambda session: delete(User).filter_by(User.name == "ed"),
    ],
)
def test_criteria_in_the_place_of_keywords_are_told_of_filter(session: Session, make: Callable[[Any], Any]) -> None:
    with pytest.raises(TypeError, match=r"filter_by\(\) takes keywords.*filter\(Class\.name == \.\.\.\)"):
        make(session)


def test_having_and_exists_take_criteria_only(session: Session) -> None:
    with pytest.raises(TypeError, match=r"having\(\) takes criteria and no keywords, and got name="):
        session.query(User).group_by(User.id).having(name="ed")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"where\(\) takes criteria and no keywords, and got name="):
        exists().where(name="ed")  # type: ignore[arg-type]
