"""Tests of flask_uow.web: whose Session it is, and when it is committed."""
