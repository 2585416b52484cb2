"""Speed of the face generator and of `predict`, as ratios to plain draws and to brute force in one run.

python -m pytest benchmarks/speed/bench_faces.py --benchmark-enable --benchmark-only
"""

from __future__ import annotations

import time

import numpy as np
import pytest
from biomatch_synthetic.faces import FaceSpace, People, Shots, render
from biomatch_synthetic.faces.keyed import KeyedStream

from biomatch.scorelaw import predict
from biomatch.settings.profile import load_profile
from biomatch.training.clustering import best_scores

COUNT, BLOCK = 20_480, 256
# Processor time, not the clock: the ratios should not depend on who else uses the machine.
pytestmark = pytest.mark.benchmark(timer=time.process_time)


def plain_draws(dimension: int, count: int) -> None:
    rng = np.random.Generator(np.random.SFC64(1))
    room = np.empty((BLOCK, dimension), dtype=np.float32)
    for _ in range(count // BLOCK):
        rng.standard_normal(out=room, dtype=np.float32)


def best_of(run, times: int = 3) -> float:
    seconds = []
    for _ in range(times):
        began = time.process_time()
        run()
        seconds.append(time.process_time() - began)
    return min(seconds)


@pytest.mark.parametrize("dimension", [128, 512, 1024])
@pytest.mark.parametrize("aged", [False, True])
def test_templates_against_two_plain_draws(benchmark, dimension, aged):
    profile = load_profile("visa-border-leader").with_({"dimension": dimension})
    space, ids = FaceSpace(profile, seed=1), np.arange(COUNT)
    people = People.make(profile, ids)
    shots = Shots.of(ids, 0, year=7.0 if aged else 0.0)
    out = np.empty((COUNT, dimension), dtype=np.float32)
    benchmark.pedantic(render, args=(space, people, shots, out), rounds=3)
    draws = best_of(lambda: plain_draws(dimension, 2 * COUNT))
    benchmark.extra_info["templates_a_second"] = COUNT / benchmark.stats.stats.min
    benchmark.extra_info["ratio_to_two_plain_draws"] = benchmark.stats.stats.min / draws


def test_keyed_normals_against_plain_draws(benchmark):
    keys, stream = np.arange(COUNT), KeyedStream(1, "bench")
    out = np.empty((BLOCK, 512), dtype=np.float32)

    def run() -> None:
        for first in range(0, COUNT, BLOCK):
            stream.vectors(keys[first : first + BLOCK], 512, out=out)

    benchmark.pedantic(run, rounds=3)
    benchmark.extra_info["ratio_to_plain_draws"] = benchmark.stats.stats.min / best_of(
        lambda: plain_draws(512, COUNT)
    )


def test_predict_against_brute_force(benchmark):
    profile = load_profile("visa-border-leader")
    benchmark.pedantic(predict, args=(profile, 1e9, 0.003), rounds=3)
    began = time.process_time()
    best_scores(profile, (20_000,), 1_000)
    brute = time.process_time() - began
    # Brute force grows with N and probes: 10,000 probes for 30 false positives at FPIR 0.003.
    benchmark.extra_info["brute_force_seconds_20k_x_1k"] = brute
    benchmark.extra_info["brute_force_hours_1e9_x_10k_extrapolated"] = brute * 5e4 * 10 / 3600
    benchmark.extra_info["ratio_at_20k_x_1k"] = brute / benchmark.stats.stats.min
