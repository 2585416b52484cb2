"""The hall: the same draws at every threshold, work that is kept, staff that cannot do it."""

import numpy as np
import polars as pl
import pytest

import biomatch as bm
from biomatch.errors import SettingsError, TableError
from biomatch.evaluation.waits.day import prepare, replicated
from biomatch.ports.arrivals import crowd, groups_of_flights, groups_of_hours
from biomatch.ports.hall import ErrorRates, flow, gates
from biomatch.ports.rosters import rosters
from biomatch.rates import rate
from biomatch.tables.ports import built_in, read_flights, read_hours
from biomatch.tuning.waits.front import parse_goal, sensitivity, waits
from biomatch.tuning.waits.rates import ThresholdRates, rates_of_profile
from biomatch.tuning.waits.roster import roster_for

HALL = bm.Port.load("hall")
FRAME = pl.DataFrame(
    {"date": ["2026-01-05"] * 4, "hour": [7, 8, 9, 11], "passengers": [300, 900, 700, 200],
     "flights": [1, 3, 3, 1]}
)  # fmt: skip


@pytest.fixture(scope="module")
def ready():
    return prepare(HALL, hours=FRAME, seed=3, replications=2)


def _flow(ready, rates, replication=0):
    people = ready.crowd(replication)
    return flow(ready.port, people, ready.plan, rates, seed=ready.seed, replication=replication)


def test_everybody_of_the_table_comes(ready):
    assert ready.crowd(0).size == 2100
    assert (np.diff(ready.crowd(1).door) >= 0).all()


def test_the_same_seed_gives_the_same_bytes_and_the_order_of_rows_does_not_matter():
    once = bm.queue(HALL, hours=FRAME, fnir=0.03, fpir=0.003, fta=0.01, seed=5, replications=2)
    again = bm.queue(HALL, hours=FRAME.reverse(), fnir=0.03, fpir=0.003, fta=0.01, seed=5, replications=2)
    other = bm.queue(HALL, hours=FRAME, fnir=0.03, fpir=0.003, fta=0.01, seed=6, replications=2)
    assert once.to_json() == again.to_json()
    assert once.waits.equals(again.waits)
    assert once.to_json() != other.to_json()


def test_the_order_of_flights_does_not_matter():
    planes = pl.DataFrame(
        {
            "gate_time": ["2026-01-05T08:00", "2026-01-05T08:00", "2026-01-05T09:10"],
            "passengers": [200, 150, 300],
        }
    )
    one, two = (bm.queue(HALL, flights=frame, seed=1, replications=2) for frame in (planes, planes.reverse()))
    assert one.to_json() == two.to_json()


def test_errors_only_add_checks_and_alarms_at_the_same_draws(ready):
    counts = []
    for fnir, fpir, fta in ((0.0, 0.0, 0.0), (0.02, 0.001, 0.0), (0.02, 0.01, 0.02), (0.3, 0.2, 0.1)):
        done = _flow(ready, ErrorRates(fnir, fpir, fta))
        counts.append((int(done.checked.sum()), int(done.alarmed.sum()) if fta < 0.1 else 10**9))
    assert counts == sorted(counts)
    assert counts[0][0] == 0


def test_work_is_kept_and_nobody_starts_early(ready):
    done = _flow(ready, ErrorRates(0.05, 0.01, 0.02))
    people = done.crowd
    desk = np.isfinite(done.desk_start)
    assert (done.desk_start[desk] >= done.desk_arrival[desk]).all()
    brought = {bank.name: bank.work_hours for bank in done.banks}
    own = people.desk[done.at_desk].sum() + people.check[done.checked & done.at_desk].sum()
    captures = gates(HALL, people, ready.plan, 0.02).extra[done.at_desk & ~done.at_gate].sum()
    assert brought["desks"] * 3600 == pytest.approx(float(own + captures), rel=1e-5)
    assert brought["secondary"] * 3600 == pytest.approx(
        float(people.secondary[done.secondary_of].sum()), rel=1e-5
    )
    assert (done.left >= done.cleared).all()


def test_several_attempts_cost_their_seconds():
    port = HALL.with_({"attempts": 3, "attempt_seconds": 5.0})
    ready = prepare(port, hours=FRAME, seed=3, replications=1)
    people = ready.crowd(0)
    extra = gates(port, people, ready.plan, 0.125).extra
    once = (people.acquired < 0.5).sum() + (people.acquired < 0.25).sum()
    assert extra.sum() == pytest.approx(5.0 * once)
    assert not gates(port, people, ready.plan, 0.0).extra.any()


def test_more_work_than_staff_is_said_with_the_staff_that_would_do():
    day = bm.queue(HALL, fnir=0.09, fpir=0.02, fta=0.01, replications=1)
    told = day.to_json()
    assert not day.holds
    assert told["not_holding"] == ["desks", "secondary"]
    assert told["wait_minutes"] is told["over"] is told["cost"] is None
    assert told["staff_hours_needed"] > told["staff_hours"]


