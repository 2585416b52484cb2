"""Threshold at FMR 1e-4 beside scikit-learn's curve in one run, whatever arithmetic kernel OpenBLAS chose.

    OPENBLAS_CORETYPE=Haswell python benchmarks/speed/threshold_kernels.py

100,000 mated and 10,000,000 non-mated scores, float64, as `bench_curves.py`; the best of five of ours, and
of two of `roc_curve` with its defaults. The kernel printed is the one that numpy's OpenBLAS names.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from sklearn.metrics import roc_curve
from threadpoolctl import threadpool_info

from biomatch.curves.build import verification_curve

TARGET = 1e-4


def best(call: Callable[[], object], times: int) -> float:
    """Give the shortest time of several, in seconds."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        found.append(time.perf_counter() - start)
    return min(found)


def main() -> None:
    """Time both in one process."""
    random = np.random.default_rng(7)
    mated, other = random.normal(0.6, 0.12, 100_000), random.normal(0.0, 0.1, 10_000_000)

    def ours() -> float:
        curve = verification_curve(mated, other)
        threshold = curve.threshold(max_fmr=TARGET)
        curve.fnmr(threshold)
        return threshold

    labels = np.r_[np.ones(mated.size, dtype=bool), np.zeros(other.size, dtype=bool)]
    both = np.r_[mated, other]
    here, theirs = best(ours, 5), best(lambda: roc_curve(labels, both), 2)
    kernels = sorted(
        {str(one.get("architecture")) for one in threadpool_info() if one["internal_api"] == "openblas"}
    )
    print(
        f"kernel {', '.join(kernels)}: threshold {ours()!r}, ours {here:.4f} s, roc_curve {theirs:.3f} s, "
        f"ratio {theirs / here:.0f}"
    )


if __name__ == "__main__":
    main()
