"""Turns declarations of attributes into fields of :func:`dataclasses.dataclass`, and a class into a dataclass before it is mapped."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from flask_uow.exc import ArgumentError
from flask_uow.orm.symbols import NO_VALUE

__all__ = ["NOT_GIVEN", "NO_FIELD", "FieldOptions", "declared_field", "make_dataclass"]


class _NotGiven:
    """Stands for an argument that was not passed, where None is a value."""

    def __repr__(self) -> str:
        return "NOT_GIVEN"


NOT_GIVEN: Final = _NotGiven()


class FieldOptions(NamedTuple):
    """The arguments of a declaration that a dataclass understands, see :func:`dataclasses.field`; None or NOT_GIVEN where none was passed."""

    init: bool | None = None
    repr: bool | None = None
    default: Any = NOT_GIVEN
    default_factory: Any = NOT_GIVEN
    compare: bool | None = None
    hash: bool | None = None
    kw_only: bool | None = None
    metadata: Mapping[Any, Any] | None = None

    def over(self, template: FieldOptions) -> FieldOptions:
        """Return these options, with those of a template where these say nothing."""
        merged: list[Any] = [t if o is None or o is NOT_GIVEN else o for o, t in zip(self, template, strict=True)]
        return FieldOptions(*merged)

    @property
    def named(self) -> dict[str, Any]:
        """The options that were passed, by name."""
        return {name: value for name, value in self._asdict().items() if value is not None and value is not NOT_GIVEN}

    def check_unused(self, owner: str, has_default: bool) -> None:
        """Refuse options that only a dataclass understands, for a class that is none.

        :param has_default: True where a default is the column's, too.
        :raises ArgumentError: naming them.
        """
        names = [name for name in self.named if not (name == "default" and has_default)]
        if names:
            raise ArgumentError(
                f"{owner} has arguments of a dataclass ({', '.join(names)}), and its class is none. Derive the class, or its base, from"
                " MappedAsDataclass."
            )


# a declaration that says nothing to a dataclass
NO_FIELD: Final = FieldOptions()


def declared_field(options: FieldOptions, is_related: bool = False, is_read_only: bool = False) -> Any:
    """Return the field of a dataclass for a declaration.

    :param is_related: True for a relationship: one that the constructor does not get is left as it is, so that it can't undo a foreign key.
    :param is_read_only: True for an SQL expression, which no constructor takes.
    """
    given = dict(options.named)
    if "default" not in given and options.default is None:
        given["default"] = None
    if is_read_only:
        given = {"init": False, "repr": False, "compare": False, **given}
        given.setdefault("default", NO_VALUE)
    if is_related and given.get("default", NO_VALUE) is None and given.get("init", True):
        given["default"] = NO_VALUE
    if "kw_only" not in given:
        given["kw_only"] = dataclasses.MISSING
    return dataclasses.field(**given)


def make_dataclass(cls: type, declared: Mapping[str, Any], arguments: Mapping[str, Any]) -> None:
    """Make a class a dataclass; its declarations stand on it again afterwards.

    :param declared: the fields of the declarations in its body, by attribute.
    :param arguments: those of :func:`dataclasses.dataclass`; ``dataclass_callable`` is called in place of it.
    """
    options = dict(arguments)
    make = options.pop("dataclass_callable", None) or dataclasses.dataclass
    body = {name: vars(cls)[name] for name in declared}
    for name, field in declared.items():
        type.__setattr__(cls, name, field)
    try:
        make(cls, **options)
    finally:
        # the mapping reads the declarations, where the dataclass has left defaults
        for name, value in body.items():
            type.__setattr__(cls, name, value)
