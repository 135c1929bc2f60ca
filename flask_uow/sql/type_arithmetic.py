"""Which family of types ``left op right`` belongs to. Data only, for ``TypeEngine.combined_with`` in sql/types.py.

The families are the names of types, with the integers of all sizes taken together. Dates and times follow PostgreSQL
(https://www.postgresql.org/docs/current/functions-datetime.html).
"""

from __future__ import annotations

__all__ = ["RESULT_FAMILIES"]

ARITHMETIC = ("add", "sub", "mul", "div", "floordiv", "mod")


def _result_families() -> dict[tuple[str, str, str], str]:
    """Return the result of each ``(left, op, right)`` that has not simply the type of its left operand."""
    results: dict[tuple[str, str, str], str] = {}
    for op in ARITHMETIC:
        # the sum of two integers may need more bits than either
        results["integer", op, "integer"] = "integer"
        results["integer", op, "numeric"] = results["numeric", op, "integer"] = "numeric"
        results["numeric", op, "numeric"] = "numeric"
        for number in ("integer", "numeric"):
            results[number, op, "float"] = results["float", op, number] = "float"
    # as in Python: 40 / 7 keeps its fraction
    results["integer", "div", "integer"] = "float"
    for moment, result in (("date", "datetime"), ("time", "time")):
        results[moment, "add", "interval"] = results[moment, "sub", "interval"] = result
        results["interval", "add", moment] = result
    results["interval", "add", "datetime"] = "datetime"
    results["integer", "add", "date"] = "date"
    results["date", "sub", "date"] = "integer"
    for left, right in (("datetime", "datetime"), ("datetime", "date"), ("date", "datetime"), ("time", "time")):
        results[left, "sub", right] = "interval"
    for number in ("integer", "float", "numeric"):
        results[number, "mul", "interval"] = "interval"
    return results


RESULT_FAMILIES = _result_families()
