"""INSERT, UPDATE and DELETE of mapped classes by criteria, beside the unit of work. In reading order: evaluator, synchronizing."""
