"""`tune --for leads`: the posterior from which an open stay is worth an officer's time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from biomatch.errors import ResultsError
from biomatch.evaluation.overstays.leads import LeadCurve
from biomatch.policy import OperatingPoint, lineages_of
from biomatch.rates import rate
from biomatch.settings.base import Settings, setting


class LeadCosts(Settings):
    """What a review and a hidden overstay cost: the file that ``--costs`` reads.

    Examples
    --------
    >>> LeadCosts(review=40.0, hidden=2_000.0).hidden
    2000.0
    """

    review: float = setting(..., "the user's own figure: one lead looked at", ge=0)
    hidden: float = setting(..., "the user's own figure: one overstay that nobody looked at", ge=0)


def tune_leads(
    curves: LeadCurve | Sequence[LeadCurve],
    *,
    max_alerts_a_day: float | None = None,
    costs: Path | LeadCosts | None = None,
) -> OperatingPoint:
    """Choose the lead posterior of a point.

    Parameters
    ----------
    curves : LeadCurve or sequence of LeadCurve
        What `sweep_leads` gives, one a tuning world, all of runs at one point.
    max_alerts_a_day : float, optional
        Reviews a day: the lowest posterior at which no more leads are listed.
    costs : LeadCosts or path, optional
        Instead: the posterior with the least expected cost, reviews of all leads and overstays missed.

    Returns
    -------
    OperatingPoint
        The runs' point with `lead_posterior` set, its lineages with the tuning worlds'; what it means on
        the tuning worlds stands under ``guarantee["leads"]`` (realised, not guaranteed).

    Raises
    ------
    ResultsError
        Without curves, for runs at different points, or with both or neither of limit and costs.

    Examples
    --------
    >>> import biomatch as bm
    >>> made = bm.world(bm.Scenario.load("tiny").with_({"travellers": 300}), seed=1)
    >>> run = bm.run(made.observed, at=bm.OperatingPoint.of(0.4))
    >>> point = tune_leads(bm.sweep_leads(run, made.truth), max_alerts_a_day=1)
    >>> 0.0 <= point.lead_posterior <= 1.0, point.lineages
    (True, [1])
    """
    curves = list(curves) if isinstance(curves, Sequence) else [curves]
    for one in curves:
        if not isinstance(one, LeadCurve):
            raise ResultsError(
                f"a {type(one).__name__}",
                allowed="curves of leads",
                remedy="write bm.tune_leads(bm.sweep_leads(run, world.truth), max_alerts_a_day=20)",
            )
    if not curves:
        raise ResultsError("no world to tune on", remedy="give at least one")
    if (max_alerts_a_day is None) == (costs is None):
        raise ResultsError("both or neither of a limit and costs", allowed="one of them")
    point = curves[0].point
    if any(one.point != point for one in curves):
        raise ResultsError("runs at different points", remedy="run every tuning world at one point")
    together = LeadCurve(
        np.concatenate([one.posteriors for one in curves]),
        np.concatenate([one.is_overstay for one in curves]),
        sum(one.true_in_country for one in curves),
        sum(one.days for one in curves),
        point,
        tuple(sorted({seed for one in curves for seed in one.lineages})),
    )
    if max_alerts_a_day is not None:
        chosen = together.threshold(max_alerts_a_day=max_alerts_a_day)
        how = f"at most {max_alerts_a_day:g} leads a day"
    else:
        chosen = _cheapest(together, LeadCosts.read(costs) if isinstance(costs, Path) else costs)
        how = "least expected cost"
    leads, true = (int(count) for count in together.at(chosen))
    about = {
        "how": how,
        "posterior": chosen,
        "leads": leads,
        "leads_a_day": leads / together.days,
        "precision": rate(true, leads).to_json(),
        "recall": rate(true, max(together.true_in_country, true)).to_json(),
        "days": together.days,
    }
    return point.with_(
        {
            "lead_posterior": chosen,
            "lineages": lineages_of(point, {"lineages": list(together.lineages)}),
            "guarantee": {**point.guarantee, "leads": about},
        }
    )


def _cheapest(curve: LeadCurve, costs: LeadCosts | None) -> float:
    if costs is None:
        raise ResultsError("no costs", remedy="give review and hidden")
    offered = np.append(np.unique(curve.posteriors), 1.0)
    leads, true = curve.at(offered)
    spent = costs.review * leads + costs.hidden * (curve.true_in_country - true)
    # Of equal costs the highest posterior: nobody is looked at for nothing.
    return float(offered[len(spent) - 1 - int(np.argmin(spent[::-1]))])
