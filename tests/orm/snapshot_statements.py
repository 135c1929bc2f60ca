"""Statements whose SQL text is kept under tests/orm/snapshots/, one file for each dialect.

``python -m tests.orm.snapshot_statements`` writes the files anew; look at the difference before you commit it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask_uow import (
    ARRAY,
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    CompileError,
    CreateSchema,
    DateTime,
    DropSchema,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    Numeric,
    PickleType,
    Query,
    Sequence,
    String,
    Table,
    UniqueConstraint,
    aliased,
    case,
    cast,
    delete,
    exists,
    func,
    insert,
    join,
    literal,
    select,
    text,
    tuple_,
    union_all,
    update,
)
from flask_uow.engine.dialects.postgresql import PostgreSQLDialect
from flask_uow.engine.dialects.sqlite import SQLiteDialect
from flask_uow.engine.url import make_url
from flask_uow.sql.ddl import DropSequence, DropTable, create_statements
from tests.orm.models import Node, Post, Tag, User

FOLDER = Path(__file__).parent / "snapshots"
DIALECTS: dict[str, Any] = {
    "generic": None,
    "postgresql": PostgreSQLDialect(make_url("postgresql://localhost/x"), {}),
    "sqlite": SQLiteDialect(make_url("sqlite://"), {}),
}

schema = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s_%(column_0_name)s", "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s", "pk": "pk_%(table_name)s",
    }
)  # fmt: skip
account = Table(
    "account",
    schema,
    Column("id", Integer, primary_key=True),
    Column("owner", ForeignKey("order.id", use_alter=True), comment="whose it is"),
    Column("balance", Numeric(12, 2), CheckConstraint("balance >= 0", "solvent"), server_default="0.00"),
    Column("opened", DateTime(timezone=True), server_default=func.now(), index=True),
    Column("tags", JSON),
    comment="it's money",
)
order = Table(
    "order",
    schema,
    Column("id", BigInteger, primary_key=True),
    Column("account_id", ForeignKey("account.id", ondelete="CASCADE", deferrable=True, initially="DEFERRED")),
    Column("Mixed Case", String(20), unique=True),
    Column("blob", PickleType),
    UniqueConstraint("account_id", "Mixed Case", name="own"),
    Index("ix_part", "id", unique=True, where=text("id > 10")),
    Index("ix_lower", func.lower(text('"Mixed Case"')), using="btree"),
)
numbered = Table(
    "numbered", schema, Column("id", Integer, Sequence("numbers", start=5), primary_key=True), Column("x", Integer)
)
identified = Table(
    "identified", schema, Column("id", Integer, Identity(always=True, start=7), primary_key=True), Column("x", Integer)
)
arrayed = Table(
    "arrayed",
    schema,
    Column("id", Integer, primary_key=True),
    Column("words", ARRAY(String(9))),
    sqlite_autoincrement=True,
)
elsewhere = Table(
    "elsewhere", schema, Column("id", Integer, primary_key=True), Column("x", Integer, index=True), schema="Other"
)


def statements() -> dict[str, Any]:
    """Statements and queries by name."""
    query = Query([User])
    boss, child = aliased(Node, name="boss"), aliased(Node)
    tree = select(Node.id, Node.name).where(Node.parent_id.is_(None)).cte("tree", recursive=True)
    tree = tree.union_all(select(child.id, child.name).where(child.parent_id == tree.c.id))
    row = insert(User).values(name="ed", email="e")
    busy = (
        select(Post.author_id, func.count().label("n"))
        .group_by(Post.author_id)
        .having(func.count() > 2)
        .subquery("busy")
    )
    return {
        "filters": query.filter(User.name == "ed", User.email.is_not(None)).order_by(User.name.desc()).limit(5).offset(10),
        "filter_by": query.filter_by(name="ed", email=None),
        "operators": query.filter((User.name.like("a%") & ~User.email.contains("x_")) | User.id.in_([1, 2]) | User.id.between(3, 4)),
        "ilike": query.filter(User.name.ilike("A%"), User.name.is_distinct_from(None)),
        "columns": Query([User.name, Post.title]).join(User.posts).distinct(),
        "outerjoin path": query.outerjoin(User.posts, Post.tags).filter(Tag.label == "x"),
        "join of an alias": Query([Node, boss]).join(boss, Node.parent).filter(boss.name == "b"),
        "aliased join": Query([Node]).join(Node.children, aliased=True).filter(Node.name == "c").reset_joinpoint().filter_by(name="p"),
        "orm join": select(User.name).select_from(join(User, Post, User.posts)),
        "any": query.filter(User.posts.any(Post.title == "t")),
        "any of itself": Query([Node]).filter(Node.children.any(name="c")),
        "has": Query([Post]).filter(Post.author.has(name="ed")),
        "exists": query.filter(exists(select(Post.id).where(Post.author_id == User.id))),
        "not in subquery": query.filter(User.id.not_in(select(Post.author_id))),
        "correlated scalar": Query([User.name, select(func.count(Post.id)).where(Post.author_id == User.id).correlate(User).scalar_subquery().label("n")]),
        "group": select(User.name, func.max(Post.id).label("newest")).join(User.posts).group_by(User.name).order_by("newest"),
        "derived table": select(User.name, busy.c.n).join(busy, busy.c.author_id == User.id),
        "from_self": query.order_by(User.id).limit(3).from_self().filter(User.name == "x"),
        "union": query.filter_by(name="a").union(query.filter_by(name="b")).order_by(User.name),
        "union of limits": union_all(select(User.id).order_by(User.id).limit(1), select(Post.id)).order_by("id"),
        "recursive cte": select(tree.c.name).order_by(tree.c.name),
        "window": select(func.row_number().over(partition_by=Post.author_id, order_by=Post.id.desc()).label("n"), func.sum(Post.id).over(rows=(None, 0))),
        "filtered aggregate": select(func.count(Post.id).filter(Post.title == "x"), func.avg(Post.id).filter(Post.id > 1)),
        "within group": select(func.percentile_cont(0.5).within_group(Post.id)),
        "case and cast": select(case((User.id > 5, "big"), else_="small").label("size"), cast(User.id, String)),
        "row values": select(Post.id).where(tuple_(Post.author_id, Post.title).in_([(1, "a"), (2, "b")])),
        "lock": query.with_for_update(nowait=True, of=User),
        "skip locked": query.with_for_update(read=True, skip_locked=True),
        "text with columns": select(text("SELECT id, name FROM x WHERE y = :y").columns(User.id, User.name).subquery("t").c.name),
        "from_statement": query.from_statement(text("SELECT * FROM people WHERE age > :age")),
        "insert": insert(User).values([{"name": "a", "email": None}, {"name": "b", "email": "x"}]).returning(User.id),
        "insert from select": insert(Tag).from_select(["label"], select(User.name).where(User.id > 3)),
        "insert of a sequence": insert(numbered).values(x=1),
        "upsert": row.on_conflict_do_update([User.name], {"email": row.excluded.email}, where=User.email != "x").returning(User.id),
        "upsert of all": row.on_conflict_do_update(["name"]),
        "upsert by constraint": row.on_conflict_do_nothing(constraint="user_name_key"),
        "do nothing": insert(Tag).from_select(["label"], select(User.name)).on_conflict_do_nothing(),
        "update": update(User).where(User.name == "a").values(email=User.name + "@x").returning(User.id, User.email),
        "update from": update(User).where(User.id == Post.author_id).values(email=Post.title),
        "delete": delete(Post).where(Post.author_id.in_(select(User.id).where(User.name == "a"))),
        "delete using": delete(Post).where(Post.author_id == User.id, User.name == "a"),
        "array": select(arrayed.c.words).where(arrayed.c.words.contains(["a"])),
        "literal array": select(literal(["a", "b"], ARRAY(String))),
        "decimal": select(account.c.balance * 2).where(account.c.balance > 5).order_by(account.c.balance),
    }  # fmt: skip


def printed(statement: Any, dialect: Any) -> str:
    """A statement as text, or why the dialect has none."""
    try:
        return str(statement.compile(dialect)) if dialect is not None else str(statement)
    except CompileError as error:
        return f"-- {error}"


def ddl(dialect: Any) -> dict[str, Any]:
    """The statements of the schema, by name."""
    alter = dialect is None or dialect.supports_alter
    tables = schema.sorted_tables
    made: dict[str, Any] = {}
    for number, statement in enumerate(create_statements(tables, frozenset(), alter, alter)):
        what = (
            getattr(statement, "table", None)
            or getattr(statement, "index", None)
            or getattr(statement, "sequence", None)
            or statement.constraint
        )  # type: ignore[attr-defined]
        made[f"{number:02} {type(statement).__name__} {getattr(what, 'name', what)}"] = statement
    made["drop"] = DropTable(order, account)
    made["drop sequence"] = DropSequence(Sequence("numbers"))
    made["create schema"] = CreateSchema("Other", if_not_exists=True)
    made["drop schema"] = DropSchema("Other", cascade=True, if_exists=True)
    return made


def snapshot(dialect_name: str) -> str:
    """All statements of one dialect as they are kept."""
    dialect = DIALECTS[dialect_name]
    parts = [
        f"-- {name}\n{printed(s if not isinstance(s, Query) else s.statement, dialect)}"
        for name, s in statements().items()
    ]
    parts += [f"-- ddl: {name}\n{printed(s, dialect)}" for name, s in ddl(dialect).items()]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for dialect_name in DIALECTS:
        (FOLDER / f"{dialect_name}.sql").write_text(snapshot(dialect_name), encoding="utf-8")
