"""The errors for values that a column type does not take; :mod:`flask_uow.sql.types` and the dialects raise them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NoReturn

from flask_uow.exc import ArgumentError, DataError

__all__ = ["check_list", "named_criteria", "out_of_range", "unfit_parameters", "unnamed_criteria", "wrong_kind"]


def wrong_kind(type_: object, value: object, expected: str, cure: str) -> NoReturn:
    """Raise the DataError for a value of a class that ``type_`` does not take; ``orig`` is a TypeError."""
    message = f"{_describe(value)} cannot be stored as {type_!r}: expected {expected}. {cure}"
    raise DataError(message, orig=TypeError(message))


def out_of_range(type_: object, value: object, expected: str, cure: str) -> NoReturn:
    """Raise the DataError for a value of the right class that ``type_`` cannot hold; ``orig`` is a ValueError."""
    message = f"{_describe(value)} does not fit {type_!r}: expected {expected}. {cure}"
    raise DataError(message, orig=ValueError(message))


def check_list(parameters: object) -> None:
    """Refuse what is no list of mappings, by its first member.

    :raises ArgumentError: for values without names.
    """
    if not isinstance(parameters, Sequence) or isinstance(parameters, (str, bytes)):
        raise unfit_parameters(parameters)
    if parameters and not isinstance(parameters[0], Mapping):
        raise unfit_parameters(parameters)


def unfit_parameters(parameters: object) -> ArgumentError:
    """Return the error for parameters of a statement that are no mapping (and no list of mappings)."""
    kind = type(parameters).__name__
    if isinstance(parameters, (list, tuple)) and parameters:
        kind += f" of {type(parameters[0]).__name__}"
    return ArgumentError(
        f"the parameters of a statement are a mapping of values by name, or a list of mappings for an INSERT, UPDATE or DELETE; got a {kind}."
        " Write :name in the text, and pass {'name': value}. Text with the driver's own placeholders (? or %s) is executed by a connection's"
        " exec_driver_sql(), which takes a tuple."
    )


def _shown(value: object) -> str:
    """Return the ``repr`` of a value for a message, at most 60 characters; words in its place where the value has none."""
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001  the code is the value's own
        # an int of thousands of digits, a list that is too deep, or a __repr__ that fails
        return f"(whose repr() raises {type(error).__name__})"
    return text if len(text) <= 60 else text[:57] + "..."


def _describe(value: object) -> str:
    return f"the {type(value).__name__} {_shown(value)}"


def named_criteria(method: str, names: Iterable[str], other: str = "") -> TypeError:
    """Return the error for keywords where criteria are taken: ``filter(name="ed")``.

    :param other: the method that takes keywords.
    """
    first, *_ = names
    cure = f", or {other}({first}=...)" if other else ""
    got = ", ".join(f"{name}=" for name in names)
    return TypeError(
        f"{method}() takes criteria and no keywords, and got {got}. Write {method}(Class.{first} == ...){cure}."
    )


def unnamed_criteria(count: int) -> TypeError:
    """Return the error for criteria where keywords are taken: ``filter_by(User.name == "ed")``."""
    return TypeError(
        f"filter_by() takes keywords, the names of attributes, and got {count} argument{'s' if count > 1 else ''} without one."
        " Write filter_by(name=...), or filter(Class.name == ...)."
    )
