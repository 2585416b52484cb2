"""The tables of a user's own scores as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from biomatch.reporting.figures import Ratio
from biomatch.reporting.own.facts import Facts
from biomatch.reporting.tables import Table


def plain_tables(facts: Facts, tables: Sequence[Table]) -> dict[str, Any]:
    """Give each table by name, a record a row; a rate in the form of every measured rate."""
    made: dict[str, Any] = {"usual": facts.usual().to_json()}
    for table in tables:
        made[table.name] = [
            {name: _plain(cell) for name, cell in zip(table.columns, row, strict=True)} for row in table.rows
        ]
    return made


def _plain(cell: Any) -> Any:
    if isinstance(cell, Ratio):
        return {
            "value": cell.value,
            "numerator": cell.numerator,
            "denominator": cell.denominator,
            "interval": [cell.low, cell.high],
        }
    return cell
