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

import numpy as np
from scipy.special import bdtr, betainc, betaincinv

from biomatch import checks, rates
from biomatch.curves import counting
from biomatch.curves.clustered_rates import rate_above
from biomatch.curves.thresholds import decided, turned
from biomatch.errors import ResultsError
from biomatch.policy import accept
from biomatch.portable.types import Ints, Reals
from biomatch.rates import beta_for_clusters, effective_subjects
from biomatch.tuning import clusters
from biomatch.tuning.guaranteed import Guarantee as Guarantee
from biomatch.tuning.guaranteed import unit_of


def guarantee(
    scores: Reals,
    subjects: Ints | None,
    *,
    target: float,
    confidence: float = 0.95,
    cap: int | None = None,
    measure: str = "FPIR",
    others: Reals | None = None,
    references: Ints | None = None,
    distances: bool = False,
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
        Mated scores: the threshold does not lie above the lowest of them that is accepted.
    references : ndarray of int64, optional
        Shape (n,): the subject on the other side of each comparison, in the same codes as `subjects`.
    distances : bool
        Whether the threshold that is given is a distance (`scores` are then negated distances).

    Returns
    -------
    Guarantee

    Raises
    ------
    ResultsError
        Where the data cannot support the claim; says how many searches it takes.
    """
    check_claim(int(scores.size), target, confidence, cap, measure)
    n, level = int(scores.size), 1.0 - confidence
    if subjects is None:
        # No array as long as the scores: they may be a file larger than memory.
        codes, others_codes, trials = np.zeros(0, dtype=np.int64), None, np.ones(1, dtype=np.int64)
        number = n
    else:
        codes, others_codes, trials = _codes(subjects, references)
        number = int(trials.size)
    largest = int(trials.max())
    pairs = others_codes is not None and largest > 1
    limit = min(largest, cap) if cap is not None else largest
    if largest == 1:
        allowed = most_independent(n, target, level)
    elif others_codes is not None:
        allowed = _most_paired(scores, codes, others_codes, trials, target, level, limit)
    else:
        allowed = _most_clustered(scores, codes, trials, target, level, limit)
    if allowed < 0:
        raise refusal(n, number, largest, target, confidence, limit, measure, pairs=pairs)
    interval = counting.interval_allowing(scores, allowed)
    inner = decided(interval, scores if others is None else others)
    realised = rate_above(
        scores, None if largest == 1 else codes, inner, confidence, references=others_codes if pairs else None
    )
    erring, most = realised.numerator, limit
    if largest > 1:
        events = accept(scores, inner)
        per_subject = np.bincount(codes[events], minlength=trials.size)
        if others_codes is not None:
            per_subject = per_subject + np.bincount(others_codes[events], minlength=trials.size)
        erring, most = int(np.count_nonzero(per_subject)), max(limit, int(per_subject.max()))
    if target >= 1.0:
        bound = 1.0
    elif largest == 1:
        bound = rates.upper_bound(realised.numerator, n, confidence)
    elif pairs:
        bound = _quick_bound(per_subject, trials, most, confidence, pairs=True)
    else:
        # Either test may have let the threshold pass, so the lower of their two bounds is the claim's.
        bound = min(
            clusters.upper_bound(np.bincount(per_subject), n, most, confidence),
            _quick_bound(per_subject, trials, most, confidence),
        )
    return Guarantee(
        measure, target, confidence, turned(inner, distances), realised, bound,
        number, erring, most, largest,
        cap_asked=cap, effective=float(n) if subjects is None else effective_subjects(trials),
        named=subjects is not None, both_sides=others_codes is not None, distances=distances,
        refused=interval[0],
    )  # fmt: skip


def _codes(subjects: Ints, references: Ints | None) -> tuple[Ints, Ints | None, Ints]:
    """Give dense codes of the subjects on either side, and the trials of each."""
    if references is None:
        codes = np.unique(subjects, return_inverse=True)[1]
        return codes, None, np.bincount(codes)
    both = np.unique(np.concatenate([subjects, references]), return_inverse=True)[1]
    return both[: subjects.size], both[subjects.size :], np.bincount(both)


def most_independent(n: int, target: float, level: float) -> int:
    """Give the most errors among n independent trials that still exclude the target; -1: not even 0."""
    if target >= 1.0:
        return n
    # The chance grows with the errors. (Its inverse, bdtrik, is NaN where the answer lies at an end.)
    low, high = -1, n + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if bdtr(middle, n, target) <= level else (low, middle)
    return low


def _most_clustered(scores: Reals, codes: Ints, trials: Ints, target: float, level: float, cap: int) -> int:
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


def _most_paired(
    scores: Reals, codes: Ints, others: Ints, trials: Ints, target: float, level: float, cap: int
) -> int:
    """Give the errors at the last threshold whose bound for pairs of subjects excludes the target; -1: none.

    The bound of `rates.beta_for_clusters` with one imaginary subject that errs in all that `cap` allows:
    nothing is assumed about how errors hang together through either side.
    """
    n = int(scores.size)
    if target >= 1.0:
        return n
    reach = min(n, counting.most_events(target, n) + 1)
    low, _ = counting.interval_allowing(scores, reach)
    top = np.flatnonzero(scores > scores.dtype.type(low))
    order = top[np.argsort(-scores[top], kind="stable")]
    found = scores[order]
    who = np.column_stack([codes[order], others[order]]).ravel()
    _, squares, products = counting.errors_from_the_top(who, trials[who])
    most = np.maximum.accumulate((np.diff(squares, prepend=0) + 1) // 2)
    # A threshold stands below a whole group of equal scores; the first accepts nothing.
    ends = np.flatnonzero(np.r_[found[1:] != found[:-1], True]) if found.size else np.zeros(0, dtype=np.int64)
    errors = np.r_[0, ends + 1]
    a, b = beta_for_clusters(
        errors, np.r_[0, squares[1::2][ends]], np.r_[0, products[1::2][ends]],
        trials=float(n), trial_squares=float((trials.astype(np.float64) ** 2).sum()),
        subjects=int(trials.size), extra=np.r_[cap, np.maximum(cap, most[1::2][ends])], extra_errs=True,
        pairs=True,
    )  # fmt: skip
    doubtful = np.flatnonzero(betainc(a, np.maximum(b, 1e-300), target) < 1.0 - level)
    first = int(doubtful[0]) if doubtful.size else int(errors.size)
    return int(errors[first - 1]) if first else -1


def _quick_bound(errors: Ints, trials: Ints, cap: int, confidence: float, *, pairs: bool = False) -> float:
    """Give the wider bound, in closed form, that settles most thresholds; see `_from_first_doubt`."""
    m, sides = trials.astype(np.float64), 2 if pairs else 1
    a, b = beta_for_clusters(
        errors.sum() // sides, (errors**2).sum(), (errors * m).sum(),
        trials=float(m.sum() / sides), trial_squares=float((m**2).sum()), subjects=int(m.size),
        extra=float(cap), extra_errs=True, pairs=pairs,
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
            f"no non-mated {unit_of(measure)}", remedy=f"{measure} needs people who are not enrolled"
        )


def refusal(
    n: int, subjects: int, largest: int, target: float, confidence: float, cap: int, measure: str,
    *, pairs: bool = False,
) -> ResultsError:  # fmt: skip
    """Make the error that says how many searches the claim would take."""
    unit = unit_of(measure)
    if pairs:
        return ResultsError(
            f"{n:,} non-mated {unit} between {subjects:,} subjects cannot show {measure} <= {target:g} "
            f"with {confidence:.0%} confidence",
            remedy=f"bring more subjects (one of them stands in {largest:,} {unit}, so up to {cap:,} errors "
            "of one unseen look-alike are allowed for), raise the target, or give a smaller --cap, which is "
            "an assumption: the most errors that one subject can make",
        )
    mean = n / subjects
    needed = clusters.subjects_needed(target * mean, cap, confidence)
    advice = f"bring at least {int(np.ceil(needed * mean)):,} {unit}"
    if largest > 1:
        advice += f" by {needed:,} subjects"
    advice += ", all without a false positive, or raise the target"
    if cap > 1:
        advice += (
            f" (one subject made {largest} {unit}, so up to {cap} errors of one unseen look-alike "
            "are allowed for; a smaller --cap, stated as an assumption, needs fewer)"
        )
    return ResultsError(
        f"{n:,} non-mated {unit} of {subjects:,} subjects cannot show {measure} <= {target:g} "
        f"with {confidence:.0%} confidence",
        remedy=advice,
    )
