"""Rows 15 and 16: overstay rates as reported and as restated must emerge from a join by document.

A country over the fiscal year 2024: true overstays and missed exits are settings, the reported rates are what
a join makes of them, at the snapshot and 129 days later.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import polars as pl

from biomatch.policy import OperatingPoint
from biomatch.rates import Rate, rate
from biomatch.settings.scenario import Scenario
from biomatch.settings.system import System
from biomatch.system.stays import StayBook
from biomatch.tables.observed import Observed
from biomatch.verification.cell import FITTED, Cell, Size, check, of_rate
from biomatch.worlds import world

TRAVELLERS, SEEDS = 200_000, (21, 22, 23, 24)
IN_COUNTRY, OUT_OF_COUNTRY = "suspected_in_country_overstay", "out_of_country_overstay"
POINTS = 0.0005
"""Tolerance of a rate: 0.05 of a percentage point, as declared with the published figures."""
CLASSES = {
    "visa waiver": (("WT", "WB"), "0.43 to 0.65%", (0.0013, 0.0095)),
    "other B": (("B1", "B2"), "1.6 to 2.2%", (0.013, 0.025)),
    "students": (("F1", "J1", "M1"), "2.5 to 2.8%", (0.022, 0.031)),
}
"""Suspected in-country rates FY2015 to FY2024, and 0.3 of a point to either side."""


def expected_stays(observed: Observed, as_of: date) -> pl.DataFrame:
    """List the fiscal year's expected departures by air and sea, joined by document alone as of a date.

    Returns
    -------
    polars.DataFrame
        Columns status and admission_class (String), a row an expected departure.
    """
    point = OperatingPoint(face_threshold=1.0, system=System.load("document-only"))
    stays, _ = StayBook(observed, None, as_of, point).at(point)
    first, last = (date.fromisoformat(str(observed.about[day])) for day in ("measure_from", "snapshot"))
    entries = observed.encounters.select("encounter_id", "mode", "admission_class")
    due = stays.join(entries, left_on="entry_id", right_on="encounter_id").filter(
        (pl.col("mode") != "land") & pl.col("permitted_until").is_between(first, last)
    )
    return due.select(pl.col("status", "admission_class").cast(pl.String))


@check("15: overstay rates as reported")
def reported(size: Size) -> Iterator[Cell]:
    """Pool fiscal years of several countries, at the snapshot and restated."""
    settings = Scenario.load("country").with_(
        {"travellers": TRAVELLERS, "faces.profile": "visa-border-small", "watchlist.size": 0}
    )
    snapshot, later = [], []
    for seed in SEEDS[: size(1)]:
        observed = world(settings, seed).observed
        snapshot.append(expected_stays(observed, settings.snapshot))
        later.append(expected_stays(observed, settings.last_day))
    then, now = pl.concat(snapshot), pl.concat(later)
    listed, restated = _share(then, IN_COUNTRY), _share(now, IN_COUNTRY)
    yield _cell("total overstay rate as reported", "1.15%", 0.0115, _share(then, IN_COUNTRY, OUT_OF_COUNTRY))
    yield _cell("in-country rate as reported", "1.04%", 0.0104, listed)
    yield _cell("out-of-country rate as reported", "0.12%", 0.0012, _share(then, OUT_OF_COUNTRY))
    yield _cell("in-country rate restated after 129 days", "0.92%", 0.0092, restated)
    cleared = 1.0 - (restated.value or 0.0) / (listed.value or 1.0)
    yield Cell(
        row=15,
        what="share of the in-country count that is gone after 129 days",
        published="11.5% (FY2024)",
        value=cleared,
        allowed=(0.08, 0.15),
        basis=FITTED,
        how="simulated",
        source="OVR 2024",
        counts=f"{listed.numerator - restated.numerator:,} of {listed.numerator:,}",
    )
    for name, (codes, published, allowed) in CLASSES.items():
        found = _share(then.filter(pl.col("admission_class").is_in(codes)), IN_COUNTRY)
        yield _cell(f"in-country rate, {name}", published, None, found, row=16, allowed=allowed)


def _share(stays: pl.DataFrame, *statuses: str) -> Rate:
    return rate(stays.filter(pl.col("status").is_in(statuses)).height, stays.height)


def _cell(what: str, published: str, target: float | None, found: Rate, **more: Any) -> Cell:
    bounds = {} if target is None else {"allowed": (target - POINTS, target + POINTS)}
    return Cell(
        **{
            "row": 15,
            "what": what,
            "published": published,
            "basis": FITTED,
            "source": "OVR 2015 to 2024",
            **bounds,
            **of_rate(found),
            **more,
        }
    )
