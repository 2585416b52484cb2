"""What fraud was caught, and who was stopped for nothing: alerts by kind, as the judge counts them."""

from __future__ import annotations

from collections.abc import Iterable

from biomatch.evaluation.alerts.alert_result import AlertResult
from biomatch.evaluation.alerts.counts import JOINT, KindCounts
from biomatch.rates import rate
from biomatch.reporting.figures import Ratio, shorten, words
from biomatch.reporting.tables import Table

FALSE_ALARMS = "Honest encounters stopped"
HEADS = ("Events caught, by any alert", "Events caught, by this kind", "True, of alerts raised", FALSE_ALARMS)
"""Heads of the rates of a kind of alert (`KindCounts`)."""


def alerts_table(alerts: AlertResult) -> Table | None:
    """Show alerts by kind, all kinds together first; None where nothing was judged."""
    together = alerts[JOINT]
    if not (alerts.counts.kinds or together.honest_encounters or together.events):
        return None
    rows = tuple(
        (
            _kind(one.kind),
            Ratio.of(one.catch_rate),
            Ratio.of(one.own_catch_rate),
            Ratio.of(one.precision),
            Ratio.of(one.false_alarms),
            one.affected_alerts,
            one.threshold,
        )
        for one in _all_first(alerts.counts)
    )
    return Table(
        "alerts",
        "Alerts by kind, at the point's thresholds",
        ("Kind", *HEADS, "Entangled", "Threshold"),
        rows,
        "Alerts have counts of their own: they are neither FPIR nor FNIR. A kind that is raised at a low "
        "similarity scores minus the similarity: its threshold is negative.",
    )


def causes_table(alerts: AlertResult) -> Table | None:
    """Show why honest travellers were stopped, by kind of alert; None where nobody was."""
    rows = tuple(
        (
            _kind(one.kind),
            words(cause),
            Ratio.of(rate(number, sum(one.causes.values()))),
            _per_million(number, one.honest_encounters),
        )
        for one in _all_first(alerts.counts)
        for cause, number in sorted(one.causes.items(), key=lambda pair: (-pair[1], pair[0]))
    )
    if not rows:
        return None
    columns = ("Kind", "Cause", "Of its false alerts, 95% interval", "A million honest encounters")
    note = "False alerts, of which one encounter can raise several."
    return Table("alert-causes", "Why honest travellers were stopped", columns, rows, note)


def groups_table(alerts: AlertResult) -> Table | None:
    """Show who is stopped for nothing, by group; None where nobody was there."""
    rows = tuple(
        (shorten(group), Ratio.of(stopped), None if stopped.value is None else 1e6 * stopped.value)
        for group, stopped in sorted(alerts.counts.together.groups.items())
    )
    if not rows:
        return None
    columns = ("Group", FALSE_ALARMS, "A million honest encounters")
    return Table("alerts-by-group", "Honest travellers stopped by any alert, by group", columns, rows)


def _per_million(number: int, honest: int) -> float | None:
    """Give false alerts a million honest encounters; None where there were none."""
    return 1e6 * number / honest if honest else None


def _all_first(kinds: Iterable[KindCounts]) -> list[KindCounts]:
    return sorted(kinds, key=lambda one: (one.kind != JOINT, one.kind))


def _kind(kind: str) -> str:
    return "all kinds together" if kind == JOINT else words(kind)
