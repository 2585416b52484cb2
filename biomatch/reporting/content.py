"""What the page holds of one result: its texts, its tables, and the rows of its charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from biomatch.evaluation.alerts.alert_result import ExplainedAlert
from biomatch.evaluation.result import Result
from biomatch.reporting import points
from biomatch.reporting.along import Slider, Tracks, where_counted
from biomatch.reporting.charts import alert_rows, now_row
from biomatch.reporting.decision.card import Decision
from biomatch.reporting.decision.facts import decision
from biomatch.reporting.figures import Ratio, clean, threshold
from biomatch.reporting.findings import findings
from biomatch.reporting.fraud import adversary, calibrated, front
from biomatch.reporting.fraud.explained import explained_table, steps
from biomatch.reporting.opening import Opening
from biomatch.reporting.points import Rows
from biomatch.reporting.sections import (
    costs,
    fraud,
    growth,
    inequity,
    overstays,
    provenance,
    rates,
    recommendation,
    review,
    waits,
)
from biomatch.reporting.sections.at_port import AtPort, PortWaits
from biomatch.reporting.tables import OWN_THRESHOLD, Along, Table, Value
from biomatch.tuning.costs import Day

FEW = 4
"""Up to so many results, breakdowns follow the slider; with more they stand at the tuned threshold, and
the list of all thresholds is left to `write_tables`: fifty results shall fit in one file of 3 MB."""

PARTS = frozenset(
    {"alerts-by-group", *(f"by-{one}" for one in rates.BREAKDOWNS)}
    | {f"leads-by-{one.replace('_', '-')}" for one in overstays.PARTS}
)
"""Tables that break a figure down."""


@dataclass(frozen=True, slots=True)
class Content:
    """One result, ready for the page.

    Attributes
    ----------
    label : str
        Its name among several.
    slider : Slider
        Where it can stand.
    texts : mapping
        Sentences by place.
    tables : mapping
        Tables by name; what does not apply is absent.
    rows : mapping
        Rows of charts that do not follow the slider.
    now : list of dict
        The mark in the DET curve at each position.
    decision : Decision
        The card, at the tuned threshold.
    """

    label: str
    slider: Slider
    texts: Mapping[str, str]
    tables: Mapping[str, Table]
    rows: Mapping[str, Rows]
    now: Rows
    decision: Decision

    def where(self, table: Table) -> str:
        """Say T, N and L beside a table, as it stands at the tuned threshold."""
        if table.free:
            return ""
        still = "" if table.follows or len(self.slider.thresholds) == 1 else "; does not follow the slider"
        if not table.rated:
            return f"At the tuned thresholds{still}"
        tuned = self.slider.thresholds[self.slider.tuned]
        return f"T = {threshold(tuned)} (tuned), {self.texts['gallery']}{still}"

    def to_json(self) -> dict[str, Any]:
        """Give the page's data; thresholds come both as numbers and as text."""
        return {
            "label": clean(self.label),
            "thresholds": list(self.slider.thresholds),
            "shown": [threshold(one) for one in self.slider.thresholds],
            "tuned": self.slider.tuned,
            "texts": {name: clean(text) for name, text in self.texts.items()},
            "tables": {name: table.to_json() for name, table in self.tables.items()},
            "rows": {name: columns(found) for name, found in self.rows.items()},
            "now": columns(self.now),
        }


def content(
    result: Result,
    label: str,
    *,
    several: bool = False,
    at_port: AtPort | None = None,
    opening: Opening | None = None,
) -> Content:
    """Make the content of a result (``several``: sparingly, since many share one file).

    With a port its thresholds are priced in waits there; an opening brings lists under other systems.
    """
    waiting = None if at_port is None else PortWaits.of(result, at_port)
    slider = Slider.of(result, 0) if several else Slider.of(result)
    tracks = Tracks(result, slider)
    curve = points.drawn_curve(result)
    priced = costs.days(result, slider.alone() if several else slider)
    told = {
        f"explained-{name}": result.alerts.explained_alert(caught=name == "caught")
        for name in ("caught", "false")
    }
    return Content(
        label=label,
        slider=slider,
        texts=_texts(result, waiting, told, several),
        tables=_tables(result, tracks, priced, waiting, told, several),
        rows=_rows(result, slider, priced, waiting, told, several),
        now=[_mark(now_row(curve, one)) for one in slider.thresholds]
        if curve.mated and curve.non_mated
        else [],
        decision=decision(
            result, () if opening is None else opening.lists, () if opening is None else opening.claims
        ),
    )


