"""One small app, written three times for ``threads``: a parent with its children as JSON; a parent changed and a child added.

Each module has ``create_app(uri)``; gunicorn serves ``tests.benchmarks.apps.NAME:create_app("...")``. All keep up to ``CONNECTIONS``
connections open, so that no thread waits for one, and leave threads, sessions and transactions to what they are built on.
"""

from __future__ import annotations

CONNECTIONS = 16
