"""The judge: a run and the truth of its world become a result."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch.errors import WallError
from biomatch.evaluation.alerts.adversary import adversary
from biomatch.evaluation.alerts.alert_result import AlertResult
from biomatch.evaluation.alerts.calibration import calibrations
from biomatch.evaluation.alerts.explained import explained
from biomatch.evaluation.alerts.judge import judge_alerts
from biomatch.evaluation.miss_causes import causes_of_misses
from biomatch.evaluation.overstays.counts import judge_stays
from biomatch.evaluation.result import Result
from biomatch.evaluation.threshold_grid import threshold_grid
from biomatch.evaluation.trials import check_same_world, enumerate_trials, observed_of
from biomatch.policy import OperatingPoint, accept
from biomatch.settings.review import ReviewSettings
from biomatch.system.run import Run, check_run
from biomatch.truth import Truth, check_truth

LINKED_GRID = 9
"""Thresholds on the grid where every one of them means linking all residual exits again."""


def check_lineages(point: OperatingPoint, truth: Truth, *, resubstitution: bool) -> OperatingPoint:
    """Hold the second wall: what was tuned on a lineage is not graded on it.

    Returns
    -------
    OperatingPoint
        The point, marked where resubstitution was asked for.

    Raises
    ------
    WallError
        When the world's lineage went into the point and `resubstitution` was not asked for.
    """
    if truth.lineage not in point.lineages:
        return point
    if not resubstitution:
        raise WallError(
            f"the operating point was tuned on lineage {truth.lineage}, which is this world's too "
            "(worlds of one seed share people, whatever their size)",
            allowed=f"a world of another seed than {', '.join(map(str, point.lineages))}",
            remedy="grade on a world of another seed, or ask for --resubstitution and have the report say so",
        )
    return point.with_({"resubstitution": True})


def at_thresholds(trials: pl.DataFrame, thresholds: NDArray[np.float64], rank: int) -> pl.DataFrame:
    """Add to trials what happened to them at their thresholds.

    Parameters
    ----------
    trials : polars.DataFrame
        `Trials.frame`.
    thresholds : ndarray
        Shape (n,), one a trial.
    rank : int
        Best rank of the mate that still counts.

    Returns
    -------
    polars.DataFrame
        With columns threshold, hit, missed (mated trials), false_positive (non-mated), cause.
    """
    causes = causes_of_misses(trials, thresholds, rank)
    mated = trials["mated"]
    cause = pl.select(pl.when(mated).then(causes).otherwise(None)).to_series()
    missed = cause.is_not_null()
    return trials.with_columns(
        threshold=pl.Series(thresholds),
        cause=cause,
        missed=missed,
        hit=mated & ~missed,
        false_positive=~mated & pl.Series(accept(trials["top_score"].to_numpy(), thresholds)),
    )


def evaluate(
    run: Run,
    truth: Truth,
    *,
    resubstitution: bool = False,
    grid: int = 33,
    review: ReviewSettings | None = None,
    pools: bool = True,
    frauds_per_million: float | None = None,
) -> Result:
    """Judge a run.

    Parameters
    ----------
    run : Run
        With its world's observed side attached (as `run` and `Run.read(..., observed)` give it).
    truth : Truth
        Of the same world.
    resubstitution : bool
        Whether grading on a lineage that the point was tuned on is wanted.
    grid : int
        Number of thresholds at which a slider can stop; 0 for none.
    review : ReviewSettings, optional
        How people review the list of overstays (see `biomatch.evaluation.overstays.review`); default: the
        settings'.
    pools : bool
        Whether impostors who pick the best donor are tried (`biomatch.evaluation.alerts.adversary`) and the
        calibration of log-likelihood ratios is measured (`biomatch.evaluation.alerts.calibration`): a second
        or two, which a study of many runs saves.
    frauds_per_million : float, optional
        Encounters with a fraud, of a million, from which the explanation of an alert starts; default: as the
        point was tuned for, else 8 (see `biomatch.evaluation.alerts.explained`).

    Raises
    ------
    WallError
        When tuning and grading share a lineage.
    ResultsError
        For a run of another world.

    Examples
    --------
    >>> import biomatch as bm
    >>> made = bm.world(bm.Scenario.load("tiny").with_({"travellers": 200}), seed=1)
    >>> result = evaluate(bm.run(made.observed, at=bm.OperatingPoint.of(0.4, bm.System())), made.truth)
    >>> result.fnir.denominator > 30, 0 <= result.fpir.value <= 1
    (True, True)
    """
    check_run(run, "bm.evaluate(run, world.truth)")
    check_truth(truth, "bm.evaluate(run, world.truth)")
    check_same_world(run.world_id, truth)
    point = check_lineages(run.point, truth, resubstitution=resubstitution)
    observed = observed_of(run.lists)
    trials = enumerate_trials(run.lists, truth)
    frame = at_thresholds(trials.frame, point.thresholds(trials.frame), trials.list_length)
    others = [
        at_thresholds(part, point.thresholds(part), point.system.gallery.list_length_of(policy))
        for policy, part in trials.further.items()
    ]
    judged, counts = judge_alerts(run.alerts, observed, truth, point)
    result = Result(
        point=point,
        trials=frame,
        list_length=trials.list_length,
        stays=judge_stays(run.stays, observed, truth, point),
        judged_alerts=judged,
        alerts=AlertResult(
            counts,
            explained(run, judged, truth, frauds_per_million=frauds_per_million),
            adversary(observed, truth, point, judged) if pools else None,
            calibrations(run, truth) if pools else None,
        ),
        grid=pl.DataFrame(),
        further=pl.concat([frame.clear(), *others]),
        about={
            **run.about,
            "world_id": run.world_id,
            "lineage": truth.lineage,
            "scenario": dict(truth.scenario),
            "observed": dict(observed.about),
            "encounters": observed.encounters.height,
            "external": bool(run.lists.about.get("external")),
            "review": (review or ReviewSettings()).model_dump(mode="json"),
        },
    )
    if grid and point.system.linkage.method != "document":
        grid = min(grid, LINKED_GRID)
    return result.with_(grid=threshold_grid(result, run, truth, grid)) if grid else result
