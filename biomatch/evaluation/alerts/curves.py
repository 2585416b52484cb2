"""Alerts at every threshold: events caught and honest travellers stopped, from one pass of the detectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch.cards import Card, Carded, facts
from biomatch.curves.clustered_rates import by_subject
from biomatch.errors import ResultsError
from biomatch.evaluation.alerts.by_part import FIELDS, AlertParts, parts_of
from biomatch.evaluation.alerts.events import EVENT_OF, Scene, clusters_of, event_of, touches
from biomatch.evaluation.trials import check_same_world, observed_of
from biomatch.fraud.detect import FUSED, searched_kinds
from biomatch.policy import OperatingPoint, accept
from biomatch.portable.types import Floats, Ints
from biomatch.rates import Rate, clustered_rate, rate
from biomatch.system.run import Run
from biomatch.tables.observed import Observed
from biomatch.tables.produced import alert_kinds
from biomatch.truth import Truth

RATIO = "log_likelihood_ratio"
FUSED_KEY = "fused"
"""Name of all fused kinds together among the curves that are tuned."""


@dataclass(frozen=True, eq=False, repr=False)
class AlertCurve(Carded):
    """Alerts of some kinds at every threshold, from one pass.

    Attributes
    ----------
    kinds : tuple of str
        Kinds of alert whose scores are on one scale.
    event_scores : ndarray of float64
        Shape (k,): for each counted event the highest score of an alert that touches it; -inf: none.
    event_kinds : ndarray of str
        Shape (k,): kind of each event.
    false_scores : ndarray of float64
        Shape (m,): for each honest encounter its highest false alarm; -inf: none.
    subjects : ndarray of int64
        Shape (m,): whose encounter it is.
    days : float
        Length of the measured period, days.
    lineages : tuple of int
        Worlds that it came from.
    system : mapping
        Settings of the system.
    event_subjects : ndarray of int64 or None
        Shape (k,): cluster of each event (`clusters_of`); None: each hangs together with no other.
    parts : mapping of str to AlertParts
        Where the alerts arose, by ``"port"`` and ``"mode"``; empty where nobody said.
    """

    kinds: tuple[str, ...]
    event_scores: Floats
    event_kinds: NDArray[np.str_]
    false_scores: Floats
    subjects: Ints
    days: float
    lineages: tuple[int, ...] = ()
    system: Mapping[str, Any] | None = None
    parts: Mapping[str, AlertParts] = field(default_factory=dict)
    event_subjects: Ints | None = None

    def card(self) -> Card:
        """Say what is shown: the kinds, their events and the honest encounters."""
        return Card(
            f"AlertCurve of {', '.join(self.kinds)}",
            facts(
                ("events", int(self.event_scores.size)),
                ("honest encounters", int(self.false_scores.size)),
                ("days", self.days),
                ("lineages", [str(seed) for seed in self.lineages] or None),
            ),
        )

    @property
    def events(self) -> int:
        """Counted events."""
        return len(self.event_scores)

    @property
    def encounters(self) -> int:
        """Counted honest encounters."""
        return len(self.false_scores)

    @property
    def thresholds(self) -> Floats:
        """Every score at which something changes, descending."""
        scores = np.r_[self.event_scores, self.false_scores]
        return np.unique(scores[~np.isneginf(scores)])[::-1]

    def at(self, thresholds: Any) -> tuple[Ints, Ints]:
        """Count caught events and stopped honest encounters at thresholds of any shape."""
        asked = np.asarray(thresholds, dtype=np.float64)
        return _at_least(self.event_scores, asked), _at_least(self.false_scores, asked)

    def catch_rate(self, threshold: float, confidence: float = 0.95) -> Rate:
        """Caught events / events, in [0, 1], clustered by who did them; no value where there was no event."""
        caught = accept(self.event_scores, threshold)
        if self.event_subjects is None:
            return rate(int(np.count_nonzero(caught)), self.events, confidence)
        return clustered_rate(*by_subject(caught, self.event_subjects), confidence)

    def false_alarm_rate(self, threshold: float, confidence: float = 0.95) -> Rate:
        """Honest encounters stopped / honest encounters, in [0, 1], clustered by traveller."""
        errors, trials = by_subject(accept(self.false_scores, threshold), self.subjects)
        return clustered_rate(errors, trials, confidence)

    def of(self, *event_kinds: str) -> AlertCurve:
        """Keep only events of some kinds."""
        keep = np.isin(self.event_kinds, event_kinds)
        return replace(
            self,
            event_scores=self.event_scores[keep],
            event_kinds=self.event_kinds[keep],
            event_subjects=None if self.event_subjects is None else self.event_subjects[keep],
            parts={name: one.of(keep) for name, one in self.parts.items()},
        )

    def part(self, by: str) -> AlertParts:
        """Give the breakdown by port or mode.

        Raises
        ------
        ResultsError
            Where the curve has none of that name.
        """
        if by not in self.parts:
            raise ResultsError(
                f"alerts by {by!r}",
                allowed=" or ".join(self.parts) or f"a curve made from a run, by {' or '.join(FIELDS)}",
            )
        return self.parts[by]

    def decided(self, by: str, thresholds: Mapping[str, float], default: float) -> AlertCurve:
        """Apply thresholds by part; in the curve that comes back 0 is what alarmed and -inf what did not.

        Parameters
        ----------
        by : str
            ``"port"`` or ``"mode"``.
        thresholds : mapping of str to float
            By label.
        default : float
            Of all other labels.
        """
        parts = self.part(by)
        limits = parts.thresholds(thresholds, default)
        return replace(
            self,
            event_scores=np.where(parts.caught(limits), 0.0, -np.inf),
            false_scores=np.where(parts.stopped(self.false_scores, limits), 0.0, -np.inf),
            parts={},
        )

    def table(self) -> pl.DataFrame:
        """Give the curve: a row a threshold, descending: threshold, caught, events, stopped, encounters."""
        thresholds = self.thresholds
        caught, stopped = self.at(thresholds)
        return pl.DataFrame({"threshold": thresholds, "caught": caught, "stopped": stopped}).with_columns(
            events=pl.lit(self.events), encounters=pl.lit(self.encounters)
        )


def _at_least(scores: Floats, thresholds: Floats) -> Ints:
    # Counting on sorted scores with side="left" is `accept` (see biomatch.policy.accept).
    ranked = np.sort(scores[~np.isneginf(scores)])
    return np.asarray(len(ranked) - np.searchsorted(ranked, thresholds, side="left"))


def alert_curve(
    alerts: pl.DataFrame,
    observed: Observed,
    truth: Truth,
    *,
    kinds: tuple[str, ...] | str | None = None,
    by: str = "score",
    system: Mapping[str, Any] | None = None,
) -> AlertCurve:
    """Make the curve of some kinds of alert, with every event beside it.

    Parameters
    ----------
    alerts : polars.DataFrame
        Schema ``ALERTS``, before any threshold.
    observed, truth
        The world's two sides.
    kinds : str or tuple of str, optional
        Kinds of alert; default: all, which wants scores on one scale (``by="log_likelihood_ratio"``).
    by : str
        ``"score"`` or ``"log_likelihood_ratio"``.
    system : mapping, optional
        Settings of the system, carried along.

    Raises
    ------
    ResultsError
        For several kinds by their raw scores, or alerts without a log-likelihood ratio.
    """
    asked = (kinds,) if isinstance(kinds, str) else tuple(kinds or alert_kinds())
    if by == "score" and len(asked) > 1 and alerts["kind"].n_unique() > 1:
        raise ResultsError(
            "a curve of several kinds by their raw scores, which have different scales",
            allowed="one kind, or by='log_likelihood_ratio'",
        )
    scene = Scene.of(observed, truth)
    mine = alerts.filter(pl.col("kind").cast(pl.String).is_in(asked))
    if mine[by].null_count():
        raise ResultsError(
            f"{mine[by].null_count()} alerts without {by}", remedy="run with the shipped models"
        )
    touched = touches(mine, scene)
    scored = mine.with_row_index("row").select("row", "encounter_id", value=pl.col(by))
    touching = touched.join(scored, on="row").select("event_id", "encounter_id", "value")
    best = touching.group_by("event_id").agg(pl.col("value").max())
    events = scene.events.filter("counted").join(best, on="event_id", how="left", maintain_order="left")
    false = scored.join(touched, on="row", how="anti").group_by("encounter_id").agg(pl.col("value").max())
    honest = scene.honest.join(false, on="encounter_id", how="left", maintain_order="left")
    return AlertCurve(
        asked,
        events["value"].fill_null(-np.inf).to_numpy(),
        events["kind"].cast(pl.String).to_numpy().astype(str),
        honest["value"].fill_null(-np.inf).to_numpy(),
        honest["person_id"].to_numpy(),
        scene.days,
        (truth.lineage,),
        system,
        {
            name: parts_of(name, touching, events["event_id"], honest["encounter_id"], observed.encounters)
            for name in FIELDS
        },
        clusters_of(events, truth),
    )


@dataclass(frozen=True, eq=False, repr=False)
class AlertCurves(Carded):
    """The curves of a run's kinds of alert.

    Attributes
    ----------
    kinds : mapping of str to AlertCurve
        By kind of alert that the system searches.
    point : OperatingPoint
        Of the run: its system raised the alerts.
    fused : AlertCurve or None
        All fused kinds as one, where the system fuses: their scores are one ratio of one encounter, so an
        event is caught by whatever kind alarms, and an honest traveller is stopped once.
    """

    kinds: Mapping[str, AlertCurve]
    point: OperatingPoint
    fused: AlertCurve | None = None

    def card(self) -> Card:
        """Say what is shown: events and honest encounters by kind of alert."""
        return Card(
            "AlertCurves: catches and false stops at every threshold",
            facts(
                *(
                    (kind, f"{one.events:,} events, {len(one.false_scores):,} honest encounters")
                    for kind, one in self.kinds.items()
                )
            ),
        )

    @property
    def tunable(self) -> dict[str, AlertCurve]:
        """Curves that get a threshold each: `FUSED_KEY` for all fused kinds, the other kinds by name."""
        if self.fused is None:
            return dict(self.kinds)
        others = {kind: one for kind, one in self.kinds.items() if kind not in self.fused.kinds}
        return {FUSED_KEY: self.fused, **others}

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
    kinds = searched_kinds(system)
    fused = tuple(kind for kind in kinds if kind in FUSED) if system.alerts.scoring == "fusion" else ()
    joint = None
    if fused:
        every = alert_curve(run.alerts, observed, truth, kinds=fused, by=RATIO, system=settings)
        joint = every.of(*(kind for name, kind in EVENT_OF.items() if name in FUSED))
    return AlertCurves(
        {
            kind: alert_curve(run.alerts, observed, truth, kinds=kind, system=settings).of(event_of(kind))
            for kind in kinds
        },
        run.point,
        joint,
    )
