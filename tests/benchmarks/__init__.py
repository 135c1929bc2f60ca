"""How far flask_uow is from hand-written driver code, and from SQLAlchemy, measured side by side.

``python -m tests.benchmarks [--database sqlite|postgresql|both] [--rounds 5] [operation ...]``

Modules in reading order:

- ``data``: the tables, the rows and what each operation must leave behind.
- ``peers``: the same operations written three times: ``raw`` (the limit), ``uow``, ``sqlalchemy_orm``.
- ``worker``: one (operation, peer, database) in a process of its own.
- ``__main__``: interleaved rounds, medians, the table of ratios to raw.

The test suite runs only a small pass over the cells that checks the results (test_benchmarks.py): no test asserts a
duration.
"""