Told = Mapping[str, ExplainedAlert | None]
"""Explained alerts by the name of their chart."""


def _tables(
    result: Result,
    tracks: Tracks,
    priced: list[Day],
    waiting: PortWaits | None,
    told: Told,
    several: bool,
) -> dict[str, Table]:
    """Make the tables in the order of the page; of several results only the short ones."""
    slider, alerts = tracks.slider, result.alerts
    made, leads = rates.rates_table(tracks), overstays.leads_table(result, slider)
    found = [
        made,
        rates.misses_table(tracks),
        growth.measured_table(result),
        growth.growth_table(result),
        growth.back_test_table(result),
        rates.day_table(tracks, leads),
        costs.costs_table(priced, follow=not several),
        costs.prices_table(result),
        leads,
        overstays.dates_table(result),
        overstays.causes_table(result, slider),
        *(overstays.part_table(result, by) for by in overstays.PARTS),
        review.review_table(result),
        review.orders_table(result),
        None if several else review.backlog_table(result),
        overstays.arithmetic_table(result),
        fraud.alerts_table(alerts),
        fraud.causes_table(alerts),
        fraud.groups_table(alerts),
        None if several else front.front_table(result),
        adversary.pools_table(alerts),
        adversary.others_table(alerts),
        calibrated.models_table(alerts),
        None if several else calibrated.bins_table(alerts),
        *(explained_table(name, one) for name, one in told.items()),
        *(rates.breakdown_table(tracks, by, follow=not several) for by in rates.BREAKDOWNS),
        None if several else inequity.inequity_table(result),
        *waits.tables(waiting),
        None if several else thresholds_table(slider, made, leads, recommendation.gallery(result)),
        provenance.provenance_table(result, sparing=several),
        provenance.settings_table(result, sparing=several),
    ]
    return {table.name: table for table in found if table is not None and not _one_part(table)}


def _one_part(table: Table) -> bool:
    """Whether a breakdown has a single part: it repeats what stands above it."""
    return table.name in PARTS and len(table.rows) < 2


def _texts(result: Result, waiting: PortWaits | None, told: Told, several: bool) -> dict[str, str]:
    """Make the sentences of the page; an empty one leaves its place hidden."""
    noted = findings(result)
    return {
        "sentence": recommendation.sentence(result),
        "guarantee": recommendation.guarantee(result),
        "verdict": recommendation.verdict(result),
        "consequences": recommendation.consequences(result),
        "banner": recommendation.banner(result),
        "gallery": recommendation.gallery(result),
        "growth": growth.sentence(result),
        "waits-card": waits.card(waiting),
        "waits": waits.sentence(waiting),
        "waits-believed": waits.believed(waiting),
        **{f"waits-head-{k}": text if waiting else "" for k, text in enumerate(waits.HEADINGS, start=1)},
        "front-head": front.HEADING if front.front_of(result) and not several else "",
        "adversary-head": adversary.HEADING if adversary.sentence(result.alerts) else "",
        "adversary": adversary.sentence(result.alerts),
        "calibrated-head": calibrated.HEADING if result.alerts.calibration else "",
        "calibrated": calibrated.sentence(result.alerts),
        **{f"finding-{name}": text for name, text in noted.items()},
        "finding-none": "" if any(noted.values()) else "No rule found anything to point out.",
        "explained": "One alert explained" if any(told.values()) else "",
    }


