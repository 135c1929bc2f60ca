"""Which classes are mapped, and the moment when their relationships are worked out.

Relationships name classes that may not exist yet, so mappers are *configured* together, at first use: when a mapped object
is made, or a Session meets a mapped class. Each declarative base has a registry of its own; classical mappers share one.
"""

from __future__ import annotations

import itertools
import threading
import weakref
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from flask_uow.exc import ArgumentError, InvalidRequestError, did_you_mean
from flask_uow.orm.mapping.other_side import link, make_backref
from flask_uow.sql.schema import MetaData

if TYPE_CHECKING:
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.sql.schema import Table

__all__ = ["Registry", "clear_mappers", "configure_mappers", "mapping_changed", "mapping_version"]

# what listens to mappers being configured, of whatever registry
before_configured: list[Callable[[], object]] = []
after_configured: list[Callable[[], object]] = []

# reentrant, since what listens to the configuration may use mapped classes
_lock = threading.RLock()
# weakly: a base that nobody uses any more goes with its classes
_registries: weakref.WeakSet[Registry] = weakref.WeakSet()

_versions = itertools.count(1)
_version = 0


def mapping_version() -> int:
    """Return a number that is another one after each change of any mapping.

    Plans of queries are kept under it: an attribute that a class is given later is loaded by statements that were planned before.
    """
    return _version


def mapping_changed() -> None:
    """Take note that a mapping has changed."""
    global _version
    _version = next(_versions)


