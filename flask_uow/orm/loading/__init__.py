"""Rows to objects, and attributes at first access. In reading order: rows, statements, column_loader, relationship_loader, plan."""
