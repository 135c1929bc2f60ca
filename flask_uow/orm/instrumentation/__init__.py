"""How a change is noticed.

In reading order: attributes, relationship_attributes, collection_attribute, pending_loads, class_manager, events, construction;
collections, custom_collections, ordering_list, mutable; flagging, pickling.
"""
