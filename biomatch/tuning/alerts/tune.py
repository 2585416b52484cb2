"""`tune --for fraud`: from runs over tuning worlds to thresholds of alerts.

Worlds with events give catch rates; worlds without any give false stops, and where none is without, all
give both (which is said). One pass of the detectors serves every threshold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import field_validator

from biomatch.errors import ResultsError, SettingsError
from biomatch.evaluation.alerts.by_part import joined
from biomatch.evaluation.alerts.curves import FUSED_KEY, AlertCurve, AlertCurves
from biomatch.evaluation.alerts.precision import PER_MILLION
from biomatch.fraud.detect import FUSED, unsearched_kinds
from biomatch.policy import OperatingPoint
from biomatch.settings.base import Settings, setting
from biomatch.tables.produced import alert_kinds
from biomatch.tuning.alerts.estimates import AlertCosts
from biomatch.tuning.alerts.plan import AlertPlan, tune_alerts


class CostFile(Settings):
    """What a stop and a miss cost: the file that ``--costs`` reads."""

    stop: float = setting(..., "the user's own figure", ge=0)
    miss: float = setting(..., "the user's own figure", ge=0)
    miss_by: dict[str, float] = setting({}, "the user's own figures, by kind of alert")

    def costs(self) -> AlertCosts:
        """Give them to `tune_alerts`."""
        return AlertCosts(self.stop, self.miss, self.miss_by)


class PrevalenceFile(Settings):
    """Events per million encounters: the file that ``--prevalence`` reads."""

    per_million: dict[str, float] = setting({}, "the user's own figures, by kind of alert")
    other_kinds: float = setting(
        PER_MILLION, "7 to 10 impostors per million travellers (CBP counts)", ge=0, lt=1e6
    )

    @field_validator("per_million")
    @classmethod
    def _check(cls, given: dict[str, float]) -> dict[str, float]:
        for kind, value in given.items():
            if kind not in alert_kinds():
                raise ValueError(f"{kind!r} is no kind of alert: {', '.join(alert_kinds())}")
            if not 0 <= value < 1e6:
                raise ValueError(f"{kind} = {value}: from 0 to below a million")
        return given

    def rates(self, kinds: Iterable[str]) -> dict[str, float]:
        """Events an encounter, for each kind; for all fused kinds, those of any of them.

        Without figures by kind `other_kinds` is of a fraud of any kind, as the fused ratio is.
        """
        return {kind: self._per_million(kind) / 1e6 for kind in kinds}

    def _per_million(self, kind: str) -> float:
        if kind != FUSED_KEY:
            return self.per_million.get(kind, self.other_kinds)
        given = [value for name, value in self.per_million.items() if name in FUSED]
        return sum(given) if given else self.other_kinds


def pool(
    worlds: Sequence[Mapping[str, AlertCurve]], honest: Sequence[Mapping[str, AlertCurve]] = ()
) -> dict[str, AlertCurve]:
    """Put the curves of several tuning worlds together, kind by kind.

    Parameters
    ----------
    worlds : sequence of mapping
        Curves by kind, a mapping a world. Catches come from all of them, false stops from those without any
        event; where none is without, from all.
    honest : sequence of mapping, optional
        Worlds whose honest travellers give the false stops instead; their own events are left out.

    Raises
    ------
    ResultsError
        Without worlds, or with two of one lineage.
    """
    if not worlds:
        raise ResultsError("no world to tune on", remedy="give at least one")
    seeds = (
        [seed for curves in [*worlds, *honest] for seed in next(iter(curves.values())).lineages]
        if worlds[0]
        else []
    )
    if len(seeds) != len(set(seeds)):
        raise ResultsError("two tuning worlds of one seed, which share people", allowed="different seeds")
    # What a kind's own events are, a world has or lacks; a world is clean when it has no event of any kind.
    clean = honest or [curves for curves in worlds if not any(one.events for one in curves.values())]
    return {
        kind: _joined([curves[kind] for curves in worlds], [curves[kind] for curves in clean or worlds])
        for kind in worlds[0]
    }


def apart(groups: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Join numbers of several worlds so that none is another's: people of different worlds differ."""
    shift = np.cumsum([0, *[int(one.max(initial=0)) + 1 for one in groups]])
    return np.concatenate([one + add for one, add in zip(groups, shift, strict=False)])


def event_clusters(curves: Sequence[AlertCurve]) -> NDArray[np.int64] | None:
    """Join the clusters of events of several worlds; None where a world's are not known."""
    known = [one.event_subjects for one in curves if one.event_subjects is not None]
    return apart(known) if len(known) == len(curves) else None


def _joined(catches: list[AlertCurve], stops: list[AlertCurve]) -> AlertCurve:
    known = set.intersection(*(set(one.parts) for one in [*catches, *stops]))
    return replace(
        catches[0],
        parts={
            name: joined([one.parts[name] for one in catches], [one.parts[name] for one in stops])
            for name in sorted(known)
        },
        event_scores=np.concatenate([one.event_scores for one in catches]),
        event_kinds=np.concatenate([one.event_kinds for one in catches]),
        false_scores=np.concatenate([one.false_scores for one in stops]),
        event_subjects=event_clusters(catches),
        subjects=apart([one.subjects for one in stops]),
        days=float(sum(one.days for one in stops)),
        lineages=tuple(sorted({seed for one in [*catches, *stops] for seed in one.lineages})),
    )


