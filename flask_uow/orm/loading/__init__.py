"""Rows to objects, and attributes at first access.

In reading order: results, plan, parts, planning, run, rows; options, loader_option, load_tree, joined, further,
statements; relationship_loader, column_loader, identity_loader; populating, class_criteria, given_statement, several.
"""
