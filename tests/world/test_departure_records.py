"""Policies of recording departures: who learns of an exit by land, and when every record arrives."""

import polars as pl
import pytest

import biomatch as bm
from biomatch.errors import SettingsError


def made(**changes):
    settings = {
        "travellers": 900,
        "faces.profile": "visa-border-small",
        "records.neighbour_exits": 0.1,
        **changes,
    }
    return bm.world(bm.Scenario.load("country").with_(settings), seed=5)


@pytest.fixture(scope="module")
def today():
    return made()


def by_land(world):
    """Entries by air or sea whose traveller left by land, with the source of the exit's record."""
    stays = world.truth.stays.filter(pl.col("mode") != "land", pl.col("exit_id") >= 0)
    seen = world.observed.encounters.select(exit_id="encounter_id", source="source", mode="mode")
    found = stays.select("entry_id", "exit_id").join(seen, on="exit_id")
    return found.filter((pl.col("source") == "neighbour") | (pl.col("mode") == "land"))


def test_the_exchange_tells_of_exits_by_land(today):
    told, silent = by_land(today), by_land(made(**{"records.left_by_land_exchanged": 0.0}))
    assert told.height > 30
    # What is left came late: records that the neighbour sent when an overdue stay was looked into.
    assert silent.height < 0.1 * told.height


def test_our_own_port_can_see_them_instead(today):
    settings = {"records.left_by_land_exchanged": 0.0, "records.left_by_land_at_port": 1.0}
    seen = by_land(made(**settings))
    assert seen.height == by_land(today).height
    assert (seen["source"] == "port").mean() > 0.9


def test_shares_that_cannot_be_are_refused():
    with pytest.raises(SettingsError, match="must not exceed 1 together"):
        made(**{"records.left_by_land_at_port": 0.5})
    with pytest.raises(SettingsError, match="no port has mode land"):
        bm.Scenario.load("airport").with_(
            {"records.left_by_land_at_port": 0.5, "records.left_by_land_exchanged": 0.5}
        )


def test_a_delay_moves_receipt_and_nothing_else(today):
    late = made(**{"records.departures_delayed_days": 30.0})
    key = ["document_number", "time", "direction"]
    one, other = (world.observed.encounters.sort(key) for world in (today, late))
    assert one.select(key).equals(other.select(key))
    moved = (other["recorded_at"] - one["recorded_at"]).dt.total_days()
    assert set(moved.filter(one["direction"] == "entry").to_list()) == {0}
    assert set(moved.filter(one["direction"] == "exit").to_list()) == {30}
    for world in (today, late):
        leaves = world.observed.movements.filter(pl.col("direction") == "exit").select("movement")
        assert leaves.height > 10
    lag = [
        world.observed.manifests.join(world.observed.movements, on="movement")
        .filter(pl.col("direction") == "exit")
        .select((pl.col("received_at") - pl.col("scheduled")).dt.total_milliseconds().median())
        .item()
        for world in (today, late)
    ]
    assert lag[1] - lag[0] == 30 * 86_400_000
