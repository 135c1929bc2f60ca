"""Where the commands measure: empty databases, as many as they ask for, on one PostgreSQL server that is started when first needed.

Called by every command of this package.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

from tests.postgresql import DURABLE_SERVER_SETTINGS, fresh_database, postgresql_server, server_version


class Places:
    """Gives empty databases.

    :param machine: what ``machine.describe()`` has found; the version of the PostgreSQL server is added when it starts.
    :param server: the URI of a maintenance database on a server that runs already.
    """

    def __init__(self, machine: dict[str, Any], server: str | None = None) -> None:
        self._machine = machine
        self._stack = ExitStack()
        self._server = server

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    @contextmanager
    def empty(self, database: str) -> Iterator[str]:
        """Give the URI of an empty database, which is gone afterwards.

        :param database: ``sqlite`` or ``postgresql``.
        """
        if database == "sqlite":
            with tempfile.TemporaryDirectory(prefix="uow-benchmark-") as folder:
                yield f"sqlite:///{Path(folder, 'benchmark.db')}"
        else:
            with fresh_database(self._running()) as uri:
                yield uri

    def _running(self) -> str:
        if self._server is None:
            self._server = self._stack.enter_context(postgresql_server(DURABLE_SERVER_SETTINGS))
            self._machine["postgresql"] = server_version(self._server)
        return self._server
