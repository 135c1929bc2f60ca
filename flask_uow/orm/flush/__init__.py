"""Changed objects to ordered, batched statements. In reading order: collect (what to do), order, reused_keys, execute (do it), insert, update,
key_changes."""
