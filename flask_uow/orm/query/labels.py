"""``with_labels()``: the columns of a query under names that say which table they are of."""

from __future__ import annotations

from typing import Any

from flask_uow.sql.expressions import Label
from flask_uow.sql.select import Select
from flask_uow.sql.select_base import SelectBase

__all__ = ["with_table_names"]


def with_table_names(statement: SelectBase) -> SelectBase:
    """Return a SELECT whose columns of tables are called ``table_column``; a statement of another kind as it is.

    Of two columns that would have one name, an alias's of the same table say, the second gets a number.
    """
    if not isinstance(statement, Select):
        return statement
    taken: set[str] = set()
    columns: list[Any] = []
    for column in statement.columns_clause:
        table = getattr(column, "table", None)
        owner = getattr(table, "name", None) or getattr(table, "base_name", None)
        if owner is None:
            columns.append(column)
            continue
        base = name = f"{owner}_{column.name}"
        number = 1
        while name in taken:
            name = f"{base}_{number}"
            number += 1
        taken.add(name)
        columns.append(Label(name, column))
    # the entities have gone, and with them what the options are about
    return statement.with_columns_of_same_rows(*columns).with_parts(loader_options=())
