"""How cost and memory grow, measured; and a year of a country's traffic, extrapolated on one page.

Every size runs in a process of its own, on one thread: CPU seconds and the largest resident memory, less what
the process had after its imports. Exponents are slopes of ordinary least squares on logarithms with Student's
95% interval; the extrapolation goes on from the largest size with these, none below 1, and knows nothing of a
bend that comes later. Writes benchmarks/results/growth.md and docs/scale.md.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from growth_pages import DIMENSION, write

PROBES = 512


def peak_megabytes() -> float:
    """Largest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def one_world(travellers: int) -> dict[str, float]:
    """Make, search, link and grade one airport; CPU seconds by stage."""
    import biomatch as bm

    scenario = bm.Scenario.load("airport").with_({"travellers": travellers})
    system = bm.System.load("today").with_({"gallery.index": "flat"})
    # Imports and first use are not what grows.
    bm.search(bm.world(bm.Scenario.load("tiny").with_({"travellers": 200}), seed=1).observed, system)
    before, cost = peak_megabytes(), {}

    @contextmanager
    def clock(stage: str) -> Iterator[None]:
        began = time.process_time()
        yield
        cost[stage] = time.process_time() - began

    with clock("world"):
        world = bm.world(scenario, seed=5)
    with clock("search"):
        lists = bm.search(world.observed, system)
    curve = bm.sweep(lists, world.truth)
    point = bm.tune(curve, max_fpir=0.1)
    with clock("run"):
        run = _run(world.observed, point, lists)
    with clock("evaluate"):
        from biomatch.evaluation.judge import evaluate

        evaluate(run, world.truth, grid=0, resubstitution=True)
    return {
        **cost,
        "travellers": travellers,
        "encounters": world.observed.encounters.height,
        "megabytes": peak_megabytes() - before,
    }


def _run(observed: Any, point: Any, lists: Any) -> Any:
    from biomatch.system.run import run

    return run(observed, at=point, lists=lists)


def one_gallery(enrolled: int) -> dict[str, float]:
    """Enrol so many, search `PROBES` probes exactly; CPU seconds."""
    from biomatch.gallery import Gallery

    random = np.random.default_rng(7)

    def faces(count: int) -> np.ndarray:
        made = random.standard_normal((count, DIMENSION), dtype=np.float32)
        made /= np.linalg.norm(made, axis=1, keepdims=True)
        return made

    probes = faces(PROBES)
    warm = Gallery(DIMENSION)
    warm.enrol(np.arange(100), faces(100))
    warm.identify(probes, list_length=20)
    before = peak_megabytes()
    gallery, made = Gallery(DIMENSION), 0
    while made < enrolled:
        count = min(10_000, enrolled - made)
        gallery.enrol(np.arange(made, made + count), faces(count))
        made += count
    began = time.process_time()
    gallery.identify(probes, list_length=20)
    seconds = time.process_time() - began
    return {"gallery": enrolled, "probe": seconds / PROBES, "megabytes": peak_megabytes() - before}


def one_study(seeds: int) -> dict[str, float]:
    """Run a tiny suite with so many seeds; CPU seconds of the whole."""
    from biomatch.studies.study import Suite, run_study

    suite = Suite.from_mapping(
        {
            "name": "growth", "max_fpir": 0.2, "seeds": list(range(100, 100 + seeds)), "tuning_seeds": [1, 2],
            "worlds": {"tiny": {"scenario": "tiny", "set": {"travellers": 300}}}, "systems": {"s": {}},
            "controls": [],
        }
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as scratch:
        run_study(suite.model_copy(update={"seeds": [99]}), Path(scratch) / "warm")
        before, began = peak_megabytes(), time.process_time()
        run_study(suite, Path(scratch) / "measured")
        seconds = time.process_time() - began
    return {"runs": seeds, "study": seconds, "megabytes": peak_megabytes() - before}


KINDS = {"world": one_world, "gallery": one_gallery, "study": one_study}


def measure(kind: str, size: int) -> dict[str, float]:
    """Measure one size in a fresh process on one thread."""
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}
    call = [sys.executable, __file__, "--one", kind, str(size)]
    done = subprocess.run(call, capture_output=True, text=True, check=True, env={**os.environ, **threads})
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Measure every size, fit, and write both pages."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--one", nargs=2, metavar=("KIND", "SIZE"))
    asked.add_argument("--travellers", type=int, nargs="+", default=[3000, 8000, 20_000, 45_000, 100_000])
    asked.add_argument("--gallery", type=int, nargs="+", default=[3000, 8000, 20_000, 45_000, 100_000])
    asked.add_argument("--runs", type=int, nargs="+", default=[3, 8, 20, 45, 100])
    given = asked.parse_args()
    if given.one:
        sys.stdout.write("\n" + json.dumps(KINDS[given.one[0]](int(given.one[1]))) + "\n")
        return
    load = os.getloadavg()[0]
    worlds = [measure("world", size) for size in given.travellers]
    galleries = [measure("gallery", size) for size in given.gallery]
    studies = [measure("study", size) for size in given.runs]
    sizes = [
        f"--{name} {' '.join(map(str, getattr(given, name)))}" for name in ("travellers", "gallery", "runs")
    ]
    command = " ".join(["python benchmarks/studies/growth.py", *sizes])
    write(worlds, galleries, studies, command, f"{load:.1f} before, {os.getloadavg()[0]:.1f} after")


if __name__ == "__main__":
    main()
