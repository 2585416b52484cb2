"""Speed of thresholds, curves and readers beside the peers', as ratios in one run.

    python -m pytest benchmarks/speed/bench_curves.py --benchmark-enable --benchmark-only -s

Data: 100,000 mated N(0.6, 0.12) and 10,000,000 non-mated N(0, 0.1) scores, float64, seed 7.
pyeer is needed for its rows (``pip install biomatch[peers]``); Bob runs in an interpreter of its
own, named by BIOMATCH_BOB_PYTHON, because it needs an older numpy.
"""

from __future__ import annotations

import os
import subprocess
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from biomatch.curves.build import verification_curve
from biomatch.scorefiles import ScoreAccumulator, read_scores

TARGET = 1e-4


def seconds(call, times: int = 1) -> float:
    """Time a call: the best of several."""
    best = np.inf
    for _ in range(times):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best


@pytest.fixture(scope="module")
def scores() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(7)
    return rng.normal(0.6, 0.12, 100_000), rng.normal(0.0, 0.1, 10_000_000)


def ours(mated: np.ndarray, other: np.ndarray) -> float:
    """Check everything, then give the threshold and FNMR there."""
    curve = verification_curve(mated, other)
    return curve.fnmr(curve.threshold(max_fmr=TARGET)).value


def test_threshold(benchmark, scores, tmp_path_factory):
    mated, other = scores
    fnmr = benchmark.pedantic(ours, args=scores, rounds=5, warmup_rounds=1)
    here = benchmark.stats["min"]
    info = benchmark.extra_info
    info["fnmr"] = fnmr
    tracemalloc.start()
    ours(mated, other)
    info["extra allocation / input"] = tracemalloc.get_traced_memory()[1] / other.nbytes
    tracemalloc.stop()

    from sklearn.metrics import roc_curve

    labels = np.r_[np.ones(mated.size), np.zeros(other.size)]
    both = np.r_[mated, other]
    info["sklearn roc_curve, all points / ours"] = (
        seconds(lambda: roc_curve(labels, both, drop_intermediate=False)) / here
    )
    info["sklearn roc_curve, default / ours"] = seconds(lambda: roc_curve(labels, both)) / here
    try:
        from pyeer.eer_stats import calculate_roc, get_fmr_op
    except ImportError:
        info["pyeer / ours"] = "pyeer is not installed"
    else:

        def pyeer() -> None:
            _, fmr, fnmr = calculate_roc(mated, other)
            get_fmr_op(fmr, fnmr, TARGET)

        info["pyeer / ours"] = seconds(pyeer) / here
    bob = os.environ.get("BIOMATCH_BOB_PYTHON")
    info["Bob far_threshold / ours"] = _bob(bob, scores, tmp_path_factory) / here if bob else "no Bob given"
    print({key: value if isinstance(value, str) else round(value, 5) for key, value in info.items()}, here)


def _bob(python: str, scores: tuple[np.ndarray, np.ndarray], factory) -> float:
    folder = factory.mktemp("bob")
    np.save(folder / "mated.npy", scores[0])
    np.save(folder / "other.npy", scores[1])
    code = (
        "import time, numpy as np, bob.measure as b\n"
        f"g, i = np.load(r'{folder}/mated.npy'), np.load(r'{folder}/other.npy')\n"
        "b.far_threshold(i[:1000], g[:1000], 0.01)\n"
        "s = time.perf_counter(); t = b.far_threshold(i, g, 1e-4); b.farfrr(i, g, t)\n"
        "print(time.perf_counter() - s)\n"
    )
    done = subprocess.run([python, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def test_whole_curve(benchmark, scores):
    mated, other = scores
    points = benchmark.pedantic(lambda: verification_curve(mated, other).points(), rounds=3)
    from sklearn.metrics import roc_curve

    labels = np.r_[np.ones(mated.size), np.zeros(other.size)]
    both = np.r_[mated, other]
    theirs = seconds(lambda: roc_curve(labels, both, drop_intermediate=False))
    benchmark.extra_info["points"] = int(points.thresholds.size)
    benchmark.extra_info["sklearn roc_curve, all points / ours"] = theirs / benchmark.stats["min"]
    print(benchmark.extra_info, benchmark.stats["min"])


def test_streaming(benchmark):
    """10^8 scores through the accumulator (10^9 take ten times as long and no more memory)."""
    rng = np.random.default_rng(1)
    tile = rng.normal(0.0, 0.1, 1 << 22)

    def stream() -> ScoreAccumulator:
        found = ScoreAccumulator()
        for _ in range(24):
            found.add(tile)
        return found

    found = benchmark.pedantic(stream, rounds=1)
    benchmark.extra_info["million scores a second"] = found.total / benchmark.stats["min"] / 1e6
    tracemalloc.start()
    stream()
    benchmark.extra_info["peak MB"] = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    print(benchmark.extra_info)


@pytest.fixture(scope="module")
def million(tmp_path_factory) -> Path:
    """Write a million comparisons in Bob's four columns: 1,000 probes against 1,000 references."""
    rng = np.random.default_rng(2)
    path = tmp_path_factory.mktemp("bob") / "scores-4.txt"
    scores = rng.normal(0.1, 0.1, (1000, 1000))
    np.fill_diagonal(scores, rng.normal(0.6, 0.1, 1000))
    lines = (
        f"S{r:04d} S{p if p < 700 else p + 5000:04d} q{p:04d} {scores[p, r]:.9f}"
        for p in range(1000)
        for r in range(1000)
    )
    path.write_text("\n".join(lines) + "\n")
    return path


def test_reader(benchmark, million):
    """A million lines: read, and make the 1:1 curve and its EER, as ``bob bio metrics`` does."""

    def read() -> float:
        return read_scores([million]).curve(identification=False).eer().value

    benchmark.pedantic(read, rounds=3, warmup_rounds=1)
    bob = os.environ.get("BIOMATCH_BOB_PYTHON")
    if bob:
        command = [str(Path(bob).parent / "bob"), "bio", "metrics", str(million)]
        theirs = seconds(lambda: subprocess.run(command, capture_output=True, check=True))
        benchmark.extra_info["bob bio metrics (with its start-up) / ours"] = theirs / benchmark.stats["min"]
    print(benchmark.extra_info, benchmark.stats["min"])
