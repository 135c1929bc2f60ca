"""The classical style: ``mapper(cls, table, properties={...})`` for any plain class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_uow.exc import ArgumentError, InvalidRequestError
from flask_uow.orm.mapping.entity import EntityView, keys_of
from flask_uow.orm.mapping.mapper import Mapper, class_mapper
from flask_uow.sql.selectable import coerce_from

__all__ = ["mapper"]


def mapper(
    class_: type,
    local_table: object = None,
    properties: Mapping[str, Any] | None = None,
    non_primary: bool = False,
    **options: Any,
) -> Any:
    """Map a class to a table, a join or a SELECT.

    :param class_: any class whose objects have a ``__dict__`` and take weak references.
    :param local_table: what its rows are in. A class that inherits from a mapped one may do without: its rows are in its parent's table then.
    :param properties: attributes by name: :func:`relationship`, :func:`column_property`, :func:`synonym`, :func:`composite`, or a column (or a
        list of columns that are kept equal) under another name.
    :param non_primary: select a class that is mapped already from something else, an alias or a SELECT of its table say; the result can be
        given to ``query()``. No other option but ``local_table`` goes with it.
    :param options:
        - ``primary_key``: columns that identify a row, where the table does not say;
        - ``inherits``: the mapped class that this one derives from, with ``inherit_condition``, ``inherit_foreign_keys`` (the columns of it that
          refer to the others), ``concrete``, ``polymorphic_on`` (the column, or the expression of a ``column_property()``, that tells the class
          of a row), ``polymorphic_identity`` (its value for this class) and ``with_polymorphic`` (``"*"``, classes, or a pair of these and a
          selectable, or a function that returns it: load subclasses' columns with the query);
        - ``polymorphic_load``: of a subclass, ``"inline"`` to have queries of its base select its columns, too, or ``"selectin"`` to have them
          followed by one more statement for these; ``polymorphic_abstract=True`` for a class between, of which no row is;
        - ``include_properties``, ``exclude_properties``: names of columns; ``column_prefix``;
        - ``order_by``: the default order of queries;
        - ``version_id_col``, ``version_id_generator``: optimistic locking by a version column;
        - ``passive_updates``: False where the database has no ON UPDATE CASCADE for the key of a joined subclass's table; subclasses go by it;
          ``passive_deletes`` is taken and changes nothing: the row in each table of a class is deleted, also where ON DELETE CASCADE would;
        - ``allow_partial_pks`` (once ``allow_null_pks``): False to treat a row as absent when any part of its key is NULL, not all;
        - ``always_refresh``: True to have every query overwrite what is loaded, changes that were not flushed included, as
          ``populate_existing()`` does for one; subclasses go by it;
        - ``eager_defaults``: True to load what the database makes at an UPDATE at the end of the flush, not at the next access (what it makes at
          an INSERT comes with that); ``confirm_deleted_rows``: False where a row that is gone when it is to be deleted is no error;
        - ``batch``: False to call a MapperExtension's hooks around each row, not around all of a statement;
        - ``extension``: a :class:`MapperExtension` or several.
    :raises ArgumentError: for a table without a primary key, a class that is mapped already or cannot be tracked.
    :raises InvalidRequestError: with ``non_primary``, for a class that is not mapped itself.
    """
    if "allow_null_pks" in options:
        if "allow_partial_pks" in options:
            raise ArgumentError(
                "mapper() got allow_null_pks= and allow_partial_pks=, one parameter under two names. Pass the latter."
            )
        options["allow_partial_pks"] = options.pop("allow_null_pks")
    if not non_primary:
        return Mapper(class_, local_table, properties, **options)
    if properties or options:
        raise ArgumentError(
            f"mapper({class_.__name__}, non_primary=True) takes no properties and no options; they are those of the class's own mapper."
        )
    primary = class_mapper(class_)
    if primary.class_ is not class_:
        raise InvalidRequestError(
            f"mapper({class_.__name__}, non_primary=True): {class_.__name__} has no mapper of its own, it inherits that of {primary.class_.__name__}."
            " Map the class first, or pass that class."
        )
    source = coerce_from(local_table)
    keys = keys_of(primary)
    names = tuple(
        n for n in primary.loaded_names if keys.get(primary.column(primary.column_attrs[n].column)) in source.c
    )
    missing = [name for name in primary.primary_key_names if name not in names]
    if missing:
        raise ArgumentError(
            f"mapper({class_.__name__}, non_primary=True): {source.description} has no column for the primary key ({', '.join(missing)})."
        )
    return EntityView(primary, source, names)
