"""The Session's methods for many rows at once: past the unit of work, or through it under the names of SQLAlchemy 1."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

from flask_uow.orm.dml.bulk import Progress, bulk_insert
from flask_uow.orm.dml.bulk_objects import insert_mappings, save_objects, update_mappings
from flask_uow.orm.dml.copying import copy_from
from flask_uow.orm.dml.keyed import bulk_update
from flask_uow.orm.exclusive import exclusively
from flask_uow.orm.mapping.mapper import class_mapper
from flask_uow.orm.session.execution import ExecutingSession

if TYPE_CHECKING:
    from flask_uow.orm.mapping.mapper import Mapper

__all__ = ["ManyRowsSession"]


class ManyRowsSession(ExecutingSession):
    """Base of :class:`~flask_uow.orm.session.session.Session`: many rows at once."""

    def bulk_insert(
        self, entity: type, rows: Iterable[Any], *, return_keys: bool = False, progress: Progress | None = None
    ) -> Any:
        """INSERT many rows of a mapped class, without making objects persistent: no cascades, relationships or hooks.

        :param rows: mappings by attribute, or objects of the class, whose values are taken; an iterator is read page by page.
        :param return_keys: return the primary keys, in the order of the rows, where the database (or a default) makes them.
        :param progress: called with the number of rows so far after each page.
        :returns: the number of rows; with ``return_keys`` the keys, tuples for a composite one.
        :raises InvalidRequestError: for a name that is no column attribute of the class.
        :raises DBAPIError: what the database refused; the transaction must be rolled back then, as after a failed flush.
        """
        return exclusively(self, bulk_insert, self, class_mapper(entity), rows, return_keys, progress)

    def bulk_update(self, entity: type, rows: Iterable[Any], *, progress: Progress | None = None) -> int:
        """UPDATE many rows of a mapped class by primary key; attributes of the Session's objects that are concerned are expired.

        A version column is counted; a row that is given with a version is written only where it still has that one.

        :param rows: mappings with the key and the attributes to be set, or objects: of a changed one its changes are written, of one
            outside the Session all its values.
        :param progress: called with the number of rows so far after each page.
        :returns: the number of rows.
        :raises StaleDataError: when a row is not there, or has another version.
        :raises InvalidRequestError: for a mapping without the key, or a name that is no column attribute of the class.
        """
        return exclusively(self, bulk_update, self, class_mapper(entity), rows, progress)

    def bulk_save_objects(
        self,
        objects: Iterable[Any],
        return_defaults: bool = False,
        update_changed_only: bool = True,
        preserve_order: bool = True,
    ) -> None:
        """INSERT the rows of new objects and UPDATE those of others, without cascades, relationships or hooks.

        New objects stay transient. What is written of objects of this Session is expired in them.

        :param return_defaults: set the primary keys that the database makes on new objects.
        :param update_changed_only: write what was changed; False writes all values that are loaded.
        :param preserve_order: write in the order of the objects; False writes those of a class together, which takes fewer statements.
        :raises UnmappedInstanceError: when a class is not mapped.
        :raises StaleDataError: when a row that is to be updated is not there, or has another version.
        :raises InvalidRequestError: for new objects of a class whose rows are in several tables.
        """
        exclusively(self, save_objects, self._whole(), objects, return_defaults, update_changed_only, preserve_order)

    def bulk_insert_mappings(
        self,
        mapper: type | Mapper,
        mappings: Iterable[MutableMapping[str, Any]],
        return_defaults: bool = False,
        render_nulls: bool = False,
    ) -> None:
        """INSERT rows that are given as mappings by attribute; see :meth:`bulk_insert`.

        :param mapper: the mapped class.
        :param return_defaults: put the primary keys that the database makes into the mappings.
        :param render_nulls: None is NULL; else it leaves a column with a default to that.
        :raises InvalidRequestError: for a name that is no column attribute of the class.
        """
        exclusively(self, insert_mappings, self._whole(), class_mapper(mapper), mappings, return_defaults, render_nulls)

    def bulk_update_mappings(self, mapper: type | Mapper, mappings: Iterable[Mapping[str, Any]]) -> None:
        """UPDATE rows that are given as mappings by attribute, the primary key among them; see :meth:`bulk_update`.

        :param mapper: the mapped class.
        :raises StaleDataError: when a row is not there, or has another version.
        :raises ArgumentError: for a mapping without the key.
        :raises InvalidRequestError: for a name that is no column attribute of the class.
        """
        exclusively(self, update_mappings, self._whole(), class_mapper(mapper), mappings)

    def copy_from(
        self,
        entity: type,
        rows: Iterable[Any],
        *,
        columns: Sequence[Any] | None = None,
        progress: Progress | None = None,
    ) -> int:
        """Load many rows of a mapped class with COPY, the fastest way into PostgreSQL; rows are taken as the server takes them.

        Where there is no COPY (on SQLite, and where psycopg2 has a wait callback as under gevent) this is :meth:`bulk_insert`.

        :param rows: an iterable of mappings by attribute, of objects, or of sequences of values with ``columns``.
        :param columns: attributes (or their names) in the order of the values; those of the first row when None.
        :param progress: called with the number of rows so far every 10,000 rows, and at the end.
        :returns: the number of rows.
        :raises InvalidRequestError: for a name that is no column attribute, or a row with other columns than the first.
        """
        return exclusively(self, copy_from, self, class_mapper(entity), rows, columns, progress)
