"""Who is listed as an overstay, rightly and wrongly, and who is hidden."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from biomatch.evaluation.overstays.arithmetic import YEAR_EXPECTED, YEAR_REPORTED, arithmetic
from biomatch.evaluation.overstays.counts import Overstays
from biomatch.evaluation.result import Result
from biomatch.rates import Rate, rate
from biomatch.reporting.along import Slider
from biomatch.reporting.figures import Ratio, shorten, words
from biomatch.reporting.sections.rates import FALSE_LEADS, MOST_STRATA
from biomatch.reporting.tables import Along, Table, Value

PARTS = ("admission_class", "mode", "exit_document", "group")
COUNTED = ("expected_departures", "leads", "true_leads", "false_leads", "hidden")
OF_CAUSE = "false_leads: "
"""What the grid's columns of false leads by cause begin with."""
MEANINGS = {
    "left unrecorded": "Departed, and nobody wrote it down.",
    "not yet received": "Departed and recorded; the record had not arrived.",
    "another document": "Departed on a number that the entry does not bear.",
    "link refused": "Departed on the same document; the two records were not joined.",
    "extension unknown": "Still inside, lawfully.",
    "capture not linked": "Departed before a camera that read no document; no face joined it to the entry.",
}


def leads_table(result: Result, slider: Slider) -> Table | None:
    """Show leads, true and false, and hidden overstays, as of the last date; None without stays."""
    if not result.overstays:
        return None
    last = result.overstays[-1]
    along = _grid_rows(result, slider)

    def share(part: str, whole: str, here: Rate) -> Ratio | Along:
        if part not in along or whole not in along:
            return Ratio.of(here)
        pairs = zip(along[part], along[whole], strict=True)
        return Along(tuple(Ratio.of(rate(one, of)) for one, of in pairs))

    def counted(name: str, here: int) -> Value | Along:
        return Along(tuple(along[name])) if name in along else here

    if {"true_leads", "hidden"} <= along.keys():
        pairs = zip(along["true_leads"], along["hidden"], strict=True)
        along["true_in_country"] = [one + other for one, other in pairs]
    wrong, lacking = rate(last.false_leads, last.leads), rate(last.hidden, last.true_in_country)
    figures = (
        ("Overstay leads", "leads", last.leads, "expected_departures", last.reported_in_country_rate),
        ("Leads that are true", "true_leads", last.true_leads, "leads", last.precision),
        (FALSE_LEADS, "false_leads", last.false_leads, "leads", wrong),
        ("Overstays that the list lacks", "hidden", last.hidden, "true_in_country", lacking),
    )
    rows: list[tuple[Value | Along, ...]] = [
        ("Departures expected", counted("expected_departures", last.expected_departures), None)
    ]
    rows += [
        (who, counted(name, number), share(name, whole, here)) for who, name, number, whole, here in figures
    ]
    return Table(
        "leads",
        f"Overstay leads as of {last.as_of.isoformat()}",
        ("Who", "Number", "Share, 95% interval"),
        tuple(rows),
        "Leads: of departures expected; true and false: of leads; lacking: of true in-country overstays.",
        linked=slider.linked,
    )


def _grid_rows(result: Result, slider: Slider) -> dict[str, list[int]]:
    """Give the grid's counts in the order of the slider, at each position those of the nearest threshold.

    At the tuned position stand the result's own counts: a point may set thresholds by mode or port.
    """
    grid = result.grid
    stops = tuple(slider.thresholds[at] for at in slider.counted)
    if "threshold" not in grid.columns or tuple(grid["threshold"].sort()) != stops:
        return {}
    ordered, last = grid.sort("threshold"), result.overstays[-1]
    own = {name: int(getattr(last, name)) for name in COUNTED}
    own |= {f"{OF_CAUSE}{cause}": number for cause, number in last.causes.items()}
    found = {}
    for name, number in own.items():
        if name in grid.columns and not grid[name].has_nulls():
            counts = dict(zip(slider.counted, map(int, ordered[name]), strict=True))
            counts[slider.tuned] = number
            found[name] = [counts[at] for at in slider.linked]
    return found


def dates_table(result: Result) -> Table | None:
    """Show what is reported beside what is true, a column a date; None without stays."""
    dates = result.overstays
    if not dates:
        return None
    figures: tuple[tuple[str, Callable[[Overstays], Value]], ...] = (
        ("Reported in-country rate", lambda one: Ratio.of(one.reported_in_country_rate)),
        ("True in-country rate", lambda one: Ratio.of(one.true_in_country_rate)),
        ("Reported total rate", lambda one: Ratio.of(one.reported_total_rate)),
        ("Precision of leads", lambda one: Ratio.of(one.precision)),
        ("Recall of overstays", lambda one: Ratio.of(one.recall)),
        ("False leads among true departures", lambda one: Ratio.of(one.false_lead_rate)),
        ("Late departures, as listed", lambda one: one.listed_out_of_country),
        ("Late departures, in truth", lambda one: one.true_out_of_country),
    )
    return Table(
        "overstay-rates",
        "What would be reported, beside what is true",
        ("Figure", *(one.as_of.isoformat() for one in dates)),
        tuple((name, *(read(one) for one in dates)) for name, read in figures),
        "Rates of expected air and sea departures, as the published reports define them.",
    )


