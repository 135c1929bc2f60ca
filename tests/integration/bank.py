"""The application that the tests of servers and faults, and the soak, put under load: accounts, transfers and a ledger.

Configured by the environment: BANK_URI, BANK_CONFIG (JSON, for app.config), BANK_PRELOAD (open a connection before the server forks).
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from typing import Any

from flask import Flask, Response, abort, redirect, request, stream_with_context

from flask_uow import CheckConstraint, CommitOutcomeUnknown, DeclarativeBase, Mapped, UnitOfWork, mapped_column, select

ACCOUNTS = 10
OPENING_BALANCE = 1000


class Base(DeclarativeBase):
    pass


db = UnitOfWork(model_class=Base)


class Account(Base):
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    balance: Mapped[int]
    __table_args__ = (CheckConstraint("balance >= 0"),)


class Transfer(Base):
    """A line of the ledger; the reference is the client's, and unique."""

    id: Mapped[int] = mapped_column(primary_key=True)
    reference: Mapped[str] = mapped_column(unique=True)
    source: Mapped[int]
    target: Mapped[int]
    amount: Mapped[int]


def transfer(reference: str, source: int, target: int, amount: int) -> None:
    """Move money, the accounts locked in the order in which they are named: transfers the other way deadlock."""
    accounts = {}
    for number in (source, target):
        accounts[number] = db.session.scalars(select(Account).where(Account.id == number).with_for_update()).one()
    accounts[source].balance -= amount
    accounts[target].balance += amount
    db.session.add(Transfer(reference=reference, source=source, target=target, amount=amount))


def create_tables() -> None:
    """Make tables and accounts, in the current app context."""
    db.create_all()
    db.session.add_all([Account(id=number, balance=OPENING_BALANCE) for number in range(ACCOUNTS)])


def create_app(uri: str | None = None, **config: Any) -> Flask:
    app = Flask(__name__, instance_path=tempfile.gettempdir())
    app.config["UOW_DATABASE_URI"] = uri or os.environ["BANK_URI"]
    app.config.update(json.loads(os.environ.get("BANK_CONFIG", "{}")), **config)
    db.init_app(app)
    add_transfers(app)
    add_probes(app)
    if os.environ.get("BANK_PRELOAD"):
        with app.app_context():
            app.config["PARENT_BACKEND"] = db.session.scalar("SELECT pg_backend_pid()")
    return app


def add_transfers(app: Flask) -> None:
    @app.post("/transfers/<reference>/<int:source>/<int:target>/<int:amount>")
    @db.transactional(attempts=20)
    def create(reference: str, source: int, target: int, amount: int) -> Any:
        transfer(reference, source, target, amount)
        injected = request.args.get("fail")
        if injected == "exception":
            raise LookupError("injected")
        if injected == "abort":
            abort(409)
        if injected == "returned":
            return "", 422
        return "", 201

    @app.post("/plain/<reference>/<int:source>/<int:target>/<int:amount>")
    def create_plainly(reference: str, source: int, target: int, amount: int) -> Any:
        transfer(reference, source, target, amount)
        if request.args.get("redirect"):
            return redirect("/")
        if request.args.get("fail"):
            raise LookupError("injected")
        return "", 201

    @app.errorhandler(CommitOutcomeUnknown)
    def unknown(error: CommitOutcomeUnknown) -> Any:
        return "unknown", 504


def add_probes(app: Flask) -> None:
    @app.get("/")
    def index() -> str:
        return "up"

    @app.get("/total")
    def total() -> dict[str, int]:
        return {"total": sum(account.balance for account in db.session.query(Account))}

    @app.get("/process")
    def process() -> dict[str, Any]:
        backend = db.session.scalar("SELECT pg_backend_pid()")
        return {"pid": os.getpid(), "backend": backend, "parent": app.config.get("PARENT_BACKEND")}

    @app.post("/wait/<reference>/<int:lock>")
    def wait(reference: str, lock: int) -> dict[str, int]:
        """Write, and then wait for an advisory lock: the test decides when the view goes on."""
        transfer(reference, 0, 1, 1)
        db.session.flush()
        db.session.execute("SELECT pg_advisory_xact_lock(:lock)", {"lock": lock})
        return {"pid": os.getpid()}

    @app.get("/stream/<int:chunks>")
    def stream(chunks: int) -> Response:
        transfer(request.args["reference"], 0, 1, 1)

        def body() -> Iterator[bytes]:
            transfer(f"{request.args['reference']} in the body", 1, 2, 1)
            db.session.flush()
            for _ in range(chunks):
                yield b"x" * 65_536

        return Response(stream_with_context(body()))
