"""How far flask_uow is from hand-written driver code, and from other ORMs, measured side by side.

``python -m tests.benchmarks`` runs the table of docs/performance.md; ``--help`` lists its options. Modules in reading order:

- ``rows``: the rows of the table: how large, on which tables, and what must be true afterwards.
- ``data``: the tables, and the rows that they are filled with, by plain SQL.
- ``peers``: the same operations written for each peer: ``raw`` (the limit), flask_uow, SQLAlchemy, Django, Pony, peewee.
- ``requests``: what the rows with requests send, and what must come back.
- ``worker``: one peer on one database in a process of its own, which is told over a pipe what to run next.
- ``runner``: peers take turns; a result that is wrong is a failure, never a time.
- ``machine``: what the figures were measured on.
- ``report``: medians, ranges, ratios, tables.

Beside the table, each a command of its own (``commands`` has what they share, ``places`` gives them databases):

- ``scale``: the cost of a row from 1,000 to 100,000 objects, a flush in the ten tables of ``graph``, memory, imports.
- ``round_trips``: how often a request waits for the PostgreSQL server, and for what, seen by the ``proxy`` before it.
- ``segments``: what Flask, the extension, a Session, a lazy load and a commit each add to the time of a request.
- ``threads``: the three apps of ``apps`` under gunicorn with 1, 4 and 16 threads, under the load of ``wrk`` or ``load``.
- ``page``: writes the tables of all commands into docs/performance.md.

The test suite runs the quick forms, which check results; no test asserts a duration.
"""
