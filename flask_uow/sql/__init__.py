"""Statements as data: schema, expressions, SELECT and DML, types and the compiler. Knows no database and no mapped class.

In reading order: types, nodes, operators, column_operators, expressions, coercion, parts, operations, constructors, windows, functions, custom,
arrays, column_collection, selectable, words, select_base, rewriting, sourced, froms, entities, describing, for_update, text, worded_select,
select, conflicts, dml_statement, dml, sequences, naming, options, constraints, exclusion, indexes, columns, ddl, schema, compiler.
"""

from typing import TYPE_CHECKING

from flask_uow.sql import comparators as _comparators  # noqa: F401  (types have their operators from there)
from flask_uow.sql import compiler as _compiler  # noqa: F401  (nodes print themselves through it)
from flask_uow.sql import event as event
from flask_uow.sql.arrays import aggregate_order_by, array, array_agg
from flask_uow.sql.columns import ColumnDefault, FetchedValue
from flask_uow.sql.constraints import CheckConstraint, Constraint, PrimaryKeyConstraint, UniqueConstraint
from flask_uow.sql.constructors import (
    Case,
    all_,
    any_,
    asc,
    between,
    bindparam,
    bitwise_not,
    case,
    collate,
    desc,
    distinct,
    false,
    label,
    literal,
    literal_column,
    null,
    nulls_first,
    nulls_last,
    true,
    tuple_,
    type_coerce,
)
from flask_uow.sql.constructors import cast_ as cast
from flask_uow.sql.custom import FunctionElement, GenericFunction, compiles
from flask_uow.sql.ddl import (
    AddConstraint,
    CreateIndex,
    CreateSchema,
    CreateSequence,
    CreateTable,
    DDLElement,
    DropColumnComment,
    DropConstraint,
    DropConstraintComment,
    DropIndex,
    DropSchema,
    DropSequence,
    DropTable,
    DropTableComment,
    SetColumnComment,
    SetConstraintComment,
    SetTableComment,
)
from flask_uow.sql.ddl_events import DDL
from flask_uow.sql.dml import Delete, Insert, Update, delete, insert, update
from flask_uow.sql.exclusion import ExcludeConstraint
from flask_uow.sql.expressions import (
    BinaryExpression,
    BindParameter,
    Cast,
    ColumnElement,
    ColumnOperators,
    Label,
    Null,
    UnaryExpression,
)
from flask_uow.sql.extract import Extract, extract
from flask_uow.sql.foreign_keys import ForeignKey, ForeignKeyConstraint
from flask_uow.sql.functions import FunctionElement as Function
from flask_uow.sql.functions import func, funcfilter, over, within_group
from flask_uow.sql.indexes import Index
from flask_uow.sql.lightweight import TableClause, Values, column, table, values
from flask_uow.sql.naming import conv, quoted_name
from flask_uow.sql.nodes import ClauseElement, Executable
from flask_uow.sql.operations import and_, not_, or_
from flask_uow.sql.schema import BLANK_SCHEMA, Column, MetaData, Table, sort_tables
from flask_uow.sql.select import Select, exists, select
from flask_uow.sql.select_base import (
    CompoundSelect,
    Exists,
    ScalarSelect,
    SelectBase,
    except_,
    except_all,
    intersect,
    intersect_all,
    union,
    union_all,
)
from flask_uow.sql.selectable import (
    Alias,
    ColumnClause,
    ColumnCollection,
    FromClause,
    Join,
    TableSample,
    alias,
    join,
    lateral,
    outerjoin,
    tablesample,
)
from flask_uow.sql.sequences import Computed, Identity, Sequence
from flask_uow.sql.subqueries import (
    CTE,
    Lateral,
    Subquery,
)
from flask_uow.sql.text import TextClause, TextualSelect, text
from flask_uow.sql.types import *  # noqa: F403
from flask_uow.sql.windows import FunctionFilter, Over, WithinGroup
from flask_uow.sql.words import (
    LABEL_STYLE_DEFAULT,
    LABEL_STYLE_DISAMBIGUATE_ONLY,
    LABEL_STYLE_NONE,
    LABEL_STYLE_TABLENAME_PLUS_COL,
)

nullsfirst, nullslast = nulls_first, nulls_last
# what annotations call an expression, of whatever kind
SQLColumnExpression = ColumnElement

__all__ = [
    "AddConstraint", "Alias", "BLANK_SCHEMA", "BinaryExpression", "BindParameter", "CTE", "Case", "Cast", "CheckConstraint",
    "ClauseElement", "Column", "ColumnClause", "ColumnCollection", "ColumnDefault", "ColumnElement", "ColumnOperators", "CompoundSelect",
    "Computed", "Constraint", "CreateIndex", "CreateSchema", "CreateSequence", "CreateTable", "DDL", "DDLElement", "Delete",
    "DropColumnComment", "DropConstraintComment", "DropConstraint", "DropIndex", "DropSchema", "DropSequence", "DropTable", "DropTableComment",
    "ExcludeConstraint",
    "Executable", "Exists", "Extract", "FetchedValue", "ForeignKey", "ForeignKeyConstraint", "FromClause", "Function", "FunctionElement",
    "FunctionFilter", "GenericFunction", "Identity", "Index", "Insert", "Join", "LABEL_STYLE_DEFAULT", "LABEL_STYLE_DISAMBIGUATE_ONLY",
    "LABEL_STYLE_NONE", "LABEL_STYLE_TABLENAME_PLUS_COL", "Label", "Lateral", "MetaData", "Null", "Over", "PrimaryKeyConstraint", "SQLColumnExpression",
    "ScalarSelect", "Select", "SelectBase", "Sequence", "SetColumnComment", "SetConstraintComment", "SetTableComment", "Subquery", "Table", "TableClause",
    "TableSample", "TextClause", "TextualSelect", "UnaryExpression", "UniqueConstraint", "Update", "Values", "WithinGroup",
    "aggregate_order_by", "alias", "all_", "and_", "any_", "array", "array_agg", "asc", "between", "bindparam", "bitwise_not", "case",
    "cast", "collate", "column", "compiles", "conv", "delete", "desc", "distinct", "event", "except_", "except_all", "exists", "extract",
    "false", "func", "funcfilter", "insert", "intersect", "intersect_all", "join", "label", "lateral", "literal", "literal_column", "not_",
    "null", "nulls_first", "nulls_last", "nullsfirst", "nullslast", "or_", "outerjoin", "over", "quoted_name", "select", "sort_tables", "table",
    "tablesample", "text", "true", "tuple_", "type_coerce", "union", "union_all", "update", "values", "within_group",
]  # fmt: skip

if not TYPE_CHECKING:
    from flask_uow.sql.types import __all__ as _types

    __all__ += _types
