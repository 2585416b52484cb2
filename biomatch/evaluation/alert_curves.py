"""Every kind of alert of a run at every threshold, each against the events that it is made for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from biomatch.errors import ResultsError
from biomatch.evaluation.alert_events import EVENT_OF
from biomatch.evaluation.alerts import AlertCurve, alert_curve
from biomatch.evaluation.trials import check_same_world, observed_of
from biomatch.policy import OperatingPoint
from biomatch.system.run import Run
from biomatch.truth import Truth


@dataclass(frozen=True, eq=False)
class AlertCurves:
    """The curves of a run's kinds of alert.

    Attributes
    ----------
    kinds : mapping of str to AlertCurve
        By kind of alert.
    point : OperatingPoint
        Of the run: its system raised the alerts.
    """

    kinds: Mapping[str, AlertCurve]
    point: OperatingPoint

    def __getitem__(self, kind: str) -> AlertCurve:
        if kind not in self.kinds:
            raise ResultsError(f"no alerts of kind {kind!r}", allowed=", ".join(self.kinds))
        return self.kinds[kind]


def alert_curves(run: Run, truth: Truth) -> AlertCurves:
    """Sweep the alerts of a run: one pass of the detectors serves every threshold.

    Parameters
    ----------
    run : Run
        With its world's observed side attached.
    truth : Truth
        Of the same world.

    Raises
    ------
    ResultsError
        For a run of another world.
    """
    check_same_world(run.world_id, truth)
    observed, system = observed_of(run.lists), run.point.system
    settings = system.model_dump(mode="json")
    return AlertCurves(
        {
            kind: alert_curve(run.alerts, observed, truth, kinds=kind, system=settings).of(EVENT_OF[kind])
            for kind in system.alerts.kinds
        },
        run.point,
    )
