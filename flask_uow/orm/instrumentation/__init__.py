"""How a change is noticed. In reading order: attributes, collections, custom_collections, events, class_manager, construction, pickling."""
