"""Statements on mapped classes beside the unit of work. In reading order: evaluator, synchronizing; bulk, copying."""
