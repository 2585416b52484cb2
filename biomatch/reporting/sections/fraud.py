"""What fraud was caught, and who was stopped for nothing: alerts by kind, as the judge counts them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from biomatch.evaluation.alerts.judge import AT_PREVALENCE, EVENTS, FRAUD, GROUPS
from biomatch.rates import rate
from biomatch.reporting.figures import Ratio, shorten, words
from biomatch.reporting.tables import Table, Value

HEADS = {
    "caught": "Events caught, by any alert",
    "caught_by_this_kind": "Events caught, by this kind",
    "true": "True, of alerts raised",
    "false_alarms": "Honest encounters stopped",
}
"""Heads of the judge's rates (see ``biomatch.evaluation.alerts.judge``); others are shown by their names."""
ELSEWHERE = frozenset(
    {"causes", "events", "missed", "alerts", "false_alarms_per_million", GROUPS, EVENTS, AT_PREVALENCE, FRAUD}
)
"""Counts that the rates hold already, and causes, which have a table of their own."""


def alerts_table(alerts: Mapping[str, Any]) -> Table | None:
    """Show alerts by kind; None where nothing was judged.

    Parameters
    ----------
    alerts : mapping
        `Result.alerts`: kind to plain data (counts, rates, or mappings of these).
    """
    judged = {kind: found for kind, found in alerts.items() if isinstance(found, Mapping) and found}
    cells = {kind: flat(_shown(found)) for kind, found in judged.items()}
    names = list(dict.fromkeys(name for row in cells.values() for name in row))
    if not names:
        return None
    # Rates first: the order of the judge's JSON is alphabetical once it was on disk.
    names.sort(key=lambda name: list(HEADS).index(name) if name in HEADS else len(HEADS))
    rows = tuple((_kind(kind), *(row.get(name) for name in names)) for kind, row in _all_first(cells))
    return Table(
        "alerts",
        "Alerts by kind, at the point's thresholds",
        ("Kind", *(HEADS.get(name, words(name).capitalize()) for name in names)),
        rows,
        "Alerts have counts of their own: they are neither FPIR nor FNIR. A kind that alarms at a low "
        "similarity scores minus the similarity: its threshold is negative.",
    )


def causes_table(alerts: Mapping[str, Any]) -> Table | None:
    """Show why honest travellers were stopped, by kind of alert; None where nobody was."""
    found = {
        kind: dict(judged["causes"])
        for kind, judged in alerts.items()
        if isinstance(judged, Mapping) and isinstance(judged.get("causes"), Mapping) and judged["causes"]
    }
    rows = tuple(
        (
            _kind(kind),
            words(cause),
            Ratio.of(rate(int(number), sum(causes.values()))),
            _per_million(int(number), alerts[kind].get("false_alarms")),
        )
        for kind, causes in _all_first(found)
        for cause, number in sorted(causes.items(), key=lambda pair: (-pair[1], pair[0]))
    )
    if not rows:
        return None
    columns = ("Kind", "Cause", "Of its false alarms, 95% interval", "A million honest encounters")
    note = "False alarms, of which one encounter can raise several."
    return Table("alert-causes", "Why honest travellers were stopped", columns, rows, note)


def groups_table(alerts: Mapping[str, Any]) -> Table | None:
    """Show who is stopped for nothing, by group; None where nobody counted it."""
    found = alerts.get("all", {}).get(GROUPS, {})
    cells = flat(found) if isinstance(found, Mapping) else {}
    rows = tuple(
        (shorten(group), one, None if one.value is None else 1e6 * one.value)
        for group, one in cells.items()
        if isinstance(one, Ratio)
    )
    if not rows:
        return None
    columns = ("Group", HEADS["false_alarms"], "A million honest encounters")
    return Table("alerts-by-group", "Honest travellers stopped by any alert, by group", columns, rows)


def _per_million(number: int, stopped: Any) -> float | None:
    """Give false alarms a million honest encounters; None where nobody counted those."""
    honest = stopped.get("denominator") if isinstance(stopped, Mapping) else None
    return 1e6 * number / honest if honest else None


def _shown(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """Leave out counts that the rates hold; where there are no rates, nothing is left out."""
    if not HEADS.keys() <= found.keys():
        return found
    return {name: value for name, value in found.items() if name not in ELSEWHERE}


def _all_first(kinds: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return sorted(kinds.items(), key=lambda pair: (pair[0] != "all", pair[0]))


def _kind(kind: str) -> str:
    return "all kinds together" if kind == "all" else words(kind)


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
