"""Programs started for tests: waited for until they answer, stopped whatever happens."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager


def free_port() -> int:
    """Return a port of the loopback address that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(
    module: str, arguments: Sequence[str], environment: Mapping[str, str], *, expected_exit: int | None = 0
) -> Iterator[subprocess.Popen[str]]:
    """Run ``python -m module`` until the block ends.

    :param expected_exit: the exit code after SIGTERM; None where the test kills the process itself.
    """
    # a file and no pipe: one that nobody reads is full after 64 KB of log, and then the program waits for ever
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            env={**os.environ, **environment},
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            log.seek(0)
            output = log.read()[-20_000:]
            if expected_exit is not None:
                assert process.returncode == expected_exit, output


def wait_until_up(process: subprocess.Popen[str], url: str) -> None:
    """Return when the server answers; fail when it ends or takes a minute."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if process.poll() is not None:
            raise AssertionError(f"the server ended with {process.returncode}")
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        # a server that listens may still be importing the application: no answer within the time-out is no failure
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            try:
                process.wait(timeout=0.1)
            except subprocess.TimeoutExpired:
                continue
    raise AssertionError(f"no answer from {url} within a minute")
