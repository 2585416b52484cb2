"""Learns what a score, a name and a dwell time are worth from the stream's own earlier records.

No label is needed: pairs that a document joined are one person's but for a small share that is estimated,
and pairs of different documents and birth dates are two persons'. So nothing here has a lineage.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from biomatch import portable
from biomatch.errors import ModelError
from biomatch.evidence.dwell import DwellDensity
from biomatch.evidence.face import FaceCalibrator
from biomatch.evidence.levels import level_counts, of_two_documents
from biomatch.evidence.names import NameFrequencies
from biomatch.evidence.prior import SHAM_RATE
from biomatch.overstay.linkage.faces import PairScorer, score_rows
from biomatch.overstay.linkage.posteriors.shams import sham_rate
from biomatch.overstay.linkage.scored import GivenScores
from biomatch.overstay.linkage.tables import Links
from biomatch.streams import stream
from biomatch.tables.observed import DOCUMENT_KEY

DAY_MS = 86_400_000
_PAIRS, _PROBES, _REFERENCES, _SAMPLE = 20_000, 400, 20_000, 40_000
_STRANGE = 0.9  # a pair that scores below nine in ten strangers' pairs looks like two strangers
_TAIL = 0.002  # the highest share of non-mated scores, all of which are kept: searches meet the tail


@dataclass(frozen=True, eq=False)
class Calibration:
    """What evidence is worth, in natural log-likelihood ratios.

    Attributes
    ----------
    face : FaceCalibrator or None
        None: too few pairs to learn from, so faces say nothing.
    dwell : DwellDensity
        By class of admission.
    names : NameFrequencies
        Frequencies among the documents on which somebody had entered.
    agreement : ndarray of float64
        Shape (fields, levels): what two documents of one person agree on, before any such pair is seen:
        what records add is counted in pairs that a document joined.
    sham_rate : float
        Share of exits on a document whose holder stays behind.
    """

    face: FaceCalibrator | None
    dwell: DwellDensity
    names: NameFrequencies
    agreement: NDArray[np.float64]
    sham_rate: float


def calibrate(
    encounters: pl.DataFrame,
    templates: NDArray[np.float32],
    links: Links,
    *,
    face: FaceCalibrator | None = None,
    scorer: PairScorer = score_rows,
) -> Calibration:
    """Fit everything from a document pass and the records behind it.

    Parameters
    ----------
    encounters : polars.DataFrame
        The observed encounters, in the order that `links` refers to.
    templates : ndarray
        Shape (n, d), float32.
    links : Links
        From the document pass, before any pair was taken apart.
    face : FaceCalibrator, optional
        A calibrator that was fitted elsewhere, to be used as it is.
    scorer : callable
        Pairwise comparison.
    """
    closed = links.stays.filter((pl.col("exit_row") >= 0) & pl.col("how_linked").is_in(["document"]))
    days = ((closed["exit_time"] - closed["entry_time"]).dt.total_milliseconds() / DAY_MS).to_numpy()
    classes = encounters["admission_class"].cast(pl.String)[closed["entry_row"]].to_numpy()
    names = NameFrequencies.fit(_documents(encounters, links))
    rate = SHAM_RATE
    if face is None:
        face, rate = _fit_face(encounters, templates, closed, days, scorer)
    agreement = _agreement(encounters, closed, names)
    return Calibration(face, DwellDensity.fit(days, classes), names, agreement, rate)


def _documents(encounters: pl.DataFrame, links: Links) -> pl.DataFrame:
    """Give the first entry on each document: who comes often is one person, not many of one name."""
    papers = encounters.select("document_number", "document_issuer", "time", "encounter_id")
    entries = papers[links.stays["entry_row"]].with_columns(row=links.stays["entry_row"])
    first = entries.sort("time", "encounter_id").unique(DOCUMENT_KEY, keep="first", maintain_order=True)
    return encounters.select("claimed_name", "birth_date", "sex", "nationality")[first["row"]]


def _agreement(encounters: pl.DataFrame, closed: pl.DataFrame, names: NameFrequencies) -> NDArray[np.float64]:
    """Count what two records of one document agree on, in pairs spread evenly over the stays."""
    pairs = closed.gather_every(max(1, len(closed) // _PAIRS)).head(_PAIRS)
    if pairs.is_empty():
        return of_two_documents(None)
    told = encounters.select("claimed_name", "birth_date", "sex", "nationality")
    compared = names.compare(told[pairs["entry_row"]], told[pairs["exit_row"]])
    return of_two_documents(level_counts(compared.level))


def _fit_face(
    encounters: pl.DataFrame,
    templates: NDArray[np.float32],
    closed: pl.DataFrame,
    days: NDArray[np.float64],
    scorer: PairScorer,
) -> tuple[FaceCalibrator | None, float]:
    """Fit a calibrator, and estimate the share of pairs whose two faces are two persons'."""
    rows = encounters["template_row"].to_numpy()
    quality = encounters["quality"].cast(pl.Float64).fill_null(1.0).to_numpy()
    entry, leave = closed["entry_row"].to_numpy(), closed["exit_row"].to_numpy()
    both = np.flatnonzero((rows[entry] >= 0) & (rows[leave] >= 0))
    if isinstance(scorer, GivenScores):  # a sample whose score nobody gave was not compared
        both = both[~np.isnan(scorer(templates, rows[entry[both]], rows[leave[both]]))]
    if len(both) < 50:
        return None, SHAM_RATE
    draw = stream(0, "linkage.calibrate")
    pairs = np.sort(draw.permutation(both)[:_PAIRS])
    entry_m, leave_m = entry[pairs], leave[pairs]
    mated = scorer(templates, rows[entry_m], rows[leave_m])
    if isinstance(scorer, GivenScores):
        score, entry_n, leave_n = scorer.strangers(encounters)
        weight = np.ones(len(score))
    else:
        probes = leave[np.sort(draw.permutation(both)[:_PROBES])]
        others = entry[np.sort(draw.permutation(both)[:_REFERENCES])]
        score, weight, at = _strangers(encounters, templates, rows, probes, others, draw)
        entry_n, leave_n = others[at % len(others)], probes[at // len(others)]
    time = encounters["time"].to_physical().to_numpy()
    gap_n = np.abs(time[leave_n] - time[entry_n]) / DAY_MS
    again = closed["next_entry_time"].is_not_null().to_numpy()[pairs]
    rate = SHAM_RATE
    if len(score):
        order = np.argsort(score, kind="stable")
        place = np.searchsorted(np.cumsum(weight[order]), _STRANGE * weight.sum())
        rate = sham_rate(mated < score[order[min(place, len(order) - 1)]], again)
    try:
        face = FaceCalibrator.fit(
            np.r_[mated, score],
            np.arange(len(mated) + len(score)) < len(mated),
            quality=np.minimum(quality[np.r_[entry_m, entry_n]], quality[np.r_[leave_m, leave_n]]),
            years=np.r_[days[pairs], gap_n] / 365.25,
            weight=np.r_[np.ones(len(mated)), weight],
            contamination=rate,
        )
    except ModelError:
        return None, rate
    return face, rate


def _strangers(
    encounters: pl.DataFrame,
    templates: NDArray[np.float32],
    rows: NDArray[np.int64],
    probes: NDArray[np.int64],
    others: NDArray[np.int64],
    draw: np.random.Generator,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Compare exits with entries of other documents and birth dates; keep the tail whole, thin the rest.

    Where no two records say different birth dates (a carrier's may say none), different sexes tell apart.

    Returns scores, how many comparisons each stands for, and flat places (probe x len(others) + other).
    """
    score = portable.unit_products(templates[rows[probes]], templates[rows[others]]).astype(np.float32)
    births = encounters["birth_date"].to_physical()
    birth, said = births.fill_null(0).to_numpy(), births.is_not_null().to_numpy()
    number = encounters["document_number"].to_numpy()
    apart = number[probes][:, None] != number[others]
    # Who gives no birth date may be anybody.
    strange = apart & (birth[probes][:, None] != birth[others]) & said[probes][:, None] & said[others]
    if not strange.any():
        sex = encounters["sex"].cast(pl.String).replace_strict({"F": 1, "M": -1}, default=0).to_numpy()
        strange = apart & (sex[probes][:, None] * sex[others] < 0)
    flat = np.flatnonzero(strange)
    values = score.ravel()[flat].astype(np.float64)
    if not len(values):
        return values, values.copy(), flat
    tail = values >= np.quantile(values, 1 - _TAIL)
    rest = np.flatnonzero(~tail)
    kept = draw.permutation(rest)[:_SAMPLE]
    picked = np.concatenate([np.flatnonzero(tail), kept])
    weight = np.where(tail[picked], 1.0, len(rest) / max(1, len(kept)))
    return values[picked], weight, flat[picked]
