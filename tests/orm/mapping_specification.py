"""The parameters of ``mapper()``, ``relationship()`` and Query's methods in SQLAlchemy 0.6.3, typed in as data.

tests/orm/mapping/test_mapping_specification.py compares them with the code's signatures and with the second table of docs/spec-coverage.md.
"""

from __future__ import annotations

__all__ = ["NOT_TAKEN", "PARAMETERS"]

# functions and methods with their parameters; methods without any have an empty tuple
PARAMETERS: dict[str, tuple[str, ...]] = {
    "mapper": (
        "class_", "local_table", "properties", "primary_key", "non_primary", "inherits", "inherit_condition", "inherit_foreign_keys",
        "extension", "order_by", "always_refresh", "version_id_col", "version_id_generator", "polymorphic_on", "polymorphic_identity",
        "concrete", "with_polymorphic", "allow_null_pks", "allow_partial_pks", "batch", "column_prefix", "include_properties",
        "exclude_properties", "passive_updates", "eager_defaults",
    ),
    "Mapper.class_": (),
    "Mapper.primary_key": (),
    "Mapper.get_property": ("key",),
    "Mapper.add_property": ("key", "prop"),
    "Mapper.iterate_properties": (),
    "relationship": (
        "argument", "secondary", "backref", "back_populates", "cascade", "collection_class", "comparator_factory", "doc", "enable_typechecks",
        "extension", "foreign_keys", "innerjoin", "join_depth", "lazy", "order_by", "passive_deletes", "passive_updates", "post_update",
        "primaryjoin", "query_class", "remote_side", "secondaryjoin", "single_parent", "strategy_class", "uselist", "viewonly",
    ),
    "backref": ("name", "**kwargs"),
    "dynamic_loader": ("argument", "secondary", "**kwargs"),
    "Query": ("entities", "session"),
    "Query.add_column": ("column",),
    "Query.add_columns": ("*column",),
    "Query.add_entity": ("entity", "alias"),
    "Query.all": (),
    "Query.as_scalar": (),
    "Query.autoflush": ("setting",),
    "Query.correlate": ("*args",),
    "Query.count": (),
    "Query.delete": ("synchronize_session",),
    "Query.distinct": (),
    "Query.enable_assertions": ("value",),
    "Query.enable_eagerloads": ("value",),
    "Query.except_": ("*q",),
    "Query.except_all": ("*q",),
    "Query.execution_options": ("**kwargs",),
    "Query.filter": ("criterion",),
    "Query.filter_by": ("**kwargs",),
    "Query.first": (),
    "Query.from_self": ("*entities",),
    "Query.from_statement": ("statement",),
    "Query.get": ("ident",),
    "Query.group_by": ("*criterion",),
    "Query.having": ("criterion",),
    "Query.instances": ("cursor",),
    "Query.intersect": ("*q",),
    "Query.intersect_all": ("*q",),
    "Query.join": ("*props", "aliased", "from_joinpoint"),
    "Query.label": ("name",),
    "Query.limit": ("limit",),
    "Query.merge_result": ("iterator", "load"),
    "Query.offset": ("offset",),
    "Query.one": (),
    "Query.options": ("*args",),
    "Query.order_by": ("*criterion",),
    "Query.outerjoin": ("*props", "aliased", "from_joinpoint"),
    "Query.params": ("*args", "**kwargs"),
    "Query.populate_existing": (),
    "Query.reset_joinpoint": (),
    "Query.scalar": (),
    "Query.select_from": ("*from_obj",),
    "Query.slice": ("start", "stop"),
    "Query.statement": (),
    "Query.subquery": (),
    "Query.union": ("*q",),
    "Query.union_all": ("*q",),
    "Query.update": ("values", "synchronize_session"),
    "Query.value": ("column",),
    "Query.values": ("*columns",),
    "Query.whereclause": (),
    "Query.with_labels": (),
    "Query.with_lockmode": ("mode",),
    "Query.with_parent": ("instance", "property"),
    "Query.with_polymorphic": ("cls_or_mappers", "selectable", "discriminator"),
    "Query.yield_per": ("count",),
    "Query.__getitem__": ("item",),
    "Query.__iter__": (),
}  # fmt: skip

# what is not taken: a keyword of it is a TypeError, and there is no such method
NOT_TAKEN: tuple[tuple[str, str], ...] = (
    ("relationship", "strategy_class"),
    ("Query.instances", ""),
)