def causes_table(result: Result, slider: Slider) -> Table | None:
    """Show why people are wrongly listed; None without stays."""
    if not result.overstays:
        return None
    last = result.overstays[-1]
    along = _grid_rows(result, slider)

    def share(cause: str, number: int) -> Value | Along:
        if f"{OF_CAUSE}{cause}" not in along or "false_leads" not in along:
            return Ratio.of(rate(number, last.false_leads))
        pairs = zip(along[f"{OF_CAUSE}{cause}"], along["false_leads"], strict=True)
        return Along(tuple(Ratio.of(rate(one, of)) for one, of in pairs))

    rows = tuple((cause, share(cause, number), MEANINGS.get(cause)) for cause, number in last.causes.items())
    return Table(
        "false-leads",
        f"Why people are wrongly listed, as of {last.as_of.isoformat()}",
        ("Cause", "Of all false leads", "What happened"),
        rows,
        linked=slider.linked,
    )


def part_table(result: Result, by: str) -> Table | None:
    """Show who is wrongly listed, by a column of the judged stays; None without stays."""
    if not result.overstays or by not in result.stays.columns:
        return None
    last = result.overstays[-1].as_of
    due = result.stays.filter((pl.col("as_of") == last) & pl.col("expected"))
    parts = due.with_columns(stratum=pl.col(by).cast(pl.String).fill_null("unknown")).group_by("stratum")
    listed = pl.col("listed")
    counts = parts.agg(
        expected=pl.len(),
        leads=listed.sum(),
        wrong=(listed & ~pl.col("truly_inside_over")).sum(),
        hidden=(~listed & pl.col("truly_inside_over")).sum(),
    ).sort(["expected", "stratum"], descending=[True, False])
    shown = counts.head(MOST_STRATA).sort("stratum").iter_rows(named=True)
    rows = [_part_row(row, shorten(row["stratum"])) for row in shown]
    rest = counts.slice(MOST_STRATA)
    if rest.height:
        sums = rest.drop("stratum").sum().row(0, named=True)
        rows.append(_part_row(sums, f"{rest.height} smaller ones, pooled"))
    return Table(
        f"leads-by-{by.replace('_', '-')}",
        f"Who is wrongly listed, by {words(by)}",
        (words(by).capitalize(), "False leads, of expected departures", "False leads, of leads", "Hidden"),
        tuple(rows),
    )


def _part_row(row: Mapping[str, Any], name: str) -> tuple[Value, ...]:
    return (
        name,
        Ratio.of(rate(row["wrong"], row["expected"])),
        Ratio.of(rate(row["wrong"], row["leads"])),
        row["hidden"],
    )


def arithmetic_table(result: Result) -> Table | None:
    """Show what a missed face means where nothing else records an exit; None where it cannot be counted."""
    found = arithmetic(result)
    if found is None or found.face_alone is None:
        return None
    year = YEAR_EXPECTED / found.expected_departures
    listed = found.listed_rate.value or 0.0
    rows: tuple[tuple[Value, ...], ...] = (
        ("Departures expected", found.expected_departures, None, YEAR_EXPECTED),
        (
            "Exit searches without a hit",
            found.unfound.numerator,
            Ratio.of(found.unfound),
            None,
        ),
        (
            "False flags by the arithmetic, if faces alone recorded exits",
            round(found.face_alone),
            None,
            round(found.face_alone * year),
        ),
        (
            "Of the searched departures, listed falsely after documents and linkage",
            found.listed_falsely,
            Ratio.of(found.listed_rate),
            round(listed * YEAR_EXPECTED),
        ),
        (
            "Fewer by a factor of",
            found.fold if found.listed_falsely else f"at least {found.unfound.numerator}",
            None,
            None,
        ),
        (
            "All false leads, departures that no camera saw among them",
            found.false_leads.numerator,
            Ratio.of(found.false_leads),
            round(found.false_leads.numerator * year),
        ),
        ("Reported as in-country overstays, FY2024", None, None, YEAR_REPORTED),
    )
    return Table(
        "arithmetic",
        "The arithmetic of a missed exit",
        ("What", "Here", "Share, 95% interval", "In a year of the United States"),
        rows,
        f"Miss rate x expected departures: 1% of {YEAR_EXPECTED:,} is 466,571, about what is reported. "
        "The last column multiplies by the ratio of expected departures (FY2024, air and sea) and assumes "
        "that everything else is as in this world.",
    )