class Registry:
    """The mapped classes of one declarative base.

    Threads may share it; configuring is done once, under a lock.

    :ivar metadata: the tables among which names of tables are looked up.
    :ivar type_annotation_map: SQL types by the Python types that annotate attributes.
    :ivar mappers: the mappers, in order of definition.
    """

    def __init__(self, metadata: MetaData | None = None, type_annotation_map: Mapping[Any, Any] | None = None) -> None:
        self.metadata = metadata if metadata is not None else MetaData()
        self.type_annotation_map: dict[Any, Any] = dict(type_annotation_map or {})
        self.mappers: list[Any] = []
        self._classes: dict[str, list[type]] = {}
        self._waiting: list[Any] = []
        # the mappers whose classes know that they are configured
        self._told: set[Any] = set()
        # those whose listeners know it, and whether listeners are being told
        self._heard: set[Any] = set()
        self._is_configuring = False
        self._failed: Exception | None = None
        _registries.add(self)

    def add(self, mapper: Mapper) -> None:
        """Enter a mapper; it is configured at first use."""
        with _lock:
            self.mappers.append(mapper)
            self._classes.setdefault(mapper.class_.__name__, []).append(mapper.class_)
            # a property of it may have entered it already
            if mapper not in self._waiting:
                self._waiting.append(mapper)
            self._failed = None
            mapping_changed()

    @property
    def is_configured(self) -> bool:
        """True when no mapper waits to be configured."""
        return not self._waiting

    def classes(self) -> list[type]:
        """The mapped classes, in order of definition."""
        return [mapper.class_ for mapper in self.mappers]

    def configure(self, cascade: bool = False) -> None:
        """Configure the mappers that wait for it.

        :param cascade: True has those of all other registries configured as well.

        :raises ArgumentError: when a relationship leads nowhere; again at each use until the mapping is mended.
        """
        if cascade:
            for other in list(_registries):
                other.configure()
        # asked before the lock is taken: nearly every call comes when all is configured
        if not self._waiting:
            return
        with _lock:
            if self._is_configuring:
                # a listener uses what it has added itself
                self._configure()
                return
            self._is_configuring = True
            try:
                new = self._configure_first()
            finally:
                self._is_configuring = False
        _tell(new, "__declare_last__")
        for call in after_configured:
            call()

    def _configure_first(self) -> list[Any]:
        """Configure what waits, and tell those who want to hear it before; return the mappers that did not know of it."""
        for call in before_configured:
            call()
        if self._failed is not None:
            raise InvalidRequestError(f"the mappers cannot be configured: {self._failed}") from self._failed
        try:
            new = [mapper for mapper in self.mappers if mapper not in self._told]
            self._told.update(new)
            _tell(new, "__declare_first__")
            self._configure()
        except Exception as error:
            # what is half configured must not be gone on with
            self._failed = error
            raise
        return new

    def _configure(self) -> None:
        waiting = self._waiting
        relationships = []
        # the expressions and sources of all classes before the first relationship, which may lead to any of them
        for mapper in waiting:
            mapper.prepare_configuration()
        while unfinished := [m for m in waiting if m.unconfigured]:
            for mapper in unfinished:
                for prop in mapper.take_unconfigured():
                    prop.configure()
                    prop.install()
                    relationships.append(prop)
            # a backref adds a relationship to another mapper, which then is configured in the next turn
            for prop in relationships:
                make_backref(prop)
            waiting = list(dict.fromkeys([*waiting, *(prop.mapper for prop in relationships)]))
        # after all of them, since each side needs the other's direction
        for prop in relationships:
            link(prop)
        for mapper in waiting:
            mapper.finish_configuration()
        self._waiting = []
        mapping_changed()
        self._tell_configured(waiting)

    def _tell_configured(self, mappers: list[Any]) -> None:
        """Tell what listens to a mapper, once, that it is configured; it may use the mapper, and add to it."""
        for mapper in mappers:
            if mapper not in self._heard:
                self._heard.add(mapper)
                try:
                    mapper.hooks.call("mapper_configured", mapper, mapper.class_)
                except BaseException:
                    # the mapping is not what it was to be, and nobody shall use it
                    self._waiting = mappers
                    raise
        if self._waiting:
            self._configure()

    def forget(self, mapper: Mapper) -> None:
        """Unmap a class that is about to be mapped anew."""
        with _lock:
            self.mappers.remove(mapper)
            self._classes[mapper.class_.__name__].remove(mapper.class_)
            self._waiting = [other for other in self._waiting if other is not mapper]
            self._told.discard(mapper)
            self._heard.discard(mapper)
            mapper.dispose()

    def wait_for(self, mapper: Mapper) -> None:
        """Let a mapper that got another property be configured again."""
        with _lock:
            if mapper not in self._waiting:
                self._waiting.append(mapper)

    def has(self, name: str) -> bool:
        """Return True when a class (with or without its module) or a table is called so."""
        return name.rsplit(".", 1)[-1] in self._classes or self._table(name) is not None

    def find(self, name: str, what: str) -> Any:
        """Return the class or table of that name.

        :param name: a class's name, with its module where several classes share it; or a table's name.
        :param what: who asks, for the message.
        :raises ArgumentError: when there is none, or several.
        """
        short = name.rsplit(".", 1)[-1]
        found = self._classes.get(short, [])
        if "." in name and found:
            found = [c for c in found if f"{c.__module__}.{c.__qualname__}".endswith(name)]
        if len(found) == 1:
            return found[0]
        if len(found) > 1:
            places = ", ".join(f"{c.__module__}.{c.__qualname__}" for c in found)
            raise ArgumentError(
                f"{what}: several classes are called {name!r}: {places}. Write the name with its module."
            )
        table = self._table(name)
        if table is not None:
            return table
        in_schema = {
            key[len(name) + 1 :]: table
            for metadata in self._metadatas()
            for key, table in metadata.tables.items()
            if key.startswith(f"{name}.")
        }
        if in_schema:
            # the first part of a table's name, as texts have it: "shop.page.c.id"
            return SimpleNamespace(**in_schema)
        hint = did_you_mean(name, [*self._classes, *self.metadata.tables])
        raise ArgumentError(
            f"{what}: no mapped class or table is called {name!r}.{hint} Import the module that defines it before the first use."
        )

    def annotated(self, cls: object, name: str | None, what: str) -> Any:
        """Return the class that the annotation of a relationship means.

        What the name is among the names of the module may be another thing of that name, from typing say, or the class that the module
        had defined before it was run again, in a notebook or by a reloader.

        :param cls: what the name is among the names of the module; None where these do not have it.
        :param name: the name.
        :param what: who asks, for the message.
        :raises ArgumentError: when no class is called so.
        """
        if isinstance(cls, type) and "__mapper__" in vars(cls):
            place = (cls.__module__, cls.__qualname__)
            found = self._classes.get(cls.__name__, ())
            return next((c for c in found if (c.__module__, c.__qualname__) == place), cls)
        if name is not None and (not isinstance(cls, type) or name.rpartition(".")[2] in self._classes):
            return self.find(name, what)
        return cls

    def _table(self, name: str) -> Table | None:
        """Return the table of that name, in the default schema of its MetaData where the name says none; None where there is none."""
        for metadata in self._metadatas():
            for key in (name, f"{metadata.schema}.{name}"):
                if key in metadata.tables:
                    return metadata.tables[key]
        return None

    def _metadatas(self) -> list[MetaData]:
        own = dict.fromkeys([self.metadata, *(table.metadata for mapper in self.mappers for table in mapper.tables)])
        return list(own)

    def dispose(self, cascade: bool = False) -> None:
        """Take the hooks out of all classes; they can be mapped again afterwards.

        :param cascade: as SQLAlchemy takes it; registries whose classes are related to these are disposed of by themselves.
        """
        with _lock:
            for mapper in self.mappers:
                mapper.dispose()
            self.mappers.clear()
            self._classes.clear()
            self._told.clear()
            self._heard.clear()
            self._waiting = []
            self._failed = None


def _tell(mappers: list[Any], name: str) -> None:
    """Call a class method of the classes that have it; those that inherit it from a mapped class are told as well."""
    for mapper in mappers:
        method = getattr(mapper.class_, name, None)
        if method is not None:
            method()


def every_mapper() -> list[Any]:
    """Return the mappers of all registries."""
    return [mapper for registry in list(_registries) for mapper in registry.mappers]


# the registry of classical mappers
default_registry = Registry()


def configure_mappers() -> None:
    """Configure all mappers now; it happens by itself at first use.

    :raises ArgumentError: when a relationship leads nowhere.
    """
    for registry in list(_registries):
        registry.configure()


def clear_mappers() -> None:
    """Unmap all classes; they can be mapped again afterwards."""
    for registry in list(_registries):
        registry.dispose()
