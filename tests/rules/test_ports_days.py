"""A run counts days at the port: an exit in the evening of the last lawful day is in time everywhere."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from biomatch.policy import OperatingPoint
from biomatch.settings.system import System
from biomatch.system.stays import stays_at
from biomatch.tables.observed import (
    CLASSES,
    DOCUMENTS,
    ENCOUNTERS,
    MANIFESTS,
    MOVEMENTS,
    STATUS_EVENTS,
    WATCHLIST,
    Observed,
)

LAST = date(2024, 9, 30)
ZONES = {"LAX": "America/Los_Angeles", "HNL": "Pacific/Honolulu", "GUM": "Pacific/Guam"}


def record(number, direction, time, port, **more):
    return {
        "encounter_id": number, "source": "port", "time": time, "recorded_at": time, "port": port,
        "mode": "air", "direction": direction, "movement": -1, "document_number": f"P{number // 2}",
        "document_issuer": "UTO", "claimed_name": "ROE, ANNA", "birth_date": date(1980, 1, 1), "sex": "F",
        "nationality": "UTO", "admission_class": "B2", "permitted_until": None, "camera": None, "attempts": 0,
        "quality": None, "template_row": -1, "failure": "not_attempted", **more,
    }  # fmt: skip


def observed(rows, zones=ZONES):
    return Observed(
        encounters=ENCOUNTERS.frame(pl.DataFrame(rows, infer_schema_length=None).to_dict(as_series=True)),
        documents=DOCUMENTS.empty(), movements=MOVEMENTS.empty(), manifests=MANIFESTS.empty(),
        status_events=STATUS_EVENTS.empty(), watchlist=WATCHLIST.empty(),
        templates=np.zeros((0, 8), np.float32), about={"zones": zones} if zones else {},
    )  # fmt: skip


def stay(entered, left, *, into="LAX", out="LAX", number=0, until=LAST):
    return [
        record(2 * number, "entry", entered, into, permitted_until=until),
        record(2 * number + 1, "exit", left, out),
    ]


@pytest.mark.parametrize(
    ("left", "out", "zones", "status"),
    [
        (datetime(2024, 10, 1, 3, 30), "LAX", ZONES, "compliant"),  # 20:30 on the last lawful day
        (datetime(2024, 10, 1, 3, 30), "LAX", None, "out_of_country_overstay"),  # a port that keeps UTC
        (datetime(2024, 10, 1, 7, 30), "LAX", ZONES, "out_of_country_overstay"),  # 00:30 on the next day
        (datetime(2024, 10, 1, 9, 30), "HNL", ZONES, "compliant"),  # 23:30 in Honolulu
        (datetime(2024, 9, 30, 15, 0), "GUM", ZONES, "out_of_country_overstay"),  # 01:00 on 1 October in Guam
    ],
)
def test_the_day_of_the_exit_is_the_ports(left, out, zones, status):
    world = observed(stay(datetime(2024, 5, 1, 12), left, out=out), zones)
    for method in ("document", "optimum"):
        point = OperatingPoint.of(0.4, System.load("default").with_({"linkage.method": method}))
        (row,) = stays_at(world, date(2024, 12, 1), point).iter_rows(named=True)
        assert row["status"] == status
        assert (row["p_overstay"] > 0.5) == (status == "out_of_country_overstay")


def test_the_day_of_the_entry_is_the_ports():
    """A waiver's 90 days begin in Los Angeles on 31 May, when it is 1 June in UTC."""
    rows = stay(datetime(2024, 6, 1, 3), datetime(2024, 7, 1), until=None)
    rows[0]["admission_class"] = "WT"
    point = OperatingPoint.of(0.4, System.load("default"))
    (row,) = stays_at(observed(rows), date(2024, 12, 1), point).iter_rows(named=True)
    assert row["permitted_until"] == date(2024, 5, 31) + timedelta(days=89)


def test_leaving_where_it_is_still_the_day_before_stops_nothing():
    # Entered in Guam at 08:00 on 2 May, left from Honolulu on the afternoon of 1 May.
    world = observed(stay(datetime(2024, 5, 1, 22), datetime(2024, 5, 2, 3), into="GUM", out="HNL"))
    point = OperatingPoint.of(0.4, System.load("default"))
    assert stays_at(world, date(2024, 12, 1), point)["status"].to_list() == ["compliant"]


def test_incomplete_records_stop_nothing(tmp_path):
    """Unknown class, sex X or none, no name, no birth date, no date of admission: all are read and judged."""
    rows = [
        row
        for number, more in enumerate(
            [
                {"admission_class": "Q-9"},
                {"admission_class": "h-2a", "sex": "<"},
                {"admission_class": None, "sex": None, "claimed_name": None},
                {"admission_class": "E2", "permitted_until": None},
                {"sex": "X", "birth_date": None, "nationality": None},
                {"admission_class": "", "permitted_until": None},
            ]
        )
        for row in (
            record(2 * number, "entry", datetime(2024, 5, 1, 12), "LAX", **{"permitted_until": LAST} | more),
            record(
                2 * number + 1, "exit", datetime(2024, 10, 5, 12), "LAX", **{**more, "permitted_until": None}
            ),
        )
    ]
    frame = pl.DataFrame(rows, infer_schema_length=None).with_columns(
        pl.col(name).cast(ENCOUNTERS.columns[name])
        for name in ENCOUNTERS.columns
        if name not in ("admission_class", "sex")
    )
    bare = observed([record(0, "entry", datetime(2024, 5, 1), "LAX")])
    read = ENCOUNTERS.check(frame)
    assert read["admission_class"].to_list()[::2] == ["OTHER", "H2A", None, "E2", "B2", None]
    assert read["sex"].to_list()[::2] == ["F", "X", None, "F", "X", "F"]
    from biomatch.tables.observed import _classed

    world = replace(bare, encounters=_classed(read)).check()
    for method in ("document", "optimum"):
        point = OperatingPoint.of(0.4, System.load("default").with_({"linkage.method": method}))
        stays = stays_at(world, date(2024, 12, 1), point).sort("entry_id")
        over = "out_of_country_overstay"
        assert stays["status"].to_list() == [over, over, over, "compliant", over, "compliant"]
    world.write(tmp_path / "observed")


def test_tables_hold_every_class_that_the_rules_know():
    from biomatch.overstay.rules.us_classes import CODES

    assert set(CLASSES) == {*CODES, "RESIDENT"}
