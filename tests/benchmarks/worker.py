"""One peer on one database in a process of its own: no peer inherits memory or caches of another.

Started by ``runner`` as ``python -m tests.benchmarks.worker PEER URI``. Reads lines of JSON, ``{"row": ..., "size": ...}``, and answers
each with one, ``{"value": ..., "figures": ...}`` or ``{"error": ...}``; the first answer, unasked, tells which rows the peer
cannot run.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import traceback

from tests.benchmarks.peers import BenchmarkPeer, Clock


def main(peer_name: str, uri: str) -> None:
    # what a peer prints must not get among the answers
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    peer: BenchmarkPeer = importlib.import_module(f"tests.benchmarks.peers.{peer_name}").Peer(uri)

    def answer(content: object) -> None:
        print(json.dumps(content), file=answers, flush=True)

    # what the imports have left is not searched for garbage again before each measurement
    gc.collect()
    gc.freeze()
    answer({"cannot": peer.cannot})
    for line in sys.stdin:
        asked = json.loads(line)
        clock = Clock()
        try:
            figures = getattr(peer, asked["row"])(clock, asked["size"])
        except Exception:  # noqa: BLE001  (it is reported, and the other rows go on)
            answer({"error": traceback.format_exc()})
        else:
            answer({"value": clock.value, "figures": figures})
    peer.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
