"""How a change to an object is noticed. In reading order: state, attributes, collections, class_manager, history."""
