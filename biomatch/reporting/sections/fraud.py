"""What fraud was caught: counts and rates of alerts by kind, as the judge gives them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from biomatch.reporting.figures import Ratio, words
from biomatch.reporting.tables import Table, Value


def alerts_table(alerts: Mapping[str, Any]) -> Table | None:
    """Show alerts by kind; None where nothing was judged.

    Parameters
    ----------
    alerts : mapping
        `Result.alerts`: kind to plain data (counts, rates, or mappings of these).
    """
    kinds = {kind: flat(found) for kind, found in alerts.items() if isinstance(found, Mapping)}
    kinds = {kind: cells for kind, cells in kinds.items() if cells}
    if not kinds:
        return None
    names = list(dict.fromkeys(name for cells in kinds.values() for name in cells))
    rows = tuple((words(kind), *(cells.get(name) for name in names)) for kind, cells in kinds.items())
    return Table(
        "alerts",
        "Alerts by kind",
        ("Kind", *(words(name).capitalize() for name in names)),
        rows,
        "Alerts have counts of their own: they are neither FPIR nor FNIR.",
    )


def flat(found: Mapping[str, Any], prefix: str = "") -> dict[str, Value]:
    """Flatten the data of one kind; a rate in its JSON form becomes a `Ratio`."""
    cells: dict[str, Value] = {}
    for name, value in found.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping) and {"numerator", "denominator", "interval"} <= value.keys():
            low, high = (float(f"{bound:.4g}") for bound in value["interval"])
            cells[key] = Ratio(int(value["numerator"]), int(value["denominator"]), low, high)
        elif isinstance(value, Mapping):
            cells |= flat(value, f"{key}: ")
        elif value is None or isinstance(value, bool | int | float | str):
            cells[key] = value
        else:
            cells[key] = ", ".join(str(one) for one in value)
    return cells
