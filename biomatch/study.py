"""Studies: worlds x systems x seeds, each tuned on seeds of its own; resumes, in one process or several."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from biomatch.errors import BiomatchError, SettingsError, WallError
from biomatch.results import Row
from biomatch.settings.base import ASSUMED, Settings, setting
from biomatch.settings.scenario import Scenario
from biomatch.settings.system import System
from biomatch.worlds import check_seed

Progress = Callable[[str, int, int], None]
Control = Literal["none", "oracle", "blind"]
VERSIONED = ("biomatch", "numpy", "polars", "faiss-cpu", "scipy", "ortools")


class WorldCell(Settings):
    """One world of a suite: a scenario, changed."""

    scenario: str = setting("airport", f"{ASSUMED}: the demo's")
    set: dict[str, Any] = setting({}, "the suite")


class SystemCell(Settings):
    """One system of a suite: a built-in or a file, changed."""

    system: str = setting("default", f"{ASSUMED}: the demo's")
    set: dict[str, Any] = setting({}, "the suite")


class Suite(Settings):
    """A grid of runs, as a TOML file says it.

    Every cell is tuned on `tuning_seeds` and graded on each of `seeds`; controls are graded at the same
    operating point as the systems they stand beside.
    """

    name: str = setting(..., "the suite", min_length=1, max_length=100)
    about: str = setting("", "the suite")
    max_fpir: float = setting(0.01, f"{ASSUMED}: a target that small worlds can support", gt=0, lt=1)
    confidence: float = setting(0.95, f"{ASSUMED}: the usual", gt=0, lt=1)
    seeds: list[int] = setting(..., "the suite", min_length=1)
    tuning_seeds: list[int] = setting(..., "the suite", min_length=1)
    worlds: dict[str, WorldCell] = setting(..., "the suite", min_length=1)
    systems: dict[str, SystemCell] = setting(..., "the suite", min_length=1)
    controls: list[Literal["oracle", "blind"]] = setting(["oracle", "blind"], "habit: null controls")


@dataclass(frozen=True)
class Job:
    """One run of a study, with everything that it is asked; plain data, so that any process can do it."""

    world: str
    system: str
    seed: int
    control: Control
    scenario_settings: Scenario
    system_settings: System
    tuning_seeds: tuple[int, ...]
    max_fpir: float
    confidence: float

    @property
    def id(self) -> str:
        """Hash of what is asked, whatever the suite calls it."""
        asked = {
            "scenario": self.scenario_settings.canonical(),
            "system": self.system_settings.canonical(),
            "seed": self.seed,
            "control": self.control,
            "tuning_seeds": list(self.tuning_seeds),
            "max_fpir": self.max_fpir,
            "confidence": self.confidence,
            "biomatch": version("biomatch"),
        }
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def cell(self) -> dict[str, str]:
        """Names of the run in its suite."""
        return {"world": self.world, "system": self.system, "seed": str(self.seed), "control": self.control}


def plan(suite: Suite) -> list[Job]:
    """Lay out every run of a suite, checking the whole grid before the first one starts.

    Raises
    ------
    WallError
        When a seed is both tuned and graded on.
    SettingsError
        For the first impossible cell, by name.
    """
    both = set(suite.seeds) & set(suite.tuning_seeds)
    if both:
        raise WallError(
            f"seeds {sorted(both)} are both tuned and graded on", remedy="give the suite disjoint seeds"
        )
    for seed in (*suite.seeds, *suite.tuning_seeds):
        check_seed(seed)
    worlds = {
        name: _cell(f"worlds.{name}", Scenario, one.scenario, one.set) for name, one in suite.worlds.items()
    }
    systems = {
        name: _cell(f"systems.{name}", System, one.system, one.set) for name, one in suite.systems.items()
    }
    kinds: tuple[Control, ...] = ("none", *suite.controls)
    return [
        Job(
            world, system, seed, control, worlds[world], systems[system],
            tuple(suite.tuning_seeds), suite.max_fpir, suite.confidence,
        )
        for world in worlds
        for system in systems
        for seed in suite.seeds
        for control in kinds
    ]  # fmt: skip


def _cell(where: str, kind: type[Any], name: str, changes: Mapping[str, Any]) -> Any:
    try:
        return kind.load(name).with_(changes)
    except BiomatchError as fault:
        raise SettingsError(f"{where}: {fault.given}", allowed=fault.allowed, remedy=fault.remedy) from None


def run_job(job: Job, points: Path | None = None) -> Row:
    """Do one run: tune (or take the point that a sibling tuned), grade, count.

    Parameters
    ----------
    job : Job
        What is asked.
    points : path, optional
        Folder where operating points are kept between runs.
    """
    from biomatch.evaluation import controls
    from biomatch.evaluation.judge import evaluate
    from biomatch.system.replay import search
    from biomatch.system.run import run
    from biomatch.worlds import world

    seconds: dict[str, float] = {}
    with _clock(seconds, "tune"):
        point = _point(job, points)
    with _clock(seconds, "world"):
        made = world(job.scenario_settings, job.seed)
    observed = made.observed
    if job.control == "oracle":
        observed = controls.oracle(made.observed, made.truth)
    elif job.control == "blind":
        observed = controls.blind(made.observed, job.seed)
    with _clock(seconds, "search"):
        lists = search(observed, job.system_settings)
    with _clock(seconds, "run"):
        done = run(observed, at=point, lists=lists)
    with _clock(seconds, "evaluate"):
        result = evaluate(done, made.truth, grid=0)
    return Row(
        id=job.id,
        cell=job.cell,
        counts=counts_of(result),
        versions={name: version(name) for name in VERSIONED} | {"python": platform.python_version()},
        machine={"cpus": os.cpu_count(), "system": platform.system(), "processor": platform.machine()},
        seconds={stage: round(value, 3) for stage, value in seconds.items()},
        peak_megabytes=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MAXRSS_PER_MB, 1),
    )


_MAXRSS_PER_MB = 1024.0 if sys.platform != "darwin" else 1024.0**2


def counts_of(result: Any) -> dict[str, float]:
    """Give everything of a result that is counted, flat."""
    last = result.overstays[-1] if result.overstays else None
    middle, least, most = result.enrolled
    found: dict[str, float] = {
        "threshold": result.point.face_threshold,
        "n_median": middle,
        "n_least": least,
        "n_greatest": most,
        "mated": result.fnir.denominator,
        "missed": result.fnir.numerator,
        "mated_due": result.system_miss_rate.denominator,
        "missed_or_failed": result.system_miss_rate.numerator,
        "non_mated": result.fpir.denominator,
        "false_positives": result.fpir.numerator,
    }
    found |= {f"missed_{cause.replace(' ', '_')}": count for cause, count in result.misses.items()}
    if last is not None:
        found |= {
            "expected_departures": last.expected_departures,
            "leads": last.leads,
            "true_leads": last.true_leads,
            "false_leads": last.false_leads,
            "hidden": last.hidden,
            "true_in_country": last.true_in_country,
            "true_departures": last.true_departures,
        }
    return found


class _clock:  # noqa: N801 - used as a verb
    def __init__(self, into: dict[str, float], stage: str) -> None:
        self.into, self.stage = into, stage

    def __enter__(self) -> None:
        self.began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.into[self.stage] = time.perf_counter() - self.began


def _point(job: Job, points: Path | None) -> Any:
    """Tune on the job's tuning seeds, or read the point that another run of the same question left."""
    from biomatch.evaluation.sweep import sweep
    from biomatch.policy import OperatingPoint
    from biomatch.system.replay import search
    from biomatch.tables.storage import write_text
    from biomatch.tuning import tune
    from biomatch.tuning.pool import pool
    from biomatch.worlds import world

    asked = {
        "scenario": job.scenario_settings.canonical(),
        "system": job.system_settings.canonical(),
        "seeds": list(job.tuning_seeds),
        "target": [job.max_fpir, job.confidence],
        "biomatch": version("biomatch"),
    }
    name = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]
    if points is not None and (points / f"{name}.json").exists():
        return OperatingPoint.read(points / f"{name}.json")
    curves = []
    for seed in job.tuning_seeds:
        made = world(job.scenario_settings, seed)
        curves.append(sweep(search(made.observed, job.system_settings), made.truth))
    point = tune(pool(curves), max_fpir=job.max_fpir, confidence=job.confidence)
    if points is not None:
        write_text(points / f"{name}.json", json.dumps(point.model_dump(mode="json"), sort_keys=True) + "\n")
    return point


