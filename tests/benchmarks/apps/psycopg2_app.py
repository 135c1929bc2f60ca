"""On psycopg2 and its own pool, without anything else: what the other two are measured by."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask, abort, request
from psycopg2.pool import ThreadedConnectionPool

from tests.benchmarks.apps import CONNECTIONS


def create_app(uri: str) -> Flask:
    app = Flask(__name__)
    pool = ThreadedConnectionPool(CONNECTIONS, CONNECTIONS, uri)

    @contextmanager
    def transaction() -> Iterator[Any]:
        connection = pool.getconn()
        try:
            with connection, connection.cursor() as cursor:
                yield cursor
        finally:
            pool.putconn(connection)

    @app.get("/parents/<int:id>")
    def show(id: int) -> dict[str, Any]:
        with transaction() as cursor:
            cursor.execute("SELECT id, name FROM parent WHERE id = %s", (id,))
            key, name = cursor.fetchone() or abort(404)
            cursor.execute("SELECT id, title, position FROM child WHERE parent_id = %s ORDER BY id", (id,))
            children = [{"id": row[0], "title": row[1], "position": row[2]} for row in cursor.fetchall()]
        return {"id": key, "name": name, "children": children}

    @app.post("/parents/<int:id>")
    def change(id: int) -> tuple[dict[str, Any], int]:
        data = request.get_json()
        with transaction() as cursor:
            cursor.execute("SELECT id, name FROM parent WHERE id = %s", (id,))
            cursor.fetchone() or abort(404)
            cursor.execute("UPDATE parent SET name = %s WHERE id = %s", (data["name"], id))
            cursor.execute(
                "INSERT INTO child (parent_id, title, position) VALUES (%s, %s, 10) RETURNING id", (id, data["title"])
            )
            (key,) = cursor.fetchone()
        return {"id": key}, 201

    return app
