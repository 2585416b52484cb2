"""Search of a gallery, as ratios to FAISS's exact search on the same threads in the same run.

``BIOMATCH_BENCH_ENROLLED`` sets N (default 100,000; the figures of the README are for 1,000,000).
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest

from biomatch.gallery import Gallery
from biomatch.gallery.flat import exact_top
from biomatch.gallery.scoring import exact_scores
from biomatch.gallery.threads import thread_count

sys.path.insert(0, str(Path(__file__).parents[1] / "search"))
import faces

ENROLLED = int(os.environ.get("BIOMATCH_BENCH_ENROLLED", "100000"))
FOLDER = Path(os.environ.get("BIOMATCH_BENCH_FACES", "build/bench-search"))
BATCH, ROUNDS = 2000, 5
CHUNK = 50_000


@pytest.fixture(scope="module")
def templates() -> np.ndarray:
    return faces.references(FOLDER, ENROLLED)


@pytest.fixture(scope="module")
def probes() -> np.ndarray:
    return np.array(faces.probes(FOLDER, 100_000, 10_000, "leader")["mated"][:BATCH])


def filled(index: str, templates: np.ndarray) -> Gallery:
    gallery = Gallery(faces.DIMENSION, index)
    for begin in range(0, len(templates), CHUNK):
        rows = np.array(templates[begin : begin + CHUNK])
        gallery.enrol(np.arange(begin, begin + len(rows)), rows)
    return gallery


@pytest.fixture(scope="module")
def exact(templates: np.ndarray) -> Any:
    faiss.omp_set_num_threads(thread_count(None))
    index = faiss.IndexFlatIP(faces.DIMENSION)
    for begin in range(0, len(templates), CHUNK):
        index.add(np.array(templates[begin : begin + CHUNK]))
    return index


@pytest.fixture(scope="module")
def galleries(templates: np.ndarray) -> dict[str, Gallery]:
    return {index: filled(index, templates) for index in ("flat", "compressed")}


def seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def ratio(ours: Callable[[], object], theirs: Callable[[], object], rounds: int) -> dict[str, float]:
    """Take turns, so that whatever else the machine does meets both; medians and their ratio."""
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(rounds)]
    mine, other = np.median(pairs, axis=0)
    return {"seconds": float(mine), "faiss_exact_seconds": float(other), "times_faster": float(other / mine)}


@pytest.mark.parametrize("index", ["flat", "compressed"])
@pytest.mark.parametrize("count", [1, BATCH])
def test_identify(benchmark: Any, galleries: Any, exact: Any, probes: Any, index: str, count: int) -> None:
    gallery, some = galleries[index], probes[:count]
    found = benchmark.pedantic(lambda: gallery.identify(some, 20), rounds=ROUNDS, warmup_rounds=1)
    rounds = 25 if count == 1 else 3
    benchmark.extra_info |= {"enrolled": ENROLLED, "probes": count, **gallery.about()} | ratio(
        lambda: gallery.identify(some, 20), lambda: exact.search(some, 20), rounds
    )
    assert found.reference_id[:, 0].tolist() == exact.search(some, 20)[1][:, 0].tolist()


def test_enrol_one_by_one(benchmark: Any, templates: Any) -> None:
    """Cost of one enrolment into a gallery that holds ENROLLED: it must not depend on N."""
    gallery, some = filled("flat", templates), np.array(templates[:2000])
    numbers = iter(range(ENROLLED, 1 << 40))

    def enrol() -> None:
        for i in range(2000):
            gallery.enrol(np.array([next(numbers)]), some[i : i + 1])

    benchmark.pedantic(enrol, rounds=ROUNDS, warmup_rounds=1)
    benchmark.extra_info["enrolled"] = ENROLLED


def test_exact_scores(benchmark: Any, probes: Any, templates: Any) -> None:
    rng = np.random.default_rng(0)
    left, right = rng.integers(0, len(probes), 40_000), rng.integers(0, 50_000, 40_000)
    near = np.array(templates[:50_000])
    benchmark.pedantic(lambda: exact_scores(probes, left, near, right), rounds=ROUNDS, warmup_rounds=1)
    benchmark.extra_info["pairs"] = 40_000


def test_one_departure(benchmark: Any, probes: Any, templates: Any) -> None:
    """A manifest of 420, searched by its travellers, with nothing built beforehand."""
    manifest, some, ids = np.array(templates[:420]), probes[:420], np.arange(420)
    benchmark.pedantic(lambda: exact_top(some, manifest, ids, 20), rounds=ROUNDS, warmup_rounds=1)