def test_the_built_in_week_holds_where_it_was_staffed_for():
    table, _ = built_in("ohare-week")
    assert table.frame["passengers"].sum() == 139_855
    rates = [ErrorRates(0.0365, 3e-3, 0.01), ErrorRates(0.0356, 1e-2, 0.01), ErrorRates(0.08, 1e-3, 0.01)]
    fine, alarms, misses = prepare(HALL, seed=1, replications=1).at(rates)
    assert fine.holds
    assert alarms.to_json()["not_holding"] == ["secondary"]
    assert misses.to_json()["not_holding"] == ["desks"]


def test_the_clocks_differ_and_the_measure_is_another_share():
    days = {
        clock: bm.queue(HALL.with_({"clock": clock}), hours=FRAME, fnir=0.02, seed=1, replications=1)
        for clock in ("lane", "door", "gate")
    }
    means = [days[clock].to_json()["wait_minutes"]["mean"]["value"] for clock in ("lane", "door", "gate")]
    assert means == sorted(means)
    assert means[0] < means[2]
    timed = bm.queue(HALL.with_({"measure": "quarter_hours"}), hours=FRAME, fnir=0.02, seed=1, replications=1)
    one = timed.replicates[0].whole
    assert timed.over(15).value == one.quarters_over[15.0] / one.quarters
    assert one.quarters <= 4 * 7


def test_outages_lengthen_waits_and_a_lane_without_booths_is_refused():
    base = {"hours": FRAME, "fnir": 0.02, "seed": 1, "replications": 1}
    fine = bm.queue(HALL, **base)
    lost = HALL.with_({"outages": [{"lane": "gates", "begins": 8, "ends": 10}]})
    worse = bm.queue(lost, **base)
    assert worse.replicates[0].lanes["gates"].mean > fine.replicates[0].lanes["gates"].mean + 5
    with pytest.raises(SettingsError, match="no booth of desks is ever open"):
        bm.queue(HALL.with_({"outages": [{"lane": "desks", "begins": 0, "ends": 10_000}]}), **base)


def test_vehicles_are_served_together():
    port = bm.Port.load("land-crossing")
    ready = prepare(port, seed=2, replications=1)
    people = ready.crowd(0)
    done = flow(port, people, ready.plan, ErrorRates(0.02, 0.0, 0.02), seed=2)
    in_vehicle = people.lane == 0
    _, sizes = np.unique(people.unit[in_vehicle], return_counts=True)
    assert sizes.mean() == pytest.approx(1.9, abs=0.1)
    for unit in np.unique(people.unit[in_vehicle])[:50]:
        assert len(set(done.desk_start[people.unit == unit].tolist())) == 1


def test_boarding_takes_longer_where_the_camera_covers_fewer():
    minutes, missed = [], []
    for coverage in (0.97, 0.9, 0.8):
        day = bm.queue("boarding-gate", fnir=0.02, fta=1 - coverage, seed=1, replications=2).to_json()
        minutes.append(day["boarding_minutes"]["value"])
        missed.append(day["missed_departures"]["value"])
        assert day["missed_connections"] is None
    assert minutes == sorted(minutes)
    assert missed == sorted(missed)
    assert minutes[0] < 20


def test_thresholds_price_in_waits_with_an_inner_optimum_for_two_profiles():
    from biomatch.settings.profile import load_profile

    for name in ("kiosk-leader", "boarding-median"):
        limits = (1e-2, 3e-3, 1e-3, 1e-4, 1e-6)
        rates = rates_of_profile(load_profile(name), 16_000, limits, fta=0.01)
        front = waits(rates, HALL, replications=1, bounds=False)
        frame = front.frame.sort("threshold")
        assert (frame["checks"].diff().drop_nulls() >= 0).all()
        assert (frame["false_alarms"].diff().drop_nulls() <= 0).all()
        assert not frame["holds"][0]
        best = front.cheapest().at.threshold
        assert frame["threshold"][0] < best < frame["threshold"][-1]
    assert "the floor of failures matters more" in waits(
        rates_of_profile(load_profile("kiosk-leader"), 16_000, (3e-3, 1e-6), fta=0.01),
        HALL, FRAME, replications=1, bounds=False,
    ).sentence  # fmt: skip


def test_bounds_of_the_rates_hold_the_truth_through_the_queue():
    """200 samples of 400 mated and 2,000 non-mated searches; the bounds hold in 93% at least."""
    draws = np.random.default_rng(0)
    truth, held = ErrorRates(0.04, 0.01, 0.0), 0
    port = HALL.with_({"desks": 4, "gate_share": 0.0})
    frame = pl.DataFrame({"date": ["2026-01-05"], "hour": [8], "passengers": [150], "flights": [1]})
    table = read_hours(frame)
    for number in range(200):
        fnir = rate(int(draws.binomial(400, truth.fnir)), 400)
        fpir = rate(int(draws.binomial(2000, truth.fpir)), 2000)
        ends = [ErrorRates(fnir.interval[k], fpir.interval[k], 0.0) for k in (0, 1)]
        ready = prepare(port, hours=table, seed=number, replications=1)
        low, real, high = (day.replicates[0].whole.mean for day in ready.at([ends[0], truth, ends[1]]))
        held += low <= real <= high
    assert held >= 186