def plan_fraud(
    worlds: Sequence[AlertCurves],
    *,
    honest: Sequence[AlertCurves] = (),
    max_alerts_a_day: float | None = None,
    max_stops_per_million: float | None = None,
    alert_costs: Path | AlertCosts | None = None,
    traffic: float | None = None,
    prevalence: float | Mapping[str, float] | PrevalenceFile | Path | None = None,
    by: str | None = None,
    confidence: float = 0.95,
) -> tuple[OperatingPoint, AlertPlan]:
    """Tune the alert thresholds of a point, and keep the plan that they come from.

    Parameters
    ----------
    worlds : sequence of AlertCurves
        One a tuning world, all of runs at one point; its other thresholds and lineages are carried over.
    honest : sequence of AlertCurves, optional
        Worlds that give the false stops; default: those of `worlds` without any event, else all of them.
    max_alerts_a_day, max_stops_per_million, alert_costs
        A limit, or the costs (or the file that holds them): one of the three.
    traffic : float, optional
        Encounters a day; default: that of the tuning worlds.
    prevalence : float, mapping of str to float, PrevalenceFile or path, optional
        Events per million encounters: of every kind, or by kind of alert (others 8); default 8.
    by : str, optional
        ``"port"`` or ``"mode"``: a threshold for each, under the same limit for all together.
    confidence : float
        Of the intervals.

    Raises
    ------
    ResultsError, SettingsError
        As `tune_alerts` and `pool`; for a file that does not fit its schema.
    """
    curves = pool([one.tunable for one in worlds], [one.tunable for one in honest])
    point = worlds[0].point
    if any(one.point != point for one in [*worlds, *honest]):
        raise ResultsError("runs at different points", remedy="run every tuning world at one point")
    if not curves:
        raise SettingsError("a system that raises no alerts", remedy="give alerts.kinds some kinds")
    costs = CostFile.read(alert_costs).costs() if isinstance(alert_costs, Path) else alert_costs
    if FUSED_KEY in curves and costs is not None and set(costs.miss_by or ()) & set(FUSED):
        raise SettingsError(
            f"a cost of its own for a missed {', '.join(sorted(set(costs.miss_by or ()) & set(FUSED)))}",
            allowed="one cost of a miss, since all fused kinds share one threshold",
            remedy='give miss alone, or a system with alerts.scoring = "evidence"',
        )
    first = next(iter(curves.values()))
    plan = tune_alerts(
        curves,
        max_alerts_a_day=max_alerts_a_day,
        max_stops_per_million=max_stops_per_million,
        by=by,
        costs=costs,
        traffic=traffic if traffic is not None else first.encounters / first.days,
        prevalence=_prevalence(prevalence).rates(curves),
        confidence=confidence,
    )
    plan = replace(plan, not_searched=unsearched_kinds(point.system))
    return plan.apply(point), plan


def _prevalence(given: float | Mapping[str, float] | PrevalenceFile | Path | None) -> PrevalenceFile:
    if given is None:
        return PrevalenceFile()
    if isinstance(given, PrevalenceFile):
        return given
    if isinstance(given, Path):
        return PrevalenceFile.read(given)
    if isinstance(given, Mapping):
        return PrevalenceFile.from_mapping({"per_million": dict(given)})
    return PrevalenceFile.from_mapping({"other_kinds": float(given)})


def tune_fraud(
    curves: AlertCurves | Sequence[AlertCurves],
    *,
    honest: Sequence[AlertCurves] = (),
    max_alerts_a_day: float | None = None,
    max_stops_per_million: float | None = None,
    alert_costs: Path | AlertCosts | None = None,
    traffic: float | None = None,
    prevalence: float | Mapping[str, float] | PrevalenceFile | Path | None = None,
    by: str | None = None,
    confidence: float = 0.95,
) -> OperatingPoint:
    """Tune the alert thresholds of an operating point.

    Parameters
    ----------
    curves : AlertCurves or sequence of AlertCurves
        What `sweep_fraud` gives, one a tuning world. Worlds without fraud among them give the false stops,
        the others the catches.
    honest, max_alerts_a_day, max_stops_per_million, alert_costs, traffic, prevalence, by, confidence
        As of `plan_fraud`.

    Returns
    -------
    OperatingPoint
        The runs' point with its alert thresholds set; what they mean stands in ``guarantee["alerts"]``.

    Raises
    ------
    ResultsError, SettingsError
        As `plan_fraud`; for curves of another sort.

    Examples
    --------
    From a world with fraud and one without:

    >>> import biomatch as bm
    >>> scenario = bm.Scenario.load("tiny").with_({"travellers": 300, "subversion.impostor": 60_000.0})
    >>> honest = scenario.with_({"subversion.impostor": 0.0})
    >>> at = bm.OperatingPoint.of(0.4, "today")
    >>> worlds = [bm.world(scenario, seed=1), bm.world(honest, seed=2)]
    >>> curves = [bm.sweep_fraud(bm.run(made.observed, at=at), made.truth) for made in worlds]
    >>> tuned = bm.tune_fraud(curves, max_stops_per_million=1_000, prevalence=80.0)
    >>> shown = tuned.guarantee["alerts"]["kinds"]["document_photo_conflict"]
    >>> tuned.lineages, shown["prevalence_per_million"], shown["catch_rate"]["numerator"] > 0
    ([1, 2], 80.0, True)
    """
    worlds = list(curves) if isinstance(curves, Sequence) else [curves]
    for one in worlds:
        if not isinstance(one, AlertCurves):
            raise ResultsError(
                f"a {type(one).__name__}",
                allowed="curves of alerts",
                remedy="write bm.tune_fraud(bm.sweep_fraud(run, world.truth), max_alerts_a_day=20)",
            )
    if not worlds:
        raise ResultsError("no world to tune on", remedy="give at least one")
    return plan_fraud(
        worlds,
        honest=honest,
        max_alerts_a_day=max_alerts_a_day,
        max_stops_per_million=max_stops_per_million,
        alert_costs=alert_costs,
        traffic=traffic,
        prevalence=prevalence,
        by=by,
        confidence=confidence,
    )[0]
