"""Error rates, causes of misses, breakdowns, and what they mean for a day at the port."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl

from biomatch.evaluation.result import Result
from biomatch.rates import rate
from biomatch.reporting.along import Tracks, mated, own_non_mated, where_counted
from biomatch.reporting.figures import NO_TRIALS, Ratio, count, shorten, words
from biomatch.reporting.tables import Along, Table, Value

MOST_STRATA = 40
"""Strata that a breakdown shows; the smallest are pooled, or a report would outgrow its file."""
BREAKDOWNS = ("group", "mode", "port")
FALSE_LEADS = "Leads that are false"
"""Name of the row of the table of leads that a day at the port carries on."""
MEANINGS = {
    "not acquired": "No usable image: nothing was searched.",
    "lost by the index": "The index did not return the mate although its score was high enough for the list.",
    "lost by the score": "The mate's own score is below the threshold.",
    "outranked": "L or more strangers scored higher than the mate.",
}


def rates_table(tracks: Tracks) -> Table:
    """Show FNIR, FPIR, the system's miss rate and failures to acquire."""
    result = tracks.result
    counted = result.trials.filter(pl.col("counted"))
    due, other = mated(result.trials), own_non_mated(result.trials)
    own = other.height == 0 or not other["designed"].any()
    captures = counted.filter(~pl.col("designed"))
    failed = Ratio.of(rate(captures.height - int(captures["acquired"].sum()), captures.height))
    rows: list[tuple[Value | Along, ...]] = [
        (
            f"FNIR(N, {result.list_length}, T)",
            tracks.fnir(due.filter("acquired")),
            "mated searches whose mate is not among the L candidates at or above T",
        ),
        (
            "FPIR(N, T)",
            tracks.fpir(other),
            "non-mated searches with a candidate at or above T"
            + ("" if own else " (trials that the design added: the policy itself made none)"),
        ),
    ]
    designed = counted.filter(~pl.col("mated") & pl.col("acquired") & pl.col("designed"))
    if own and designed.height:
        rows.append(
            ("FPIR(N, T), designed", tracks.fpir(designed), "trials that the design added, reported apart")
        )
    rows += [
        (
            "System miss rate",
            tracks.fnir(due),
            "misses and mated failures to acquire, of all mated trials",
        ),
        ("Failure to acquire", failed, "captures that were due and gave no template"),
    ]
    return Table(
        "rates", "Error rates at this threshold", ("Rate", "Measured, 95% interval", "Share of"), tuple(rows)
    )


def misses_table(tracks: Tracks) -> Table:
    """Show the causes of misses, each of all mated trials."""
    due = mated(tracks.result.trials)
    rows = [(cause, along, MEANINGS[cause]) for cause, along in tracks.causes(due).items()]
    return Table(
        "misses",
        "Causes of misses: each miss has one",
        ("Cause", "Misses, of all mated trials", "What happened"),
        tuple(rows),
        "An index that loses mates cannot hide in the threshold: its losses have a row of their own.",
    )


def breakdown_table(tracks: Tracks, by: str, *, follow: bool = True) -> Table:
    """Break FNIR, FPIR and failures to acquire down by a column of the trials."""
    if not follow:
        tracks = Tracks(tracks.result, tracks.slider.alone())
    trials = tracks.result.trials.filter(pl.col("counted") & ~pl.col("designed"))
    labelled = trials.with_columns(stratum=pl.col(by).cast(pl.String).fill_null("unknown"))
    sizes = labelled.group_by("stratum").len().sort(["len", "stratum"], descending=[True, False])
    kept = set(sizes["stratum"].head(MOST_STRATA).to_list())
    pooled = sizes.height - len(kept)
    rest = f"{pooled} smaller ones, pooled"
    named = labelled.with_columns(
        stratum=pl.when(pl.col("stratum").is_in(list(kept))).then("stratum").otherwise(pl.lit(rest))
    )
    rows = []
    parts = {str(key[0]): part for key, part in named.group_by("stratum")}
    for name in sorted(kept) + ([rest] if pooled else []):
        part = parts[name]
        acquired = part.filter("acquired")
        cells: list[Value | Along] = [
            tracks.fnir(acquired.filter("mated")),
            tracks.fpir(acquired.filter(~pl.col("mated"))),
        ]
        if not follow:
            cells = [one.values[0] for one in cells if isinstance(one, Along)]
        failed = Ratio.of(rate(part.height - acquired.height, part.height))
        rows.append((shorten(name), *cells, failed))
    return Table(
        f"by-{by}",
        f"Error rates by {words(by)}",
        (words(by).capitalize(), "FNIR, 95% interval", "FPIR, 95% interval", "Failure to acquire"),
        tuple(rows),
        f'"{NO_TRIALS}" is not a rate of zero.',
    )