def test_goals_are_read_and_held():
    assert parse_goal(" over 45 <= 5% ", "x") == (45.0, 0.05)
    for text in ("45", "5% over 30", "30: 120%", "30:"):
        with pytest.raises(SettingsError, match="minutes and the share"):
            parse_goal(text, "--max-over")
    low = ThresholdRates(0.3, *[ErrorRates(0.01, 0.002, 0.01)] * 3)
    high = ThresholdRates(0.5, *[ErrorRates(0.2, 0.0, 0.01)] * 3)
    front = waits([high, low], HALL, FRAME, replications=1)
    share = front.points[0].row()["over_30_high"]
    assert front["over"].to_list() == front.frame["over_30"].to_list()
    assert len(front) == 2
    assert front.holding(30, share).at.threshold == 0.3
    with pytest.raises(bm.BiomatchError, match="no threshold keeps 30 minutes"):
        front.holding(30, -0.1)


def test_sensitivity_stands_at_half_and_double():
    rates = [ThresholdRates(0.3, *[ErrorRates(0.01, 0.002, 0.01)] * 3)]
    frame = sensitivity(rates, HALL, FRAME)
    assert len(frame) == 13
    assert set(frame["factor"]) == {0.5, 1.0, 2.0}


def test_the_smallest_roster_holds_its_goal_and_one_less_does_not():
    found = roster_for(HALL, "over 15 <= 10%", hours=FRAME, fnir=0.03, fta=0.01, seed=1, replications=2)
    assert found.share.value <= 0.1
    frame = found.frame.rename({"from": "from"})
    same = bm.queue(HALL, hours=FRAME, roster=frame, fnir=0.03, fta=0.01, seed=1, replications=2)
    assert same.over(15).value == pytest.approx(found.share.value)
    with pytest.raises(SettingsError, match="--lane sea"):
        roster_for(HALL, "over 15 <= 10%", lane="sea", hours=FRAME)


def test_a_roster_file_rules_and_unknown_lanes_are_refused():
    roster = pl.DataFrame(
        {"from": ["00:00", "08:00"], "to": ["24:00", "10:00"], "lane": ["desks"] * 2, "booths": [4, 20]}
    )
    day = bm.queue(HALL, hours=FRAME, roster=roster, seed=1, replications=1)
    assert day.plan["desks"].booth_hours == 4 * 24 + 2 * 20
    with pytest.raises(SettingsError, match="'sea'"):
        bm.queue(HALL, hours=FRAME, roster=roster.with_columns(lane=pl.lit("sea")), replications=1)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"lanes": [{"name": "a"}, {"name": "a"}]}, "twice"),
        ({"lanes": [{"name": "g", "kind": "gate"}]}, "none is a desk"),
        ({"lanes": [{"name": "a", "shares": "b"}]}, "shares b"),
        ({"outages": [{"lane": "sea", "begins": 1, "ends": 2}]}, "outage of sea"),
        ({"desk": 3}, "did you mean 'desks'"),
    ],
)
def test_ports_that_cannot_be_are_refused(changes, says):
    with pytest.raises(SettingsError, match=says):
        HALL.with_(changes)


def test_rates_and_people_out_of_range_are_refused():
    with pytest.raises(SettingsError, match=r"fnir=1.2"):
        bm.queue(HALL, hours=FRAME, fnir=1.2)
    many = FRAME.with_columns(pl.col("passengers") * 100 + 40_000)
    with pytest.raises(TableError, match=r"passengers = .130000"):
        bm.queue(HALL, hours=many)
    days = pl.DataFrame({"gate_time": ["2026-01-05T08:00"] * 250, "passengers": [99_000] * 250})
    with pytest.raises(TableError, match="24,750,000 people"):
        groups_of_flights(read_flights(days), HALL)


def test_flights_are_split_whole_and_lanes_cover_everybody():
    groups = groups_of_hours(read_hours(FRAME).frame, HALL)
    assert groups.people.tolist() == [300, 300, 300, 300, 234, 233, 233, 200]
    assert set(rosters(HALL, groups)) == {"gates", "desks", "secondary"}
    only = HALL.with_({"lanes": [{"name": "v", "who": "visitors"}]})
    with pytest.raises(SettingsError, match="have no desk lane"):
        crowd(only, groups, 1)


def test_shared_booths_and_priority():
    lanes = [
        {"name": "visitors", "who": "visitors", "booths": 3},
        {"name": "residents", "who": "residents", "shares": "visitors", "first": True},
    ]
    port = HALL.with_({"lanes": lanes, "failed_first": 1.0})
    day = bm.queue(port, hours=FRAME.with_columns(passengers=pl.lit(80)), seed=1, replications=1)
    waited = {name: part.mean for name, part in day.replicates[0].lanes.items()}
    assert waited["residents"] < waited["visitors"]


def test_a_figure_over_replications():
    assert replicated([2.0]).interval is None
    found = replicated([0.1, 0.9], most=1.0)
    assert found.interval == (0.0, 1.0)
