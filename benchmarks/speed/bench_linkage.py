"""Linkage at scale: ratios in one run. Figures go to ``benchmark.extra_info``.

Run: ``pytest benchmarks/speed/bench_linkage.py --benchmark-enable --benchmark-json=FILE``. The full sizes
(20 million events, 500,000 exits) are reached with ``BIOMATCH_BENCH_FULL=1``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import date

import numpy as np
import polars as pl
import pytest

from biomatch.overstay.linkage.assignment import assign
from biomatch.overstay.linkage.documents import link_documents
from biomatch.streams import stream
from biomatch.tables.observed import CLASSES, DIRECTIONS, SOURCES

FULL = os.environ.get("BIOMATCH_BENCH_FULL") == "1"
EVENTS = 20_000_000 if FULL else 2_000_000
EXITS = (50_000, 200_000, 500_000) if FULL else (20_000, 50_000)


def border_events(count: int) -> pl.DataFrame:
    """Random entries and exits over two years on a quarter as many documents."""
    rng = stream(0, "bench.linkage.events")
    document = rng.integers(0, count // 4, count)
    return pl.DataFrame(
        {
            "encounter_id": rng.permutation(count),
            "time": pl.Series(rng.integers(0, 730 * 86_400_000, count)).cast(pl.Datetime("ms")),
            "direction": pl.Series(rng.integers(0, 2, count)).replace_strict(
                [0, 1], list(DIRECTIONS), return_dtype=pl.Enum(DIRECTIONS)
            ),
            "document": document,
        }
    ).select(
        "encounter_id",
        "time",
        "direction",
        recorded_at="time",
        source=pl.lit("port", dtype=pl.Enum(SOURCES)),
        admission_class=pl.lit("B2", dtype=pl.Enum(CLASSES)),
        document_number=pl.lit("P") + pl.col("document").cast(pl.String).str.zfill(8),
        document_issuer=pl.lit("UTO"),
    )


def residual(exits: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nine in ten exits have a true entry; about three false candidates each, in neighbourhoods of six."""
    rng = stream(0, "bench.linkage.residual", exits)
    true = np.flatnonzero(rng.random(exits) < 0.9)
    near = rng.integers(0, exits, 3 * exits)
    left = np.concatenate([true, near])
    right = np.concatenate([true, (near + rng.integers(-3, 4, len(near))) % exits])
    weight = np.concatenate([rng.normal(12, 4, len(true)), rng.normal(-1, 3, len(near))])
    kept = weight > 0
    left, right, weight = left[kept], right[kept], weight[kept]
    first = np.unique(left * exits + right, return_index=True)[1]
    return left[first], right[first], weight[first]


def seconds(call) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def peak_gigabytes(code: str) -> float:
    """Run code in a fresh interpreter and give its peak resident memory (Linux)."""
    # Not getrusage: its maximum is inherited from the process that started this one.
    tail = "\nprint([w.split()[1] for w in open('/proc/self/status') if w.startswith('VmHWM')][0])"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, 'benchmarks')\n{code}{tail}"],
        check=True,
        capture_output=True,
        text=True,
    )
    return float(done.stdout.split()[-1]) / 1e6


def test_document_pass_against_one_sort(benchmark):
    """At most twice the time of sorting the same table in Polars, in at most 3 GB."""
    events = border_events(EVENTS)
    last = date(1980, 1, 1)
    sort = seconds(lambda: events.sort("document_number", "document_issuer", "time"))
    links = benchmark.pedantic(link_documents, args=(events, last), rounds=1)
    sort = min(sort, seconds(lambda: events.sort("document_number", "document_issuer", "time")))
    benchmark.extra_info["events"] = len(events)
    benchmark.extra_info["stays"] = len(links.stays)
    benchmark.extra_info["sort_seconds"] = sort
    benchmark.extra_info["ratio_to_sort"] = benchmark.stats.stats.mean / sort
    benchmark.extra_info["peak_gigabytes"] = peak_gigabytes(
        f"from bench_linkage import *\nlink_documents(border_events({EVENTS}), date(1980, 1, 1))"
    )


@pytest.mark.parametrize("exits", EXITS)
def test_assignment(benchmark, exits):
    """Linear in the edges; at most 1 GB for 500,000 exits."""
    edges = residual(exits)
    found = benchmark.pedantic(assign, args=edges, rounds=3)
    benchmark.extra_info["edges"] = len(edges[0])
    benchmark.extra_info["links"] = len(found.edges)
    benchmark.extra_info["microseconds_an_edge"] = 1e6 * benchmark.stats.stats.min / len(edges[0])
    benchmark.extra_info["flow_seconds"] = seconds(lambda: assign(*edges, method="flow"))
    benchmark.extra_info["greedy_shortfall"] = found.weight - assign(*edges, method="greedy").weight
    benchmark.extra_info["mutual_shortfall"] = found.weight - assign(*edges, method="mutual").weight
    benchmark.extra_info["peak_gigabytes"] = peak_gigabytes(
        f"from bench_linkage import *\nassign(*residual({exits}))"
    )


def test_assignment_against_scipy_sparse(benchmark):
    """At least ten times faster than SciPy's sparse matching where that finishes, same objective."""
    edges = residual(20_000)
    found = benchmark.pedantic(assign, args=edges, rounds=3)
    begin = time.perf_counter()
    other = assign(*edges, method="sparse")
    sparse = time.perf_counter() - begin
    components = assign(*edges, method="components")
    benchmark.extra_info["sparse_seconds"] = sparse
    benchmark.extra_info["times_faster"] = sparse / benchmark.stats.stats.min
    benchmark.extra_info["objectives"] = [found.objective, other.objective, components.objective]
    assert found.objective == other.objective == components.objective
