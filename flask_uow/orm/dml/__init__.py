"""Statements on mapped classes beside the unit of work. In reading order: evaluator, families, versions; bulk, keyed, copying; synchronizing."""
