"""How a threshold treats each group: rates with intervals, who is taken for whom, and inequity in one number.

ISO/IEC 19795-10:2024 asks for error rates and failures to acquire by group with their uncertainty. The
summaries are those that NIST prints (INEQ, Gini, MXOG) and two from the literature (FDR, GARBE).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from biomatch import portable
from biomatch.cards import Card, Carded, facts
from biomatch.curves.build import IdentificationCurve, VerificationCurve
from biomatch.curves.clustered_rates import by_person, by_subject, rate_of
from biomatch.curves.thresholds import turned
from biomatch.errors import ResultsError
from biomatch.policy import accept
from biomatch.rates import Rate
from biomatch.streams import stream

RESAMPLES = 1000


def gini(rates: Sequence[float]) -> float | None:
    """Give the Gini coefficient of rates: 0 where all are equal, 1 where one group has all the errors.

    ``n / (n - 1) * sum |x_i - x_j| / (2 n**2 mean)``, the small-sample form of Howard et al. (2022) that
    ISO/IEC 19795-10 and NIST use. In [0, 1]; None for fewer than two groups or where no group errs.

    Examples
    --------
    >>> gini([0.01, 0.01]), gini([0.0, 0.02])
    (0.0, 1.0)
    """
    x = np.asarray(rates, dtype=np.float64)
    if x.size < 2 or x.sum() == 0:
        return None
    differences = np.abs(x[:, None] - x[None, :]).sum()
    return float(x.size / (x.size - 1) * differences / (2.0 * x.size**2 * x.mean()))


def ineq(rates: Sequence[float]) -> float | None:
    """Give INEQ, the greatest rate over the least: 1 where all are equal, without upper limit.

    None for fewer than two groups, and where a group shows no error.

    Examples
    --------
    >>> ineq([0.002, 0.01])
    5.0
    """
    x = np.asarray(rates, dtype=np.float64)
    return None if x.size < 2 or (x <= 0).any() else float(x.max() / x.min())


def mxog(rates: Sequence[float]) -> float | None:
    """Give the greatest rate over the geometric mean of all: 1 where all are equal, without upper limit.

    None for fewer than two groups, and where a group shows no error (its geometric mean is 0: collect
    more, or use the Gini coefficient).

    Examples
    --------
    >>> round(mxog([0.002, 0.074, 0.06]), 2)  # NIST's printed medians of three groups
    3.57
    """
    x = np.asarray(rates, dtype=np.float64)
    if x.size < 2 or (x <= 0).any():
        return None
    return float(x.max() / portable.exp(portable.log(x).mean()))


def fairness_discrepancy(
    false_positive: Sequence[float], false_negative: Sequence[float], weight: float = 0.5
) -> float | None:
    """Give FDR, in [0, 1]: 1 minus the weighted greatest differences; 1 is the most equal.

    ``1 - (w * max |fp_i - fp_j| + (1 - w) * max |fn_i - fn_j|)``; de Freitas Pereira and Marcel, "Fairness
    in biometrics", IEEE T-BIOM 4 (2022). None for fewer than two groups.

    Examples
    --------
    >>> fairness_discrepancy([0.0, 0.1], [0.0, 0.3])
    0.8
    """
    _check_weight(weight)
    if len(false_positive) < 2 or len(false_negative) < 2:
        return None
    a, b = np.ptp(np.asarray(false_positive)), np.ptp(np.asarray(false_negative))
    return float(1.0 - (weight * a + (1.0 - weight) * b))


def garbe(
    false_positive: Sequence[float], false_negative: Sequence[float], weight: float = 0.5
) -> float | None:
    """Give GARBE, in [0, 1]: the weighted Gini coefficients of both error rates; 0 is the most equal.

    Howard et al., "Evaluating proposed fairness models for face recognition algorithms" (2022). None where
    either coefficient is.
    """
    _check_weight(weight)
    a, b = gini(false_positive), gini(false_negative)
    return None if a is None or b is None else weight * a + (1.0 - weight) * b


@dataclass(frozen=True, eq=False, repr=False)
class GroupReport(Carded):
    """One threshold's treatment of every group of a breakdown.

    Attributes
    ----------
    name, threshold
        The breakdown and the threshold.
    table : polars.DataFrame
        A row a group: group, then value, numerator, denominator, low, high of fpir, fnir and fta (fta null
        where failures carry no labels), and the verdict on the target. Of comparisons fmr and fnmr.
    inequity : mapping
        ineq, gini, mxog of FPIR and of FNIR (FMR, FNMR), fdr and garbe of both, each with `low` and `high`
        (bootstrap over subjects within groups, 95%; they hold the estimate: resampling
        adds the noise of each group's rate, which raises inequality, so its lower end is widened to it).
    unlabelled : int
        Trials whose group is not known: they are in no row.
    """

    name: str
    threshold: float
    table: pl.DataFrame
    inequity: Mapping[str, Mapping[str, float | None]]
    unlabelled: int = 0

    def card(self) -> Card:
        """Say what is shown: the groups, and how unequal they are treated."""
        names = ("fpir", "fmr")
        false = next(name for name in names if f"{name}_numerator" in self.table.columns)
        rows = (
            (
                str(row["group"]),
                f"{false.upper()} {row[f'{false}_numerator']:,} of {row[f'{false}_denominator']:,}",
            )
            for row in self.table.to_dicts()
        )
        return Card(f"GroupReport by {self.name} at threshold {self.threshold:.6g}", facts(*rows))

    def to_json(self) -> dict[str, Any]:
        """Give plain data."""
        return {
            "breakdown": self.name,
            "threshold": self.threshold,
            "groups": self.table.to_dicts(),
            "inequity": {key: dict(value) for key, value in self.inequity.items()},
            "unlabelled": self.unlabelled,
        }


def group_report(
    curve: IdentificationCurve | VerificationCurve,
    name: str,
    threshold: float,
    *,
    target: float | None = None,
    rank: int | None = None,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
) -> GroupReport:
    """Break a threshold down by group.

    Parameters
    ----------
    curve : IdentificationCurve or VerificationCurve
        With labels ``name`` on mated and non-mated searches (comparisons).
    name : str
        The breakdown, for example ``"group"``.
    threshold : float
        The threshold that all groups share.
    target : float, optional
        FPIR (FMR) that each group is tested against: *met* where the interval lies at or below it, *not
        met* where it lies above, else *not shown*. The tests are not corrected for the number of groups.
    rank : int or None
        Of FNIR(N, R, T).
    confidence : float
        Two-sided confidence of each interval.
    resamples : int
        Bootstrap samples of the inequity's intervals.
    """
    rows, samples, labelled = [], [], 0
    names = (curve.measures[0].lower(), curve.measures[1].lower())
    for label, part in curve.by(name).items():
        false, missed, fta = _rates(part, threshold, rank, confidence)
        row: dict[str, Any] = {"group": label, **_cells(names[0], false), **_cells(names[1], missed)}
        if part.searches is not None:
            row |= _cells("fta", fta)
        row["target"] = None if target is None else _verdict(false, target)
        rows.append(row)
        samples.append((_clusters(part, threshold, rank, mated=False), _clusters(part, threshold, rank)))
        labelled += false.denominator + missed.denominator
    table = pl.DataFrame(rows, infer_schema_length=None)
    inequity = _inequity(samples, resamples, names)
    everyone = curve.mated_scores.size + curve.non_mated_scores.size
    return GroupReport(name, threshold, table, inequity, everyone - labelled)


def _rates(
    part: IdentificationCurve | VerificationCurve, threshold: float, rank: int | None, confidence: float
) -> tuple[Rate, Rate, Rate | None]:
    """Give the false-positive rate, the miss rate and FTA (None where it is not known) of one group."""
    searches, false = part.searches, part.false_rate(threshold, confidence)
    if searches is None:
        return false, part.miss_rate(threshold, confidence), None
    known = searches.mated_failures is not None and searches.non_mated_failures is not None
    fta = searches.failure_to_acquire(confidence) if known else None
    return false, searches.fnir(threshold, rank, confidence), fta


def cross_group(
    scores: ArrayLike,
    probe_groups: ArrayLike,
    reference_groups: ArrayLike,
    threshold: float,
    *,
    subjects: ArrayLike | None = None,
    reference_subjects: NDArray[np.int64] | None = None,
    of_comparisons: bool = False,
    confidence: float = 0.95,
) -> pl.DataFrame:
    """Count who is taken for whom: false positives by group of the probe and of the best candidate.

    Parameters
    ----------
    scores : array_like
        Shape (k,): best score of each non-mated search, or score of each non-mated comparison.
    probe_groups, reference_groups : array_like
        Shape (k,): group of the probe, and of the reference that the score belongs to.
    threshold : float
        Equality accepts.
    subjects : array_like, optional
        Shape (k,): clusters of the intervals.
    reference_subjects : ndarray of int64, optional
        Shape (k,), in the codes of `subjects`: the subjects on the other side of comparisons.
    of_comparisons : bool
        Whether each score is a 1:1 comparison and not the best of a search.

    Returns
    -------
    polars.DataFrame
        probe_group, reference_group, value, numerator, denominator, low, high. Of comparisons the
        denominator is those between the two groups. A search meets all groups at once: there it is all
        searches of the probe group, so that a row of the matrix sums to the group's FPIR.
    """
    probes, references = np.asarray(probe_groups).astype(str), np.asarray(reference_groups).astype(str)
    hits = accept(np.asarray(scores), threshold)
    if not probes.shape == references.shape == hits.shape:
        raise ResultsError(
            f"{hits.size} scores, {probes.size} probe groups and {references.size} reference groups",
            allowed="one of each a search",
        )
    who = (
        np.arange(hits.size) if subjects is None else np.unique(np.asarray(subjects), return_inverse=True)[1]
    )
    rows = []
    for probe in np.unique(probes):
        for reference in np.unique(references):
            met = references == reference
            tried = (probes == probe) & met if of_comparisons else probes == probe
            others = reference_subjects[tried] if reference_subjects is not None else None
            found = rate_of((hits & met)[tried], who_of(who, subjects, tried), others, confidence)
            cells = {key.removeprefix("x_"): value for key, value in _cells("x", found).items()}
            rows.append({"probe_group": str(probe), "reference_group": str(reference), **cells})
    return pl.DataFrame(rows, infer_schema_length=None)


def who_of(codes: NDArray[np.int64], subjects: ArrayLike | None, tried: NDArray[np.bool_]) -> Any:
    """Give the clusters of some trials: the subjects as they were named, or each trial by itself."""
    return codes[tried] if subjects is None else np.asarray(subjects)[tried]


@dataclass(frozen=True, eq=False)
class Clusters:
    """Errors and trials of each subject; `pairs`: each trial is counted for the subjects on both sides."""

    errors: NDArray[np.int64]
    trials: NDArray[np.int64]
    pairs: bool = False


def _clusters(
    part: IdentificationCurve | VerificationCurve, threshold: float, rank: int | None, *, mated: bool = True
) -> Clusters:
    scores = part.mated_scores if mated else part.non_mated_scores
    subjects = part.mated_subjects if mated else part.non_mated_subjects
    events = accept(scores, turned(threshold, part.distances))
    if mated:
        if rank is not None and part.searches is not None:
            ranks = part.searches.mated_ranks
            events = events & (ranks >= 1) & (ranks <= rank)
        events = ~events
    others = None if mated else part.non_mated_references
    if subjects is not None and others is not None:
        return Clusters(*by_person(events, subjects, others), pairs=True)
    return Clusters(*by_subject(events, np.arange(scores.size) if subjects is None else subjects))


def _inequity(
    samples: list[tuple[Clusters, Clusters]], resamples: int, names: tuple[str, str]
) -> dict[str, dict[str, float | None]]:
    """Compute the summaries, and their bootstrap intervals over subjects within groups."""

    def summarise(fp: list[float], fn: list[float]) -> dict[str, float | None]:
        return {
            f"ineq_{names[0]}": ineq(fp), f"ineq_{names[1]}": ineq(fn),
            f"gini_{names[0]}": gini(fp), f"gini_{names[1]}": gini(fn),
            f"mxog_{names[0]}": mxog(fp), f"mxog_{names[1]}": mxog(fn),
            "fdr": fairness_discrepancy(fp, fn), "garbe": garbe(fp, fn),
        }  # fmt: skip

    usable = [pair for pair in samples if pair[0].trials.size and pair[1].trials.size]
    if len(usable) < 2:
        return {key: {"value": None, "low": None, "high": None} for key in summarise([], [])}
    draws = [
        [_resampled(part, resamples, 2 * i + j) for j, part in enumerate(pair)]
        for i, pair in enumerate(usable)
    ]
    whole = summarise(*([_share(pair[j]) for pair in usable] for j in (0, 1)))
    found = [summarise(*([float(d[j][b]) for d in draws] for j in (0, 1))) for b in range(resamples)]
    report: dict[str, dict[str, float | None]] = {}
    for key, value in whole.items():
        known = [one[key] for one in found if one[key] is not None]
        # Where the summary is undefined in many resamples, its interval would describe the others only.
        enough = value is not None and len(known) >= 0.95 * resamples
        low, high = np.quantile(np.array(known, dtype=float), [0.025, 0.975]) if enough else (None, None)
        report[key] = {
            "value": value,
            "low": None if low is None or value is None else min(float(low), value),
            "high": None if high is None or value is None else max(float(high), value),
        }
    return report


def _resampled(part: Clusters, resamples: int, key: int) -> NDArray[np.float64]:
    errors, trials = part.errors, part.trials
    rng = stream(0, "evaluation.groups", key)
    rates = np.empty(resamples)
    share = _share(part)
    for b in range(resamples):
        times = rng.multinomial(errors.size, np.full(errors.size, 1.0 / errors.size))
        if part.pairs:
            # To first order a comparison's weight is the sum of its two subjects' deviations (Owen, 2007).
            moved = ((times - 1) * errors).sum() - share * ((times - 1) * trials).sum()
            rates[b] = min(1.0, max(0.0, share + float(moved) / (trials.sum() / 2)))
        else:
            rates[b] = (times * errors).sum() / (times * trials).sum()
    return rates


def _share(part: Clusters) -> float:
    return float(part.errors.sum() / part.trials.sum())


def _cells(what: str, found: Rate | None) -> dict[str, Any]:
    if found is None:
        return dict.fromkeys(f"{what}_{end}" for end in ("value", "numerator", "denominator", "low", "high"))
    return {
        f"{what}_value": found.value,
        f"{what}_numerator": found.numerator,
        f"{what}_denominator": found.denominator,
        f"{what}_low": found.interval[0],
        f"{what}_high": found.interval[1],
    }


def _verdict(found: Rate, target: float) -> str:
    low, high = found.interval
    if found.value is None:
        return "not shown"
    return "met" if high <= target else "not met" if low > target else "not shown"


def _check_weight(weight: float) -> None:
    if not 0.0 <= weight <= 1.0:
        raise ResultsError(f"weight {weight}", allowed="0 to 1: the part of false positives")
