"""The names, parameters and defaults of the specification: the Session page of SQLAlchemy 0.6.3.

Typed in from the page as data. tests/orm/session/test_specification.py compares it with the code's signatures and with docs/spec-coverage.md.
A default is written as in Python; "" is a parameter without one.
"""

from __future__ import annotations

__all__ = ["ALIASES", "OPTIONS", "PROPERTIES", "SIGNATURES"]

_SESSION = [
    ("bind", "None"),
    ("autoflush", "True"),
    ("expire_on_commit", "True"),
    ("_enable_transaction_accounting", "True"),
    ("autocommit", "False"),
    ("twophase", "False"),
    ("weak_identity_map", "True"),
    ("binds", "None"),
    ("extension", "None"),
    ("query_cls", "Query"),
]

# functions, classes and methods, with their parameters in order
SIGNATURES: dict[str, list[tuple[str, str]]] = {
    "create_session": [("bind", "None"), ("**kwargs", "")],
    "make_transient": [("instance", "")],
    "scoped_session": [("session_factory", ""), ("scopefunc", "None")],
    "sessionmaker": [
        ("bind", "None"),
        ("class_", "None"),
        ("autoflush", "True"),
        ("autocommit", "False"),
        ("expire_on_commit", "True"),
        ("**kwargs", ""),
    ],
    "Session": _SESSION,
    "Session.add": [("instance", "")],
    "Session.add_all": [("instances", "")],
    "Session.begin": [("subtransactions", "False"), ("nested", "False")],
    "Session.begin_nested": [],
    "Session.bind_mapper": [("mapper", ""), ("bind", "")],
    "Session.bind_table": [("table", ""), ("bind", "")],
    "Session.close": [],
    "Session.close_all": [],
    "Session.commit": [],
    "Session.connection": [("mapper", "None"), ("clause", "None")],
    "Session.delete": [("instance", "")],
    "Session.execute": [("clause", ""), ("params", "None"), ("mapper", "None"), ("**kw", "")],
    "Session.expire": [("instance", ""), ("attribute_names", "None")],
    "Session.expire_all": [],
    "Session.expunge": [("instance", "")],
    "Session.expunge_all": [],
    "Session.flush": [("objects", "None")],
    # the page shows mapper without a default, and says that all arguments are optional
    "Session.get_bind": [("mapper", "None"), ("clause", "None")],
    "Session.is_modified": [("instance", ""), ("include_collections", "True"), ("passive", "False")],
    "Session.merge": [("instance", ""), ("load", "True"), ("**kw", "")],
    "Session.object_session": [("instance", "")],
    "Session.prepare": [],
    "Session.prune": [],
    "Session.query": [("*entities", ""), ("**kwargs", "")],
    "Session.refresh": [("instance", ""), ("attribute_names", "None"), ("lockmode", "None")],
    "Session.rollback": [],
    "Session.scalar": [("clause", ""), ("params", "None"), ("mapper", "None"), ("**kw", "")],
    "ScopedSession": [("session_factory", ""), ("scopefunc", "None")],
    "ScopedSession.configure": [("**kwargs", "")],
    "ScopedSession.mapper": [("*args", ""), ("**kwargs", "")],
    "ScopedSession.query_property": [("query_cls", "None")],
    "ScopedSession.remove": [],
}

CLASS_METHODS = ("Session.close_all", "Session.object_session")

PROPERTIES = ("Session.deleted", "Session.dirty", "Session.is_active", "Session.new")

# the options that the page describes at sessionmaker, all but class_ passed on to the Session
OPTIONS: dict[str, str] = {**dict(_SESSION), "class_": "None"}

# what the page's text calls by older names
ALIASES = {"clear": "Session.expunge_all", "purge": "Session.prune"}
