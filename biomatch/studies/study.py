"""Studies: worlds x systems x seeds, each tuned on seeds of its own; resumes, here or on a cluster."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import resource
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import model_validator

from biomatch.cards import Progress
from biomatch.errors import BiomatchError, ResultsError, SettingsError, WallError
from biomatch.paths import code_id
from biomatch.settings.base import ASSUMED, Settings, setting
from biomatch.settings.scenario import Scenario
from biomatch.settings.system import System
from biomatch.studies.rows import Row, refuse_other_code, write_plan
from biomatch.worlds import check_seed

Control = Literal["none", "oracle", "blind"]
VERSIONED = ("biomatch", "numpy", "polars", "faiss-cpu", "scipy", "ortools")


class WorldCell(Settings):
    """One world of a suite: a scenario, changed."""

    about: str = setting("", "the suite: the world in words, for a page's sentences", max_length=200)
    scenario: str = setting("airport", f"{ASSUMED}: the demo's")
    set: dict[str, Any] = setting({}, "the suite")


class SystemCell(Settings):
    """One system of a suite: a built-in or a file, changed."""

    about: str = setting("", "the suite: the system in words, for a page's sentences", max_length=200)
    system: str = setting("default", f"{ASSUMED}: the demo's")
    set: dict[str, Any] = setting({}, "the suite")
    max_fpir: float | None = setting(None, "the suite: its own target instead", gt=0, lt=1)


class Suite(Settings):
    """A grid of runs, as a TOML file says it.

    Every cell is tuned on `tuning_seeds` and graded on each of `seeds`; controls are graded at the same
    operating point as the systems they stand beside.
    """

    name: str = setting(..., "the suite", min_length=1, max_length=100)
    about: str = setting("", "the suite")
    baseline: str = setting("", "the suite: the world that a page's sentences compare the others with")
    max_fpir: float = setting(0.01, f"{ASSUMED}: a target that small worlds can support", gt=0, lt=1)
    confidence: float = setting(0.95, f"{ASSUMED}: the usual", gt=0, lt=1)
    seeds: list[int] = setting(..., "the suite", min_length=1)
    tuning_seeds: list[int] = setting(..., "the suite", min_length=1)
    worlds: dict[str, WorldCell] = setting(..., "the suite", min_length=1)
    systems: dict[str, SystemCell] = setting(..., "the suite", min_length=1)

    controls: list[Literal["oracle", "blind"]] = setting(["oracle", "blind"], "habit: null controls")

    @model_validator(mode="after")
    def _check_seeds(self) -> Self:
        for name, seeds in (("seeds", self.seeds), ("tuning_seeds", self.tuning_seeds)):
            if len(set(seeds)) != len(seeds):
                raise ValueError(f"{name} names a seed twice; each run counts once")
        return self

    @model_validator(mode="after")
    def _check_baseline(self) -> Self:
        if self.baseline and self.baseline not in self.worlds:
            raise ValueError(f"baseline {self.baseline!r} is none of the worlds {', '.join(self.worlds)}")
        return self


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
        return _hash(
            {
                "scenario": self.scenario_settings.canonical(),
                "system": self.system_settings.canonical(),
                "seed": self.seed,
                "control": self.control,
                "tuning_seeds": list(self.tuning_seeds),
                "max_fpir": self.max_fpir,
                "confidence": self.confidence,
                "biomatch": version("biomatch"),
            }
        )

    @property
    def point_id(self) -> str:
        """Hash of what the job's operating point depends on, the code too; runs alike in that share it."""
        return _hash(
            {
                "scenario": self.scenario_settings.canonical(),
                "system": self.system_settings.canonical(),
                "seeds": list(self.tuning_seeds),
                "target": [self.max_fpir, self.confidence],
                "biomatch": version("biomatch"),
                "code": code_id(),
            }
        )

    @property
    def cell(self) -> dict[str, str]:
        """Names of the run in its suite."""
        return {"world": self.world, "system": self.system, "seed": str(self.seed), "control": self.control}


def _hash(asked: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]


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
            tuple(suite.tuning_seeds), suite.systems[system].max_fpir or suite.max_fpir, suite.confidence,
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


@dataclass(frozen=True)
class Tuned:
    """An operating point, and the seconds that tuning it took (0: it was read)."""

    point: Any
    seconds: float


def tune_job(job: Job) -> Tuned:
    """Tune the operating point of a job on its tuning seeds."""
    from biomatch.curves.pooled import pool
    from biomatch.evaluation.sweep import sweep
    from biomatch.system.replay import search
    from biomatch.tuning import tune
    from biomatch.worlds import world

    began = time.perf_counter()
    curves = []
    for seed in job.tuning_seeds:
        made = world(job.scenario_settings, seed)
        curves.append(sweep(search(made.observed, job.system_settings), made.truth))
    point = tune(pool(curves), max_fpir=job.max_fpir, confidence=job.confidence)
    return Tuned(point, time.perf_counter() - began)


