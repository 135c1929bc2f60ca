"""Sends requests from a process of its own for ``threads``: ``python -m tests.benchmarks.load URL CLIENTS REQUESTS``.

Each client is a thread with a connection that it keeps. Of five requests one writes. Prints a line of JSON. Where Debian's ``wrk``
is installed, ``threads`` takes that instead: it needs far less of the processor, which the server then has.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from typing import Any
from urllib.parse import urlsplit

PARENTS = 100
WRITES_ONE_OF = 5


class Client(threading.Thread):
    """Sends its share of the requests, one after another.

    :ivar seconds: one number for each answer that was right.
    :ivar written: the keys of the children that the server says it has made.
    :ivar wrong: answers that were not right.
    """

    def __init__(self, address: str, number: int, requests: int) -> None:
        super().__init__()
        self.seconds: list[float] = []
        self.written: list[int] = []
        self.wrong: list[str] = []
        self._address, self._number, self._requests = address, number, requests

    def run(self) -> None:
        connection = http.client.HTTPConnection(self._address, timeout=60)
        for turn in range(self._requests):
            path = f"/parents/{(self._number * 7 + turn) % PARENTS + 1}"
            start = time.perf_counter()
            if turn % WRITES_ONE_OF == 0:
                body = json.dumps({"name": "renamed", "title": f"new {self._number}.{turn}"})
                connection.request("POST", path, body, {"Content-Type": "application/json"})
            else:
                connection.request("GET", path)
            response = connection.getresponse()
            text = response.read()
            self.seconds.append(time.perf_counter() - start)
            self._check(turn % WRITES_ONE_OF == 0, response.status, text)
        connection.close()

    def _check(self, wrote: bool, status: int, text: bytes) -> None:
        if status != (201 if wrote else 200):
            self.wrong.append(f"{status} {text.decode(errors='replace')[:200]}")
        elif wrote:
            self.written.append(json.loads(text)["id"])
        elif len(json.loads(text)["children"]) < 10:
            self.wrong.append(text.decode())


def main(url: str, clients: str, requests: str) -> None:
    """Send ``requests`` requests in all, and print what came of them."""
    address = urlsplit(url).netloc
    threads = [Client(address, number, int(requests) // int(clients)) for number in range(int(clients))]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    passed = time.perf_counter() - start
    seconds = sorted(second for thread in threads for second in thread.seconds)
    found: dict[str, Any] = {
        "requests": len(seconds),
        "per_second": len(seconds) / passed,
        "p50": seconds[len(seconds) // 2] * 1000,
        "p99": seconds[len(seconds) * 99 // 100] * 1000,
        "wrong": [text for thread in threads for text in thread.wrong],
        "written": sum(len(set(thread.written)) for thread in threads),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
