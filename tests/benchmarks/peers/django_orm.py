"""Django's ORM, written as its documentation recommends for many rows: bulk_create, bulk_update, prefetch_related, values_list.

On psycopg 3, which Django prefers. Django has no identity map, and tracks no changes: the code that calls it does both.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import django
from django.conf import settings

settings.configure(
    ALLOWED_HOSTS=["testserver"],
    DATABASES={},
    INSTALLED_APPS=[],
    MIDDLEWARE=[],
    ROOT_URLCONF=__name__,
    SECRET_KEY="benchmarks",
    USE_TZ=False,
)
django.setup()

from django.db import connection, connections, models, transaction  # noqa: E402  (models need settings)
from django.http import HttpRequest, JsonResponse  # noqa: E402
from django.shortcuts import get_object_or_404  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import path  # noqa: E402
from psycopg.conninfo import conninfo_to_dict  # noqa: E402

from tests.benchmarks.data import CHILDREN_PER_PARENT, PARENTS_PER_PAGE, is_sqlite, item_values  # noqa: E402
from tests.benchmarks.peers import (  # noqa: E402
    BenchmarkPeer,
    Clock,
    item_figures,
    new_graph_figures,
    new_item_figures,
    read_many,
    write_figures,
    write_many,
)
from tests.benchmarks.requests import run_gets, run_posts  # noqa: E402
from tests.benchmarks.rows import filtered_item, parents_of_pages  # noqa: E402


class Item(models.Model):
    id = models.AutoField(primary_key=True)
    name = models.CharField(max_length=50)
    email = models.CharField(max_length=100)
    age = models.IntegerField()
    score = models.FloatField()
    active = models.BooleanField()
    created = models.DateTimeField()

    class Meta:
        app_label = "benchmarks"
        db_table = "item"
        managed = False


class Parent(models.Model):
    id = models.AutoField(primary_key=True)
    name = models.CharField(max_length=50)

    class Meta:
        app_label = "benchmarks"
        db_table = "parent"
        managed = False


class Child(models.Model):
    id = models.AutoField(primary_key=True)
    parent = models.ForeignKey(Parent, models.CASCADE, related_name="children")
    title = models.CharField(max_length=50)
    position = models.IntegerField()

    class Meta:
        app_label = "benchmarks"
        db_table = "child"
        managed = False


IN_ORDER = models.Prefetch("children", queryset=Child.objects.order_by("id"))


def show(request: HttpRequest, id: int) -> JsonResponse:
    parent = get_object_or_404(Parent, pk=id)
    children = [
        {"id": child.id, "title": child.title, "position": child.position} for child in parent.children.order_by("id")
    ]
    return JsonResponse({"id": parent.id, "name": parent.name, "children": children})


def change(request: HttpRequest, id: int) -> JsonResponse:
    data = json.loads(request.body)
    with transaction.atomic():
        parent = get_object_or_404(Parent, pk=id)
        parent.name = data["name"]
        parent.save(update_fields=["name"])
        child = Child.objects.create(title=data["title"], position=10, parent=parent)
    return JsonResponse({"id": child.id}, status=201)


def show_or_change(request: HttpRequest, id: int) -> JsonResponse:
    return change(request, id) if request.method == "POST" else show(request, id)


urlpatterns = [path("parents/<int:id>", show_or_change)]


def _refuse(*arguments: Any) -> Any:
    raise AssertionError("a statement was sent while figures were worked out")


class Peer(BenchmarkPeer):
    """The ORM on its connection, which stays open."""

    cannot = {"get_hit": "has no identity map"}

    def __init__(self, uri: str) -> None:
        if is_sqlite(uri):
            database: dict[str, Any] = {"ENGINE": "django.db.backends.sqlite3", "NAME": uri.removeprefix("sqlite:///")}
        else:
            known = conninfo_to_dict(uri)
            names = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
            database = {"ENGINE": "django.db.backends.postgresql"}
            database |= {names[key]: str(value) for key, value in known.items() if value is not None}
        connections.settings = connections.configure_settings({"default": {**database, "CONN_MAX_AGE": None}})
        self.client = Client()

    def close(self) -> None:
        connections.close_all()

    def insert_flat(self, clock: Clock, size: int) -> Any:
        values = [item_values(index) for index in range(size)]
        with clock:
            items = [Item(**value) for value in values]
            with transaction.atomic():
                Item.objects.bulk_create(items)
        return new_item_figures(items)

    def insert_graph(self, clock: Clock, size: int) -> Any:
        with clock:
            parents, children = [], []
            for index in range(size // CHILDREN_PER_PARENT):
                parent = Parent(name=f"parent {index}")
                parents.append(parent)
                for position in range(CHILDREN_PER_PARENT):
                    title = f"child {index * CHILDREN_PER_PARENT + position}"
                    children.append(Child(title=title, position=position, parent=parent))
            with transaction.atomic():
                Parent.objects.bulk_create(parents)
                for child in children:
                    child.parent_id = child.parent.id
                Child.objects.bulk_create(children)
        return new_graph_figures(len(parents), children)

    @contextmanager
    def holding(self, rows: int) -> Iterator[Sequence[Item]]:
        yield list(Item.objects.order_by("id")[:rows])

    def load_entities(self, clock: Clock, size: int) -> Any:
        with clock:
            items = list(Item.objects.all())
        with connection.execute_wrapper(_refuse):
            return item_figures(items)

    def load_scan_columns(self, clock: Clock, size: int) -> Any:
        with clock:
            rows = list(Item.objects.values_list("id", "name", "age"))
        return [len(rows), sum(row[0] for row in rows), sum(len(row[1]) for row in rows), sum(row[2] for row in rows)]

    def get_miss(self, clock: Clock, size: int) -> Any:
        keys = range(1, size * 10, 10)
        with clock:
            items = [Item.objects.get(pk=key) for key in keys]
        return [len(items), sum(item.id for item in items), sum(item.age for item in items)]

    def attr_read(self, clock: Clock, size: int) -> Any:
        item = list(Item.objects.all())[-1]
        with clock:
            read = read_many(item, size)
        return [read, item.age]

    def attr_write(self, clock: Clock, size: int) -> Any:
        items = list(Item.objects.all())
        with clock:
            write_many(items)
        return write_figures(items, None)

    def update_dirty(self, clock: Clock, size: int) -> Any:
        items = list(Item.objects.all())
        with clock:
            for item in items:
                item.name = f"changed {item.id}"
            with transaction.atomic():
                Item.objects.bulk_update(items, ["name"], batch_size=500)
        return len(items)

    def update_mixed(self, clock: Clock, size: int) -> Any:
        items = list(Item.objects.all())
        with clock:
            aged, renamed = [], []
            for item in items:
                id = item.id
                if id % 2:
                    item.age = id + 1000
                    item.score = id + 0.5
                    aged.append(item)
                else:
                    item.name = f"changed {id}"
                    renamed.append(item)
            with transaction.atomic():
                Item.objects.bulk_update(aged, ["age", "score"], batch_size=500)
                Item.objects.bulk_update(renamed, ["name"], batch_size=500)
        return len(items)

    def delete_objects(self, clock: Clock, size: int) -> Any:
        items = list(Item.objects.order_by("id")[:size])
        with clock, transaction.atomic():
            Item.objects.filter(pk__in=[item.pk for item in items]).delete()
        return len(items)

    def lazy_children(self, clock: Clock, size: int) -> Any:
        total = 0
        with clock:
            for parent in Parent.objects.all():
                total += sum(child.id for child in parent.children.order_by("id"))
        return total

    def lazy_parent(self, clock: Clock, size: int) -> Any:
        total = 0
        with clock:
            for child in Child.objects.all():
                total += len(child.parent.name)
        return total

    def eager_children(self, clock: Clock, size: int) -> Any:
        with clock:
            parents = list(Parent.objects.prefetch_related(IN_ORDER))
        with connection.execute_wrapper(_refuse):
            children = [child for parent in parents for child in parent.children.all()]
        return [len(parents), sum(child.id for child in children), sum(child.position for child in children)]

    def eager_parent(self, clock: Clock, size: int) -> Any:
        with clock:
            children = list(Child.objects.select_related("parent"))
        with connection.execute_wrapper(_refuse):
            return [len(children), sum(len(child.parent.name) for child in children)]

    def page_eager(self, clock: Clock, size: int) -> Any:
        total = 0
        modulus = parents_of_pages(size)
        with clock:
            for page in range(size):
                query = Parent.objects.filter(id__gt=page * PARENTS_PER_PAGE % modulus).order_by("id")
                parents = list(query.prefetch_related(IN_ORDER)[:PARENTS_PER_PAGE])
                total += sum(child.id for parent in parents for child in parent.children.all())
        return total

    def filter_query(self, clock: Clock, size: int) -> Any:
        total = 0
        with clock:
            for index in range(size):
                query = Item.objects.filter(id__gt=filtered_item(index, size * 5), active=True).order_by("id")[:3]
                total += sum(item.id for item in query)
        return total

    def _get(self, url: str) -> Any:
        return self.client.get(url).json()

    def _post(self, url: str, data: dict[str, Any]) -> Any:
        return self.client.post(url, data, content_type="application/json").json()

    def request_get(self, clock: Clock, size: int) -> Any:
        return run_gets(self._get, clock, size)

    def request_post(self, clock: Clock, size: int) -> Any:
        return run_posts(self._get, self._post, clock, size)
