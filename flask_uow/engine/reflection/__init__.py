"""Reflection of a database: its tables, columns, keys, indexes. ``inspect(engine)`` gives an ``Inspector``.

In reading order: catalog (what a database's catalog must tell), postgresql, sqlite_definition and sqlite, inspector, tables.
"""
