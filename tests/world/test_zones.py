"""Ports keep clocks of their own: days and hours are theirs, records are in UTC."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from biomatch_synthetic.world import make
from hypothesis import given, settings
from hypothesis import strategies as st

from biomatch.errors import SettingsError, TableError
from biomatch.settings.scenario import Scenario
from biomatch.tables.schema import Time
from biomatch.tables.zones import check_zone, local_dates, local_times, utc_times, zones_of

ZONES = {"LAX": "America/Los_Angeles", "AKL": "Pacific/Auckland", "KTM": "Asia/Kathmandu"}
PORTS = ["LAX", "AKL", "KTM", "LHR"]  # the last keeps UTC


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)), st.sampled_from(PORTS)),
        min_size=1,
        max_size=20,
    )
)
def test_equals_the_slow_twin_and_comes_back(rows):
    """One moment at a time with zoneinfo; back to the moment but for the hour that clocks show twice."""
    moments = [at.replace(microsecond=at.microsecond // 1000 * 1000) for at, _ in rows]
    names = pl.Series([port for _, port in rows])
    times = pl.Series(moments, dtype=Time)
    twin = [
        at.replace(tzinfo=ZoneInfo("UTC")).astimezone(ZoneInfo(ZONES.get(port, "UTC"))).replace(tzinfo=None)
        for at, port in zip(moments, names, strict=True)
    ]
    shown = local_times(times, names, ZONES)
    assert shown.to_list() == twin
    assert local_dates(times, names, ZONES).to_list() == [at.date() for at in twin]
    back = utc_times(shown, names, ZONES)
    for at, found in zip(moments, back, strict=True):
        assert found in (at, at - timedelta(hours=1))


def test_an_hour_that_clocks_skip_is_a_moment_all_the_same():
    # 10 March 2024, Los Angeles: 02:00 to 03:00 does not exist. Source: IANA tz database.
    clock = pl.Series([datetime(2024, 3, 10, 2, 30)], dtype=Time)
    assert utc_times(clock, pl.Series(["LAX"]), ZONES).to_list() == [datetime(2024, 3, 10, 10, 30)]
    # Samoa had no 30 December 2011.
    lost = pl.Series([datetime(2011, 12, 30, 12, 0)], dtype=Time)
    assert utc_times(lost, pl.Series(["APW"]), {"APW": "Pacific/Apia"}).null_count() == 0


def test_without_zones_nothing_is_touched():
    times = pl.Series([datetime(2024, 1, 1), None], dtype=Time)
    assert local_times(times, pl.Series(["A", "B"]), {}).equals(times)
    assert zones_of({}) == {}
    assert zones_of({"zones": {"A": "UTC"}}) == {}


def test_bad_zones_are_refused():
    with pytest.raises(SettingsError, match="Mars/Olympus"):
        check_zone("Mars/Olympus")
    with pytest.raises(SettingsError, match="zone"):
        Scenario.load("tiny").with_({"ports.AIR1.zone": "Mars/Olympus"})
    with pytest.raises(TableError, match="mapping"):
        zones_of({"zones": ["UTC"]})


@pytest.fixture(scope="module")
def worlds():
    """One world whose ports keep UTC, and the same with zones half a day apart."""
    plain = Scenario.load("tiny").with_({"travellers": 500, "faces.profile": "visa-border-small"})
    zoned = plain.with_({"ports.AIR1.zone": "America/Los_Angeles", "ports.LAND1.zone": "Pacific/Auckland"})
    return make(plain, 3), make(zoned, 3)


def test_a_world_tells_its_zones(worlds):
    (plain, _), (zoned, _) = worlds
    assert "zones" not in plain.about
    assert zones_of(zoned.about) == {"AIR1": "America/Los_Angeles", "LAND1": "Pacific/Auckland"}


def test_hours_and_days_are_the_ports(worlds):
    (plain, _), (zoned, _) = worlds
    key = ["document_number", "document_issuer", "port", "direction", "movement"]

    def at_port(observed, clock):
        seen = observed.encounters.filter(source="port", mode="air").with_columns(clock=clock(observed))
        return seen.select(*key[:-1], "clock", "permitted_until").sort(pl.all())

    def local(observed):
        seen = observed.encounters.filter(source="port", mode="air")
        return local_times(seen["time"], seen["port"], zones_of(observed.about))

    one, other = (at_port(observed, local) for observed in (plain, zoned))
    same = (one["clock"] == other["clock"]).mean()
    assert same > 0.97  # but for parties whose order in time two zones would turn around
    assert one["permitted_until"].equals(other["permitted_until"], null_equal=True)
    shift = zoned.encounters["time"].mean() - plain.encounters["time"].mean()
    assert shift != timedelta(0)


def test_nobody_leaves_before_entering_or_is_recorded_before(worlds):
    for observed, truth in worlds:
        seen = observed.encounters.select("encounter_id", "time", "recorded_at")
        assert (seen["recorded_at"] >= seen["time"]).all()
        pairs = truth.stays.join(seen, left_on="entry_id", right_on="encounter_id").join(
            seen, left_on="exit_id", right_on="encounter_id", suffix="_out"
        )
        assert pairs.height > 100
        assert (pairs["time_out"] > pairs["time"]).all()
        assert (pairs["departed_at"] == pairs["time_out"]).all()


def test_truth_and_records_agree_on_every_day(worlds):
    """Status in truth is counted by the ports' days, so are the dates that can be read off the records."""
    for observed, truth in worlds:
        zones = zones_of(observed.about)
        seen = observed.encounters.select("encounter_id", "time", "port")
        day = local_dates(seen["time"], seen["port"], zones)
        left = truth.stays.join(seen.with_columns(day=day), left_on="exit_id", right_on="encounter_id")
        late = left["day"] > left["last_lawful_day"]
        known = left.filter(pl.Series(late.is_not_null())).with_columns(late=late.drop_nulls())
        settled = known.filter(
            pl.col("status") != "status_changed", pl.col("departed_at") < date(2024, 8, 26)
        )
        assert (settled["late"] == (settled["status"] == "out_of_country_overstay")).all()
