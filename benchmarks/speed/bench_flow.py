"""What the flow costs: encounters a second for making, searching and judging a world, and how it grows.

Ratios in one run on one machine: replay in batches against one probe at a time; the exponent of growth of
each stage from 20,000 to 200,000 travellers (slope of log seconds on log travellers).
"""

from __future__ import annotations

import time

import numpy as np
import pytest

from biomatch.evaluation.judge import evaluate
from biomatch.evaluation.sweep import sweep
from biomatch.gallery import Gallery
from biomatch.policy import OperatingPoint
from biomatch.settings.scenario import Scenario
from biomatch.settings.system import System
from biomatch.system.references import references
from biomatch.system.replay import Stream, search
from biomatch.system.run import run
from biomatch.system.searches import due_searches
from biomatch.worlds import world

SIZES = (20_000, 60_000, 200_000)
POLICIES = ("default", "manifest", "port-day", "all", "watchlist")


def airport(travellers):
    return Scenario.load("airport").with_({"travellers": travellers})


@pytest.fixture(scope="module")
def medium():
    return world(airport(SIZES[0]), seed=1)


def rate_of(benchmark, made):
    benchmark.extra_info["encounters"] = made.observed.encounters.height
    benchmark.extra_info["encounters_a_second"] = made.observed.encounters.height / benchmark.stats["min"]


def test_generating(benchmark):
    made = benchmark.pedantic(world, args=(airport(SIZES[0]), 1), rounds=2)
    rate_of(benchmark, made)


@pytest.mark.parametrize("policy", POLICIES)
def test_searching(benchmark, medium, policy):
    benchmark.pedantic(search, args=(medium.observed, System.load(policy)), rounds=2)
    rate_of(benchmark, medium)


def test_judging(benchmark, medium):
    done = run(medium.observed, at=OperatingPoint.of(0.4, System.load("default")))
    benchmark.pedantic(evaluate, args=(done, medium.truth), kwargs={"grid": 0}, rounds=2)
    rate_of(benchmark, medium)


def one_at_a_time(stream, probes):
    """Enrol, retire and identify in strict time order, a call a probe: what the batches mean.

    What came before the first of these probes is enrolled and retired at once, before the clock starts.
    """
    gallery = Gallery(dimension=stream.templates.shape[1], index="flat")
    arriving = np.argsort(stream.ref_from, kind="stable")
    leaving = np.argsort(stream.ref_until, kind="stable")
    begins = stream.probe_time[probes[0]]
    arrived = int(np.searchsorted(stream.ref_from[arriving], begins))
    left = int(np.searchsorted(stream.ref_until[leaving], begins))
    gallery.enrol(arriving[:arrived], stream.templates[stream.ref_row[arriving[:arrived]]])
    gallery.retire(leaving[:left])
    began = time.perf_counter()
    for probe in probes:
        now = stream.probe_time[probe]
        while arrived < len(arriving) and stream.ref_from[arriving[arrived]] < now:
            new = arriving[arrived : arrived + 1]
            gallery.enrol(new, stream.templates[stream.ref_row[new]])
            arrived += 1
        while left < len(leaving) and stream.ref_until[leaving[left]] < now:
            gallery.retire(leaving[left : left + 1])
            left += 1
        gallery.identify(stream.templates[stream.probe_row[probe]][None, :], list_length=stream.length)
    return (time.perf_counter() - began) / len(probes)


@pytest.mark.parametrize("policy", ["today", "all"])
def test_batches_against_one_at_a_time(benchmark, policy):
    """The demo's world; one at a time for 2,000 probes from the middle of the stream, where N is typical."""
    system = System.load(policy)
    observed = world(airport(SIZES[1]), seed=1).observed
    refs, due = references(observed, system), due_searches(observed, system)
    probes = int((due["template_row"] >= 0).sum())

    def batched():
        stream = Stream(observed, refs, due, system.gallery.list_length)
        for policy in system.gallery.policies:
            stream.search_running(policy, system.gallery.index, None)

    benchmark.pedantic(batched, rounds=2)
    single = Stream(observed, refs, due, system.gallery.list_length)
    middle = np.flatnonzero(single.probe_row >= 0)[probes // 2 : probes // 2 + 2_000]
    slow = one_at_a_time(single, middle)
    fast = benchmark.stats["min"] / probes
    benchmark.extra_info["enrolled_count_median"] = int(np.median(single.enrolled_counts()))
    benchmark.extra_info["times_faster_than_one_at_a_time"] = slow / fast


def test_growth(benchmark):
    """Seconds of each stage at three sizes, and the exponent between them."""
    system = System.load("default")
    seconds = {stage: [] for stage in ("generate", "search", "sweep")}

    def stages():
        for size in SIZES:
            began = time.perf_counter()
            made = world(airport(size), seed=1)
            seconds["generate"].append(time.perf_counter() - began)
            began = time.perf_counter()
            lists = search(made.observed, system)
            seconds["search"].append(time.perf_counter() - began)
            began = time.perf_counter()
            sweep(lists, made.truth)
            seconds["sweep"].append(time.perf_counter() - began)

    benchmark.pedantic(stages, rounds=1)
    for stage, measured in seconds.items():
        slope = np.polyfit(np.log(SIZES), np.log(measured), 1)[0]
        benchmark.extra_info[f"{stage}_seconds"] = [round(value, 2) for value in measured]
        benchmark.extra_info[f"{stage}_exponent"] = round(float(slope), 3)
