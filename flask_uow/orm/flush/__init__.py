"""Changed objects to ordered, batched statements. In reading order: collect (what to do), order, execute (do it), insert, update."""
