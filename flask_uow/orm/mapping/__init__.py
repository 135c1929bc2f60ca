"""Classes and tables brought together. In reading order: properties, column_mapping, mapped_table, inheritance, source, mapper; join_condition,
relationships, relationship_sql, dynamic; descriptors, versioning; annotations, declarative, classical; registry, entity, cascades."""
