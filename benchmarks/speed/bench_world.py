"""What a world costs: encounters a second, where the time goes, and how it grows with the travellers.

Ratios in one run on one machine, by processor time, which neighbours on the machine disturb less than
the clock. Growth is the slope of log seconds on log travellers from 20,000 to 200,000.
"""

from __future__ import annotations

import time

import numpy as np
import pytest
from biomatch_synthetic.world import make
from threadpoolctl import threadpool_limits

from biomatch.settings.scenario import Scenario

SIZES = (20_000, 60_000, 200_000)


def scenario_of(travellers, profile="visa-border-leader", name="airport"):
    return Scenario.load(name).with_({"travellers": travellers, "faces.profile": profile})


@pytest.mark.parametrize("name", ["airport", "seaport", "land-border", "country"])
def test_encounters_a_second(benchmark, name):
    made = benchmark.pedantic(make, args=(scenario_of(SIZES[0], name=name), 1), rounds=2)
    count = made[0].encounters.height
    benchmark.extra_info["encounters"] = count
    benchmark.extra_info["templates"] = len(made[0].templates)
    benchmark.extra_info["encounters_a_second"] = count / benchmark.stats["min"]


def test_everything_but_the_faces(benchmark):
    """Templates of 128 values instead of 512: most of the cost is people, trips, records and tables."""
    made = benchmark.pedantic(make, args=(scenario_of(SIZES[1], "visa-border-small"), 1), rounds=2)
    benchmark.extra_info["encounters_a_second"] = made[0].encounters.height / benchmark.stats["min"]


def test_growth(benchmark):
    seconds = []

    def grow():
        for travellers in SIZES:
            begin = time.process_time()
            make(scenario_of(travellers), 1)
            seconds.append(time.process_time() - begin)

    benchmark.pedantic(grow, rounds=1)
    slope = float(np.polyfit(np.log(SIZES), np.log(seconds), 1)[0])
    benchmark.extra_info["exponent"] = slope
    benchmark.extra_info["seconds"] = dict(zip(map(str, SIZES), seconds, strict=True))


def test_a_template_against_its_two_draws(benchmark):
    """A whole world's cost a template against two plain float32 normal vectors of 512."""

    def both():
        with threadpool_limits(1):
            begin = time.process_time()
            observed, _ = make(scenario_of(SIZES[0]), 1)
            world = (time.process_time() - begin) / len(observed.templates)
            rng, out = np.random.Generator(np.random.SFC64(1)), np.empty((256, 512), np.float32)
            begin = time.process_time()
            for _ in range(200):
                rng.standard_normal(out=out, dtype=np.float32)
                rng.standard_normal(out=out, dtype=np.float32)
            draws = (time.process_time() - begin) / (200 * 256)
        return world, draws

    world, draws = benchmark.pedantic(both, rounds=1)
    benchmark.extra_info["microseconds_a_template"] = world * 1e6
    benchmark.extra_info["microseconds_of_two_draws"] = draws * 1e6
    benchmark.extra_info["ratio"] = world / draws
