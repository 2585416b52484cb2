"""The lowest threshold whose true rate is at most the target, with the stated confidence.

The rate is FPIR per search, or FMR per comparison, each search weighing the same; subjects are the
clusters; the gallery (the set of references) is given, and so is who is enrolled in it. The procedure
walks down from the threshold that rejects everything and stops before the first one whose test does not
exclude a true rate above the target. It errs only where the test at the one threshold with the target
rate errs, because the true rate only grows as the threshold falls: so choosing among all thresholds
costs nothing (Bates et al., "Distribution-free, risk-controlling prediction sets", J. ACM 68, 2021, for
monotone losses; fixed-sequence testing).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import bdtr, bdtrik, betainc, betaincinv

from biomatch import checks, rates
from biomatch.curves import counting
from biomatch.curves.clustered_rates import rate_above
from biomatch.curves.counting import Floats, Ints
from biomatch.curves.thresholds import lower_end
from biomatch.errors import ResultsError
from biomatch.policy import accept
from biomatch.rates import Rate, beta_for_clusters
from biomatch.tuning import clusters


@dataclass(frozen=True)
class Guarantee:
    """What was shown about a threshold, and from how much data.

    Attributes
    ----------
    measure : str
        ``"FPIR"`` or ``"FMR"``.
    target : float
        The true rate is at most this ...
    confidence : float
        ... with this one-sided confidence, over tuning sets drawn as this one was.
    threshold : float
        The lowest threshold that the data support.
    realised : Rate
        The tuning set's own rate there.
    bound : float
        One-sided upper bound of the true rate there; at most `target`.
    subjects, subjects_with_errors : int
        Clusters, and those that err at the threshold.
    cap : int
        The most errors that one subject is allowed to make in the worst case that was considered.
    largest : int
        The most trials that one subject made.
    """

    measure: str
    target: float
    confidence: float
    threshold: float
    realised: Rate
    bound: float
    subjects: int
    subjects_with_errors: int
    cap: int
    largest: int

    def to_json(self) -> dict[str, Any]:
        """Give plain data; the realised rate in the form of every measured rate."""
        return {
            "measure": self.measure,
            "target": self.target,
            "confidence": self.confidence,
            "threshold": self.threshold,
            "realised": self.realised.to_json(),
            "bound": self.bound,
            "subjects": self.subjects,
            "subjects_with_errors": self.subjects_with_errors,
            "errors_a_subject_at_most": self.cap,
            "largest_subject": self.largest,
            "conditional_on": "the gallery",
            "method": "fixed sequence of "
            + ("binomial tests" if self.cap == 1 else "least-favourable-law cluster tests"),
        }

    def __str__(self) -> str:
        return (
            f"{self.measure} at most {self.target:g} with {self.confidence:.0%} confidence at threshold "
            f"{self.threshold:.6g}: realised {self.realised.numerator:,} of {self.realised.denominator:,}, "
            f"bound {self.bound:.3g}, {self.subjects:,} subjects ({self.subjects_with_errors:,} with errors)"
        )


def guarantee(
    scores: Floats,
    subjects: Ints | None,
    *,
    target: float,
    confidence: float = 0.95,
    cap: int | None = None,
    measure: str = "FPIR",
    others: Floats | None = None,
) -> Guarantee:
    """Find the lowest threshold that the data support.

    Parameters
    ----------
    scores : ndarray
        Shape (n,): best score of each non-mated search, or score of each non-mated comparison.
    subjects : ndarray of int64 or None
        Shape (n,): whose search it was; None: each is another subject.
    target : float
        Largest true rate, above 0.
    confidence : float
        One-sided.
    cap : int, optional
        The most errors that one subject can make. Default: the most trials that one subject made, which
        assumes nothing. A smaller cap is an assumption that the guarantee then rests on; it is raised to
        the most errors that one subject did make.
    measure : str
        Name of the rate for messages.
    others : ndarray, optional
        Mated scores: where everything may be accepted, the lowest score of both is the threshold.

    Returns
    -------
    Guarantee

    Raises
    ------
    ResultsError
        Where the data cannot support the claim; says how many searches it takes.
    """
    check_claim(int(scores.size), target, confidence, cap, measure)
    n = int(scores.size)
    if subjects is None:
        # No array as long as the scores: they may be a file larger than memory.
        codes, trials = np.zeros(0, dtype=np.int64), np.ones(1, dtype=np.int64)
        number = n
    else:
        codes = np.unique(subjects, return_inverse=True)[1]
        trials = np.bincount(codes)
        number = int(trials.size)
    largest = int(trials.max())
    limit = min(largest, cap) if cap is not None else largest
    if largest == 1:
        allowed = most_independent(n, target, 1.0 - confidence)
    else:
        allowed = _most_clustered(scores, codes, trials, target, 1.0 - confidence, limit)
    if allowed < 0:
        raise refusal(n, number, largest, target, confidence, limit, measure)
    low, _ = counting.interval_allowing(scores, allowed)
    threshold = lower_end(low, scores, scores if others is None else others)
    realised = rate_above(scores, None if largest == 1 else codes, threshold, confidence)
    erring, most = realised.numerator, limit
    if largest > 1:
        per_subject = np.bincount(codes[accept(scores, threshold)], minlength=trials.size)
        erring, most = int(np.count_nonzero(per_subject)), max(limit, int(per_subject.max()))
    if target >= 1.0:
        bound = 1.0
    elif largest == 1:
        bound = rates.upper_bound(realised.numerator, n, confidence)
    else:
        # Either test may have let the threshold pass, so the lower of their two bounds is the claim's.
        bound = min(
            clusters.upper_bound(np.bincount(per_subject), n, most, confidence),
            _quick_bound(per_subject, trials, most, confidence),
        )
    return Guarantee(
        measure, target, confidence, threshold, realised, bound,
        number, erring, most, largest,
    )  # fmt: skip


def most_independent(n: int, target: float, level: float) -> int:
    """Give the most errors among n independent trials that still exclude the target; -1: not even 0."""
    if target >= 1.0:
        return n
    guess = min(n, int(bdtrik(level, n, target)) + 2)
    while guess >= 0 and bdtr(guess, n, target) > level:
        guess -= 1
    return guess


def _most_clustered(scores: Floats, codes: Ints, trials: Ints, target: float, level: float, cap: int) -> int:
    """Walk down the distinct scores; give the errors at the last threshold whose test excludes the target."""
    n = int(scores.size)
    if target >= 1.0:
        return n
    null_mean = target * n / trials.size
    if clusters.p_value(np.array([trials.size]), null_mean, cap) > level:
        return -1
    # Beyond the target's own count nothing can be excluded, so only the top is sorted.
    reach = min(n, counting.most_events(target, n) + 1)
    low, _ = counting.interval_allowing(scores, reach)
    top = np.flatnonzero(scores > scores.dtype.type(low))
    order = top[np.argsort(-scores[top], kind="stable")]
    found, who = scores[order], codes[order]
    if not found.size:
        return 0
    # A threshold stands below a whole group of equal scores.
    ends = np.flatnonzero(np.r_[found[1:] != found[:-1], True])
    for end in ends[_from_first_doubt(who, trials, ends, target, level, cap) :]:
        errors = np.bincount(np.bincount(who[: end + 1], minlength=trials.size))
        if clusters.p_value(errors, null_mean, cap) > level:
            return int(np.r_[0, ends + 1][np.searchsorted(ends, end)])
    return int(ends[-1] + 1)


def _from_first_doubt(who: Ints, trials: Ints, ends: Ints, target: float, level: float, cap: int) -> int:
    """Give the index of the first threshold that the quick, wider bound of `rates` does not settle."""
    errors, squares, products = counting.errors_from_the_top(who, trials[who])
    most = np.maximum.accumulate((np.diff(squares, prepend=0) + 1) // 2)  # 2 S + 1 is added by error S + 1
    a, b = beta_for_clusters(
        errors[ends], squares[ends], products[ends],
        trials=float(trials.sum()), trial_squares=float((trials.astype(np.float64) ** 2).sum()),
        subjects=int(trials.size), extra=np.maximum(cap, most[ends]), extra_errs=True,
    )  # fmt: skip
    doubtful = np.flatnonzero(betainc(a, np.maximum(b, 1e-300), target) < 1.0 - level)
    return int(doubtful[0]) if doubtful.size else int(ends.size)


def _quick_bound(errors: Ints, trials: Ints, cap: int, confidence: float) -> float:
    """Give the wider bound, in closed form, that settles most thresholds; see `_from_first_doubt`."""
    m = trials.astype(np.float64)
    a, b = beta_for_clusters(
        errors.sum(), (errors**2).sum(), (errors * m).sum(),
        trials=float(m.sum()), trial_squares=float((m**2).sum()), subjects=int(m.size),
        extra=float(cap), extra_errs=True,
    )  # fmt: skip
    return float(betaincinv(a, b, confidence)) if b > 0 else 1.0


def check_claim(n: int, target: float, confidence: float, cap: int | None, measure: str) -> None:
    """Refuse a target, a confidence or a cap that cannot be, and a claim without a trial."""
    checks.target(target, f"max_{measure.lower()}")
    checks.confidence(confidence)
    if cap is not None:
        checks.whole(cap, "cap", least=1)
    if not n:
        raise ResultsError(
            f"no non-mated {_unit(measure)}", remedy=f"{measure} needs people who are not enrolled"
        )


def refusal(
    n: int, subjects: int, largest: int, target: float, confidence: float, cap: int, measure: str
) -> ResultsError:
    """Make the error that says how many searches the claim would take."""
    unit = _unit(measure)
    mean = n / subjects
    needed = clusters.subjects_needed(target * mean, cap, confidence)
    advice = f"bring at least {int(np.ceil(needed * mean)):,} {unit}"
    if largest > 1:
        advice += f" by {needed:,} subjects"
    advice += ", all without a false positive, or raise the target"
    if cap > 1:
        advice += (
            f" (one subject made {largest} {unit}, so up to {cap} errors of one unseen look-alike "
            "are allowed for; a smaller cap, stated as an assumption, needs fewer)"
        )
    return ResultsError(
        f"{n:,} non-mated {unit} of {subjects:,} subjects cannot show {measure} <= {target:g} "
        f"with {confidence:.0%} confidence",
        remedy=advice,
    )


def _unit(measure: str) -> str:
    return "comparisons" if measure == "FMR" else "searches"
