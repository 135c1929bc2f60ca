"""Four apps of the usual kinds, written for Flask-SQLAlchemy 3.1 and moved over.

Each folder is the app as it is after the move. ``moved.diff`` in it has every line that was changed, so that the form before can be had
from both; walks.py is what clients do with the apps.
"""