def run_study(suite: Suite, out: Path, *, workers: int = 1, progress: Progress | None = None) -> list[Row]:
    """Run what is still missing of a suite and give all its rows.

    Parameters
    ----------
    suite : Suite
        The grid.
    out : path
        Folder of the study: ``runs/`` has a file a finished run, ``points/`` the operating points.
    workers : int
        Processes; the rows are the same whatever their number.
    progress : callable, optional
        Called with (stage, done, total).
    """
    jobs = plan(suite)
    runs, points = out / "runs", out / "points"
    missing = [job for job in jobs if not (runs / f"{job.id}.json").exists()]
    report = progress or (lambda stage, done, total: None)
    report("study", len(jobs) - len(missing), len(jobs))
    for number, row in enumerate(_execute(missing, points, workers), start=1):
        row.write(runs)
        report("study", len(jobs) - len(missing) + number, len(jobs))
    return [Row.read(runs / f"{job.id}.json") for job in jobs]


def _execute(jobs: list[Job], points: Path, workers: int) -> Iterator[Row]:
    if workers == 1:
        for job in jobs:
            yield run_job(job, points)
        return
    from concurrent.futures import ProcessPoolExecutor, as_completed
    from multiprocessing import get_context

    # Fresh processes: forking after BLAS or Polars have started threads can hang.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(run_job, job, points) for job in jobs]
        try:
            for done in as_completed(waiting):
                yield done.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
