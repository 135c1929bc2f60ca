"""How a change is noticed. In reading order: state, attributes, collections, custom_collections, events, class_manager, history, mutables, siblings,
pickling."""
