"""Which class goes with which table. In reading order: properties, join_condition, relationships, registry, mapper, annotations, declarative."""
