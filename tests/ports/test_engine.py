"""The engine against worked cases, closed forms, an obvious twin and another library."""

import importlib.util
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import biomatch as bm
from biomatch.errors import TableError
from biomatch.ports.booths import Booths
from biomatch.ports.engine import serve, serve_classes

_spec = importlib.util.spec_from_file_location("ports_twin", Path(__file__).with_name("twin.py"))
twin = importlib.util.module_from_spec(_spec)
sys.modules["ports_twin"] = twin
_spec.loader.exec_module(twin)
ALWAYS = float("inf")
FIRST = [False, False, False, True, True]


@pytest.mark.parametrize(
    ("arrivals", "services", "booths", "starts"),
    [
        ([0, 0, 0, 10], [30, 20, 10, 5], 2, [0, 0, 20, 30]),
        ([0, 5, 12, 14, 101], [40, 30, 10, 10, 10], [[(0, ALWAYS)], [(0, 15), (100, ALWAYS)]],
         [0, 5, 40, 50, 101]),
        ([0, 10, 70], 20, [(60, ALWAYS)], [60, 80, 100]),
        ([0, 1, 2, 3, 4], 10, 1, [0, 10, 20, 30, 40]),
    ],
)  # fmt: skip
def test_worked_cases_of_one_class(arrivals, services, booths, starts):
    assert bm.serve(arrivals, services, booths).starts.tolist() == starts


def test_worked_cases_of_two_classes():
    at = [0, 1, 2, 3, 4]
    assert serve_classes(at, 10, 1, FIRST).starts.tolist() == [0, 30, 40, 10, 20]
    assert serve_classes(at, 10, 1, [False] * 5).starts.tolist() == [0, 10, 20, 30, 40]
    drawn = serve_classes(at, 10, 1, FIRST, draws=[0.9, 0.9, 0.5, 0.5, 0.5], probability=0.75)
    assert drawn.starts.tolist() == [0, 10, 40, 20, 30]


@pytest.mark.parametrize("seed", range(200))
def test_random_booth_hours_agree_with_the_obvious_engine(seed):
    draws = np.random.default_rng(seed)
    arrivals, services, hours = twin.random_case(draws, 80)
    assert serve(arrivals, services, hours).starts.tolist() == twin.brute_force(arrivals, services, hours)
    first, wins = draws.random(80) < 0.3, draws.random(80)
    ours = serve_classes(arrivals, services, hours, first, draws=wins, probability=0.75)
    assert ours.starts.tolist() == twin.brute_force(arrivals, services, hours, first, wins < 0.75)


@pytest.mark.parametrize("seed", range(200))
def test_random_booth_hours_agree_with_simpy(seed):
    pytest.importorskip("simpy", reason="SimPy is an extra (peers)")
    arrivals, services, hours = twin.random_case(np.random.default_rng(1000 + seed), 60)
    other = np.array(twin.simpy_twin(arrivals, services, hours))
    assert np.abs(serve(arrivals, services, hours).starts - other).max() <= 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100))
def test_a_thousand_people_agree_with_the_obvious_engine_and_with_simpy(seed):
    pytest.importorskip("simpy", reason="SimPy is an extra (peers)")
    arrivals, services, hours = twin.random_case(np.random.default_rng(5000 + seed), 1000)
    ours = serve(arrivals, services, hours).starts
    assert ours.tolist() == twin.brute_force(arrivals, services, hours)
    assert np.abs(ours - np.array(twin.simpy_twin(arrivals, services, hours))).max() <= 1e-9


def _batch_interval(values, batches=40):
    means = np.array_split(values, batches)
    means = np.array([part.mean() for part in means])
    return means.mean(), 2.708 * means.std(ddof=1) / math.sqrt(batches)  # 99%, Student with 39 degrees


