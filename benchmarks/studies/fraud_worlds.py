"""Worlds and scorers of the fraud study: everything, its controls, and curves of several worlds together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from biomatch.evaluation.alerts.curves import AlertCurve, alert_curve
from biomatch.fraud.basis import PIECES
from biomatch.fraud.detect import DETECTORS, detect
from biomatch.fraud.facts import Facts
from biomatch.fraud.fusion import weigh
from biomatch.settings.scenario import KINDS, Scenario
from biomatch.settings.system import System
from biomatch.training import fusion as training
from biomatch.tuning.alerts.tune import apart, event_clusters
from biomatch.worlds import World, world

LIMITS = (100, 1_000, 5_000)
"""Honest encounters stopped per million at which detectors are compared."""
FRAUD = tuple(kind for kind in DETECTORS if kind != "watchlist")
SYSTEM = System.load("all").with_({"alerts.kinds": list(FRAUD), "alerts.scoring": "evidence"})


@dataclass
class Graded:
    """A world's alerts, weighed in several ways, ready to become curves."""

    made: World
    facts: Facts
    alerts: pl.DataFrame

    def curve(self, kinds: tuple[str, ...] | str, pieces: tuple[str, ...] | None = None) -> AlertCurve:
        """Curve of kinds by their own score, or by the ratio of some pieces of evidence."""
        found = self.alerts.filter(
            pl.col("kind").cast(pl.String).is_in([kinds] if isinstance(kinds, str) else kinds)
        )
        by = "score"
        if pieces is not None:
            found, by = weigh(self.facts, found, pieces), "log_likelihood_ratio"
        # People on the watchlist are no subversion: no detector here looks for them.
        curve = alert_curve(found, self.made.observed, self.made.truth, kinds=kinds, by=by)
        return curve.of(*KINDS)


def scenario(travellers: int, per_million: float, **changes: object) -> Scenario:
    """An airport with each kind at one prevalence."""
    return Scenario.load("airport").with_(
        {"travellers": travellers, **{f"subversion.{kind}": per_million for kind in KINDS}, **changes}
    )


def graded(settings: Scenario, seed: int) -> Graded:
    """Make, search and detect."""
    made = world(settings, seed)
    facts = training.facts_of(made.observed, SYSTEM)
    return Graded(made, facts, detect(made.observed, facts.lists, facts.links, SYSTEM, facts=facts))


Scorer = Callable[[Graded], AlertCurve]
CONTROLS: dict[str, Scorer] = {
    "no face (documents alone)": lambda g: g.curve(("ghost_exit", "stay_laundering"), ("ghost", "days")),
    "face 1:1 alone": lambda g: g.curve("document_photo_conflict"),
    "best single: exit against entry": lambda g: g.curve("sham_exit"),
    "best single: one document, several faces": lambda g: g.curve("shared_document"),
    "best single: 1:N, other identity": lambda g: g.curve("second_identity"),
    "everything, fused": lambda g: g.curve(FRAUD, PIECES),
    "everything but 1:N, fused": lambda g: g.curve(FRAUD, tuple(p for p in PIECES if p != "identity")),
}


def merged(curves: list[AlertCurve]) -> AlertCurve:
    """Put the curves of several worlds together (subjects of different worlds are different)."""
    return AlertCurve(
        curves[0].kinds,
        np.concatenate([one.event_scores for one in curves]),
        np.concatenate([one.event_kinds for one in curves]),
        np.concatenate([one.false_scores for one in curves]),
        apart([one.subjects for one in curves]),
        sum(one.days for one in curves),
        tuple(seed for one in curves for seed in one.lineages),
        event_subjects=event_clusters(curves),
    )


def threshold_at(clean: AlertCurve, per_million: float) -> float:
    """Lowest threshold at which no more honest encounters than that are stopped."""
    ranked = np.sort(clean.false_scores)[::-1]
    found = float(ranked[int(per_million * 1e-6 * clean.encounters)])
    # Where fewer honest encounters raise anything at all, whatever is raised may stop.
    return float(np.nextafter(found, np.inf)) if np.isfinite(found) else -1e300
