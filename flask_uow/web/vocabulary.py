"""``db.Column``, ``db.select``, ``db.relationship`` ...: every public name of flask_uow is an attribute of the extension, too.

One rule, no list: what flask_uow exports and the extension has no attribute of its own for. Type checkers read the names in
flask_uow.web.vocabulary_types, which is generated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import flask_uow
from flask_uow.exc import instead_of

if TYPE_CHECKING:
    from flask_uow.web.vocabulary_types import VocabularyTypes
else:
    VocabularyTypes = object

__all__ = ["Vocabulary", "own_names"]


class Vocabulary(VocabularyTypes):
    """Passes on the public names of flask_uow."""

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_") or name not in public_names():
                raise AttributeError(_unknown(self, name), name=name, obj=self)
            value = getattr(flask_uow, name)
            # found at once from now on
            self.__dict__[name] = value
            return value

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *public_names()})


def public_names() -> list[str]:
    """Return the public names of flask_uow."""
    names: list[str] = vars(flask_uow)["__all__"]
    return names


def own_names() -> frozenset[str]:
    """Return the public names that the extension has a meaning of its own for: ``db.Table`` knows the MetaData, ``db.engine`` is one."""
    made = flask_uow.UnitOfWork()
    return frozenset(name for name in {*dir(type(made)), *vars(made)} if not name.startswith("_"))


def _unknown(owner: Vocabulary, name: str) -> str:
    if name.startswith("_"):
        return f"{type(owner).__name__!r} object has no attribute {name!r}"
    known = [known for known in dir(owner) if not known.startswith("_")]
    return (
        f"{type(owner).__name__!r} object has no attribute {name!r}, and flask_uow exports no such name.{instead_of(name, known)}"
        " It has the attributes of UnitOfWork, and every name in flask_uow.__all__."
    )