@pytest.mark.parametrize(
    ("servers", "load", "mean"),
    [(1, 0.8, 240.0), (5, 0.9, 91.499186), (20, 0.9, 16.523070), (40, 0.85, 2.349306)],
)
def test_erlang_c(servers, load, mean):
    """Mean wait of M/M/c, 60 s of service (closed form)."""
    draws = np.random.default_rng(servers)
    size = 500_000
    arrivals = draws.exponential(60.0 / servers / load, size).cumsum()
    found, half = _batch_interval(serve(arrivals, draws.exponential(60.0, size), servers).waits)
    assert abs(found - mean) <= half


@pytest.mark.parametrize(("name", "mean"), [("fixed", 170.0), ("lognormal", 340.0), ("mixed", 162.273)])
def test_pollaczek_khinchine(name, mean):
    """Mean wait of M/G/1 at load 0.85: 60 s fixed; lognormal with variation 1; 45 s with 5% at 135 s."""
    draws = np.random.default_rng(7)
    size = 500_000
    if name == "fixed":
        services = np.full(size, 60.0)
    elif name == "lognormal":
        spread = math.log(2.0)
        services = draws.lognormal(math.log(60.0) - spread / 2.0, math.sqrt(spread), size)
    else:
        services = np.where(draws.random(size) < 0.05, 135.0, 45.0)
    expected = {"fixed": 60.0, "lognormal": 60.0, "mixed": 49.5}[name]
    arrivals = draws.exponential(expected / 0.85, size).cumsum()
    found, half = _batch_interval(serve(arrivals, services, 1).waits)
    assert abs(found - mean) <= half


def test_one_booth_follows_lindley():
    draws = np.random.default_rng(3)
    arrivals, services = draws.exponential(1.2, 50_000).cumsum(), draws.exponential(1.0, 50_000)
    steps = np.concatenate(([0.0], (services[:-1] - np.diff(arrivals)).cumsum()))
    waits = steps - np.minimum.accumulate(steps)
    assert np.abs(serve(arrivals, services, 1).waits - waits).max() < 1e-6


def test_fixed_service_is_interleaved_running_maxima():
    draws = np.random.default_rng(4)
    arrivals = np.floor(draws.exponential(10.0, 70_000).cumsum())
    starts = serve(arrivals, 64.0, 7).starts
    for k in range(7):
        own = arrivals[k::7]
        shift = 64.0 * np.arange(own.size)
        assert (np.maximum.accumulate(own - shift) + shift == starts[k::7]).all()


def test_cobham_priorities():
    """One server, 0.012 a second, 60 s exponential, 30% first: 55.1 and 196.8 s."""
    draws = np.random.default_rng(5)
    size = 500_000
    arrivals, services = draws.exponential(1 / 0.012, size).cumsum(), draws.exponential(60.0, size)
    first = draws.random(size) < 0.3
    waits = serve_classes(arrivals, services, 1, first).waits
    for members, mean in ((first, 55.1), (~first, 196.8)):
        found, half = _batch_interval(waits[members])
        assert abs(found - mean) <= half


def test_a_ramp_of_three_thousand():
    """3,000 in an hour, 20 booths of 36 s: the last waits 29.8 min, the mean 14.9, empty at 1.5065 h."""
    done = serve(np.arange(3000) * 1.2, 36.0, 20)
    assert done.waits[-1] / 60 == pytest.approx(29.8, abs=0.05)
    assert done.waits.mean() / 60 == pytest.approx(14.9, abs=0.05)
    assert done.ends.max() / 3600 == pytest.approx(1.5065, abs=0.005)


def test_the_queue_nears_the_fluid_as_rates_and_booths_grow():
    """3,000 an hour at 20 booths of 36 s, arrivals and services random; a hundred times as many of both."""
    times = np.linspace(60.0, 5400.0, 90)
    # 3,000 an hour come for an hour, 2,000 an hour are served.
    fluid = np.maximum(np.minimum(times, 3600.0) * 3000 / 3600 - times * 2000 / 3600, 0.0)
    gaps = []
    for scale in (1, 10, 100):
        draws = np.random.default_rng(scale)
        arrivals = np.sort(draws.uniform(0, 3600.0, 3000 * scale))
        ends = np.sort(serve(arrivals, draws.exponential(36.0, arrivals.size), 20 * scale).ends)
        there = np.searchsorted(arrivals, times, side="right") - np.searchsorted(ends, times, side="right")
        gaps.append(float(np.abs(there / scale - fluid).mean()))
    assert gaps[0] > gaps[1] > gaps[2]
    assert gaps[2] < 0.05 * fluid.mean()


