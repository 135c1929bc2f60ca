"""Arguments of relationships that are given as text, since the classes they are about do not exist yet.

A text is a Python expression of the programmer's own, as in ``order_by="Post.created.desc()"``: names in it are classes and tables of the
registry, and what SQL is written with (``cast``, ``Integer``, ``select``), read when the mappers are configured. It must never hold a user's input.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import Any

from flask_uow import sql as vocabulary
from flask_uow.exc import ArgumentError, FlaskUowError, did_you_mean
from flask_uow.orm.mapping.join_marks import foreign, remote
from flask_uow.sql.constructors import asc, case, cast_, desc, literal, null
from flask_uow.sql.functions import func
from flask_uow.sql.operations import and_, not_, or_

__all__ = ["evaluate"]

_FUNCTIONS: dict[str, Any] = {
    "and_": and_, "or_": or_, "not_": not_, "asc": asc, "desc": desc, "func": func, "case": case, "cast": cast_, "literal": literal,
    "null": null, "foreign": foreign, "remote": remote,
}  # fmt: skip
_PATH = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*\Z")


def evaluate(text: str, what: str, find: Callable[[str], Any]) -> Any:
    """Evaluate a text.

    :param what: who asks, for the message.
    :param find: returns the class or table of a name; raises ArgumentError for an unknown one.
    :raises ArgumentError: for a text that cannot be read, and for names that nothing has.
    """
    # nearly all are a name or a path, which needs no compiler
    if _PATH.match(text):
        first, *rest = text.split(".")
        return _along(find(first), rest, text, what)
    try:
        tree = ast.parse(text.strip(), mode="eval")
        # all names are there beforehand: a debugger that looks for names of its own in the frame finds none
        names = {
            "__builtins__": {},
            **{name: _FUNCTIONS[name] if name in _FUNCTIONS else _found(name, find) for name in _free(tree)},
        }
        return eval(compile(tree, "<relationship>", "eval"), names)
    except FlaskUowError:
        raise
    except Exception as error:
        raise ArgumentError(
            f"{what}: {text!r} cannot be read: {error}. Write it as in Python, with the names of mapped classes and tables, or pass a function:"
            f" lambda: {text}"
        ) from error


def _found(name: str, find: Callable[[str], Any]) -> Any:
    """Return the class or table of a name; where there is none, the type or function of SQL that is called so."""
    try:
        return find(name)
    except ArgumentError:
        if name not in vocabulary.__all__:
            raise
        return getattr(vocabulary, name)


def _free(tree: ast.Expression) -> set[str]:
    """Return the names in an expression that are not its own, as the arguments of a lambda are."""
    nodes = list(ast.walk(tree))
    own = {node.arg for node in nodes if isinstance(node, ast.arg)}
    own.update(node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    return {node.id for node in nodes if isinstance(node, ast.Name)} - own


def _along(found: object, names: list[str], text: str, what: str) -> Any:
    for name in names:
        inner = getattr(found, name, None)
        if inner is None:
            mapper = getattr(found, "__mapper__", None)
            hint = did_you_mean(name, mapper.attribute_names if mapper is not None else dir(found))
            raise ArgumentError(
                f"{what}: {text!r} names nothing: {getattr(found, '__name__', found)!s} has no {name!r}.{hint}"
            )
        found = inner
    return found
