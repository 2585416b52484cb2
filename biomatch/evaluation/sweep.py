"""From searches, alerts or leads and the truth to the curve of every threshold: one pass serves them all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from biomatch.curves.build import IdentificationCurve, identification_curve
from biomatch.errors import ResultsError
from biomatch.evaluation.alerts.curves import AlertCurves, alert_curves
from biomatch.evaluation.overstays.leads import LeadCurve, lead_curve
from biomatch.evaluation.trials import Trials, enumerate_trials
from biomatch.settings.system import System
from biomatch.system.run import Run, check_run
from biomatch.tables.candidates import CandidateLists
from biomatch.truth import Truth, check_truth

STRATA = ("port", "mode", "direction", "admission_class", "group")
"""Breakdowns that every curve of a world carries."""


def sweep(lists: CandidateLists, truth: Truth) -> IdentificationCurve:
    """Judge candidate lists at every threshold at once.

    Parameters
    ----------
    lists : CandidateLists
        What `search` found, with its world's observed side attached.
    truth : Truth
        Of the same world.

    Returns
    -------
    IdentificationCurve
        Over the counted trials of the primary search that the policy made itself (`curve_of` gives designed
        ones apart), with those of the further searches in `IdentificationCurve.further`.

    Raises
    ------
    ResultsError
        For lists of another world, or something that is not candidate lists.
    WallError
        For a world in place of its truth.

    Examples
    --------
    >>> import biomatch as bm
    >>> made = bm.world(bm.Scenario.load("tiny").with_({"travellers": 200}), seed=1)
    >>> curve = sweep(bm.search(made.observed, bm.System.load("default")), made.truth)
    >>> curve.fnir(-1.0).numerator, curve.fpir(1.5).numerator
    (0, 0)
    """
    given: object = lists
    if isinstance(given, Run):
        raise ResultsError(
            "a run",
            allowed="candidate lists",
            remedy="write bm.sweep(run.lists, world.truth), or bm.sweep_fraud(run, world.truth) for alerts",
        )
    if not isinstance(lists, CandidateLists):
        raise ResultsError(
            f"a {type(lists).__name__}",
            allowed="candidate lists",
            remedy="write bm.sweep(bm.search(world.observed, system), world.truth)",
        )
    check_truth(truth, "bm.sweep(lists, world.truth)")
    return curves_of(enumerate_trials(lists, truth), lists, truth)


def sweep_fraud(run: Run, truth: Truth) -> AlertCurves:
    """Judge the alerts of a run at every threshold at once: a curve for each kind.

    Parameters
    ----------
    run : Run
        With its world's observed side attached.
    truth : Truth
        Of the same world.

    Returns
    -------
    AlertCurves
        By kind of alert; what `tune_fraud` takes.

    Raises
    ------
    ResultsError
        For a run of another world, or something that is not a run.
    WallError
        For a world in place of its truth.

    Examples
    --------
    >>> import biomatch as bm
    >>> made = bm.world(bm.Scenario.load("tiny").with_({"travellers": 200}), seed=1)
    >>> curves = sweep_fraud(bm.run(made.observed, at=bm.OperatingPoint.of(0.4)), made.truth)
    >>> "sham_exit" in curves.kinds
    True
    """
    check_run(run, "bm.sweep_fraud(run, world.truth)")
    check_truth(truth, "bm.sweep_fraud(run, world.truth)")
    return alert_curves(run, truth)


def sweep_leads(run: Run, truth: Truth) -> LeadCurve:
    """Judge the suspected overstays of a run at every posterior at once.

    Parameters
    ----------
    run : Run
        With its world's observed side attached, of a system whose linkage gives posteriors.
    truth : Truth
        Of the same world.

    Returns
    -------
    LeadCurve
        The suspected overstays by P(overstay); what `tune_leads` takes.

    Raises
    ------
    ResultsError
        For a run of another world, a linkage that gives no posterior, or something that is not a run.
    WallError
        For a world in place of its truth.

    Examples
    --------
    >>> import biomatch as bm
    >>> made = bm.world(bm.Scenario.load("tiny").with_({"travellers": 200}), seed=1)
    >>> curve = sweep_leads(bm.run(made.observed, at=bm.OperatingPoint.of(0.4)), made.truth)
    >>> len(curve.posteriors) == len(curve.is_overstay)
    True
    """
    check_run(run, "bm.sweep_leads(run, world.truth)")
    check_truth(truth, "bm.sweep_leads(run, world.truth)")
    return lead_curve(run, truth)


def curves_of(trials: Trials, lists: CandidateLists, truth: Truth) -> IdentificationCurve:
    """Make the curve of the primary search, and of every further one beside it."""
    gallery = System.from_mapping(lists.system).gallery

    def of(frame: pl.DataFrame, list_length: int) -> IdentificationCurve:
        return curve_of(
            frame,
            list_length,
            lineages=(truth.lineage,),
            system=dict(lists.system),
            external=bool(lists.about.get("external")),
        )

    further = {
        policy: of(frame, min(gallery.list_length_of(policy), lists.list_length))
        for policy, frame in trials.further.items()
    }
    return replace(of(trials.frame, trials.list_length), further=further)


def curve_of(
    frame: pl.DataFrame,
    list_length: int,
    *,
    lineages: tuple[int, ...],
    system: dict[str, Any],
    designed: bool = False,
    external: bool = False,
) -> IdentificationCurve:
    """Make the curve of trials that are enumerated already.

    Parameters
    ----------
    frame : polars.DataFrame
        `Trials.frame`.
    list_length : int
        L.
    lineages, system
        Provenance of the trials.
    designed : bool
        Whether the non-mated searches are those that the design added instead of the policy's own.
    external : bool
        Whether another matcher made the lists, so that a mate's own score is known only in its list.
    """
    counted = frame.filter("counted")
    mated = counted.filter(pl.col("mated") & ~pl.col("designed"))
    other = counted.filter(~pl.col("mated") & (pl.col("designed") == designed))
    searched, missed = mated.filter("acquired"), mated.filter(~pl.col("acquired"))
    refused, failed = other.filter("acquired"), other.filter(~pl.col("acquired"))
    unlisted = searched.filter((pl.col("mate_rank") == 0) & pl.col("last_score").is_finite())
    known_above = -np.inf
    if external and len(unlisted):  # their mates' own scores are unknown, and at most this
        known_above = float(unlisted["last_score"].max())  # type: ignore[arg-type]
    sizes = pl.concat([searched["enrolled_count"], refused["enrolled_count"]])
    return identification_curve(
        answered_scores(searched),
        searched["mate_rank"].to_numpy(),
        refused["top_score"].to_numpy(),
        enrolled_count=sizes.to_numpy() if len(sizes) else 0,
        list_length=list_length,
        mated_subjects=searched["person_id"].to_numpy(),
        non_mated_subjects=refused["person_id"].to_numpy(),
        mated_strata=_labels(searched),
        non_mated_strata=_labels(refused),
        mated_failures=len(missed),
        non_mated_failures=len(failed),
        mated_failure_strata=_labels(missed),
        non_mated_failure_strata=_labels(failed),
        mates_known_above=known_above,
        lineages=lineages,
        system=system,
    )


def answered_scores(searched: pl.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """Give the score by which each mate could be accepted: its own, unless the index lost it.

    A mate that is in the list has its listed score. One that is not, though its own score beats the
    list's last (or the list has room), was lost by the index: no threshold brings it back, -inf. One
    that others outranked keeps its own score, for FNIR with unlimited rank.
    """
    listed = searched["mate_rank"].to_numpy() > 0
    own, last = searched["mate_score"].to_numpy(), searched["last_score"].to_numpy()
    scores = np.where(listed, searched["mate_listed_score"].to_numpy(), own)
    return np.where(~listed & (own > last), np.float32(-np.inf), scores).astype(np.float32)


def _labels(part: pl.DataFrame) -> dict[str, np.ndarray[tuple[int], np.dtype[np.str_]]]:
    return {name: part[name].cast(pl.String).fill_null("unknown").to_numpy().astype(str) for name in STRATA}
