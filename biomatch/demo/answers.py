"""What the main job found, typed: identification, fraud, overstays, and what could not be shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from biomatch.evaluation.alerts.precision import Precision
from biomatch.evaluation.overstays.counts import Overstays
from biomatch.evaluation.result import Result
from biomatch.policy import OperatingPoint
from biomatch.rates import Rate

SHORT_CAUSES = {
    "left unrecorded": "nobody recorded the departure",
    "not yet received": "its record had not arrived",
    "another document": "it bears another document",
    "link refused": "its link was refused",
    "capture not linked": "the capture that records it was not linked",
    "extension unknown": "an extension was unknown",
}
"""What became of those who are listed and should not be, by cause."""


@dataclass(frozen=True)
class Stage:
    """One step of the main job and how long it took."""

    name: str
    seconds: float


@dataclass(frozen=True)
class Identification:
    """What was asked of identification, and what could be shown of it.

    Attributes
    ----------
    asked, target : float
        The FPIR that was asked for, and the one that the threshold was tuned to; None: no threshold could
        be tuned, and the face profile's own was taken.
    confidence : float
        Of the guarantee.
    not_shown : str
        Why `target` is not `asked`; empty where it is.
    """

    asked: float
    target: float | None
    confidence: float
    not_shown: str = ""

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data."""
        return {
            "asked_fpir": self.asked,
            "target_fpir": self.target,
            "confidence": self.confidence,
            "not_shown": self.not_shown,
        }


@dataclass(frozen=True)
class Fraud:
    """Alert thresholds tuned on other lineages, graded where fraud is frequent and where it is rare.

    Attributes
    ----------
    asked : float
        The most honest encounters stopped in a million that were asked for, all kinds together.
    thresholds : mapping of str to float
        By kind of alert, as tuned; empty where nothing could be tuned.
    caught : Rate
        Events caught / events of the grading world with frequent fraud, of any kind.
    by_kind : mapping of str to (int, int)
        Kind of event to caught and events, there.
    stopped : Rate
        Honest encounters stopped / honest encounters of the grading world.
    precision : Precision or None
        How often an alert is right at the true prevalence.
    not_searched : tuple of str
        Kinds whose gallery the system does not search.
    spending : str
        What of the limit was spent in tuning, and why no more.
    not_shown : str
        What worlds of this size cannot show; empty where the limit is shown.
    """

    asked: float
    thresholds: Mapping[str, float]
    caught: Rate
    by_kind: Mapping[str, tuple[int, int]]
    stopped: Rate
    precision: Precision | None
    not_searched: tuple[str, ...]
    spending: str
    not_shown: str

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data."""
        return {
            "asked_stops_per_million": self.asked,
            "thresholds": dict(self.thresholds),
            "caught": self.caught.to_json(),
            "caught_by_kind": {kind: list(pair) for kind, pair in self.by_kind.items()},
            "stopped": self.stopped.to_json(),
            "precision": None if self.precision is None else self.precision.to_json(),
            "not_searched": list(self.not_searched),
            "spending": self.spending,
            "not_shown": self.not_shown,
        }


@dataclass(frozen=True)
class OverstayRow:
    """The list of overstays under one system, on the grading world."""

    system: str
    counts: Overstays

    @property
    def what(self) -> str:
        """What the false leads are, in words."""
        parts = [f"{number:,} {cause}" for cause, number in self.counts.causes.items() if number]
        return ", ".join(parts)

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data."""
        return {"system": self.system, **self.counts.to_json()}


@dataclass(frozen=True)
class Answers:
    """Everything that the main job says.

    Attributes
    ----------
    scenario, system : str
        What was asked.
    seeds : tuple of int
        Tuning world, grading world, and the worlds with frequent fraud for tuning and for grading.
    identification, fraud, overstays
        The three answers; of overstays a row a system: documents alone, today's practice, the system's own.
    result : Result
        The graded run of the system on the grading world.
    point : OperatingPoint
        What was tuned.
    stages : tuple of Stage
        How long each step took.
    """

    scenario: str
    system: str
    seeds: tuple[int, int, int, int]
    identification: Identification
    fraud: Fraud
    overstays: tuple[OverstayRow, ...]
    result: Result
    point: OperatingPoint
    stages: tuple[Stage, ...] = field(default=())

    @property
    def seconds(self) -> float:
        """Duration of all stages."""
        return sum(stage.seconds for stage in self.stages)

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data, in the form of ``demo --json``."""
        return {
            "scenario": self.scenario,
            "system": self.system,
            "seeds": list(self.seeds),
            "threshold": self.point.face_threshold,
            "fpir": self.result.fpir.to_json(),
            "fnir": self.result.fnir.to_json(),
            "identification": self.identification.to_json(),
            "searches": {name: one.to_json() for name, one in self.result.searches.items()},
            "fraud": self.fraud.to_json(),
            "overstays": [row.to_json() for row in self.overstays],
            "alerts": self.result.alerts.to_json(),
            "stages": {stage.name: round(stage.seconds, 2) for stage in self.stages},
            "seconds": round(self.seconds, 1),
        }