def days_of(result: Result) -> int | None:
    """Count the days that were graded; None where the world does not say."""
    seen = dict(result.about.get("observed") or {})
    try:
        begin = date.fromisoformat(str(seen["measure_from"])[:10])
        return max(1, (date.fromisoformat(str(seen["last_day"])[:10]) - begin).days + 1)
    except (KeyError, ValueError):
        return None


def day_table(tracks: Tracks, leads: Table | None = None) -> Table | None:
    """Say what the threshold means for a day at the port; None where the days are unknown.

    Parameters
    ----------
    tracks : Tracks
        Of the result.
    leads : Table or None
        Overstay leads (`biomatch.reporting.sections.overstays.leads_table`), for those that are false.
    """
    result, days = tracks.result, days_of(tracks.result)
    if days is None:
        return None
    trials = result.trials.filter(pl.col("counted") & ~pl.col("designed"))
    if not trials.height:
        return None
    ports = trials.group_by("port").len().sort(["len", "port"], descending=[True, False])["port"]
    here = trials.filter(pl.col("port").eq_missing(pl.lit(ports[0])))
    whole, busiest = _events(tracks, trials), _events(tracks, here)
    several = len(ports) > 1
    found = [(what, events, busiest[what]) for what, events in whole.items()]
    found += [(what, events, None) for what, events in _later(tracks, leads)]
    rows = [
        (
            what,
            _numerators(events),
            _a_day(events, days),
            *([None if there is None else _a_day(there, days)] if several else []),
            _days_between(events, days),
        )
        for what, events, there in found
    ]
    return Table(
        "day",
        "A day at the port, at this threshold",
        (
            "What",
            f"In all {count(days)} days",
            "On a mean day",
            *([f"On a mean day, busiest port: {shorten(ports[0], 30)}"] if several else []),
            "Mean days between events",
        ),
        tuple(rows),
        "Means over the graded days; a single day varies around them. Mean days between events: for what "
        "happens less than once a day. Leads stand where all stays were linked again.",
    )


def _later(tracks: Tracks, leads: Table | None) -> list[tuple[str, int | Along]]:
    """Give what decisions lead to: leads along the slider, alerts at the point's own thresholds."""
    found: list[tuple[str, int | Along]] = []
    for name, number, *_ in leads.rows if leads else ():
        if name == FALSE_LEADS and isinstance(number, int | Along):
            if isinstance(number, Along):
                number = where_counted(number, tracks.slider)
            found.append(("False overstay leads, on the last list", number))
    alerts = tracks.result.alerts["all"]
    if alerts.honest_encounters:
        stopped = "Honest travellers stopped, at the alerts' own thresholds"
        found.append((stopped, alerts.false_encounters))
        found.append(("Fraud caught, at the alerts' own thresholds", alerts.caught))
    return found


def _events(tracks: Tracks, part: pl.DataFrame) -> dict[str, Any]:
    due = part.filter("mated")
    acquired = part.filter("acquired")
    return {
        "Searches": acquired.height,
        "False alarms: a traveller who is not enrolled is matched to somebody who is": tracks.fpir(
            acquired.filter(~pl.col("mated"))
        ),
        "Travellers not recognised, who go to an officer": tracks.fnir(acquired.filter("mated")),
        "Captures that failed, with a mate in the gallery": due.height - int(due["acquired"].sum()),
        "Captures that failed, all": part.height - acquired.height,
    }


def _numerators(events: int | Along) -> Value | Along:
    if isinstance(events, int):
        return events
    return Along(tuple(one.numerator if isinstance(one, Ratio) else one for one in events.values))


def _a_day(events: int | Along, days: int) -> Value | Along:
    if isinstance(events, int):
        return _rounded(events / days)
    counts = [one.numerator if isinstance(one, Ratio) else one for one in events.values]
    return Along(tuple(_rounded(one / days) if isinstance(one, int) else None for one in counts))


def _days_between(events: int | Along, days: int) -> Value | Along:
    if isinstance(events, int):
        return _rounded(days / events) if 0 < events < days else None
    counts = [one.numerator if isinstance(one, Ratio) else one for one in events.values]
    return Along(tuple(_rounded(days / n) if isinstance(n, int) and 0 < n < days else None for n in counts))


def _rounded(mean: float) -> float:
    """Keep four significant digits: a mean over days bears no more."""
    return float(f"{mean:.4g}")
