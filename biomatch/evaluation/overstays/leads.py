"""Overstay leads at every posterior: a list is cut where P(overstay) is high enough, or reviews run out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from biomatch.cards import Card, Carded, facts
from biomatch.errors import ResultsError
from biomatch.evaluation.overstays.counts import judge_stays
from biomatch.evaluation.trials import check_same_world, observed_of
from biomatch.policy import OperatingPoint
from biomatch.system.run import Run
from biomatch.truth import Truth


@dataclass(frozen=True, eq=False, repr=False)
class LeadCurve(Carded):
    """The suspected in-country overstays of a run, by posterior.

    Attributes
    ----------
    posteriors : ndarray
        Shape (n,), float64 in [0, 1]: P(overstay) of each suspected stay among the expected departures.
    is_overstay : ndarray of bool
        Shape (n,): whether it truly is one.
    true_in_country : int
        True in-country overstays among the expected departures: the denominator of recall.
    days : float
        Days that the list covers, for leads a day.
    point : OperatingPoint
        Of the run.
    lineages : tuple of int
        Root seeds of the worlds.
    """

    posteriors: NDArray[np.float64]
    is_overstay: NDArray[np.bool_]
    true_in_country: int
    days: float
    point: OperatingPoint
    lineages: tuple[int, ...]

    def card(self) -> Card:
        """Say what is shown: how many are suspected, and how many truly overstayed."""
        return Card(
            "LeadCurve: suspected overstays at every posterior",
            facts(
                ("suspected", int(self.posteriors.size)),
                ("truly overstayed", f"{int(self.is_overstay.sum()):,} of {self.true_in_country:,}"),
                ("days", self.days),
                ("lineages", [str(seed) for seed in self.lineages] or None),
            ),
        )

    def at(self, thresholds: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Count leads and true leads at each posterior (equality accepts): two int64 arrays."""
        wanted = np.asarray(thresholds, dtype=np.float64)
        # Counting on sorted scores with side="left" is `biomatch.policy.accept`.
        every, true = np.sort(self.posteriors), np.sort(self.posteriors[self.is_overstay])
        leads = len(every) - np.searchsorted(every, wanted, side="left")
        return np.asarray(leads), np.asarray(len(true) - np.searchsorted(true, wanted, side="left"))

    def threshold(self, *, max_alerts_a_day: float) -> float:
        """Give the lowest posterior at which at most that many leads a day are listed.

        The list is worked through from the top, so this is where the day's reviews run out. Above every
        posterior (a number just above 1 is refused by the settings) where not even one fits: 1.
        """
        if not max_alerts_a_day > 0:
            raise ResultsError(f"max_alerts_a_day = {max_alerts_a_day}", allowed="a number above 0")
        offered = np.unique(self.posteriors)
        leads, _ = self.at(offered)
        fitting = offered[leads <= max_alerts_a_day * self.days]
        return float(fitting[0]) if fitting.size else 1.0


def lead_curve(run: Run, truth: Truth) -> LeadCurve:
    """Sweep the leads of a run: one linkage serves every posterior.

    Raises
    ------
    ResultsError
        For a run of another world, or a linkage that gives no posterior.
    """
    check_same_world(run.world_id, truth)
    observed = observed_of(run.lists)
    if run.stays["p_overstay"].is_null().all():
        raise ResultsError(
            f"linkage by {run.point.system.linkage.method} gives no posterior",
            allowed="linkage.method = greedy, mutual or optimum",
            remedy="use the system 'linked'",
        )
    everyone = run.point.with_({"lead_posterior": 0.0})
    judged = judge_stays(run.stays, observed, truth, everyone)
    last = judged.filter((pl.col("as_of") == judged["as_of"].max()) & pl.col("expected"))
    suspected = last.filter(pl.col("listed"))
    begins = observed.measure_from.date()
    ends = date.fromisoformat(str(run.about["on"][-1]))
    return LeadCurve(
        posteriors=suspected["p_overstay"].fill_null(1.0).to_numpy().astype(np.float64),
        is_overstay=suspected["truly_inside_over"].to_numpy(),
        true_in_country=last.filter("truly_inside_over").height,
        days=max(1.0, float((ends - begins).days)),
        point=run.point,
        lineages=(truth.lineage,),
    )
