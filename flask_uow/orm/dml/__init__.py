"""Statements on mapped classes beside the unit of work.

In reading order: synchronizing, evaluator, families, inserting, versions; bulk, keyed, copying, bulk_objects.
"""
