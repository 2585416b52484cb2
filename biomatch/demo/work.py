"""The work of the main job: make worlds, search, tune, grade, and set systems side by side."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import date

from biomatch.cards import Progress, Step
from biomatch.curves.identification import IdentificationCurve
from biomatch.demo.answers import Answers, Fraud, Identification, OverstayRow, Stage
from biomatch.demo.worlds import Plan
from biomatch.errors import ResultsError
from biomatch.evaluation.alerts.curves import AlertCurves, alert_curves
from biomatch.evaluation.alerts.judge import judge_alerts
from biomatch.evaluation.alerts.precision import precision_at
from biomatch.evaluation.judge import check_lineages, evaluate
from biomatch.evaluation.overstays.counts import count_overstays, judge_stays
from biomatch.evaluation.sweep import curve_of, curves_of
from biomatch.evaluation.trials import Trials, enumerate_trials
from biomatch.fraud.detect import detect, unsearched_kinds
from biomatch.gallery.floor import leader_floor
from biomatch.policy import OperatingPoint
from biomatch.settings.scenario import Scenario
from biomatch.settings.system import System
from biomatch.system.replay import search
from biomatch.system.run import Run, run
from biomatch.system.stays import StayBook, as_of_dates
from biomatch.tables.candidates import CandidateLists
from biomatch.tables.produced import DECISIONS, STAYS
from biomatch.tuning.alerts.tune import plan_fraud
from biomatch.tuning.growth.curve import thinned, with_growth
from biomatch.tuning.tune import tune
from biomatch.worlds import World, world

MAX_FPIR = 1e-3
"""NIST SP 800-63A-4, section 3.11: FPIR of 1:N searches at most 1 in 1,000."""
MAX_STOPS_PER_MILLION = 1_000.0
"""Honest encounters stopped in a million (assumed): what a world of 100,000 encounters can show."""
CONFIDENCE = 0.95
GRID = 5
"""Thresholds of the report's slider: at each, all that documents leave open is joined again."""
LAXER = (1e-3, 2e-3, 5e-3, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
"""Targets of FPIR that are tried in turn where the one that was asked for cannot be shown."""
BASELINES = ("document-only", "today")
"""Systems beside which the system's own list of overstays is set."""


class _Clock:
    """Says which step begins, and keeps how long each took."""

    def __init__(self, step: Step) -> None:
        self._step, self._began, self._name = step, time.monotonic(), ""
        self.stages: list[Stage] = []

    def __call__(self, name: str, said: str) -> None:
        self.close()
        self._name = name
        self._step(said)

    def close(self) -> None:
        now = time.monotonic()
        if self._name:
            self.stages.append(Stage(self._name, now - self._began))
        self._began, self._name = now, ""


def demo(
    scenario: Scenario,
    system: System,
    *,
    seed: int = 1,
    max_fpir: float = MAX_FPIR,
    max_stops_per_million: float = MAX_STOPS_PER_MILLION,
    step: Step = lambda text: None,
    progress: Progress | None = None,
) -> Answers:
    """Ask the three questions of the mission of one world, and grade the answers on another.

    Parameters
    ----------
    scenario : Scenario
        Of the tuning world (`seed`) and the grading world (``seed + 1``); a smaller border with frequent
        fraud is made from it twice (``seed + 2`` to tune, ``seed + 3`` to grade).
    system : System
        The system under test.
    seed : int
        First of the four seeds.
    max_fpir : float
        The FPIR that identification is tuned to; where the tuning world is too small to show it, the
        smallest of `LAXER` that it can show.
    max_stops_per_million : float
        The most honest encounters that alerts of fraud may stop in a million.
    step : callable
        Called with a sentence as each step begins.
    progress : callable, optional
        Called with (stage, done, total).

    Raises
    ------
    SettingsError
        For a seed that leaves no room for four worlds.

    Examples
    --------
    >>> tiny = Scenario.load("tiny").with_({"travellers": 200})
    >>> found = demo(tiny, System.load("today"))
    >>> found.seeds, [row.system for row in found.overstays]
    ((1, 2, 3, 4), ['document-only', 'today'])
    """
    plan = Plan.of(scenario, seed)
    clock = _Clock(step)
    clock("tuning world", f"making the tuning world (scenario {scenario.name}, seed {plan.tuning})")
    tuning = world(plan.scenario, plan.tuning, progress)
    clock("search, tuning", f"searching it one-to-many ({tuning.observed.encounters.height:,} encounters)")
    lists = search(tuning.observed, system, progress=progress)
    clock("tune identification", "tuning identification")
    trials = enumerate_trials(lists, tuning.truth)
    curve = curves_of(trials, lists, tuning.truth)
    thin = thinned(lists, trials, tuning.truth) if curve.non_mated else None
    point, asked = _identification(curve, trials, tuning, max_fpir)
    point = with_growth(point, [thin])
    clock(
        "tune fraud", f"tuning fraud, frauds of seed {plan.frequent_tuning} against these honest travellers"
    )
    point, told = _tune_fraud(
        plan, point, alert_curves(_alerts_alone(tuning, point, lists), tuning.truth), max_stops_per_million
    )
    del tuning, lists, curve, trials, thin
    clock("grading world", f"making the grading world (seed {plan.grading})")
    grading = world(plan.scenario, plan.grading, progress)
    clock("run", "searching, deciding, linking, raising alerts")
    done = run(grading.observed, at=point, progress=progress)
    clock("judge", "judging")
    result = evaluate(done, grading.truth, grid=GRID)
    clock("side by side", "listing overstays by documents alone and by today's practice")
    rows = _side_by_side(done, grading, point)
    if system.name not in {row.system for row in rows}:
        rows.append(OverstayRow(system.name, result.overstays[-1]))
    clock("grade fraud", f"grading fraud where it is frequent (seed {plan.frequent_grading})")
    graded = _grade_fraud(plan, point, done, grading, max_stops_per_million, told)
    clock.close()
    return Answers(
        scenario=scenario.name,
        system=system.name,
        seeds=plan.seeds,
        identification=asked,
        fraud=graded,
        overstays=tuple(rows),
        result=result,
        point=point,
        stages=tuple(clock.stages),
    )


def _identification(
    curve: IdentificationCurve, trials: Trials, tuning: World, max_fpir: float
) -> tuple[OperatingPoint, Identification]:
    """Tune to the target, or to the smallest that this world can show, and say why."""
    if not curve.non_mated and trials.frame["designed"].any():
        # Everybody was announced: the trials that the design added are the non-mated ones.
        system = dict(curve.system or {})
        other = curve_of(
            trials.frame, trials.list_length, lineages=curve.lineages, system=system, designed=True
        )
        curve = replace(other, further=curve.further)
    why = ""
    for target in (max_fpir, *(one for one in LAXER if one > max_fpir)):
        try:
            point = tune(curve, max_fpir=target, confidence=CONFIDENCE)
        except ResultsError as fault:
            why = why or fault.given
            continue
        return point, Identification(max_fpir, target, CONFIDENCE, why)
    floor = leader_floor(max(1, curve.enrolled_counts[0]))
    point = OperatingPoint.of(
        floor, System.from_mapping(dict(curve.system or {})), lineages=[tuning.truth.lineage]
    )
    return point, Identification(max_fpir, None, CONFIDENCE, why)


def _alerts_alone(made: World, point: OperatingPoint, lists: CandidateLists) -> Run:
    """Raise the alerts of a world without listing its stays: what tuning and grading of fraud read."""
    day = as_of_dates(made.observed, None)[-1]
    links = StayBook(made.observed, lists, day, point).links.stays
    alerts = detect(made.observed, lists, links, point.system, as_of=day)
    return Run(point, lists, DECISIONS.empty(), STAYS.empty(), alerts, {"on": [day.isoformat()]})


@dataclass(frozen=True)
class _Told:
    """What tuning fraud said: how the limit was spent, or why nothing was tuned."""

    spending: str = ""
    not_tuned: str = ""


def _tune_fraud(
    plan: Plan, point: OperatingPoint, honest: AlertCurves, max_stops_per_million: float
) -> tuple[OperatingPoint, _Told]:
    """Take catches from a world with frequent fraud and stops from the tuning world's honest travellers."""
    if not honest.kinds:
        return point, _Told(not_tuned="the system raises no alerts")
    frequent = world(plan.frequent, plan.frequent_tuning)
    found = _alerts_alone(frequent, point, search(frequent.observed, point.system))
    curves = alert_curves(found, frequent.truth)
    if not any(one.events for one in curves.tunable.values()):
        return point, _Told(not_tuned="the world with frequent fraud had no event")
    tuned, told = plan_fraud([curves], honest=[honest], max_stops_per_million=max_stops_per_million)
    return tuned, _Told(spending=told.spending)


def _grade_fraud(
    plan: Plan, point: OperatingPoint, done: Run, grading: World, limit: float, told: _Told
) -> Fraud:
    """Grade catches where fraud is frequent, and stops on the grading world."""
    frequent = world(plan.frequent, plan.frequent_grading)
    check_lineages(point, frequent.truth, resubstitution=False)
    found = _alerts_alone(frequent, point, search(frequent.observed, point.system))
    _, events = judge_alerts(found.alerts, frequent.observed, frequent.truth, point)
    _, stops = judge_alerts(done.alerts, grading.observed, grading.truth, point)
    stopped = stops.together.false_alarms
    why = told.not_tuned
    if not why and stopped.interval[1] > limit / 1e6:
        why = (
            f"at most {limit:,g} stops per million: {stopped.denominator:,} honest encounters leave room for "
            f"{1e6 * stopped.interval[1]:,.0f}"
        )
    catch, stop = events.each, stops.each
    return Fraud(
        asked=limit,
        thresholds=dict(point.alert_thresholds),
        caught=events.fraud_caught,
        by_kind=dict(sorted(events.event_kinds.items())),
        stopped=stopped,
        precision=precision_at(catch[0], stop[1]) if catch and stop else None,
        not_searched=unsearched_kinds(point.system),
        spending=told.spending,
        not_shown=why,
    )


def _side_by_side(done: Run, grading: World, point: OperatingPoint) -> list[OverstayRow]:
    """List overstays as baselines would, from the same records and at the same face threshold."""
    rows = []
    for name in BASELINES:
        system = System.load(name)
        at = OperatingPoint.of(point.face_threshold, system, lineages=point.lineages)
        book = StayBook(grading.observed, done.lists, date.fromisoformat(done.about["on"][-1]), at)
        stays, _ = book.at(at)
        counts = count_overstays(judge_stays(stays, grading.observed, grading.truth, at))[-1]
        rows.append(OverstayRow(name, counts))
    return rows
