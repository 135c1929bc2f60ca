"""A TCP proxy before a PostgreSQL server that notes the messages of the protocol, and when their direction changes.

Used by ``round_trips``. One thread moves all bytes, so that the order in which messages are noted is that in which they came.
"""

from __future__ import annotations

import selectors
import socket
import struct
import threading
from contextlib import closing
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import quote

import psycopg2

_NAMES = {
    b"P": "Parse",
    b"B": "Bind",
    b"D": "Describe",
    b"E": "Execute",
    b"S": "Sync",
    b"C": "Close",
    b"X": "Terminate",
}
_HEADER = struct.Struct("!I")


@dataclass
class Wait:
    """What a client has sent before it waited for the server.

    :ivar messages: SQL of simple queries and of Parse, names of other messages.
    """

    messages: list[str] = field(default_factory=list)


class _Side:
    """One socket of a connection, and what has come from the client but is no whole message yet."""

    def __init__(self, source: socket.socket, sink: socket.socket, client: _Client) -> None:
        self.source, self.sink, self.client = source, sink, client


class _Client:
    """A client's connection.

    :ivar waiting: the server had the last word, so that the next message of the client begins a new wait.
    """

    def __init__(self, socket: socket.socket) -> None:
        self.socket = socket
        self.waiting = True
        self.started = False
        self._left = b""

    def messages(self, data: bytes) -> list[str]:
        """Return the messages that are whole with ``data``, those of the start-up excepted."""
        self._left += data
        found: list[str] = []
        while True:
            first = 1 if self.started else 0
            if len(self._left) < first + 4:
                return found
            end = first + int(_HEADER.unpack_from(self._left, first)[0])
            if len(self._left) < end:
                return found
            kind, body, self._left = self._left[:first], self._left[first + 4 : end], self._left[end:]
            if not self.started:
                # the start-up packet, which has no type: opening a connection is no wait of a request
                self.started = True
            elif kind == b"Q":
                found.append(body.rstrip(b"\0").decode())
            elif kind == b"P":
                found.append(f"Parse {body.split(bytes(1))[1].decode()}")
            elif kind != b"p":  # a password
                found.append(_NAMES.get(kind, kind.decode()))


class ProtocolProxy:
    """The proxy; ``uri`` leads through it.

    Clients must not ask for encryption: give them ``PGSSLMODE=disable`` and ``PGGSSENCMODE=disable``.

    :param uri: of the database.
    :ivar waits: all waits since ``clear()``, in order, over all connections.
    """

    def __init__(self, uri: str) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        with closing(psycopg2.connect(uri)) as connection:
            known = connection.info
            self._host, self._port = known.host, known.port
            user = quote(known.user) + (f":{quote(known.password)}" if known.password else "")
            self.uri = f"postgresql://{user}@127.0.0.1:{port}/{known.dbname}"
        self.waits: list[Wait] = []
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._stopping, self._stop = socket.socketpair()
        self._selector.register(self._stopping, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.send(b"x")
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            assert isinstance(key.fileobj, socket.socket)
            key.fileobj.close()
        self._selector.close()
        self._stop.close()

    def clear(self) -> None:
        """Forget what was noted."""
        self.waits.clear()

    def _run(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._stopping:
                    return
                if key.fileobj is self._listener:
                    self._accept()
                else:
                    self._move(key.data)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        if self._host.startswith("/"):
            server = socket.socket(socket.AF_UNIX)
            server.connect(f"{self._host}/.s.PGSQL.{self._port}")
        else:
            server = socket.create_connection((self._host, self._port))
        for each in (client, server):
            if each.family != socket.AF_UNIX:
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        both = _Client(client)
        self._selector.register(client, selectors.EVENT_READ, _Side(client, server, both))
        self._selector.register(server, selectors.EVENT_READ, _Side(server, client, both))

    def _move(self, side: _Side) -> None:
        if side.source.fileno() < 0:
            return  # closed with its partner a moment ago
        try:
            if data := side.source.recv(65536):
                if side.source is side.client.socket:
                    self._note(side.client, data)
                else:
                    side.client.waiting = True
                side.sink.sendall(data)
                return
        except OSError:
            side.client.waiting = True  # a partner that is gone: both sockets are closed
        for each in (side.source, side.sink):
            self._selector.unregister(each)
            each.close()

    def _note(self, client: _Client, data: bytes) -> None:
        messages = client.messages(data)
        if not messages:
            return
        if client.waiting:
            self.waits.append(Wait())
            client.waiting = False
        self.waits[-1].messages += messages
