"""Imports of SQLAlchemy, and keys of its extensions, in the source of an app's package. The source is parsed, never executed."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import flask_uow
from flask_uow.exc import RENAMED, instead_of
from flask_uow.web.doctor.configuration import KEYS_OF_OTHERS, cure_of_key
from flask_uow.web.doctor.findings import Finding

__all__ = ["OTHER_PACKAGES", "examine_source", "source_files"]

#: package -> what there is instead of it
OTHER_PACKAGES = {
    "sqlalchemy": "flask_uow has its names",
    "flask_sqlalchemy": "flask_uow has its names; SQLAlchemy is called UnitOfWork",
    "flask_sqlalchemy_lite": "flask_uow has its names; SQLAlchemy is called UnitOfWork",
    "flask_migrate": "flask_uow has no migrations; keep the SQL of changes in files, and look with `flask uow doctor`",
    "alembic": "flask_uow has no migrations; keep the SQL of changes in files, and look with `flask uow doctor`",
    "sqlalchemy_utils": "it works on SQLAlchemy's classes only; write what you use of it as a TypeDecorator",
    "marshmallow_sqlalchemy": "it works on SQLAlchemy's classes only; write the schemas' fields out",
    "flask_marshmallow": "its SQLAlchemy schemas work on SQLAlchemy's classes only; write the schemas' fields out",
}

_PUBLIC: list[str] = vars(flask_uow)["__all__"]

# packages of which flask_uow exports the names
_SAME_NAMES = ("sqlalchemy", "flask_sqlalchemy", "flask_sqlalchemy_lite")
# modules whose names are exported by flask_uow itself, or that are attributes of it under these names
_MODULES = {"sqlalchemy": "flask_uow", "sqlalchemy.orm": "flask_uow.orm", "sqlalchemy.exc": "flask_uow.exc"}

_FOREIGN_FOLDERS = {"site-packages", "dist-packages", "node_modules", "__pycache__"}


def source_files(import_name: str, root_path: str) -> list[Path]:
    """Return the Python files of an app: those of its package; where it is one module, that one and those beside it that are in use.

    None, where the name is that of nothing that was imported.

    :param import_name: as the app was made with.
    :param root_path: the app's folder.
    """
    root = Path(root_path).resolve()
    top = sys.modules.get(import_name.partition(".")[0])
    if top is None:
        return []
    folders = [Path(folder).resolve() for folder in getattr(top, "__path__", [])]
    if folders:
        return sorted(
            path for folder in folders for path in folder.rglob("*.py") if not _is_foreign(path.relative_to(folder))
        )
    files = {
        Path(file).resolve() for module in list(sys.modules.values()) if (file := getattr(module, "__file__", None))
    }
    return sorted(
        path
        for path in files
        if path.suffix == ".py" and path.is_relative_to(root) and not _is_foreign(path.relative_to(root))
    )


def _is_foreign(path: Path) -> bool:
    """Return True for a file in a virtual environment, or another folder of things that are installed."""
    return any(part in _FOREIGN_FOLDERS or part.startswith(".") for part in path.parts)


def examine_source(files: list[Path], root: Path) -> Iterator[Finding]:
    """Find what has to be changed in files.

    :param root: paths are shown relative to it, where they are inside.
    """
    for path in files:
        shown = path.relative_to(root) if path.is_relative_to(root) else path
        try:
            tree = ast.parse(path.read_bytes())
        except SyntaxError as error:
            yield Finding(
                "imports", str(shown), f"the file cannot be read as Python ({error.msg}).", "Mend it, and look again."
            )
            continue
        for node in ast.walk(tree):
            for fact, cure in _problems(node):
                yield Finding("imports", f"{shown}:{getattr(node, 'lineno', 1)}", fact, cure)


def _problems(node: ast.AST) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.ImportFrom) and node.level == 0:
        module = node.module or ""
        package = module.partition(".")[0]
        if package in OTHER_PACKAGES:
            names = [alias.name for alias in node.names]
            yield (
                f"`from {module} import {', '.join(names)}` is not moved over.",
                _cure_of_names(package, module, names),
            )
    elif isinstance(node, ast.Import):
        for alias in node.names:
            package = alias.name.partition(".")[0]
            if package in OTHER_PACKAGES:
                yield f"`import {alias.name}` is not moved over.", _cure_of_module(package, alias)
    elif (key := _assigned_key(node)) is not None:
        yield f"{key} has no effect: flask_uow does not read it.", cure_of_key(key)


def _assigned_key(node: ast.AST) -> str | None:
    """Return the key of another extension that is given a value: in a class, in a module, or in a dict."""
    name: object = None
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        name = node.id
    elif isinstance(node, ast.keyword):
        name = node.arg
    elif isinstance(node, ast.Constant):
        name = node.value
    return name if isinstance(name, str) and name in KEYS_OF_OTHERS else None


def _cure_of_names(package: str, module: str, names: list[str]) -> str:
    if package not in _SAME_NAMES:
        return f"Remove it: {OTHER_PACKAGES[package]}."
    if names == ["*"]:
        return "Write `from flask_uow import *`."
    known = {name: RENAMED.get(name, name) for name in names}
    there = [new for new in known.values() if new in _PUBLIC]
    parts = [f"Write `from flask_uow import {', '.join(there)}`."] if there else []
    for name, new in known.items():
        if new not in _PUBLIC:
            parts.append(f"flask_uow has no {name}.{instead_of(name, _PUBLIC)}")
    if renamed := [f"{name} is called {new}" for name, new in known.items() if name != new]:
        parts.append(f"{' and '.join(renamed)}.")
    return " ".join(parts)


def _cure_of_module(package: str, alias: ast.alias) -> str:
    if package not in _SAME_NAMES:
        return f"Remove it: {OTHER_PACKAGES[package]}."
    new = _MODULES.get(alias.name, "flask_uow")
    if alias.asname:
        return f"Write `import {new} as {alias.asname}`."
    return f"Write `import {new}`, and {new} where {alias.name} stands in the code."
