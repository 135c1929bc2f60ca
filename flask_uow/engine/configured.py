"""Engines made of the texts of a configuration file: ``engine_from_config()``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask_uow.engine.engine import Engine, create_engine
from flask_uow.exc import ArgumentError

__all__ = ["engine_from_config"]

_TRUTH = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def _truth(text: str) -> bool:
    return _TRUTH[text.strip().lower()]


def _truth_or_debug(text: str) -> Any:
    return "debug" if text.strip().lower() == "debug" else _truth(text)


# options that are no texts
_READ: dict[str, Callable[[str], Any]] = {
    "echo": _truth_or_debug, "echo_pool": _truth_or_debug, "hide_parameters": _truth, "future": _truth, "pool_pre_ping": _truth,
    "pool_use_lifo": _truth,
    "pool_size": int, "max_overflow": int, "query_cache_size": int, "pool_timeout": float, "pool_recycle": float,
}  # fmt: skip


def engine_from_config(configuration: Mapping[str, Any], prefix: str = "sqlalchemy.", **options: Any) -> Engine:
    """Return an engine for the settings of a configuration whose names begin with a prefix: ``sqlalchemy.url``, ``sqlalchemy.echo``.

    :param configuration: the settings; numbers and truth values may be texts: ``"10"``, ``"true"``.
    :param prefix: the beginning of their names.
    :param options: further options of :func:`create_engine`, which win over the configuration's.
    :raises ArgumentError: without a URL, for an unknown option, or a text that is no number or truth value where one is meant.
    """
    found = {name[len(prefix) :]: value for name, value in configuration.items() if name.startswith(prefix)}
    url = options.pop("url", found.pop("url", None))
    if url is None:
        raise ArgumentError(
            f"engine_from_config() found no {prefix}url. Set it, or pass the prefix that the settings have."
        )
    read: dict[str, Any] = {}
    for name, value in found.items():
        try:
            read[name] = _READ[name](value) if isinstance(value, str) and name in _READ else value
        except (KeyError, ValueError):
            expected = "a number" if _READ[name] in (int, float) else "true or false"
            raise ArgumentError(f"{prefix}{name} = {value!r}: expected {expected}.") from None
    return create_engine(url, **{**read, **options})