def run_job(job: Job, tuned: Tuned) -> Row:
    """Do one run at a tuned point: make the world, search, decide, grade, count."""
    from biomatch.evaluation import controls
    from biomatch.evaluation.judge import evaluate
    from biomatch.system.replay import search
    from biomatch.system.run import run
    from biomatch.worlds import world

    seconds = {"tune": tuned.seconds}
    with _clock(seconds, "world"):
        made = world(job.scenario_settings, job.seed)
    observed, point = made.observed, tuned.point
    if job.control == "oracle":
        observed = controls.oracle(made.observed, made.truth)
        # Random codes of few values may be alike by more than a threshold that was tuned on faces.
        point = point.with_({"face_threshold": controls.ORACLE_THRESHOLD, "face_threshold_by": {}})
    elif job.control == "blind":
        observed = controls.blind(made.observed, job.seed)
    with _clock(seconds, "search"):
        lists = search(observed, job.system_settings)
    with _clock(seconds, "run"):
        done = run(observed, at=point, lists=lists)
    with _clock(seconds, "evaluate"):
        result = evaluate(done, made.truth, grid=0, pools=False)
    return Row(
        id=job.id,
        cell=job.cell,
        counts=counts_of(result),
        versions={name: version(name) for name in VERSIONED} | {"python": platform.python_version()},
        machine={"cpus": os.cpu_count(), "system": platform.system(), "processor": platform.machine()},
        seconds={stage: round(value, 3) for stage, value in seconds.items()},
        peak_megabytes=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MAXRSS_PER_MB, 1),
        code=code_id(),
    )


_MAXRSS_PER_MB = 1024.0 if sys.platform != "darwin" else 1024.0**2


def counts_of(result: Any) -> dict[str, float]:
    """Give everything of a result that is counted, flat.

    Alerts by kind: ``events``, those ``caught`` by any alert, alerts ``raised``, honest encounters
    ``stopped`` by it, and ``honest`` encounters.
    """
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
    for counts in result.alerts.counts:
        found |= {
            f"alerts_{counts.kind}_events": counts.events,
            f"alerts_{counts.kind}_caught": counts.caught,
            f"alerts_{counts.kind}_raised": counts.alerts,
            f"alerts_{counts.kind}_stopped": counts.false_encounters,
            f"alerts_{counts.kind}_honest": counts.honest_encounters,
        }
    return found


class _clock:  # noqa: N801 - used as a verb
    def __init__(self, into: dict[str, float], stage: str) -> None:
        self.into, self.stage = into, stage

    def __enter__(self) -> None:
        self.began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.into[self.stage] = time.perf_counter() - self.began


def run_study(
    suite: Suite,
    out: Path,
    *,
    workers: int = 1,
    cluster: str | None = None,
    fresh: bool = False,
    progress: Progress | None = None,
) -> list[Row]:
    """Run what is still missing of a suite and give all its rows.

    Parameters
    ----------
    suite : Suite
        The grid.
    out : path
        Folder of the study: ``runs/`` has a file a finished run, ``points/`` the operating points. Only
        this process writes there.
    workers : int
        Processes; the rows are the same whatever their number.
    cluster : str, optional
        Address of a Dask scheduler, to run there instead; the rows are the same.
    fresh : bool
        Remove what stands in the folder's ``runs/`` and ``points/`` first.
    progress : callable, optional
        Called with (stage, done, total).

    Raises
    ------
    SettingsError
        For both workers and a cluster, or a cluster that is not there.
    ResultsError
        When a finished run of the folder was made by other code than is installed here, or a worker's
        biomatch is another than this one.
    """
    if cluster is not None and workers != 1:
        raise SettingsError("--workers and --cluster", allowed="one: a cluster has its own workers")
    jobs = plan(suite)
    runs = out / "runs"
    if fresh:
        _clear(runs, out / "points")
    refuse_other_code([out / "runs" / f"{job.id}.json" for job in jobs], out)
    write_plan(out, suite.name, [job.id for job in jobs])
    missing = [job for job in jobs if not (runs / f"{job.id}.json").exists()]
    wanted = {job.id for job in missing}
    report = progress or (lambda stage, done, total: None)
    report("study", len(jobs) - len(missing), len(jobs))
    for number, row in enumerate(_execute(missing, out / "points", workers, cluster), start=1):
        if row.id not in wanted:
            raise ResultsError(
                f"a worker answered run {row.id}, which was not asked (its biomatch is "
                f"{row.versions['biomatch']})",
                remedy=f"install biomatch {version('biomatch')} on every worker",
            )
        if row.code != code_id():
            raise ResultsError(
                f"a worker ran {row.id} with other code ({row.code or 'unknown'}; here {code_id()})",
                allowed="the same sources of biomatch here and on every worker",
                remedy="install the same on every worker, and start the workers again",
            )
        row.write(runs)
        report("study", len(jobs) - len(missing) + number, len(jobs))
    # A run is known by what is asked; what the suite calls it may have changed since it was written.
    return [replace(Row.read(runs / f"{job.id}.json"), cell=job.cell) for job in jobs]


def _clear(*folders: Path) -> None:
    for folder in folders:
        for file in folder.glob("*.json"):
            file.unlink()


def _execute(jobs: list[Job], points: Path, workers: int, cluster: str | None) -> Iterator[Row]:
    from biomatch.policy import OperatingPoint
    from biomatch.studies.execution import here
    from biomatch.studies.execution.work import Work
    from biomatch.tables.storage import write_text

    def known(key: str) -> Tuned | None:
        place = points / f"{key}.json"
        return Tuned(OperatingPoint.read(place), 0.0) if place.exists() else None

    def keep(key: str, tuned: Tuned) -> None:
        text = json.dumps(tuned.point.model_dump(mode="json"), sort_keys=True)
        write_text(points / f"{key}.json", text + "\n")

    work = Work(key=lambda job: job.point_id, prepare=tune_job, do=run_job, known=known, keep=keep)
    if not jobs:
        return iter(())
    if cluster is not None:
        from biomatch.studies.execution.cluster import on_cluster

        return on_cluster(work, jobs, cluster)
    return here.in_process(work, jobs) if workers == 1 else here.in_processes(work, jobs, workers)
