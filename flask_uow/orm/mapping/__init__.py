"""Classes and tables brought together.

In reading order: mapper, source, column_mapping, properties, mapped_table, inheritance, standing_in, entity;
relationships, relationship_property, other_side, join_condition, join_marks, relationship_sql, by_name, dynamic, chosen_rows,
object_values;
descriptors, composites, hybrids, index_properties, association_proxy, association_collections, class_expressions, bundles, versioning;
declarative, declared_class, annotated_declarations, class_arguments, annotations, mapped_dataclass, dataclass_fields,
classical, concrete, deferred_mapping, automap; registry, registries, lazy_configuration, lazy_loaders, class_listeners,
attribute_listeners; inspected, inspected_property, mapped_properties.
"""