def _rows(
    result: Result,
    slider: Slider,
    priced: list[Day],
    waiting: PortWaits | None,
    told: Told,
    several: bool,
) -> dict[str, Rows]:
    """Make the rows of the charts."""
    curve = points.drawn_curve(result)
    curve_rows = points.curve_rows(curve, most=40 if several else points.LARGEST_CURVE)
    cost_rows, cheapest = costs.cost_rows(result, slider, [] if several else priced)
    estimates, measured, operational = growth.growth_rows(result)
    pools, expected = adversary.adversary_rows(result.alerts)
    ahead, chosen = front.front_rows(result)
    bins, diagonal = calibrated.reliability_rows(result.alerts)
    return {
        "curve": curve_rows,
        "drawn": points.drawn(curve_rows),
        "growth": estimates,
        "measured": measured,
        "operational": operational,
        "costs": cost_rows,
        "cheapest": cheapest,
        "leads": points.lead_rows(result),
        "alerts": alert_rows(fraud.alerts_table(result.alerts)),
        "pools": pools,
        "expected": expected,
        "front": [] if several else ahead,
        "chosen": [] if several else chosen,
        **waits.rows(waiting),
        "bins": bins,
        "diagonal": diagonal,
        **{name: steps(one) for name, one in told.items()},
    }


def _mark(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("threshold", "fpir", "fnir")}


def thresholds_table(slider: Slider, made: Table, leads: Table | None, gallery: str) -> Table:
    """List every threshold of the slider with its rates (`made`), and leads where the grid has them."""
    fnir, fpir = (row[1] for row in made.rows[:2])
    counted: list[tuple[str, Along]] = [
        (str(row[0]), where_counted(row[1], slider))
        for row in (leads.rows[1:] if leads else ())
        if isinstance(row[1], Along)
    ]
    rows = []
    for position, one in enumerate(slider.thresholds):
        tuned = "tuned" if position == slider.tuned else "resubstitution"
        cells: list[Value] = [
            cell.values[position] if isinstance(cell, Along) else None for cell in (fpir, fnir)
        ]
        rows.append((repr(one), tuned, *cells, *(along.values[position] for _, along in counted)))
    return Table(
        "thresholds",
        "Every threshold of the slider",
        (OWN_THRESHOLD, "Picked", "FPIR, 95% interval", "FNIR, 95% interval", *(name for name, _ in counted)),
        tuple(rows),
        f"{gallery}. Leads stand where all stays were linked again. Any but the tuned one is resubstitution: "
        "picked on the grading world.",
    )


def comparison_table(results: Sequence[Result], labels: Sequence[str]) -> Table:
    """Set results side by side, each at its own tuned threshold."""
    rows = []
    for result, label in zip(results, labels, strict=True):
        last = result.overstays[-1] if result.overstays else None
        rows.append(
            (
                label,
                threshold(result.point.face_threshold),
                result.enrolled[0],
                result.list_length,
                Ratio.of(result.fpir),
                Ratio.of(result.fnir),
                Ratio.of(result.system_miss_rate),
                None if last is None else last.false_leads,
                None if last is None else last.hidden,
                "yes" if result.point.resubstitution else "no",
            )
        )
    return Table(
        "comparison",
        "Results side by side, each at its own tuned threshold",
        ("Result", "T", "N, median", "L", "FPIR", "FNIR", "System miss rate", "False overstay leads",
         "Hidden overstays", "Resubstitution"),
        tuple(rows),
    )  # fmt: skip


def labels_of(results: Sequence[Result]) -> list[str]:
    """Name every result; equal names get what tells them apart, and a number only where nothing does."""
    names = [recommendation.label(result) for result in results]
    told = [recommendation.distinctions(result) for result in results]
    found = list(names)
    for name in {one for one in names if names.count(one) > 1}:
        same = [place for place, one in enumerate(names) if one == name]
        for choice in range(len(told[same[0]])):
            if len({told[place][choice] for place in same}) == len(same):
                for place in same:
                    found[place] = f"{name}, {told[place][choice]}"
                break
        else:
            for number, place in enumerate(same, start=1):
                found[place] = f"{name}, result {number} of {len(same)}"
    return found


def columns(rows: Rows) -> dict[str, list[Any]]:
    """Turn rows into columns with four significant digits; thresholds keep seven."""
    names = list(rows[0]) if rows else []
    return {name: [_rounded(row[name], 7 if name == "threshold" else 4) for row in rows] for name in names}


def _rounded(value: Any, digits: int) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{digits}g}")
    return clean(value) if isinstance(value, str) else value
