"""``flask uow doctor``: what it finds in an app, what it says to do, and that it finds nothing else."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

import flask_uow
from flask_uow import (
    ARRAY,
    Boolean,
    Column,
    DateTime,
    Enum,
    Float,
    ForeignKey,
    Index,
    Integer,
    Interval,
    Numeric,
    String,
    Table,
    Text,
    TypeEngine,
    UnitOfWork,
    Uuid,
    create_engine,
    func,
)
from flask_uow.web.config import KEYS
from flask_uow.web.doctor.configuration import KEYS_OF_OTHERS
from tests.web.apps import dispose
from tests.web.test_commands import run

MOVED = Path(__file__).parent.parent / "moved_apps"

Define = Callable[[UnitOfWork], object]


@pytest.fixture
def examine(database_uri: str) -> Iterator[Callable[..., list[str]]]:
    """Run the command on an app; return its lines, the last of which says how many there are."""
    made: list[tuple[UnitOfWork, Flask]] = []

    def examine(define: Define, *args: str, sql: str | tuple[str, ...] = (), **config: Any) -> list[str]:
        db = UnitOfWork()
        define(db)
        app = Flask("an_app_without_a_package")
        app.config.update(UOW_DATABASE_URI=database_uri)
        db.init_app(app)
        app.config.update(config)
        made.append((db, app))
        with app.app_context(), db.engine.begin() as connection:
            for statement in (sql,) if isinstance(sql, str) else sql:
                connection.execute(statement)
        result = run(app, "uow", "doctor", *args)
        lines: list[str] = result.output.splitlines()
        assert result.exit_code == (0 if lines == ["Nothing found."] else 1), result.output
        return lines[:-1]

    yield examine
    for db, app in made:
        dispose(db, app)


def note_table(*columns: Column) -> Define:
    return lambda db: db.Table("note", Column("id", Integer, primary_key=True), *(column.copy() for column in columns))


NOTE = "CREATE TABLE note (id INTEGER PRIMARY KEY, {})"


# -- nothing to find


# the bases of types, which no column has
ABSTRACT = (flask_uow.RangeType,)
# the database of the tests has no extensions
OF_EXTENSIONS = (flask_uow.CITEXT, flask_uow.HSTORE)


def all_types() -> list[TypeEngine[Any]]:
    found: list[TypeEngine[Any]] = []
    for name in flask_uow.__all__:
        class_ = getattr(flask_uow, name)
        if (
            isinstance(class_, type)
            and issubclass(class_, TypeEngine)
            and class_ not in (*ABSTRACT, *OF_EXTENSIONS)
            and not issubclass(class_, flask_uow.NativeType)
        ):
            for arguments in ((), (10,), (10, 2)):
                try:
                    made = class_(*arguments)
                except (TypeError, AttributeError, flask_uow.FlaskUowError):
                    continue
                is_wrong = any(type(getattr(made, name, None)) is int for name in ("timezone", "native", "collation"))
                if not is_wrong and repr(made) not in map(repr, found):
                    found.append(made)
    return [*found, Enum("a", "bcd"), ARRAY(Integer), ARRAY(String(5)), DateTime(timezone=True), Uuid()]


def test_the_tables_that_the_models_make_are_as_the_models_say(database_uri: str) -> None:
    db = UnitOfWork()
    app = Flask("an_app_without_a_package")
    app.config.update(UOW_DATABASE_URI=database_uri)
    db.init_app(app)
    engine = db.engines_of(app)[None]
    for number, type_ in enumerate(all_types()):
        try:
            engine.dialect.type_ddl(type_)
        except flask_uow.FlaskUowError:
            continue
        db.Table(
            f"t{number}",
            Column("id", Integer, primary_key=True),
            Column("x", type_),
            Column("y", type_, nullable=False),
        )
    db.Table("audited", Column("id", Uuid, primary_key=True), Column("at", DateTime, server_default=func.now()))
    db.Table("a_child", Column("id", ForeignKey("audited.id"), primary_key=True), Index("an_index", "id"))
    with app.app_context():
        db.create_all()
    result = run(app, "uow", "doctor", "--skip", "decimals")
    assert result.output == "Nothing found.\n"
    assert result.exit_code == 0
    dispose(db, app)


@pytest.mark.parametrize("name", ["social", "roles", "conduit", "flaskr"])
def test_an_app_that_was_moved_over_is_well(name: str, database_uri: str) -> None:
    module = sys.modules.get(f"tests.moved_apps.{name}") or __import__(
        f"tests.moved_apps.{name}", fromlist=["create_app"]
    )
    app = module.create_app({"UOW_DATABASE_URI": database_uri})
    db = app.extensions["uow"]
    with app.app_context():
        db.create_all()
    # (imports: the package is `tests`, which names the other extension)
    assert run(app, "uow", "doctor", "--skip", "imports").output == "Nothing found.\n"
    dispose(db, app)


# -- configuration


@pytest.mark.parametrize("key", KEYS_OF_OTHERS)
def test_keys_of_other_extensions_are_found(examine: Callable[..., list[str]], key: str) -> None:
    (line,) = examine(lambda db: None, **{key: "x"})
    assert line.startswith(f"configuration: app.config['{key}']: this key has no effect")
    instead = KEYS_OF_OTHERS[key]
    assert line.endswith("Remove it; nothing takes its place." if instead is None else f"Set {instead} instead.")


def test_an_unknown_key_of_another_extension_is_found(examine: Callable[..., list[str]]) -> None:
    (line,) = examine(lambda db: None, SQLALCHEMY_RECORD_QUERY=True)
    assert "Did you mean 'UOW_RECORD_QUERIES'" in line


def test_the_keys_that_are_named_instead_exist() -> None:
    named = {key for text in KEYS_OF_OTHERS.values() if text for key in re.findall(r"UOW_\w+", text)}
    assert named <= set(KEYS)


# -- imports


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., list[str]]]:
    """Write the files of a package ``blog_to_move`` and return what is found in them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    def examined(import_name: str = "blog_to_move", **files: str) -> list[str]:
        for name, text in files.items():
            path = tmp_path / "blog_to_move" / name.replace("__", "/").replace("_py", ".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        (tmp_path / "blog_to_move" / "__init__.py").touch()
        __import__("blog_to_move")
        app = Flask(import_name)
        app.config.update(UOW_DATABASE_URI="sqlite://")
        db = UnitOfWork(app)
        result = run(app, "uow", "doctor")
        dispose(db, app)
        return [line.removeprefix("imports: blog_to_move/") for line in result.output.splitlines()[:-1]]

    yield examined
    sys.modules.pop("blog_to_move", None)


@pytest.mark.parametrize(
    ("line", "cure"),
    [
        (
            "from flask_sqlalchemy import SQLAlchemy",
            "Write `from flask_uow import UnitOfWork`. SQLAlchemy is called UnitOfWork.",
        ),
        ("from flask_sqlalchemy_lite import SQLAlchemy", "Write `from flask_uow import UnitOfWork`."),
        ("from flask_sqlalchemy.pagination import Pagination", "Write `from flask_uow import Pagination`."),
        ("from sqlalchemy import select, func", "Write `from flask_uow import select, func`."),
        ("from sqlalchemy.orm import Mapped as M", "Write `from flask_uow import Mapped`."),
        ("from sqlalchemy.exc import SQLAlchemyError", "SQLAlchemyError is called FlaskUowError."),
        ("from sqlalchemy.ext.hybrid import hybrid_property", "Write `from flask_uow import hybrid_property`."),
        ("from sqlalchemy import Strng", "flask_uow has no Strng. Did you mean 'String'?"),
        ("from sqlalchemy import *", "Write `from flask_uow import *`."),
        ("import sqlalchemy", "Write `import flask_uow`, and flask_uow where sqlalchemy stands in the code."),
        ("import sqlalchemy as sa", "Write `import flask_uow as sa`."),
        ("import os, sqlalchemy.orm as so", "Write `import flask_uow.orm as so`."),
        ("from flask_migrate import Migrate", "Remove it: flask_uow has no migrations"),
        ("import sqlalchemy_utils", "Remove it: it works on SQLAlchemy's classes only"),
    ],
)
def test_imports_that_are_not_moved_over_are_found(package: Callable[..., list[str]], line: str, cure: str) -> None:
    (found,) = package(models_py=f"'''Models.'''\n{line}\n")
    assert found.startswith("models.py:2: `")
    assert cure in found


def test_imports_inside_of_functions_and_in_subpackages_are_found(package: Callable[..., list[str]]) -> None:
    found = package(
        views__users_py="def view():\n    if True:\n        from sqlalchemy import select\n",
        views__posts_py="try:\n    import sqlalchemy\nexcept ImportError:\n    pass\n",
    )
    assert [line.partition(" ")[0] for line in found] == ["views/posts.py:2:", "views/users.py:3:"]


def test_an_app_in_a_module_of_a_package_is_examined_as_a_whole(package: Callable[..., list[str]]) -> None:
    assert package("blog_to_move.web", models_py="import sqlalchemy\n") != []


def test_what_only_looks_like_such_an_import_is_left(package: Callable[..., list[str]]) -> None:
    text = "from .sqlalchemy import x\nfrom . import sqlalchemy\nimport sqlalchemyish\nfrom flask_uow import select\n# import sqlalchemy\n"
    assert package(models_py=text, sqlalchemy_py="'from sqlalchemy import select'\nx = 1\n") == []


def test_installed_packages_are_left(package: Callable[..., list[str]]) -> None:
    files = {
        ".venv__lib__site-packages__x_py": "import sqlalchemy\n",
        "lib__site-packages__x_py": "import sqlalchemy\n",
    }
    assert package(**files) == []


def test_a_file_that_is_no_python_is_told_and_the_others_are_examined(package: Callable[..., list[str]]) -> None:
    first, second = package(a_py="def (:\n", b_py="import sqlalchemy\n")
    assert first.startswith("a.py: the file cannot be read as Python")
    assert second.startswith("b.py:1:")


@pytest.mark.parametrize(
    "text",
    [
        "class Config:\n    SQLALCHEMY_ECHO = True\n",
        "\napp.config['SQLALCHEMY_ECHO'] = True\n",
        "\nconfigure(SQLALCHEMY_ECHO=True)\n",
        "\nCONFIG = {'SQLALCHEMY_ECHO': True}\n",
        "\nSQLALCHEMY_ECHO: bool = True\n",
    ],
)
def test_keys_in_the_source_are_found(package: Callable[..., list[str]], text: str) -> None:
    assert package(settings_py=text) == [
        "settings.py:2: SQLALCHEMY_ECHO has no effect: flask_uow does not read it. Set UOW_ECHO instead."
    ]


@pytest.mark.parametrize("name", ["social", "roles", "conduit", "flaskr"])
def test_every_line_that_had_to_be_changed_in_a_moved_app_is_found(
    name: str, package: Callable[..., list[str]]
) -> None:
    changed: list[str] = []
    for line in (MOVED / name / "moved.diff").read_text(encoding="utf-8").splitlines():
        if line.startswith("-") and not line.startswith("--- "):
            changed.append(line[1:].strip())
    # what is called by an imported name is changed with the import
    calls = [line for line in changed if line.startswith(("db = ", "@api."))]
    text = "\n".join(line if not line.startswith("@") else "x = SQLAlchemyError" for line in changed)
    found = package(all_py=text + "\n")
    lines = {int(match[1]) for line in found if (match := re.match(r"all.py:(\d+): ", line))}
    assert lines == {number for number, line in enumerate(changed, 1) if line not in calls}


# -- tables and columns


def test_a_table_that_is_not_there_is_found(examine: Callable[..., list[str]]) -> None:
    (line,) = examine(note_table())
    assert line == ("tables: default: note: the database has no such table. Run `flask uow create-all --bind default`.")


def test_a_view_may_stand_for_a_table(examine: Callable[..., list[str]]) -> None:
    sql = ("CREATE TABLE other (id INTEGER NOT NULL PRIMARY KEY)", "CREATE VIEW note AS SELECT id FROM other")
    assert examine(note_table(), sql=sql) == []


DIFFERENT = [
    (Column("x", String(20)), "x VARCHAR(10)", "its type is VARCHAR(10) in the database and VARCHAR(20) in the model"),
    (Column("x", Text), "x VARCHAR(10)", "its type is VARCHAR(10) in the database and TEXT in the model"),
    (Column("x", Integer), "x VARCHAR(10)", "its type is VARCHAR(10) in the database and INTEGER in the model"),
    (Column("x", Boolean), "x INTEGER", "its type is INTEGER in the database and BOOLEAN in the model"),
    (Column("x", Float), "x INTEGER", "its type is INTEGER in the database"),
    (Column("x", Interval), "x TIMESTAMP", "in the database and INTERVAL in the model"),
    (Column("x", Numeric(10, 2)), "x NUMERIC(10, 3)", "(10, 3) in the database and"),
    (Column("x", Integer, nullable=False), "x INTEGER", "it may be NULL in the database, and must not in the model"),
    (Column("x", Integer), "x INTEGER NOT NULL", "it must not be NULL in the database, and may in the model"),
    (Column("x", Integer), "y INTEGER", "the database has no such column"),
]


@pytest.mark.parametrize(("column", "definition", "fact"), DIFFERENT)
def test_a_column_that_differs_is_found(
    examine: Callable[..., list[str]], column: Column, definition: str, fact: str
) -> None:
    lines = examine(note_table(column), "--skip", "decimals", sql=NOTE.format(definition))
    assert any(line.startswith("columns: default: note.x: ") and fact in line for line in lines), lines


def test_what_the_cures_say_cures(examine: Callable[..., list[str]], database: str) -> None:
    columns = [
        Column("title", String(20), nullable=False),
        Column("place", Integer),
        Column("order", Integer),
        Column("stays", Boolean),
    ]
    definition = "title VARCHAR(10), place INTEGER NOT NULL, extra INTEGER, stays BOOLEAN"
    lines = examine(note_table(*columns), sql=NOTE.format(definition))
    assert len(lines) == 5, lines
    sql = tuple(found[1] for line in lines if (found := re.search(r"`(ALTER TABLE .*?)`", line)))
    left = examine(note_table(*columns), sql=sql)
    if database == "postgresql":
        assert left == []
    else:
        assert [line.split(": ")[2] for line in left] == ["note.title", "note.title", "note.place"]
        assert all("SQLite changes no column" in line for line in left)


@pytest.mark.parametrize(
    ("definition", "fact"),
    [
        ("extra INTEGER", "the model has no such column."),
        ("extra INTEGER NOT NULL DEFAULT 3", "the model has no such column."),
        ("extra INTEGER NOT NULL", "and no row can be added without a value for it."),
    ],
)
def test_a_column_that_the_model_does_not_have_is_found(
    examine: Callable[..., list[str]], definition: str, fact: str
) -> None:
    (line,) = examine(note_table(), sql=NOTE.format(definition))
    assert line.startswith("columns: default: note.extra: ")
    assert fact in line


def test_a_new_column_that_must_not_be_null_needs_values(examine: Callable[..., list[str]]) -> None:
    (line,) = examine(note_table(Column("x", Integer, nullable=False)), sql=NOTE.format("CHECK (id > 0)"))
    assert "give the rows that are there a value first" in line


ALIKE = [
    (String(20), "VARCHAR(20)"),
    (String, "TEXT"),
    (Text, "VARCHAR"),
    (Float, "DOUBLE PRECISION"),
    (Float(53), "DOUBLE PRECISION"),
    (Integer, "INT"),
    (Numeric(10, 2), "DECIMAL(10,2)"),
]


@pytest.mark.parametrize(("type_", "ddl"), ALIKE)
def test_other_spellings_of_a_type_are_the_same(examine: Callable[..., list[str]], type_: Any, ddl: str) -> None:
    assert examine(note_table(Column("x", type_)), "--skip", "decimals", sql=NOTE.format(f"x {ddl}")) == []


def test_a_file_that_another_extension_has_made_is_read_as_it_is(tmp_path: Path) -> None:
    columns = {
        "moment DATETIME": DateTime(timezone=True),
        "key CHAR(32)": Uuid(),
        "flag BOOLEAN": Boolean(),
        "size FLOAT": Float(),
        "big BIGINT": Integer(),
        "kind VARCHAR(3)": Enum("a", "bcd"),
    }
    db = UnitOfWork()
    names = [Column(definition.split()[0], type_) for definition, type_ in columns.items()]
    db.Table("note", Column("id", Integer, primary_key=True), *names)
    app = Flask("an_app_without_a_package")
    app.config.update(UOW_DATABASE_URI=f"sqlite:///{tmp_path / 'made.db'}")
    db.init_app(app)
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(NOTE.format(", ".join(columns)))
    assert run(app, "uow", "doctor").output == "Nothing found.\n"
    dispose(db, app)


def test_tables_with_a_schema_of_their_own_are_found(examine: Callable[..., list[str]], database: str) -> None:
    schema = "main" if database == "sqlite" else "public"
    define: Define = lambda db: Table(  # noqa: E731
        "note", db.metadata, Column("id", Integer, primary_key=True), Column("x", Integer), schema=schema
    )
    (line,) = examine(define, sql=NOTE.format("CHECK (id > 0)"))
    assert line.startswith(f"columns: default: {schema}.note.x: the database has no such column")


def test_each_bind_is_looked_at_or_the_one_that_is_asked_for(examine: Callable[..., list[str]], tmp_path: Path) -> None:
    db = UnitOfWork()
    for key in (None, "audit"):
        db.Table("note", Column("id", Integer, primary_key=True), bind_key=key)
    app = Flask("an_app_without_a_package")
    app.config.update(UOW_DATABASE_URI="sqlite://", UOW_BINDS={"audit": f"sqlite:///{tmp_path / 'audit.db'}"})
    db.init_app(app)
    assert run(app, "uow", "doctor").output.count("has no such table") == 2
    assert "tables: audit: note:" in run(app, "uow", "doctor", "--bind", "audit").output
    assert "tables: default:" not in run(app, "uow", "doctor", "--bind", "audit").output
    dispose(db, app)


def test_a_database_that_does_not_answer_is_found_and_the_rest_is_looked_at() -> None:
    db = UnitOfWork()
    db.Table("note", Column("id", Integer, primary_key=True), bind_key="near")
    app = Flask("an_app_without_a_package")
    app.config.update(UOW_DATABASE_URI="postgresql://me:secret@127.0.0.1:1/x", UOW_BINDS={"near": "sqlite://"})
    db.init_app(app)
    output = run(app, "uow", "doctor").output
    assert "tables: default: the database does not answer" in output
    assert "tables: near: note: the database has no such table" in output
    assert "secret" not in output
    dispose(db, app)


# -- decimals


def decimals(tmp_path: Path, precision: int, sql: tuple[str, ...] = (), *args: str) -> list[str]:
    db = UnitOfWork()
    db.Table("note", Column("id", Integer, primary_key=True), Column("price", Numeric(precision, 2)))
    app = Flask("an_app_without_a_package")
    app.config.update(UOW_DATABASE_URI=f"sqlite:///{tmp_path / 'decimals.db'}")
    db.init_app(app)
    with app.app_context():
        with db.engine.begin() as connection:
            for statement in sql:
                connection.execute(statement)
        db.create_all()
    lines: list[str] = run(app, "uow", "doctor", *args).output.splitlines()
    dispose(db, app)
    return lines[:-1]


def test_decimals_that_other_programs_cannot_read_are_found(tmp_path: Path) -> None:
    (line,) = decimals(tmp_path, 10)
    assert line.startswith("decimals: default: note.price: its decimals are kept as exact text")
    assert "CAST(... AS REAL)" in line
    assert decimals(tmp_path, 10, (), "--skip", "decimals") == []


def test_decimals_that_are_kept_as_floats_are_found_where_digits_can_be_lost(tmp_path: Path) -> None:
    (tmp_path / "few").mkdir()
    assert decimals(tmp_path / "few", 10, (NOTE.format("price NUMERIC(10, 2)"),)) == []
    (line,) = decimals(tmp_path, 20, (NOTE.format("price NUMERIC(20, 2)"),))
    assert "keeps floats: 15 of its 20 digits are exact" in line


def test_definitions_that_other_programs_do_not_know_are_found(tmp_path: Path) -> None:
    table = NOTE.format("price NUMERIC(10, 2)")
    lines = decimals(tmp_path, 10, (table, "CREATE INDEX by_price ON note (price COLLATE decimal)"))
    (line,) = lines
    assert line.startswith("decimals: default: index by_price: its definition has `COLLATE decimal`")


def test_decimals_on_a_server_are_fine(postgresql_uri: str) -> None:
    engine = create_engine(postgresql_uri)
    db = UnitOfWork()
    db.Table("note", Column("id", Integer, primary_key=True), Column("price", Numeric(30, 2)))
    db.metadata.create_all(engine)
    engine.dispose()
    app = Flask("an_app_without_a_package")
    app.config.update(UOW_DATABASE_URI=postgresql_uri)
    db.init_app(app)
    assert run(app, "uow", "doctor").output == "Nothing found.\n"
    dispose(db, app)


# -- the command


def test_the_help_tells_the_checks_and_the_exit_code(flask_app: Flask) -> None:
    output = run(flask_app, "uow", "doctor", "--help").output
    for name in ("configuration", "imports", "tables", "columns", "decimals"):
        assert re.search(rf"^  {name} +\w", output, re.MULTILINE), output
    assert "Exits with 1 when something is found." in output
    assert "doctor" in run(flask_app, "uow", "--help").output


def test_an_unknown_check_to_skip_is_refused(flask_app: Flask) -> None:
    result = run(flask_app, "uow", "doctor", "--skip", "everything")
    assert result.exit_code == 2
    assert "'decimals'" in result.output


def test_it_changes_nothing(examine: Callable[..., list[str]]) -> None:
    assert examine(note_table()) == examine(note_table())
