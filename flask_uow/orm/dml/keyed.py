"""UPDATEs of rows by their primary keys, each with values of its own: ``session.bulk_update()``, and ``update(Class)`` with a list.

Rows travel through the batch writers of a flush, table by table of the class. A version column is honoured: a row that is given with a version is
found under that one only, and every row that is written gets its next one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flask_uow.exc import ArgumentError, FlaskUowError, InvalidRequestError
from flask_uow.orm.dml.bulk import Progress, pages_of, stored_columns, transaction_of, values_of
from flask_uow.orm.dml.evaluator import has_forms
from flask_uow.orm.dml.versions import count_versions, require_counting, versioned_part
from flask_uow.orm.exc import StaleDataError
from flask_uow.orm.loading.column_loader import key_of
from flask_uow.orm.loading.statements import keys_condition
from flask_uow.orm.mapping.mapped_table import MappedTable, holds_expressions
from flask_uow.orm.state.expiry import expire_changed
from flask_uow.orm.state.keys import identity_values
from flask_uow.orm.state.siblings import BATCH_SIZE
from flask_uow.orm.symbols import STATE
from flask_uow.sql.dml import Update
from flask_uow.sql.functions import func
from flask_uow.sql.select import Select

if TYPE_CHECKING:
    from flask_uow.engine import Connection
    from flask_uow.orm.interfaces import MappedObject
    from flask_uow.orm.mapping.mapper import Mapper
    from flask_uow.orm.session.execution import ExecutingSession
    from flask_uow.orm.state.identity import FamilyIdentities

__all__ = ["bulk_update", "update_by_key"]

# rows that are given the same attributes: the values of each, its key among them
Group = list[dict[str, Any]]


def bulk_update(session: ExecutingSession, mapper: Mapper, rows: Iterable[Any], progress: Progress | None) -> int:
    """Update rows by their keys; see :meth:`flask_uow.orm.Session.bulk_update`."""
    return update_by_key(session, mapper, rows, progress, called="bulk_update()", refusal=InvalidRequestError)


def update_by_key(
    session: ExecutingSession,
    mapper: Mapper,
    rows: Iterable[Any],
    progress: Progress | None = None,
    *,
    synchronize: bool = True,
    called: str = "update()",
    refusal: type[FlaskUowError] = ArgumentError,
) -> int:
    """Update rows by their keys, in the Session's transaction; return their number.

    :param rows: mappings by attribute, or objects of the class.
    :param synchronize: bring the Session's objects in step.
    :param called: what the user has called, for messages.
    :param refusal: the error for a row without its key.
    :raises StaleDataError: for a row that is not there, or has another version.
    :raises InvalidRequestError: for a name that is no column attribute, or a class that no table stores.
    """
    if not mapper.stored:
        raise InvalidRequestError(f"the rows of {mapper.class_.__name__} are in no table that can be written to.")
    columns = stored_columns(mapper)
    if isinstance(rows, (list, tuple)):
        # a mistake in what was passed costs no transaction, as long as nothing was sent
        for row in rows:
            if isinstance(row, Mapping):
                values = values_of(mapper, row, columns)
                _require_key(mapper, values, called, refusal)
                if mapper.versioning is not None and mapper.versioning.name not in values:
                    require_counting(mapper, called)
    count = 0
    with transaction_of(session):
        connection = session.connection_for(mapper)
        for page in pages_of(rows):
            _Page(session, connection, mapper, columns, page, called, refusal).write(synchronize)
            count += len(page)
            if progress is not None:
                progress(count)
    return count


class _Page:
    """Some rows that are updated together."""

    def __init__(
        self,
        session: ExecutingSession,
        connection: Connection,
        mapper: Mapper,
        columns: Mapping[str, Any],
        rows: list[Any],
        called: str,
        refusal: type[FlaskUowError],
    ) -> None:
        self.session = session
        self.connection = connection
        self.mapper = mapper
        self.keys: tuple[str, ...] = mapper.primary_key_names
        part = versioned_part(mapper)
        self.versioning = mapper.versioning if part is not None else None
        self.version: str | None = self.versioning.name if self.versioning is not None else None
        self.columns = columns
        self.groups: dict[tuple[str, ...], Group] = {}
        self.new_versions: dict[Any, Any] = {}
        self.called, self.refusal = called, refusal
        # the key tells the row and is not set; copied columns follow from it
        by_themselves = {*self.keys, *(own for part in mapper.stored for own, _ in part.copied)}
        for row in rows:
            values = self._values(row)
            names = tuple(name for name in self.columns if name in values and name not in by_themselves)
            if names and names != (self.version,):
                self.groups.setdefault(names, []).append(values)

    def _values(self, row: object) -> dict[str, Any]:
        """Return the key and the values to be set of one row, and the version that it was loaded with, where that is known."""
        values = values_of(self.mapper, row, self.columns)
        state = None if isinstance(row, Mapping) else row.__dict__.get(STATE)
        if state is not None and self.version is not None and self.version in (state.changes or ()):
            # what was set by hand is no version that the row has
            values[self.version] = state.changes[self.version]
        if state is not None and state.row_key is not None and state.owner is not None:
            chosen = {n: value for n, value in values.items() if n in (state.changes or ()) or n == self.version}
            values = {**chosen, **dict(zip(self.keys, identity_values(state.row_key), strict=True))}
        _require_key(self.mapper, values, self.called, self.refusal)
        # as the identity map has it: 12 for the text "12"
        key = key_of(self.mapper, [values[name] for name in self.keys])
        return {**values, **dict(zip(self.keys, key, strict=True))}

    def write(self, synchronize: bool) -> None:
        if self.mapper.own_criteria or len(self.mapper.stored) > 1:
            self._require_class()
        for names, members in self.groups.items():
            for part in self.mapper.stored:
                self._write_part(part, names, members)
            if synchronize:
                self._synchronize(names, members)

    def _write_part(self, part: MappedTable, names: tuple[str, ...], members: Group) -> None:
        own = [name for name in names if name in part.columns and name != self.version]
        if own:
            own.extend(_with_onupdate(part, own, members))
        columns = [part.columns[name] for name in own]
        values = [[row[name] for row in members] for name in own]
        if own:
            part.add_unmapped_onupdate(columns, values)
        identities = [self._identity(row) for row in members]
        key, key_values = list(part.key), part.key_values(identities)
        if self.versioning is not None and self.version is not None and self.version in part.columns:
            if self.version in names:
                next_version = self.versioning.next_version
                key.append(part.columns[self.version])
                key_values.append([row[self.version] for row in members])
                if self.versioning.is_given:
                    # written as it is where nothing else is, for the database to make another one of it
                    columns, values = (columns, values) if own else ([part.columns[self.version]], [key_values[-1]])
                else:
                    columns.append(part.columns[self.version])
                    values.append([next_version(version) for version in key_values[-1]])
                    self.new_versions.update(zip(identities, values[-1], strict=True))
            elif not self.versioning.is_given:
                # the versions before were not given, so SQL counts
                require_counting(self.mapper, self.called)
                count_versions(self.connection, self.mapper, identities)
        if not columns:
            return
        found = self._send(part, key, key_values, columns, values)
        if found != len(members):
            versions = " have another version," if self.version in names else ""
            raise StaleDataError(
                f"{self.called} found {found} of {len(members)} rows of {part.table.fullname!r}: some keys are not there,{versions} or"
                " occur twice. Nothing of this call stays when the transaction is rolled back."
            )

    def _send(
        self, part: MappedTable, key: list[Any], key_values: list[list[Any]], columns: list[Any], values: list[Any]
    ) -> int:
        if not holds_expressions(values):
            batch = self.connection.dialect.batch
            return int(batch.update(self.connection, part.table, key, key_values, columns, values))
        # expressions are worked out by the database, in a statement of their own for each row
        found = 0
        for new, where in zip(zip(*values, strict=True), zip(*key_values, strict=True), strict=True):
            statement = Update(part.table).values(dict(zip(columns, new, strict=True)))
            statement = statement.where(*(column == value for column, value in zip(key, where, strict=True)))
            found += self.connection.execute(statement).rowcount
        return found

    def _identity(self, row: Mapping[str, Any]) -> Any:
        return row[self.keys[0]] if len(self.keys) == 1 else tuple([row[name] for name in self.keys])

    def _require_class(self) -> None:
        """Refuse keys of rows of other classes.

        :raises StaleDataError: naming the class.
        """
        mapper = self.mapper
        keys = [tuple(row[name] for name in self.keys) for members in self.groups.values() for row in members]
        found = 0
        for start in range(0, len(keys), BATCH_SIZE):
            rows = Select((func.count(),)).select_from(mapper.mapped_selectable)
            page = keys_condition(mapper.primary_key, keys[start : start + BATCH_SIZE])
            found += int(self.connection.scalar(rows.where(page, *mapper.own_criteria)) or 0)
        if found != len(keys):
            raise StaleDataError(
                f"{self.called} of {mapper.class_.__name__} found {found} of {len(keys)} rows: some keys are not there, occur twice, or are those"
                " of other classes in the table. Nothing was written."
            )

    def _synchronize(self, names: tuple[str, ...], members: Group) -> None:
        identities = self.session.objects.families.get(self.mapper.base_mapper)
        if identities is None:
            return
        changed = {*names, *(name for part in self.mapper.stored for name, _ in part.onupdate)} - {self.version}
        has_others = False
        for row in members:
            obj = identities.get(self._identity(row))
            if obj is None:
                has_others = True
                continue
            expire_changed(obj, changed)
            if self.version is not None:
                self._next_version(obj, row)
        if has_others and any(has_forms(column.type) for column in self.mapper.primary_key):
            # such a row may be that of an object which has another form of the key
            self._expire_all(identities, changed)

    def _expire_all(self, identities: FamilyIdentities, changed: set[str]) -> None:
        versions = {self.version} if self.version is not None else set[str]()
        members: list[Any] = [obj for obj in identities.objects() if isinstance(obj, self.mapper.class_)]
        for obj in members:
            expire_changed(obj, changed | versions)

    def _next_version(self, obj: MappedObject, row: Mapping[str, Any]) -> None:
        # an object that is older than its row was stays so, and what it holds is not written over what others have written
        assert self.versioning is not None
        assert self.version is not None
        loaded = obj.__dict__.get(self.version)
        if loaded is None:
            return
        if self.version not in row:
            obj.__dict__[self.version] = self.versioning.next_version(loaded)
        elif row[self.version] == loaded:
            obj.__dict__[self.version] = self.new_versions[self._identity(row)]


def _require_key(mapper: Mapper, values: Mapping[str, Any], called: str, refusal: type[FlaskUowError]) -> None:
    missing = [name for name in mapper.primary_key_names if values.get(name) is None]
    if missing:
        raise refusal(
            f"{called} by primary key got a row of {mapper.class_.__name__} without its key {', '.join(missing)}. Give each row its whole"
            " primary key."
        )


def _with_onupdate(part: MappedTable, names: Sequence[str], members: Group) -> list[str]:
    """Set what the columns say of changed rows; return the names."""
    added = [(name, default) for name, default in part.onupdate if name not in names]
    for name, default in added:
        for row in members:
            row[name] = default.value(row)
    return [name for name, _ in added]
