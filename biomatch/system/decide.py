"""Candidate lists and an operating point become decisions."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch.fraud.comparison import Comparison, weight_of
from biomatch.policy import OperatingPoint, accept
from biomatch.portable.types import Floats
from biomatch.tables.candidates import CandidateLists
from biomatch.tables.observed import Observed
from biomatch.tables.produced import DECISIONS


def decide(lists: CandidateLists, point: OperatingPoint, observed: Observed) -> pl.DataFrame:
    """Decide every search that was not added by the design.

    The best candidate at or above the threshold is a match. A captured face without such a candidate is
    no match; a traveller whose face was due and not acquired is not acquired, and goes to an officer.
    Beside the best score stands what it weighs as one comparison: the log-likelihood ratio of the same
    person against another. It decides nothing, and knows nothing of how many were searched.

    Parameters
    ----------
    lists : CandidateLists
        What was found, before any threshold.
    point : OperatingPoint
        The thresholds, keyed on observed fields.
    observed : Observed
        The world's observed side.

    Returns
    -------
    polars.DataFrame
        Schema ``DECISIONS``, a row a search, in the order of the lists.
    """
    fields = ["encounter_id", "port", "mode", "direction", "camera", "admission_class", "quality"]
    frame = lists.searches.join(
        observed.encounters.select(fields), on="encounter_id", how="left", maintain_order="left"
    )
    best_score, best_id = lists.score[:, 0], lists.reference_id[:, 0]
    matched = accept(best_score, point.thresholds(frame))
    acquired = frame["acquired"].to_numpy()
    outcome = np.where(acquired, np.where(matched, "match", "no_match"), "not_acquired")
    compared = ~np.isneginf(best_score)
    decided = frame.select("encounter_id", "gallery", "designed").with_columns(
        outcome=pl.Series(outcome),
        reference_id=pl.Series(np.where(matched, best_id, -1)),
        score=pl.Series(np.where(compared, best_score, np.nan)).fill_nan(None),
        log_likelihood_ratio=pl.Series(_nats(lists, frame["quality"], compared)).fill_nan(None),
    )
    return DECISIONS.frame(decided.filter(~pl.col("designed")).drop("designed").to_dict(as_series=True))


def _nats(lists: CandidateLists, quality: pl.Series, compared: NDArray[np.bool_]) -> Floats:
    """Weigh each best candidate by the calibrated model of its kind of photo; NaN where there is none."""
    kinds = lists.references["kind"].cast(pl.String)
    found = np.full(len(compared), np.nan)
    best = np.flatnonzero(compared)
    kind = kinds.gather(lists.reference_id[best, 0])  # a reference's id is its row
    models: dict[Comparison, pl.Series] = {
        "entry": kind == "entry_photo",
        "photo": kind.str.ends_with("_photo") & (kind != "entry_photo"),
    }
    for what, mine in models.items():
        rows = best[mine.to_numpy()]
        unknown = np.full(len(rows), np.nan)  # a carrier's manifest does not say how old a photo is
        # The models speak of another person.
        found[rows] = -weight_of(what, lists.score[rows, 0].astype(np.float64), quality.gather(rows), unknown)
    return found
