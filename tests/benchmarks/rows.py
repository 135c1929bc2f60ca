"""The rows of the table: how large each is, which tables it needs, and what must be true when a peer has run it.

Called by ``runner``. Each row is a method of every peer (see ``peers``), which returns figures; they must be those that
``expected`` gives, and the database must hold what ``left`` asks for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from unittest.mock import ANY

from tests.benchmarks.data import CHILDREN_PER_PARENT, EPOCH, PARENTS_PER_PAGE

KEPT_ITEMS = 100
REQUESTED_PARENTS = 100
MOST_PARENTS_OF_PAGES = 1000


@dataclass(frozen=True)
class Row:
    """One row.

    :ivar name: that of the peers' method.
    :ivar says: what is measured, for readers of the table.
    :ivar size: how many rows, objects, reads or requests at full scale.
    :ivar step: sizes are multiples of this.
    :ivar contents: numbers of rows by table, of a size, that are there before.
    :ivar expected: the figures that every peer must return, of a size.
    :ivar left: a query and its only row, of a size and the figures, for rows that write.
    :ivar unit: ``s``; ``bytes`` for memory; ``x`` for a ratio that the peer has worked out itself.
    """

    name: str
    says: str
    size: int
    step: int
    contents: Callable[[int], dict[str, int]]
    expected: Callable[[int], Any]
    left: Callable[[int, Any], tuple[str, tuple[Any, ...]]] | None = None
    unit: str = "s"

    def scaled(self, scale: float) -> int:
        """Return the size at a scale (1.0 is full), a multiple of ``step``."""
        return max(1, round(self.size * scale / self.step)) * self.step


def _nothing(size: int) -> dict[str, int]:
    return {}


def _items(size: int) -> dict[str, int]:
    return {"item": size}


def _graph(children: int) -> dict[str, int]:
    return {"parent": children // CHILDREN_PER_PARENT, "child": children}


def _keys(count: int) -> int:
    return count * (count + 1) // 2


def item_figures(size: int) -> list[Any]:
    """Return what ``peers.item_figures`` must find on the first ``size`` items."""
    return [
        size,
        _keys(size),
        sum(index % 90 for index in range(size)),
        sum(index / 8 for index in range(size)),
        (size + 1) // 2,
        (EPOCH + timedelta(seconds=size - 1)).isoformat(),
        sum(len(f"item {index}item{index}@example.com") for index in range(size)),
    ]


def _read_item(size: int) -> list[int]:
    return [size, 7]


def _children_of_pages(pages: int) -> int:
    parents = parents_of_pages(pages)
    return sum(
        sum(range(last * CHILDREN_PER_PARENT + 1, (last + PARENTS_PER_PAGE) * CHILDREN_PER_PARENT + 1))
        for last in (page * PARENTS_PER_PAGE % parents for page in range(pages))
    )


def parents_of_pages(pages: int) -> int:
    """Return how many parents there are for page_eager: later pages begin anew."""
    return min(MOST_PARENTS_OF_PAGES, pages * PARENTS_PER_PAGE)


def _requested(requests: int) -> int:
    # the key of the parent, the number of its children, the key of its last child
    parents = [index % REQUESTED_PARENTS + 1 for index in range(requests)]
    return sum(parent + CHILDREN_PER_PARENT + parent * CHILDREN_PER_PARENT for parent in parents)


def filtered_item(index: int, items: int) -> int:
    """Return the key above which query number ``index`` of filter_query looks: another one for each, since Pony does not repeat a query."""
    # a prime that is no factor of the numbers of items in use
    return index * 7919 % (items - 10)


def _filtered(queries: int) -> int:
    total = 0
    for index in range(queries):
        above = filtered_item(index, queries * 5)
        # keys begin at 1 and active rows are those with an odd key: the first three of them above
        first = above + 1 if above % 2 == 0 else above + 2
        total += first + first + 2 + first + 4
    return total


ROWS = {
    row.name: row
    for row in (
        Row(
            "insert_flat",
            "10,000 new objects with 6 columns, keys made by the database back on the objects, commit",
            10_000,
            100,
            _nothing,
            lambda size: [size, size, ANY],
            lambda size, figures: (
                "SELECT sum(id * CAST(substr(name, 6) AS BIGINT)), count(*), count(DISTINCT name), sum(age), sum(score),"
                " sum(CASE WHEN active THEN 1 ELSE 0 END),"
                " sum(length(email)), CAST(max(created) AS VARCHAR(30)) FROM item",
                (
                    figures[2],
                    size,
                    size,
                    sum(index % 90 for index in range(size)),
                    sum(index / 8 for index in range(size)),
                    (size + 1) // 2,
                    sum(len(f"item{index}@example.com") for index in range(size)),
                    (EPOCH + timedelta(seconds=size - 1)).isoformat(" "),
                ),
            ),
        ),
        Row(
            "insert_graph",
            "1,000 parents with 10 children each, through the relationship, commit",
            10_000,
            100,
            _nothing,
            lambda size: [size // CHILDREN_PER_PARENT, size, ANY],
            lambda size, figures: (
                "SELECT sum(child.id * CAST(substr(title, 7) AS BIGINT)), count(DISTINCT parent.name), count(*), count(DISTINCT title),"
                " sum(CASE WHEN parent.name = 'parent ' ||"
                " (CAST(substr(title, 7) AS INTEGER) / 10) AND position = CAST(substr(title, 7) AS INTEGER) % 10"
                " THEN 1 ELSE 0 END) FROM parent JOIN child ON parent_id = parent.id",
                (figures[2], size // CHILDREN_PER_PARENT, size, size, size),
            ),
        ),
        Row("load_entities", "10,000 rows as objects of 7 columns", 10_000, 100, _items, item_figures),
        Row(
            "load_scan_columns",
            "3 columns of 10,000 rows as tuples",
            10_000,
            100,
            _items,
            lambda size: [
                size,
                _keys(size),
                sum(len(f"item {index}") for index in range(size)),
                sum(index % 90 for index in range(size)),
            ],
        ),
        Row(
            "get_miss",
            "1,000 reads by primary key from the database",
            1_000,
            100,
            lambda size: {"item": size * 10},
            lambda size: [size, sum(range(1, size * 10, 10)), sum(index % 90 for index in range(0, size * 10, 10))],
        ),
        Row(
            "get_hit",
            "100,000 reads by primary key from the identity map (raw: a dict)",
            100_000,
            1_000,
            lambda size: {"item": size // 10},
            lambda size: [size, size // 10],
        ),
        Row(
            "attr_read",
            "1,000,000 reads of an attribute (raw: a slot)",
            1_000_000,
            1_000,
            lambda _: {"item": 8},
            _read_item,
        ),
        Row(
            "attr_write",
            "200,000 writes: 20 to each of 10,000 loaded objects, tracked where the peer tracks (raw: slots)",
            200_000,
            1_000,
            lambda size: {"item": size // 20},
            lambda size: [size // 20, size // 20 * 20],
        ),
        Row(
            "update_dirty",
            "one column of each of 10,000 loaded objects, distinct values, commit",
            10_000,
            100,
            _items,
            lambda size: size,
            lambda size, figures: (
                "SELECT sum(CASE WHEN name = 'changed ' || id AND age = (id - 1) % 90 THEN 1 ELSE 0 END) FROM item",
                (size,),
            ),
        ),
        Row(
            "update_mixed",
            "two sets of columns of 10,000 loaded objects alternating, distinct values, commit",
            10_000,
            100,
            _items,
            lambda size: size,
            lambda size, figures: (
                "SELECT sum(CASE WHEN id % 2 = 0 AND name = 'changed ' || id AND age = (id - 1) % 90 THEN 1"
                " WHEN id % 2 = 1 AND age = id + 1000 AND score = id + 0.5 AND name = 'item ' || (id - 1) THEN 1"
                " ELSE 0 END) FROM item",
                (size,),
            ),
        ),
        Row(
            "delete_objects",
            "10,000 loaded objects, commit",
            10_000,
            100,
            lambda size: {"item": size + KEPT_ITEMS},
            lambda size: size,
            lambda size, figures: ("SELECT count(*), min(id) FROM item", (KEPT_ITEMS, size + 1)),
        ),
        Row(
            "lazy_children",
            "1,000 parents, then the 10 children of each, default loading (raw: 1,001 statements)",
            10_000,
            100,
            _graph,
            lambda size: _keys(size),
        ),
        Row(
            "lazy_parent",
            "10,000 children, then the parent of each, default loading (raw: 1,001 statements)",
            10_000,
            100,
            _graph,
            lambda size: sum(len(f"parent {index // CHILDREN_PER_PARENT}") for index in range(size)),
        ),
        Row(
            "eager_children",
            "1,000 parents with 10 children each, by a second statement",
            10_000,
            100,
            _graph,
            lambda size: [size // CHILDREN_PER_PARENT, _keys(size), sum(index % 10 for index in range(size))],
        ),
        Row(
            "eager_parent",
            "10,000 children with their parents, by a join",
            10_000,
            100,
            _graph,
            lambda size: [size, sum(len(f"parent {index // CHILDREN_PER_PARENT}") for index in range(size))],
        ),
        Row(
            "page_eager",
            "200 pages of 20 parents with their 10 children each, a session for each page",
            200,
            5,
            lambda size: _graph(parents_of_pages(size) * CHILDREN_PER_PARENT),
            _children_of_pages,
        ),
        Row(
            "filter_query",
            "2,000 queries with two criteria, an order and a limit, built each time; 3 objects each",
            2_000,
            20,
            lambda size: {"item": size * 5},
            _filtered,
        ),
        Row(
            "request_get",
            "500 requests: one object with its 10 children as JSON",
            500,
            10,
            lambda _: _graph(REQUESTED_PARENTS * CHILDREN_PER_PARENT),
            _requested,
        ),
        Row(
            "request_post",
            "500 requests: one object read and changed, another one added, commit",
            500,
            10,
            lambda _: _graph(REQUESTED_PARENTS * CHILDREN_PER_PARENT),
            lambda size: [size, size],
            lambda size, figures: (
                "SELECT count(*), count(DISTINCT title), sum(CASE WHEN position = 10 AND CAST(substr(title, 5) AS INTEGER) % 100"
                " = parent_id - 1 THEN 1 ELSE 0 END), (SELECT count(*) FROM parent WHERE name LIKE 'renamed %')"
                " FROM child WHERE title LIKE 'new %'",
                (size, size, size, min(size, REQUESTED_PARENTS)),
            ),
        ),
        Row(
            "memory_per_object",
            "bytes of each of 10,000 loaded objects of 7 columns (tracemalloc)",
            10_000,
            1_000,
            _items,
            item_figures,
            unit="bytes",
        ),
        Row(
            "load_growth",
            "cost of a row when 100,000 are loaded, as a multiple of that when 1,000 are",
            100_000,
            1_000,
            _items,
            item_figures,
            unit="x",
        ),
    )
}