def test_the_check_of_the_edinburgh_study():
    """6,864 people in 6 h, 40% of them to 9 desks of 90 s: 2,160 served in that time, 586 left [Q1]."""
    wanted = round(0.4 * 6864)
    starts = serve(np.linspace(0, 6 * 3600, wanted, endpoint=False), 90.0, 9).starts
    served = int((starts + 90.0 <= 6 * 3600 + 1e-6).sum())
    assert wanted == 2746
    assert abs(served - 2160) <= 9
    assert abs(wanted - served - 586) <= 9


@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=30),
    st.lists(st.integers(1, 20), min_size=30, max_size=30),
    st.lists(st.integers(0, 3), min_size=2, max_size=8),
    st.integers(1, 4),
)
def test_equal_shifts_are_one_shift_and_nobody_is_served_early(arrivals, services, counts, parts):
    arrivals = sorted(arrivals)
    services = services[: len(arrivals)]
    if not any(counts):
        counts = [1, *counts]
    whole = Booths.by_step(counts, 12.0)
    split = Booths.by_step(np.repeat(counts, parts), 12.0 / parts)
    starts = serve(arrivals, services, whole).starts
    assert (serve(arrivals, services, split).starts == starts).all()
    hours = [list(h) for h in whole.hours]
    assert starts.tolist() == twin.brute_force(arrivals, services, hours)
    touching = [[(a, (a + b) / 2), ((a + b) / 2, b)] for a, b in hours[0]]
    again = Booths.of([[one for pair in touching for one in pair], *hours[1:]])
    assert (serve(arrivals, services, again).starts == starts).all()
    assert (starts >= arrivals).all()
    assert (np.diff(starts[np.isfinite(starts)]) >= 0).all()


@given(st.lists(st.integers(0, 40), min_size=1, max_size=30), st.integers(1, 5), st.data())
def test_at_booths_always_open_one_more_delays_nobody(arrivals, booths, data):
    services = data.draw(st.lists(st.integers(1, 20), min_size=len(arrivals), max_size=len(arrivals)))
    arrivals = sorted(arrivals)
    few, more = (serve(arrivals, services, n).starts for n in (booths, booths + 1))
    assert (more <= few).all()
    shorter = serve(arrivals, [max(one - 1, 0) for one in services], booths).starts
    assert (shorter <= few).all()


def test_whom_no_booth_takes_is_said():
    done = serve([0, 50], 10, [(0, 40)])
    assert done.starts.tolist() == [0, float("inf")]
    assert done.served == 1


@pytest.mark.parametrize(
    ("arrivals", "services", "booths", "says"),
    [
        ([5, 4], 1, 1, "person 1 arrives at 4 s, after person 0 at 5 s"),
        ([-1, 4], 1, 1, "arrival -1 of person 0"),
        ([0, 4], [1, -2], 1, "service -2 of person 1"),
        ([0, float("nan")], 1, 1, "arrival nan of person 1"),
        ([0, 4], [1], 1, "2 arrivals and 1 services"),
        ([0], 1, 0, "0 booths"),
        ([0], 1, [], "no booth ever open"),
        ([0], 1, [(5, 5)], "opens at 5 and closes at 5"),
        ([0], 1, [[(0, 5), (4, 9)]], "overlap"),
        ([0], 1, "two", "booths 'two'"),
        (["a"], 1, 1, "no numbers"),
    ],
)
def test_bad_input_gets_a_sentence(arrivals, services, booths, says):
    with pytest.raises(TableError, match=says):
        serve(arrivals, services, booths)
